#include "base/path.h"
#include "dpkg/control.h"
#include "dpkg/requirements.h"
#include "elf/shebang.h"
#include "freeze/work.h"
#include "host/wrap.h"
#include "late/modules.h"
#include "policy/supply.h"
#include "view/compose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- marks -- */

static bool is_glibc(const struct package *p)
{
	return strcmp(p->source, "glibc") == 0;
}

bool freeze_comes_whole(const struct freeze_work *w, size_t number)
{
	const struct package *p = freeze_package(w, number);

	return p && !p->essential && !is_glibc(p) && !freeze_is_kept(w, p->name, p->arch);
}

/* True if the mark is new. */
static bool mark_package(struct freeze_work *w, size_t number, unsigned char marks)
{
	unsigned char before = w->marks[number];

	if (freeze_comes_whole(w, number))
		w->marks[number] |= marks;
	return w->marks[number] != before;
}

bool freeze_holds(const struct freeze_work *w, const char *exe)
{
	size_t owner;

	if (w->libraries)
		return false;
	if (strcmp(exe, w->app.path) == 0 || strcmp(exe, w->live) == 0)
		return true;
	if (w->program.kind != PROGRAM_SCRIPT || strcmp(exe, w->program.interpreter) != 0)
		return false;
	owner = inventory_owner_diverted(&w->machine->inventory, exe);
	return owner != OWNER_NONE && w->marks[owner] & FREEZE_WHOLE;
}

/* -- data: packages that another one depends on -- */

/* By its name, which a plugin does not have. */
static bool is_library(const char *path)
{
	const char *base = path_base(path);

	return strncmp(base, "lib", 3) == 0 && strstr(base, ".so.");
}

/* A directory precedes the files in it. */
static bool is_dir(const struct package_files *files, size_t i)
{
	return i + 1 < files->count && path_below(files->items[i + 1].path, files->items[i].path);
}

/* Whether a package has more than libraries and documentation. */
static bool brings_data(const struct package_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const char *path = files->items[i].path;

		if (is_dir(files, i))
			continue;
		if (!is_library(path) && compose_shows(path))
			return true;
	}
	return false;
}

static bool names_program(const char *package, const char *program)
{
	size_t len = strlen(program);

	return len > 1 && strncmp(package, program, len) == 0 && package[len] == '-';
}

static bool is_for_development(const char *name)
{
	static const char *const ends[] = {"-dev", "-dbg",	 "-dbgsym",
					   "-doc", "-testsuite", "-examples"};

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (path_ends(name, ends[i]))
			return true;
	return false;
}

/* Whether the package that a marked one depends on is frozen with it. */
static bool is_data_of(const struct freeze_work *w, size_t number, size_t user)
{
	const struct package *p = freeze_package(w, number), *u = freeze_package(w, user),
			     *owner = freeze_package(w, w->owner);
	bool named =
		w->marks[user] & FREEZE_LOADS && (names_program(p->name, path_base(w->app.path)) ||
						  (owner && names_program(p->name, owner->name)));

	return (named || strcmp(p->source, u->source) == 0) && !is_for_development(p->name) &&
	       brings_data(&w->machine->inventory.files[number]);
}

/* The next installed package that a package depends on; *depends begins as its field. OWNER_NONE: there are no more. */
static size_t next_dependency(const struct freeze_work *w, const struct package *user,
			      const char **depends)
{
	struct relation on;

	while (relation_next(depends, &on)) {
		size_t found = inventory_package(&w->machine->inventory, on.name, user->arch);

		if (found != OWNER_NONE)
			return found;
	}
	return OWNER_NONE;
}

static bool walk_depends(struct freeze_work *w, size_t user)
{
	const struct package *u = freeze_package(w, user);
	const char *depends = u->depends;
	size_t found;
	bool grew = false;

	while ((found = next_dependency(w, u, &depends)) != OWNER_NONE)
		if (is_data_of(w, found, user))
			grew |= mark_package(w, found, FREEZE_WHOLE | FREEZE_LOADS);
	return grew;
}

