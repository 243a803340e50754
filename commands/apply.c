#include "commands/apply.h"
#include "change/apply.h"

#include "base/paths.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "commands/explain.h"
#include "policy/policy.h"

#include <stdio.h>
#include <string.h>

static struct {
	const char *file;
	struct apply_request request;
} given;

static const struct command_option options[] = {
	OPTION(&given.file, "file", ARG_FILE, "FILE",
	       "read this description; '-' is standard input", .letter = 'f'),
	FLAG(&given.request.exact, "exact", "also unwrap programs without a description"),
	FLAG(&given.request.force, "force",
	     "even if the loader finds that a program would not work, or a program should not be "
	     "pinned"),
	FLAG(&given.request.dry_run, "dry-run", "only print what would change"),
	{0},
};

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

static void print_change(struct table *t, const char *path, const struct app *was,
			 const struct app *now)
{
	table_row(t, (const char *[]){path, what_changed(was, now)});
	json_open(NULL, '{');
	json_members("app %s change %s", path, what_changed(was, now));
	json_pins("before", was);
	json_pins("after", now);
	explanation_json(now);
	json_close();
}

/* Compares the policy before the change with the changed one. */
static int print_app_changes(struct policy *before, struct policy *after,
			     const struct strings *changed, struct err *err)
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
			print_change(t, path, &was, &now);
	}
	table_print(t);
	return r;
}

static int print_changes(struct policy *before, struct session *s, const struct apply_request *req,
			 const struct strings *changed, struct err *err)
{
	int r;

	json_open(NULL, '{');
	json_members("changed %d dry_run %d generation %lld", changed->count > 0, req->dry_run,
		     (long long)s->generation);
	json_open("apps", '[');
	r = print_app_changes(before, s->policy, changed, err);
	json_close();
	json_close();
	if (changed->count == 0)
		print_line("nothing to change: generation %lld already matches the description",
			   (long long)s->generation);
	else if (req->dry_run)
		print_line("nothing was changed (--dry-run)");
	else
		print_line("generation %lld", (long long)s->generation);
	return r;
}

int apply_description(struct session *s, const struct description *d,
		      const struct apply_request *req, struct err *err)
{
	AUTO_POLICY struct policy *before = NULL;
	AUTO_STRINGS struct strings changed = {0}, activate = {0};
	const struct apply_options how = {
		.exact = req->exact,
		.force = req->force,
		.dry_run = req->dry_run,
		.report = warn_report,
	};

	if (policy_open(&before, err) < 0 ||
	    apply_to_policy(s->policy, s->store, d, &how, &changed, &activate, err) < 0)
		return EXIT_ERR;
	s->generation = policy_current(before);
	if (changed.count && !req->dry_run && session_activate(s, &activate, req->force) != EXIT_OK)
		return EXIT_FAIL;
	return print_changes(before, s, req, &changed, err);
}

/* A missing directory may only not be mounted yet: that is no order to unwrap every program. */
static int need_directory(struct err *err)
{
	if (access(PINLIB_PINS, F_OK) == 0)
		return 0;
	return err_sys(
		err, errno,
		"--exact without descriptions would unwrap every program; 'pinlib unset --all' "
		"does that; %s",
		PINLIB_PINS);
}

static int run_apply(int count, char **operands, struct err *err)
{
	AUTO_DESCRIPTION struct description d = {0};
	AUTO_SESSION struct session session = {.lock = -1};
	int r;

	(void)count;
	(void)operands;
	progress_show();
	r = given.file ? description_read_file(given.file, &d, err)
		       : description_read_dir(PINLIB_PINS, &d, err);
	if (r == 0 && given.request.exact && !given.file)
		r = need_directory(err);
	if (r == 0)
		r = session_begin(&session, err);
	return r < 0 ? r : apply_description(&session, &d, &given.request, err);
}

const struct command command_apply = {
	.name = "apply",
	.group = GROUP_UPGRADES,
	.summary = "Pin as /etc/pinlib/pins.d/*.conf describes",
	.text = "Applies all descriptions or none, and leaves programs alone that already match. "
		"The format is in pinlib.conf(5).",
	.options = options,
	.json = true,
	.root = true,
	.run = run_apply,
};
