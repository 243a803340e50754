#include "base/path.h"
#include "change/depends.h"
#include "change/select.h"
#include "change/with_deps.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "commands/explain.h"
#include "host/app_file.h"
#include "host/wrap.h"
#include "intake/intake.h"
#include "policy/caution.h"
#include "policy/policy.h"
#include "policy/profile.h"
#include "policy/supply.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct {
	bool force, with_deps, host, sealed, view;
	const char *on_failure, *profile, *place, *as;
	struct explanation why;
} given;

static const struct command_option options[] = {
	FLAG(&given.force, "force",
	     "even if the loader finds that APP would not work, or APP should not be pinned"),
	FLAG(&given.with_deps, "with-deps",
	     "also pin what the packages depend on, and the libraries that APP then lacks, "
	     "from the store or from where the versions came from"),
	OPTION(&given.place, "in", ARG_DIRECTORY, "DIR",
	       "also show the libraries in DIR, where APP opens them by their path or a launcher's "
	       "LD_LIBRARY_PATH leads"),
	OPTION(&given.as, "as", ARG_FILE, "PATH",
	       "instead of APP: the program of the pinned versions appears at PATH, beside the "
	       "live system's program, or where there is none",
	       .instead = true),
	OPTION(&given.on_failure, "on-failure", ARG_WORDS, "refuse|unpinned",
	       "without its capability the wrapper refuses to start APP (default), or starts it "
	       "without pins"),
	OPTION(&given.profile, "confine", ARG_PROFILE, "PROFILE",
	       "filter APP's system calls: 'legacy', or a file in /etc/pinlib/profiles; 'none' "
	       "removes the filter"),
	FLAG(&given.sealed, "sealed",
	     "APP becomes a sealed program: a copy that names its pinned libraries by their "
	     "content, "
	     "without a view (pinlib(7))"),
	FLAG(&given.view, "view", "APP has a view of its pinned files; the default"),
	FLAG(&given.host, "host",
	     "without pins: APP gets the live system's libraries even inside the view of another "
	     "program"),
	EXPLANATION_OPTIONS(&given.why),
	{0},
};

struct set_request {
	enum plan_on_failure on_failure; /* 0: as it is, or refuse */
	char **texts;
	struct spec *specs; /* of a source empty until it is in the store */
	size_t nspecs;
};

/* A pin replaces another pin of its library: of two in one command, one would be lost silently. */
static int check_other(const struct versions *before, const struct version *v, struct err *err)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct version *x = &before->items[i];

		if (strcmp(x->name, v->name) == 0 && strcmp(x->arch, v->arch) == 0 &&
		    !digest_equal(&x->digest, &v->digest))
			return err_set(err, EINVAL, "two pins are versions of %s (%s): %s and %s",
				       v->name, v->arch, x->version, v->version);
	}
	return 0;
}

/* Makes the spec of a source: the version that it has, by its digest. */
static int add_source(struct session *s, const char *source, struct spec *spec, struct err *err)
{
	AUTO_VERSION struct version v = {0};
	char hex[DIGEST_HEX];
	bool known;
	int r = session_add(s, source, NULL, NULL, &v, &known, err);

	if (r < 0)
		return r;
	digest_hex(&v.digest, hex);
	snprintf(spec->name, sizeof spec->name, "%s", v.name);
	snprintf(spec->version, sizeof spec->version, "sha256:%s", hex);
	return 0;
}

/* They stay in the store if the pins are refused; gc removes them. */
static int add_sources(struct session *s, const struct set_request *req, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < req->nspecs; i++)
		if (!req->specs[i].name[0])
			r = add_source(s, req->texts[i], &req->specs[i], err);
	return r;
}

static int pin_one(struct session *s, const char *app, const struct version *v, struct err *err)
{
	char place[PATH_MAX];
	int r = select_place(given.place ? given.place : "", v, place, err);

	return r < 0 ? r : policy_pin(s->policy, app, v, PIN_BY_HAND, *place ? place : NULL, err);
}

/* Of a new program the pinned versions decide the architecture. */
static int find_arch(struct session *s, const char *path, const char **arch, struct err *err)
{
	AUTO_APP struct app app = {0};
	int r;

	*arch = NULL;
	if (given.as)
		return 0;
	r = policy_app(s->policy, path, POLICY_NOW, &app, err);
	return r < 0 ? r : select_arch(s->store, &app, arch, err);
}

/* The versions that the command names come first; perl's program is in perl-base, on which it depends. */
static int show_program(struct session *s, const char *app, const struct versions *pins,
			struct err *err)
{
	AUTO_VERSIONS struct versions all = {0};
	AUTO_APP struct app now = {0};
	char program[PATH_MAX];
	struct err ignored;
	int r = supply_choose(app, pins, program, err);

	if (r < 0 && policy_app(s->policy, app, POLICY_NOW, &now, &ignored) == 0 &&
	    supply_load(s->store, &now, &all, &ignored) == 0 &&
	    supply_choose(app, &all, program, &ignored) == 0)
		r = 0;
	return r < 0 ? r : policy_show_as(s->policy, app, program, err);
}

