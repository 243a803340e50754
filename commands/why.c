#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "cli/app.h"
#include "cli/out.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "dpkg/listing.h"
#include "dpkg/owner.h"
#include "host/wrap.h"
#include "loader/closure.h"
#include "loader/ldview.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/store.h"
#include "view/view.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Where one library comes from, as far as it is known. */
struct library_reason {
	const struct closure *closure;
	const struct object *object;
	const struct app *app;	/* NULL: it has no pins */
	const struct pin *pin;	/* that brings it; NULL: the live system */
	const struct pin *over; /* of the same library, but the loader takes the live one; NULL */
	const char *preload;	/* what names it for preloading; NULL: it is in the closure */
	char owner[512];	/* of a live file, "zlib1g 1:1.2.13"; "" if no package has it */
};

/* -- finding it -- */

/* "libz" of "libz.so.1". */
static bool is_stem(const char *name, const char *soname)
{
	size_t len = strlen(name);

	return strncmp(soname, name, len) == 0 && strncmp(soname + len, ".so", 3) == 0;
}

static const char *soname_of(const struct object *o)
{
	return o->elf && o->elf->soname ? o->elf->soname : path_base(o->path);
}

/* The package that owns a live file, by either of its paths. */
static void find_owner(const struct object *o, char owner[512])
{
	const char *const paths[] = {o->canonical, o->path};
	AUTO_PACKAGES struct packages packages = {0};
	AUTO_FREE size_t *of = NULL;
	struct err ignored;

	owner[0] = '\0';
	if (packages_owning(paths, 2, &packages, &of, &ignored) < 0)
		return;
	for (size_t i = 0; i < 2 && !*owner; i++)
		if (of[i] != OWNER_NONE)
			snprintf(owner, 512, "%s %s", packages.items[of[i]].name,
				 packages.items[of[i]].version);
}

/* Whether a version's entry is this object: by soname, or by the file's name if it has none. */
static bool is_entry(const struct entry *e, const struct object *o)
{
	if (o->elf && o->elf->soname)
		return e->soname && strcmp(e->soname, o->elf->soname) == 0;
	return strcmp(path_base(e->path), path_base(o->canonical)) == 0;
}

/* The pin of the library, whether its layer shows this file or not. */
static const struct pin *pin_of(struct store *store, const struct app *app, const struct object *o)
{
	for (size_t i = 0; app && i < app->npins; i++) {
		AUTO_VERSION struct version v = {0};
		struct err ignored;

		if (store_load(store, &app->pins[i].digest, &v, &ignored) < 0)
			continue;
		for (size_t k = 0; k < v.nentries; k++)
			if (is_entry(&v.entries[k], o))
				return &app->pins[i];
	}
	return NULL;
}

/* files are those of the installed package that is called so, none if there is none. */
static bool is_meant(const struct library_reason *r, const char *name,
		     const struct package_files *files)
{
	const char *soname = soname_of(r->object);

	if (strcmp(name, soname) == 0 || is_stem(name, soname) ||
	    strcmp(name, path_base(r->object->path)) == 0)
		return true;
	if (r->pin)
		return strcmp(r->pin->name, name) == 0;
	return !r->object->layer && (package_files_have(files, r->object->canonical) ||
				     package_files_have(files, r->object->path));
}

/* -- printing it -- */

static const char *origin_text(enum pin_origin origin)
{
	switch (origin) {
	case PIN_WITH_DEPS:
		return "by --with-deps";
	case PIN_FREEZE:
		return "by freeze";
	case PIN_BY_HAND:
		break;
	}
	return "by hand";
}

static void rule_text(const struct library_reason *r, char *text, size_t size)
{
	const struct closure *c = r->closure;
	const struct object *o = r->object;
	const struct object *by = o->by == CLOSURE_NONE ? NULL : &c->objects[o->by];
	const struct need *n = by ? &by->needs[o->by_need] : NULL;

	if (r->preload)
		snprintf(text, size, "%s names it", r->preload);
	else if (!n)
		snprintf(text, size, "%s names it as its loader", c->objects[0].path);
	else if (n->rule == RULE_RPATH || n->rule == RULE_RUNPATH)
		snprintf(text, size, "%s needs %s, and the %s of %s leads there", by->path, n->name,
			 n->rule == RULE_RPATH ? "DT_RPATH" : "DT_RUNPATH",
			 c->objects[n->owner].path);
	else if (n->rule == RULE_LIBRARY_PATH)
		snprintf(text, size, "%s needs %s, and LD_LIBRARY_PATH leads there", by->path,
			 n->name);
	else if (n->rule == RULE_PATH)
		snprintf(text, size, "%s needs it by this path", by->path);
	else
		snprintf(text, size, "%s needs %s, and the loader finds it by %s%s%s", by->path,
			 n->name,
			 n->rule == RULE_DEFAULT ? "its default directories" : "ld.so.cache",
			 *n->subdir ? " in " : "", n->subdir);
}

