#include "host/unit_view.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/kernel.h"
#include "base/mount_id.h"
#include "base/overlay.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "base/unshare.h"
#include "plan/read.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

/* Where the layer of a program's directory is, in the namespace that a view is built in: over the
 * house of all stages, which nobody but root can enter. */
#define SEAT PINLIB_UNITS

/* What a view shows in each directory of the drop-in, with all that is mounted there. */
struct stage {
	int trees[UNIT_VIEW_DIRS_MAX]; /* -1: it has nothing to do with that directory now */
	size_t count;
};

/* The house of all stages. Made private before anything is mounted in it. */
static int make_house(struct err *err)
{
	int r = file_mkdirs(PINLIB_UNITS, err);

	if (r < 0)
		return r;
	if (chmod(PINLIB_UNITS, 0700) < 0)
		return err_sys(err, errno, "cannot close %s to others", PINLIB_UNITS);
	if (!mount_is_root(PINLIB_UNITS) &&
	    sys_mount(PINLIB_UNITS, PINLIB_UNITS, NULL, MS_BIND, NULL) < 0)
		return err_sys(err, errno, "cannot mount %s", PINLIB_UNITS);
	if (sys_mount(NULL, PINLIB_UNITS, NULL, MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "cannot make %s private", PINLIB_UNITS);
	return 0;
}

/* Where a unit's view stands when it is whole, and where it is made and taken apart: systemd binds
 * what it finds under the first name, and an empty directory over /usr/bin would be the end of the
 * service. */
struct names {
	char whole[PATH_MAX], parts[PATH_MAX];
};

static int name_stage(const char *unit, struct names *names, struct err *err)
{
	if (snprintf(names->whole, PATH_MAX, "%s/%s", PINLIB_UNITS, unit) >= PATH_MAX ||
	    snprintf(names->parts, PATH_MAX, "%s/.%s", PINLIB_UNITS, unit) >= PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "%s", unit);
	return 0;
}

static int name_place(const char *parts, size_t i, char out[PATH_MAX], struct err *err)
{
	if (snprintf(out, PATH_MAX, "%s/%zu", parts, i) >= PATH_MAX)
		return err_sys(err, ENAMETOOLONG, "%s", parts);
	return 0;
}

/* -- clearing -- */

static int clear_place(const char *place, struct err *err)
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
		r = name_place(parts, i, place, err);
		if (r == 0)
			r = clear_place(place, err);
	}
	if (r == 0 && rmdir(parts) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", parts);
	return r;
}

int unit_view_clear(const char *unit, struct err *err)
{
	struct names names;
	int r = name_stage(unit, &names, err);

	if (r == 0) /* what was cut short */
		r = clear_parts(names.parts, err);
	if (r < 0)
		return r;
	if (rename(names.whole, names.parts) == 0)
		r = clear_parts(names.parts, err);
	else if (errno != ENOENT)
		r = err_sys(err, errno, "cannot rename %s", names.whole);
	return r;
}

/* -- laying -- */

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

static int check_dir(const char *dir, const char *const *dirs, size_t ndirs, struct err *err)
{
	struct trusted none = {0};

	if (!is_named(dirs, ndirs, dir))
		return err_set(err, ESTALE,
			       "the view covers %s, which systemd does not know of yet: "
			       "'systemctl daemon-reload' tells it",
			       dir);
	return path_is_fixed_dir(&none, dir, err) ? 0 : -EPERM;
}

static int check_dirs(const struct plan *plan, const char *const *dirs, size_t ndirs,
		      struct err *err)
{
	struct trusted known = {0};
	char home[PATH_MAX];
	int r = 0;

	path_dir(plan->app, home);
	for (size_t i = 0; r == 0 && i < plan->ncovers; i++)
		r = check_dir(plan->covers[i].target, dirs, ndirs, err);
	if (r == 0 && !is_covered(plan, home))
		r = check_dir(home, dirs, ndirs, err);
	if (r == 0 && (!path_is_in_roots_dir(&known, plan->app, err) ||
		       !path_is_in_roots_dir(&known, plan->real, err)))
		r = -EPERM;
	return r;
}

/* A layer that is like the program's directory, home, and holds nothing but a seat for it: a file
 * system that nobody else ever sees. */
