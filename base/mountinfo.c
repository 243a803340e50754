#include "base/mountinfo.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The longest line: two paths of PATH_MAX, each byte escaped as four, and options and source from one page. */
#define LINE_MAX_BYTES (64 * 1024)

/* Decodes, in place, the "\040" that the kernel writes for space, and the like for tab, newline and backslash. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; out++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out = *s++;
		}
	}
	*out = '\0';
}

/* The kernel appends this to the root of a mount whose file has been replaced, as a package upgrade replaces the
 * original of a running program. */
static void cut_deleted(char *root)
{
	static const char end[] = "//deleted";
	size_t len = strlen(root);

	if (len >= sizeof end - 1 && strcmp(root + len - (sizeof end - 1), end) == 0)
		root[len - (sizeof end - 1)] = '\0';
}

/* Returns the next field, NUL-terminated. */
static char *cut_field(char **rest)
{
	char *start = *rest, *end;

	if (!start)
		return NULL;
	end = strchr(start, ' ');
	if (end)
		*end++ = '\0';
	*rest = end;
	return start;
}

static bool parse_id(const char *s, uint64_t *out)
{
	*out = 0;
	if (!s || !*s || strlen(s) > 18)
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		*out = *out * 10 + (uint64_t)(*s - '0');
	return *s == '\0';
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS TAG... - TYPE SOURCE SUPER-OPTIONS */
static bool parse_line(char *s, struct mountinfo *out)
{
	char *rest = s, *root, *point, *type, *source, *tag;
	bool numbers =
		parse_id(cut_field(&rest), &out->id) && parse_id(cut_field(&rest), &out->parent);

	cut_field(&rest);
	root = cut_field(&rest);
	point = cut_field(&rest);
	out->shared = false;
	while ((tag = cut_field(&rest)) && strcmp(tag, "-") != 0)
		if (strncmp(tag, "shared:", strlen("shared:")) == 0)
			out->shared = true;
	type = cut_field(&rest);
	source = cut_field(&rest);
	if (!numbers || !source)
		return false;
	unescape(root);
	cut_deleted(root);
	unescape(point);
	unescape(source);
	out->root = root;
	out->point = point;
	out->type = type;
	out->source = source;
	out->options = rest ? rest : "";
	return true;
}

/* Hands the complete lines of buf to fn, and moves the incomplete rest, *used bytes, to its start. */
static int hand_lines(char *buf, size_t *used, mountinfo_fn *fn, void *ctx, struct err *err)
{
	char *line = buf, *end;
	struct mountinfo mount;
	int r = 0;

	while (r == 0 && (end = memchr(line, '\n', *used - (size_t)(line - buf)))) {
		*end = '\0';
		r = parse_line(line, &mount)
			    ? fn(&mount, ctx, err)
			    : err_set(err, EBADMSG, "cannot parse a line of the mount table");
		line = end + 1;
	}
	*used -= (size_t)(line - buf);
	memmove(buf, line, *used);
	return r;
}

int mountinfo_each(mountinfo_fn *fn, void *ctx, struct err *err)
{
	static char buf[LINE_MAX_BYTES]; /* unused pages are never allocated */
	AUTO_FD int fd = openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	bool any = false;
	size_t used = 0;
	int r = 0;

	if (fd < 0)
		return err_sys(err, errno, "cannot read /proc/self/mountinfo");
	while (r == 0) {
		ssize_t n = read(fd, buf + used, sizeof buf - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read /proc/self/mountinfo");
		/* There is at least one mount: /proc itself. */
		if (n == 0 && (used || !any))
			return err_set(err, EBADMSG, "the mount table %s",
				       used ? "ends in the middle of a line" : "is empty");
		if (n == 0)
			return 0;
		any = true;
		used += (size_t)n;
		r = hand_lines(buf, &used, fn, ctx, err);
		if (r == 0 && used == sizeof buf)
			r = err_set(err, E2BIG, "a line of the mount table is too long");
	}
	return r;
}
