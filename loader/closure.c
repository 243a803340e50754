#include "loader/closure.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/sysroot.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 4096
#define NEEDS_MAX 65536 /* of all objects */
#define LIST_MAX 4096	/* directories of one search path */
#define GAPS_MAX 4096
#define PATHS_MAX 8192 /* of all search paths, as closure_paths has them */

/* What a walk may cost, in comparisons of versions; more is -E2BIG. A few kilobytes can name some
 * thousand libraries that are nowhere, to be looked for in some thousand directories.
 * libreoffice's 150 take 100,000. */
#define WORK_MAX (1u << 24)
#define WORK_DIR 4   /* a directory that is known already */
#define WORK_FILE 64 /* a name that is looked up in the file system, and kept */

const char *rule_name(enum rule rule)
{
	static const char *const names[] = {
		[RULE_NONE] = "missing",
		[RULE_PROGRAM] = "program",
		[RULE_INTERPRETER] = "interpreter",
		[RULE_PATH] = "path",
		[RULE_RPATH] = "rpath",
		[RULE_LIBRARY_PATH] = "LD_LIBRARY_PATH",
		[RULE_RUNPATH] = "runpath",
		[RULE_CACHE] = "ld.so.cache",
		[RULE_DEFAULT] = "default",
		[RULE_LOADED] = "loaded",
	};

	return names[rule];
}

/* A search path, taken apart. */
struct list {
	const char **dirs; /* the scan's strings; "" is the working directory */
	size_t count;
	bool known;
};

/* What the walk has to know of an object besides. */
struct state {
	struct list rpath, runpath;
	bool done;
};

struct walk {
	struct scan *scan;
	const struct loader *ways;
	size_t number;
	int flags;
	struct closure *c;
	struct state *states; /* of c->objects */
	size_t *order;	      /* the scope: numbers of objects */
	size_t norder;
	struct list library_path;
	size_t loader; /* its object; CLOSURE_NONE if it is not there */
	size_t needs;  /* how many there are in all */
	uint64_t work;
};

static int spend(struct walk *w, uint64_t work, struct err *err)
{
	w->work += work;
	return w->work <= WORK_MAX
		       ? 0
		       : err_set(err, E2BIG, "it takes too long to look for what it loads");
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; w->states && i < w->c->count; i++) {
		free(w->states[i].rpath.dirs);
		free(w->states[i].runpath.dirs);
	}
	free(w->states);
	free(w->order);
	free(w->library_path.dirs);
}

/* -- tokens -- */

/* The length of the token that s, which follows a '$', begins with: "NAME" or "{NAME}"; 0 if it is
 * another. "$ORIGINAL" is not $ORIGIN. */
static size_t token(const char *s, size_t len, const char *name)
{
	size_t n = strlen(name), curly = len > 0 && s[0] == '{';

	if (len < n + 2 * curly || strncmp(s + curly, name, n) != 0)
		return 0;
	if (curly)
		return s[n + 1] == '}' ? n + 2 : 0;
	return n < len && (isalnum((unsigned char)s[n]) || s[n] == '_') ? 0 : n;
}

/* Of the program it is the kernel's /proc/self/exe, of libraries what they were found as. */
static bool file_owner_of(const struct object *o, bool program, char out[PATH_MAX])
{
	const char *path = program ? o->canonical : o->path;
	char here[PATH_MAX], whole[2 * PATH_MAX];

	if (path[0] == '/') {
		path_dir(path, out);
		return true;
	}
	if (!getcwd(here, sizeof here) ||
	    snprintf(whole, sizeof whole, "%s/%s", here, path) >= PATH_MAX)
		return false;
	path_dir(whole, out);
	return true;
}

/* $ORIGIN, $LIB and $PLATFORM (musl: $ORIGIN); other tokens stay, as with the loader. False if the
 * result is too long. */
static bool expand(const struct walk *w, const char *text, size_t len, size_t object,
		   char out[PATH_MAX])
{
	static const char *const names[3] = {"ORIGIN", "LIB", "PLATFORM"};
	char origin[PATH_MAX] = "";
	const char *values[3] = {origin, w->ways->lib, w->ways->platform};
	size_t used = 0, ntokens = w->ways->kind == LOADER_MUSL ? 1 : 3;

	if (memchr(text, '$', len) && !file_owner_of(&w->c->objects[object], object == 0, origin))
		return false;
	for (size_t i = 0; i < len;) {
		const char *put = text + i;
		size_t put_len = 1, skip = 1;

		for (size_t t = 0; text[i] == '$' && t < ntokens; t++) {
			size_t n = token(text + i + 1, len - i - 1, names[t]);

			if (n > 0) {
				put = values[t];
				put_len = strlen(put);
				skip = n + 1;
				break;
			}
		}
		if (used + put_len >= PATH_MAX)
			return false;
		memcpy(out + used, put, put_len);
		used += put_len;
		i += skip;
	}
	out[used] = '\0';
	return true;
}

