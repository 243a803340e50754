#include "base/cleanup.h"
#include "base/path.h"
#include "base/reach.h"
#include "change/freeze_work.h"
#include "change/select.h"
#include "loader/program.h"
#include "view/glibc.h"
#include "view/proof.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* -- live files -- */

/* Whether a pin that stays shows a file at this path. */
static bool is_pinned(const struct freeze_work *w, const char *path)
{
	return view_shows(&w->plan->view, path);
}

/* name is the path at which the file is loaded; exe is NULL for a file that every run loads. */
static int add_live_file(struct freeze_work *w, const char *name, const char *exe, struct err *err)
{
	char link[PATH_MAX], path[PATH_MAX];
	struct freeze_file *f;
	int r = path_place(name, link, err);

	if (r < 0)
		return r;
	if (is_pinned(w, link) || !realpath(link, path) || is_pinned(w, path))
		return 0;
	for (size_t i = 0; i < w->nfiles; i++) {
		f = &w->files[i];
		if (strcmp(f->path, path) == 0 && (!f->exe || (exe && strcmp(f->exe, exe) == 0)))
			return 0;
	}
	f = reallocarray(w->files, w->nfiles + 1, sizeof *f);
	if (!f)
		return err_nomem(err);
	w->files = f;
	f += w->nfiles++;
	*f = (struct freeze_file){.path = strdup(path), .exe = exe, .owner = OWNER_NONE};
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

/* The pins that stay are those of other origins, and frozen ones whose libraries the live system no
 * longer has. */
int freeze_sort_pins(struct freeze_work *w, struct err *err)
{
	w->pins = calloc(w->app.npins + 1, sizeof *w->pins);
	if (!w->pins)
		return err_nomem(err);
	w->base = w->app;
	w->base.pins = w->pins;
	w->base.npins = 0;
	for (size_t i = 0; i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];
		AUTO_VERSION struct version v = {0};
		char place[PATH_MAX];
		/* glibc is one piece, and the live system always has one. */
		bool live = pin->origin == PIN_FREEZE && freeze_is_libc(pin->name);
		int r = store_load(w->store, &pin->digest, &v, err);

		if (r < 0)
			return err_wrap(err, r, "%s %s", pin->name, pin->version);
		w->with_libc |= pin->origin == PIN_FREEZE && version_has_soname(&v, "libc.so.6");
		for (size_t k = 0; k < v.nentries && pin->origin == PIN_FREEZE && !live; k++)
			live = live_place(&v.entries[k], place);
		if (live)
			continue;
		w->pins[w->base.npins++] = *pin;
		r = freeze_add_version(&w->kept, &v, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -- files that the app loads -- */

/* The files of frozen versions, whether the app was observed to load them this time or not. */
static int add_frozen_before(struct freeze_work *w, struct err *err)
{
	for (size_t i = 0; i < w->app.npins; i++) {
		AUTO_VERSION struct version v = {0};
		char place[PATH_MAX];
		int r = 0;

		if (w->app.pins[i].origin != PIN_FREEZE)
			continue;
		r = store_load(w->store, &w->app.pins[i].digest, &v, err);
		for (size_t k = 0; r == 0 && k < v.nentries; k++)
			if (live_place(&v.entries[k], place))
				r = add_live_file(w, place, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_observed(struct freeze_work *w, struct err *err)
{
	const struct observation *o = w->seen;

	for (size_t i = 0; o && i < o->count; i++) {
		int r = 0;

		if (o->items[i].live)
			r = add_live_file(w, o->items[i].path, o->items[i].exe, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The files that the loader loads for the program, with the pins that stay in force. */
static int add_loaded(struct freeze_work *w, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	AUTO_PROOF struct proof proof = {0};
	char file[PATH_MAX];
	struct sysroot sysroot;
	int r = select_program(w->store, &w->app, file, &program, err);

	if (r < 0)
		return r;
	w->arch = elf_arch(program.elf.class, program.elf.machine);
	w->triplet = elf_triplet(program.elf.class, program.elf.machine);
	sysroot = view_sysroot(&w->plan->plan, file);
	r = proof_run(&sysroot, program.elf.interp,
		      program.kind == PROGRAM_SCRIPT ? program.interpreter : w->app.path, &proof,
		      err);
	if (r < 0)
		return err_wrap(err, r, "cannot find out which libraries %s loads", w->app.path);
	for (size_t i = 0; r == 0 && i < proof.nloaded; i++)
		r = add_live_file(w, proof.loaded[i].path, NULL, err);
	return r;
}

static int find_owners(struct freeze_work *w, struct err *err)
{
	AUTO_FREE const char **paths = calloc(2 * w->nfiles + 1, sizeof *paths);
	AUTO_FREE size_t *of = NULL;
	int r;

	if (!paths)
		return err_nomem(err);
	for (size_t i = 0; i < w->nfiles; i++) {
		paths[2 * i] = w->files[i].path;
		paths[2 * i + 1] = w->files[i].exe ? w->files[i].exe : w->files[i].path;
	}
	r = packages_owning(paths, 2 * w->nfiles, &w->packages, &of, err);
	for (size_t i = 0; r == 0 && i < w->nfiles; i++) {
		w->files[i].owner = of[2 * i];
		w->files[i].exe_owner = of[2 * i + 1];
	}
	return r;
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

/* A program's modules are upgraded with the program, which cannot be held back; modules of the old
 * version would not fit the new program. */
static bool is_programs_own(const struct freeze_work *w, const struct freeze_file *f)
{
	const struct package *p = freeze_package(w, f->owner),
			     *exe = freeze_package(w, f->exe_owner);

	return f->exe && p && exe && strcmp(p->source, exe->source) == 0;
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

	if (belongs_to_glibc(w, f)) {
		f->done = true;
		return w->with_libc ? 0
				    : freezing_leave_out(&w->out, f->path, "belongs to glibc", err);
	}
	if (is_programs_own(w, f))
		return leave_file_out(w, f, "is upgraded with the program that loads it", err);
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

static int sift_files(struct freeze_work *w, struct err *err)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		struct freeze_file *f = &w->files[i];
		int r = 0;

		if (is_programs_own(w, f) && is_anothers_library(w, f))
			f->done = true;
		else
			r = sift_file(w, f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int freeze_find_files(struct freeze_work *w, struct err *err)
{
	int r = add_loaded(w, err);

	if (r == 0)
		r = add_frozen_before(w, err);
	if (r == 0)
		r = add_observed(w, err);
	if (r == 0)
		r = find_owners(w, err);
	return r < 0 ? r : sift_files(w, err);
}