/* -- libraries that their files load -- */

/* The files of the app's view as its loader sees them. */
static int get_view(struct freeze_work *w, struct ldview **out, struct err *err)
{
	int r = 0;

	*out = w->machine->live;
	if (w->base.npins == 0 && strcmp(w->live, w->app.path) == 0)
		return 0;
	if (!w->view) {
		w->sysroot = view_sysroot(&w->plan->plan, w->live);
		r = ldview_new(&w->sysroot, &w->view, err);
	}
	*out = w->view;
	return r;
}

static bool may_load(const char *path)
{
	struct stat st;

	if (!compose_shows(path) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return st.st_mode & 0111 || strstr(path_base(path), ".so") || path_ends(path, ".node");
}

static int add_loaded_by(struct freeze_work *w, struct ldview *view, const char *path,
			 struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	struct err why;
	int r = closure_of(view, path, NULL, CLOSURE_NO_CWD, &c, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 || c.script) /* no file for this loader, or a script */
		return 0;
	for (size_t i = 1; r == 0 && i < c.count; i++)
		r = freeze_add_file(w, c.objects[i].path, NULL, err);
	return r;
}

/* Where to read a program of the app's package, which the app's view shows; false: the file is none. */
static bool find_sibling(const struct freeze_work *w, size_t package, const char *path,
			 char live[PATH_MAX])
{
	struct err ignored;

	return package == w->owner && supply_is_command(path) &&
	       wrap_program(path, live, &ignored) == 0;
}

static int scan_package(struct freeze_work *w, size_t number, struct err *err)
{
	const struct package_files *files = &w->machine->inventory.files[number];
	struct ldview *view;
	int r = get_view(w, &view, err);

	for (size_t i = 0; r == 0 && i < files->count; i++) {
		char live[PATH_MAX];

		if (may_load(files->items[i].path))
			r = add_loaded_by(w, view, files->items[i].path, err);
		else if (find_sibling(w, number, files->items[i].path, live))
			r = add_loaded_by(w, view, live, err);
	}
	return r;
}

int freeze_follow_packages(struct freeze_work *w, bool *grew, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < w->machine->inventory.packages.count; i++)
		if ((w->marks[i] & (FREEZE_WHOLE | FREEZE_WALKED)) == FREEZE_WHOLE) {
			w->marks[i] |= FREEZE_WALKED;
			*grew |= walk_depends(w, i);
		}
	for (size_t i = 0; r == 0 && i < w->machine->inventory.packages.count; i++)
		if ((w->marks[i] & (FREEZE_LOADS | FREEZE_SCANNED)) == FREEZE_LOADS) {
			w->marks[i] |= FREEZE_SCANNED;
			*grew = true;
			r = scan_package(w, i, err);
		}
	return r;
}

/* -- modules -- */

/* Whether the package was built from the same source as the program or the library that finds modules in the place. */
static bool is_users_own(const struct freeze_work *w, const struct module_place *place,
			 const struct package *p)
{
	const struct package *user =
		freeze_package(w, inventory_owner_diverted(&w->machine->inventory, place->user));
	const struct package *owner = freeze_package(w, w->owner);

	return (user && strcmp(user->source, p->source) == 0) ||
	       (owner && strcmp(owner->source, p->source) == 0);
}

static void mark_place(struct freeze_work *w, const struct module_place *place)
{
	const struct inventory *inventory = &w->machine->inventory;

	for (size_t i = 0; i < inventory->npaths; i++) {
		const struct inventory_path *path = &inventory->paths[i];
		const struct package *p = &inventory->packages.items[path->package];

		if (w->marks[path->package] & FREEZE_LOADS || !path_below(path->path, place->path))
			continue;
		if (!is_for_development(p->name) && (!place->shared || is_users_own(w, place, p)) &&
		    brings_data(&inventory->files[path->package]))
			mark_package(w, path->package, FREEZE_WHOLE | FREEZE_LOADS);
	}
}

