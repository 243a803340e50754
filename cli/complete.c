/*
 * What may stand at the end of a command line, for the completions of shells (completions/). It is
 * read out of the synopsis of the command, so what the help shows is what is completed:
 *
 *	--force			an option
 *	--confine=PROFILE	one with a value behind its "=": of that kind, or "refuse|unpinned"
 *	[--keep N]		one with a value after it; without brackets N is an operand
 *	APP NAME=VERSION...	operands, by their places; "..." repeats the last
 *	on|off			the words themselves, where an operand is in lower case
 *	... | ...		other operands; those of the first way are completed
 *
 * Printed is a line for each possibility, with a tab and a description, or a request to the shell:
 * ":files", ":directories" or ":commands", which it knows best.
 */
#include "base/paths.h"
#include "cli/cli.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 128

/* A command line so far. */
struct line {
	const struct command *command;
	char **words; /* behind the command; the last one is to be completed */
	size_t count;
	const char *word; /* the last one */
	const char *app;  /* the first operand, NULL if it is not there yet */
};

/* A word of a synopsis, without its brackets. */
struct token {
	char text[WORD_MAX];
	bool optional; /* a bracket opens before it ... */
	bool closed;   /* ... and closes behind it */
};

/* The next token, from *at on, which is moved behind it; false at the end. */
static bool next_token(const char **at, struct token *t)
{
	const char *p = *at + strspn(*at, " ");
	size_t len = strcspn(p, " "), used = 0;

	*t = (struct token){0};
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '[')
			t->optional = true;
		else if (p[i] == ']')
			t->closed = true;
		else if (used + 1 < sizeof t->text)
			t->text[used++] = p[i];
	}
	*at = p + len;
	return len > 0;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static void offer(const struct line *l, const char *word, const char *what)
{
	if (strncmp(word, l->word, strlen(l->word)) == 0)
		printf("%s\t%s\n", word, what);
}

/* -- values -- */

static void offer_commands(const struct line *l)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		if (!c->hidden)
			offer(l, c->name, c->summary);
}

static void offer_apps(const struct line *l)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	struct err ignored;
	bool slash = strchr(l->word, '/');

	if (policy_open(&policy, &ignored) == 0)
		policy_apps(policy, POLICY_NOW, &apps, &ignored);
	for (size_t i = 0; i < apps.count; i++) {
		const struct app *app = &apps.items[i];
		const char *name = path_base(app->path);
		char what[64], found[PATH_MAX];

		snprintf(what, sizeof what, "%zu pin%s", app->npins, app->npins == 1 ? "" : "s");
		/* By its name alone, if that leads to it. */
		if (slash || find_app(name, found, &ignored) < 0 || strcmp(found, app->path) != 0)
			name = app->path;
		offer(l, name, what);
	}
	if (!l->command->wrapped)
		puts(slash ? ":files" : ":commands");
}

/* The app's pins, by what they are called. */
static void offer_pins(const struct line *l)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APP struct app app = {0};
	char path[PATH_MAX];
	struct err ignored;

	if (!l->app || find_app(l->app, path, &ignored) < 0 || policy_open(&policy, &ignored) < 0 ||
	    policy_app(policy, path, POLICY_NOW, &app, &ignored) < 0)
		return;
	for (size_t i = 0; i < app.npins; i++)
		offer(l, app.pins[i].name, app.pins[i].version);
}

/* Whether an earlier version in the list has that name, or that version too. */
static bool is_repeated(const struct versions *vs, size_t i, const char *version)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(vs->items[k].name, vs->items[i].name) == 0 &&
		    (!version || strcmp(vs->items[k].version, version) == 0))
			return true;
	return false;
}

/* The same of a soname: in earlier versions, or before e in its own. */
static bool is_repeated_soname(const struct versions *vs, size_t i, size_t e)
{
	const char *soname = vs->items[i].entries[e].soname;

	for (size_t k = 0; k <= i; k++) {
		const struct version *v = &vs->items[k];

		for (size_t n = 0; n < (k < i ? v->nentries : e); n++)
			if (v->entries[n].soname && strcmp(v->entries[n].soname, soname) == 0)
				return true;
	}
	return false;
}

static void offer_name(const struct line *l, const struct versions *vs, size_t i, const char *after)
{
	const struct version *v = &vs->items[i];
	char word[PATH_MAX];

	if (!is_repeated(vs, i, NULL)) {
		snprintf(word, sizeof word, "%s%s", v->name, after);
		offer(l, word, "package");
	}
	if (!*l->word) /* every soname of every version would be too much */
		return;
	for (size_t e = 0; e < v->nentries; e++) {
		if (!v->entries[e].soname || is_repeated_soname(vs, i, e))
			continue;
		snprintf(word, sizeof word, "%s%s", v->entries[e].soname, after);
		offer(l, word, v->name);
	}
}

