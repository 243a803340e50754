#include "view/dlopen.h"

#include "base/file.h"
#include "base/path.h"
#include "base/sysroot.h"
#include "loader/intern.h"
#include "loader/symbols.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SAID_MAX 8 /* modules that are named; the others are counted */
#define MODULES_MAX 20000
#define DEPTH_MAX 6
#define SECONDS 60 /* for the symbols of all modules; Python's 300 take half a second */
#define NSSWITCH "/etc/nsswitch.conf"

/* Where modules lie of a program that loads one of these libraries, or that is called so. */
static const struct kind {
	const char *loaded; /* soname, with the * and ? of fnmatch(3); or ... */
	const char *program;
	const char *dir;   /* "%s" is the multiarch triplet; its last component may hold a * */
	const char *files; /* and in it, or below it if it is more than /usr/lib/TRIPLET */
} kinds[] = {
	{"libpam.so.0", NULL, "/usr/lib/%s/security", "*.so"},
	{"libGL*.so.*", NULL, "/usr/lib/%s/dri", "*.so"},
	{"libGL*.so.*", NULL, "/usr/lib/%s", "libGLX_*.so.*"},
	{"libEGL.so.*", NULL, "/usr/lib/%s", "libEGL_*.so.*"},
	{"libEGL.so.*", NULL, "/usr/lib/%s/dri", "*.so"},
	{"libgbm.so.*", NULL, "/usr/lib/%s/dri", "*.so"},
	{"libvulkan.so.*", NULL, "/usr/lib/%s", "libvulkan_*.so"},
	{"libgtk-x11-2.0.so.*", NULL, "/usr/lib/%s/gtk-2.0", "*.so"},
	{"libgtk-3.so.*", NULL, "/usr/lib/%s/gtk-3.0", "*.so"},
	{"libgtk-4.so.*", NULL, "/usr/lib/%s/gtk-4.0", "*.so"},
	{"libgdk_pixbuf-2.0.so.*", NULL, "/usr/lib/%s/gdk-pixbuf-2.0", "*.so"},
	{"libgio-2.0.so.*", NULL, "/usr/lib/%s/gio", "*.so"},
	{"libQt5Core.so.*", NULL, "/usr/lib/%s/qt5/plugins", "*.so"},
	{"libQt6Core.so.*", NULL, "/usr/lib/%s/qt6/plugins", "*.so"},
	{"libpython3*.so.*", NULL, "/usr/lib/python3*", "*.so"},
	{NULL, "python3*", "/usr/lib/python3*", "*.so"},
	{NULL, "perl*", "/usr/lib/%s/perl*", "*.so"},
};

/* A file that was looked at, and which of the modules it was. */
struct seen {
	dev_t dev;
	ino_t ino;
	size_t module;
};

/* Two ways to look at the same module, and what was found. */
struct late {
	struct scan *view;	 /* the closure's */
	struct scan *live;	 /* NULL until it is asked */
	struct symbols *symbols; /* of both */
	struct intern modules;
	char *libraries; /* names in the directory of libraries, each with its NUL; NULL: not read */
	size_t libraries_len;
	struct seen *seen; /* of modules.count */
	size_t nseen;
	struct strings *remarks;
	size_t said, left_out;
	time_t end;    /* by then its symbols are looked up */
	bool too_long; /* and it was not */
};

static void late_end(struct late *l)
{
	symbols_free(&l->symbols);
	scan_free(&l->live);
	intern_free(&l->modules);
	free(l->libraries);
	free(l->seen);
}

/* -- which modules there are -- */

/* Most names differ in how they begin. */
static bool fits(const char *pattern, const char *name)
{
	return strncmp(pattern, name, strcspn(pattern, "*?[\\")) == 0 &&
	       fnmatch(pattern, name, 0) == 0;
}

static int add_below(struct late *l, const char *dir, const char *files, int depth, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;
	size_t number;
	int r = 0;

	while (r == 0 && d && depth > 0 && l->modules.count < MODULES_MAX && (entry = readdir(d))) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);

		if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof path)
			continue;
		/* Half of Python's directories, and no place for modules. */
		if (strcmp(entry->d_name, "__pycache__") == 0)
			continue;
		if (entry->d_type == DT_DIR)
			r = add_below(l, path, files, depth - 1, err);
		else if (fits(files, entry->d_name))
			r = intern_add(&l->modules, path, &number, err);
	}
	return r;
}

static int list_libraries(struct late *l, const char *dir, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	FILE *f = open_memstream(&l->libraries, &l->libraries_len);
	struct dirent *entry;

	if (!f)
		return err_nomem(err);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && entry->d_type != DT_DIR)
			fwrite(entry->d_name, strlen(entry->d_name) + 1, 1, f);
	return fclose(f) == 0 ? 0 : err_nomem(err);
}