/* -- what the package of a script depends on -- */

static bool has_commands(const struct package_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (supply_is_command(files->items[i].path))
			return true;
	return false;
}

/* Libraries, and their descriptions for interpreters, which load them by name. */
static bool has_libraries(const struct package_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		if (is_library(files->items[i].path) || path_ends(files->items[i].path, ".typelib"))
			return true;
	return false;
}

/* A package with commands and without modules is another program: it and what it depends on follow upgrades together. */
static bool is_part(const struct freeze_work *w, size_t number, const bool *modules)
{
	return !requirement_is_live(freeze_package(w, number)->name) &&
	       (modules[number] || !has_commands(&w->machine->inventory.files[number]));
}

/* Adds the parts that a package depends on. True if there are new ones. */
static bool walk_parts(const struct freeze_work *w, size_t user, const bool *modules, bool *parts)
{
	const struct package *u = freeze_package(w, user);
	const char *depends = u->depends;
	size_t found;
	bool grew = false;

	while ((found = next_dependency(w, u, &depends)) != OWNER_NONE)
		if (!parts[found] && is_part(w, found, modules))
			parts[found] = grew = true;
	return grew;
}

/* The interpreter stays, and newer modules may not work with it: those that the script's package depends on stay, too, and
 * libraries, which they may load by name. modules says which packages have modules of the interpreter. */
static int mark_parts(struct freeze_work *w, const bool *modules, struct err *err)
{
	const size_t count = w->machine->inventory.packages.count;
	AUTO_FREE bool *parts = calloc(count + 1, sizeof *parts);
	bool grew = true;

	if (!parts)
		return err_nomem(err);
	parts[w->owner] = true;
	while (grew) {
		grew = false;
		for (size_t i = 0; i < count; i++)
			if (parts[i])
				grew |= walk_parts(w, i, modules, parts);
	}
	for (size_t i = 0; i < count; i++)
		if (parts[i] && !is_for_development(freeze_package(w, i)->name) &&
		    (modules[i] || has_libraries(&w->machine->inventory.files[i])))
			mark_package(w, i, FREEZE_WHOLE | FREEZE_LOADS);
	return 0;
}

/* Notes the packages with files in a place. */
static void note_modules(const struct freeze_work *w, const struct module_place *place,
			 bool *modules)
{
	const struct inventory *inventory = &w->machine->inventory;

	for (size_t i = 0; i < inventory->npaths; i++)
		if (path_below(inventory->paths[i].path, place->path))
			modules[inventory->paths[i].package] = true;
}

static bool holds_interpreter(const struct freeze_work *w)
{
	return w->program.kind == PROGRAM_SCRIPT && w->owner != OWNER_NONE &&
	       freeze_holds(w, w->program.interpreter);
}

static int mark_all_places(struct freeze_work *w, const struct module_places *places,
			   struct err *err)
{
	AUTO_FREE bool *modules = calloc(w->machine->inventory.packages.count + 1, sizeof *modules);

	if (!modules)
		return err_nomem(err);
	for (size_t i = 0; i < places->count; i++) {
		mark_place(w, &places->items[i]);
		if (places->items[i].shared)
			note_modules(w, &places->items[i], modules);
	}
	return holds_interpreter(w) ? mark_parts(w, modules, err) : 0;
}

static int mark_modules(struct freeze_work *w, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	AUTO_MODULE_PLACES struct module_places places = {0};
	struct ldview *view;
	struct err why;
	int r = get_view(w, &view, err);

	if (r < 0)
		return r;
	r = closure_of(
		view, w->program.kind == PROGRAM_SCRIPT ? w->program.interpreter : w->plan->plan.at,
		NULL, CLOSURE_NO_CWD, &c, &why);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	r = modules_places(&c, &places, err);
	return r < 0 ? r : mark_all_places(w, &places, err);
}

/* -- packages that extend the app's -- */

