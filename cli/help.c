#include "cli/help.h"

#include <string.h>

#define COLUMNS_MAX 80
#define HELP_COLUMN 26 /* where the explanation of an option begins */

/* A line that is being filled: a word that does not fit goes to the next one. */
struct help_line {
	FILE *out;
	int indent; /* of the lines after this one */
	int column; /* the line ends here */
	bool begun; /* the line has a word after the indentation */
};

static void put_word(struct help_line *line, const char *word, int len)
{
	if (line->begun && line->column + 1 + len > COLUMNS_MAX) {
		fprintf(line->out, "\n%*s", line->indent, "");
		line->column = line->indent;
		line->begun = false;
	}
	fprintf(line->out, "%s%.*s", line->begun ? " " : "", len, word);
	line->column += len + line->begun;
	line->begun = true;
}

static void put_words(struct help_line *line, const char *text)
{
	for (;;) {
		size_t len;

		text += strspn(text, " ");
		len = strcspn(text, " ");
		if (len == 0)
			return;
		put_word(line, text, (int)len);
		text += len;
	}
}

/* "--file FILE" or "--confine=PROFILE". */
static int option_text(const struct command_option *o, char *text, size_t size)
{
	if (o->kind == ARG_NONE)
		return snprintf(text, size, "--%s", o->name);
	return snprintf(text, size, "--%s%s%s", o->name, option_is_joined(o) ? "=" : " ",
			o->argument);
}

/* An option is one word of the usage line: it is not divided. */
static void put_option_usage(struct help_line *line, const struct command_option *o)
{
	char text[128], word[160];

	option_text(o, text, sizeof text);
	snprintf(word, sizeof word, o->needed ? "%s" : "[%s]", text);
	put_word(line, word, (int)strlen(word));
}

static void put_operand_usage(struct help_line *line, const struct command_operand *o)
{
	char word[160];

	snprintf(word, sizeof word, "%s%s%s%s%s", o->optional ? "[" : "",
		 o->behind_dashes ? "-- " : "", o->name, o->repeats ? "..." : "",
		 o->optional ? "]" : "");
	put_word(line, word, (int)strlen(word));
}

void help_usage(FILE *out, const struct command *c)
{
	struct help_line line = {.out = out, .indent = 14 + (int)strlen(c->name)};
	const struct command_option *last = NULL;

	line.begun = true;
	line.column = fprintf(out, "Usage: pinlib %s", c->name);
	for (const struct command_option *o = c->options; o && o->name; o++) {
		if (o->last)
			last = o;
		else
			put_option_usage(&line, o);
	}
	if (c->user)
		put_words(&line, "[--user]");
	if (c->json)
		put_words(&line, "[--json]");
	for (size_t i = 0; i < OPERANDS_MAX && c->operands[i].name; i++)
		put_operand_usage(&line, &c->operands[i]);
	if (last)
		put_option_usage(&line, last);
	fputc('\n', out);
}

static void put_row(FILE *out, const char *left, const char *help)
{
	struct help_line line = {.out = out, .indent = HELP_COLUMN, .column = HELP_COLUMN};

	if ((int)strlen(left) + 4 > HELP_COLUMN)
		fprintf(out, "  %s\n%*s", left, HELP_COLUMN, "");
	else
		fprintf(out, "  %-*s", HELP_COLUMN - 2, left);
	put_words(&line, help);
	fputc('\n', out);
}

/* Each line of the text is a paragraph, or with a tab a word and its explanation. */
static void put_text_lines(FILE *out, const char *text)
{
	while (*text) {
		struct help_line line = {.out = out};
		size_t len = strcspn(text, "\n");
		char paragraph[1024], *tab;

		snprintf(paragraph, sizeof paragraph, "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
		tab = strchr(paragraph, '\t');
		if (tab) {
			*tab = '\0';
			put_row(out, paragraph, tab + 1);
			continue;
		}
		put_words(&line, paragraph);
		fputc('\n', out);
	}
}

static void put_options(FILE *out, const struct command *c)
{
	for (const struct command_option *o = c->options; o && o->name; o++) {
		char text[128], left[160];

		option_text(o, text, sizeof text);
		if (o->letter)
			snprintf(left, sizeof left, "-%c, %s", o->letter, text);
		else
			snprintf(left, sizeof left, "%s", text);
		put_row(out, left, o->help);
	}
	if (c->user)
		put_row(out, "--user",
			"for your own store, in $XDG_DATA_HOME/pinlib; needs no root");
	if (c->json)
		put_row(out, "--json", "print JSON, for programs");
}

void help_command(FILE *out, const struct command *c)
{
	help_usage(out, c);
	fprintf(out, "%s.\n", c->summary);
	if (c->text) {
		fputc('\n', out);
		put_text_lines(out, c->text);
	}
	if (c->options || c->json || c->user)
		fputc('\n', out);
	put_options(out, c);
}

void help_all(FILE *out)
{
	enum command_group group = GROUP_HIDDEN;

	fputs("Usage: pinlib [--json] [--user] COMMAND [ARGUMENT...]\n"
	      "Pin library versions for single programs. See 'pinlib help COMMAND', pinlib(1).\n\n",
	      out);
	for (size_t i = 0; command_table[i]; i++) {
		const struct command *c = command_table[i];

		if (c->group == GROUP_HIDDEN)
			continue;
		fprintf(out, "%-9s %-9s %s\n",
			c->group == group ? "" : command_group_name(c->group), c->name, c->summary);
		group = c->group;
	}
	fputs("\n"
	      "pinlib add apt:zlib1g=1:1.2.13     store this version of a library\n"
	      "pinlib set curl zlib1g=1.2.13      from now on curl runs with this version\n",
	      out);
}
