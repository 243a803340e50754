#include "base/paths.h"
#include "change/asleep.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/provenance.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "commands/explain.h"
#include "commands/graph.h"
#include "plan/read.h"
#include "policy/due.h"
#include "policy/policy.h"
#include "policy/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool in_full, as_dot, as_svg;

static const struct command_option options[] = {
	FLAG(&in_full, "pins",
	     "all pins and views, of APP or of every program; a terminal otherwise gets only the "
	     "number of many pins that freeze or --with-deps has set"),
	FLAG(&as_dot, "dot", "a graph for Graphviz of programs, layers and versions"),
	FLAG(&as_svg, "svg", "this graph as a picture, drawn by Graphviz"),
	{0},
};

/* -- pins that are only counted -- */

/* Of more pins than these of one origin a terminal gets the number. */
#define PINS_LISTED 3

static size_t count_origin(const struct app *app, enum pin_origin origin)
{
	size_t count = 0;

	for (size_t i = 0; i < app->npins; i++)
		count += app->pins[i].origin == origin;
	return count;
}

/* Pins by hand are always listed. In a pipe all are. */
static bool is_counted(const struct app *app, enum pin_origin origin)
{
	return !in_full && origin != PIN_BY_HAND && terminal_columns(STDOUT_FILENO) &&
	       count_origin(app, origin) > PINS_LISTED;
}

/* "frozen: 208 versions" */
static void counted_text(const struct app *app, enum pin_origin origin, char text[64])
{
	snprintf(text, 64, "%s: %zu versions", origin == PIN_FREEZE ? "frozen" : "with-deps",
		 count_origin(app, origin));
}

/* -- one app in full -- */

static const char *kind_name(enum plan_kind kind)
{
	return kind == PLAN_SCRIPT ? "script" : "elf";
}

static const char *on_failure_name(enum plan_on_failure on_failure)
{
	return on_failure == PLAN_UNPINNED ? "unpinned" : "refuse";
}

static const char *origin_name(enum pin_origin origin)
{
	switch (origin) {
	case PIN_WITH_DEPS:
		return "with-deps";
	case PIN_FREEZE:
		return "freeze";
	case PIN_BY_HAND:
		break;
	}
	return "hand";
}

#define PIN_TEXT_MAX (DIGEST_HEX + 32 + PATH_MAX)

/* What follows a pin's version: "sha256:0123456789ab (freeze)", "sha256:0123456789ab in /opt/x/lib". */
static void pin_text(const struct pin *pin, char text[PIN_TEXT_MAX])
{
	char hex[DIGEST_HEX];
	bool by_hand = pin->origin == PIN_BY_HAND;

	digest_hex(&pin->digest, hex);
	snprintf(text, PIN_TEXT_MAX, "sha256:%.12s%s%s%s%s%s", hex, by_hand ? "" : " (",
		 by_hand ? "" : origin_name(pin->origin), by_hand ? "" : ")",
		 pin->place ? " in " : "", pin->place ? pin->place : "");
}

static void print_confinement(const struct confinement *c)
{
	char why[ERR_TEXT_MAX];

	if (!c->profile)
		return;
	print_line("  confined by %s (%zu instructions)", c->profile,
		   c->size / sizeof(struct sock_filter));
	if (profile_changed(c, why))
		print_line("  note: %s", printable(why));
}

/* The set's libraries are links, which readlink(1) and ls(1) show. */
static void print_seal(const struct plan *plan)
{
	print_line("  sealed: a copy of %s, generation %llu", plan->program,
		   (unsigned long long)plan->generation);
	print_line("  libraries: " PINLIB_LAYERS "/%.*s/0", (int)strcspn(plan->label, ":"),
		   plan->label);
}

/* The lines about the view; plan may be NULL. */
static void print_view(const struct plan *plan)
{
	if (!plan) {
		print_line("  no plan: 'pinlib doctor --repair' makes it");
		return;
	}
	if (plan->seal) {
		print_seal(plan);
		return;
	}
	print_line("  %s: %s (%s), generation %llu",
		   plan_is_supplied(plan) ? "pinned program" : "original", plan->program,
		   kind_name(plan->kind), (unsigned long long)plan->generation);
	if (plan_is_supplied(plan) && access(plan->real, F_OK) == 0)
		print_line("  live program: %s", plan->real);
	if (plan->ncovers == 0)
		print_line("  sees the live system");
	for (size_t i = 0; i < plan->ncovers; i++) {
		print_line("  covers %s", plan->covers[i].target);
		print_line("      with %s", plan->covers[i].layer);
	}
}

