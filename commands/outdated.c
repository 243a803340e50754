#include "base/paths.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/now.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "commands/commands.h"
#include "policy/policy.h"
#include "renewal/outlook.h"
#include "renewal/renewal.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool offline;

static const struct command_option options[] = {
	FLAG(&offline, "offline", "download nothing: try only the versions that the store has"),
	{0},
};

/* -- text -- */

static const char *const columns[OUTLOOKS] = {"live", "fixes", "newest"};

static const char *version_at(const struct outlook *o, size_t pin, size_t column)
{
	if (column == OUTLOOK_LIVE)
		return o->unison->renewals[pin]->live;
	return o->sets[column] ? o->sets[column]->of[pin]->version : NULL;
}

static const char *result_of(const struct outlook *o, size_t column)
{
	return o->trials[column] ? trial_result_text(o->trials[column]->result) : NULL;
}

static void write_cell(const struct outlook *o, size_t pin, size_t column, char cell[400])
{
	const char *version = version_at(o, pin, column), *result = result_of(o, column);

	if (column != OUTLOOK_LIVE && o->unison->renewals[pin]->unknown)
		version = "unknown";
	else if (!version)
		version = "none";
	snprintf(cell, 400, "%s %s%s%s", columns[column], version, result ? ": " : "",
		 result ? result : "");
}

static void print_pins(struct table *t, const struct outlook *o)
{
	for (size_t i = 0; i < o->unison->count; i++) {
		const struct pin *pin = o->unison->pins[i];
		char cells[OUTLOOKS][400];

		for (size_t k = 0; k < OUTLOOKS; k++)
			write_cell(o, i, k, cells[k]);
		table_row(t, (const char *[]){o->unison->app->path, pin->name, pin->version,
					      cells[0], cells[1], cells[2]});
	}
}

static void print_note(const struct outlook *o, char *text)
{
	print_line("note: %s: %s", o->unison->app->path, printable(text));
}

static void print_reason(const struct outlook *o, size_t column)
{
	const struct renewal_trial *t = o->trials[column];
	const struct unison_set *set = o->sets[column];
	char text[2 * ERR_TEXT_MAX];

	if (!t || !t->why || (column == OUTLOOK_NEWEST && t == o->trials[OUTLOOK_FIXED]))
		return;
	if (set)
		snprintf(text, sizeof text, "%s %s %s: %s", set->source, set->source_version,
			 trial_result_text(t->result), t->why);
	else
		snprintf(text, sizeof text, "without its pins of %s: %s: %s", o->unison->source,
			 trial_result_text(t->result), t->why);
	print_note(o, text);
}

/* Why the trials failed, and why versions are not offered. */
static void print_reasons(const struct outlook *o)
{
	const struct unison *u = o->unison;

	for (size_t k = 0; k < OUTLOOKS; k++)
		print_reason(o, k);
	if (u->held)
		print_note(o, u->held);
	if (u->mixed) {
		char text[600];

		snprintf(text, sizeof text,
			 "its pins of %s were built from different versions of one source",
			 u->source);
		print_note(o, text);
	}
}

/* Each version once, whichever apps pin it. A place that did not answer has one line for all. */
static void print_unknown(const struct renewals *all)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct renewal *r = &all->items[i];

		if (r->unknown && !(r->place && r->place->unknown))
			print_line("note: %s %s: %s", r->name, r->version, printable(r->unknown));
		if (r->note)
			print_line("note: %s", printable(r->note));
	}
}

#define NAMED_MAX 3 /* versions that a place's line names; it counts the others */

/* The versions that a place was asked about: "zlib1g 1:1.2.11, libicu67 67.1-7 and 3 more". The caller frees it. */
static char *list_asked(const struct renewals *all, const struct renewal_place *place)
{
	char *text = NULL;
	size_t len = 0, n = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < all->count; i++) {
		const struct renewal *r = &all->items[i];

		if (r->place == place && n++ < NAMED_MAX)
			fprintf(f, "%s%s %s", n > 1 ? ", " : "", r->name, r->version);
	}
	if (n > NAMED_MAX)
		fprintf(f, " and %zu more", n - NAMED_MAX);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

static int print_places(const struct renewals *all, struct err *err)
{
	for (size_t i = 0; i < all->places.count; i++) {
		const struct renewal_place *p = &all->places.items[i];
		AUTO_FREE char *name = renewal_place_name(p), *asked = list_asked(all, p);
		char date[DATE_TEXT];

		if (!name || !asked)
			return err_nomem(err);
		date_text(p->lists, date);
		if (p->unknown)
			print_line("asked %s for %s: %s", name, asked, printable(p->unknown));
		else
			print_line("asked %s for %s: lists of %s%s", name, asked, date,
				   p->no_security ? ", without Debian's security updates" : "");
	}
	return 0;
}

/* -- JSON -- */

static void json_outcome(const struct outlook *o, size_t column)
{
	json_open(columns[column], '{');
	if (o->sets[column])
		json_members("source %s source_version %s", o->sets[column]->source,
			     o->sets[column]->source_version);
	json_members("result %s why %s", result_of(o, column),
		     o->trials[column] ? o->trials[column]->why : NULL);
	json_close();
}

