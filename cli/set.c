#include "base/strings.h"
#include "change/select.h"
#include "change/with_deps.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "elf/elf.h"
#include "host/wrap.h"
#include "policy/profile.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option options[] = {
	{"on-failure", required_argument, NULL, 'f'},
	{"host", no_argument, NULL, 'h'},
	{"force", no_argument, NULL, 'F'},
	{"with-deps", no_argument, NULL, 'd'},
	{"confine", required_argument, NULL, 'c'},
	{0},
};

struct request {
	enum plan_on_failure on_failure; /* 0: as it is, or refuse */
	bool host, force, with_deps;
	const char *profile; /* NULL: as it is; "none" */
	struct spec *specs;
	size_t nspecs;
};

/* A pin takes the place of another of its library: of two at once one would be lost in silence. */
static int check_other(const struct versions *before, const struct version *v, struct err *err)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct version *x = &before->items[i];

		if (strcmp(x->name, v->name) == 0 && strcmp(x->arch, v->arch) == 0 &&
		    !digest_equal(&x->digest, &v->digest))
			return err_set(err, EINVAL, "two pins are versions of %s (%s): %s and %s", v->name,
				       v->arch, x->version, v->version);
	}
	return 0;
}

static int pin_all(struct session *s, const char *app, const struct request *req, struct err *err)
{
	AUTO_VERSIONS struct versions pins = {0};
	const char *arch = "";
	int r = req->nspecs ? select_arch(app, &arch, err) : 0;

	pins.items = calloc(req->nspecs + 1, sizeof *pins.items);
	if (!pins.items)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < req->nspecs; i++) {
		struct version *v = &pins.items[i];

		r = select_version(s->store, &req->specs[i], app, arch, v, err);
		if (r == 0)
			r = check_other(&pins, v, err);
		if (r == 0)
			r = policy_pin(s->policy, app, v, PIN_BY_HAND, err);
		pins.count = i + 1;
	}
	return r;
}

static int confine(struct session *s, const char *app, const char *profile, struct err *err)
{
	AUTO_CONFINEMENT struct confinement confined = {0};
	int r = 0;

	if (strcmp(profile, "none") != 0)
		r = profile_compile(profile_dirs, profile, &confined, err);
	return r < 0 ? r : policy_confine(s->policy, app, &confined, err);
}

static void say_added(void *ctx, const char *what)
{
	(void)ctx;
	warn("%s", what);
}

static int change(struct session *s, const char *app, const struct request *req, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&app, 1);
	AUTO_APP struct app now = {0};
	enum plan_on_failure on_failure = req->on_failure;
	int r = wrap_allowed(app, &says, err);

	if (r < 0)
		return r;
	r = policy_app(s->policy, app, POLICY_NOW, &now, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (!on_failure)
		on_failure = r == 0 ? now.on_failure : PLAN_REFUSE;
	if (req->host && now.npins)
		return err_set(err, EEXIST,
			       "%s has pins: take them away first with 'pinlib unset %s'", app,
			       app);
	if (!req->host && !req->nspecs && r == -ENOENT)
		return err_set(err, EINVAL,
			       "%s has no pins, and none was given (without any: 'pinlib set "
			       "--host')",
			       app);
	r = policy_wrap(s->policy, app, on_failure, false, err);
	if (r == 0)
		r = pin_all(s, app, req, err);
	if (r == 0 && req->profile)
		r = confine(s, app, req->profile, err);
	if (r == 0 && req->with_deps)
		r = with_deps_add(s->policy, s->store, app, elf_facts, say_added, NULL, err);
	return r;
}

static int print_result(struct session *s, const char *app, int64_t generation, struct err *err)
{
	AUTO_APP struct app now = {0};
	struct table *t;
	int r = policy_app(s->policy, app, POLICY_NOW, &now, err);

	if (r < 0)
		return r;
	if (want_json) {
		json_open(NULL, '{');
		json_string("app", app);
		json_number("generation", generation);
		json_string("profile", now.confined.profile);
		json_close();
		return 0;
	}
	t = table_new(3);
	if (now.npins == 0)
		table_row(t, (const char *[]){app, "(no pins)", "always the live system"});
	for (size_t i = 0; i < now.npins; i++)
		table_row(t, (const char *[]){app, now.pins[i].name, now.pins[i].version});
	table_print(t);
	if (now.confined.profile)
		printf("confined by %s\n", now.confined.profile);
	printf("generation %lld\n", (long long)generation);
	return 0;
}

