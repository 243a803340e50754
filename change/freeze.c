#include "change/freeze.h"

#include "base/path.h"
#include "base/reach.h"
#include "change/select.h"
#include "dpkg/owner.h"
#include "host/wrap.h"
#include "loader/program.h"
#include "view/glibc.h"
#include "view/proof.h"
#include "view/verdict.h"
#include "view/view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define GLIBC "glibc" /* the Debian source */
#define GENERATED "glibc-generated"

/* A file of the live system that is to be frozen. */
struct file {
	char *path;	 /* canonical */
	char *link;	 /* another path by which it was loaded, its directory canonical; or NULL */
	const char *exe; /* of a file that was only observed: who mapped it; else NULL */
	size_t owner;	 /* number of its package, or OWNER_NONE */
	size_t exe_owner; /* the same for exe */
	bool done;	  /* nothing more is to be done about it */
};

struct work {
	struct store *store;
	const struct freeze_how *how;
	struct app app;		/* as it is now; without a path if it is not wrapped */
	struct app base;	/* the pins that stay; they belong to app */
	struct pin *pins;	/* of base */
	struct view_plan *plan; /* of base */
	struct versions kept;	/* what base's pins mean */
	struct file *files;
	size_t nfiles;
	struct packages packages;
	struct versions made; /* what is to be pinned */
	bool with_libc;
	const char *arch, *triplet; /* of the program */
	struct freezing out;
};

void freezing_free(struct freezing *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].name);
		free(f->items[i].version);
		free(f->items[i].arch);
		free(f->items[i].before);
	}
	for (size_t i = 0; i < f->nleft; i++) {
		free(f->left[i].path);
		free(f->left[i].why);
	}
	free(f->items);
	free(f->left);
	*f = (struct freezing){0};
}

static void work_free(struct work *w)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		free(w->files[i].path);
		free(w->files[i].link);
	}
	free(w->files);
	free(w->pins);
	app_free(&w->app);
	if (w->plan)
		view_plan_free(w->plan);
	free(w->plan);
	versions_free(&w->kept);
	versions_free(&w->made);
	packages_free(&w->packages);
	freezing_free(&w->out);
}

static int leave_out(struct work *w, const char *path, const char *why, struct err *err)
{
	struct left_out *left;

	for (size_t i = 0; i < w->out.nleft; i++)
		if (strcmp(w->out.left[i].path, path) == 0)
			return 0;
	left = reallocarray(w->out.left, w->out.nleft + 1, sizeof *left);
	if (!left)
		return err_nomem(err);
	w->out.left = left;
	left += w->out.nleft++;
	*left = (struct left_out){strdup(path), strdup(why)};
	return left->path && left->why ? 0 : err_nomem(err);
}

static int add_version(struct versions *to, struct version *v, struct err *err)
{
	struct version *items = reallocarray(to->items, to->count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	to->items = items;
	items[to->count++] = *v;
	*v = (struct version){0};
	return 0;
}

/* -- which files -- */

/* Whether the pins that stay show something at this path. */
static bool is_pinned(const struct work *w, const char *path)
{
	return view_shows(&w->plan->view, path);
}

/* A file by the path at which it is loaded. exe is NULL for what is loaded whatever happens. */
static int add_file(struct work *w, const char *name, const char *exe, struct err *err)
{
	char link[PATH_MAX], path[PATH_MAX];
	struct file *f;
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
	*f = (struct file){.path = strdup(path), .exe = exe, .owner = OWNER_NONE};
	if (strcmp(link, path) != 0)
		f->link = strdup(link);
	return f->path && (f->link || strcmp(link, path) == 0) ? 0 : err_nomem(err);
}

static bool names_a_library(const char *base)
{
	return strstr(base, ".so") != NULL;
}

/* Where the live system has what an entry of a frozen version was; false if it has it no more. */
static bool live_place(const struct entry *e, char out[PATH_MAX])
{
	char name[2 * PATH_MAX], dir[PATH_MAX];

	if (e->type != ENTRY_FILE || (!e->soname && !names_a_library(path_base(e->path))))
		return false;
	path_dir(e->path, dir);
	if (e->soname) {
		snprintf(name, sizeof name, "%s/%s", dir, e->soname);
		if (realpath(name, out)) {
			snprintf(out, PATH_MAX, "%.*s", PATH_MAX - 1, name);
			return true;
		}
	}
	return realpath(e->path, out) != NULL;
}

static bool has_soname(const struct version *v, const char *soname)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].soname && strcmp(v->entries[i].soname, soname) == 0)
			return true;
	return false;
}

