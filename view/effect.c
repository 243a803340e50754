#include "view/effect.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "late/texts.h"
#include "view/compose.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TREE_ENTRIES_MAX 50000

struct effect_search {
	const struct app *app;
	const struct sysroot *sysroot;
	const struct closure *closure;
	const struct strings *later;
	bool script; /* the app is a script, and the closure that of its interpreter */
	struct texts texts;
	bool library_path; /* the program's own text has LD_LIBRARY_PATH */
};

static void effect_search_end(struct effect_search *s)
{
	texts_free(&s->texts);
}

/* -- other copies -- */

/* Whether the view has a file at path that is not the pinned one. */
static bool is_copy(const struct effect_search *s, const char *path)
{
	struct resolved at;

	return sysroot_resolve(s->sysroot, path, &at) == 0 && !at.layer && S_ISREG(at.st.st_mode);
}

/* Opens a directory of the same mount: another may be a user's file system that never answers. Links
 * are not followed, so a search ends. */
static DIR *open_below(int parent, const char *name)
{
	struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS};
	int fd = (int)syscall(SYS_openat2, parent, name, &how, sizeof how);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* Looks for a file called soname below dir, which is open; its path goes to path. */
static bool find_in_tree(const struct effect_search *s, DIR *d, const char *dir, const char *soname,
			 size_t *left, char path[PATH_MAX])
{
	struct dirent *entry;
	bool found = false;

	while (!found && *left > 0 && (entry = readdir(d))) {
		char at[PATH_MAX];
		struct err ignored;

		--*left;
		if (entry->d_name[0] == '.' || path_join(dir, entry->d_name, at, &ignored) < 0)
			continue;
		if (entry->d_type == DT_DIR) {
			AUTO_DIR DIR *below = open_below(dirfd(d), entry->d_name);

			found = below && find_in_tree(s, below, at, soname, left, path);
		} else if (strcmp(entry->d_name, soname) == 0 && is_copy(s, at)) {
			snprintf(path, PATH_MAX, "%s", at);
			found = true;
		}
	}
	return found;
}

/* The directory that holds all of a vendor's program: that of the program, or the one above its bin.
 * False: it is one that all programs share. */
static bool find_own_tree(const char *program, char dir[PATH_MAX])
{
	static const char *const shared[] = {
		"/",	      "/usr", "/usr/local", "/bin",  "/usr/lib", "/usr/libexec",
		"/usr/share", "/opt", "/usr/games", "/home", "/srv",	 "/usr/local/lib"};
	char program_dir[PATH_MAX];

	path_dir(program, program_dir);
	snprintf(dir, PATH_MAX, "%s", program_dir);
	if (fnmatch("*bin*", path_base(program_dir), 0) == 0)
		path_dir(program_dir, dir);
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		if (strcmp(dir, shared[i]) == 0)
			return false;
	return true;
}

/* "LD_LIBRARY_PATH=/opt/x/lib:$LD_LIBRARY_PATH": looks in the directories that are named so. */
static bool find_in_library_path(const struct effect_search *s, const char *soname,
				 char path[PATH_MAX])
{
	const struct mentions *m = &s->texts.items[0].mentions;
	static const char name[] = "LD_LIBRARY_PATH=";

	for (const char *at = NULL; (at = mentions_find(m, name, at));) {
		for (at += strlen(name); *at && *at != '\n'; at++) {
			char dir[PATH_MAX];
			struct err ignored;

			if (*at == '/' && strchr("=:\"' ", at[-1]) && mentions_path(m, at, dir) &&
			    path_join(dir, soname, path, &ignored) == 0 && is_copy(s, path))
				return true;
		}
	}
	return false;
}

static bool find_launched(const struct effect_search *s, const char *soname, char path[PATH_MAX])
{
	size_t left = TREE_ENTRIES_MAX;
	AUTO_DIR DIR *d = NULL;
	char dir[PATH_MAX];

	if (!s->library_path)
		return false;
	if (find_in_library_path(s, soname, path))
		return true;
	d = find_own_tree(s->app->path, dir) ? opendir(dir) : NULL;
	return d && find_in_tree(s, d, dir, soname, &left, path);
}

/* -- one soname -- */

static bool is_loaded(const struct effect_search *s, const char *soname)
{
	for (size_t i = 0; i < s->closure->count; i++) {
		const struct object *o = &s->closure->objects[i];

		if (o->layer && o->elf->soname && strcmp(o->elf->soname, soname) == 0)
			return true;
	}
	return strings_have(s->later, soname);
}

/* What the texts have about a version's libraries. */
struct effect_mention {
	bool name;	     /* the name of one, or the path at which the view shows it */
	char copy[PATH_MAX]; /* the path of another copy; "" without one */
	const char *by;	     /* the file whose text has this path */
};

/* Whether a file of this name is the library: "libz.so.1.2" and "libz.so" are libz.so.1, "libz.so.2" is
 * not. */
static bool is_name_of(const char *name, const char *soname)
{
	size_t len = strlen(name);

	return strncmp(name, soname, strlen(soname)) == 0 ||
	       (path_ends(name, ".so") && strncmp(name, soname, len) == 0);
}