/* -- search paths -- */

static int list_add(struct walk *w, struct list *list, const char *dir, struct err *err)
{
	const char **more;

	if (list->count == LIST_MAX || ((w->flags & CLOSURE_NO_CWD) && dir[0] != '/'))
		return 0;
	more = reallocarray(list->dirs, list->count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	list->dirs = more;
	return scan_text(w->scan, dir, &more[list->count++], err);
}

/* An empty element is the working directory; one that is empty only when expanded is none. */
static int take_apart(struct walk *w, const char *text, const char *separators, size_t object,
		      struct list *list, struct err *err)
{
	bool musl = w->ways->kind == LOADER_MUSL;

	list->known = true;
	if (!text || !*text)
		return 0;
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, separators), n;
		char dir[PATH_MAX];
		int r = spend(w, WORK_DIR, err);

		if (r < 0)
			return r;
		if (len == 0 && !musl) {
			r = list_add(w, list, "", err);
		} else if (len > 0 && expand(w, p, len, object, dir) && *dir) {
			for (n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
				dir[n - 1] = '\0';
			r = list_add(w, list, dir, err);
		}
		p += len;
		if (r < 0 || !*p)
			return r;
	}
}

static const char *separators(const struct walk *w)
{
	return w->ways->kind == LOADER_MUSL ? ":\n" : ":";
}

/* -- files -- */

enum found {
	FOUND_NOT,
	FOUND,	    /* need->path and the rest say what; it may be broken */
	FOUND_STOP, /* something is wrong with the file: this search path is given up */
};

/* Why glibc's loader fails at a file that it has opened; NULL: it does not. */
static const char *fault_of(const struct elf_info *f)
{
	if (!f->regular)
		return "it is not a regular file";
	if (!f->is_elf)
		return f->empty ? "file too short" : "invalid ELF header";
	if (f->elf.fault)
		return elf_fault_text(f->elf.fault);
	if (f->why)
		return f->why;
	if (f->elf.pie)
		return "cannot dynamically load position-independent executable";
	if (!f->elf.shared)
		return "cannot dynamically load executable";
	return f->elf.dynamic ? NULL : "object file has no dynamic section";
}

static bool other_machine(const struct walk *w, const struct elf_info *f)
{
	return f->elf.class != 0 &&
	       (f->elf.class != w->ways->class || f->elf.machine != w->ways->machine);
}

static int try_file(struct walk *w, const char *path, struct need *need, const struct file **file,
		    struct err *err)
{
	const struct file *f;
	int r = spend(w, WORK_FILE, err);

	if (r == 0)
		r = scan_file(w->scan, path, &f, err);
	if (r < 0)
		return r;
	if (f->error)
		return f->error == -ENOENT || f->error == -EACCES || f->error == -ENOTDIR ||
				       w->ways->kind != LOADER_GLIBC
			       ? FOUND_NOT
			       : FOUND_STOP;
	/* musl takes what it can open, and fails at what is wrong with it. */
	if (other_machine(w, f->facts)) {
		if (w->ways->kind == LOADER_GLIBC)
			return FOUND_NOT;
		need->broken = "it is for another machine";
	} else {
		need->broken = fault_of(f->facts);
	}
	*file = f;
	r = scan_text(w->scan, path, &need->path, err);
	return r < 0 ? r : FOUND;
}

static int join(char out[PATH_MAX], const char *dir, const char *sub, const char *name)
{
	int n = snprintf(out, PATH_MAX, "%s%s%s%s%s", strcmp(dir, "/") == 0 ? "" : dir,
			 *dir ? "/" : "", sub, *sub && *name ? "/" : "", name);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : n;
}

/* A directory, its variants for this processor before it. */
static int in_dir(struct walk *w, const char *dir, struct need *need, const struct file **file,
		  struct err *err)
{
	static const char *const none[] = {""};
	const struct strings *subdirs = &w->ways->subdirs;
	bool glibc = w->ways->kind == LOADER_GLIBC, there = false;
	size_t n = glibc ? subdirs->count : 1;
	int r = spend(w, WORK_DIR * n, err);

