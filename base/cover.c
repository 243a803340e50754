#include "base/cover.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/mount_id.h"
#include "base/mountinfo.h"
#include "base/overlay.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define PLACE (O_PATH | O_NOFOLLOW | O_CLOEXEC)
#define PLACE_DIR (PLACE | O_DIRECTORY)
#define NO_LINKS (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH)
#define SAME_MOUNT (NO_LINKS | RESOLVE_NO_XDEV)

/* A covered directory: as it is without its overlay, and the overlay's root. */
struct place {
	const char *target;
	size_t len; /* of target */
	int live, over;
	uint64_t live_id;
};

struct places {
	struct place items[COVERS_MAX];
	size_t count;
};

static void places_close(struct places **places)
{
	for (struct place *p = (*places)->items; (*places)->count > 0; p++, (*places)->count--) {
		cleanup_fd(&p->live);
		cleanup_fd(&p->over);
	}
}

/* -- is anything mounted below? -- */

/* Whether something is mounted below target, or that cannot be told. The directory, with all that
 * lies on it, is bound onto itself, and MNT_EXPIRE asks whether that mount is in use, as it is by
 * one on it (umount(2)): the first time it marks what is not, and takes nothing away. The bind
 * stays, beneath the overlay: it is the same directory, and to unmount it means to wait for all
 * processors. Where a mount is there already, which may be the bind of a view that was left
 * (exec --host), that one is asked: binds would pile up. No mount of a new namespace is marked. */
static bool bears_mounts(const char *target)
{
	if (sys_umount_expired(target) < 0 && errno != EINVAL)
		return errno != EAGAIN;
	return sys_mount(target, target, NULL, MS_BIND | MS_REC, NULL) < 0 ||
	       sys_umount_expired(target) == 0 || errno != EAGAIN;
}

/* To ask about each covered directory is cheaper than to read the mount table, for so many. */
#define ASK_MAX 4

static bool any_bears_mounts(const struct cover *covers, size_t n)
{
	/* What gives this answer of a place that is none does not look: a system-call filter. */
	bool any = n > ASK_MAX || sys_umount_expired("") == 0 || errno == EAGAIN;

	for (size_t i = 0; i < n && !any; i++)
		any = bears_mounts(covers[i].target);
	return any;
}

/* -- what is mounted below -- */

/* A number that is no descriptor of ours is what a system-call filter says. */
static int check_ours(int *fd, struct err *err)
{
	int set = fcntl(*fd, F_GETFD);

	if (set >= 0 && set & FD_CLOEXEC)
		return 0;
	*fd = -1;
	return err_set(err, EPERM, "a system-call filter says that a file was opened which is not");
}

static int open_target(const char *target, int *out, struct err *err)
{
	/* musl's open(3) sets FD_CLOEXEC once more, of whatever it was told. */
	*out = openat(AT_FDCWD, target, PLACE_DIR);
	return *out < 0 ? err_sys(err, errno, "cannot open %s", target) : check_ours(out, err);
}

static int open_live(const struct cover *cover, struct places *p, struct err *err)
{
	struct place *at = &p->items[p->count++];
	int r;

	*at = (struct place){.target = cover->target, .len = strlen(cover->target), .over = -1};
	r = open_target(cover->target, &at->live, err);
	if (r < 0)
		return r;
	r = mount_id(at->live, "", AT_EMPTY_PATH, &at->live_id);
	return r < 0 ? err_sys(err, -r, "cannot tell which mount %s is on", cover->target) : 0;
}

/* What is there now is not what the table said: somebody moved it, or the caller cannot see it. */
static bool is_change(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES || errnum == ELOOP ||
	       errnum == EXDEV || errnum == ENAMETOOLONG || errnum == ESTALE;
}

/* *out is -1 if nothing of that name can be had now. */
static int open_beneath(int dir, const char *name, unsigned flags, unsigned resolve, int *out,
			struct err *err)
{
	*out = sys_openat2(dir, name, flags, resolve);
	if (*out < 0)
		return is_change(errno) ? 0 : err_sys(err, errno, "cannot open %s", name);
	return check_ours(out, err);
}

/* The directory DIR of DIR/BASE, in fd's own mount. */
static int open_dir(int fd, const char *name, const char *base, int *out, struct err *err)
{
	char dir[PATH_MAX] = ".";
	size_t len = (size_t)(base - name); /* of DIR and its slash */

	if (len >= sizeof dir)
		return 0;
	if (len) {
		memcpy(dir, name, len - 1);
		dir[len - 1] = '\0';
	}
	return open_beneath(fd, dir, PLACE_DIR, SAME_MOUNT, out, err);
}

