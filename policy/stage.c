#include "policy/stage.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/kernel.h"
#include "base/path.h"
#include "base/paths.h"
#include "labeler/enter.h"
#include "plan/read.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

/* What is laid for a unit: sight's covers, and where each is to be seen. */
struct stage {
	struct sight sight;
	struct cover covers[STAGE_DIRS_MAX];
	const char *places[STAGE_DIRS_MAX];
	char names[STAGE_DIRS_MAX][PATH_MAX];
};

static bool is_mount(const char *path)
{
	struct statx stx;

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &stx) == 0 &&
	       (stx.stx_attributes_mask & stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* The house of all stages. Made private before anything is mounted in it. */
static int make_house(struct err *err)
{
	int r = file_mkdirs(PINLIB_UNITS, err);

	if (r < 0)
		return r;
	if (chmod(PINLIB_UNITS, 0700) < 0)
		return err_sys(err, errno, "cannot close %s to others", PINLIB_UNITS);
	if (!is_mount(PINLIB_UNITS) &&
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
	char whole[PATH_MAX], parts[PATH_MAX], seat[PATH_MAX];
};

static int name_stage(const char *unit, struct names *names, struct err *err)
{
	if (snprintf(names->whole, PATH_MAX, "%s/%s", PINLIB_UNITS, unit) >= PATH_MAX ||
	    snprintf(names->parts, PATH_MAX, "%s/.%s", PINLIB_UNITS, unit) >= PATH_MAX ||
	    snprintf(names->seat, PATH_MAX, "%s/.%s.seat", PINLIB_UNITS, unit) >= PATH_MAX)
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
	while (is_mount(place))
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

	for (size_t i = 0; r == 0 && i < STAGE_DIRS_MAX; i++) {
		r = name_place(parts, i, place, err);
		if (r == 0)
			r = clear_place(place, err);
	}
	if (r == 0 && rmdir(parts) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", parts);
	return r;
}

int stage_clear(const char *unit, struct err *err)
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
	return r < 0 ? r : clear_place(names.seat, err);
}

/* -- laying -- */

static const char *layer_of(const struct plan *plan, const char *dir)
{
	for (size_t i = 0; i < plan->ncovers; i++)
		if (strcmp(plan->covers[i].target, dir) == 0)
			return plan->covers[i].layer;
	return NULL;
}

static bool is_named(const char *const *dirs, size_t ndirs, const char *dir)
{
	for (size_t i = 0; i < ndirs; i++)
		if (strcmp(dirs[i], dir) == 0)
			return true;
	return false;
}

static int check_dirs(const struct plan *plan, const char *const *dirs, size_t ndirs,
		      struct err *err)
{
	for (size_t i = 0; i < plan->ncovers; i++)
		if (!is_named(dirs, ndirs, plan->covers[i].target))
			return err_set(err, ESTALE,
				       "the view covers %s, which systemd does not know of yet: "
				       "'systemctl daemon-reload' tells it",
				       plan->covers[i].target);
	return 0;
}

static int add_dir(struct stage *s, const char *parts, size_t number, const char *dir,
		   const char *layer, struct err *err)
{
	size_t i = s->sight.ncovers;
	int r = name_place(parts, number, s->names[i], err);

	if (r == 0)
		r = file_mkdirs(s->names[i], err);
	if (r < 0)
		return r;
	s->covers[i] = (struct cover){.target = dir, .layer = layer};
	s->places[i] = s->names[i];
	s->sight.ncovers++;
	return 0;
}

/* A layer that is like the program's directory, home, and holds nothing but a seat for it. On a file
 * system of its own, which is unmounted and not emptied: processes may have it in their view still.
 */
static int make_seat(const char *seat, const char *home, const char *app, struct err *err)
{
	AUTO_FD int dir = -1, file = -1;
	struct stat st;

	if (stat(home, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", home);
	if (mkdir(seat, 0700) < 0 ||
	    sys_mount("none", seat, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700") < 0)
		return err_sys(err, errno, "cannot make %s", seat);
	dir = open(seat, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fchown(dir, st.st_uid, st.st_gid) < 0 || fchmod(dir, st.st_mode & 07777) < 0)
		return err_sys(err, errno, "cannot make %s like %s", seat, home);
	file = openat(dir, path_base(app), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	return file < 0 ? err_sys(err, errno, "cannot make %s/%s", seat, path_base(app)) : 0;
}

static bool is_covered(const struct plan *plan, const char *dir)
{
	for (size_t i = 0; i < plan->ncovers; i++)
		if (path_below(dir, plan->covers[i].target))
			return true;
	return false;
}

/* Those that the view has to do with now; of the others systemd binds nothing. */
static int add_dirs(struct stage *s, const struct names *names, const struct plan *plan,
		    const char *const *dirs, size_t ndirs, struct err *err)
{
	char home[PATH_MAX];
	int r = 0;

	path_dir(plan->app, home);
	for (size_t i = 0; r == 0 && i < ndirs; i++) {
		const char *layer = layer_of(plan, dirs[i]);

		if (!layer && strcmp(dirs[i], home) == 0 && !is_covered(plan, home)) {
			r = make_seat(names->seat, home, plan->app, err);
			layer = names->seat;
		}
		if (r == 0 && layer)
			r = add_dir(s, names->parts, i, dirs[i], layer, err);
	}
	return r;
}

static int lay(const struct names *names, const struct plan *plan, const char *const *dirs,
	       size_t ndirs, struct err *err)
{
	AUTO_FREE struct stage *s = calloc(1, sizeof *s);
	struct err ignored;
	int r;

	if (!s)
		return err_nomem(err);
	s->sight = (struct sight){
		.covers = s->covers,
		.app = plan->app,
		.real = plan->real,
		.label = plan->label,
	};
	r = add_dirs(s, names, plan, dirs, ndirs, err);
	if (r == 0)
		r = lay_sight(&s->sight, s->places, err);
	if (r == 0 && rename(names->parts, names->whole) < 0)
		r = err_sys(err, errno, "cannot rename %s", names->parts);
	if (r < 0) {
		clear_parts(names->parts, &ignored);
		clear_place(names->seat, &ignored);
	}
	return r;
}

int stage_enter(struct err *err)
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

int stage_view(const char *unit, const char *app, const char *const *dirs, size_t ndirs,
	       bool *pinned, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct names names;
	int r;

	*pinned = false;
	if (!file)
		return err_nomem(err);
	if (ndirs > STAGE_DIRS_MAX)
		return err_set(err, E2BIG, "more than %d directories", STAGE_DIRS_MAX);
	r = name_stage(unit, &names, err);
	if (r == 0)
		r = make_house(err);
	if (r == 0)
		r = stage_clear(unit, err);
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
