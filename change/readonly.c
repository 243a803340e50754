#include "change/readonly.h"

#include "base/cleanup.h"
#include "base/mount.h"
#include "base/path.h"
#include "host/app_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAMED_MAX 3	  /* a sentence names so many files and counts the others */
#define ENTRIES_MAX 20000 /* of one cover; the rest of a larger tree is not looked at */
#define DEPTH_MAX 8

/* The files of one cover that programs may write. */
struct writable {
	const char *cover;
	const char *
		program; /* the name of the app, or of its interpreter; NULL: names do not matter */
	char names[512]; /* "log/, state/", below the cover */
	char dir[PATH_MAX]; /* the first of these that is a directory; "": none */
	bool files, own;    /* has files; has the directory called like the program */
	size_t count, entries;
};

/* -- one file -- */

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

static bool is_named_variable(const char *name, bool is_dir)
{
	static const char *const dirs[] = {"cache", "db",    "lock",  "locks", "log", "logs",
					   "run",   "spool", "state", "tmp",   "var"};
	static const char *const ends[] = {".db",   ".lock",   ".log",	  ".pid",
					   ".sock", ".sqlite", ".sqlite3"};
	const char *dot = strrchr(name, '.');

	if (is_dir)
		return is_one_of(name, dirs, sizeof dirs / sizeof *dirs);
	return dot && is_one_of(dot, ends, sizeof ends / sizeof *ends);
}

static bool is_others(const struct stat *st)
{
	return st->st_uid != 0 || st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && st->st_gid);
}

/* Whether programs may write the file. An executable has its owner from an archive; programs do not write it. */
static bool may_be_written(const char *name, const struct stat *st, bool at_top)
{
	if (S_ISSOCK(st->st_mode) || S_ISFIFO(st->st_mode))
		return true;
	if (S_ISREG(st->st_mode) && (st->st_mode & 0111 || strstr(name, ".so")))
		return false;
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return false;
	return is_others(st) || (at_top && is_named_variable(name, S_ISDIR(st->st_mode)));
}

/* Whether a directory is called like a program: "python3.11" like python3.11, "node_modules" like node, "R" like
 * Rscript. */
static bool is_called_like(const char *name, const char *program)
{
	size_t a = strlen(name), b = strlen(program);

	return strncmp(name, program, a < b ? a : b) == 0;
}

static void note_writable(struct writable *w, const char *path, bool is_dir)
{
	size_t used = strlen(w->names);

	if (is_dir && !*w->dir)
		snprintf(w->dir, sizeof w->dir, "%s", path);
	w->files |= !is_dir;
	if (w->count++ < NAMED_MAX)
		snprintf(w->names + used, sizeof w->names - used, "%s%.150s%s", used ? ", " : "",
			 path + strlen(w->cover) + 1, is_dir ? "/" : "");
}

/* -- the tree -- */

static int look_in(struct writable *w, const char *dir, unsigned int depth, struct err *err);

static int look_at(struct writable *w, const char *dir, const char *name, unsigned int depth,
		   struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	bool own;

	/* Mounts first: lstat(2) asks the file system, and a user's may never answer. */
	if (path_join(dir, name, path, err) < 0 || mount_is_root(path) || lstat(path, &st) < 0)
		return 0;
	own = depth == 0 && w->program && S_ISDIR(st.st_mode) && is_called_like(name, w->program);
	w->own |= own;
	if (own || may_be_written(name, &st, depth == 0)) {
		note_writable(w, path, S_ISDIR(st.st_mode));
		return 0;
	}
	return S_ISDIR(st.st_mode) && depth < DEPTH_MAX ? look_in(w, path, depth + 1, err) : 0;
}

static void free_names(struct dirent **names, int n)
{
	while (n-- > 0)
		free(names[n]);
	free(names);
}

static int look_in(struct writable *w, const char *dir, unsigned int depth, struct err *err)
{
	struct dirent **names;
	int r = 0, n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; r == 0 && i < n && w->entries < ENTRIES_MAX; i++) {
		if (strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0)
			continue;
		w->entries++;
		r = look_at(w, dir, names[i]->d_name, depth, err);
	}
	if (n >= 0)
		free_names(names, n);
	return n < 0 && errno == ENOMEM ? err_nomem(err) : r;
}

/* -- sentences -- */

static int add_sentence(const struct writable *w, const struct app *app, struct strings *out,
			struct err *err)
{
	char help[3 * PATH_MAX] = "", more[32] = "";

	if (w->count > NAMED_MAX)
		snprintf(more, sizeof more, " and %zu more", w->count - NAMED_MAX);
	if (*w->dir)
		snprintf(help, sizeof help,
			 "; to keep such a directory writable, mount it onto itself ('mount --bind "
			 "%s %s')",
			 w->dir, w->dir);
	if (w->files)
		snprintf(help + strlen(help), sizeof help - strlen(help),
			 "; replace such a file by a symbolic link to a file elsewhere");
	return strings_addf(
		out, err,
		"the view of %s makes %s read-only, but programs may write there (%s%s)%s; "
		"see CAVEATS in pinlib(1)",
		app->path, w->cover, w->names, more, help);
}

/* Only package managers write below these. */
static bool is_packages(const char *cover)
{
	static const char *const dirs[] = {
		"/usr/lib",	"/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/share",
		"/usr/libexec", "/usr/bin",   "/usr/sbin",  "/usr/games",  "/usr/include"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (path_below(cover, dirs[i]))
			return true;
	return false;
}

/* The base name of the app or, if it is a script, of its interpreter. */
static void program_name(struct store *store, const struct app *app, char name[PATH_MAX])
{
	AUTO_PROGRAM struct program p = {0};
	char program[PATH_MAX];
	struct err ignored;

	snprintf(name, PATH_MAX, "%s", path_base(app->path));
	if (app_program_find(store, app, program, &p, &ignored) == 0 && p.kind == PROGRAM_SCRIPT)
		snprintf(name, PATH_MAX, "%s", path_base(p.interpreter));
}

int readonly_find(struct store *store, const struct app *app, const struct strings *covers,
		  struct strings *reasons, struct strings *remarks, struct err *err)
{
	char name[PATH_MAX];
	int r = 0;

	program_name(store, app, name);
	for (size_t i = 0; r == 0 && i < covers->count; i++) {
		const char *cover = covers->items[i];
		bool local = path_below(cover, "/usr/local");
		struct writable w = {.cover = cover, .program = local ? name : NULL};

		if (is_packages(cover))
			continue;
		r = look_in(&w, cover, 0, err);
		if (r == 0 && w.count)
			r = add_sentence(&w, app, local && !w.own ? remarks : reasons, err);
	}
	return r;
}