static int json_pin(const struct outlook *o, size_t i, struct err *err)
{
	const struct renewal *r = o->unison->renewals[i];
	AUTO_FREE char *place = r->place ? renewal_place_name(r->place) : NULL;
	char date[DATE_TEXT];

	if (r->place && !place)
		return err_nomem(err);
	json_open(NULL, '{');
	json_members("name %s version %s arch %s", r->name, r->version, r->arch);
	json_digest("digest", &r->digest);
	json_members("live %s fixes %s newest %s", r->live, version_at(o, i, OUTLOOK_FIXED),
		     version_at(o, i, OUTLOOK_NEWEST));
	json_members("origin_fixes %s origin_newest %s unknown %s note %s", r->fixed, r->newest,
		     r->unknown, r->note);
	if (r->place)
		date_text(r->place->lists, date);
	json_members("place %s lists %s", place, r->place && r->place->lists ? date : NULL);
	json_close();
	return 0;
}

static int json_outlook(const struct outlook *o, struct err *err)
{
	int r = 0;

	json_open(NULL, '{');
	json_members("app %s source %s mixed %d held %s", o->unison->app->path, o->unison->source,
		     o->unison->mixed, o->unison->held);
	for (size_t k = 0; k < OUTLOOKS; k++)
		json_outcome(o, k);
	json_open("pins", '[');
	for (size_t i = 0; r == 0 && i < o->unison->count; i++)
		r = json_pin(o, i, err);
	json_close();
	json_close();
	return r;
}

/* -- the whole -- */

static int print_outlooks(const struct outlooks *o, const struct renewals *all, struct err *err)
{
	struct table *t = table_new(6);
	int r = 0;

	json_open(NULL, '[');
	for (size_t i = 0; i < o->count; i++)
		print_pins(t, &o->items[i]);
	for (size_t i = 0; r == 0 && i < o->count; i++)
		r = json_outlook(&o->items[i], err);
	json_close();
	table_print(t);
	for (size_t i = 0; i < o->count; i++)
		print_reasons(&o->items[i]);
	print_unknown(all);
	return r < 0 ? r : print_places(all, err);
}

static int prove_outlooks(struct outlooks *o, struct store *store, struct err *err)
{
	AUTO_STORE struct store *scratch = NULL;
	struct err why;

	if (geteuid() != 0) {
		warn("only root can test programs with other versions; the list has no results");
		return 0;
	}
	if (!offline && stock_open_scratch(&scratch, &why) < 0) {
		warn("programs cannot be tested here (%s); the list has no results", why.text);
		return 0;
	}
	return outlooks_prove(o, store, scratch, err);
}

static int choose_apps(const struct apps *all, int count, char **names, struct apps *some,
		       struct err *err)
{
	char path[PATH_MAX];

	for (int i = 0; i < count; i++) {
		bool known = false;

		if (find_pinned(all, names[i], path, err) < 0)
			return -ENOENT;
		for (size_t k = 0; k < all->count; k++) {
			known |= strcmp(all->items[k].path, path) == 0;
			if (strcmp(all->items[k].path, path) == 0)
				some->items[some->count++] = all->items[k];
		}
		if (!known)
			return err_set(err, ENOENT,
				       "%s has no pins; 'pinlib set %s NAME=VERSION' adds one",
				       path, path);
	}
	return 0;
}

static int show_apps(struct store *store, const struct apps *apps, struct err *err)
{
	AUTO_RENEWALS struct renewals all = {0};
	AUTO_OUTLOOKS struct outlooks outlooks = {0};
	int r = renewals_find(store, apps, &all, err);

	if (r == 0)
		r = outlooks_find(apps, &all, &outlooks, err);
	if (r == 0)
		r = prove_outlooks(&outlooks, store, err);
	progress_hide();
	return r < 0 ? r : print_outlooks(&outlooks, &all, err);
}

static int run_outdated(int count, char **operands, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_STORE struct store *store = NULL;
	AUTO_FREE struct app *items = NULL;
	AUTO_APPS struct apps apps = {0};
	struct apps some = {0};

	progress_show();
	if (policy_open(&policy, err) < 0 || policy_apps(policy, POLICY_NOW, &apps, err) < 0)
		return EXIT_ERR;
	some.items = items = calloc((size_t)count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	if (choose_apps(&apps, count, operands, &some, err) < 0)
		return EXIT_ERR;
	if (apps.count == 0) {
		json_open(NULL, '[');
		json_close();
		return EXIT_OK;
	}
	if (store_open(PINLIB_STORE, false, &store, err) < 0)
		return EXIT_ERR;
	return show_apps(store, count ? &some : &apps, err);
}

const struct command command_outdated = {
	.name = "outdated",
	.group = GROUP_UPGRADES,
	.summary = "List newer versions, and whether programs work with them",
	.text = "For each pinned version: the live system's; the newest that its origin has of the "
		"same upstream, with fixes; and the newest of all. The origin is asked through the "
		"apt configuration that 'pinlib add' kept, from the lists that 'apt-get update' "
		"fetched. As root pinlib tests whether the program works with each: apt downloads "
		"these versions into memory, and nothing is changed. Versions of one source "
		"package count together. The exit status is 0, also if there are newer versions.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true, .repeats = true}},
	.json = true,
	.host = true,
	.run = run_outdated,
};