	if (r == 0 && glibc)
		r = scan_dir(w->scan, dir, &there, err);
	if (r < 0 || (glibc && !there))
		return r;
	for (size_t i = 0; i < n; i++) {
		const char *sub = glibc ? subdirs->items[i] : none[0];
		char path[PATH_MAX];

		if (*sub) {
			if (join(path, dir, sub, "") < 0)
				continue;
			r = scan_dir(w->scan, path, &there, err);
			if (r < 0)
				return r;
			if (!there)
				continue;
		}
		if (join(path, dir, sub, need->name) < 0)
			continue;
		r = try_file(w, path, need, file, err);
		if (r == FOUND)
			need->subdir = sub;
		if (r != FOUND_NOT)
			return r;
	}
	return FOUND_NOT;
}

static int in_list(struct walk *w, const struct list *list, enum rule rule, size_t owner,
		   struct need *need, const struct file **file, struct err *err)
{
	for (size_t i = 0; i < list->count; i++) {
		int r = in_dir(w, list->dirs[i], need, file, err);

		if (r == FOUND) {
			need->rule = rule;
			need->owner = owner;
		}
		if (r != FOUND_NOT)
			return r == FOUND_STOP ? FOUND_NOT : r;
	}
	return FOUND_NOT;
}

static int in_defaults(struct walk *w, struct need *need, const struct file **file, struct err *err)
{
	const struct strings *defaults = &w->ways->defaults;
	struct list list = {(const char **)defaults->items, defaults->count, true};

	return in_list(w, &list, RULE_DEFAULT, CLOSURE_NONE, need, file, err);
}

/* -- glibc's search -- */

static int in_rpath_of(struct walk *w, size_t owner, struct need *need, const struct file **file,
		       struct err *err)
{
	struct state *s = &w->states[owner];
	int r = 0;

	if (!s->rpath.known)
		r = take_apart(w, w->c->objects[owner].elf->rpath, separators(w), owner, &s->rpath,
			       err);
	return r < 0 ? r : in_list(w, &s->rpath, RULE_RPATH, owner, need, file, err);
}

static int in_runpath_of(struct walk *w, size_t owner, struct need *need, const struct file **file,
			 struct err *err)
{
	struct state *s = &w->states[owner];
	int r = 0;

	if (!s->runpath.known)
		r = take_apart(w, w->c->objects[owner].elf->runpath, separators(w), owner,
			       &s->runpath, err);
	return r < 0 ? r : in_list(w, &s->runpath, RULE_RUNPATH, owner, need, file, err);
}

/* The DT_RPATHs of what brought the object in, it included; none if it has a DT_RUNPATH. */
static int in_rpaths(struct walk *w, size_t object, struct need *need, const struct file **file,
		     struct err *err)
{
	if (w->c->objects[object].elf->runpath)
		return FOUND_NOT;
	for (size_t i = object; i != CLOSURE_NONE; i = w->c->objects[i].by) {
		int r = w->c->objects[i].elf->rpath ? in_rpath_of(w, i, need, file, err)
						    : FOUND_NOT;

		if (r != FOUND_NOT)
			return r;
	}
	return FOUND_NOT;
}

static bool is_by_default(const struct walk *w, const char *path)
{
	for (size_t i = 0; i < w->ways->defaults.count; i++)
		if (path_below(path, w->ways->defaults.items[i]))
			return true;
	return false;
}

/* "glibc-hwcaps/x86-64-v3" of a path in which it stands before the name. */
static const char *subdir_of(const struct walk *w, const char *path)
{
	const struct strings *subdirs = &w->ways->subdirs;
	size_t len = (size_t)(path_base(path) - path);

	for (size_t i = 0; i < subdirs->count; i++) {
		const char *sub = subdirs->items[i];
		size_t n = strlen(sub);

		if (n > 0 && len > n + 1 && strncmp(path + len - n - 1, sub, n) == 0 &&
		    path[len - n - 2] == '/')
			return sub;
	}
	return "";
}

static int in_cache(struct walk *w, size_t object, size_t name, struct need *need,
		    const struct file **file, struct err *err)
{
	const char *path = scan_cached(w->scan, w->ways, name);
	int r;

	if (!path || strlen(path) >= PATH_MAX ||
	    (w->c->objects[object].elf->nodeflib && is_by_default(w, path)))
		return FOUND_NOT;
	r = try_file(w, path, need, file, err);
	if (r == FOUND) {
		need->rule = RULE_CACHE;
		need->subdir = subdir_of(w, path);
	}
	return r == FOUND_STOP ? FOUND_NOT : r;
}

