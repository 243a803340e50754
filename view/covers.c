#include "view/covers.h"

#include "base/mount.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "plan/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No view covers these directories, or a directory above or below them. */
static const char *const needed[] = {
	PINLIB_STATE, "/proc", "/sys",	   "/dev",	"/run",	 "/tmp",
	"/etc",	      "/home", "/usr/bin", "/usr/sbin", "/root", "/boot",
};
#define NEEDED (sizeof needed / sizeof *needed)

/* The directories that a view covers for an exempt entry: an interpreter, or configuration that the live system lacks. */
static bool may_cover_exempt(const char *dir)
{
	static const char *const dirs[] = {"/usr/bin", "/usr/sbin", "/usr/games", "/bin", "/sbin"};

	if (path_below(dir, "/etc") && strcmp(dir, "/etc") != 0)
		return true;
	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (strcmp(dir, dirs[i]) == 0)
			return true;
	return false;
}

static bool may_cover(const char *dir)
{
	for (size_t i = 0; i < NEEDED; i++)
		if (path_below(needed[i], dir) || path_below(dir, needed[i]))
			return false;
	return true;
}

static int refuse_cover(const char *path, const char *cover, const char *dir, struct err *err)
{
	for (size_t i = 0; i < NEEDED; i++)
		if (path_below(dir, needed[i]))
			return err_set(err, EINVAL,
				       "the program looks for libraries in %s, and no view shows "
				       "files in or below %s",
				       dir, needed[i]);
	return err_set(err, EINVAL,
		       "to show %s, the view would have to cover all of %s: create the directory "
		       "%s first",
		       path, cover, dir);
}

/* The length of /usr/lib/TRIPLET in dir, or 0. */
static size_t triplet_length(const char *dir)
{
	static const char lib[] = "/usr/lib/";
	size_t len = strlen(lib), next;

	if (strncmp(dir, lib, len) != 0)
		return 0;
	next = strcspn(dir + len, "/");
	return memmem(dir + len, next, "-linux-", strlen("-linux-")) ? len + next : 0;
}

/* Cuts the path down to a directory that upgrades do not remove. */
static void cut_to_lasting(char cover[PATH_MAX])
{
	/* The last three are of base-files, libc-bin, and the translations of all essential packages. */
	static const char *const lasting[] = {
		"/usr/lib",	   "/usr/lib32",       "/usr/lib64",   "/usr/libx32",
		"/usr/share",	   "/usr/libexec",     "/usr/include", "/usr/share/misc",
		"/usr/lib/locale", "/usr/share/locale"};
	size_t longest = triplet_length(cover);

	for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++) {
		size_t len = strlen(lasting[i]);

		if (path_below(cover, lasting[i]) && len > longest)
			longest = len;
	}
	if (longest)
		cover[longest] = '\0';
}

/* From the nearest directory up to a lasting one, or to the root of a mount on the way. */
static void find_lasting(const char *nearest, char cover[PATH_MAX])
{
	char top[PATH_MAX];

	snprintf(top, sizeof top, "%s", nearest);
	snprintf(cover, PATH_MAX, "%s", nearest);
	cut_to_lasting(top);
	while (strlen(cover) > strlen(top) && !mount_is_root(cover))
		*strrchr(cover, '/') = '\0';
}

static int find_cover(const char *path, bool exempt, char cover[PATH_MAX], struct err *err)
{
	char dir[PATH_MAX], nearest[PATH_MAX];
	struct trusted known = {0};
	size_t existing;
	int r;

	path_dir(path, dir);
	r = path_resolve(dir, nearest, &existing, err);
	if (r < 0)
		return r;
	nearest[existing] = '\0';
	find_lasting(nearest, cover);
	if (!may_cover(cover) && !(exempt && may_cover_exempt(cover)))
		return refuse_cover(path, cover, dir, err);
	if (!trust_dir(&known, nearest, err))
		return err_wrap(err, -EPERM, "a view cannot cover %s", nearest);
	return 0;
}

int cover_of_path(const char *path, char cover[PATH_MAX], struct err *err)
{
	return find_cover(path, false, cover, err);
}

bool cover_may_show_program(const char *path)
{
	char cover[PATH_MAX];
	struct err ignored;

	return find_cover(path, true, cover, &ignored) == 0;
}

/* Sorts, and removes directories below another one. */
static void reduce_covers(struct strings *covers)
{
	size_t kept = 0;

	strings_sort(covers);
	for (size_t i = 0; i < covers->count; i++) {
		bool inside = false;

		/* All are compared: "/a-b" sorts between "/a" and "/a/b". */
		for (size_t k = 0; k < kept && !inside; k++)
			inside = path_below(covers->items[i], covers->items[k]);
		if (inside)
			free(covers->items[i]);
		else
			covers->items[kept++] = covers->items[i];
	}
	covers->count = kept;
}

/* -- directories that programs share -- */

static bool is_shared(const char *dir)
{
	static const char *const shared[] = {
		"/opt",
		"/srv",
		"/mnt",
		"/media",
		"/usr/local",
		"/usr/local/lib",
		"/usr/local/share",
	};

	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		if (strcmp(dir, shared[i]) == 0)
			return true;
	return false;
}

/* Such a directory is covered only for files that are directly in it. */
static int check_shared(const struct composition *c, const char *cover, struct err *err)
{
	const struct composed *first = NULL;
	char dir[PATH_MAX];

	for (size_t i = 0; i < c->count; i++) {
		if (c->items[i].entry.type == LAYER_DIR || !path_below(c->items[i].path, cover))
			continue;
		path_dir(c->items[i].path, dir);
		if (strcmp(dir, cover) == 0)
			return 0;
		if (!first)
			first = &c->items[i];
	}
	if (!first)
		return 0;
	path_dir(first->path, dir);
	return refuse_cover(first->path, cover, dir, err);
}

static int check_all_shared(const struct composition *c, const struct strings *covers,
			    struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < covers->count; i++)
		if (is_shared(covers->items[i]))
			r = check_shared(c, covers->items[i], err);
	return r;
}

int covers_choose(const struct composition *c, struct strings *out, struct err *err)
{
	char last_dir[PATH_MAX] = "", dir[PATH_MAX], cover[PATH_MAX];

	for (size_t i = 0; i < c->count; i++) {
		int r;

		path_dir(c->items[i].path, dir);
		if (strcmp(dir, last_dir) == 0)
			continue;
		memcpy(last_dir, dir, sizeof dir);
		if (c->items[i].cover) {
			snprintf(cover, sizeof cover, "%.*s", (int)c->items[i].cover,
				 c->items[i].path);
			r = 0;
		} else {
			r = find_cover(c->items[i].path, c->items[i].exempt, cover, err);
		}
		if (r == 0)
			r = strings_add_once(out, cover, err);
		if (r < 0)
			return r;
	}
	reduce_covers(out);
	if (out->count > PLAN_COVERS_MAX)
		return err_set(err, E2BIG,
			       "the view would have to cover %zu directories, and %d is the limit",
			       out->count, PLAN_COVERS_MAX);
	return check_all_shared(c, out, err);
}

size_t covers_index(const struct strings *covers, const char *path)
{
	for (size_t i = 0; i < covers->count; i++)
		if (path_below(path, covers->items[i]))
			return i;
	return 0; /* covers_choose found one for every path */
}
