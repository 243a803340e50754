#include "base/caller.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "base/path.h"
#include "base/paths.h"
#include "change/select.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "commands/commands.h"
#include "commands/try_scratch.h"
#include "ephemeral/ephemeral.h"
#include "policy/policy.h"
#include "policy/supply.h"
#include "store/store.h"
#include "view/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool force, scratch, apply;
static const char *keep;

static const struct command_option options[] = {
	FLAG(&force, "force", "run APP even if libraries or symbols are missing"),
	FLAG(&scratch, "scratch",
	     "let APP write to a scratch layer instead of the live files, and list its changes"),
	OPTION(&keep, "keep", ARG_DIRECTORY, "DIR", "with --scratch: keep the changes in DIR"),
	FLAG(&apply, "apply", "with --scratch: make the changes to the live files at the end"),
	{0},
};

struct try_request {
	char *name;   /* the app, as it was typed */
	char **items; /* NAME=VERSION, SONAME=FILE */
	size_t nitems;
	char **args; /* for the app; ends in NULL */
};

/* The state before the run. */
struct try_base {
	struct store *store; /* NULL: there is none */
	struct app app;
	int64_t generation;
	const char *arch;
	struct caller caller;
};

static void base_free(struct try_base *b)
{
	store_close(&b->store);
	app_free(&b->app);
}

static int read_base(struct try_base *b, const char *name, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	char path[PATH_MAX];
	int r = find_app(name, path, err);

	if (r == 0)
		r = policy_open(&policy, err);
	if (r == 0)
		r = policy_app(policy, path, POLICY_NOW, &b->app, err);
	if (r == -ENOENT && policy) {
		b->app.path = strdup(path);
		r = b->app.path ? 0 : err_nomem(err);
	}
	if (r < 0)
		return r;
	b->generation = policy_current(policy);
	r = caller_find(&b->caller, err);
	if (r < 0)
		return r;
	r = store_open(PINLIB_STORE, false, &b->store, err);
	if (r < 0 && r != -ENOENT)
		return r;
	return select_arch(b->store, &b->app, &b->arch, err);
}

static int take_file(const struct try_base *b, const char *soname, const char *path,
		     struct ephemeral_item *item, struct err *err)
{
	char place[PATH_MAX];
	AUTO_FD int fd = -1;
	int r = ephemeral_place(b->store, &b->app, soname, place, err);

	if (r < 0)
		return r;
	fd = caller_open(&b->caller, path, err);
	return fd < 0 ? fd : ephemeral_take_file(item, soname, fd, path, b->arch, place, err);
}

/* SONAME=FILE if the value has a '/'; else a version in the store. */
static int read_item(const struct try_base *b, char *text, struct ephemeral_item *item,
		     struct err *err)
{
	char *equals = strchr(text, '=');
	struct spec spec;
	int r;

	item->text = text;
	if (equals && strchr(equals, '/')) {
		char soname[256];

		snprintf(soname, sizeof soname, "%.*s", (int)(equals - text), text);
		return take_file(b, soname, equals + 1, item, err);
	}
	r = spec_parse(text, &spec, err);
	if (r == 0 && access(spec.version, F_OK) == 0 && strstr(spec.version, ".so"))
		return err_set(err, EINVAL, "%s is not a version; if it is a file, write ./%s",
			       spec.version, spec.version);
	if (r == 0 && !b->store)
		return err_set(err, ENOENT,
			       "the store is empty: it has no %s; 'pinlib add' adds a version",
			       text);
	return r < 0 ? r : store_find(b->store, &spec, b->arch, &item->version, err);
}

/* -- the verdict -- */

static const struct loaded *loaded_as(const struct proof *proof, const char *soname)
{
	for (size_t i = 0; i < proof->nloaded; i++)
		if (strcmp(path_base(proof->loaded[i].name), soname) == 0)
			return &proof->loaded[i];
	return NULL;
}

