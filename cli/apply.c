#include "cli/apply.h"

#include "base/strings.h"

#include "base/paths.h"
#include "change/apply.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "elf/elf.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option options[] = {
	{"file", required_argument, NULL, 'f'},
	{"exact", no_argument, NULL, 'x'},
	{"force", no_argument, NULL, 'F'},
	{"dry-run", no_argument, NULL, 'n'},
	{0},
};

static void say_added(void *ctx, const char *what)
{
	(void)ctx;
	warn("%s", what);
}

static void json_pins(const char *key, const struct app *app)
{
	json_open(key, '[');
	for (size_t i = 0; i < app->npins; i++) {
		char pin[1024];

		snprintf(pin, sizeof pin, "%s=%s", app->pins[i].name, app->pins[i].version);
		json_string(NULL, pin);
	}
	json_close();
}

static const char *what_changed(const struct app *was, const struct app *now)
{
	if (!was->path)
		return "wrapped";
	return now->path ? "changed" : "unwrapped";
}

static void print_app(struct table *t, const char *path, const struct app *was,
		      const struct app *now)
{
	if (!want_json) {
		table_row(t, (const char *[]){path, what_changed(was, now)});
		return;
	}
	json_open(NULL, '{');
	json_string("app", path);
	json_string("change", what_changed(was, now));
	json_pins("before", was);
	json_pins("after", now);
	json_close();
}

/* The policy from before beside the one that was changed. */
static int print_apps(struct policy *before, struct policy *after, const struct strings *changed,
		      struct err *err)
{
	struct table *t = table_new(2);
	int r = 0;

	for (size_t i = 0; r == 0 && i < changed->count; i++) {
		AUTO_APP struct app was = {0}, now = {0};
		const char *path = changed->items[i];

		r = policy_app(before, path, POLICY_NOW, &was, err);
		if (r == 0 || r == -ENOENT)
			r = policy_app(after, path, POLICY_NOW, &now, err);
		if (r == -ENOENT)
			r = 0;
		if (r == 0)
			print_app(t, path, &was, &now);
	}
	table_print(t);
	return r;
}

static int print_result(struct policy *before, struct session *s, const struct apply_request *req,
			const struct strings *changed, int64_t generation, struct err *err)
{
	int r;

	if (want_json) {
		json_open(NULL, '{');
		json_bool("changed", changed->count > 0);
		json_bool("dry_run", req->dry_run);
		json_number("generation", generation);
		json_open("apps", '[');
	}
	r = print_apps(before, s->policy, changed, err);
	if (want_json) {
		json_close();
		json_close();
	} else if (changed->count == 0) {
		printf("all is as described, in generation %lld\n", (long long)generation);
	} else if (req->dry_run) {
		printf("nothing was changed: --dry-run\n");
	} else {
		printf("generation %lld\n", (long long)generation);
	}
	return r;
}

int apply_description(struct session *s, const struct description *d,
		      const struct apply_request *req, const char *command)
{
	AUTO_POLICY struct policy *before = NULL;
	AUTO_STRINGS struct strings changed = {0};
	const struct apply_options how = {.exact = req->exact,
				      .dry_run = req->dry_run,
				      .facts = elf_facts,
				      .report = say_added};
	struct err err;
	int64_t generation;

	if (policy_open(&before, &err) < 0 ||
	    apply_to_policy(s->policy, s->store, d, &how, &changed, &err) < 0)
		return failed(&err);
	generation = policy_current(before);
	if (changed.count && !req->dry_run &&
	    session_activate(s, &changed, command, req->force, &generation) != EXIT_OK)
		return EXIT_FAIL;
	if (print_result(before, s, req, &changed, generation, &err) < 0)
		return failed(&err);
	return EXIT_OK;
}

/* What was never written, or lies on what is not mounted, does not say that nothing is to be wrapped. */
static int need_directory(struct err *err)
{
	if (access(PINLIB_PINS, F_OK) == 0)
		return 0;
	return err_sys(err, errno,
		       "--exact would unwrap every program, as nothing is described: 'pinlib unset "
		       "--all' does that; %s",
		       PINLIB_PINS);
}

static int run(int argc, char **argv)
{
	AUTO_DESCRIPTION struct description d = {0};
	AUTO_SESSION struct session session = {.lock = -1};
	struct apply_request req = {0};
	const char *file = NULL;
	char command[1024];
	struct err err;
	int c, r;

	command_line(argc, argv, command, sizeof command);
	while ((c = next_option(argc, argv, options)) != -1) {
		if (c == 'f')
			file = optarg;
		else if (c == 'x')
			req.exact = true;
		else if (c == 'F')
			req.force = true;
		else if (c == 'n')
			req.dry_run = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return misused(&command_apply, "'%s' is too much", argv[optind]);
	progress_show();
	r = file ? description_read_file(file, &d, &err)
		 : description_read_dir(PINLIB_PINS, &d, &err);
	if (r == 0 && req.exact && !file)
		r = need_directory(&err);
	if (r < 0 || session_begin(&session, &err) < 0)
		return failed(&err);
	return apply_description(&session, &d, &req, command);
}

const struct command command_apply = {
	.name = "apply",
	.synopsis = "[--file FILE] [--exact] [--force] [--dry-run] [--json]",
	.summary = "Wrap programs as /etc/pinlib/pins.d/*.conf describes it",
	.options = "All of it or nothing. What is as described already is left alone; see "
		   "pinlib.conf(5).\n"
		   "  -f, --file FILE  this description instead, '-' for standard input\n"
		   "  --exact          unwrap the programs that are not described\n"
		   "  --force          even if the loader is against a view\n"
		   "  --dry-run        only say what would change\n",
	.letters = "f:",
	.root = true,
	.run = run,
};
