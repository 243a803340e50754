#include "late/modules.h"

#include "base/array.h"
#include "base/file.h"
#include "base/intern.h"
#include "base/path.h"
#include "late/kinds.h"
#include "loader/symbols.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NAMED_MODULES_MAX 8 /* the remarks name so many modules and count the others */
#define MODULES_MAX 20000
#define DEPTH_MAX 10
#define SECONDS 60 /* for the symbols of all modules; those of Python's 300 take half a second */

/* A file that was checked, and the number of its module. */
struct module_seen {
	dev_t dev;
	ino_t ino;
	size_t module;
};

struct module_search {
	struct ldview *view;	 /* the closure's */
	struct ldview *live;	 /* NULL until it is needed */
	struct symbols *symbols; /* of both */
	struct intern modules;	 /* paths: those of NSS, then those of one kind after another */
	size_t nss;		 /* how many of them are NSS's */
	size_t ends[MODULE_KINDS_MAX]; /* of each kind: the number of modules up to its last */
	bool failed[MODULE_KINDS_MAX]; /* one of its modules would miss something */
	struct module_seen *seen;      /* room for modules.count */
	size_t nseen;
	struct strings *later, *remarks;
	size_t named, unnamed; /* modules that would miss something */
	time_t end;	       /* of the time for symbols */
	bool too_long;	       /* that time did not suffice */
};

static void module_search_end(struct module_search *s)
{
	symbols_free(&s->symbols);
	ldview_free(&s->live);
	intern_free(&s->modules);
	free(s->seen);
}

/* -- which modules there are -- */

static int add_module(struct module_search *s, const char *path, struct err *err)
{
	size_t number;

	return s->modules.count < MODULES_MAX ? intern_add(&s->modules, path, &number, err) : 0;
}

static int add_modules_below(struct module_search *s, const char *dir, int depth, struct err *err)
{
	AUTO_DIR DIR *d = depth > 0 ? opendir(dir) : NULL;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d))) {
		const char *name = entry->d_name;
		char path[PATH_MAX];
		struct err ignored;

		/* __pycache__ makes up half of Python's directories and holds no modules. */
		if (name[0] == '.' || strcmp(name, "__pycache__") == 0 ||
		    path_join(dir, name, path, &ignored) < 0)
			continue;
		if (entry->d_type == DT_DIR)
			r = add_modules_below(s, path, depth - 1, err);
		else if (path_ends(name, ".so") || path_ends(name, ".node"))
			r = add_module(s, path, err);
	}
	return r;
}

static int add_matches(struct module_search *s, const char *pattern, struct err *err)
{
	CLEANUP(globfree) glob_t found = {0};
	int r = 0;

	if (glob(pattern, 0, NULL, &found) == GLOB_NOSPACE)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < found.gl_pathc; i++) {
		char *path = found.gl_pathv[i];
		size_t len = strlen(path);

		if (path[len - 1] != '/') {
			r = add_module(s, path, err);
		} else {
			path[len - 1] = '\0';
			r = add_modules_below(s, path, DEPTH_MAX, err);
		}
	}
	return r;
}

/* "hosts: files dns [NOTFOUND=return] # comment" names libnss_files.so.2 and libnss_dns.so.2. */
static int add_nss_modules(struct module_search *s, const char *triplet, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct err ignored;
	size_t len;
	int r = 0;

	if (file_read_at(AT_FDCWD, "/etc/nsswitch.conf", (size_t)1 << 20, &text, &len, &ignored) <
	    0)
		return 0;
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));) {
		char *words = strchr(line, ':'), *word;

		line[strcspn(line, "#")] = '\0';
		words = words && *words ? words + 1 : NULL;
		while (r == 0 && (word = strsep(&words, " \t"))) {
			char path[PATH_MAX];
			int n = snprintf(path, sizeof path, "/usr/lib/%s/libnss_%s.so.2", triplet,
					 word);

			if (*word && !strpbrk(word, "/[]=*?\\") && (size_t)n < sizeof path)
				r = add_matches(s, path, err);
		}
	}
	return r;
}

/* The first object that the pattern names; NULL: there is none. */
static const struct object *find_user(const char *pattern, const struct closure *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (fnmatch(pattern, path_base(c->objects[i].path), 0) == 0)
			return &c->objects[i];
	return NULL;
}

/* The kind's glob(7) pattern on this architecture. */
static void write_pattern(const struct module_kind *kind, const char *triplet,
			  char pattern[PATH_MAX])
{
	const char *modules = kind->modules, *at = strstr(modules, "%s");

	snprintf(pattern, PATH_MAX, "%.*s%s%s", at ? (int)(at - modules) : 0, modules,
		 at ? triplet : "", at ? at + 2 : modules);
}

