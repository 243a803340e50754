#include "host/unit_view.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "base/unshare.h"
#include "plan/read.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

/* The layer of a program's directory, in the namespace where a view is built: a mount over
 * PINLIB_UNITS, which only root can enter. */
#define HOME_LAYER PINLIB_UNITS

/* The mounts of a view, one tree for each directory of the drop-in. */
struct unit_trees {
	int fds[UNIT_VIEW_DIRS_MAX]; /* -1: the view does not cover this directory any more */
	size_t count;
};

/* PINLIB_UNITS becomes a private mount before anything is mounted below it. */
static int make_units_dir(struct err *err)
{
	int r = file_mkdirs(PINLIB_UNITS, err);

	if (r < 0)
		return r;
	if (chmod(PINLIB_UNITS, 0700) < 0)
		return err_sys(err, errno, "cannot set the mode of %s", PINLIB_UNITS);
	if (!mount_is_root(PINLIB_UNITS) &&
	    sys_mount(PINLIB_UNITS, PINLIB_UNITS, NULL, MS_BIND, NULL) < 0)
		return err_sys(err, errno, "cannot mount %s", PINLIB_UNITS);
	if (sys_mount(NULL, PINLIB_UNITS, NULL, MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "cannot make %s private", PINLIB_UNITS);
	return 0;
}

/* A view is built and removed under its second name: systemd binds what it finds under the first,
 * and with an empty directory over /usr/bin the service would not start. */
struct unit_view_paths {
	char whole[PATH_MAX], parts[PATH_MAX];
};

static int name_view(const char *unit, struct unit_view_paths *names, struct err *err)
{
	if (snprintf(names->whole, PATH_MAX, "%s/%s", PINLIB_UNITS, unit) >= PATH_MAX ||
	    snprintf(names->parts, PATH_MAX, "%s/.%s", PINLIB_UNITS, unit) >= PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "%s", unit);
	return 0;
}

static int name_tree(const char *parts, size_t i, char out[PATH_MAX], struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/%zu", parts, i) >= PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "%s", parts);
	return 0;
}

/* -- clearing -- */

static int clear_tree(const char *place, struct err *err)
{
	while (mount_is_root(place))
		if (sys_umount(place) < 0)
			return err_sys(err, errno, "cannot unmount %s", place);
	if (rmdir(place) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", place);
	return 0;
}

static int clear_parts(const char *parts, struct err *err)
{
	char place[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < UNIT_VIEW_DIRS_MAX; i++) {
		r = name_tree(parts, i, place, err);
		if (r == 0)
			r = clear_tree(place, err);
	}
	if (r == 0 && rmdir(parts) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", parts);
	return r;
}

int unit_view_clear(const char *unit, struct err *err)
{
	struct unit_view_paths names;
	int r = name_view(unit, &names, err);

	if (r == 0) /* an interrupted command left it */
		r = clear_parts(names.parts, err);
	if (r < 0)
		return r;
	if (rename(names.whole, names.parts) == 0)
		r = clear_parts(names.parts, err);
	else if (errno != ENOENT)
		r = err_sys(err, errno, "cannot rename %s", names.whole);
	return r;
}

/* -- building -- */

static bool is_named(const char *const *dirs, size_t ndirs, const char *dir)
{
	for (size_t i = 0; i < ndirs; i++)
		if (strcmp(dirs[i], dir) == 0)
			return true;
	return false;
}

static bool is_target(const struct plan *plan, const char *dir)
{
	for (size_t i = 0; i < plan->ncovers; i++)
		if (strcmp(dir, plan->covers[i].target) == 0)
			return true;
	return false;
}

static bool is_covered(const struct plan *plan, const char *dir)
{
	for (size_t i = 0; i < plan->ncovers; i++)
		if (path_below(dir, plan->covers[i].target))
			return true;
	return false;
}

static int check_bound_dir(const char *dir, const char *const *dirs, size_t ndirs, struct err *err)
{
	struct trusted none = {0};

	if (!is_named(dirs, ndirs, dir))
		return err_set(err, ESTALE,
			       "the view covers %s, but systemd has read an older drop-in; run "
			       "'systemctl daemon-reload'",
			       dir);
	return trust_fixed_dir(&none, dir, err) ? 0 : -EPERM;
}

static int check_bound_dirs(const struct plan *plan, const char *const *dirs, size_t ndirs,
			    struct err *err)
{
	struct trusted known = {0};
	char home[PATH_MAX];
	int r = 0;

	path_dir(plan->app, home);
	for (size_t i = 0; r == 0 && i < plan->ncovers; i++)
		r = check_bound_dir(plan->covers[i].target, dirs, ndirs, err);
	if (r == 0 && !is_covered(plan, home))
		r = check_bound_dir(home, dirs, ndirs, err);
	if (r == 0 &&
	    (!trust_dir_of(&known, plan->app, err) || !trust_dir_of(&known, plan->program, err)))
		r = -EPERM;
	return r;
}

/* A layer with the owner and mode of the program's directory, home, and nothing in it but a mount
 * point, the empty file that the program is mounted on. No other process sees this file system. */
static int make_home_layer(const char *home, const char *app, struct err *err)
{
	AUTO_FD int dir = -1, file = -1;
	struct stat st;

	if (stat(home, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", home);
	if (sys_mount("none", HOME_LAYER, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700") < 0)
		return err_sys(err, errno, "cannot create a mount point for %s", app);
	dir = open(HOME_LAYER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchown(dir, st.st_uid, st.st_gid) < 0 || fchmod(dir, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "cannot give a mount point the owner and mode of %s",
			       home);
	file = openat(dir, path_base(app), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return file < 0 ? err_sys(err, errno, "cannot create a mount point for %s", app) : 0;
}

/* The plan does not cover the program's directory; it is covered for the program alone. The plan's
 * covers below it are shown again on top. */
static int lay_home(const struct plan *plan, const char *home, struct err *err)
{
	const struct cover cover = {.target = home, .layer = HOME_LAYER};
	const struct sysroot view = {
		.covers = &cover,
		.ncovers = 1,
		.app = plan->app,
		.real = plan->program,
		.label = plan->label,
	};
	int r = make_home_layer(home, plan->app, err);

	return r < 0 ? r : unshare_lay(&view, err);
}

static int lay_plan(const struct plan *plan, const char *home, struct err *err)
{
	const bool covered = is_covered(plan, home);
	const struct sysroot view = {
		.covers = plan->covers,
		.ncovers = plan->ncovers,
		.app = covered ? plan->app : NULL,
		.real = covered ? plan->program : NULL,
		.label = plan->label,
	};
	int r = unshare_lay(&view, err);

	return r < 0 || covered ? r : lay_home(plan, home, err);
}

/* Builds the view in a new namespace of this process. */
static int build_view(const struct plan *plan, const char *const *dirs, struct unit_trees *s,
		      struct err *err)
{
	char home[PATH_MAX];
	int r = unshare_private(err);

	path_dir(plan->app, home);
	if (r == 0)
		r = lay_plan(plan, home, err);
	for (size_t i = 0; r == 0 && i < s->count; i++) {
		if (!is_target(plan, dirs[i]) && strcmp(dirs[i], home) != 0)
			continue; /* the plan covered it when the drop-in was written */
		s->fds[i] = mount_pick_up(dirs[i], AT_RECURSIVE_MOUNTS, err);
		r = s->fds[i] < 0 ? s->fds[i] : 0;
	}
	return r;
}

/* The view is built as the wrapper builds it, at its own paths, in a namespace of its own. Only
 * descriptors come back. */
static int build_apart(const struct plan *plan, const char *const *dirs, struct unit_trees *s,
		       struct err *err)
{
	AUTO_FD int host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r;

	if (host < 0)
		return err_sys(err, errno, "cannot open the mount namespace of the host");
	r = build_view(plan, dirs, s, err);
	if (setns(host, CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot return to the mount namespace of the host");
	return r;
}

static int mount_tree(const char *parts, size_t number, int tree, struct err *err)
{
	AUTO_FD int place = -1;
	char name[PATH_MAX];
	int r = name_tree(parts, number, name, err);

	if (r == 0)
		r = file_mkdirs(name, err);
	if (r < 0)
		return r;
	place = open(name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0 || sys_move_mount_to(tree, place) < 0)
		return err_sys(err, errno, "cannot mount %s", name);
	return 0;
}

static void unit_trees_close(struct unit_trees *s)
{
	for (size_t i = 0; i < s->count; i++)
		cleanup_fd(&s->fds[i]);
}

static int publish_view(const struct unit_view_paths *names, const struct plan *plan,
			const char *const *dirs, size_t ndirs, struct err *err)
{
	CLEANUP(unit_trees_close) struct unit_trees s = {.count = ndirs};
	struct err ignored;
	int r;

	for (size_t i = 0; i < ndirs; i++)
		s.fds[i] = -1;
	r = build_apart(plan, dirs, &s, err);
	for (size_t i = 0; r == 0 && i < ndirs; i++)
		if (s.fds[i] >= 0)
			r = mount_tree(names->parts, i, s.fds[i], err);
	if (r == 0 && rename(names->parts, names->whole) < 0)
		r = err_sys(err, errno, "cannot rename %s", names->parts);
	if (r < 0)
		clear_parts(names->parts, &ignored);
	return r;
}

int unit_view_enter(struct err *err)
{
	AUTO_FD int fd = open("/proc/1/ns/mnt", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "cannot open the mount namespace of process 1");
	if (setns(fd, CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot enter the mount namespace of process 1");
	return 0;
}

static int load_plan(const char *app, struct plan_file *file, struct err *err)
{
	int r = plan_load(PINLIB_PLANS, app, 0, file, err);

	if (r == 0 && file->plan.filter)
		return err_set(
			err, ENOTSUP,
			"%s is confined, and only the wrapper loads its system-call filter; set "
			"SystemCallFilter= in the unit instead",
			app);
	return r;
}

int unit_view_build(const char *unit, const char *app, const char *const *dirs, size_t ndirs,
		    bool *pinned, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct unit_view_paths names;
	int r;

	*pinned = false;
	if (!file)
		return err_nomem(err);
	if (ndirs > UNIT_VIEW_DIRS_MAX)
		return err_set(err, E2BIG, "the view covers more than %d directories",
			       UNIT_VIEW_DIRS_MAX);
	r = name_view(unit, &names, err);
	if (r == 0)
		r = make_units_dir(err);
	if (r == 0)
		r = unit_view_clear(unit, err);
	if (r < 0)
		return r;
	r = load_plan(app, file, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = check_bound_dirs(&file->plan, dirs, ndirs, err);
	if (r == 0)
		r = publish_view(&names, &file->plan, dirs, ndirs, err);
	*pinned = r == 0;
	return r;
}