/* Copies a mount, with all that is mounted on it. *copy is -1 if it was unmounted meanwhile, or is
 * unbindable. */
static int copy_tree(int mount, const char *name, int *copy, struct err *err)
{
	*copy = sys_open_tree(mount, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
				      AT_RECURSIVE_MOUNTS);
	if (*copy < 0)
		return errno == EINVAL ? 0 : err_sys(err, errno, "cannot take up %s", name);
	return check_ours(copy, err);
}

/* Copies what is mounted on name now, if anything is: *copy. */
static int copy_mount(const struct place *at, const char *name, const char *base, int *copy,
		      struct err *err)
{
	AUTO_FD int dir = -1, mount = -1;
	struct mount_place seen;
	int r = open_dir(at->live, name, base, &dir, err);

	if (r == 0 && dir >= 0)
		r = open_beneath(dir, base, PLACE, NO_LINKS, &mount, err);
	if (r < 0 || mount < 0)
		return r;
	r = mount_look(mount, "", AT_EMPTY_PATH, &seen);
	if (r < 0)
		return err_sys(err, -r, "cannot tell which mount is on %s", name);
	return seen.root && seen.id != at->live_id ? copy_tree(mount, name, copy, err) : 0;
}

/* Whether the mount is what is seen at DIR/BASE now. */
static bool is_seen(int mount, int dir, const char *base)
{
	uint64_t seen, own;

	return mount_id(mount, "", AT_EMPTY_PATH, &own) == 0 &&
	       mount_id(dir, base, AT_SYMLINK_NOFOLLOW, &seen) == 0 && own == seen;
}

/* Mounts the copy on the same name in the overlay. What is another kind of thing there by now, or
 * gone, was moved meanwhile: there is no place for the mount then. */
static int put_copy(const struct place *at, int copy, const char *name, const char *base,
		    struct err *err)
{
	AUTO_FD int dir = -1, place = -1;
	int r = open_dir(at->over, name, base, &dir, err);

	if (r == 0 && dir >= 0)
		r = open_beneath(dir, base, PLACE, SAME_MOUNT, &place, err);
	if (r < 0 || place < 0)
		return r;
	if (sys_move_mount_to(copy, place) < 0)
		return errno == EINVAL || errno == ENOTDIR || errno == ENOENT
			       ? 0
			       : err_sys(err, errno, "cannot show %s/%s", at->target, name);
	if (!is_seen(copy, dir, base))
		return err_set(err, EPERM, "%s/%s was mounted again and is not there", at->target,
			       name);
	return 0;
}

static int show_again(struct place *at, const char *name, struct err *err)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	AUTO_FD int copy = -1;
	int r = copy_mount(at, name, base, &copy, err);

	if (r == 0 && copy >= 0 && at->over < 0)
		r = open_target(at->target, &at->over, err);
	return r < 0 || copy < 0 ? r : put_copy(at, copy, name, base, err);
}

/* Mounts on the directory's own mount are those that the overlay hides; those on them come along. */
static int consider(const struct mountinfo *m, void *ctx, struct err *err)
{
	struct places *p = ctx;

	for (size_t i = 0; i < p->count; i++) {
		struct place *at = &p->items[i];

		if (m->parent != at->live_id || strncmp(m->point, at->target, at->len) != 0 ||
		    m->point[at->len] != '/')
			continue;
		return show_again(at, m->point + at->len + 1, err);
	}
	return 0;
}

/* -- the whole -- */

int covers_lay(const struct cover *covers, size_t n, const char *label, struct err *err)
{
	static struct places places; /* static: a wrapper's stack is the smaller, the faster */
	CLEANUP(places_close) struct places *below = &places;
	bool hide;
	int r = 0;

	if (n > COVERS_MAX)
		return err_set(err, E2BIG, "more than %d covered directories", COVERS_MAX);
	hide = any_bears_mounts(covers, n);
	for (size_t i = 0; r == 0 && hide && i < n; i++)
		r = open_live(&covers[i], below, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = overlay_cover(covers[i].target, covers[i].layer, label, err);
	return r < 0 || !hide ? r : mountinfo_each(consider, below, err);
}