static int find_modules(struct module_search *s, const struct closure *c, struct err *err)
{
	const struct elf *program = c->objects[0].elf;
	const char *triplet = elf_triplet(program->class, program->machine);
	int r = add_nss_modules(s, triplet, err);

	s->nss = s->modules.count;
	for (size_t i = 0; r == 0 && i < module_kinds_count(); i++) {
		char pattern[PATH_MAX];

		write_pattern(&module_kinds[i], triplet, pattern);
		if (find_user(module_kinds[i].user, c))
			r = add_matches(s, pattern, err);
		s->ends[i] = s->modules.count;
	}
	return r;
}

/* -- missing libraries, versions and symbols -- */

/* 1 if it needs a pinned library. */
static int note_pinned(struct module_search *s, const struct closure *c, struct err *err)
{
	bool needs = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->count; i++) {
		const struct object *o = &c->objects[i];

		if (o->layer && o->elf->soname)
			r = strings_add_once(s->later, o->elf->soname, err);
		needs |= o->layer && i > 0;
	}
	return r < 0 ? r : needs;
}

/* Whether the closure has the same gap in the object of the same path. */
static bool has_gap(const struct closure *c, const struct closure *of, const struct gap *gap)
{
	for (size_t i = 0; i < c->ngaps; i++)
		if (strcmp(c->gaps[i].version, gap->version) == 0 &&
		    strcmp(c->gaps[i].file, gap->file) == 0 &&
		    strcmp(c->objects[c->gaps[i].object].path, of->objects[gap->object].path) == 0)
			return true;
	return false;
}

static int by_undefined_name(const void *a, const void *b)
{
	return strcmp(((const struct undefined *)a)->name, ((const struct undefined *)b)->name);
}

/* all is sorted. */
static bool has_undefined(const struct undefineds *all, const struct undefined *one)
{
	return all->count && bsearch(one, all->items, all->count, sizeof *one, by_undefined_name);
}

static bool is_missing(const struct need *need)
{
	return need->object == CLOSURE_NONE && need->kind == ELF_NEEDED;
}

static bool is_fatal(const struct gap *gap)
{
	return gap->kind == GAP_MISSING || gap->kind == GAP_UNLOADED || gap->kind == GAP_ISA;
}

static bool misses_files(const struct closure *c)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++)
			if (is_missing(&c->objects[i].needs[k]))
				return true;
	for (size_t i = 0; i < c->ngaps; i++)
		if (is_fatal(&c->gaps[i]))
			return true;
	return false;
}

/* Names the first library or version that only the view lacks; leaves text alone if there is none. */
static void find_missing_file(const struct closure *view, const struct closure *live,
			      char text[512])
{
	bool whole = closure_missing(live) == 0;

	for (size_t i = 0; whole && i < view->count; i++)
		for (size_t k = 0; k < view->objects[i].nneeds; k++)
			if (is_missing(&view->objects[i].needs[k])) {
				snprintf(text, 512, "%s", view->objects[i].needs[k].name);
				return;
			}
	for (size_t i = 0; i < view->ngaps; i++)
		if (is_fatal(&view->gaps[i]) && !has_gap(live, view, &view->gaps[i])) {
			snprintf(text, 512,
				 view->gaps[i].kind == GAP_ISA ? "%s%s, which this CPU lacks"
							       : "%s of %s",
				 view->gaps[i].version, view->gaps[i].file);
			return;
		}
}

/* The same for symbols. */
static void find_missing_symbol(struct module_search *s, const struct undefineds *in_view,
				const struct closure *live, char text[512])
{
	AUTO_UNDEFINEDS struct undefineds in_live = {0};
	struct err ignored;

	if (in_view->count == 0 || symbols_undefined(s->symbols, live, &in_live, &ignored) < 0)
		return;
	if (in_live.count)
		qsort(in_live.items, in_live.count, sizeof *in_live.items, by_undefined_name);
	for (size_t i = 0; i < in_view->count; i++)
		if (!has_undefined(&in_live, &in_view->items[i])) {
			snprintf(text, 512, "the symbol %s", in_view->items[i].name);
			return;
		}
}

/* The module on the live system, read only if the view lacks something. */
static int read_live(struct module_search *s, const char *path, struct closure *live,
		     struct err *err)
{
	int r = s->live ? 0 : ldview_new(NULL, &s->live, err);

	return r < 0 ? r : closure_of(s->live, path, NULL, CLOSURE_NO_CWD, live, err);
}

/* As symbols_undefined, within a time for all modules: each module may need the one library that takes
 * very long. */
static int find_undefined(struct module_search *s, const struct closure *view,
			  struct undefineds *out)
{
	struct timespec now;
	struct err ignored;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	s->end = s->end ? s->end : now.tv_sec + SECONDS;
	s->too_long |= now.tv_sec > s->end;
	if (s->too_long)
		return -E2BIG;
	r = symbols_undefined(s->symbols, view, out, &ignored);
	s->too_long |= r == -E2BIG;
	return r;
}

