#include "policy/supply.h"

#include "base/path.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int supply_load(struct store *store, const struct app *app, struct versions *out, struct err *err)
{
	AUTO_VERSIONS struct versions vs = {0};

	vs.items = calloc(app->npins + 1, sizeof *vs.items);
	if (!vs.items)
		return err_nomem(err);
	for (size_t i = 0; i < app->npins; i++) {
		const struct pin *pin = &app->pins[i];
		int r = store_load(store, &pin->digest, &vs.items[i], err);

		if (r < 0)
			return err_wrap(err, r, "%s %s", pin->name, pin->version);
		vs.count++;
	}
	*out = vs;
	vs = (struct versions){0};
	return 0;
}

/* -- files of the versions by path -- */

/* Whether the entry lies at path on the live system, where /bin may be a link to usr/bin. */
static bool lies_at(const struct entry *e, const char *path)
{
	char place[PATH_MAX];
	struct err ignored;

	return e->type != ENTRY_DIR && strcmp(path_base(e->path), path_base(path)) == 0 &&
	       path_place(e->path, place, &ignored) == 0 && strcmp(place, path) == 0;
}

static const struct entry *entry_at(const struct versions *pinned, const char *path)
{
	for (size_t i = 0; i < pinned->count; i++)
		for (size_t k = 0; k < pinned->items[i].nentries; k++)
			if (lies_at(&pinned->items[i].entries[k], path))
				return &pinned->items[i].entries[k];
	return NULL;
}

static int link_target(const struct entry *link, char out[PATH_MAX])
{
	char dir[PATH_MAX], target[PATH_MAX], text[PATH_MAX];
	struct err ignored;

	path_dir(link->path, dir);
	if (link->target[0] == '/')
		snprintf(text, sizeof text, "%s", link->target);
	else if (path_join(dir, link->target, text, &ignored) < 0)
		return -ENAMETOOLONG;
	return path_normalise(text, target, &ignored) < 0 ? -EINVAL
							  : path_place(target, out, &ignored);
}

/* The file of the versions at path, behind links of theirs; NULL: there is none. */
static const struct entry *file_at(const struct versions *pinned, const char *path)
{
	char at[PATH_MAX];
	struct err ignored;

	if (path_place(path, at, &ignored) < 0)
		return NULL;
	for (int links = 0; links < PATH_LINKS_MAX; links++) {
		const struct entry *e = entry_at(pinned, at);

		if (!e || e->type == ENTRY_FILE)
			return e;
		if (link_target(e, at) < 0)
			return NULL;
	}
	return NULL;
}

/* Replaces the path of a live link by its target; false: there is no link. */
static bool follow_live(char at[PATH_MAX])
{
	char text[PATH_MAX];
	ssize_t n = readlink(at, text, sizeof text - 1);
	const struct entry link = {.path = at, .target = text};
	char next[PATH_MAX];

	if (n < 0)
		return false;
	text[n] = '\0';
	if (link_target(&link, next) < 0)
		return false;
	memcpy(at, next, sizeof next);
	return true;
}

bool supply_way_has(const struct supply_way *way, const struct entry *e)
{
	for (size_t i = 0; i < way->count; i++)
		if (way->items[i] == e)
			return true;
	return false;
}

static bool add_to_way(struct supply_way *way, const struct entry *e)
{
	if (supply_way_has(way, e))
		return true;
	if (way->count == sizeof way->items / sizeof *way->items)
		return false;
	way->items[way->count++] = e;
	return true;
}

const struct entry *supply_follow(struct supply_way *way, const char *path,
				  char canonical[PATH_MAX])
{
	const size_t before = way->count;
	struct err ignored;

	if (path_place(path, canonical, &ignored) < 0)
		return NULL;
	for (int links = 0; links < PATH_LINKS_MAX; links++) {
		const struct entry *e = entry_at(way->pinned, canonical);

		if (e && !add_to_way(way, e))
			break;
		if (e && e->type == ENTRY_FILE && e->mode & 0111)
			return e;
		if (e ? e->type == ENTRY_FILE || link_target(e, canonical) < 0
		      : !follow_live(canonical))
			break;
	}
	way->count = before;
	return NULL;
}

