#include "store/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 255 /* struct spec's buffers */

/* Length of the UTF-8 character at s (RFC 3629: shortest form, no surrogates), 0 if there is
 * none; *c is its code point. */
static size_t utf8_char(const unsigned char *s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (len == 0 || s[0] > 0xf4)
		return 0;
	*c = len == 1 ? s[0] : s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return len;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

const char *text_fault(const char *s)
{
	const unsigned char *at = (const unsigned char *)s;

	if (!*at)
		return "is empty";
	while (*at) {
		uint32_t c = 0;
		size_t len = utf8_char(at, &c);

		if (len == 0)
			return "is not UTF-8";
		if (is_control(c))
			return "has a control character";
		at += len;
	}
	return NULL;
}

static const char *word_fault(const char *s)
{
	if (!*s)
		return "is empty";
	if (strlen(s) > LABEL_MAX)
		return "is longer than 255 bytes";
	for (; *s; s++) {
		if (*s == ' ')
			return "has a blank";
		if (!isascii(*s) || !isprint(*s))
			return "has a character that is not printable ASCII";
		if (*s == '=')
			return "has a '='";
	}
	return NULL;
}

const char *text_label_fault(const char *s)
{
	if (*s == '-')
		return "begins with '-'";
	if (strchr(s, ':') || strchr(s, '/'))
		return "has a ':' or '/'";
	return word_fault(s);
}

const char *text_version_fault(const char *s)
{
	if (strncmp(s, "sha256:", 7) == 0)
		return "begins with \"sha256:\"";
	return word_fault(s);
}

const char *text_arch_fault(const char *s)
{
	size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (len == 0 || s[len] || s[0] == '-' || len > 31)
		return "is not a valid architecture";
	return NULL;
}

static bool is_dots(const char *s, size_t len)
{
	return (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

static const char *component_fault(const char *s, size_t len)
{
	if (len == 0 || is_dots(s, len))
		return "is not normalised";
	if (len > NAME_MAX)
		return "has a component of more than 255 bytes";
	if (len >= 4 && memcmp(s, ".wh.", 4) == 0)
		return "is a whiteout";
	return NULL;
}

const char *text_path_fault(const char *path)
{
	const char *fault = text_fault(path);

	if (fault)
		return fault;
	if (path[0] != '/')
		return "is not absolute";
	if (strlen(path) >= PATH_MAX)
		return "is longer than 4095 bytes";
	for (const char *at = path + 1;;) {
		size_t len = strcspn(at, "/");

		fault = component_fault(at, len);
		if (fault || !at[len])
			return fault;
		at += len + 1;
	}
}

static long depth_of(const char *path)
{
	long depth = 0;

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

const char *text_target_fault(const char *path, const char *target)
{
	const char *fault = text_fault(target);
	long depth = target[0] == '/' ? 0 : depth_of(path) - 1;

	if (fault)
		return fault;
	if (strlen(target) >= PATH_MAX)
		return "is longer than 4095 bytes";
	while (*target) {
		size_t len = strcspn(target, "/");

		if (len == 2 && is_dots(target, 2))
			depth--;
		else if (len > 0 && !is_dots(target, len))
			depth++;
		if (depth < 0)
			return "leads above the root";
		target += len + (target[len] == '/');
	}
	return NULL;
}

const char *text_member_path(const char *member, char out[PATH_MAX])
{
	const char *fault = text_fault(member);
	size_t used = 0;

	if (fault)
		return fault;
	if (member[0] == '/')
		return "is absolute";
	while (*member) {
		size_t len = strcspn(member, "/");

		if (len == 2 && is_dots(member, 2))
			return "has a \"..\"";
		if (len > 0 && !is_dots(member, len)) {
			if (len >= PATH_MAX - 1 - used)
				return "is longer than 4095 bytes";
			out[used++] = '/';
			memcpy(out + used, member, len);
			used += len;
		}
		member += len + (member[len] == '/');
	}
	if (used == 0)
		out[used++] = '/';
	out[used] = '\0';
	return used == 1 ? NULL : text_path_fault(out);
}

int64_t text_time_near(int64_t time)
{
	return time < TIME_EARLIEST ? TIME_EARLIEST : time > TIME_LATEST ? TIME_LATEST : time;
}

bool text_time(const char *s, int64_t *out)
{
	const char *digits = s + (s[0] == '-');
	size_t len = strlen(digits);

	if (len == 0 || len > 11 || strspn(digits, "0123456789") != len ||
	    (digits[0] == '0' && (len > 1 || digits != s)))
		return false;
	*out = strtoll(s, NULL, 10);
	return *out >= TIME_EARLIEST && *out <= TIME_LATEST;
}

const char *text_shown(const char *s, char buf[TEXT_SHOWN])
{
	const unsigned char *at = (const unsigned char *)s;
	size_t used = 0;

	while (*at && used + 8 < TEXT_SHOWN) {
		uint32_t c = 0;
		size_t len = utf8_char(at, &c);

		if (len == 0 || is_control(c)) {
			used += (size_t)snprintf(buf + used, TEXT_SHOWN - used, "\\x%02x", *at++);
		} else {
			memcpy(buf + used, at, len);
			used += len;
			at += len;
		}
	}
	snprintf(buf + used, TEXT_SHOWN - used, "%s", *at ? "..." : "");
	return buf;
}