/* Whether the program loads a library of the version, and from the place where the view shows it. */
static bool is_loaded(const struct ephemeral *t, const struct version *v, const struct proof *proof)
{
	for (size_t i = 0; i < v->nentries; i++) {
		const struct loaded *l =
			v->entries[i].soname ? loaded_as(proof, v->entries[i].soname) : NULL;
		char dir[PATH_MAX], real[PATH_MAX], path[2 * PATH_MAX];
		struct err ignored;

		if (!l)
			continue;
		path_dir(l->path, dir);
		snprintf(path, sizeof path, "%s/%s",
			 path_resolve(dir, real, NULL, &ignored) == 0 ? real : dir,
			 path_base(l->path));
		if (view_shows(&t->plan.view, path))
			return true;
		warn("note: %s loads %s instead of the library to be tried", t->app.path, l->path);
	}
	return false;
}

/* Whether the version brings the program itself. */
static bool brings_program(const struct ephemeral *t, const struct version *v)
{
	const struct entry *program = NULL;
	struct err ignored;

	return supply_find(&t->app, &t->pinned, &program, &ignored) == 0 && program &&
	       program >= v->entries && program < v->entries + v->nentries;
}

static void say_held(const struct ephemeral *t, const struct ephemeral_item *items, size_t n,
		     const struct verdict *v)
{
	for (size_t i = 0; i < n; i++) {
		if (brings_program(t, &items[i].version))
			warn("try: %s provides the program %s", items[i].text, t->app.path);
		else if (is_loaded(t, &items[i].version, &v->proof))
			warn("try: %s provides everything that %s and its libraries need from it",
			     items[i].text, t->app.path);
		else
			warn("try: %s is not loaded when %s starts", items[i].text, t->app.path);
	}
}

/* The remedy for a view that lacks a library: the versions that were to be tried, pinned with their libraries. */
static void say_with_deps(const struct ephemeral *t, const struct ephemeral_item *items, size_t n)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return;
	for (size_t i = 0; i < n; i++)
		if (!strchr(items[i].text, '/'))
			fprintf(f, " %s", items[i].text);
	if (fclose(f) == 0 && *text)
		warn("try: 'pinlib set --with-deps %s%s' also pins the libraries that it lacks",
		     t->app.path, text);
}

static void say_against(const struct ephemeral *t, const struct verdict *v)
{
	for (size_t i = 0; i < v->against.count; i++)
		warn("try: %s", v->against.items[i]);
	if (!force) {
		warn("try: %s was not run; --force runs it anyway", t->app.path);
		json_fail(v->against.items[0]);
	}
}

/* -- the run -- */

static int execute(const struct ephemeral *t, const struct try_request *req, struct err *err)
{
	int errnum;

	req->args[0] = req->name;
	unsetenv("PINLIB_LEFT_VIEW");
	execv(t->plan.plan.at, req->args);
	errnum = errno;
	err_sys(err, errnum, "cannot execute %s", t->plan.plan.at);
	failed(err);
	return errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}

/* A trial: this process becomes the program. */
struct trial {
	const struct try_base *base;
	const struct try_request *request;
	const struct ephemeral_item *items;
	struct ephemeral *view;
};

/* Whether the program is to run; negative after an error. */
static int judge(const struct trial *trial, struct err *err)
{
	const struct ephemeral *t = trial->view;
	AUTO_VERDICT struct verdict v = {0};
	const struct sysroot sysroot = view_sysroot(&t->plan.plan, t->program);
	int r = verdict_reach(trial->base->store, &t->app, &t->pinned, &sysroot, &v, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < v.remarks.count; i++)
		warn("note: %s", v.remarks.items[i]);
	if (v.against.count == 0)
		say_held(t, trial->items, trial->request->nitems, &v);
	else
		say_against(t, &v);
	if (v.against.count && proof_lacks_library(&v.proof))
		say_with_deps(t, trial->items, trial->request->nitems);
	return v.against.count == 0 || force;
}