static void print_reason(const struct library_reason *r)
{
	const struct object *o = r->object;
	const char *app = r->closure->objects[0].path;
	char rule[3 * PATH_MAX];

	rule_text(r, rule, sizeof rule);
	put_text("%s gets %s as %s", app, soname_of(o), o->path);
	if (r->pin)
		printf(" from %s %s, pinned %s", r->pin->name, r->pin->version,
		       origin_text(r->pin->origin));
	else if (*r->owner)
		printf(" from the live system's %s", r->owner);
	else
		printf(" from the live system, where no package owns it");
	if (r->over)
		printf(" and not from %s %s, which is pinned", r->over->name, r->over->version);
	put_text(": %s.", rule);
	putchar('\n');
}

static void json_reason(const struct library_reason *r)
{
	const struct object *o = r->object;
	const struct pin *over = r->over;
	char rule[3 * PATH_MAX], not_from[512] = "";

	rule_text(r, rule, sizeof rule);
	if (over)
		snprintf(not_from, sizeof not_from, "%s %s", over->name, over->version);
	json_record("app %s soname %s path %s pinned %d name %s version %s package %s not_from %s "
		    "why %s",
		    r->closure->objects[0].path, soname_of(o), o->path, r->pin != NULL,
		    r->pin ? r->pin->name : NULL, r->pin ? r->pin->version : NULL,
		    *r->owner ? r->owner : NULL, over ? not_from : NULL, rule);
}

/* Says which library is missing, or that the program does not load it. */
static int explain_missing(const struct closure *c, const char *name, struct err *err)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++) {
			const struct need *n = &c->objects[i].needs[k];

			if (n->object == CLOSURE_NONE &&
			    (strcmp(n->name, name) == 0 || is_stem(name, n->name)))
				return err_set(err, ENOENT, "%s needs %s, which was not found",
					       c->objects[i].path, n->name);
		}
	return err_set(err, ENOENT, "%s does not load %s when it starts", c->objects[0].path, name);
}

/* -- all of them -- */

struct why_search {
	struct store *store;
	const struct app *app;
	const struct closure *closure;
	const char *name, *library_path;
	struct package_files files; /* of the package that is called so */
	struct strings preloaded;   /* sonames: the loader takes these before all others */
	size_t found;
};

static void why_search_end(struct why_search *s)
{
	package_files_free(&s->files);
	strings_free(&s->preloaded);
}

static void explain_object(struct why_search *s, const struct object *o, const char *preload)
{
	const struct pin *pin = pin_of(s->store, s->app, o);
	struct library_reason r = {.closure = s->closure,
				   .object = o,
				   .app = s->app,
				   .pin = o->layer ? pin : NULL,
				   .over = o->layer ? NULL : pin,
				   .preload = preload};

	if (!is_meant(&r, s->name, &s->files))
		return;
	if (!o->layer)
		find_owner(o, r.owner);
	s->found++;
	if (want_json)
		json_reason(&r);
	else
		print_reason(&r);
}

/* -- preloaded libraries, which the closure leaves out -- */

static bool has_file_at(const struct why_search *s, const char *path)
{
	const struct cached_path *at;
	struct err ignored;

	return filecache_path(ldview_files(s->closure->own), path, &at, &ignored) == 0 && at->file;
}

/* A name without '/' is searched for as a program's needs are, without its own search paths. */
static bool find_preload(const struct why_search *s, const char *name, char path[PATH_MAX])
{
	struct ldview *view = s->closure->own;
	AUTO_FREE char *dirs = strdup(s->library_path ? s->library_path : "");
	const char *cached = NULL;
	struct err ignored;
	size_t number;

	snprintf(path, PATH_MAX, "%s", name);
	if (strchr(name, '/'))
		return has_file_at(s, path);
	for (char *rest = dirs, *dir; (dir = strsep(&rest, ":;"));)
		if (*dir && path_join(dir, name, path, &ignored) == 0 && has_file_at(s, path))
			return true;
	if (filecache_number(ldview_files(view), name, &number, &ignored) == 0)
		cached = ldview_cached(view, s->closure->loader, number);
	for (size_t i = 1; !cached && i < s->closure->count; i++)
		if (strcmp(soname_of(&s->closure->objects[i]), name) == 0)
			cached = s->closure->objects[i].path;
	snprintf(path, PATH_MAX, "%s", cached ? cached : "");
	return cached;
}