static int search_glibc(struct walk *w, size_t object, size_t name, struct need *need,
			const struct file **file, struct err *err)
{
	const struct elf *elf = w->c->objects[object].elf;
	int r = in_rpaths(w, object, need, file, err);

	if (r == FOUND_NOT && w->library_path.count > 0)
		r = in_list(w, &w->library_path, RULE_LIBRARY_PATH, CLOSURE_NONE, need, file, err);
	if (r == FOUND_NOT && elf->runpath)
		r = in_runpath_of(w, object, need, file, err);
	if (r == FOUND_NOT)
		r = in_cache(w, object, name, need, file, err);
	if (r == FOUND_NOT && !elf->nodeflib)
		r = in_defaults(w, need, file, err);
	return r;
}

/* -- musl's search: ldso/dynlink.c's load_library -- */

/* LD_LIBRARY_PATH first; then DT_RUNPATH or DT_RPATH, which mean the same to it, of the object and
 * of all that brought it in; then its one path. */
static int search_musl(struct walk *w, size_t object, struct need *need, const struct file **file,
		       struct err *err)
{
	int r = in_list(w, &w->library_path, RULE_LIBRARY_PATH, CLOSURE_NONE, need, file, err);

	for (size_t i = object; r == FOUND_NOT && i != CLOSURE_NONE; i = w->c->objects[i].by)
		r = w->c->objects[i].elf->runpath ? in_runpath_of(w, i, need, file, err)
						  : in_rpath_of(w, i, need, file, err);
	return r == FOUND_NOT ? in_defaults(w, need, file, err) : r;
}

/* The names under which it takes itself for libc and all that libc is split into elsewhere. */
static bool is_musl_itself(const struct walk *w, const char *name)
{
	static const char *const reserved[] = {"libc.",	 "libpthread.", "librt.",  "libm.",
					       "libdl.", "libutil.",	"libxnet."};

	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
		if (strncmp(name, reserved[i], strlen(reserved[i])) == 0)
			return true;
	return strcmp(name, w->ways->path) == 0;
}

/* -- objects -- */

static int new_object(struct walk *w, const char *path, size_t *number, struct err *err)
{
	struct closure *c = w->c;
	size_t n = c->count;

	if (n == OBJECTS_MAX)
		return err_set(err, E2BIG, "it would load more than %d files", OBJECTS_MAX);
	if ((n & (n - 1)) == 0) {
		size_t room = n ? 2 * n : 1;
		struct object *objects = reallocarray(c->objects, room, sizeof *objects);
		struct state *states = NULL;
		size_t *order = NULL;

		if (objects)
			c->objects = objects;
		states = reallocarray(w->states, room, sizeof *states);
		if (states)
			w->states = states;
		order = reallocarray(w->order, room, sizeof *order);
		if (order)
			w->order = order;
		if (!objects || !states || !order)
			return err_nomem(err);
	}
	c->objects[n] = (struct object){
		.path = path, .by = CLOSURE_NONE, .by_need = CLOSURE_NONE, .wanted = true};
	w->states[n] = (struct state){0};
	c->count++;
	*number = n;
	return 0;
}

/* From here on the object answers to the name, unless another does. */
static void answers_to(struct walk *w, size_t object, size_t name)
{
	struct scan_mark *m = scan_mark(w->scan, name);

	if (m->walk != w->number)
		*m = (struct scan_mark){w->number, object};
}

static size_t who_answers_to(const struct walk *w, size_t name)
{
	const struct scan_mark *m = scan_mark(w->scan, name);

	return m->walk == w->number ? m->object : CLOSURE_NONE;
}

static size_t same_file(const struct walk *w, const struct elf_info *facts)
{
	/* The program's own map, where the kernel made it, is known to the loader by no file. */
	for (size_t i = w->c->objects[0].elf->interp ? 1 : 0; i < w->c->count; i++)
		if (w->c->objects[i].facts == facts)
			return i;
	return CLOSURE_NONE;
}

static int fill_object(struct walk *w, size_t number, const struct file *file, struct err *err)
{
	struct object *o = &w->c->objects[number];
	int r = scan_canonical(w->scan, o->path, &o->canonical, &o->file, err);

	if (r == -ENOMEM)
		return r;
	if (r < 0) /* it was there a moment ago */
		o->canonical = o->file = o->path;
	o->layer = file->layer;
	o->facts = file->facts;
	o->elf = &file->facts->elf;
	if (w->ways->kind == LOADER_GLIBC && file->facts->soname != SCAN_NONE)
		answers_to(w, number, file->facts->soname);
	return 0;
}

/* Where in the scope an object stands, from a place on; norder if it does not. */
static size_t place_of(const struct walk *w, size_t object)
{
	size_t i = 0;

	while (i < w->norder && w->order[i] != object)
		i++;
	return i;
}