/* Beside some thousand others: the directory is read once for all kinds. */
static int add_libraries(struct late *l, const char *dir, const char *files, struct err *err)
{
	size_t number;
	int r = l->libraries ? 0 : list_libraries(l, dir, err);

	for (const char *name = l->libraries;
	     r == 0 && name < l->libraries + l->libraries_len && l->modules.count < MODULES_MAX;
	     name += strlen(name) + 1) {
		char path[PATH_MAX];
		int n = fits(files, name) ? snprintf(path, sizeof path, "%s/%s", dir, name) : 0;

		if (n > 0 && (size_t)n < sizeof path)
			r = intern_add(&l->modules, path, &number, err);
	}
	return r;
}

/* Its last component may hold a '*'. */
static int add_dirs(struct late *l, const char *pattern, const char *files, struct err *err)
{
	char parent[PATH_MAX];
	AUTO_DIR DIR *d = NULL;
	struct dirent *entry;
	int r = 0;

	if (!strchr(pattern, '*'))
		return add_below(l, pattern, files, DEPTH_MAX, err);
	path_dir(pattern, parent);
	d = opendir(parent);
	while (r == 0 && d && (entry = readdir(d))) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);

		if (n > 0 && (size_t)n < sizeof path && fnmatch(pattern, path, 0) == 0)
			r = add_below(l, path, files, DEPTH_MAX, err);
	}
	return r;
}

static bool applies(const struct kind *k, const struct closure *c)
{
	if (k->program)
		return fnmatch(k->program, path_base(c->objects[0].path), 0) == 0;
	for (size_t i = 1; i < c->count; i++)
		if (fnmatch(k->loaded, path_base(c->objects[i].path), 0) == 0)
			return true;
	return false;
}

static int add_nss(struct late *l, const char *triplet, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct err ignored;
	size_t len, number;
	int r = 0;

	if (file_read_at(AT_FDCWD, NSSWITCH, (size_t)1 << 20, &text, &len, &ignored) < 0)
		return 0;
	for (char *save, *line = strtok_r(text, "\n", &save); line && r == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		char *save_word, *word = strchr(line, ':');

		line[strcspn(line, "#")] = '\0';
		word = word && *word ? strtok_r(word + 1, " \t", &save_word) : NULL;
		for (; word && r == 0; word = strtok_r(NULL, " \t", &save_word)) {
			char path[PATH_MAX];
			int n = snprintf(path, sizeof path, "/usr/lib/%s/libnss_%s.so.2", triplet,
					 word);

			if (n > 0 && (size_t)n < sizeof path && !strpbrk(word, "/[]=") &&
			    access(path, F_OK) == 0)
				r = intern_add(&l->modules, path, &number, err);
		}
	}
	return r;
}

static int find_modules(struct late *l, const struct closure *c, struct err *err)
{
	const struct elf *program = c->objects[0].elf;
	const char *triplet = elf_triplet(program->class, program->machine);
	char dir[PATH_MAX];
	int r = add_nss(l, triplet, err);

	for (size_t i = 0; r == 0 && i < sizeof kinds / sizeof *kinds; i++) {
		const struct kind *k = &kinds[i];
		const char *at = strstr(k->dir, "%s");

		if (!applies(k, c))
			continue;
		if (at)
			snprintf(dir, sizeof dir, "%.*s%s%s", (int)(at - k->dir), k->dir, triplet,
				 at + 2);
		else
			snprintf(dir, sizeof dir, "%s", k->dir);
		r = at && !at[2] ? add_libraries(l, dir, k->files, err)
				 : add_dirs(l, dir, k->files, err);
	}
	return r;
}

/* -- what they miss -- */

static bool needs_a_pin(const struct closure *c)
{
	for (size_t i = 1; i < c->count; i++)
		if (c->objects[i].layer)
			return true;
	return false;
}

/* Whether an object of another closure with this path has the same gap. */
static bool has_gap(const struct closure *c, const struct closure *of, const struct gap *gap)
{
	for (size_t i = 0; i < c->ngaps; i++)
		if (strcmp(c->gaps[i].version, gap->version) == 0 &&
		    strcmp(c->gaps[i].file, gap->file) == 0 &&
		    strcmp(c->objects[c->gaps[i].object].path, of->objects[gap->object].path) == 0)
			return true;
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct undefined *)a)->name, ((const struct undefined *)b)->name);
}

/* all is sorted. */
static bool has_undefined(const struct undefineds *all, const struct undefined *one)
{
	return all->count && bsearch(one, all->items, all->count, sizeof *one, by_name);
}

static bool is_missing(const struct need *need)
{
	return need->object == CLOSURE_NONE && need->kind == ELF_NEEDED;
}

static bool stops(const struct gap *gap)
{
	return gap->kind == GAP_MISSING || gap->kind == GAP_UNLOADED;
}

static bool misses_files(const struct closure *c)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++)
			if (is_missing(&c->objects[i].needs[k]))
				return true;
	for (size_t i = 0; i < c->ngaps; i++)
		if (stops(&c->gaps[i]))
			return true;
	return false;
}