static void offer_version(const struct line *l, const struct versions *vs, size_t i,
			  const char *name)
{
	const struct version *v = &vs->items[i];
	char word[PATH_MAX];

	if (!spec_matches_name(name, v) || is_repeated(vs, i, v->version))
		return;
	snprintf(word, sizeof word, "%s=%s", name, v->version);
	offer(l, word, v->arch);
}

/* Names of the store's libraries, each with after behind it; or where after is "=" and there is one
 * in the word, the versions of what is named there. */
static void offer_libraries(const struct line *l, const char *after)
{
	AUTO_STORE struct store *store = NULL;
	AUTO_VERSIONS struct versions vs = {0};
	const char *equals = *after ? strchr(l->word, '=') : NULL;
	char name[WORD_MAX] = "";
	struct err ignored;

	if (equals)
		snprintf(name, sizeof name, "%.*s", (int)(equals - l->word), l->word);
	if (store_open(PINLIB_STORE, false, &store, &ignored) == 0)
		store_list(store, &vs, &ignored);
	for (size_t i = 0; i < vs.count; i++) {
		if (equals)
			offer_version(l, &vs, i, name);
		else
			offer_name(l, &vs, i, after);
	}
}

static void offer_generations(const struct line *l)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_GENERATIONS struct generations gens = {0};
	struct err ignored;

	if (policy_open(&policy, &ignored) == 0)
		policy_generations(policy, &gens, &ignored);
	for (size_t i = gens.count; i-- > 0;) {
		char number[32];

		snprintf(number, sizeof number, "%lld", (long long)gens.items[i].id);
		offer(l, number, gens.items[i].command);
	}
}

/* before: what of the word stands before the profile's name. */
static void offer_profiles(const struct line *l, const char *before)
{
	static const char *const dirs[] = {PINLIB_DATADIR "/profiles", PINLIB_PROFILES};
	char word[PATH_MAX];

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		AUTO_DIR DIR *d = opendir(dirs[i]);
		struct dirent *e;

		while (d && (e = readdir(d))) {
			snprintf(word, sizeof word, "%s%s", before, e->d_name);
			if (e->d_name[0] != '.')
				offer(l, word, dirs[i]);
		}
	}
	snprintf(word, sizeof word, "%snone", before);
	offer(l, word, "without a filter");
}

static void offer_processes(const struct line *l)
{
	AUTO_DIR DIR *d = opendir("/proc");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		char path[PATH_MAX], name[64] = "";
		AUTO_FILE FILE *f = NULL;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		snprintf(path, sizeof path, "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f || !fgets(name, sizeof name, f))
			continue;
		name[strcspn(name, "\n")] = '\0';
		offer(l, e->d_name, name);
	}
}

/* "refuse|unpinned" */
static void offer_words(const struct line *l, const char *before, const char *words)
{
	char copy[WORD_MAX], word[2 * WORD_MAX];

	snprintf(copy, sizeof copy, "%s", words);
	for (char *save, *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save)) {
		snprintf(word, sizeof word, "%s%s", before, w);
		offer(l, word, "");
	}
}

static bool is(const char *kind, const char *name)
{
	size_t len = strlen(name);

	return strncmp(kind, name, len) == 0 &&
	       (kind[len] == '\0' || kind[len] == '.' || kind[len] == '|');
}

/* By the name that a synopsis gives to it. A kind that is not known completes to nothing. */
static void offer_kind(const struct line *l, const char *kind, const char *before)
{
	if (islower((unsigned char)kind[0]))
		offer_words(l, before, kind);
	else if (is(kind, "APP"))
		offer_apps(l);
	else if (is(kind, "NAME=VERSION"))
		offer_libraries(l, "=");
	else if (is(kind, "NAME") && l->command->wrapped)
		offer_pins(l);
	else if (is(kind, "NAME"))
		offer_libraries(l, "");
	else if (is(kind, "N"))
		offer_generations(l);
	else if (is(kind, "PROFILE"))
		offer_profiles(l, before);
	else if (is(kind, "PID"))
		offer_processes(l);
	else if (is(kind, "PROGRAM") || is(kind, "COMMAND"))
		puts(strchr(l->word, '/') ? ":files" : ":commands");
	else if (is(kind, "DIRECTORY"))
		puts(":directories");
	else if (is(kind, "FILE") || is(kind, "SOURCE") || is(kind, "ARGUMENT"))
		puts(":files");
	if (strstr(kind, "./FILE") && strchr(l->word, '='))
		puts(":files");
}

/* -- the synopsis -- */

