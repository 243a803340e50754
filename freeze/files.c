#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/reach.h"
#include "change/select.h"
#include "freeze/work.h"
#include "host/app_file.h"
#include "host/wrap.h"
#include "proof/proof.h"
#include "view/glibc.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* -- live files -- */

/* Whether the list has the file already. A file that only an observed run used counts for each program separately. */
static bool have_file(const struct freeze_work *w, const char *path, const char *exe)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		const struct freeze_file *f = &w->files[i];

		if (strcmp(f->path, path) == 0 && (!f->exe || (exe && strcmp(f->exe, exe) == 0)))
			return true;
	}
	return false;
}

int freeze_add_file(struct freeze_work *w, const char *name, const char *exe, struct err *err)
{
	char link[PATH_MAX], path[PATH_MAX];
	struct freeze_file *f;
	int r = path_place(name, link, err);

	if (r < 0)
		return r;
	if (freeze_is_pinned(w, link) || !realpath(link, path) || freeze_is_pinned(w, path) ||
	    have_file(w, path, exe))
		return 0;
	if (ARRAY_GROW(w->files, w->nfiles, err) < 0)
		return -ENOMEM;
	f = &w->files[w->nfiles++];
	*f = (struct freeze_file){
		.path = strdup(path), .exe = exe, .owner = OWNER_NONE, .exe_owner = OWNER_NONE};
	if (strcmp(link, path) != 0)
		f->link = strdup(link);
	return f->path && (f->link || strcmp(link, path) == 0) ? 0 : err_nomem(err);
}

static bool names_a_library(const char *base)
{
	return strstr(base, ".so") != NULL;
}

/* Where the live system has the library of an entry of a frozen version; false: nowhere. */
static bool live_place(const struct entry *e, char out[PATH_MAX])
{
	char dir[PATH_MAX], real[PATH_MAX];
	struct err ignored;

	if (e->type != ENTRY_FILE || (!e->soname && !names_a_library(path_base(e->path))))
		return false;
	path_dir(e->path, dir);
	if (e->soname && path_join(dir, e->soname, out, &ignored) == 0 && realpath(out, real))
		return true;
	return realpath(e->path, out) != NULL;
}

/* -- pins that stay -- */

/* Whether the version is not a package: packages have directories. */
static bool is_of_files(const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_DIR)
			return false;
	return true;
}

/* The installed package that a frozen version came from, or one of its files for another version of it. */
static size_t live_package(const struct freeze_work *w, const struct pin *pin)
{
	char name[256];
	size_t found;

	snprintf(name, sizeof name, "%.250s", pin->name);
	if (path_ends(name, GENERATED))
		name[strlen(name) - strlen(GENERATED)] = '\0';
	found = inventory_package(&w->machine->inventory, name, pin->arch);
	return found != OWNER_NONE && (strcmp(freeze_package(w, found)->arch, pin->arch) == 0 ||
				       path_ends(pin->name, GENERATED))
		       ? found
		       : OWNER_NONE;
}

static bool has_library(const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].soname)
			return true;
	return false;
}

/* Whether the live system still has what a frozen version holds: one of its libraries; without any the package, or the
 * single file. The program's own package counts in any case. */
static bool is_live(const struct freeze_work *w, const struct pin *pin, const struct version *v)
{
	size_t package = live_package(w, pin);
	char place[PATH_MAX];

	if (freeze_is_libc(pin->name)) /* glibc is one piece, and the live system always has one */
		return true;
	if (package != OWNER_NONE && (package == w->owner || !has_library(v)))
		return true;
	for (size_t i = 0; i < v->nentries; i++)
		if (live_place(&v->entries[i], place) ||
		    (is_of_files(v) && realpath(v->entries[i].path, place)))
			return true;
	return false;
}

/* Whether one of the frozen versions supplies the program. */
static int is_frozen_whole(const struct freeze_work *w, bool *out, struct err *err)
{
	AUTO_FREE struct pin *pins = calloc(w->app.npins + 1, sizeof *pins);
	struct app frozen = w->app;

	if (!pins)
		return err_nomem(err);
	frozen.pins = pins;
	frozen.npins = 0;
	for (size_t i = 0; i < w->app.npins; i++)
		if (w->app.pins[i].origin == PIN_FREEZE)
			pins[frozen.npins++] = w->app.pins[i];
	*out = frozen.npins && app_is_supplied(w->machine->store, &frozen);
	return 0;
}

static int sort_pin(struct freeze_work *w, const struct pin *pin, bool lost, struct err *err)
{
	AUTO_VERSION struct version v = {0};
	int r = store_load(w->machine->store, &pin->digest, &v, err);

	if (r < 0)
		return err_wrap(err, r, "%s %s", pin->name, pin->version);
	if (pin->origin == PIN_FREEZE) {
		w->with_libc |= version_has_soname(&v, "libc.so.6");
		if (!lost && is_live(w, pin, &v))
			return 0;
	}
	w->pins[w->base.npins++] = *pin;
	if (ARRAY_GROW(w->kept.items, w->kept.count, err) < 0)
		return -ENOMEM;
	w->kept.items[w->kept.count++] = v;
	v = (struct version){0};
	return 0;
}

