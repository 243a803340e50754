#include "base/paths.h"
#include "change/activation.h"
#include "cli/app.h"
#include "cli/arguments.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "renewal/advance.h"
#include "renewal/renewal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
	bool all, same_upstream, dry_run;
} given;

static const struct command_option options[] = {
	FLAG(&given.all, "all", "every pin of every program; needs --same-upstream"),
	FLAG(&given.same_upstream, "same-upstream",
	     "only to versions of the same upstream, which have fixes"),
	FLAG(&given.dry_run, "dry-run", "test the programs and change nothing"),
	{0},
};

struct upgrading {
	struct policy *policy; /* the session's, or opened for reading */
	struct store *store;
	struct apps apps; /* those that may change; their items belong to all */
	struct apps all;
	struct strings names; /* of pins; empty: all */
	struct renewals renewals;
	struct advances advances;
	struct strings failed; /* programs that could not be activated, and why, in turn */
	struct strings remarks;
	int64_t generation;
};

static void upgrading_free(struct upgrading *u)
{
	advances_free(&u->advances);
	renewals_free(&u->renewals);
	strings_free(&u->names);
	strings_free(&u->failed);
	strings_free(&u->remarks);
	free(u->apps.items);
	apps_free(&u->all);
}

/* -- which pins -- */

static int choose_pins(struct upgrading *u, const struct app *app, const char *name,
		       struct err *err)
{
	size_t before = u->names.count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < app->npins; i++) {
		AUTO_VERSION struct version v = {0};
		struct err ignored;
		bool named = store_load(u->store, &app->pins[i].digest, &v, &ignored) == 0
				     ? spec_matches_name(name, &v)
				     : strcmp(name, app->pins[i].name) == 0;

		if (named)
			r = strings_add(&u->names, app->pins[i].name, err);
	}
	if (r == 0 && u->names.count == before)
		r = err_set(err, ENOENT, "%s has no pin for %s; 'pinlib show %s' lists them",
			    app->path, name, app->path);
	return r;
}

static int choose_app(struct upgrading *u, char **operands, int count, struct err *err)
{
	char path[PATH_MAX];
	int r = find_pinned(&u->all, operands[0], path, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < u->all.count; i++)
		if (strcmp(u->all.items[i].path, path) == 0)
			u->apps.items[u->apps.count++] = u->all.items[i];
	if (u->apps.count == 0)
		return err_set(err, ENOENT, "%s has no pins; 'pinlib set %s NAME=VERSION' adds one",
			       path, path);
	for (int i = 1; r == 0 && i < count; i++)
		r = choose_pins(u, &u->apps.items[0], operands[i], err);
	return r;
}

static int choose(struct upgrading *u, char **operands, int count, struct err *err)
{
	int r = policy_apps(u->policy, POLICY_NOW, &u->all, err);

	u->apps.items = calloc(u->all.count + 1, sizeof *u->apps.items);
	if (!u->apps.items)
		return err_nomem(err);
	if (r == 0 && !given.all)
		return choose_app(u, operands, count, err);
	for (size_t i = 0; r == 0 && i < u->all.count; i++)
		u->apps.items[u->apps.count++] = u->all.items[i];
	return r;
}

static bool is_chosen(const struct upgrading *u, const struct unison *n)
{
	for (size_t i = 0; i < u->names.count; i++)
		if (unison_has(n, u->names.items[i]))
			return true;
	return u->names.count == 0;
}

/* -- the proof -- */

/* A pin that was named has to be known to its origin, and so have those that move with it. */
static int check_named(const struct upgrading *u, struct err *err)
{
	for (size_t i = 0; u->names.count && i < u->advances.unisons[0].count; i++) {
		const struct unison *n = &u->advances.unisons[0].items[i];

		for (size_t k = 0; is_chosen(u, n) && k < n->count; k++)
			if (n->renewals[k]->unknown)
				return err_set(err, ENODATA, "cannot upgrade %s %s: %s",
					       n->pins[k]->name, n->pins[k]->version,
					       n->renewals[k]->unknown);
	}
	return 0;
}

/* into: a store for downloads. */
static int prove(struct upgrading *u, struct store *into, struct err *err)
{
	int r = renewals_find(u->store, &u->apps, &u->renewals, err);

	if (r == 0)
		r = advances_find(&u->apps, &u->renewals, u->names.count ? &u->names : NULL,
				  given.same_upstream, &u->advances, err);
	if (r == 0)
		r = check_named(u, err);
	return r < 0 ? r : advances_prove(&u->advances, u->store, into, err);
}

/* -- the change -- */

static void keep_remark(void *ctx, const char *text)
{
	struct err ignored;

	strings_add(ctx, text, &ignored);
}

