#include "cli/app.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/reach.h"
#include "cli/command.h"
#include "loader/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

/* The file in PATH that a shell would run. sudo may shorten PATH, so the usual directories follow it. If no file
 * of this name can be executed, the first one: a later check says why it cannot be pinned. */
static int find_in_path(const char *name, char out[PATH_MAX], struct err *err)
{
	const char *path = getenv("PATH");
	AUTO_FREE char *all = NULL;

	if (asprintf(&all, "%s:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
		     path ? path : "") < 0) {
		all = NULL;
		return err_nomem(err);
	}
	out[0] = '\0';
	for (char *save, *dir = strtok_r(all, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		char at[PATH_MAX];
		int n = snprintf(at, sizeof at, "%s/%s", dir, name);

		if (n < 0 || n >= PATH_MAX || access(at, F_OK) != 0)
			continue;
		if (!out[0] || is_executable(at))
			snprintf(out, PATH_MAX, "%s", at);
		if (is_executable(at))
			return 0;
	}
	return out[0] ? 0
		      : err_set(err, ENOENT, "there is no program '%s' in PATH; give its full path",
				name);
}

/* The only app of that name, without its directory. */
static const char *find_by_name(const struct apps *apps, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < apps->count; i++) {
		if (strcmp(path_base(apps->items[i].path), name) != 0)
			continue;
		if (found)
			return NULL;
		found = apps->items[i].path;
	}
	return found;
}

static bool is_pinned(const struct apps *apps, const char *path)
{
	for (size_t i = 0; i < apps->count; i++)
		if (strcmp(apps->items[i].path, path) == 0)
			return true;
	return false;
}

/* A program that is gone may have pins: the error then has the word of refresh, show, check and doctor for it. */
static int explain_gone(const char *name, int r, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	const char *app;
	struct err none;

	if (r != -ENOENT || policy_open(&policy, &none) < 0 ||
	    policy_apps(policy, POLICY_NOW, &apps, &none) < 0)
		return r;
	app = is_pinned(&apps, name) ? name : find_by_name(&apps, name);
	if (!app || access(app, F_OK) == 0)
		return r;
	return err_set(err, -r,
		       "%s sleeps: its program is gone; 'pinlib unset %s' removes its pins", app,
		       app);
}

int find_app(const char *name, char app[PATH_MAX], struct err *err)
{
	char found[PATH_MAX];
	int r;

	if (!*name)
		return err_set(err, EINVAL, "the name of the program is empty");
	if (!strchr(name, '/')) {
		r = find_in_path(name, found, err);
		if (r < 0)
			return explain_gone(name, r, err);
		name = found;
	}
	/* A command that changes things may hold the lock: it must not wait for a user's file system. */
	r = command_current->root || command_current->user ? reach_allowed(name, err) : 0;
	if (r == 0)
		r = explain_gone(name, program_canonical(name, app, err), err);
	if (r == 0 && strcmp(app, PINLIB_WRAPPER) == 0)
		return err_set(err, EINVAL, "%s is pinlib's own wrapper", app);
	return r;
}

int find_new_app(const char *path, char app[PATH_MAX], struct err *err)
{
	char dir[PATH_MAX];
	struct stat st;
	int r;

	if (path[0] != '/')
		return err_set(err, EINVAL, "--as takes the full path of a program, not '%s'",
			       path);
	r = path_place(path, app, err);
	if (r < 0)
		return r;
	path_dir(app, dir);
	if (stat(dir, &st) < 0)
		return err_sys(err, errno, "cannot make %s: %s", app, dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "cannot make %s: %s is not a directory", app, dir);
	return 0;
}

int find_pinned(const struct apps *apps, const char *name, char app[PATH_MAX], struct err *err)
{
	const char *named = is_pinned(apps, name) ? name : NULL;
	int r = named ? 0 : find_app(name, app, err);

	if (!named && (r < 0 || !is_pinned(apps, app)))
		named = find_by_name(apps, name);
	if (!named)
		return r;
	snprintf(app, PATH_MAX, "%s", named);
	return 0;
}

int find_apps(char *const *names, size_t n, struct strings *apps, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		char path[PATH_MAX];

		r = find_app(names[i], path, err);
		if (r == 0)
			r = strings_add_once(apps, path, err);
	}
	return r;
}