/* in is NULL without --scratch. */
static int become(void *ctx, struct try_scratch *in, struct err *err)
{
	const struct trial *t = ctx;
	const struct try_request *req = t->request;
	int r = ephemeral_begin(t->base->store, t->items, req->nitems, t->view, err);

	if (r < 0)
		return r;
	r = req->nitems ? judge(t, err) : 1;
	if (r <= 0)
		return r < 0 ? r : EXIT_OWN;
	r = ephemeral_enter(t->view, err);
	if (r == 0 && in)
		r = try_scratch_enter(in, err);
	if (r == 0)
		r = caller_become(&t->base->caller, err);
	if (r < 0)
		return r;
	if (in)
		try_scratch_ready(in);
	return execute(t->view, req, err);
}

static int try_out(struct trial *t, struct err *err)
{
	struct try_scratch in = {.app = t->view->app.path,
				 .args = t->request->args + 1,
				 .caller = &t->base->caller,
				 .keep = keep,
				 .apply = apply,
				 .start = become,
				 .ctx = t,
				 .layer = SCRATCH_NONE};

	return scratch ? try_scratch_run(&in, err) : become(t, NULL, err);
}

static int try_items(const struct try_request *req, struct ephemeral_item *items, struct err *err)
{
	CLEANUP(base_free) struct try_base base = {0};
	AUTO_EPHEMERAL struct ephemeral view = {0};
	struct trial trial = {&base, req, items, &view};

	if (read_base(&base, req->name, err) < 0)
		return EXIT_ERR;
	for (size_t i = 0; i < req->nitems; i++)
		if (read_item(&base, req->items[i], &items[i], err) < 0)
			return EXIT_ERR;
	if (ephemeral_compile(base.store, &base.app, items, req->nitems, base.generation, &view,
			      err) < 0)
		return EXIT_ERR;
	return try_out(&trial, err);
}

static int run_try(int count, char **operands, struct err *err)
{
	static char *none[2];
	struct try_request req = {.name = operands[0],
				  .items = operands + 1,
				  .nitems = (size_t)count - 1,
				  .args = arguments_rest ? arguments_rest : none};
	AUTO_FREE struct ephemeral_item *items = NULL;
	int status;

	if (!scratch && (keep || apply || want_json))
		return misused("--keep, --apply and --json need --scratch");
	if (!scratch && req.nitems == 0)
		return misused("missing NAME=VERSION or SONAME=./FILE");
	for (size_t i = 0; i < req.nitems; i++)
		if (!strchr(req.items[i], '='))
			return misused(
				"'%s' is neither NAME=VERSION nor SONAME=./FILE; arguments of APP "
				"follow --",
				req.items[i]);
	items = calloc(req.nitems + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	for (size_t i = 0; i < req.nitems; i++)
		items[i].file = -1;
	status = try_items(&req, items, err);
	for (size_t i = 0; i < req.nitems; i++)
		ephemeral_item_free(&items[i]);
	return status;
}

const struct command command_try = {
	.name = "try",
	.group = GROUP_PIN,
	.summary = "Run a program once with other libraries",
	.text = "NAME=VERSION is a version in the store; a value with a '/' is a file, such as a "
		"fresh build of the library SONAME. Nothing is recorded. pinlib first says whether "
		"the program and its libraries find all symbols that they need. The program's pins "
		"stay in force for all other libraries. Every user can do this; under sudo, doas, "
		"run0 or pkexec the program runs as the user who called.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_APP},
		     {.name = "NAME=VERSION|SONAME=./FILE",
		      .kind = ARG_TRIED,
		      .optional = true,
		      .repeats = true},
		     {.name = "ARGUMENT",
		      .kind = ARG_FILE,
		      .optional = true,
		      .repeats = true,
		      .behind_dashes = true}},
	.json = true,
	.host = true,
	.failure = EXIT_OWN,
	.run = run_try,
};