static struct store *opened; /* NULL: there is none */

/* Of a pin whose version cannot be read, nothing is known. */
static void read_provenance(const struct pin *pin, struct provenance *p)
{
	struct err ignored;

	*p = (struct provenance){0};
	if (opened)
		provenance_read(opened, &pin->digest, pin->name, pin->version, p, &ignored);
}

static void print_pin(struct table *t, const struct pin *pin)
{
	AUTO_PROVENANCE struct provenance p = {0};
	char text[PIN_TEXT_MAX], from[PROVENANCE_TEXT];

	pin_text(pin, text);
	read_provenance(pin, &p);
	provenance_text(&p, from);
	table_row(t, (const char *[]){"  pin", pin->name, pin->version, text, from});
}

static void print_pins(const struct app *app)
{
	struct table *t = table_new(5);
	char text[PIN_TEXT_MAX];

	for (size_t i = 0; i < app->npins; i++)
		if (!is_counted(app, app->pins[i].origin))
			print_pin(t, &app->pins[i]);
	table_print(t);
	for (int origin = PIN_WITH_DEPS; origin <= PIN_FREEZE; origin++)
		if (is_counted(app, origin)) {
			counted_text(app, origin, text);
			print_line("  %s; 'pinlib show --pins %s' lists them", text, app->path);
		}
}

/* asleep: why the app sleeps; NULL: it does not. */
static void print_app(const struct app *app, const struct plan *plan, const char *asleep)
{
	print_line("%s", app->path);
	explanation_print("  ", app);
	print_pins(app);
	if (app->forced)
		print_line("  forced: the loader found that it would not work");
	print_confinement(&app->confined);
	print_line("  without %s: %s", app->sealed ? "the store" : "capability",
		   on_failure_name(app->on_failure));
	if (asleep)
		print_line("  sleeps: %s", asleep);
	else
		print_view(plan);
}

static void json_confinement(const struct confinement *c)
{
	char why[ERR_TEXT_MAX];

	if (!c->profile) {
		json_string("confined", NULL);
		return;
	}
	json_open("confined", '{');
	json_string("profile", c->profile);
	json_digest("source", &c->source);
	json_members("instructions %lld changed %d",
		     (long long)(c->size / sizeof(struct sock_filter)), profile_changed(c, why));
	json_close();
}

static void json_pin(const struct pin *pin)
{
	AUTO_PROVENANCE struct provenance p = {0};

	read_provenance(pin, &p);
	json_open(NULL, '{');
	json_members("name %s version %s arch %s", pin->name, pin->version, pin->arch);
	json_digest("digest", &pin->digest);
	json_string("origin", origin_name(pin->origin));
	if (pin->place)
		json_string("in", pin->place);
	json_provenance(&p);
	json_close();
}

static void json_app(const struct app *app, const struct plan *plan, const char *asleep)
{
	json_open(NULL, '{');
	json_string("app", app->path);
	json_members("state %s why %s", asleep ? "sleeps" : "pinned", asleep);
	json_string("real", plan ? plan->real : NULL);
	json_string("program", plan ? plan->program : NULL);
	json_string("as", app->program);
	json_string("kind", plan ? kind_name(plan->kind) : NULL);
	json_members("form %s on_failure %s forced %d", app->sealed ? "sealed" : "view",
		     on_failure_name(app->on_failure), app->forced);
	explanation_json(app);
	json_confinement(&app->confined);
	json_number("generation", plan ? (int64_t)plan->generation : -1);
	json_string("label", plan ? plan->label : NULL);
	json_open("pins", '[');
	for (size_t i = 0; i < app->npins; i++)
		json_pin(&app->pins[i]);
	json_close();
	json_open("covers", '[');
	for (size_t i = 0; plan && i < plan->ncovers; i++)
		json_record("target %s layer %s", plan->covers[i].target, plan->covers[i].layer);
	json_close();
	json_close();
}

/* Sets *asleep to the reason, which is in why, or to NULL. */
static int find_asleep(const struct apps *apps, const struct app *app, const char **asleep,
		       struct err *why)
{
	int r = asleep_find(opened, apps, app, NULL, why);

	*asleep = r > 0 ? printable(why->text) : NULL;
	return r < 0 ? r : 0;
}