static int compare_with_live(struct module_search *s, const char *path, const struct closure *view,
			     char text[512], struct err *err)
{
	AUTO_CLOSURE struct closure live = {0};
	AUTO_UNDEFINEDS struct undefineds in_view = {0};
	struct err why;
	bool files = misses_files(view);
	int r;

	*text = '\0';
	if (!files && (find_undefined(s, view, &in_view) < 0 || in_view.count == 0))
		return 0;
	r = read_live(s, path, &live, &why);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	find_missing_file(view, &live, text);
	if (*text)
		return 0;
	if (!files || find_undefined(s, view, &in_view) == 0)
		find_missing_symbol(s, &in_view, &live, text);
	return 0;
}

/* Of a module that two kinds share, the first is marked. */
static void mark_kind(struct module_search *s, size_t module)
{
	for (size_t i = 0; module >= s->nss && i < module_kinds_count(); i++)
		if (module < s->ends[i]) {
			s->failed[i] = true;
			return;
		}
}

static int check_module(struct module_search *s, size_t module, struct err *err)
{
	AUTO_CLOSURE struct closure view = {0};
	const char *path = s->modules.items[module];
	char text[512];
	struct err why;
	int r = closure_of(s->view, path, NULL, CLOSURE_NO_CWD, &view, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0) /* no module for this loader */
		return 0;
	r = note_pinned(s, &view, err);
	if (r <= 0)
		return r;
	r = compare_with_live(s, path, &view, text, err);
	if (r < 0 || !*text)
		return r;
	mark_kind(s, module);
	if (s->named == NAMED_MODULES_MAX) {
		s->unnamed++;
		return 0;
	}
	s->named++;
	return strings_addf(s->remarks, err, "the program may load %s later, which would miss %s",
			    path, text);
}

/* Whether a file in the same directory that was checked is the same one: Mesa's drivers are one file
 * of 25 MiB with a dozen names. Else notes the file. */
static bool is_seen(struct module_search *s, size_t module)
{
	const char *path = s->modules.items[module];
	size_t dir = (size_t)(path_base(path) - path);
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < s->nseen; i++)
		if (s->seen[i].ino == st.st_ino && s->seen[i].dev == st.st_dev &&
		    strncmp(s->modules.items[s->seen[i].module], path, dir) == 0 &&
		    !strchr(s->modules.items[s->seen[i].module] + dir, '/'))
			return true;
	s->seen[s->nseen++] = (struct module_seen){st.st_dev, st.st_ino, module};
	return false;
}

static int check_modules(struct module_search *s, struct err *err)
{
	int r = 0;

	s->seen = calloc(s->modules.count + 1, sizeof *s->seen);
	if (!s->seen)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < s->modules.count; i++)
		if (!is_seen(s, i))
			r = check_module(s, i, err);
	return r;
}

int modules_check(const struct closure *closure, struct strings *later, struct strings *remarks,
		  struct err *err)
{
	CLEANUP(module_search_end)
	struct module_search s = {.view = closure->own, .later = later, .remarks = remarks};
	int r;

	if (closure->kind != LOADER_GLIBC)
		return 0;
	intern_begin(&s.modules);
	r = symbols_new(&s.symbols, err);
	if (r == 0)
		r = find_modules(&s, closure, err);
	if (r == 0)
		r = check_modules(&s, err);
	for (size_t i = 0; r == 0 && i < module_kinds_count(); i++)
		if (s.failed[i] && module_kinds[i].note)
			r = strings_addf(remarks, err, "%s", module_kinds[i].note);
	if (r == 0 && s.too_long)
		r = strings_addf(remarks, err,
				 "not all symbols of the modules that the program may load later "
				 "were checked: it takes too long");
	if (r == 0 && s.unnamed)
		r = strings_addf(remarks, err, "%zu more such module%s would miss something",
				 s.unnamed, s.unnamed == 1 ? "" : "s");
	return r;
}

/* -- places -- */

void module_places_free(struct module_places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->items[i].path);
	free(places->items);
	*places = (struct module_places){0};
}

static int add_place(struct module_places *places, const char *path, const struct module_kind *kind,
		     const struct object *user, struct err *err)
{
	struct module_place *p;
	size_t len = strlen(path);

	if (ARRAY_GROW(places->items, places->count, err) < 0)
		return -ENOMEM;
	p = &places->items[places->count];
	*p = (struct module_place){strndup(path, path[len - 1] == '/' ? len - 1 : len),
				   user->canonical, kind->shared};
	if (!p->path)
		return err_nomem(err);
	places->count++;
	return 0;
}

int modules_places(const struct closure *closure, struct module_places *out, struct err *err)
{
	const struct elf *program = closure->count ? closure->objects[0].elf : NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && program && i < module_kinds_count(); i++) {
		const struct object *user = find_user(module_kinds[i].user, closure);
		CLEANUP(globfree) glob_t found = {0};
		char pattern[PATH_MAX];

		if (!user)
			continue;
		write_pattern(&module_kinds[i], elf_triplet(program->class, program->machine),
			      pattern);
		if (glob(pattern, 0, NULL, &found) == GLOB_NOSPACE)
			return err_nomem(err);
		for (size_t k = 0; r == 0 && k < found.gl_pathc; k++)
			r = add_place(out, found.gl_pathv[k], &module_kinds[i], user, err);
	}
	return r;
}
