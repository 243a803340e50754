#include "cli/arguments.h"

#include "base/cleanup.h"
#include "cli/help.h"
#include "cli/message.h"
#include "cli/out.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 16
enum {
	VALUE_JSON = 256,
	VALUE_USER,
	VALUE_HELP,
	VALUE_FIRST
}; /* no letters; then the options by their places */

const char *arguments_typed;
char **arguments_rest;

/* -- misuse -- */

int misused(const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	char before[64];
	va_list args;

	snprintf(before, sizeof before, "pinlib %s: ", command_current->name);
	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	put_message(before, text ? text : fmt);
	json_fail(text ? text : fmt);
	help_usage(stderr, command_current);
	return command_current->misuse ? command_current->misuse : EXIT_USAGE;
}

int unexpected(const char *operand)
{
	return misused("unexpected argument '%s'", operand);
}

bool read_number(const char *text, int64_t least, int64_t most, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text && !*end && errno == 0 && *out >= least && *out <= most;
}

/* -- options -- */

/* The table as getopt_long(3) takes it: long options, and a string of letters. */
static void make_getopt(const struct command *c, struct option options[OPTIONS_MAX],
			char letters[2 * OPTIONS_MAX + 3])
{
	size_t n = 0;

	options[n++] = (struct option){"json", no_argument, NULL, VALUE_JSON};
	options[n++] = (struct option){"help", no_argument, NULL, VALUE_HELP};
	if (c->user)
		options[n++] = (struct option){"user", no_argument, NULL, VALUE_USER};
	if (c->in_order)
		*letters++ = '+';
	*letters++ = ':'; /* a missing argument is told from an unknown option */
	for (int i = 0; c->options && c->options[i].name; i++) {
		const struct command_option *o = &c->options[i];
		bool argument = o->kind != ARG_NONE;

		if (n + 1 >= OPTIONS_MAX)
			abort(); /* the tables are our own */
		if (o->last)
			continue;
		options[n++] = (struct option){o->name, argument ? required_argument : no_argument,
					       NULL, VALUE_FIRST + i};
		if (o->letter)
			*letters++ = o->letter;
		if (o->letter && argument)
			*letters++ = ':';
	}
	options[n] = (struct option){0};
	*letters = '\0';
}

/* The options of another program come behind dashes. */
static const char *others_hint(void)
{
	for (size_t i = 0; i < OPERANDS_MAX; i++)
		if (command_current->operands[i].behind_dashes)
			return "; the program's own options follow '--'";
	return "";
}

/* What getopt_long(3) returned as '?' or ':', and the word that it read last. */
static int wrong_option(int found, const char *word)
{
	if (found == ':')
		return misused("option '%s' needs an argument", word);
	if (optopt >= VALUE_JSON)
		return misused("option '%s' takes no argument", word);
	if (optopt)
		return misused("unknown option '-%c'%s", optopt, others_hint());
	return misused("unknown option '%s'%s", word, others_hint());
}

/* By its place, or by its letter. */
static const struct command_option *option_found(const struct command *c, int found)
{
	const struct command_option *o = c->options;

	if (found >= VALUE_FIRST)
		return &o[found - VALUE_FIRST];
	while (o->letter != found)
		o++;
	return o;
}

static int read_options(const struct command *c, int argc, char **argv)
{
	struct option options[OPTIONS_MAX];
	char letters[2 * OPTIONS_MAX + 3];
	const struct command_option *o;

	opterr = 0;
	make_getopt(c, options, letters);
	for (;;) {
		int found = getopt_long(argc, argv, letters, options, NULL);

		switch (found) {
		case -1:
			return EXIT_OK;
		case VALUE_JSON:
			want_json = true;
			break;
		case VALUE_USER: /* the frame has seen it */
			break;
		case VALUE_HELP:
			help_command(stdout, c);
			exit(EXIT_OK);
		case '?':
		case ':':
			return wrong_option(found, argv[optind - 1]);
		default:
			o = option_found(c, found);
			if (o->kind == ARG_NONE)
				*o->flag = true;
			else
				*o->value = optarg;
		}
	}
}

