#include "cli/table.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BETWEEN 2	/* blanks between two columns */
#define COLUMN_MIN 8	/* a narrower terminal folds the lines itself */
#define DIGEST_SHOWN 12 /* of the digits of a SHA-256 */
#define ELLIPSIS "..."	/* of ASCII, since the terminal may know nothing else */
#define HANGING 4	/* the indentation after a fold of a line */
#define TERMINAL_MIN 20 /* columns, to fold anything */

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

/* 0: standard output is no terminal, or one that is too narrow to be useful. */
static size_t columns_of_output(void)
{
	int columns = terminal_columns(STDOUT_FILENO);

	return columns < TERMINAL_MIN ? 0 : (size_t)columns;
}

/* -- words -- */

/* Characters, each of which takes one column. */
static size_t text_width(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* The bytes of the first n characters. */
static size_t text_bytes(const char *text, size_t n)
{
	size_t at = 0;

	for (; text[at]; at++)
		if (((unsigned char)text[at] & 0xc0) != 0x80 && n-- == 0)
			break;
	return at;
}

static size_t longest_word(const char *text)
{
	size_t most = 0;

	while (*text) {
		size_t len = strcspn(text, " "), n = text_width(text, len);

		most = n > most ? n : most;
		text += len + strspn(text + len, " ");
	}
	return most;
}

/* Cuts the middle out of each word that is longer. More of the end stays, where paths differ. */
static void elide_words(char *text, size_t width)
{
	while (*text) {
		size_t len = strcspn(text, " "), n = text_width(text, len);
		size_t head = (width - strlen(ELLIPSIS)) / 3,
		       tail = width - strlen(ELLIPSIS) - head;

		if (n > width) {
			char *cut = text + text_bytes(text, head);
			char *rest = text + text_bytes(text, n - tail);

			memcpy(cut, ELLIPSIS, strlen(ELLIPSIS));
			memmove(cut + strlen(ELLIPSIS), rest, strlen(rest) + 1);
			len = strcspn(text, " ");
		}
		text += len + strspn(text + len, " ");
	}
}

static void shorten_digests(char *text)
{
	const size_t digits = DIGEST_HEX - 1;

	while (*text) {
		size_t len = strspn(text, "0123456789abcdef");

		if (len == digits)
			memmove(text + DIGEST_SHOWN, text + digits, strlen(text + digits) + 1);
		text += len == digits ? DIGEST_SHOWN : len;
		text += *text != '\0';
	}
}

/* The bytes of text that fit into the width; they end at a blank, unless the first word alone is longer. */
static size_t fitting(const char *text, size_t width)
{
	size_t len = strcspn(text, " ");

	for (;;) {
		size_t blanks = strspn(text + len, " "), more;

		if (!text[len + blanks])
			return len;
		more = len + blanks + strcspn(text + len + blanks, " ");
		if (text_width(text, more) > width)
			return len;
		len = more;
	}
}

/* -- tables -- */

void table_row(struct table *t, const char *const *cells)
{
	bool narrow = columns_of_output() > 0;
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
		if (narrow)
			shorten_digests(copy);
		all[t->rows * t->columns + i] = printable(copy);
	}
	t->rows++;
}

/* The width of a column, and the least without cutting a word. */
struct column {
	size_t whole, least, width;
};

static void measure_column(const struct table *t, size_t number, struct column *out)
{
	for (size_t r = 0; r < t->rows; r++) {
		const char *cell = t->cells[r * t->columns + number];
		size_t whole = text_width(cell, strlen(cell)), least = longest_word(cell);

		out->whole = whole > out->whole ? whole : out->whole;
		out->least = least > out->least ? least : out->least;
	}
	out->width = out->whole;
}

/* Sets the widths of columns that are not wider than most, or than their longest words; returns their sum. */
static size_t limit_widths(struct column *columns, size_t n, size_t most, bool cut)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		size_t least = cut ? 0 : columns[i].least,
		       whole = cut ? columns[i].least : columns[i].whole;
		size_t width = most < least ? least : most;

		columns[i].width = width < whole ? width : whole;
		sum += columns[i].width;
	}
	return sum;
}

/* Only the widest columns become narrower, all to one width: first those that can be folded, then by cutting words. */
static void fit_columns(struct column *columns, size_t n, size_t width)
{
	size_t all = BETWEEN * (n - 1), most = width;

	if (limit_widths(columns, n, SIZE_MAX, false) + all <= width)
		return;
	for (; most > COLUMN_MIN; most--)
		if (limit_widths(columns, n, most, false) + all <= width)
			return;
	for (most = width; most > COLUMN_MIN; most--)
		if (limit_widths(columns, n, most, true) + all <= width)
			return;
}

static void print_row(char *const *cells, const struct column *columns, size_t n)
{
	bool more = true;

	AUTO_FREE const char **at = calloc(n, sizeof *at);

	if (!at)
		out_of_memory();
	for (size_t c = 0; c < n; c++)
		at[c] = cells[c];
	while (more) {
		more = false;
		for (size_t c = 0; c < n; c++) {
			size_t len = fitting(at[c], columns[c].width);
			size_t pad = columns[c].width - text_width(at[c], len);

			printf("%.*s", (int)len, at[c]);
			at[c] += len + strspn(at[c] + len, " ");
			more |= *at[c] != '\0';
			printf("%*s", (int)(c + 1 < n ? pad + BETWEEN : 0), "");
		}
		putchar('\n');
	}
}

void table_print(struct table *t)
{
	size_t width = columns_of_output();
	AUTO_FREE struct column *columns = calloc(t->columns, sizeof *columns);

	progress_hide();
	if (!columns)
		out_of_memory();
	for (size_t c = 0; c < t->columns; c++)
		measure_column(t, c, &columns[c]);
	if (width)
		fit_columns(columns, t->columns, width);
	for (size_t r = 0; r < t->rows; r++) {
		char **row = t->cells + r * t->columns;

		for (size_t c = 0; c < t->columns; c++)
			if (columns[c].width < columns[c].least)
				elide_words(row[c], columns[c].width);
		print_row(row, columns, t->columns);
		for (size_t c = 0; c < t->columns; c++)
			free(row[c]);
	}
	free(t->cells);
	free(t);
}

/* -- lines -- */

static void fold_line(const char *text, size_t width)
{
	size_t indent = strspn(text, " "), column = indent;

	printf("%*s", (int)indent, "");
	text += indent;
	while (*text) {
		size_t len =
			fitting(text, width > column + COLUMN_MIN ? width - column : COLUMN_MIN);

		printf("%.*s\n", (int)len, text);
		text += len + strspn(text + len, " ");
		column = indent + HANGING;
		if (*text)
			printf("%*s", (int)column, "");
	}
}

void print_line(const char *fmt, ...)
{
	size_t width = columns_of_output();
	AUTO_FREE char *text = NULL;
	va_list ap;

	if (want_json)
		return;
	progress_hide();
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		out_of_memory();
	if (width && *text)
		fold_line(printable(text), width);
	else
		puts(text);
}
