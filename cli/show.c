#include "base/paths.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "plan/read.h"
#include "policy/profile.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* What follows a pin's version: "sha256:0123456789ab (freeze)". */
static void pin_text(const struct pin *pin, char text[DIGEST_HEX + 32])
{
	char hex[DIGEST_HEX];

	digest_hex(&pin->digest, hex);
	if (pin->origin == PIN_BY_HAND)
		snprintf(text, DIGEST_HEX + 32, "sha256:%.12s", hex);
	else
		snprintf(text, DIGEST_HEX + 32, "sha256:%.12s (%s)", hex, origin_name(pin->origin));
}

static void print_confinement(const struct confinement *c)
{
	char why[ERR_TEXT_MAX];

	if (!c->profile)
		return;
	printf("  confined by %s (%zu instructions)\n", c->profile,
	       c->size / sizeof(struct sock_filter));
	if (profile_changed(c, why))
		printf("  note: %s\n", printable(why));
}

static void print_text(const struct app *app, const struct plan *plan)
{
	struct table *t = table_new(4);

	printf("%s\n", app->path);
	for (size_t i = 0; i < app->npins; i++) {
		char text[DIGEST_HEX + 32];

		pin_text(&app->pins[i], text);
		table_row(t,
			  (const char *[]){"  pin", app->pins[i].name, app->pins[i].version, text});
	}
	table_print(t);
	if (app->forced)
		printf("  forced: its view was not proven\n");
	print_confinement(&app->confined);
	printf("  without capability: %s\n", on_failure_name(app->on_failure));
	if (!plan) {
		printf("  no plan: run 'pinlib verify'\n");
		return;
	}
	printf("  original: %s (%s), generation %llu\n", plan->real, kind_name(plan->kind),
	       (unsigned long long)plan->generation);
	if (plan->ncovers == 0)
		printf("  sees the live system\n");
	for (size_t i = 0; i < plan->ncovers; i++)
		printf("  covers %s\n      with %s\n", plan->covers[i].target,
		       plan->covers[i].layer);
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
	json_number("instructions", (int64_t)(c->size / sizeof(struct sock_filter)));
	json_bool("changed", profile_changed(c, why));
	json_close();
}

static void print_json(const struct app *app, const struct plan *plan)
{
	json_open(NULL, '{');
	json_string("app", app->path);
	json_string("real", plan ? plan->real : NULL);
	json_string("kind", plan ? kind_name(plan->kind) : NULL);
	json_string("on_failure", on_failure_name(app->on_failure));
	json_bool("forced", app->forced);
	json_confinement(&app->confined);
	json_number("generation", plan ? (int64_t)plan->generation : -1);
	json_string("label", plan ? plan->label : NULL);
	json_open("pins", '[');
	for (size_t i = 0; i < app->npins; i++) {
		json_open(NULL, '{');
		json_string("name", app->pins[i].name);
		json_string("version", app->pins[i].version);
		json_string("arch", app->pins[i].arch);
		json_digest("digest", &app->pins[i].digest);
		json_string("origin", origin_name(app->pins[i].origin));
		json_close();
	}
	json_close();
	json_open("covers", '[');
	for (size_t i = 0; plan && i < plan->ncovers; i++) {
		json_open(NULL, '{');
		json_string("target", plan->covers[i].target);
		json_string("layer", plan->covers[i].layer);
		json_close();
	}
	json_close();
	json_close();
}

static int show(const struct app *app, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	const struct plan *plan = NULL;
	int r;

	if (!file)
		return err_nomem(err);
	r = plan_load(PINLIB_PLANS, app->path, 0, file, err);
	if (r == 0)
		plan = &file->plan;
	else if (r != -ENOENT)
		warn("%s", err->text); /* the pins can be shown all the same */
	if (want_json)
		print_json(app, plan);
	else
		print_text(app, plan);
	return 0;
}

static int show_all(struct policy *policy, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		r = show(&apps.items[i], err);
	return r;
}

static int show_one(struct policy *policy, const char *name, struct err *err)
{
	AUTO_APP struct app app = {0};
	char path[PATH_MAX];
	int r = find_app(name, path, err);

	if (r == 0)
		r = policy_app(policy, path, POLICY_NOW, &app, err);
	return r < 0 ? r : show(&app, err);
}

static int run(int argc, char **argv)
{
	AUTO_POLICY struct policy *policy = NULL;
	struct err err;
	int r;

	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	if (argc - optind > 1)
		return misused(&command_show, "one program at a time");
	r = policy_open(&policy, &err);
	if (r < 0)
		return failed(&err);
	if (want_json)
		json_open(NULL, '[');
	r = optind < argc ? show_one(policy, argv[optind], &err) : show_all(policy, &err);
	if (want_json)
		json_close();
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_show = {
	.name = "show",
	.synopsis = "[--json] [APP]",
	.summary = "Show a program's pins and what its view covers",
	.wrapped = true,
	.run = run,
};