static int make_seat(const char *home, const char *app, struct err *err)
{
	AUTO_FD int dir = -1, file = -1;
	struct stat st;

	if (stat(home, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", home);
	if (sys_mount("none", SEAT, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700") < 0)
		return err_sys(err, errno, "cannot make a seat for %s", app);
	dir = open(SEAT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchown(dir, st.st_uid, st.st_gid) < 0 || fchmod(dir, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "cannot make a seat like %s", home);
	file = openat(dir, path_base(app), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return file < 0 ? err_sys(err, errno, "cannot make a seat for %s", app) : 0;
}

/* The program's directory is no cover of the plan: it is covered for the program's sake. What the
 * plan covers below it is shown again on top. */
static int lay_seat(const struct plan *plan, const char *home, struct err *err)
{
	const struct cover cover = {.target = home, .layer = SEAT};
	const struct sysroot seat = {
		.covers = &cover,
		.ncovers = 1,
		.app = plan->app,
		.real = plan->real,
		.label = plan->label,
	};
	int r = make_seat(home, plan->app, err);

	return r < 0 ? r : unshare_lay(&seat, err);
}

static int lay_plan(const struct plan *plan, const char *home, struct err *err)
{
	const bool covered = is_covered(plan, home);
	const struct sysroot view = {
		.covers = plan->covers,
		.ncovers = plan->ncovers,
		.app = covered ? plan->app : NULL,
		.real = covered ? plan->real : NULL,
		.label = plan->label,
	};
	int r = unshare_lay(&view, err);

	return r < 0 || covered ? r : lay_seat(plan, home, err);
}

/* In a namespace of this process's own. */
static int build(const struct plan *plan, const char *const *dirs, struct stage *s, struct err *err)
{
	char home[PATH_MAX];
	int r = unshare_private(err);

	path_dir(plan->app, home);
	if (r == 0)
		r = lay_plan(plan, home, err);
	for (size_t i = 0; r == 0 && i < s->count; i++) {
		if (!is_target(plan, dirs[i]) && strcmp(dirs[i], home) != 0)
			continue; /* it was one when the drop-in was written */
		s->trees[i] = mount_pick_up(dirs[i], AT_RECURSIVE_MOUNTS, err);
		r = s->trees[i] < 0 ? s->trees[i] : 0;
	}
	return r;
}

/* The view is built where the wrapper builds it, at its own paths in a namespace of its own; what
 * comes back from there are descriptors. */
static int build_apart(const struct plan *plan, const char *const *dirs, struct stage *s,
		       struct err *err)
{
	AUTO_FD int host = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	int r;

	if (host < 0)
		return err_sys(err, errno, "cannot open the mount namespace of the host");
	r = build(plan, dirs, s, err);
	if (setns(host, CLONE_NEWNS) < 0)
		return err_sys(err, errno, "cannot return to the mount namespace of the host");
	return r;
}

static int show_tree(const char *parts, size_t number, int tree, struct err *err)
{
	AUTO_FD int place = -1;
	char name[PATH_MAX];
	int r = name_place(parts, number, name, err);

	if (r == 0)
		r = file_mkdirs(name, err);
	if (r < 0)
		return r;
	place = open(name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0 || sys_move_mount_to(tree, place) < 0)
		return err_sys(err, errno, "cannot mount %s", name);
	return 0;
}

static void stage_close(struct stage *s)
{
	for (size_t i = 0; i < s->count; i++)
		cleanup_fd(&s->trees[i]);
}

static int lay(const struct names *names, const struct plan *plan, const char *const *dirs,
	       size_t ndirs, struct err *err)
{
	CLEANUP(stage_close) struct stage s = {.count = ndirs};
	struct err ignored;
	int r;

	for (size_t i = 0; i < ndirs; i++)
		s.trees[i] = -1;
	r = build_apart(plan, dirs, &s, err);
	for (size_t i = 0; r == 0 && i < ndirs; i++)
		if (s.trees[i] >= 0)
			r = show_tree(names->parts, i, s.trees[i], err);
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

static int load(const char *app, struct plan_file *file, struct err *err)
{
	int r = plan_load(PINLIB_PLANS, app, 0, file, err);

	if (r == 0 && file->plan.filter)
		return err_set(
			err, ENOTSUP,
			"%s is confined, and its system-call filter is loaded by the wrapper "
			"alone: use SystemCallFilter= of the unit",
			app);
	return r;
}

int unit_view_build(const char *unit, const char *app, const char *const *dirs, size_t ndirs,
		    bool *pinned, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct names names;
	int r;

	*pinned = false;
	if (!file)
		return err_nomem(err);
	if (ndirs > UNIT_VIEW_DIRS_MAX)
		return err_set(err, E2BIG, "more than %d directories", UNIT_VIEW_DIRS_MAX);
	r = name_stage(unit, &names, err);
	if (r == 0)
		r = make_house(err);
	if (r == 0)
		r = unit_view_clear(unit, err);
	if (r < 0)
		return r;
	r = load(app, file, err);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = check_dirs(&file->plan, dirs, ndirs, err);
	if (r == 0)
		r = lay(&names, &file->plan, dirs, ndirs, err);
	*pinned = r == 0;
	return r;
}