static int show_app(const struct apps *apps, const struct app *app, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	const struct plan *plan = NULL;
	const char *asleep;
	struct err why;
	int r;

	if (!file)
		return err_nomem(err);
	if (find_asleep(apps, app, &asleep, &why) < 0)
		warn("%s", why.text);
	r = plan_load(PINLIB_PLANS, app->path, 0, file, err);
	if (r == 0)
		plan = &file->plan;
	else if (r != -ENOENT)
		warn("%s", err->text); /* the pins can be shown without the plan */
	if (want_json)
		json_app(app, plan, asleep);
	else
		print_app(app, plan, asleep);
	return 0;
}

/* -- one line for each app -- */

static void put_due(FILE *f, const struct app *app)
{
	char due[DUE_TEXT];

	due_text(app->until, time(NULL), due);
	if (*due)
		fprintf(f, " (%s)", due);
}

/* "zlib1g=1:1.2.11, libfoo=1.2 (forced)"; the caller frees it. */
static char *pins_text(const struct app *app, bool asleep)
{
	char *text = NULL, counted[64];
	size_t len = 0, listed = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < app->npins; i++)
		if (!is_counted(app, app->pins[i].origin))
			fprintf(f, "%s%s=%s%s%s", listed++ ? ", " : "", app->pins[i].name,
				app->pins[i].version, app->pins[i].place ? " in " : "",
				app->pins[i].place ? app->pins[i].place : "");
	for (int origin = PIN_WITH_DEPS; origin <= PIN_FREEZE; origin++)
		if (is_counted(app, origin)) {
			counted_text(app, origin, counted);
			fprintf(f, "%s%s", listed++ ? ", " : "", counted);
		}
	if (app->npins == 0)
		fputs("(the live system)", f);
	if (app->sealed)
		fputs(" (sealed)", f);
	if (app->forced)
		fputs(" (forced)", f);
	if (asleep)
		fputs(" (sleeps)", f);
	if (app->confined.profile)
		fprintf(f, " (confined by %s)", app->confined.profile);
	put_due(f, app);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int print_lines(const struct apps *apps, struct err *err)
{
	AUTO_FREE const char **paths = calloc(apps->count + 1, sizeof *paths);
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(paths, apps->count);
	struct table *t = table_new(2);

	if (!paths)
		return err_nomem(err);
	for (size_t i = 0; i < apps->count; i++)
		paths[i] = apps->items[i].path;
	for (size_t i = 0; i < apps->count; i++) {
		struct err ignored;
		bool asleep = asleep_find(opened, apps, &apps->items[i], &says, &ignored) > 0;
		AUTO_FREE char *pins = pins_text(&apps->items[i], asleep);

		if (!pins)
			return err_nomem(err);
		table_row(t, (const char *[]){paths[i], pins});
	}
	table_print(t);
	return 0;
}

/* In JSON every app is whole: a program that reads it can leave out what it does not need. */
static int show_all(struct policy *policy, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	if (r == 0 && !in_full && !want_json)
		return print_lines(&apps, err);
	for (size_t i = 0; r == 0 && i < apps.count; i++)
		r = show_app(&apps, &apps.items[i], err);
	return r;
}

static int show_one(struct policy *policy, const char *name, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_APP struct app app = {0};
	char path[PATH_MAX];
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	if (r == 0)
		r = find_pinned(&apps, name, path, err);
	if (r == 0)
		r = policy_app(policy, path, POLICY_NOW, &app, err);
	return r < 0 ? r : show_app(&apps, &app, err);
}

static int run_show(int count, char **operands, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	struct err ignored;
	int r;

	if (as_dot + as_svg + in_full + want_json > 1 && (as_dot || as_svg))
		return misused("give --dot or --svg alone, without --pins or --json");
	if (as_dot || as_svg)
		return graph_show(operands[0], as_svg, err);
	r = policy_open(&policy, err);
	if (r < 0)
		return r;
	if (store_open(PINLIB_STORE, false, &opened, &ignored) < 0)
		opened = NULL;
	json_open(NULL, '[');
	r = count > 0 ? show_one(policy, operands[0], err) : show_all(policy, err);
	json_close();
	store_close(&opened);
	return r;
}

const struct command command_show = {
	.name = "show",
	.group = GROUP_LOOK,
	.summary = "Show programs with pins: one in full, or a line for each",
	.text = "--dot and --svg draw the machine's pins, or those of APP and the programs that "
		"share its versions. Marks say which programs sleep, whose files changed, and "
		"which have processes to restart.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true}},
	.json = true,
	.run = run_show,
};