static int carry_out(int argc, char **argv, const char *name, const struct request *req)
{
	AUTO_SESSION struct session session = {.lock = -1};
	char app[PATH_MAX], command[1024];
	struct strings paths = {.items = (char *[]){app}, .count = 1};
	struct err err;
	int64_t generation = 0;

	command_line(argc, argv, command, sizeof command);
	if (session_begin(&session, &err) < 0 || find_app(name, app, &err) < 0 ||
	    change(&session, app, req, &err) < 0)
		return failed(&err);
	if (session_activate(&session, &paths, command, req->force, &generation) != EXIT_OK)
		return EXIT_FAIL;
	if (print_result(&session, app, generation, &err) < 0)
		return failed(&err);
	return EXIT_OK;
}

static int read_specs(char **texts, struct request *req, struct err *err)
{
	for (size_t i = 0; i < req->nspecs; i++) {
		int r = spec_parse(texts[i], &req->specs[i], err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int run(int argc, char **argv)
{
	struct request req = {0};
	AUTO_FREE struct spec *specs = NULL;
	struct err err;
	int c;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c == 'h')
			req.host = true;
		else if (c == 'F')
			req.force = true;
		else if (c == 'd')
			req.with_deps = true;
		else if (c == 'c')
			req.profile = optarg;
		else if (c == 'f' && strcmp(optarg, "refuse") == 0)
			req.on_failure = PLAN_REFUSE;
		else if (c == 'f' && strcmp(optarg, "unpinned") == 0)
			req.on_failure = PLAN_UNPINNED;
		else if (c == 'f')
			return misused(&command_set, "--on-failure is refuse or unpinned, not '%s'",
				       optarg);
		else
			return EXIT_USAGE;
	}
	if (optind >= argc)
		return misused(&command_set, "which program?");
	req.nspecs = (size_t)(argc - optind - 1);
	if (req.host && req.nspecs)
		return misused(&command_set, "--host goes without pins");
	if (!req.host && !req.nspecs && !req.on_failure && !req.profile)
		return misused(&command_set, "which library version? (NAME=VERSION)");
	req.specs = specs = calloc(req.nspecs + 1, sizeof *specs);
	if (!specs)
		return failed((err_nomem(&err), &err));
	if (read_specs(argv + optind + 1, &req, &err) < 0)
		return misused(&command_set, "%s", err.text);
	return carry_out(argc, argv, argv[optind], &req);
}

const struct command command_set = {
	.name = "set",
	.synopsis = "[--force] [--with-deps] [--on-failure=refuse|unpinned] [--confine=PROFILE] "
		    "APP NAME=VERSION... | --host APP",
	.summary = "Pin library versions for a program",
	.options =
		"APP is a command in PATH or a full path. NAME is a package (zlib1g), a soname\n"
		"(libz.so.1) or its stem (libz); VERSION is a whole version or its leading\n"
		"components. All pins are set, or none: the loader is asked first whether APP\n"
		"would work with them.\n"
		"  --force                 set them even if the loader is against it\n"
		"  --with-deps             pin what else APP then needs, from the store or from "
		"where\n"
		"                          the versions came from, until it would work\n"
		"  --on-failure=refuse     without its capability the wrapper refuses (default)\n"
		"  --on-failure=unpinned   ... or starts the program without its pins\n"
		"  --confine=PROFILE       a filter for its system calls: 'legacy', or one of\n"
		"                          /etc/pinlib/profiles; 'none' takes it away\n"
		"  --host                  no pins: the program sees the live system even when\n"
		"                          it is started inside another program's view\n",
	.root = true,
	.run = run,
};