static void put_in(struct walk *w, size_t at, size_t object)
{
	memmove(w->order + at + 1, w->order + at, (w->norder - at) * sizeof *w->order);
	w->order[at] = object;
	w->norder++;
}

/* An object that is needed joins the scope's end; what is to stand in for another (DT_AUXILIARY,
 * DT_FILTER) is put, or moved, before that. *at is where the object that needs it stands. */
static void join_scope(struct walk *w, size_t object, enum elf_need_kind kind, size_t *at)
{
	size_t place = place_of(w, object);

	if (kind == ELF_NEEDED) {
		if (place == w->norder)
			put_in(w, place, object);
		return;
	}
	if (place <= *at)
		return;
	if (place < w->norder) {
		memmove(w->order + place, w->order + place + 1,
			(w->norder - place - 1) * sizeof *w->order);
		w->norder--;
	}
	put_in(w, *at, object);
	++*at;
}

/* -- one need -- */

/* Without a cache the loader does not read ld.so.conf, which is ldconfig's: this is no rule of the
 * search, but what would help. */
static int find_hint(struct walk *w, struct need *need, struct err *err)
{
	const struct strings *dirs;
	const char *no_cache;
	int r;

	scan_cache(w->scan, &no_cache);
	if (!no_cache || w->ways->kind != LOADER_GLIBC || strchr(need->name, '/'))
		return 0;
	r = scan_configured(w->scan, &dirs, err);
	for (size_t i = 0; r == 0 && i < dirs->count; i++) {
		struct need found = {.name = need->name};
		const struct file *file;

		r = in_dir(w, dirs->items[i], &found, &file, err);
		if (r == FOUND && !found.broken)
			need->hint = found.path;
		if (r == FOUND)
			return 0;
	}
	return r < 0 ? r : 0;
}

/* Looks for it, by the loader's rules. */
static int search(struct walk *w, size_t object, size_t name, struct need *need,
		  const struct file **file, struct err *err)
{
	bool relative;
	int r;

	if (strchr(need->name, '/')) {
		relative = need->name[0] != '/' && (w->flags & CLOSURE_NO_CWD);
		r = relative ? FOUND_NOT : try_file(w, need->name, need, file, err);
		if (r == FOUND)
			need->rule = RULE_PATH;
		return r == FOUND_STOP ? FOUND_NOT : r;
	}
	return w->ways->kind == LOADER_MUSL ? search_musl(w, object, need, file, err)
					    : search_glibc(w, object, name, need, file, err);
}

/* What was found is loaded, if it is not yet under another name. */
static int take_in(struct walk *w, size_t object, size_t index, size_t name,
		   const struct file *file, struct err *err)
{
	struct need *need = &w->c->objects[object].needs[index];
	size_t number = same_file(w, file->facts);
	int r;

	if (number == CLOSURE_NONE) {
		if (need->broken)
			return 0;
		r = new_object(w, need->path, &number, err);
		if (r < 0)
			return r;
		w->c->objects[number].by = object;
		w->c->objects[number].by_need = index;
		r = fill_object(w, number, file, err);
		if (r < 0)
			return r;
	}
	need->broken = NULL;
	need->object = number;
	if (w->ways->kind == LOADER_GLIBC || !strchr(need->name, '/'))
		answers_to(w, number, name);
	return 0;
}

static int resolve(struct walk *w, size_t object, size_t index, size_t name, struct err *err)
{
	struct need *need = &w->c->objects[object].needs[index];
	const struct file *file = NULL;
	int r;

	need->object = who_answers_to(w, name);
	if (need->object == CLOSURE_NONE && w->ways->kind == LOADER_MUSL &&
	    is_musl_itself(w, need->name))
		need->object = w->loader;
	if (need->object != CLOSURE_NONE) {
		need->rule = RULE_LOADED;
		return 0;
	}
	r = search(w, object, name, need, &file, err);
	if (r < 0)
		return r;
	return r == FOUND ? take_in(w, object, index, name, file, err) : find_hint(w, need, err);
}

/* The name with its tokens replaced. */
static int need_name(struct walk *w, size_t object, size_t index, size_t *name, struct err *err)
{
	const struct object *o = &w->c->objects[object];
	const char *raw = o->elf->needed[index].name;
	char text[PATH_MAX];

	*name = o->facts->needs[index];
	if (w->ways->kind == LOADER_GLIBC && strchr(raw, '$') &&
	    expand(w, raw, strlen(raw), object, text))
		return scan_name(w->scan, text, name, err);
	return 0;
}