static bool has_failed(const struct upgrading *u, const char *path)
{
	for (size_t i = 0; i + 1 < u->failed.count; i += 2)
		if (strcmp(u->failed.items[i], path) == 0)
			return true;
	return false;
}

static int pin_apps(struct upgrading *u, struct strings *paths, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->apps.count; i++) {
		const struct app *app = &u->apps.items[i];

		if (!advances_has(&u->advances, app) || has_failed(u, app->path))
			continue;
		r = advances_pin(&u->advances, app, u->policy, err);
		if (r == 0)
			r = strings_add(paths, app->path, err);
	}
	return r;
}

/* 1: one app could not be prepared, and the others can be tried without it. */
static int activate_once(struct upgrading *u, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	const char *failed_path = NULL;
	const struct activation_options how = {
		.report = keep_remark, .ctx = &u->remarks, .failed = &failed_path};
	struct err why;
	int r = pin_apps(u, &paths, err);

	if (r < 0 || paths.count == 0)
		return r;
	strings_free(&u->remarks);
	r = activation_run(u->policy, u->store, &paths, arguments_typed, &how, &u->generation, err);
	if (r == 0 || !given.all || !failed_path || paths.count == 1)
		return r;
	why = *err;
	r = strings_add(&u->failed, failed_path, err);
	if (r == 0)
		r = strings_add(&u->failed, why.text, err);
	return r < 0 ? r : 1;
}

static int activate_all(struct upgrading *u, struct session *s, struct err *err)
{
	int r;

	while ((r = activate_once(u, err)) > 0) {
		policy_close(&s->policy);
		r = policy_begin(&s->policy, err);
		u->policy = s->policy;
		if (r < 0)
			return r;
	}
	return r;
}

/* -- output -- */

static void print_moves(struct table *t, const struct upgrading *u, const struct advance *a)
{
	for (size_t i = 0; i < a->unison->count; i++) {
		const struct stocked *s = stock_get(&u->advances.stock, a->unison, a->set, i);
		const struct pin *pin = a->unison->pins[i];

		if (!s)
			continue;
		table_row(t, (const char *[]){a->unison->app->path, pin->name, pin->version,
					      given.dry_run ? "would become" : "is now",
					      s->version.version});
		json_open(NULL, '{');
		json_members("app %s name %s arch %s from %s to %s", a->unison->app->path,
			     pin->name, pin->arch, pin->version, s->version.version);
		json_digest("digest", &s->version.digest);
		json_close();
	}
}

/* The remedy for a set that lacks a library. */
static void say_with_deps(const struct advance *a, const struct unison_set *set)
{
	const struct renewal_place *place = a->unison->renewals[0]->place;
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	fprintf(f, "'%s%s%spinlib set --with-deps %s", place->config ? "APT_CONFIG=" : "",
		place->config ? place->config : "", place->config ? " " : "", a->unison->app->path);
	for (size_t i = 0; i < a->unison->count; i++)
		fprintf(f, " apt:%s=%s%s%s", a->unison->pins[i]->name, set->of[i]->version,
			place->suite ? "/" : "", place->suite ? place->suite : "");
	fputs("' also pins the libraries that it lacks", f);
	if (fclose(f) == 0)
		put_message("  ", text);
}

static void print_refusal(const struct advance *a, const struct advance_refusal *r)
{
	warn("%s: %s %s %s: %s", a->unison->app->path, r->set->source, r->set->source_version,
	     r->result == TRIAL_FAILS ? "is refused" : "cannot be tried",
	     r->why ? r->why : "no memory");
	if (r->lacks_library)
		say_with_deps(a, r->set);
}

static void json_refusal(const struct advance *a, const struct advance_refusal *r)
{
	json_record("app %s source %s source_version %s result %s why %s", a->unison->app->path,
		    r->set->source, r->set->source_version, trial_result_text(r->result), r->why);
}

/* Why a newer version was not even tried, and what apt did not verify. */
static void print_notes(const struct upgrading *u)
{
	for (size_t i = 0; i < u->advances.napps; i++)
		for (size_t k = 0; k < u->advances.unisons[i].count; k++) {
			const struct unison *n = &u->advances.unisons[i].items[k];

			if (n->held && is_chosen(u, n))
				warn("note: %s: %s", n->app->path, n->held);
		}
	for (size_t i = 0; i < u->advances.stock.unverified.count; i++)
		warn("note: %s", u->advances.stock.unverified.items[i]);
}

