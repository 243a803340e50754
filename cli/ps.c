#include "cli/ps.h"

#include "base/strings.h"

#include "cli/cli.h"
#include "cli/out.h"
#include "cli/who.h"
#include "labeler/label.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{"libs", no_argument, NULL, 'l'}, {0}};

/* -- what is said of one process -- */

static bool is_stale(const struct process *p)
{
	for (size_t i = 0; i < p->libs.count; i++)
		if (p->libs.items[i].stale)
			return true;
	return false;
}

/* Neighbours often have the same label: it is compared with the plan once. NULL: not to be
 * believed, or not one of ours. */
static const struct label_state *standing(const struct process *p)
{
	static struct label_state last;
	static char *label;
	static int known;
	struct err why;

	if (p->trust == TRUST_NO)
		return NULL;
	if (!label || strcmp(label, p->label) != 0) {
		free(label);
		label = strdup(p->label);
		known = label_read(p->label, &last, &why);
		if (known < 0 && known != -EINVAL)
			warn("%s", printable(why.text));
	}
	return known == 0 ? &last : NULL;
}

static const char *state_name(const struct process *p)
{
	const struct label_state *s = standing(p);

	if (p->trust == TRUST_NO)
		return "untrusted";
	if (p->trust == TRUST_UNKNOWN || !s)
		return "unknown";
	if (s->superseded)
		return is_stale(p) ? "superseded, stale" : "superseded";
	if (p->libs_failed)
		return "unknown";
	return is_stale(p) ? "stale" : "current";
}

static void app_name(const struct process *p, char *text, size_t size)
{
	const struct label_state *s = standing(p);

	snprintf(text, size, "%s%s", s ? s->app : "-", s && s->cut ? "..." : "");
}

static const char *kind_name(const struct library *lib)
{
	if (lib->pinned)
		return lib->stale ? "  pinned, replaced" : "  pinned";
	return lib->stale ? "  host, replaced" : "  host";
}

static void print_libs(const struct process *p)
{
	struct table *t = table_new(2);

	for (size_t i = 0; i < p->libs.count; i++)
		table_row(t, (const char *[]){kind_name(&p->libs.items[i]), p->libs.items[i].path});
	table_print(t);
	if (p->trust == TRUST_NO)
		printf("  root of this system did not make this label\n");
	else if (p->libs_failed)
		printf("  libraries: unknown\n");
}

void process_print(const struct process *p)
{
	const struct label_state *s = standing(p);
	AUTO_FREE char *label = strdup(p->label);
	char text[PROGRAM_NAME_MAX];

	app_name(p, text, sizeof text);
	printf("%d %s %s", p->who.pid, user_name(p->who.uid), printable(text));
	if (s)
		printf(", generation %lld", (long long)s->generation);
	program_name(&p->who, text);
	printf(": %s\n  label: %s\n", state_name(p), label ? printable(label) : "?");
	printf("  program: %s\n", printable(text));
	print_libs(p);
}

static void json_libs(const struct process *p)
{
	json_open("libs", '[');
	for (size_t i = 0; i < p->libs.count; i++) {
		json_open(NULL, '{');
		json_string("path", p->libs.items[i].path);
		json_bool("pinned", p->libs.items[i].pinned);
		json_bool("stale", p->libs.items[i].stale);
		json_close();
	}
	json_close();
}

static void json_stale(const struct process *p)
{
	json_open("stale", '[');
	for (size_t i = 0; i < p->libs.count; i++)
		if (p->libs.items[i].stale)
			json_string(NULL, p->libs.items[i].path);
	json_close();
}

void process_json(const struct process *p, bool with_libs)
{
	const struct label_state *s = standing(p);
	bool known = p->trust != TRUST_NO && !p->libs_failed;
	char app[PATH_MAX + 8];

	app_name(p, app, sizeof app);
	json_open(NULL, '{');
	json_who(&p->who);
	json_string("app", s ? app : NULL);
	json_string("label", p->label);
	json_number("generation", s ? s->generation : -1);
	json_string("state", state_name(p));
	if (known)
		json_stale(p);
	else
		json_string("stale", NULL);
	if (with_libs && known)
		json_libs(p);
	else if (with_libs)
		json_string("libs", NULL);
	json_close();
}

