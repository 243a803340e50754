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
#include "plan/read.h"
#include "policy/policy.h"
#include "store/store.h"
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where one library comes from, as far as it is known. */
struct library_reason {
	const struct closure *closure;
	const struct object *object;
	const struct app *app; /* NULL: it has no pins */
	const struct pin *pin; /* that brings it; NULL: the live system */
	char owner[512];       /* of a live file, "zlib1g 1:1.2.13"; "" if no package has it */
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

/* The pin whose layer shows the file. */
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

static bool has_file(const struct package_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->items[i].path, path) == 0)
			return true;
	return false;
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
	return !r->object->layer &&
	       (has_file(files, r->object->canonical) || has_file(files, r->object->path));
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

	if (!n)
		snprintf(text, size, "%s names it as its loader", c->objects[0].path);
	else if (n->rule == RULE_RPATH || n->rule == RULE_RUNPATH)
		snprintf(text, size, "%s needs %s, and the %s of %s leads there", by->path, n->name,
			 n->rule == RULE_RPATH ? "DT_RPATH" : "DT_RUNPATH",
			 c->objects[n->owner].path);
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
	put_text(": %s.", rule);
	putchar('\n');
}

static void json_reason(const struct library_reason *r)
{
	const struct object *o = r->object;
	char rule[3 * PATH_MAX];

	rule_text(r, rule, sizeof rule);
	json_record("app %s soname %s path %s pinned %d name %s version %s package %s why %s",
		    r->closure->objects[0].path, soname_of(o), o->path, r->pin != NULL,
		    r->pin ? r->pin->name : NULL, r->pin ? r->pin->version : NULL,
		    *r->owner ? r->owner : NULL, rule);
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

static int explain(struct store *store, const struct app *app, const struct closure *c,
		   const char *name, struct err *err)
{
	AUTO_PACKAGE_FILES struct package_files files = {0};
	struct err ignored;
	size_t found = 0;

	package_files(name, &files, &ignored); /* none: name is no package's */
	json_open(NULL, '[');
	for (size_t i = 1; i < c->count; i++) {
		struct library_reason r = {.closure = c, .object = &c->objects[i], .app = app};

		if (r.object->layer)
			r.pin = pin_of(store, app, r.object);
		if (!is_meant(&r, name, &files))
			continue;
		if (!r.object->layer)
			find_owner(r.object, r.owner);
		found++;
		if (want_json)
			json_reason(&r);
		else
			print_reason(&r);
	}
	json_close();
	return found ? 0 : explain_missing(c, name, err);
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
	r = closure_read(path, &sysroot, NULL, 0, &closure, err);
	return r < 0 ? r : explain(store, app.path ? &app : NULL, &closure, name, err);
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
	.text = "NAME is a soname (libz.so.1), its stem (libz) or a package (zlib1g).",
	.operands = {{.name = "APP", .kind = ARG_APP}, {.name = "NAME", .kind = ARG_NAME}},
	.json = true,
	.host = true,
	.run = run_why,
};