static bool is_only_of_source(const struct freeze_work *w, const struct inventory_path *dir,
			      const char *source)
{
	for (; dir; dir = inventory_next(&w->machine->inventory, dir))
		if (strcmp(freeze_package(w, dir->package)->source, source) != 0)
			return false;
	return true;
}

static bool depends_on(const struct freeze_work *w, size_t user, size_t on)
{
	const struct package *u = freeze_package(w, user);
	const char *depends = u->depends;
	size_t found;

	while ((found = next_dependency(w, u, &depends)) != OWNER_NONE)
		if (found == on)
			return true;
	return false;
}

/* Whether an essential package has the directory, as /usr/lib: then its place says nothing about a file in it. */
static bool is_essential(const struct freeze_work *w, const struct inventory_path *dir)
{
	for (; dir; dir = inventory_next(&w->machine->inventory, dir))
		if (freeze_package(w, dir->package)->essential)
			return true;
	return false;
}

/* Packages of the same source put files where the app's package has its own: the macros of groff, the further commands of
 * git. The directory is this source's alone, or the package depends on the app's: ocaml has the modules of its interpreter
 * beside those of others. */
static void mark_extensions(struct freeze_work *w)
{
	const struct inventory *inventory = &w->machine->inventory;
	const struct package *owner = freeze_package(w, w->owner);
	const struct package_files *files = &inventory->files[w->owner];

	for (size_t i = 0; i < files->count; i++) {
		const char *path = files->items[i].path;
		const struct inventory_path *dir;
		bool own;

		if (!is_dir(files, i) || !compose_shows(path))
			continue;
		dir = inventory_find(inventory, path);
		own = is_only_of_source(w, dir, owner->source);
		if (is_essential(w, dir))
			continue;
		for (; dir; dir = inventory_next(inventory, dir)) {
			const struct package *p = freeze_package(w, dir->package);

			if (strcmp(p->source, owner->source) == 0 && !is_for_development(p->name) &&
			    (own || depends_on(w, dir->package, w->owner)))
				mark_package(w, dir->package, FREEZE_WHOLE | FREEZE_LOADS);
		}
	}
}

/* -- the program -- */

static void mark_starter(struct freeze_work *w, const char *path)
{
	size_t owner = inventory_owner_diverted(&w->machine->inventory, path);

	if (owner != OWNER_NONE)
		mark_package(w, owner, FREEZE_WHOLE | FREEZE_LOADS | FREEZE_STARTS);
}

/* The links that lead from the script's first line to the interpreter: an upgrade lets /usr/bin/python3 lead to the next
 * Python. */
static void mark_links(struct freeze_work *w)
{
	char at[PATH_MAX], place[PATH_MAX], target[PATH_MAX], next[PATH_MAX];
	struct err ignored;
	ssize_t n;

	if (shebang_interpreter(w->program.shebang, shebang_has, NULL, NULL, at, &ignored) < 0)
		return;
	for (int i = 0; i < PATH_LINKS_MAX && path_place(at, place, &ignored) == 0; i++) {
		n = readlink(place, target, sizeof target - 1);
		if (n < 0)
			return;
		target[n] = '\0';
		mark_starter(w, place);
		path_dir(place, at);
		if (target[0] == '/')
			snprintf(next, sizeof next, "%s", target);
		else if (path_join(at, target, next, &ignored) < 0)
			return;
		if (path_normalise(next, at, &ignored) < 0)
			return;
	}
}

int freeze_find_program(struct freeze_work *w, struct err *err)
{
	int r = 0;

	if (w->owner != OWNER_NONE && freeze_comes_whole(w, w->owner)) {
		mark_package(w, w->owner, FREEZE_WHOLE | FREEZE_LOADS);
		mark_extensions(w);
	} else if (!w->plan->view.supplied) {
		r = freeze_add_file(w, w->app.path, NULL, err);
	}
	if (r == 0 && w->program.kind == PROGRAM_SCRIPT) {
		mark_starter(w, w->program.interpreter);
		mark_links(w);
	}
	return r < 0 ? r : mark_modules(w, err);
}
