#include "cli/out.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct table {
	size_t columns, rows;
	char **cells;
};

static void out_of_memory(void)
{
	fputs("pinlib: out of memory\n", stderr);
	exit(1);
}

struct table *table_new(size_t columns)
{
	struct table *t = calloc(1, sizeof *t);

	if (!t)
		out_of_memory();
	t->columns = columns;
	return t;
}

void table_row(struct table *t, const char *const *cells)
{
	char **all;

	if (want_json)
		return;
	all = reallocarray(t->cells, (t->rows + 1) * t->columns, sizeof *all);
	if (!all)
		out_of_memory();
	t->cells = all;
	for (size_t i = 0; i < t->columns; i++) {
		char *copy = strdup(cells[i]);

		if (!copy)
			out_of_memory();
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
		out_of_memory();
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

void print_line(const char *fmt, ...)
{
	va_list ap;

	if (want_json)
		return;
	progress_hide();
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
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
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

	putchar('"');
	while (p < end) {
		uint32_t c = 0;
		int n = utf8_at(p, (size_t)(end - p), &c);

		if (n <= 0)
			fputs("\\ufffd", stdout);
		else if (is_command(c) || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			fwrite(p, 1, (size_t)n, stdout);
		p += n > 0 ? n : 1;
	}
	putchar('"');
}

/* false: without --json there is nothing to print. */
static bool begin_member(const char *key)
{
	if (!want_json)
		return false;
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
	return true;
}

void json_open(const char *key, char bracket)
{
	if (!begin_member(key))
		return;
	putchar(bracket);
	if (json.depth == JSON_DEPTH)
		abort(); /* our own nesting is fixed */
	json.brackets[json.depth] = bracket;
	json.some[json.depth++] = false;
}

void json_close(void)
{
	if (!want_json)
		return;
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
	if (!begin_member(key))
		return;
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
	json_string(NULL, what);
	if (want_json)
		return;
	progress_hide();
	put_text("%s", what);
	putchar('\n');
}

void json_number(const char *key, int64_t value)
{
	if (begin_member(key))
		printf("%lld", (long long)value);
}

void json_bool(const char *key, int value)
{
	if (begin_member(key))
		fputs(value ? "true" : "false", stdout);
}

static void put_members(const char *fmt, va_list ap)
{
	char key[32], conversion[8];
	int len;

	for (; sscanf(fmt, "%31s %7s %n", key, conversion, &len) == 2; fmt += len)
		if (strcmp(conversion, "%s") == 0)
			json_string(key, va_arg(ap, const char *));
		else if (strcmp(conversion, "%d") == 0)
			json_bool(key, va_arg(ap, int));
		else
			json_number(key, va_arg(ap, long long));
}

void json_members(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_members(fmt, ap);
	va_end(ap);
}

void json_record(const char *fmt, ...)
{
	va_list ap;

	json_open(NULL, '{');
	va_start(ap, fmt);
	put_members(fmt, ap);
	va_end(ap);
	json_close();
}

void json_strings(const char *key, const struct strings *list)
{
	json_open(key, '[');
	for (size_t i = 0; i < list->count; i++)
		json_string(NULL, list->items[i]);
	json_close();
}
