/*
 * What the last word of a command line may be, for the completions of shells (completions/). Printed is a line for each
 * possibility, with a tab and a description, or a request to the shell, which knows best: ":files", ":directories" or
 * ":commands".
 */
#include "base/path.h"
#include "base/paths.h"
#include "cli/app.h"
#include "cli/arguments.h"
#include "commands/commands.h"
#include "doctor/doctor.h"
#include "policy/policy.h"
#include "store/store.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 128

/* A command line so far. */
struct partial_line {
	const struct command *command;
	char **words; /* after the command; the last one is to be completed */
	size_t count;
	const char *word; /* the last one */
	const char *app;  /* the first operand, NULL if it is not there yet */
};

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

static void offer(const struct partial_line *l, const char *word, const char *description)
{
	if (strncmp(word, l->word, strlen(l->word)) == 0)
		printf("%s\t%s\n", word, description);
}

/* -- values -- */

static void offer_commands(const struct partial_line *l)
{
	for (size_t i = 0; command_table[i]; i++) {
		const struct command *c = command_table[i];

		if (c->group != GROUP_HIDDEN)
			offer(l, c->name, c->summary);
	}
}

/* pinned: those that have pins already, and no others. */
static void offer_apps(const struct partial_line *l, bool pinned)
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
		/* By its name alone, if PATH leads to this app. */
		if (slash || find_app(name, found, &ignored) < 0 || strcmp(found, app->path) != 0)
			name = app->path;
		offer(l, name, what);
	}
	if (!pinned)
		puts(slash ? ":files" : ":commands");
}

/* The names of the app's pins. */
static void offer_pins(const struct partial_line *l)
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

/* Whether an earlier version in the list has the same name and, unless version is NULL, the same version. */
static bool is_repeated(const struct versions *vs, size_t i, const char *version)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(vs->items[k].name, vs->items[i].name) == 0 &&
		    (!version || strcmp(vs->items[k].version, version) == 0))
			return true;
	return false;
}

/* Whether the soname of entry e occurs in an earlier version, or earlier in its own. */
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

static void offer_name(const struct partial_line *l, const struct versions *vs, size_t i,
		       const char *after)
{
	const struct version *v = &vs->items[i];
	char word[PATH_MAX];

	if (!is_repeated(vs, i, NULL)) {
		snprintf(word, sizeof word, "%s%s", v->name, after);
		offer(l, word, "package");
	}
	if (!*l->word) /* all sonames of the store would be too many */
		return;
	for (size_t e = 0; e < v->nentries; e++) {
		if (!v->entries[e].soname || is_repeated_soname(vs, i, e))
			continue;
		snprintf(word, sizeof word, "%s%s", v->entries[e].soname, after);
		offer(l, word, v->name);
	}
}

static void offer_version(const struct partial_line *l, const struct versions *vs, size_t i,
			  const char *name)
{
	const struct version *v = &vs->items[i];
	char word[PATH_MAX];

	if (!spec_matches_name(name, v) || is_repeated(vs, i, v->version))
		return;
	snprintf(word, sizeof word, "%s=%s", name, v->version);
	offer(l, word, v->arch);
}

/* Names of the store's libraries, each with after behind it. Where after is "=" and the word has one, the versions of
 * the library that the word names. */
static void offer_libraries(const struct partial_line *l, const char *after)
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

static void offer_generations(const struct partial_line *l)
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

/* before: the part of the word before the profile's name. */
static void offer_profiles(const struct partial_line *l, const char *before)
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

static void offer_processes(const struct partial_line *l)
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

/* Words joined by "|". */
static void offer_words(const struct partial_line *l, const char *before, const char *words)
{
	char copy[WORD_MAX], word[2 * WORD_MAX];

	snprintf(copy, sizeof copy, "%s", words);
	for (char *save, *w = strtok_r(copy, "|", &save); w; w = strtok_r(NULL, "|", &save)) {
		snprintf(word, sizeof word, "%s%s", before, w);
		offer(l, word, "");
	}
}

/* before: the part of the word before the value, "--confine=". name: of the argument, which ARG_WORDS are in. */
static void offer_values(const struct partial_line *l, enum argument kind, const char *name,
			 const char *before)
{
	switch (kind) {
	case ARG_NONE:
	case ARG_TEXT:
		break;
	case ARG_WORDS:
		offer_words(l, before, name);
		break;
	case ARG_APP:
		offer_apps(l, false);
		break;
	case ARG_PROCESS:
		if (isdigit((unsigned char)l->word[0]))
			offer_processes(l);
		/* fall through */
	case ARG_PINNED:
		offer_apps(l, true);
		break;
	case ARG_PIN:
		offer_pins(l);
		break;
	case ARG_NAME:
		offer_libraries(l, "");
		break;
	case ARG_TRIED:
		if (strchr(l->word, '='))
			puts(":files");
		/* fall through */
	case ARG_SPEC:
		offer_libraries(l, "=");
		break;
	case ARG_GENERATION:
		offer_generations(l);
		break;
	case ARG_PROFILE:
		offer_profiles(l, before);
		break;
	case ARG_CHECK:
		for (size_t i = 0; doctor_check(i); i++)
			offer(l, doctor_check(i), "");
		break;
	case ARG_COMMAND:
		puts(strchr(l->word, '/') ? ":files" : ":commands");
		break;
	case ARG_FILE: /* the names of packages are apt's */
		if (strncmp(l->word, "apt:", 4) != 0 && strncmp(l->word, "dpkg:", 5) != 0)
			puts(":files");
		break;
	case ARG_DIRECTORY:
		puts(":directories");
		break;
	}
}