/* What is frozen of glibc: of its packages those that a program uses when it runs, and what was
 * made of them. */
static bool is_libc_name(const char *name)
{
	static const char *const names[] = {"libc6",   "libc-bin",    "libc-l10n",
					    "locales", "locales-all", GENERATED};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* The pins that stay: those of other origins, and what was frozen that the live system has no more.
 */
static int sort_pins(struct work *w, struct err *err)
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
		bool live = pin->origin == PIN_FREEZE && is_libc_name(pin->name);
		int r = store_load(w->store, &pin->digest, &v, err);

		if (r < 0)
			return err_wrap(err, r, "%s %s", pin->name, pin->version);
		w->with_libc |= pin->origin == PIN_FREEZE && has_soname(&v, "libc.so.6");
		for (size_t k = 0; k < v.nentries && pin->origin == PIN_FREEZE && !live; k++)
			live = live_place(&v.entries[k], place);
		if (live)
			continue;
		w->pins[w->base.npins++] = *pin;
		r = add_version(&w->kept, &v, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What was frozen before, observed or not, is frozen again. */
static int add_frozen_before(struct work *w, struct err *err)
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
				r = add_file(w, place, NULL, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_observed(struct work *w, struct err *err)
{
	const struct observation *o = w->how->seen;

	for (size_t i = 0; o && i < o->count; i++) {
		int r = 0;

		if (o->items[i].live)
			r = add_file(w, o->items[i].path, o->items[i].exe, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the loader loads for the program, with the pins that stay. */
static int add_loaded(struct work *w, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	AUTO_PROOF struct proof proof = {0};
	char file[PATH_MAX];
	struct sysroot sysroot;
	int r = select_program(w->app.path, file, &program, err);

	if (r < 0)
		return r;
	w->arch = elf_arch(program.elf.class, program.elf.machine);
	w->triplet = elf_triplet(program.elf.class, program.elf.machine);
	sysroot = plan_sysroot(&w->plan->plan, file);
	r = proof_run(&sysroot, program.elf.interp,
		      program.kind == PROGRAM_SCRIPT ? program.interpreter : w->app.path, &proof,
		      err);
	if (r < 0)
		return err_wrap(err, r, "cannot tell what %s loads", w->app.path);
	for (size_t i = 0; r == 0 && i < proof.nloaded; i++)
		r = add_file(w, proof.loaded[i].path, NULL, err);
	return r;
}

static int find_owners(struct work *w, struct err *err)
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

/* -- what stays out -- */

static const struct package *owner_of(const struct work *w, size_t number)
{
	return number == OWNER_NONE ? NULL : &w->packages.items[number];
}

/* Where no package says it: by name and place. */
static bool is_glibcs(const struct work *w, const struct file *f)
{
	const struct package *p = owner_of(w, f->owner);
	const struct entry e = {
		.path = f->path,
		.soname = (char *)path_base(f->link ? f->link : f->path),
	};

	return p ? strcmp(p->source, GLIBC) == 0 : glibc_owns(&e);
}

/* Modules of a program are upgraded with it, and a program cannot be held back: its old modules
 * would not fit it. */
static bool is_programs_own(const struct work *w, const struct file *f)
{
	const struct package *p = owner_of(w, f->owner), *exe = owner_of(w, f->exe_owner);

	return f->exe && p && exe && strcmp(p->source, exe->source) == 0;
}

static int pass_over(struct work *w, struct file *f, const char *why, struct err *err)
{
	f->done = true;
	return leave_out(w, f->path, why, err);
}

static int sift_one(struct work *w, struct file *f, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	struct err why;
	int r;

	if (is_glibcs(w, f)) {
		f->done = true;
		return w->with_libc ? 0 : leave_out(w, f->path, "belongs to glibc", err);
	}
	if (is_programs_own(w, f))
		return pass_over(w, f, "is upgraded with the program that loads it", err);
	if (view_may_show(f->path, &why) < 0)
		return pass_over(w, f, why.text, err);
	r = reach(f->path, 0, &at, &why);
	if (r < 0)
		return pass_over(w, f, r == -ENOENT ? "is gone" : "cannot be opened", err);
	return reach_public(&at, false, &why) < 0
		       ? pass_over(w, f, "is not for everybody to read, as the store is", err)
		       : 0;
}

/* A file that one program brings along and another loads as its library counts as loaded. */
static bool is_wanted_otherwise(const struct work *w, const struct file *f)
{
	for (size_t i = 0; i < w->nfiles; i++)
		if (&w->files[i] != f && strcmp(w->files[i].path, f->path) == 0 &&
		    !is_programs_own(w, &w->files[i]))
			return true;
	return false;
}

static int sift(struct work *w, struct err *err)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		struct file *f = &w->files[i];
		int r = 0;

		if (is_programs_own(w, f) && is_wanted_otherwise(w, f))
			f->done = true;
		else
			r = sift_one(w, f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -- into the store -- */

static bool is_taken(const struct versions *vs, const char *name, const char *arch)
{
	for (size_t i = 0; i < vs->count; i++)
		if (strcmp(vs->items[i].name, name) == 0 && strcmp(vs->items[i].arch, arch) == 0)
			return true;
	return false;
}

/* Whether a version that stays brings one of its paths, too: then a view could not show both. */
static bool collides(const struct versions *vs, const struct version *v)
{
	for (size_t i = 0; i < vs->count; i++)
		for (size_t k = 0; k < vs->items[i].nentries; k++) {
			const struct entry *e = &vs->items[i].entries[k];
			const struct entry key = {.path = e->path};
			size_t low = 0, high = v->nentries;

			while (e->type != ENTRY_DIR && low < high) {
				size_t mid = low + (high - low) / 2;
				int order = strcmp(key.path, v->entries[mid].path);

				if (order == 0)
					return true;
				if (order < 0)
					high = mid;
				else
					low = mid + 1;
			}
		}
	return false;
}

static int add_package(struct work *w, const struct package *p, struct version *v, struct err *err)
{
	const struct add_options options = {.facts = w->how->facts};
	AUTO_FREE char *source = NULL;
	bool known;

	if (asprintf(&source, "dpkg:%s", p->query) < 0) {
		source = NULL;
		return err_nomem(err);
	}
	return store_add(w->store, source, &options, v, &known, err);
}

/* Whether an error says nothing about the package, but that the machine cannot go on. */
static bool is_machines_fault(int r)
{
	static const int faults[] = {ENOMEM, ENOSPC, EDQUOT, EIO,   EROFS,
				     EINTR,  EMFILE, ENFILE, EAGAIN};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (r == -faults[i])
			return true;
	return false;
}

/* 1: it is taken whole; 0: it cannot be. */
static int take_package(struct work *w, size_t number, struct err *err)
{
	const struct package *p = owner_of(w, number);
	AUTO_VERSION struct version v = {0};
	struct err why;
	int r;

	if (!p || p->programs || p->essential || is_taken(&w->kept, p->name, p->arch))
		return 0;
	r = add_package(w, p, &v, &why);
	if (is_machines_fault(r)) {
		*err = why;
		return r;
	}
	/* Something in it may not come into the store, or is in the way. */
	if (r < 0 || collides(&w->kept, &v))
		return 0;
	for (size_t i = 0; i < w->nfiles; i++)
		w->files[i].done |= w->files[i].owner == number;
	r = add_version(&w->made, &v, err);
	return r < 0 ? r : 1;
}

/* "libfoo" of "libfoo.so.1.2", with its directory where that name is taken already. */
static void name_file(const struct work *w, const struct file *f, char name[256])
{
	const char *base = path_base(f->path), *so = strstr(base, ".so");
	int len = so && so > base ? (int)(so - base) : (int)strlen(base);

	snprintf(name, 256, "%.*s", len < 200 ? len : 200, base);
	if (is_taken(&w->kept, name, w->arch) || is_taken(&w->made, name, w->arch))
		snprintf(name, 256, "%.200s", f->path + 1);
	for (char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || *c == '=' || (unsigned char)*c <= ' ' ||
		    (unsigned char)*c >= 0x7f)
			*c = '_';
	if (name[0] == '-')
		name[0] = '_';
}

/* Its package's version; else what its name says; else a name for its content. */
static int version_of(const struct work *w, const struct file *f, int fd, char version[256],
		      struct err *err)
{
	const struct package *p = owner_of(w, f->owner);
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

/* Since it was looked at, somebody may have put another file, or a link, there. */
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

static int take_file(struct work *w, struct file *f, struct err *err)
{
	AUTO_FD int fd = open_public(f->path, err);
	AUTO_VERSION struct version v = {0};
	char name[256], version[256];
	const struct store_file file = {fd, f->path, f->link};
	const struct add_options options = {
		.name = name, .version = version, .facts = w->how->facts};
	bool known;
	int r;

	f->done = true;
	if (fd < 0)
		return fd;
	name_file(w, f, name);
	r = version_of(w, f, fd, version, err);
	if (r == 0)
		r = store_add_files(w->store, &file, 1, &options, &v, &known, err);
	return r < 0 ? r : add_version(&w->made, &v, err);
}

static int take_all(struct work *w, struct err *err)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		struct file *f = &w->files[i];
		int r;

		if (f->done)
			continue;
		r = take_package(w, f->owner, err);
		if (r == 0)
			r = take_file(w, f, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -- glibc -- */

static bool is_runtime(const struct package *p, const char *arch)
{
	return is_libc_name(p->name) &&
	       (strcmp(p->name, "libc6") != 0 || strcmp(p->arch, arch) == 0);
}

/* What its tools made on this machine of what it brought, in its own formats. */
static int take_generated(struct work *w, const char *version, struct err *err)
{
	char cache[PATH_MAX];
	const char *paths[2] = {cache, "/usr/lib/locale/locale-archive"};
	AUTO_FD int one = -1, two = -1;
	struct store_file files[2];
	const struct add_options options = {
		.name = GENERATED, .version = version, .facts = w->how->facts};
	AUTO_VERSION struct version v = {0};
	size_t n = 0;
	bool known;
	int r;

	snprintf(cache, sizeof cache, "/usr/lib/%s/gconv/gconv-modules.cache", w->triplet);
	one = open(paths[0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	two = open(paths[1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (one >= 0)
		files[n++] = (struct store_file){one, paths[0], NULL};
	if (two >= 0)
		files[n++] = (struct store_file){two, paths[1], NULL};
	if (n == 0)
		return 0;
	r = store_add_files(w->store, files, n, &options, &v, &known, err);
	return r < 0 ? r : add_version(&w->made, &v, err);
}

static int take_libc(struct work *w, struct err *err)
{
	AUTO_PACKAGES struct packages all = {0};
	const char *version = NULL;
	int r = packages_of_source(GLIBC, &all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const struct package *p = &all.items[i];
		AUTO_VERSION struct version v = {0};

		if (!is_runtime(p, w->arch) || is_taken(&w->kept, p->name, p->arch))
			continue;
		if (version && strcmp(version, p->version) != 0)
			return err_set(err, EINVAL,
				       "glibc's packages are of two versions, %s and %s: finish "
				       "the upgrade first",
				       version, p->version);
		version = p->version;
		r = add_package(w, p, &v, err);
		if (r == 0)
			r = add_version(&w->made, &v, err);
	}
	if (r == 0 && !version)
		return err_set(err, ENOENT, "there is no package of glibc that could be frozen");
	return r < 0 ? r : take_generated(w, version, err);
}

/* -- pins -- */

static bool among(const struct versions *vs, const struct digest *digest)
{
	for (size_t i = 0; i < vs->count; i++)
		if (digest_equal(&vs->items[i].digest, digest))
			return true;
	return false;
}

static int report(struct work *w, const struct version *v, struct err *err)
{
	struct frozen *f = reallocarray(w->out.items, w->out.count + 1, sizeof *f);

	if (!f)
		return err_nomem(err);
	w->out.items = f;
	f += w->out.count++;
	*f = (struct frozen){.name = strdup(v->name),
			     .version = strdup(v->version),
			     .arch = strdup(v->arch),
			     .changed = true};
	for (size_t i = 0; i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];

		if (pin->origin != PIN_FREEZE || strcmp(pin->name, v->name) != 0 ||
		    strcmp(pin->arch, v->arch) != 0)
			continue;
		f->before = strdup(pin->version);
		f->changed = !digest_equal(&pin->digest, &v->digest);
		if (!f->before)
			return err_nomem(err);
	}
	return f->name && f->version && f->arch ? 0 : err_nomem(err);
}

static int by_name(const void *a, const void *b)
{
	const struct frozen *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : strcmp(x->arch, y->arch);
}

static int pin_all(struct policy *policy, struct work *w, struct err *err)
{
	int r = policy_wrap(policy, w->app.path, w->app.on_failure, w->app.forced, err);

	for (size_t i = 0; r == 0 && i < w->app.npins; i++) {
		const struct pin *pin = &w->app.pins[i];

		if (pin->origin == PIN_FREEZE && !among(&w->made, &pin->digest) &&
		    !among(&w->kept, &pin->digest))
			r = policy_unpin(policy, w->app.path, &pin->digest, err);
	}
	for (size_t i = 0; r == 0 && i < w->made.count; i++) {
		r = policy_pin(policy, w->app.path, &w->made.items[i], PIN_FREEZE, err);
		if (r == 0)
			r = report(w, &w->made.items[i], err);
	}
	/* What the live system has no more: frozen as before. */
	for (size_t i = 0; r == 0 && i < w->base.npins; i++)
		if (w->base.pins[i].origin == PIN_FREEZE)
			r = report(w, &w->kept.items[i], err);
	if (r == 0 && w->out.count)
		qsort(w->out.items, w->out.count, sizeof *w->out.items, by_name);
	return r;
}

/* -- the whole -- */

static int begin(struct work *w, struct policy *policy, const char *path, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&path, 1);
	int r = wrap_allowed(path, &says, err);

	if (r < 0)
		return r;
	r = policy_app(policy, path, POLICY_NOW, &w->app, err);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == -ENOENT) {
		w->app = (struct app){.path = strdup(path), .on_failure = PLAN_REFUSE};
		if (!w->app.path)
			return err_nomem(err);
	}
	r = sort_pins(w, err);
	w->plan = calloc(1, sizeof *w->plan);
	if (!w->plan)
		return err_nomem(err);
	if (r == 0)
		r = view_build(w->store, &w->base, policy_current(policy), w->plan, err);
	return r;
}

int freeze(struct policy *policy, struct store *store, const char *path,
	   const struct freeze_how *how, struct freezing *out, struct err *err)
{
	CLEANUP(work_free)
	struct work w = {.store = store, .how = how, .with_libc = how->with_libc};
	int r = begin(&w, policy, path, err);

	if (r == 0)
		r = add_loaded(&w, err);
	if (r == 0)
		r = add_frozen_before(&w, err);
	if (r == 0)
		r = add_observed(&w, err);
	if (r == 0)
		r = find_owners(&w, err);
	if (r == 0)
		r = sift(&w, err);
	if (r == 0)
		r = take_all(&w, err);
	if (r == 0 && w.with_libc)
		r = take_libc(&w, err);
	if (r == 0)
		r = pin_all(policy, &w, err);
	if (r == 0 && w.out.count == 0)
		r = err_set(
			err, ENOENT,
			"there is nothing to freeze for %s: what it loads is %s, or must stay the "
			"live system's",
			path, w.with_libc ? "pinned" : "glibc's (--with-libc), or pinned");
	if (r < 0)
		return r;
	*out = w.out;
	w.out = (struct freezing){0};
	return 0;
}

int thaw(struct policy *policy, const char *path, struct err *err)
{
	AUTO_APP struct app app = {0};
	size_t taken = 0;
	int r = policy_app(policy, path, POLICY_NOW, &app, err);

	if (r < 0 && r != -ENOENT)
		return r;
	r = 0;
	for (size_t i = 0; r == 0 && i < app.npins; i++) {
		if (app.pins[i].origin != PIN_FREEZE)
			continue;
		r = policy_unpin(policy, path, &app.pins[i].digest, err);
		taken++;
	}
	if (r == 0 && taken == 0)
		return err_set(err, ENOENT, "%s is not frozen", path);
	/* A filter stays, and with it the wrapper. */
	if (r == 0 && taken == app.npins && !app.confined.profile)
		r = policy_unwrap(policy, path, err);
	return r;
}