static int one_need(struct walk *w, size_t object, size_t index, size_t *at, struct err *err)
{
	struct need *need = &w->c->objects[object].needs[index];
	size_t name, found;
	int r = need_name(w, object, index, &name, err);

	if (r < 0)
		return r;
	*need = (struct need){
		.name = scan_string(w->scan, name),
		.kind = w->c->objects[object].elf->needed[index].kind,
		.object = CLOSURE_NONE,
		.owner = CLOSURE_NONE,
		.subdir = "",
	};
	/* musl knows neither auxiliaries nor filters. */
	if (w->ways->kind == LOADER_MUSL && need->kind != ELF_NEEDED) {
		need->kind = ELF_AUXILIARY;
		return 0;
	}
	r = resolve(w, object, index, name, err);
	found = w->c->objects[object].needs[index].object;
	if (r < 0 || found == CLOSURE_NONE)
		return r;
	w->c->objects[found].wanted = true;
	join_scope(w, found, w->c->objects[object].needs[index].kind, at);
	return 0;
}

/* Most are where the cache has them: they are read while the first is looked for. */
static int expect_needs(struct walk *w, size_t object, struct err *err)
{
	const struct object *o = &w->c->objects[object];
	int r = 0;

	if (w->ways->kind != LOADER_GLIBC || o->elf->rpath || o->elf->runpath)
		return 0;
	for (size_t i = 0; r == 0 && i < o->elf->nneeded; i++) {
		size_t name = o->facts->needs[i];
		const char *path = who_answers_to(w, name) == CLOSURE_NONE
					   ? scan_cached(w->scan, w->ways, name)
					   : NULL;

		if (path && strlen(path) < PATH_MAX)
			r = scan_expect_library(w->scan, path, err);
	}
	return r;
}

/* All needs of the object at a place of the scope. */
static int needs_of(struct walk *w, size_t at, struct err *err)
{
	size_t object = w->order[at], n = w->c->objects[object].elf->nneeded;
	struct need *needs;
	int r = 0;

	w->states[object].done = true;
	w->needs += n;
	if (n == 0 || w->needs > NEEDS_MAX)
		return n == 0 ? 0
			      : err_set(err, E2BIG, "it needs more than %d libraries", NEEDS_MAX);
	needs = calloc(n, sizeof *needs);
	if (!needs)
		return err_nomem(err);
	w->c->objects[object].needs = needs;
	r = expect_needs(w, object, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = one_need(w, object, i, &at, err);
		w->c->objects[object].nneeds = i + 1;
	}
	return r;
}

/* Breadth first. What came to stand before the one that was looked at is next. */
static int walk_all(struct walk *w, struct err *err)
{
	for (size_t at = 0; at < w->norder;) {
		int r;

		if (w->states[w->order[at]].done) {
			at++;
			continue;
		}
		r = needs_of(w, at, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* -- versions: glibc's dl-version.c -- */

static int add_gap(struct closure *c, const struct gap *gap, struct err *err)
{
	struct gap *more;

	if (c->ngaps == GAPS_MAX)
		return err_set(err, E2BIG, "it misses more than %d versions", GAPS_MAX);
	if ((c->ngaps & (c->ngaps - 1)) == 0) {
		more = reallocarray(c->gaps, c->ngaps ? 2 * c->ngaps : 1, sizeof *more);
		if (!more)
			return err_nomem(err);
		c->gaps = more;
	}
	c->gaps[c->ngaps++] = *gap;
	return 0;
}

static bool gives(const struct elf *e, const struct elf_version *v)
{
	for (size_t i = 0; i < e->ngiven; i++)
		if (e->given[i].hash == v->hash && strcmp(e->given[i].name, v->name) == 0)
			return true;
	return false;
}

/* A file that was not found answers for its versions to nobody: that it is missing is enough. */
static bool is_missing(const struct closure *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++)
			if (c->objects[i].needs[k].object == CLOSURE_NONE &&
			    strcmp(c->objects[i].needs[k].name, name) == 0)
				return true;
	return false;
}

static int versions_of(struct walk *w, size_t object, struct err *err)
{
	const struct object *o = &w->c->objects[object];
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->elf->nasked; i++) {
		const struct elf_version *v = &o->elf->asked[i];
		struct gap gap = {.object = object, .file = v->file, .version = v->name};

		gap.of = who_answers_to(w, o->facts->askeds[i]);
		r = spend(w, gap.of == CLOSURE_NONE ? w->needs : w->c->objects[gap.of].elf->ngiven,
			  err);
		if (r < 0)
			return r;
		if (gap.of == CLOSURE_NONE) {
			if (is_missing(w->c, v->file))
				continue;
			gap.kind = GAP_UNLOADED;
		} else if (!w->c->objects[gap.of].elf->has_versions) {
			/* Once a file, not once a version. */
			if (i > 0 && o->facts->askeds[i] == o->facts->askeds[i - 1])
				continue;
			gap.kind = GAP_UNKNOWN;
		} else if (gives(w->c->objects[gap.of].elf, v)) {
			continue;
		} else {
			gap.kind = v->weak ? GAP_WEAK : GAP_MISSING;
		}
		r = add_gap(w->c, &gap, err);
	}
	return r;
}

/* musl has no versions. */
static int check_versions(struct walk *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && w->ways->kind == LOADER_GLIBC && i < w->c->count; i++)
		r = versions_of(w, i, err);
	return r;
}