/* -- operands -- */

static int check_operands(const struct command *c, int count, char **operands)
{
	int most = 0;

	for (size_t i = 0; i < OPERANDS_MAX && c->operands[i].name; i++) {
		const struct command_operand *o = &c->operands[i];
		bool given = o->behind_dashes ? arguments_rest && arguments_rest[1] : most < count;

		if (!given && !o->optional)
			return misused("missing %s%s", o->behind_dashes ? "-- " : "", o->name);
		if (!o->behind_dashes)
			most = o->repeats ? count : most + 1;
	}
	for (const struct command_option *o = c->options; o && o->name; o++)
		if (o->needed && !(o->kind == ARG_NONE ? *o->flag : *o->value != NULL))
			return misused("missing --%s%s%s", o->name, o->argument ? " " : "",
				       o->argument ? o->argument : "");
	return count > most ? unexpected(operands[most]) : EXIT_OK;
}

static const struct command_option *last_option(const struct command *c)
{
	for (const struct command_option *o = c->options; o && o->name; o++)
		if (o->last)
			return o;
	return NULL;
}

bool arguments_have(const struct command *c, int argc, char **argv, const char *word)
{
	const struct command_option *last = last_option(c);

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (c->in_order && argv[i][0] != '-')
			return false;
		if (last && strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, last->name) == 0)
			return false;
		if (strcmp(argv[i], word) == 0)
			return true;
	}
	return false;
}

static bool ends_in_dashes(const struct command *c)
{
	for (size_t i = 0; i < OPERANDS_MAX; i++)
		if (c->operands[i].behind_dashes)
			return true;
	return false;
}

/* Takes the arguments for another program off the end: those after "--", or after the last option, which "--" may
 * follow. Returns how many arguments remain. */
static int cut_rest(const struct command *c, int argc, char **argv)
{
	const struct command_option *last = last_option(c);

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			arguments_rest = ends_in_dashes(c) ? argv + i : NULL;
			return arguments_rest ? i : argc;
		}
		if (!last || strncmp(argv[i], "--", 2) != 0 || strcmp(argv[i] + 2, last->name) != 0)
			continue;
		arguments_rest = argv + i;
		if (argv[i + 1] && strcmp(argv[i + 1], "--") == 0)
			arguments_rest++;
		return i;
	}
	return argc;
}

#define TYPED_MAX 4096 /* the rest of a longer command is cut off */

/* As a shell reads it back: a word with blanks or characters that mean something to a shell is quoted. */
static void put_typed(FILE *f, const char *word)
{
	bool plain = *word && !strpbrk(word, " \t\n'\"\\$`&|;<>()*?[]{}!#");
	/* "it's" reads better than 'it'\''s'. */
	char mark = strchr(word, '\'') && !strpbrk(word, "\"\\$`!") ? '"' : '\'';

	if (plain) {
		fputs(word, f);
		return;
	}
	fputc(mark, f);
	for (; *word; word++)
		if (*word == '\'' && mark == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	fputc(mark, f);
}

static void keep_typed(int argc, char **argv)
{
	static char text[TYPED_MAX];
	FILE *f = fmemopen(text, sizeof text - 1, "w");

	for (int i = 0; f && i < argc; i++) {
		if (i)
			fputc(' ', f);
		put_typed(f, argv[i]);
	}
	if (f)
		fclose(f);
	arguments_typed = text;
}

int arguments_read(const struct command *c, int argc, char **argv, int *count, char ***operands)
{
	int status;

	keep_typed(argc, argv);
	argc = cut_rest(c, argc, argv);
	status = read_options(c, argc, argv);
	*count = argc - optind;
	*operands = argv + optind;
	return status == EXIT_OK ? check_operands(c, *count, *operands) : status;
}
