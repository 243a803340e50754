#include "cli/cli.h"
#include "cli/out.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

/* "zlib1g=1:1.2.11, libfoo=1.2 (forced)"; the caller frees it. */
static char *pins_text(const struct app *app)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < app->npins; i++)
		fprintf(f, "%s%s=%s", i ? ", " : "", app->pins[i].name, app->pins[i].version);
	if (app->npins == 0)
		fputs("(the live system)", f);
	if (app->forced)
		fputs(" (forced)", f);
	if (app->confined.profile)
		fprintf(f, " (confined by %s)", app->confined.profile);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int print_table(const struct apps *apps, struct err *err)
{
	struct table *t = table_new(2);

	for (size_t i = 0; i < apps->count; i++) {
		AUTO_FREE char *pins = pins_text(&apps->items[i]);

		if (!pins)
			return err_nomem(err);
		table_row(t, (const char *[]){apps->items[i].path, pins});
	}
	table_print(t);
	return 0;
}

static int print_json(const struct apps *apps, struct err *err)
{
	json_open(NULL, '[');
	for (size_t i = 0; i < apps->count; i++) {
		const struct app *app = &apps->items[i];

		json_open(NULL, '{');
		json_string("app", app->path);
		json_open("pins", '[');
		for (size_t k = 0; k < app->npins; k++) {
			AUTO_FREE char *pin = NULL;

			if (asprintf(&pin, "%s=%s", app->pins[k].name, app->pins[k].version) < 0)
				return err_nomem(err);
			json_string(NULL, pin);
		}
		json_close();
		json_bool("forced", app->forced);
		json_string("profile", app->confined.profile);
		json_close();
	}
	json_close();
	return 0;
}

static int run(int argc, char **argv)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	struct err err;
	int r;

	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	if (optind < argc)
		return misused(&command_list, "'%s' is too much; see 'pinlib show'", argv[optind]);
	r = policy_open(&policy, &err);
	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &apps, &err);
	if (r == 0)
		r = want_json ? print_json(&apps, &err) : print_table(&apps, &err);
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_list = {
	.name = "list",
	.synopsis = "[--json]",
	.summary = "List the wrapped programs and their pins",
	.run = run,
};