/* -- the order -- */

static void renumber(size_t *number, const size_t *to)
{
	if (*number != CLOSURE_NONE)
		*number = to[*number];
}

/* From the order of loading, in which numbers were given, to that of the scope; the loader comes
 * last where nothing wanted it. */
static int arrange(struct walk *w, struct err *err)
{
	struct closure *c = w->c;
	AUTO_FREE size_t *to = calloc(c->count, sizeof *to);
	struct object *objects = calloc(c->count, sizeof *objects);

	if (!to || !objects) {
		free(objects);
		return err_nomem(err);
	}
	if (w->norder < c->count)
		w->order[w->norder++] = w->loader;
	for (size_t i = 0; i < c->count; i++)
		to[w->order[i]] = i;
	for (size_t i = 0; i < c->count; i++) {
		struct object *o = &objects[to[i]];

		*o = c->objects[i];
		renumber(&o->by, to);
		for (size_t k = 0; k < o->nneeds; k++) {
			renumber(&o->needs[k].object, to);
			renumber(&o->needs[k].owner, to);
		}
	}
	for (size_t i = 0; i < c->ngaps; i++) {
		renumber(&c->gaps[i].object, to);
		renumber(&c->gaps[i].of, to);
	}
	free(c->objects);
	c->objects = objects;
	return 0;
}

/* -- the whole -- */

/* The file that a path means, by the kernel's rules: scripts lead to their interpreters. */
static int find_program(struct walk *w, const char *name, struct resolved *at,
			const struct elf_info **facts, struct err *err)
{
	const struct sysroot *sysroot = scan_sysroot(w->scan);
	char next[PATH_MAX];
	int r;

	for (int i = 0; i <= PROGRAM_SCRIPTS_MAX; i++) {
		r = scan_program(w->scan, i == 0 ? name : next, at, err);
		if (r < 0)
			return r;
		r = scan_info(w->scan, at->file, facts, err);
		if (r < 0)
			return r;
		if ((*facts)->is_elf || !(*facts)->regular)
			return 0;
		r = program_interpreter((*facts)->shebang, sysroot, next, err);
		if (r < 0)
			return err_wrap(err, r, "%s", at->path);
		if (i == 0)
			r = scan_text(w->scan, at->path, &w->c->script, err);
		if (r < 0)
			return r;
	}
	return err_sys(err, ELOOP, "%s: its interpreters", name);
}

static int check_program(const char *path, const struct elf_info *f, struct err *err)
{
	if (!f->regular)
		return err_set(err, ENOEXEC, "%s: not a regular file", path);
	if (f->why)
		return err_set(err, EBADMSG, "%s: %s", path, f->why);
	if (f->elf.fault)
		return err_set(err, ENOEXEC, "%s: %s", path, elf_fault_text(f->elf.fault));
	return 0;
}

static int begin_program(struct walk *w, const char *name, struct err *err)
{
	const struct elf_info *facts;
	struct resolved at;
	const char *path, *outside;
	size_t number;
	int r = find_program(w, name, &at, &facts, err);

	if (r == 0)
		r = check_program(at.path, facts, err);
	if (r == 0)
		r = scan_text(w->scan, at.path, &path, err);
	if (r == 0)
		r = scan_text(w->scan, at.file, &outside, err);
	if (r == 0)
		r = scan_loader(w->scan, &facts->elf, &w->ways, err);
	if (r == 0)
		r = new_object(w, path, &number, err);
	if (r < 0)
		return r;
	w->c->ways = w->ways;
	w->c->loader = w->ways->kind;
	w->c->objects[number].canonical = path;
	w->c->objects[number].file = outside;
	w->c->objects[number].layer = at.layer;
	w->c->objects[number].facts = facts;
	w->c->objects[number].elf = &facts->elf;
	w->order[w->norder++] = number;
	if (w->ways->kind == LOADER_GLIBC && facts->soname != SCAN_NONE)
		answers_to(w, number, facts->soname);
	return 0;
}

