#include "cli/out.h"

#include "cli/cli.h"
#include "cli/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	size_t columns, rows;
	char **cells;
};

static void die(void)
{
	fputs("pinlib: out of memory\n", stderr);
	exit(1);
}

struct table *table_new(size_t columns)
{
	struct table *t = calloc(1, sizeof *t);

	if (!t)
		die();
	t->columns = columns;
	return t;
}

/* Length of the UTF-8 sequence at p, 0 if it is none (Unicode, table 3-7, less the fine print on
 * surrogates and overlong forms, which are caught by their second byte). */
static int sequence(const unsigned char *p)
{
	int n = p[0] < 0x80   ? 1
		: p[0] < 0xc2 ? 0
		: p[0] < 0xe0 ? 2
		: p[0] < 0xf0 ? 3
		: p[0] < 0xf5 ? 4
			      : 0;

	for (int i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Whether a terminal would do something else than to show it: controls, the second set of which
 * (C1, U+0080 to U+009F) has two bytes in UTF-8, and what changes the direction of the text. */
static bool is_control(const unsigned char *p, int n)
{
	if (n == 1)
		return *p < 0x20 || *p == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (n != 3 || p[0] != 0xe2)
		return false;
	return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
	       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

char *printable(char *text)
{
	unsigned char *out = (unsigned char *)text;

	for (const unsigned char *p = out; *p;) {
		int n = sequence(p);

		if (n == 0 || is_control(p, n)) {
			*out++ = '?';
			p += n ? n : 1;
		} else {
			memmove(out, p, (size_t)n);
			out += n;
			p += n;
		}
	}
	*out = '\0';
	return text;
}

void table_row(struct table *t, const char *const *cells)
{
	char **all = reallocarray(t->cells, (t->rows + 1) * t->columns, sizeof *all);

	if (!all)
		die();
	t->cells = all;
	for (size_t i = 0; i < t->columns; i++) {
		char *copy = strdup(cells[i]);

		if (!copy)
			die();
		all[t->rows * t->columns + i] = printable(copy);
	}
	t->rows++;
}

static size_t width(const struct table *t, size_t column)
{
	size_t most = 0;

	for (size_t r = 0; r < t->rows; r++) {
		size_t len = strlen(t->cells[r * t->columns + column]);

		if (len > most)
			most = len;
	}
	return most;
}

void table_print(struct table *t)
{
	size_t *widths = calloc(t->columns, sizeof *widths);

	progress_hide();
	if (!widths)
		die();
	for (size_t c = 0; c < t->columns; c++)
		widths[c] = width(t, c);
	for (size_t r = 0; r < t->rows; r++) {
		for (size_t c = 0; c < t->columns; c++) {
			char *cell = t->cells[r * t->columns + c];
			bool last = c + 1 == t->columns;

			printf("%-*s%s", last ? 0 : (int)widths[c], cell, last ? "\n" : "  ");
			free(cell);
		}
	}
	free(widths);
	free(t->cells);
	free(t);
}

/* -- JSON -- */

#define JSON_DEPTH 16

static struct {
	char brackets[JSON_DEPTH];
	bool some[JSON_DEPTH]; /* has a member already */
	int depth;
} json;

static void quoted(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	putchar('"');
	while (*p) {
		int n = sequence(p);

		if (n == 0) {
			fputs("\\ufffd", stdout);
			p++;
		} else if (n == 1 && (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)) {
			printf("\\u%04x", *p++);
		} else if (n == 2 && is_control(p, n)) {
			printf("\\u%04x", p[1]);
			p += n;
		} else {
			fwrite(p, 1, (size_t)n, stdout);
			p += n;
		}
	}
	putchar('"');
}

static void begin_member(const char *key)
{
	progress_hide();
	if (json.depth > 0) {
		fputs(json.some[json.depth - 1] ? ",\n" : "\n", stdout);
		json.some[json.depth - 1] = true;
	}
	printf("%*s", json.depth * 2, "");
	if (key) {
		quoted(key);
		fputs(": ", stdout);
	}
}

void json_open(const char *key, char bracket)
{
	begin_member(key);
	putchar(bracket);
	if (json.depth == JSON_DEPTH)
		abort(); /* our own nesting is fixed */
	json.brackets[json.depth] = bracket;
	json.some[json.depth++] = false;
}

void json_close(void)
{
	progress_hide();
	json.depth--;
	if (json.some[json.depth])
		printf("\n%*s", json.depth * 2, "");
	putchar(json.brackets[json.depth] == '[' ? ']' : '}');
	if (json.depth == 0)
		putchar('\n');
}

void json_string(const char *key, const char *value)
{
	begin_member(key);
	if (value)
		quoted(value);
	else
		fputs("null", stdout);
}

void json_digest(const char *key, const struct digest *digest)
{
	char text[DIGEST_HEX + 7] = "sha256:";

	digest_hex(digest, text + 7);
	json_string(key, text);
}

void print_found(void *ctx, const char *what)
{
	(void)ctx;
	progress_hide();
	if (want_json)
		json_string(NULL, what);
	else
		printf("%s\n", what);
}

void json_number(const char *key, int64_t value)
{
	begin_member(key);
	printf("%lld", (long long)value);
}

void json_bool(const char *key, int value)
{
	begin_member(key);
	fputs(value ? "true" : "false", stdout);
}

void human_size(uint64_t bytes, char text[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes;
	size_t unit = 0;

	for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
		size /= 1024;
	snprintf(text, 32, unit == 0 || size >= 10 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}