static int explain_preload(struct why_search *s, const char *name, const char *by, struct err *err)
{
	struct filecache *files = ldview_files(s->closure->own);
	const struct elf *program = s->closure->objects[0].elf;
	struct object o = {.path = name, .by = CLOSURE_NONE};
	const struct cached_path *at;
	char path[PATH_MAX];
	int r;

	if (!find_preload(s, name, path))
		return 0;
	r = filecache_path(files, path, &at, err);
	if (r == 0)
		r = filecache_canonical(files, path, &o.canonical, &o.file, err);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	o.path = path;
	o.layer = at->layer;
	o.elf = &at->file->info.elf;
	if (o.elf->class != program->class || o.elf->machine != program->machine)
		return 0;
	explain_object(s, &o, by);
	return strings_add_once(&s->preloaded, soname_of(&o), err);
}

static int explain_preloads(struct why_search *s, char *names, const char *separators,
			    const char *by, struct err *err)
{
	int r = 0;

	for (char *rest = names, *name; r == 0 && (name = strsep(&rest, separators));)
		if (*name)
			r = explain_preload(s, name, by, err);
	return r;
}

/* LD_PRELOAD of the caller, then the system's list. secure: the loader ignores the caller's. */
static int explain_all_preloads(struct why_search *s, bool secure, struct err *err)
{
	const char *value = getenv("LD_PRELOAD");
	AUTO_FREE char *names = strdup(value && !secure ? value : ""), *text = NULL;
	struct err ignored;
	size_t len;
	int r = names ? explain_preloads(s, names, " :", "LD_PRELOAD", err) : err_nomem(err);

	if (r == 0 && file_read_at(AT_FDCWD, "/etc/ld.so.preload", (size_t)1 << 20, &text, &len,
				   &ignored) == 0)
		r = explain_preloads(s, text, " :\t\n", "/etc/ld.so.preload", err);
	return r;
}

static int explain(struct store *store, const struct app *app, const struct closure *c,
		   const char *name, const char *library_path, bool secure, struct err *err)
{
	CLEANUP(why_search_end)
	struct why_search s = {.store = store,
			       .app = app,
			       .closure = c,
			       .name = name,
			       .library_path = library_path};
	struct err ignored;
	int r = 0;

	package_files(name, &s.files, &ignored); /* none: name is no package's */
	json_open(NULL, '[');
	if (c->kind == LOADER_GLIBC || c->kind == LOADER_MUSL)
		r = explain_all_preloads(&s, secure, err);
	for (size_t i = 1; r == 0 && i < c->count; i++)
		if (!strings_have(&s.preloaded, soname_of(&c->objects[i])))
			explain_object(&s, &c->objects[i], NULL);
	json_close();
	if (r < 0)
		return r;
	return s.found ? 0 : explain_missing(c, name, err);
}

/* For a set-user-ID program the loader ignores the caller's variables. */
static bool is_secure(const char *program)
{
	struct stat st;

	return stat(program, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID);
}

static int explain_name(const char *program, const char *name, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_CLOSURE struct closure closure = {0};
	AUTO_STORE struct store *store = NULL;
	AUTO_APP struct app app = {0};
	struct sysroot sysroot = {0};
	char path[PATH_MAX], own[PATH_MAX];
	const char *library_path;
	struct err ignored;
	int r;

	if (!file)
		return err_nomem(err);
	r = find_app(program, path, err);
	if (r == 0)
		r = policy_open(&policy, err);
	if (r < 0)
		return r;
	store_open(PINLIB_STORE, false, &store, &ignored); /* none: nothing is pinned */
	r = policy_app(policy, path, POLICY_NOW, &app, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		r = plan_load(PINLIB_PLANS, path, 0, file, err);
		if (r == 0)
			r = wrap_program(path, own, err);
		if (r < 0)
			return r;
		sysroot = view_sysroot(&file->plan, own);
	}
	library_path = is_secure(path) ? NULL : getenv("LD_LIBRARY_PATH");
	r = closure_read(sysroot.app ? sysroot.app : path, &sysroot, library_path, 0, &closure,
			 err);
	return r < 0 ? r
		     : explain(store, app.path ? &app : NULL, &closure, name, library_path,
			       is_secure(path), err);
}

static int run_why(int count, char **operands, struct err *err)
{
	(void)count;
	if (!*operands[1])
		return misused("missing NAME");
	return explain_name(operands[0], operands[1], err);
}

const struct command command_why = {
	.name = "why",
	.group = GROUP_LOOK,
	.summary = "Explain where a program gets a library from",
	.text = "NAME is a soname (libz.so.1), its stem (libz) or a package (zlib1g). The answer "
		"holds for the LD_LIBRARY_PATH and LD_PRELOAD that pinlib was called with.",
	.operands = {{.name = "APP", .kind = ARG_APP}, {.name = "NAME", .kind = ARG_NAME}},
	.json = true,
	.host = true,
	.run = run_why,
};
