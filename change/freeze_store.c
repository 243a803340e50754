#include "base/cleanup.h"
#include "base/path.h"
#include "base/reach.h"
#include "change/freeze_work.h"
#include "intake/intake.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* -- packages -- */

static bool have_version(const struct versions *vs, const char *name, const char *arch)
{
	for (size_t i = 0; i < vs->count; i++)
		if (strcmp(vs->items[i].name, name) == 0 && strcmp(vs->items[i].arch, arch) == 0)
			return true;
	return false;
}

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

static int add_package(struct freeze_work *w, const struct package *p, struct version *v,
		       struct err *err)
{
	const struct intake_options options = {0};
	AUTO_FREE char *source = NULL;
	bool known;

	if (asprintf(&source, "dpkg:%s", p->query) < 0) {
		source = NULL;
		return err_nomem(err);
	}
	return intake_add(w->store, source, &options, v, &known, err);
}

/* Whether the error is about the machine, which cannot go on, and not about the package. */
static bool is_machines_fault(int r)
{
	static const int faults[] = {ENOMEM, ENOSPC, EDQUOT, EIO,   EROFS,
				     EINTR,  EMFILE, ENFILE, EAGAIN};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (r == -faults[i])
			return true;
	return false;
}

/* 1: the package came in whole; 0: it cannot. */
static int store_package(struct freeze_work *w, size_t number, struct err *err)
{
	const struct package *p = freeze_package(w, number);
	AUTO_VERSION struct version v = {0};
	struct err why;
	int r;

	if (!p || p->programs || p->essential || have_version(&w->kept, p->name, p->arch))
		return 0;
	r = add_package(w, p, &v, &why);
	if (is_machines_fault(r)) {
		*err = why;
		return r;
	}
	/* The store refuses one of its files, or a pin that stays has one of its paths. */
	if (r < 0 || paths_collide(&w->kept, &v))
		return 0;
	for (size_t i = 0; i < w->nfiles; i++)
		w->files[i].done |= w->files[i].owner == number;
	r = freeze_add_version(&w->made, &v, err);
	return r < 0 ? r : 1;
}

/* -- single files -- */

/* "libfoo" of "libfoo.so.1.2"; the whole path where a version has that name already. */
static void name_file(const struct freeze_work *w, const struct freeze_file *f, char name[256])
{
	const char *base = path_base(f->path), *so = strstr(base, ".so");
	int len = so && so > base ? (int)(so - base) : (int)strlen(base);

	snprintf(name, 256, "%.*s", len < 200 ? len : 200, base);
	if (have_version(&w->kept, name, w->arch) || have_version(&w->made, name, w->arch))
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

/* Since freeze_find_files somebody may have put another file, or a link, there. */
static int open_public(const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	int r = reach(path, 0, &at, err);

	if (r == 0)
		r = reach_public(&at, false, err);
	if (r == 0 && !S_ISREG(at.st.st_mode))
		r = err_set(err, EINVAL, "%s is not a regular file", path);
	return r < 0 ? r : reach_open(&at, O_RDONLY | O_NONBLOCK, err);
}

static int store_one_file(struct freeze_work *w, struct freeze_file *f, struct err *err)
{
	AUTO_FD int fd = open_public(f->path, err);
	AUTO_VERSION struct version v = {0};
	char name[256], version[256];
	const struct intake_file file = {fd, f->path, f->link};
	const struct intake_options options = {.name = name, .version = version};
	bool known;
	int r;

	f->done = true;
	if (fd < 0)
		return fd;
	name_file(w, f, name);
	r = version_of(w, f, fd, version, err);
	if (r == 0)
		r = intake_add_files(w->store, &file, 1, &options, &v, &known, err);
	return r < 0 ? r : freeze_add_version(&w->made, &v, err);
}

static int store_all(struct freeze_work *w, struct err *err)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		struct freeze_file *f = &w->files[i];
		int r;

		if (f->done)
			continue;
		r = store_package(w, f->owner, err);
		if (r == 0)
			r = store_one_file(w, f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -- glibc -- */

static bool is_runtime(const struct package *p, const char *arch)
{
	return freeze_is_libc(p->name) &&
	       (strcmp(p->name, "libc6") != 0 || strcmp(p->arch, arch) == 0);
}

/* The files that glibc's tools made on this machine, in formats of this glibc. */
static int store_generated(struct freeze_work *w, const char *version, struct err *err)
{
	char cache[PATH_MAX];
	const char *paths[2] = {cache, "/usr/lib/locale/locale-archive"};
	AUTO_FD int one = -1, two = -1;
	struct intake_file files[2];
	const struct intake_options options = {.name = GLIBC_GENERATED, .version = version};
	AUTO_VERSION struct version v = {0};
	size_t n = 0;
	bool known;
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
	r = intake_add_files(w->store, files, n, &options, &v, &known, err);
	return r < 0 ? r : freeze_add_version(&w->made, &v, err);
}

static int store_libc(struct freeze_work *w, struct err *err)
{
	AUTO_PACKAGES struct packages all = {0};
	const char *version = NULL;
	int r = packages_of_source("glibc", &all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const struct package *p = &all.items[i];
		AUTO_VERSION struct version v = {0};

		if (!is_runtime(p, w->arch) || have_version(&w->kept, p->name, p->arch))
			continue;
		if (version && strcmp(version, p->version) != 0)
			return err_set(err, EINVAL,
				       "the packages of glibc have two versions, %s and %s; finish "
				       "the upgrade first ('apt --fix-broken install')",
				       version, p->version);
		version = p->version;
		r = add_package(w, p, &v, err);
		if (r == 0)
			r = freeze_add_version(&w->made, &v, err);
	}
	if (r == 0 && !version)
		return err_set(err, ENOENT,
			       "no package of glibc is installed that could be frozen");
	return r < 0 ? r : store_generated(w, version, err);
}

int freeze_store_files(struct freeze_work *w, struct err *err)
{
	int r = store_all(w, err);

	return r < 0 || !w->with_libc ? r : store_libc(w, err);
}