static int add_depends(struct session *s, const char *app, struct err *err)
{
	return given.with_deps ? depends_add(s->policy, s->store, app, warn_report, NULL, err) : 0;
}

static int pin_all(struct session *s, const char *app, const struct set_request *req,
		   struct err *err)
{
	AUTO_VERSIONS struct versions pins = {0};
	const char *arch = NULL;
	int r = add_sources(s, req, err);

	if (r == 0 && req->nspecs)
		r = find_arch(s, app, &arch, err);
	pins.items = calloc(req->nspecs + 1, sizeof *pins.items);
	if (!pins.items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < req->nspecs; i++) {
		struct version *v = &pins.items[i];

		r = select_version(s->store, &req->specs[i], app, arch, v, err);
		if (r == 0)
			r = check_other(&pins, v, err);
		if (r == 0)
			r = pin_one(s, app, v, err);
		pins.count = i + 1;
	}
	if (r == 0)
		r = add_depends(s, app, err);
	return r == 0 && given.as ? show_program(s, app, &pins, err) : r;
}

static int set_filter(struct session *s, const char *app, const char *profile, struct err *err)
{
	AUTO_CONFINEMENT struct confinement confined = {0};
	int r = 0;

	if (strcmp(profile, "none") != 0)
		r = profile_compile(profile_dirs, profile, &confined, err);
	return r < 0 ? r : policy_confine(s->policy, app, &confined, err);
}

/* --as replaces nothing that is not pinlib's. */
static int refuse_live(const char *app, bool known, struct err *err)
{
	struct stat st;

	if (known || wrap_present(app) || (lstat(app, &st) < 0 && errno == ENOENT))
		return 0;
	return err_set(err, EEXIST,
		       "%s exists: give --as another path, or pin the live program ('pinlib set %s "
		       "NAME=VERSION')",
		       app, app);
}

static bool will_be_sealed(bool now)
{
	return given.sealed || (now && !given.view);
}

static int heed_cautions(const char *app, bool sealed, struct err *err)
{
	const struct strings apps = {.items = (char *[]){(char *)app}, .count = 1};

	return caution_check(&apps, will_be_sealed(sealed) ? &apps : NULL,
			     given.force ? &apps : NULL, warn_report, NULL, err);
}

static int set_app(struct session *s, const char *app, const struct set_request *req,
		   struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&app, 1);
	AUTO_APP struct app now = {0};
	enum plan_on_failure on_failure = req->on_failure;
	int r = policy_app(s->policy, app, POLICY_NOW, &now, err);
	int allowed;

	if (r < 0 && r != -ENOENT)
		return r;
	allowed = wrap_allowed(app, given.as || app_is_supplied(s->store, &now), &says, err);
	if (allowed == 0 && given.as)
		allowed = refuse_live(app, r == 0, err);
	if (allowed == 0 && (req->nspecs || given.view) && !given.as)
		allowed = heed_cautions(app, now.sealed, err);
	if (allowed < 0)
		return allowed;
	if (!on_failure)
		on_failure = r == 0 ? now.on_failure : PLAN_REFUSE;
	if (given.host && now.npins)
		return err_set(err, EEXIST, "%s has pins: 'pinlib unset %s' removes them", app,
			       app);
	if (!given.host && !req->nspecs && r == -ENOENT)
		return err_set(err, EINVAL,
			       "%s has no pins: give NAME=VERSION, or --host to wrap it without "
			       "pins",
			       app);
	r = policy_wrap(s->policy, app, on_failure, false, err);
	if (r == 0)
		r = policy_seal(s->policy, app, will_be_sealed(now.sealed), err);
	if (r == 0)
		r = pin_all(s, app, req, err);
	if (r == 0 && given.profile)
		r = set_filter(s, app, given.profile, err);
	if (r == 0)
		r = explanation_apply(&given.why, s->policy, app, err);
	if (r == 0 && given.with_deps)
		r = with_deps_add(s->policy, s->store, app, warn_report, NULL, err);
	return r;
}

static int print_pins(struct session *s, const char *app, struct err *err)
{
	AUTO_APP struct app now = {0};
	struct table *t;
	int r = policy_app(s->policy, app, POLICY_NOW, &now, err);

	if (r < 0)
		return r;
	json_open(NULL, '{');
	json_members("app %s generation %lld profile %s form %s", app, (long long)s->generation,
		     now.confined.profile, now.sealed ? "sealed" : "view");
	explanation_json(&now);
	json_close();
	t = table_new(3);
	if (now.npins == 0)
		table_row(t,
			  (const char *[]){app, "(no pins)", "always the live system's libraries"});
	for (size_t i = 0; i < now.npins; i++)
		table_row(t, (const char *[]){app, now.pins[i].name, now.pins[i].version});
	table_print(t);
	if (now.confined.profile)
		print_line("confined by %s", now.confined.profile);
	if (now.sealed)
		print_line("sealed");
	explanation_print("", &now);
	print_line("generation %lld", (long long)s->generation);
	return 0;
}

/* Programs that a user owns, or that no package brings, may replace themselves by a newer version. In a view they cannot,
 * as the original is mounted on their path. */