/* The first thing that the view has made worse, in words; "" if there is none. */
static void worse_files(const struct closure *view, const struct closure *live, char text[512])
{
	bool whole = closure_missing(live) == 0;

	for (size_t i = 0; whole && i < view->count; i++)
		for (size_t k = 0; k < view->objects[i].nneeds; k++)
			if (is_missing(&view->objects[i].needs[k])) {
				snprintf(text, 512, "%s", view->objects[i].needs[k].name);
				return;
			}
	for (size_t i = 0; i < view->ngaps; i++)
		if (stops(&view->gaps[i]) && !has_gap(live, view, &view->gaps[i])) {
			snprintf(text, 512, "%s of %s", view->gaps[i].version, view->gaps[i].file);
			return;
		}
}

static void worse_symbols(struct late *l, const struct undefineds *in_view,
			  const struct closure *live, char text[512])
{
	AUTO_UNDEFINEDS struct undefineds in_live = {0};
	struct err ignored;

	if (in_view->count == 0 || symbols_undefined(l->symbols, live, &in_live, &ignored) < 0)
		return;
	if (in_live.count)
		qsort(in_live.items, in_live.count, sizeof *in_live.items, by_name);
	for (size_t i = 0; i < in_view->count; i++)
		if (!has_undefined(&in_live, &in_view->items[i])) {
			snprintf(text, 512, "the symbol %s", in_view->items[i].name);
			return;
		}
}

/* As the live system has it; it is read only for what is wanting in the view. */
static int read_live(struct late *l, const char *path, struct closure *live, struct err *err)
{
	int r = l->live ? 0 : scan_new(NULL, &l->live, err);

	return r < 0 ? r : closure_of(l->live, path, NULL, CLOSURE_NO_CWD, live, err);
}

/* As symbols_undefined; but one file that takes very long would do so once for each module. */
static int undefined_in(struct late *l, const struct closure *view, struct undefineds *out)
{
	struct timespec now;
	struct err ignored;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	l->end = l->end ? l->end : now.tv_sec + SECONDS;
	l->too_long |= now.tv_sec > l->end;
	if (l->too_long)
		return -E2BIG;
	r = symbols_undefined(l->symbols, view, out, &ignored);
	l->too_long |= r == -E2BIG;
	return r;
}

static int compare(struct late *l, const char *path, const struct closure *view, char text[512],
		   struct err *err)
{
	AUTO_CLOSURE struct closure live = {0};
	AUTO_UNDEFINEDS struct undefineds in_view = {0};
	struct err why;
	bool files = misses_files(view);
	int r;

	*text = '\0';
	if (!files && (undefined_in(l, view, &in_view) < 0 || in_view.count == 0))
		return 0;
	r = read_live(l, path, &live, &why);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	worse_files(view, &live, text);
	if (*text)
		return 0;
	if (!files || undefined_in(l, view, &in_view) == 0)
		worse_symbols(l, &in_view, &live, text);
	return 0;
}

static int check_module(struct late *l, const char *path, struct err *err)
{
	AUTO_CLOSURE struct closure view = {0};
	char text[512];
	struct err why;
	int r = closure_of(l->view, path, NULL, CLOSURE_NO_CWD, &view, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0 || !needs_a_pin(&view)) /* or nothing that this loader takes */
		return 0;
	r = compare(l, path, &view, text, err);
	if (r < 0 || !*text)
		return r;
	if (l->said == SAID_MAX) {
		l->left_out++;
		return 0;
	}
	l->said++;
	return strings_addf(l->remarks, err, "%s, which it may load later, would miss %s", path,
			    text);
}

/* Whether it is another name, in the same directory, of a file that was looked at: Mesa's drivers
 * are one file of 25 MiB under a dozen names. Else it is noted. */
static bool is_seen(struct late *l, size_t module)
{
	const char *path = l->modules.items[module];
	size_t dir = (size_t)(path_base(path) - path);
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < l->nseen; i++)
		if (l->seen[i].ino == st.st_ino && l->seen[i].dev == st.st_dev &&
		    strncmp(l->modules.items[l->seen[i].module], path, dir) == 0 &&
		    !strchr(l->modules.items[l->seen[i].module] + dir, '/'))
			return true;
	l->seen[l->nseen++] = (struct seen){st.st_dev, st.st_ino, module};
	return false;
}

static int check_modules(struct late *l, struct err *err)
{
	int r = 0;

	l->seen = calloc(l->modules.count + 1, sizeof *l->seen);
	if (!l->seen)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < l->modules.count; i++)
		if (!is_seen(l, i))
			r = check_module(l, l->modules.items[i], err);
	return r;
}

int dlopen_check(const struct closure *closure, struct strings *remarks, struct err *err)
{
	CLEANUP(late_end) struct late l = {.view = closure->own, .remarks = remarks};
	int r;

	if (closure->loader != LOADER_GLIBC)
		return 0;
	intern_begin(&l.modules);
	r = symbols_new(&l.symbols, err);
	if (r == 0)
		r = find_modules(&l, closure, err);
	if (r == 0)
		r = check_modules(&l, err);
	if (r == 0 && l.too_long)
		r = strings_addf(
			remarks, err,
			"the symbols of modules that it may load later were not all looked "
			"up: that takes too long");
	if (r == 0 && l.left_out)
		r = strings_addf(remarks, err, "%zu more such modules would miss something",
				 l.left_out);
	return r;
}