/* The option that the word begins with, "--confine=" included where it takes a value so. */
static bool find_option(const struct command *c, const char *word, struct token *found,
			struct token *value)
{
	const char *at = c->synopsis;
	size_t len = strcspn(word, "=");

	while (next_token(&at, found)) {
		const char *ahead = at;

		if (!is_option(found->text) || strcspn(found->text, "=") != len ||
		    strncmp(found->text, word, len) != 0)
			continue;
		if (!found->optional || found->closed || !next_token(&ahead, value) ||
		    value->optional || !value->closed)
			*value = (struct token){0};
		return true;
	}
	return false;
}

static void offer_options(const struct line *l)
{
	const char *at = l->command->synopsis;
	struct token t;

	while (next_token(&at, &t)) {
		char *value = strchr(t.text, '=');

		if (!is_option(t.text) || strcmp(t.text, "--") == 0 ||
		    strcmp(t.text, "--json") == 0)
			continue;
		if (value && strchr(l->word, '=')) {
			char kind[WORD_MAX];

			snprintf(kind, sizeof kind, "%s", value + 1);
			value[1] = '\0';
			if (strncmp(l->word, t.text, strlen(t.text)) == 0)
				offer_kind(l, kind, t.text);
		} else {
			if (value)
				value[1] = '\0';
			offer(l, t.text, "");
		}
	}
	offer(l, "--json", "for programs");
	offer(l, "--help", "say more");
}

/* The n-th operand, by its kind; the last one again if it ends in "...". */
static bool operand(const struct command *c, size_t n, char kind[WORD_MAX])
{
	const char *at = c->synopsis;
	bool repeats = false, skip = false;
	struct token t;

	kind[0] = '\0';
	for (size_t i = 0; next_token(&at, &t) && strcmp(t.text, "|") != 0;) {
		if (is_option(t.text)) {
			const char *ahead = at;
			struct token value;

			skip = t.optional && !t.closed && next_token(&ahead, &value) &&
			       !value.optional && value.closed;
			continue;
		}
		if (skip || !t.text[0]) {
			skip = false;
			continue;
		}
		snprintf(kind, WORD_MAX, "%s", t.text);
		repeats = strstr(t.text, "...");
		if (i++ == n)
			return true;
	}
	return repeats;
}

/* Goes through the words before the last one: how many operands there are, and what the last word
 * is if an option wants it as its value. */
static size_t count_operands(struct line *l, struct token *wanted, bool *after_dashes)
{
	size_t operands = 0;

	*wanted = (struct token){0};
	*after_dashes = false;
	for (size_t i = 0; i + 1 < l->count; i++) {
		struct token option, value = {0};
		const char *word = l->words[i];

		if (*after_dashes || !is_option(word)) {
			l->app = operands++ ? l->app : word;
		} else if (strcmp(word, "--") == 0) {
			*after_dashes = true;
		} else if (find_option(l->command, word, &option, &value) && value.text[0] &&
			   !strchr(word, '=')) {
			if (i + 2 == l->count)
				*wanted = value;
			i++;
		}
	}
	return operands;
}

static void complete(struct line *l)
{
	char kind[WORD_MAX];
	struct token wanted;
	bool after_dashes;
	size_t operands = count_operands(l, &wanted, &after_dashes);

	if (wanted.text[0]) {
		if (strcmp(wanted.text, "N") != 0) /* how many, not which */
			offer_kind(l, wanted.text, "");
	} else if (!after_dashes && l->word[0] == '-') {
		offer_options(l);
	} else if (operand(l->command, operands, kind)) {
		offer_kind(l, kind, "");
	}
}

static const struct command *find(const char *name)
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

static int run(int argc, char **argv)
{
	struct line l = {0};
	int at = 2;

	if (argc < 3 || strcmp(argv[1], "--") != 0)
		return misused(&command_complete, "which words?");
	while (at + 1 < argc && is_option(argv[at]))
		at++;
	l.word = argv[argc - 1];
	if (at + 1 < argc && strcmp(argv[at], "help") != 0)
		l.command = find(argv[at]);
	if (l.command) {
		l.words = argv + at + 1;
		l.count = (size_t)(argc - at - 1);
		complete(&l);
	} else if (at + 1 == argc || (at + 2 == argc && strcmp(argv[at], "help") == 0)) {
		offer_commands(&l);
		if (at + 1 == argc)
			offer(&l, "help", "Say more about a command");
		if (at + 1 == argc && l.word[0] == '-')
			puts("--json\tfor programs\n--help\tlist the commands\n--version\tof "
			     "pinlib");
	}
	return EXIT_OK;
}

const struct command command_complete = {
	.name = "complete",
	.synopsis = "-- [WORD...] WORD",
	.summary = "List what the last word of a pinlib command line may be, for shells",
	.hidden = true,
	.run = run,
};