/* -- the tables -- */

/* The option that the word names: "--file", "--confine=legacy", "-f". */
static const struct command_option *find_option(const struct command *c, const char *word)
{
	bool is_long = word[1] == '-';
	size_t len = strcspn(word, "=");

	for (const struct command_option *o = c->options; o && o->name; o++) {
		if (is_long && strlen(o->name) + 2 == len &&
		    strncmp(o->name, word + 2, len - 2) == 0)
			return o;
		if (!is_long && o->letter && o->letter == word[1])
			return o;
	}
	return NULL;
}

static void offer_options(const struct partial_line *l)
{
	for (const struct command_option *o = l->command->options; o && o->name; o++) {
		char text[WORD_MAX];

		snprintf(text, sizeof text, "--%s%s", o->name, option_is_joined(o) ? "=" : "");
		offer(l, text, o->help);
	}
	if (l->command->user)
		offer(l, "--user", "for your own store");
	if (l->command->json)
		offer(l, "--json", "print JSON, for programs");
	offer(l, "--help", "show the options of this command");
}

/* A word that begins with a dash. */
static void complete_option(const struct partial_line *l)
{
	const char *equals = strchr(l->word, '=');
	const struct command_option *o = equals ? find_option(l->command, l->word) : NULL;
	char before[WORD_MAX];

	if (!equals) {
		offer_options(l);
	} else if (o && option_is_joined(o)) {
		snprintf(before, sizeof before, "%.*s", (int)(equals + 1 - l->word), l->word);
		offer_values(l, o->kind, o->argument, before);
	}
}

/* The operand of that number, the last one again if it repeats; NULL if there is none. */
static const struct command_operand *find_operand(const struct command *c, size_t number,
						  bool after_dashes)
{
	const struct command_operand *found = NULL;

	for (size_t i = 0; i < OPERANDS_MAX && c->operands[i].name; i++) {
		const struct command_operand *o = &c->operands[i];

		if (o->behind_dashes && after_dashes)
			return o;
		if (!o->behind_dashes && (i <= number) && (i == number || o->repeats))
			found = o;
	}
	return found;
}

/* Goes through the words before the last one. Returns the option whose argument the last word is, or NULL. */
static const struct command_option *read_words(struct partial_line *l, size_t *operands,
					       bool *after_dashes)
{
	const struct command_option *wanted = NULL;

	*operands = 0;
	*after_dashes = false;
	for (size_t i = 0; i + 1 < l->count; i++) {
		const char *word = l->words[i];
		const struct command_option *o;

		if (*after_dashes || !is_option(word)) {
			l->app = (*operands)++ ? l->app : word;
			*after_dashes |= l->command->in_order;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			*after_dashes = true;
			continue;
		}
		o = find_option(l->command, word);
		if (o && o->last)
			return o;
		*operands += o && o->instead;
		if (o && o->kind != ARG_NONE && !strchr(word, '=')) {
			wanted = i + 2 == l->count ? o : NULL;
			i++;
		}
	}
	return wanted;
}

static void complete_command_line(struct partial_line *l)
{
	const struct command_operand *operand;
	bool after_dashes;
	size_t operands;
	const struct command_option *o = read_words(l, &operands, &after_dashes);

	if (o) {
		offer_values(l, o->kind, o->argument, "");
	} else if (!after_dashes && l->word[0] == '-') {
		complete_option(l);
	} else {
		operand = find_operand(l->command, operands, after_dashes);
		if (operand)
			offer_values(l, operand->kind, operand->name, "");
	}
}

static void complete_first(const struct partial_line *l)
{
	offer_commands(l);
	offer(l, "help", "Show the options of a command");
	if (l->word[0] != '-')
		return;
	offer(l, "--json", "print JSON, for programs");
	offer(l, "--user", "with add, libs, gc, doctor and seal: for your own store");
	offer(l, "--help", "list the commands");
	offer(l, "--version", "print the version of pinlib");
}

static int run_complete(int count, char **operands, struct err *err)
{
	char **words = arguments_rest + 1;
	struct partial_line l = {0};
	int at = 0;

	(void)err;
	(void)operands;
	for (count = 0; words[count];)
		count++;
	l.word = words[count - 1];
	while (at + 1 < count && is_option(words[at]))
		at++;
	if (at + 1 == count) {
		complete_first(&l);
	} else if (strcmp(words[at], "help") == 0) {
		if (at + 2 == count)
			offer_commands(&l);
	} else {
		l.command = command_find(words[at]);
		l.words = words + at + 1;
		l.count = (size_t)(count - at - 1);
		if (l.command)
			complete_command_line(&l);
	}
	return EXIT_OK;
}

const struct command command_complete = {
	.name = "complete",
	.summary = "List what the last word of a command line may be, for shells",
	.operands = {{.name = "WORD", .kind = ARG_TEXT, .repeats = true, .behind_dashes = true}},
	.run = run_complete,
};