/* For an app that is frozen in another way than before: no frozen pin stays. */
static void forget_frozen(struct freeze_work *w)
{
	size_t n = 0;

	for (size_t i = 0; i < w->base.npins; i++) {
		if (w->pins[i].origin == PIN_FREEZE) {
			version_free(&w->kept.items[i]);
			continue;
		}
		w->pins[n] = w->pins[i];
		w->kept.items[n++] = w->kept.items[i];
	}
	w->base.npins = w->kept.count = n;
	w->anew = true;
}

/* The pins that stay are those of other origins, and frozen ones of which the live system no longer has anything. If it no
 * longer has the program, all stay: its old version needs the others. */
int freeze_sort_pins(struct freeze_work *w, struct err *err)
{
	struct err ignored;
	bool whole = false, lost;
	int r = is_frozen_whole(w, &whole, err);

	lost = r == 0 && whole && wrap_fit(w->app.path, false, &ignored) < 0;
	w->pins = calloc(w->app.npins + 1, sizeof *w->pins);
	if (r == 0 && !w->pins)
		return err_nomem(err);
	w->base = w->app;
	w->base.pins = w->pins;
	w->base.npins = 0;
	for (size_t i = 0; r == 0 && i < w->app.npins; i++)
		r = sort_pin(w, &w->app.pins[i], lost, err);
	if (r == 0 && w->libraries && whole && !lost)
		forget_frozen(w);
	return r;
}

/* -- files that the app loads -- */

/* Adds the libraries, or the single file, of a version that was frozen before. */
static int add_files_before(struct freeze_work *w, const struct pin *pin, struct err *err)
{
	AUTO_VERSION struct version v = {0};
	int r = store_load(w->machine->store, &pin->digest, &v, err);

	for (size_t i = 0; r == 0 && i < v.nentries; i++) {
		char place[PATH_MAX];

		if (live_place(&v.entries[i], place) ||
		    (is_of_files(&v) && strcmp(v.entries[i].path, w->app.path) != 0 &&
		     realpath(v.entries[i].path, place)))
			r = freeze_add_file(w, place, NULL, err);
	}
	return r;
}

/* Adds everything that was frozen before, whether or not this observed run used it. */
static int add_frozen_before(struct freeze_work *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !w->anew && i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];
		size_t package = live_package(w, pin);

		if (pin->origin != PIN_FREEZE || freeze_is_libc(pin->name) ||
		    versions_have(&w->kept, &pin->digest))
			continue;
		if (package != OWNER_NONE && !w->libraries)
			w->marks[package] |= FREEZE_WHOLE;
		else if (!path_ends(pin->name, GENERATED))
			r = add_files_before(w, pin, err);
	}
	return r;
}

static int add_used(struct freeze_work *w, const struct observed *items, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		if (items[i].live)
			r = freeze_add_file(w, items[i].path, items[i].exe, err);
	return r;
}

/* Adds the files that the observed run mapped and, if the program is held back, those that it opened. */
static int add_observed(struct freeze_work *w, struct err *err)
{
	const struct observation *o = w->seen;
	int r = o ? add_used(w, o->items, o->count, err) : 0;

	return r == 0 && o && !w->libraries ? add_used(w, o->opened, o->nopened, err) : r;
}

/* Adds the files that the loader loads for the program, with the pins that stay in force. */
static int add_loaded(struct freeze_work *w, struct err *err)
{
	AUTO_PROOF struct proof proof = {0};
	const struct sysroot sysroot = view_sysroot(&w->plan->plan, w->live);
	int r;

	if (!w->program.elf.interp)
		return 0;
	r = proof_run(&sysroot, w->program.elf.interp,
		      w->program.kind == PROGRAM_SCRIPT ? w->program.interpreter : w->plan->plan.at,
		      &proof, err);
	if (r < 0)
		return err_wrap(err, r, "cannot find out which libraries %s loads", w->app.path);
	for (size_t i = 0; r == 0 && i < proof.nloaded; i++)
		r = freeze_add_file(w, proof.loaded[i].path, NULL, err);
	return r;
}

static int read_program(struct freeze_work *w, struct err *err)
{
	int r = wrap_program(w->app.path, w->live, err);

	if (r == 0)
		r = select_program(w->machine->store, &w->base, w->file, &w->program, err);
	if (r == -EINVAL && !w->libraries &&
	    w->program.elf.class) /* static: the program alone is frozen */
		r = 0;
	w->arch = elf_arch(w->program.elf.class, w->program.elf.machine);
	w->triplet = elf_triplet(w->program.elf.class, w->program.elf.machine);
	return r;
}

