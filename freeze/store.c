#include "base/cleanup.h"
#include "base/path.h"
#include "freeze/work.h"
#include "intake/intake.h"
#include "view/compose.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* -- packages -- */

/* Whether a version in vs and v bring the same path: a view cannot show both. */
static bool paths_collide(const struct versions *vs, const struct version *v)
{
	for (size_t i = 0; i < vs->count; i++)
		for (size_t k = 0; k < vs->items[i].nentries; k++) {
			const struct entry *e = &vs->items[i].entries[k];

			if (e->type != ENTRY_DIR &&
			    bsearch(e, v->entries, v->nentries, sizeof *e, entry_order))
				return true;
		}
	return false;
}

/* The rest of a sentence that begins with the path, without its '/'. */
static const char *after_path(const char *why, const char *path)
{
	size_t len = strlen(path + 1);

	return strncmp(why, path + 1, len) == 0 && why[len] == ' ' ? why + len + 1 : why;
}

/* Configuration and state, which no view shows, and files that could not come in. */
static int leave_files_out(struct freeze_work *w, const struct freeze_taken *taken, struct err *err)
{
	const struct version *v = &taken->version;
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type != ENTRY_DIR && path_below(e->path, "/etc"))
			r = freezing_leave_out(&w->out, e->path, LEFT_OUT_CONFIGURATION, err);
		else if (e->type != ENTRY_DIR && path_below(e->path, "/var"))
			r = freezing_leave_out(&w->out, e->path, LEFT_OUT_STATE, err);
	}
	for (size_t i = 0; r == 0 && i + 1 < taken->left_out.count; i += 2)
		if (compose_shows(taken->left_out.items[i]))
			r = freezing_leave_out(
				&w->out, taken->left_out.items[i],
				after_path(taken->left_out.items[i + 1], taken->left_out.items[i]),
				err);
	return r;
}

static bool shows_anything(const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type != ENTRY_DIR && compose_shows(v->entries[i].path))
			return true;
	return false;
}

/* A package that the store refuses, or of which a pin that stays has one of the paths, does not come in whole: its
 * files that the program loads come in alone. */
static int store_package(struct freeze_work *w, size_t number, struct err *err)
{
	const struct freeze_taken *taken = &w->machine->packages[number];
	int r;

	if ((number != w->owner && !(w->marks[number] & FREEZE_STARTS) &&
	     !shows_anything(&taken->version)) ||
	    taken->version.nentries == 0 || paths_collide(&w->kept, &taken->version))
		return 0;
	for (size_t i = 0; i < w->nfiles; i++)
		w->files[i].done |= w->files[i].owner == number;
	w->marks[number] |= FREEZE_MADE;
	r = leave_files_out(w, taken, err);
	return r < 0 ? r : freeze_add_made(w, &taken->version, err);
}

/* -- single files -- */

static bool is_made(const struct freeze_work *w, const char *name)
{
	for (size_t i = 0; i < w->nmade; i++)
		if (strcmp(w->made[i]->name, name) == 0)
			return true;
	return false;
}

/* "libfoo" of "libfoo.so.1.2"; the whole path where a version has that name already. */
static void name_file(const struct freeze_work *w, const struct freeze_file *f, char name[256])
{
	const char *base = path_base(f->path), *so = strstr(base, ".so");
	int len = so && so > base ? (int)(so - base) : (int)strlen(base);

	snprintf(name, 256, "%.*s", len < 200 ? len : 200, base);
	if (freeze_is_kept(w, name, w->arch) || is_made(w, name))
		snprintf(name, 256, "%.200s", f->path + 1);
	for (char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || *c == '=' || (unsigned char)*c <= ' ' ||
		    (unsigned char)*c >= 0x7f)
			*c = '_';
	if (name[0] == '-')
		name[0] = '_';
}

/* The version of its package, else the one in its name, else one made of its digest. */
static int version_of(const struct freeze_work *w, const struct freeze_file *f, int fd,
		      char version[256], struct err *err)
{
	const struct package *p = freeze_package(w, f->owner);
	const char *so = strstr(path_base(f->path), ".so.");
	struct digest digest;
	char hex[DIGEST_HEX];
	int r;

	if (p || (so && so[4] >= '0' && so[4] <= '9')) {
		snprintf(version, 256, "%.250s", p ? p->version : so + 4);
		return 0;
	}
	r = digest_fd(fd, &digest, err);
	if (r < 0)
		return err_wrap(err, r, "%s", f->path);
	digest_hex(&digest, hex);
	snprintf(version, 256, "content-%.12s", hex);
	return 0;
}