/* The loader, which is there before anything is searched: under its path and its soname. */
static int begin_loader(struct walk *w, struct err *err)
{
	const struct file *file;
	const char *path;
	size_t name;
	int r;

	if (w->ways->kind == LOADER_NONE || !w->ways->there)
		return 0;
	r = scan_name(w->scan, w->ways->path, &name, err);
	if (r == 0)
		r = scan_file(w->scan, w->ways->path, &file, err);
	if (r < 0)
		return r;
	path = scan_string(w->scan, name);
	/* The loader was asked for itself. */
	if (file->facts == w->c->objects[0].facts) {
		answers_to(w, 0, name);
		return 0;
	}
	r = new_object(w, path, &w->loader, err);
	if (r < 0)
		return r;
	w->c->objects[w->loader].wanted = false;
	answers_to(w, w->loader, name);
	return fill_object(w, w->loader, file, err);
}

static int walk_program(struct walk *w, const char *program, const char *library_path,
			struct err *err)
{
	int r = begin_program(w, program, err);

	if (r == 0)
		r = begin_loader(w, err);
	if (r < 0)
		return r;
	scan_cache(w->scan, &w->c->no_cache);
	if (w->ways->kind == LOADER_GLIBC || w->ways->kind == LOADER_MUSL) {
		r = take_apart(w, library_path, w->ways->kind == LOADER_MUSL ? ":\n" : ":;", 0,
			       &w->library_path, err);
		if (r == 0)
			r = walk_all(w, err);
		if (r == 0)
			r = check_versions(w, err);
	}
	return r < 0 ? r : arrange(w, err);
}

int closure_of(struct scan *scan, const char *program, const char *library_path, int flags,
	       struct closure *out, struct err *err)
{
	struct closure c = {0};
	struct walk w = {.scan = scan,
			 .number = scan_walk(scan),
			 .flags = flags,
			 .c = &c,
			 .loader = CLOSURE_NONE};
	int r = walk_program(&w, program, library_path, err);

	walk_free(&w);
	if (r < 0)
		closure_free(&c);
	if (r == -E2BIG)
		err_wrap(err, r, "%s", program);
	*out = c;
	return r;
}

int closure_read(const char *program, const struct sysroot *sysroot, const char *library_path,
		 struct closure *out, struct err *err)
{
	AUTO_SCAN struct scan *scan = NULL;
	int r = scan_new(sysroot, &scan, err);

	*out = (struct closure){0};
	if (r == 0)
		r = closure_of(scan, program, library_path, 0, out, err);
	if (r < 0)
		return r;
	out->own = scan;
	scan = NULL;
	return 0;
}

int closure_paths(const struct closure *closure, struct scan *scan, int flags, struct strings *out,
		  struct err *err)
{
	struct closure c = *closure;
	struct walk w = {.scan = scan, .ways = c.ways, .flags = flags, .c = &c};
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2 * c.count; i++) {
		const struct elf *elf = c.objects[i / 2].elf;
		struct list list = {0};

		r = take_apart(&w, i % 2 ? elf->runpath : elf->rpath, separators(&w), i / 2, &list,
			       err);
		for (size_t k = 0; r == 0 && k < list.count; k++)
			r = out->count == PATHS_MAX
				    ? err_set(err, E2BIG, "more than %d directories are searched",
					      PATHS_MAX)
				    : strings_add_once(out, *list.dirs[k] ? list.dirs[k] : ".",
						       err);
		free(list.dirs);
	}
	return r;
}

void closure_free(struct closure *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->objects[i].needs);
	free(c->objects);
	free(c->gaps);
	scan_free(&c->own);
	*c = (struct closure){0};
}

enum rule closure_rule(const struct closure *c, size_t object)
{
	const struct object *o = &c->objects[object];

	if (o->by != CLOSURE_NONE)
		return c->objects[o->by].needs[o->by_need].rule;
	return object == 0 ? RULE_PROGRAM : RULE_INTERPRETER;
}

size_t closure_missing(const struct closure *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++)
			n += c->objects[i].needs[k].object == CLOSURE_NONE &&
			     c->objects[i].needs[k].kind != ELF_AUXILIARY;
	if (c->loader != LOADER_NONE && !c->ways->there && c->objects[0].elf->interp)
		n++;
	return n;
}

size_t closure_gaps(const struct closure *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->ngaps; i++)
		n += c->gaps[i].kind == GAP_MISSING || c->gaps[i].kind == GAP_UNLOADED;
	return n;
}