/* -- all processes -- */

static bool is_wanted(const struct process *p, const struct strings *apps)
{
	const struct label_state *s = apps->count ? standing(p) : NULL;

	for (size_t i = 0; s && i < apps->count; i++)
		if (strcmp(s->app, apps->items[i]) == 0)
			return true;
	return apps->count == 0;
}

static void print_table(const struct processes *all, const struct strings *apps)
{
	struct table *t = table_new(7);

	table_row(t, (const char *[]){"PID", "USER", "STATE", "GENERATION", "APP", "PROGRAM",
				      "LABEL"});
	for (size_t i = 0; i < all->count; i++) {
		const struct process *p = &all->items[i];
		const struct label_state *s = standing(p);
		char pid[16], generation[32], app[PATH_MAX + 8], program[PROGRAM_NAME_MAX];

		if (!is_wanted(p, apps))
			continue;
		snprintf(pid, sizeof pid, "%d", p->who.pid);
		snprintf(generation, sizeof generation, s ? "%lld" : "-",
			 s ? (long long)s->generation : 0);
		app_name(p, app, sizeof app);
		program_name(&p->who, program);
		table_row(t, (const char *[]){pid, user_name(p->who.uid), state_name(p), generation,
					      app, program, p->label});
	}
	table_print(t);
}

static void print_json(const struct processes *all, const struct strings *apps, bool libs)
{
	json_open(NULL, '{');
	json_open("processes", '[');
	for (size_t i = 0; i < all->count; i++)
		if (is_wanted(&all->items[i], apps))
			process_json(&all->items[i], libs);
	json_close();
	json_number("unreadable", (int64_t)all->unreadable);
	json_silent(&all->silent);
	json_bool("hidden", all->hidden);
	json_close();
}

static void print_blocks(const struct processes *all, const struct strings *apps)
{
	for (size_t i = 0; i < all->count; i++)
		if (is_wanted(&all->items[i], apps))
			process_print(&all->items[i]);
}

/* What is not shown is said. */
static void say_unknown(const struct processes *all, const struct strings *apps)
{
	size_t others = 0;

	for (size_t i = 0; i < all->count; i++)
		others += is_wanted(&all->items[i], apps) &&
			  (all->items[i].trust == TRUST_UNKNOWN || all->items[i].libs_failed);
	if (others)
		warn("%zu of these could not be looked into: their state is unknown", others);
	if (all->unreadable)
		warn("%zu processes could not be read: whether they have a label is unknown",
		     all->unreadable);
	warn_silent(&all->silent, "whether they have a label is unknown");
	if (all->hidden)
		warn("/proc hides processes from this user: whether they have a label is unknown");
}

static int find_apps(int count, char **names, struct strings *apps, struct err *err)
{
	char app[PATH_MAX];

	apps->items = calloc((size_t)count + 1, sizeof *apps->items);
	if (!apps->items)
		return err_nomem(err);
	for (int i = 0; i < count; i++) {
		int r = find_app(names[i], app, err);

		/* It may be gone while its processes are not. */
		if (r < 0 && names[i][0] == '/')
			r = path_normalise(names[i], app, err);
		if (r < 0)
			return r;
		apps->items[i] = strdup(app);
		if (!apps->items[i])
			return err_nomem(err);
		apps->count++;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	AUTO_PROCESSES struct processes all = {0};
	AUTO_STRINGS struct strings apps = {0};
	struct err err;
	bool libs = false;
	int c, r;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'l')
			return EXIT_USAGE;
		libs = true;
	}
	r = find_apps(argc - optind, argv + optind, &apps, &err);
	if (r == 0)
		r = processes_read(&all, &err);
	if (r < 0)
		return failed(&err);
	if (want_json)
		print_json(&all, &apps, libs);
	else if (libs)
		print_blocks(&all, &apps);
	else
		print_table(&all, &apps);
	say_unknown(&all, &apps);
	return EXIT_OK;
}

const struct command command_ps = {
	.name = "ps",
	.synopsis = "[--libs] [--json] [APP...]",
	.summary = "List the running processes that are in a view",
	.options =
		"  --libs   also show the pinned and the host's libraries that each has mapped\n",
	.host = true,
	.wrapped = true,
	.run = run,
};