static int store_one_file(struct freeze_work *w, struct freeze_file *f, struct err *err)
{
	bool program = strcmp(f->path, w->app.path) == 0;
	AUTO_FD int fd = intake_open_public(program ? w->live : f->path, err);
	char name[256], version[256];
	const struct intake_file file = {fd, f->path, f->link};
	const struct version *v = NULL;
	int r;

	f->done = true;
	if (fd < 0)
		return fd;
	name_file(w, f, name);
	r = version_of(w, f, fd, version, err);
	if (r == 0)
		r = freeze_take_files(w->machine, &file, 1, name, version, &v, err);
	return r < 0 ? r : freeze_add_made(w, v, err);
}

static int store_all(struct freeze_work *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->machine->inventory.packages.count; i++)
		if (w->marks[i] & FREEZE_WHOLE)
			r = store_package(w, i, err);
	for (size_t i = 0; r == 0 && i < w->nfiles; i++)
		if (!w->files[i].done)
			r = store_one_file(w, &w->files[i], err);
	return r;
}

/* -- glibc -- */

static bool is_runtime(const struct package *p, const char *arch)
{
	return freeze_is_libc(p->name) &&
	       (strcmp(p->name, "libc6") != 0 || strcmp(p->arch, arch) == 0);
}

/* The files that glibc's tools made on this machine, in formats of this glibc. */
static int store_generated_libc(struct freeze_work *w, const char *version, struct err *err)
{
	char cache[PATH_MAX];
	const char *paths[2] = {cache, "/usr/lib/locale/locale-archive"};
	AUTO_FD int one = -1, two = -1;
	struct intake_file files[2];
	const struct version *v;
	size_t n = 0;
	int r;

	snprintf(cache, sizeof cache, "/usr/lib/%s/gconv/gconv-modules.cache", w->triplet);
	one = open(paths[0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	two = open(paths[1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (one >= 0)
		files[n++] = (struct intake_file){one, paths[0], NULL};
	if (two >= 0)
		files[n++] = (struct intake_file){two, paths[1], NULL};
	if (n == 0)
		return 0;
	r = freeze_take_files(w->machine, files, n, GLIBC_GENERATED, version, &v, err);
	return r < 0 ? r : freeze_add_made(w, v, err);
}

static int store_libc(struct freeze_work *w, struct err *err)
{
	const struct packages *all = &w->machine->inventory.packages;
	AUTO_FREE bool *wanted = calloc(all->count + 1, sizeof *wanted);
	const char *version = NULL;
	int r = 0;

	if (!wanted)
		return err_nomem(err);
	for (size_t i = 0; i < all->count; i++) {
		const struct package *p = &all->items[i];

		if (strcmp(p->source, "glibc") != 0 || !is_runtime(p, w->arch) ||
		    freeze_is_kept(w, p->name, p->arch))
			continue;
		if (version && strcmp(version, p->version) != 0)
			return err_set(err, EINVAL,
				       "the packages of glibc have two versions, %s and %s; finish "
				       "the upgrade first ('apt --fix-broken install')",
				       version, p->version);
		version = p->version;
		wanted[i] = true;
	}
	if (!version)
		return err_set(err, ENOENT,
			       "no package of glibc is installed that could be frozen");
	r = freeze_take_packages(w->machine, wanted, err);
	for (size_t i = 0; r == 0 && i < all->count; i++)
		if (wanted[i] && w->machine->packages[i].version.nentries)
			r = freeze_add_made(w, &w->machine->packages[i].version, err);
	return r < 0 ? r : store_generated_libc(w, version, err);
}

int freeze_store_files(struct freeze_work *w, struct err *err)
{
	int r = store_all(w, err);

	if (r == 0 && !w->libraries)
		r = freeze_store_generated(w, err);
	return r < 0 || !w->with_libc ? r : store_libc(w, err);
}
