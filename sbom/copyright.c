#include "sbom/copyright.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* A part of the text. */
struct span {
	const char *at;
	size_t len;
};

struct paragraph {
	bool first;  /* the header */
	bool any;    /* it has a line */
	bool format; /* its Format is the one that is known */
	bool files;
	struct span licence; /* the first line of its field; at is NULL without the field */
};

static bool is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

static struct span trimmed(const char *at, size_t len)
{
	while (len && is_blank(*at)) {
		at++;
		len--;
	}
	while (len && is_blank(at[len - 1]))
		len--;
	return (struct span){at, len};
}

/* "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/", also with http and without the last slash. */
static bool is_known_format(struct span value)
{
	static const char known[] = "://www.debian.org/doc/packaging-manuals/copyright-format/1.0";
	const char *at = memmem(value.at, value.len, known, strlen(known));

	return at && (size_t)(at - value.at) <= strlen("https");
}

static void take_field(struct paragraph *p, struct span name, struct span value)
{
	if (name.len == 6 && strncasecmp(name.at, "Format", 6) == 0)
		p->format = is_known_format(value);
	else if (name.len == 5 && strncasecmp(name.at, "Files", 5) == 0)
		p->files = true;
	else if (name.len == 7 && strncasecmp(name.at, "License", 7) == 0 && !p->licence.at)
		p->licence = value;
}

/* A line that begins with a blank continues its field, and one that begins with "#" is a comment. */
static void take_line(struct paragraph *p, struct span line)
{
	const char *colon;

	p->any = true;
	if (is_blank(*line.at) || *line.at == '#')
		return;
	colon = memchr(line.at, ':', line.len);
	if (colon)
		take_field(p, (struct span){line.at, (size_t)(colon - line.at)},
			   trimmed(colon + 1, (size_t)(line.at + line.len - colon - 1)));
}

static void write_name(struct span value, char name[COPYRIGHT_NAME_MAX + 1])
{
	size_t len = 0;

	for (size_t i = 0; i < value.len; i++) {
		bool blank = is_blank(value.at[i]);

		if (blank && len && name[len - 1] == ' ')
			continue;
		name[len++] = blank ? ' ' : value.at[i];
	}
	name[len] = '\0';
}

/* 0: there are too many. */
static int take_name(const struct paragraph *p, struct strings *names, struct err *err)
{
	char name[COPYRIGHT_NAME_MAX + 1] = COPYRIGHT_UNNAMED;

	if (!p->licence.at || !(p->first || p->files))
		return 1;
	if (p->licence.len && p->licence.len <= COPYRIGHT_NAME_MAX)
		write_name(p->licence, name);
	if (strings_have(names, name))
		return 1;
	if (names->count == COPYRIGHT_NAMES_MAX)
		return 0;
	return strings_add(names, name, err) < 0 ? -ENOMEM : 1;
}

static int end_paragraph(struct paragraph *p, struct strings *names, struct err *err)
{
	int r = 1;

	if (p->any) {
		r = p->first && !p->format ? 0 : take_name(p, names, err);
		*p = (struct paragraph){0};
	}
	return r;
}

int copyright_names(const char *text, size_t len, struct strings *names, struct err *err)
{
	const char *end = text + len;
	struct paragraph p = {.first = true};
	bool any = false;
	int r = memchr(text, '\0', len) ? 0 : 1;

	while (r > 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end;

		if (trimmed(text, (size_t)(stop - text)).len == 0)
			r = end_paragraph(&p, names, err);
		else
			take_line(&p, (struct span){text, (size_t)(stop - text)});
		any |= p.any;
		text = stop + 1;
	}
	if (r > 0)
		r = end_paragraph(&p, names, err);
	return r > 0 && !any ? 0 : r;
}