static void take_mention(const struct effect_search *s, const struct program_text *text,
			 const char *at, const char *soname, struct effect_mention *out)
{
	const struct mentions *m = &text->mentions;
	char path[PATH_MAX];
	struct resolved found;

	if (at == m->data || at[-1] != '/' || !mentions_path(m, at, path)) {
		out->name = true;
	} else if (is_name_of(path_base(path), soname) &&
		   sysroot_resolve(s->sysroot, path, &found) == 0) {
		out->name |= found.layer != NULL;
		if (!found.layer && !*out->copy) {
			memcpy(out->copy, path, sizeof path);
			out->by = text->path;
		}
	}
}

/* Searches all texts for the soname without its version: "libz.so" is in "libz.so.1" too. */
static void find_mentions(const struct effect_search *s, const char *soname,
			  struct effect_mention *out)
{
	const char *so = strstr(soname, ".so");
	char stem[256];

	snprintf(stem, sizeof stem, "%.*s", so ? (int)(so - soname) + 3 : 255, soname);
	for (size_t i = 0; i < s->texts.count; i++)
		for (const char *at = NULL;
		     (at = mentions_find(&s->texts.items[i].mentions, stem, at)); at++)
			take_mention(s, &s->texts.items[i], at, soname, out);
}

/* -- one version -- */

struct effect_facts {
	bool libraries, others; /* it has libraries, and other files that the view shows */
	bool loaded;
	char launched[PATH_MAX]; /* a copy that a launcher's LD_LIBRARY_PATH may lead to; "" */
	struct effect_mention mention;
};

static int find_facts(struct effect_search *s, const struct version *v, struct effect_facts *f,
		      struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type != ENTRY_FILE || !compose_shows(e->path))
			continue;
		f->libraries |= e->soname != NULL;
		f->others |= !e->soname;
		if (!e->soname)
			continue;
		f->loaded |= is_loaded(s, e->soname);
		if (!*f->launched && !find_launched(s, e->soname, f->launched))
			f->launched[0] = '\0';
	}
	if (f->libraries && !f->loaded)
		r = texts_read_objects(&s->texts, s->closure, err);
	for (size_t i = 0; r == 0 && !f->loaded && i < v->nentries; i++)
		if (v->entries[i].soname)
			find_mentions(s, v->entries[i].soname, &f->mention);
	return r;
}

/* A version that was frozen, or added for another one, was seen in use; a further directory was named
 * for a reason. A script's pins are most often meant for the programs that it starts. */
static bool is_doubtful(const struct effect_search *s, size_t pin)
{
	const struct pin *p = &s->app->pins[pin];

	return !s->script && p->origin == PIN_BY_HAND && !p->place;
}

static int say_by_path(const struct effect_search *s, const struct version *v,
		       const struct effect_facts *f, struct strings *against, struct err *err)
{
	if (!s->sysroot->objects || f->loaded || !*f->mention.copy)
		return 0;
	return strings_addf(against, err,
			    "%s opens %s by its path, and no sealed program finds %s %s there; a "
			    "view shows it ('pinlib set --view %s')",
			    f->mention.by, f->mention.copy, v->name, v->version, s->app->path);
}

static int say_effect(const struct effect_search *s, size_t pin, const struct version *v,
		      const struct effect_facts *f, struct strings *out, struct err *err)
{
	const struct effect_mention *m = &f->mention;
	char dir[PATH_MAX];

	path_dir(*f->launched ? f->launched : m->copy, dir);
	if (*f->launched)
		return strings_addf(
			out, err,
			"%s %s may have no effect: %s sets LD_LIBRARY_PATH, and another "
			"copy of the library is %s; 'pinlib set --in %s' shows the pinned "
			"one there, too",
			v->name, v->version, s->app->path, f->launched, dir);
	if (f->loaded || !f->libraries)
		return 0;
	if (*m->copy && s->sysroot->objects)
		return 0; /* say_by_path */
	if (*m->copy)
		return strings_addf(out, err,
				    "%s %s may have no effect: %s loads no library from it when "
				    "starting, and %s names another copy, %s; 'pinlib set --in %s' "
				    "shows the pinned one there, too",
				    v->name, v->version, s->app->path, m->by, m->copy, dir);
	if (m->name)
		return 0;
	if (f->others || s->texts.open || s->texts.unread || s->library_path)
		return !is_doubtful(s, pin)
			       ? 0
			       : strings_addf(out, err,
					      "%s %s may have no effect: %s loads no library from "
					      "it when starting",
					      v->name, v->version, s->app->path);
	return strings_addf(out, err,
			    "%s %s has no effect: %s loads no library from it, and neither loads "
			    "libraries later nor starts programs",
			    v->name, v->version, s->app->path);
}

int effect_check(const struct app *app, const struct versions *pinned,
		 const struct sysroot *sysroot, const struct closure *c,
		 const struct strings *later, struct strings *out, struct strings *against,
		 struct err *err)
{
	CLEANUP(effect_search_end)
	struct effect_search s = {.app = app,
				  .sysroot = sysroot,
				  .closure = c,
				  .later = later,
				  .script = strcmp(app->path, c->objects[0].path) != 0};
	int r = texts_read_program(&s.texts, c, s.script ? app->path : NULL, sysroot, err);

	s.library_path =
		r == 0 && mentions_find(&s.texts.items[0].mentions, "LD_LIBRARY_PATH", NULL);
	for (size_t i = 0; r == 0 && i < pinned->count; i++) {
		struct effect_facts facts = {0};

		r = find_facts(&s, &pinned->items[i], &facts, err);
		if (r == 0)
			r = say_by_path(&s, &pinned->items[i], &facts, against, err);
		if (r == 0)
			r = say_effect(&s, i, &pinned->items[i], &facts, out, err);
	}
	return r;
}