static bool may_update_itself(const char *app)
{
	struct stat st;

	return path_below(app, "/opt") || path_below(app, "/usr/local") ||
	       (stat(app, &st) == 0 && st.st_uid != 0);
}

static void say_update(const char *app)
{
	warn("note: %s cannot rename or remove its own file while it runs in its view; if it "
	     "updates itself, run 'pinlib unset %s' before the update",
	     app, app);
}

static int set_and_activate(const char *name, const struct set_request *req, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	char app[PATH_MAX];
	struct strings paths = {.items = (char *[]){app}, .count = 1};
	bool new_update;
	int status;

	progress_show();
	if (session_begin(&session, err) < 0 ||
	    (given.as ? find_new_app(given.as, app, err) : find_app(name, app, err)) < 0 ||
	    set_app(&session, app, req, err) < 0)
		return EXIT_ERR;
	new_update = !given.as && !given.sealed && !wrap_present(app) && may_update_itself(app);
	status = session_activate(&session, &paths, given.force);
	if (status)
		return status;
	if (new_update)
		say_update(app);
	return print_pins(&session, app, err);
}

/* The command changes nothing that a view depends on. */
static bool only_explains(const struct set_request *req)
{
	return explanation_given(&given.why) && !req->nspecs && !req->on_failure &&
	       !given.profile && !given.sealed && !given.view && !given.host && !given.as &&
	       !given.with_deps && !given.force;
}

/* Makes a generation, without a new plan or proof. The program need not exist now. */
static int explain_app(const char *name, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_APPS struct apps apps = {0};
	const struct strings none = {0};
	char app[PATH_MAX];

	if (session_begin(&session, err) < 0 ||
	    policy_apps(session.policy, POLICY_NOW, &apps, err) < 0 ||
	    find_pinned(&apps, name, app, err) < 0 ||
	    explanation_apply(&given.why, session.policy, app, err) < 0)
		return EXIT_ERR;
	if (session_activate(&session, &none, false) != EXIT_OK)
		return EXIT_FAIL;
	return print_pins(&session, app, err);
}

static int read_specs(char **texts, struct set_request *req, struct err *err)
{
	req->texts = texts;
	for (size_t i = 0; i < req->nspecs; i++) {
		int r = intake_is_source(texts[i]) ? 0 : spec_parse(texts[i], &req->specs[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool read_on_failure(enum plan_on_failure *out)
{
	if (!given.on_failure)
		return true;
	if (strcmp(given.on_failure, "refuse") == 0)
		*out = PLAN_REFUSE;
	else if (strcmp(given.on_failure, "unpinned") == 0)
		*out = PLAN_UNPINNED;
	else
		return false;
	return true;
}

static int run_set(int count, char **operands, struct err *err)
{
	AUTO_FREE struct spec *specs = calloc((size_t)count, sizeof *specs);
	char **texts = operands + !given.as; /* --as has the program */
	struct set_request req = {.specs = specs, .nspecs = (size_t)(count - !given.as)};

	if (!specs)
		return err_nomem(err);
	if (!read_on_failure(&req.on_failure))
		return misused("--on-failure takes 'refuse' or 'unpinned', not '%s'",
			       given.on_failure);
	if (given.place && !req.nspecs)
		return misused("--in needs NAME=VERSION");
	if (given.place && given.place[0] != '/')
		return misused("--in takes the full path of a directory, not '%s'", given.place);
	if (given.host && req.nspecs)
		return misused("--host does not go with NAME=VERSION");
	if (given.as && req.on_failure == PLAN_UNPINNED)
		return misused("--on-failure=unpinned does not go with --as: there is no program "
			       "without pins");
	if (given.sealed && (given.view || given.host || given.as || given.place || given.profile))
		return misused("--sealed does not go with %s: only a view has it",
			       given.view    ? "--view"
			       : given.host  ? "--host"
			       : given.as    ? "--as"
			       : given.place ? "--in"
					     : "--confine");
	if (explanation_read(&given.why, err) < 0)
		return misused("%s", err->text);
	if (only_explains(&req))
		return explain_app(operands[0], err);
	if (!given.host && !req.nspecs && !req.on_failure && !given.profile && !given.sealed &&
	    !given.view)
		return misused("missing NAME=VERSION");
	if (read_specs(texts, &req, err) < 0)
		return misused("%s", err->text);
	return set_and_activate(operands[0], &req, err);
}

const struct command command_set = {
	.name = "set",
	.group = GROUP_PIN,
	.summary = "Pin library versions for a program",
	.text = "APP is a command in PATH or a path. NAME is a package (zlib1g), a soname "
		"(libz.so.1) or its stem (libz). VERSION is a whole version, or its leading "
		"components. SOURCE is a source of 'pinlib add': apt:PACKAGE, or a path. All pins "
		"are set, or none: pinlib first asks the loader whether APP would work with them. "
		"--reason and --until alone change an APP that is already pinned.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_APP},
		     {.name = "NAME=VERSION|SOURCE",
		      .kind = ARG_SPEC,
		      .optional = true,
		      .repeats = true}},
	.json = true,
	.root = true,
	.run = run_set,
};
