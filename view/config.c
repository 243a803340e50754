#include "view/config.h"

#include "base/cleanup.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/trust.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_DIR "/etc"
#define LOOKED_MAX 1000 /* files; a directory with more is taken for shared */

static bool is_config(const char *path)
{
	return path_below(path, CONFIG_DIR) && strcmp(path, CONFIG_DIR) != 0;
}

/* The entry of some version at path. */
static const struct entry *find_kept(const struct versions *versions, const char *path,
				     const struct version **from)
{
	const struct entry *e = NULL;

	for (size_t i = 0; i < versions->count && !e; i++) {
		*from = &versions->items[i];
		e = version_entry(*from, path);
	}
	return e;
}

/* Adds a version's file or link at path; cover is as in struct composed. */
static int add_kept(struct composition *c, const char *path, const struct version *from,
		    const struct entry *e, size_t cover, struct err *err)
{
	const struct composed kept = {
		.entry = {.type = e->type == ENTRY_LINK ? LAYER_LINK : LAYER_FILE,
			  .mode = e->mode,
			  .time = e->time,
			  .content = e->content},
		.from = from,
		.exempt = cover,
		.cover = cover,
	};

	return composition_add(c, path, e->target, kept, err);
}

/* -- links -- */

/* Adds the files below the directory old of the versions, below new. */
static int add_below(struct composition *c, const struct versions *versions, const char *old,
		     const char *new, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < versions->count; i++)
		for (size_t k = 0; r == 0 && k < versions->items[i].nentries; k++) {
			const struct entry *e = &versions->items[i].entries[k];
			char path[PATH_MAX];

			if (e->type != ENTRY_FILE || !path_below(e->path, old))
				continue;
			r = path_join(new, e->path + strlen(old) + 1, path, err);
			if (r == 0)
				r = add_kept(c, path, &versions->items[i], e, 0, err);
		}
	return r;
}

/* Whether a package's file is the default of the configuration file with this name, for a maintainer script to copy by
 * ucf(1): NAME below /usr/share, or NAME.ucf, as R has it. */
static bool is_default(const struct entry *e, const char *name)
{
	const char *base = path_base(e->path);
	size_t len = strlen(name);

	if (e->type != ENTRY_FILE || strncmp(base, name, len) != 0)
		return false;
	return strcmp(base + len, ".ucf") == 0 ||
	       (!base[len] && path_below(e->path, "/usr/share") &&
		!path_below(e->path, "/usr/share/doc"));
}

/* NULL: the version has none, or several. */
static const struct entry *find_default(const struct version *v, const char *name)
{
	const struct entry *found = NULL;

	for (size_t i = 0; v && i < v->nentries; i++) {
		if (!is_default(&v->entries[i], name))
			continue;
		if (found)
			return NULL;
		found = &v->entries[i];
	}
	return found;
}

/* Whether the composition shows configuration at path or below it. */
static bool is_shown(const struct composition *c, const char *path)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->items[i].cover && path_below(c->items[i].path, path))
			return true;
	return false;
}

/* Item number i is a link. */
static int replace_link(struct composition *c, size_t i, const struct versions *versions,
			struct err *err)
{
	const struct version *from;
	const struct entry *e;
	char target[PATH_MAX], path[PATH_MAX];
	struct stat st;

	snprintf(target, sizeof target, "%s", c->items[i].target);
	snprintf(path, sizeof path, "%s", c->items[i].path);
	if (!is_config(target) || stat(target, &st) == 0 || errno != ENOENT || is_shown(c, target))
		return 0;
	e = find_kept(versions, target, &from);
	if (!e)
		e = find_default(c->items[i].from, path_base(target));
	if (!e || e->type == ENTRY_LINK)
		return 0;
	free(c->items[i].target);
	c->items[i].target = NULL;
	c->items[i].entry = (struct layer_entry){
		.type = e->type == ENTRY_DIR ? LAYER_DIR : LAYER_FILE,
		.mode = e->mode,
		.time = e->time,
		.content = e->content,
	};
	return e->type == ENTRY_DIR ? add_below(c, versions, target, path, err) : 0;
}

/* -- files -- */

/* Whether every file in dir, which exists, is one that some version has, too. */
static bool is_private(const char *dir, const struct versions *versions, size_t *looked)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;
	bool only = d;

	while (only && (entry = readdir(d))) {
		const struct version *from;
		char path[PATH_MAX];
		struct err ignored;
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		only = ++*looked < LOOKED_MAX &&
		       path_join(dir, entry->d_name, path, &ignored) == 0 && !mount_is_root(path) &&
		       lstat(path, &st) == 0 &&
		       (S_ISDIR(st.st_mode) ? is_private(path, versions, looked)
					    : find_kept(versions, path, &from) != NULL);
	}
	return only;
}

/* The directory that a view covers for path, which is canonical: the length of its path, or 0. It is the nearest one that
 * exists, if it is private, or with makes the first one that is missing. */
static size_t find_cover(const char *path, const struct versions *versions, bool makes)
{
	char dir[PATH_MAX], nearest[PATH_MAX];
	struct trusted known = {0};
	struct err ignored;
	size_t existing, looked = 0;

	path_dir(path, dir);
	if (path_resolve(dir, nearest, &existing, &ignored) < 0 || strcmp(dir, nearest) != 0)
		return 0;
	nearest[existing] = '\0';
	if (!path_below(nearest, CONFIG_DIR) || !trust_dir(&known, nearest, &ignored))
		return 0;
	if (is_config(nearest) && is_private(nearest, versions, &looked))
		return existing;
	return makes && dir[existing] ? existing + 1 + strcspn(dir + existing + 1, "/") : 0;
}

static int add_missing(struct composition *c, const struct versions *versions,
		       const struct version *v, const struct entry *e, bool makes, struct err *err)
{
	struct compose_dir last = {0};
	char path[PATH_MAX];
	struct err ignored;
	struct stat st;
	size_t cover;

	if (compose_live_path(&last, e->path, path, &ignored) < 0 || strcmp(path, e->path) != 0 ||
	    lstat(path, &st) == 0)
		return 0;
	cover = find_cover(path, versions, makes);
	return cover ? add_kept(c, path, v, e, cover, err) : 0;
}

int config_add(struct composition *c, const struct versions *versions, bool makes, struct err *err)
{
	const size_t count = c->count; /* files follow */
	int r = 0;

	for (size_t i = 0; i < versions->count; i++)
		for (size_t k = 0; r == 0 && k < versions->items[i].nentries; k++) {
			const struct version *v = &versions->items[i];

			if (v->entries[k].type != ENTRY_DIR && is_config(v->entries[k].path))
				r = add_missing(c, versions, v, &v->entries[k], makes, err);
		}
	for (size_t i = 0; r == 0 && i < count; i++)
		if (c->items[i].entry.type == LAYER_LINK)
			r = replace_link(c, i, versions, err);
	return r;
}