static void find_owners(struct freeze_work *w)
{
	const struct inventory *inventory = &w->machine->inventory;

	for (size_t i = 0; i < w->nfiles; i++) {
		struct freeze_file *f = &w->files[i];

		f->owner = strcmp(f->path, w->app.path) == 0 ? w->owner
							     : inventory_owner(inventory, f->path);
		if (f->exe)
			f->exe_owner = inventory_owner_diverted(inventory, f->exe);
	}
}

/* -- files that stay the live system's -- */

/* A file without a package is identified by its name and directory. */
static bool belongs_to_glibc(const struct freeze_work *w, const struct freeze_file *f)
{
	const struct package *p = freeze_package(w, f->owner);
	const struct entry e = {
		.path = f->path,
		.soname = (char *)path_base(f->link ? f->link : f->path),
	};

	return p ? strcmp(p->source, "glibc") == 0 : glibc_owns(&e);
}

/* The modules of a program that is not held back are upgraded with it; those of the old version would not fit the
 * new program. */
static bool is_programs_own(const struct freeze_work *w, const struct freeze_file *f)
{
	const struct package *p = freeze_package(w, f->owner),
			     *exe = freeze_package(w, f->exe_owner);

	return f->exe && p && exe && strcmp(p->source, exe->source) == 0 &&
	       !freeze_holds(w, f->exe);
}

static int leave_file_out(struct freeze_work *w, struct freeze_file *f, const char *why,
			  struct err *err)
{
	f->done = true;
	return freezing_leave_out(&w->out, f->path, why, err);
}

static int sift_file(struct freeze_work *w, struct freeze_file *f, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	struct err why;
	int r;

	if (belongs_to_glibc(w, f) && strcmp(f->path, w->app.path) != 0) {
		f->done = true;
		return w->with_libc ? 0 : freezing_leave_out(&w->out, f->path, LEFT_OUT_GLIBC, err);
	}
	if (is_programs_own(w, f))
		return leave_file_out(w, f, "is upgraded with the program that loads it", err);
	if (path_below(f->path, "/etc"))
		return leave_file_out(w, f, LEFT_OUT_CONFIGURATION, err);
	if (path_below(f->path, "/var"))
		return leave_file_out(w, f, LEFT_OUT_STATE, err);
	if (strcmp(f->path, w->app.path) == 0) /* the view shows it, and wrap_allowed was asked */
		return 0;
	if (view_may_show(f->path, &why) < 0)
		return leave_file_out(w, f, why.text, err);
	r = reach(f->path, 0, &at, &why);
	if (r < 0)
		return leave_file_out(w, f, r == -ENOENT ? "is gone" : "cannot be opened", err);
	return reach_public(&at, false, &why) < 0
		       ? leave_file_out(w, f,
					"is not readable by every user, as files in the store are",
					err)
		       : 0;
}

/* Whether another program loads the file too, as a library and not as a module of its own. */
static bool is_anothers_library(const struct freeze_work *w, const struct freeze_file *f)
{
	for (size_t i = 0; i < w->nfiles; i++)
		if (&w->files[i] != f && strcmp(w->files[i].path, f->path) == 0 &&
		    !is_programs_own(w, &w->files[i]))
			return true;
	return false;
}

/* Whether the whole package comes in with this file of it. */
static bool brings_package(const struct freeze_work *w, const struct freeze_file *f)
{
	const struct package *p = freeze_package(w, f->owner);

	return p && freeze_comes_whole(w, f->owner) && !(w->libraries && p->programs);
}

int freeze_sift_files(struct freeze_work *w, bool *grew, struct err *err)
{
	find_owners(w);
	for (size_t i = 0; i < w->nfiles; i++) {
		struct freeze_file *f = &w->files[i];
		int r = 0;

		if (f->done || (f->owner != OWNER_NONE && w->marks[f->owner] & FREEZE_WHOLE))
			continue;
		if (is_programs_own(w, f) && is_anothers_library(w, f))
			f->done = true;
		else
			r = sift_file(w, f, err);
		if (r < 0)
			return r;
		if (!f->done && brings_package(w, f)) {
			w->marks[f->owner] |= FREEZE_WHOLE;
			*grew = true;
		}
	}
	return 0;
}

int freeze_find_files(struct freeze_work *w, struct err *err)
{
	bool grew = true;
	int r = read_program(w, err);

	if (r == 0)
		r = add_loaded(w, err);
	if (r == 0)
		r = add_frozen_before(w, err);
	if (r == 0)
		r = add_observed(w, err);
	if (r == 0 && !w->libraries)
		r = freeze_find_program(w, err);
	while (r == 0 && grew) {
		grew = false;
		r = freeze_sift_files(w, &grew, err);
		if (r == 0 && !w->libraries)
			r = freeze_follow_packages(w, &grew, err);
	}
	return r;
}