/* Returns how many apps or sources stay although their origin has newer versions. */
static size_t print_refusals(const struct upgrading *u)
{
	size_t stay = 0;

	json_open("refused", '[');
	for (size_t i = 0; i < u->advances.count; i++) {
		const struct advance *a = &u->advances.items[i];

		stay += a->set == NULL;
		for (size_t k = 0; k < a->nrefusals; k++) {
			print_refusal(a, &a->refusals[k]);
			json_refusal(a, &a->refusals[k]);
		}
	}
	for (size_t i = 0; i + 1 < u->failed.count; i += 2, stay++) {
		warn("%s is not upgraded: %s", u->failed.items[i], u->failed.items[i + 1]);
		json_record("app %s result %s why %s", u->failed.items[i], "fails",
			    u->failed.items[i + 1]);
	}
	json_close();
	print_notes(u);
	return stay;
}

/* Pins that stay because nobody knows of newer versions. */
static void print_unknown(const struct upgrading *u)
{
	size_t unknown = 0;

	for (size_t i = 0; i < u->renewals.count; i++)
		unknown += u->renewals.items[i].unknown != NULL;
	json_number("unknown", (int64_t)unknown);
	if (unknown && u->names.count == 0)
		warn("note: newer versions of %zu pinned version%s are not known; 'pinlib "
		     "outdated' says why",
		     unknown, unknown == 1 ? "" : "s");
}

static int print_upgrade(const struct upgrading *u)
{
	struct table *t = table_new(5);
	size_t moved = 0, stay;

	json_open(NULL, '{');
	json_members("dry_run %d generation %lld", given.dry_run, (long long)u->generation);
	json_open("upgraded", '[');
	for (size_t i = 0; i < u->advances.count; i++)
		if (u->advances.items[i].set &&
		    !has_failed(u, u->advances.items[i].unison->app->path)) {
			print_moves(t, u, &u->advances.items[i]);
			moved++;
		}
	json_close();
	table_print(t);
	stay = print_refusals(u);
	print_unknown(u);
	json_close();
	for (size_t i = 0; i < u->remarks.count; i++)
		put_message("pinlib: note: ", u->remarks.items[i]);
	if (!moved && !stay)
		print_line("nothing is newer");
	if (moved && !given.dry_run)
		print_line("generation %lld", (long long)u->generation);
	return stay ? EXIT_FAIL : EXIT_OK;
}

/* -- the whole -- */

static int upgrade_pins(char **operands, int count, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	CLEANUP(upgrading_free) struct upgrading u = {0};

	if (session_begin(&session, err) < 0)
		return EXIT_ERR;
	u.policy = session.policy;
	u.store = session.store;
	u.generation = policy_committed(u.policy);
	if (choose(&u, operands, count, err) < 0 || prove(&u, u.store, err) < 0 ||
	    activate_all(&u, &session, err) < 0)
		return EXIT_ERR;
	progress_hide();
	return print_upgrade(&u);
}

static int try_upgrade(char **operands, int count, struct err *err)
{
	AUTO_STORE struct store *store = NULL, *scratch = NULL;
	AUTO_POLICY struct policy *policy = NULL;
	CLEANUP(upgrading_free) struct upgrading u = {0};

	progress_show();
	if (policy_open(&policy, err) < 0 || store_open(PINLIB_STORE, true, &store, err) < 0)
		return EXIT_ERR;
	u.policy = policy;
	u.store = store;
	u.generation = policy_committed(policy);
	if (choose(&u, operands, count, err) < 0 || stock_open_scratch(&scratch, err) < 0 ||
	    prove(&u, scratch, err) < 0)
		return EXIT_ERR;
	progress_hide();
	return print_upgrade(&u);
}

static int run_upgrade(int count, char **operands, struct err *err)
{
	if (given.all && count > 0)
		return misused("--all does not go with APP");
	if (given.all && !given.same_upstream)
		return misused("--all needs --same-upstream: the loader does not see that a new "
			       "version behaves differently");
	if (!given.all && count == 0)
		return misused("missing APP");
	if (!given.all && count == 1 && !given.same_upstream)
		return misused("missing NAME; all pins of APP need --same-upstream");
	return given.dry_run ? try_upgrade(operands, count, err)
			     : upgrade_pins(operands, count, err);
}

const struct command command_upgrade = {
	.name = "upgrade",
	.group = GROUP_UPGRADES,
	.summary = "Move pins to the newest versions of their origins",
	.text = "NAME is a pin of APP; the pins of APP that were built from the same source "
		"package move with it. pinlib asks the loader whether APP would work with the "
		"newest version that the origin has ('pinlib outdated'), and tries older ones if "
		"it would not. All programs change in one generation, which one 'pinlib rollback' "
		"undoes. The exit status is 1 if a pin stays although its origin has a newer "
		"version.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true},
		     {.name = "NAME", .kind = ARG_PIN, .optional = true, .repeats = true}},
	.json = true,
	.root = true,
	.run = run_upgrade,
};