int supply_find(const struct app *app, const struct versions *pinned, const struct entry **out,
		struct err *err)
{
	*out = file_at(pinned, app->program ? app->program : app->path);
	if (!*out && app->program)
		return err_set(err, ENOENT,
			       "no pinned version has %s, the program of %s; pin its package "
			       "again, or run "
			       "'pinlib unset %s'",
			       app->program, app->path, app->path);
	if (*out && !((*out)->mode & 0111)) {
		if (app->program)
			return err_set(
				err, EACCES,
				"%s, the program of %s, is not executable in its pinned version",
				app->program, app->path);
		*out = NULL;
	}
	return 0;
}

/* -- the program of a version -- */

bool supply_is_command(const char *path)
{
	static const char *const dirs[] = {"/usr/bin",	     "/bin",	   "/usr/sbin",
					   "/sbin",	     "/usr/games", "/usr/local/bin",
					   "/usr/local/sbin"};
	char dir[PATH_MAX];

	path_dir(path, dir);
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (strcmp(dir, dirs[i]) == 0)
			return true;
	return false;
}

static bool is_command_file(const struct entry *e)
{
	return (e->type == ENTRY_LINK || (e->type == ENTRY_FILE && e->mode & 0111)) &&
	       supply_is_command(e->path);
}

/* How well a name fits a program's: its whole length if it is the same, or if a suffix follows as in "php7.4-old" and
 * "perl5.32". */
static size_t name_fits(const char *name, const char *program)
{
	size_t len = strlen(program);

	if (strncmp(name, program, len) != 0)
		return 0;
	if (name[len] && !strchr("-_.@+", name[len]) &&
	    (!isdigit((unsigned char)name[len]) || isdigit((unsigned char)program[len - 1])))
		return 0;
	return len;
}

/* Whether the file lies beside those that it uses, as /usr/lib/jvm/java-11-openjdk-amd64/bin/java: update-alternatives(1)
 * links such programs. */
static bool is_in_bin(const struct entry *e)
{
	char dir[PATH_MAX];

	path_dir(e->path, dir);
	return e->type == ENTRY_FILE && e->mode & 0111 && strcmp(path_base(dir), "bin") == 0;
}

/* The program whose name fits best. */
static const struct entry *program_named(const struct versions *pinned, const char *name,
					 bool (*is_program)(const struct entry *e))
{
	const struct entry *best = NULL;
	size_t fit = 0;

	for (size_t i = 0; i < pinned->count; i++)
		for (size_t k = 0; k < pinned->items[i].nentries; k++) {
			const struct entry *e = &pinned->items[i].entries[k];
			size_t len = is_program(e) ? name_fits(name, path_base(e->path)) : 0;

			if (len > fit) {
				fit = len;
				best = e;
			}
		}
	return best;
}

/* The only program of a version; otherwise NULL, and text has the names of all. */
static const struct entry *only_program(const struct version *v, char *text, size_t size)
{
	const struct entry *found = NULL;
	size_t count = 0, used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (!is_command_file(e))
			continue;
		found = e;
		if (used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 count ? ", " : "", path_base(e->path));
		count++;
	}
	return count == 1 ? found : NULL;
}

int supply_choose(const char *app, const struct versions *pinned, char program[PATH_MAX],
		  struct err *err)
{
	const struct entry *e = program_named(pinned, path_base(app), is_command_file);
	char names[256];

	if (!e)
		e = program_named(pinned, path_base(app), is_in_bin);

	for (size_t i = 0; !e && i < pinned->count; i++) {
		const struct version *v = &pinned->items[i];

		e = only_program(v, names, sizeof names);
		if (!e && names[0])
			return err_set(err, EINVAL,
				       "%s %s has several programs (%s), and the name of %s begins "
				       "with none of theirs; choose another path",
				       v->name, v->version, names, app);
	}
	if (!e)
		return err_set(err, ENOENT, "none of the versions has a program");
	snprintf(program, PATH_MAX, "%s", e->path);
	return 0;
}
