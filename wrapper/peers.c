#include "wrapper/peers.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/mountinfo.h"
#include "base/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define PARTED_MAX 32

/* The mount point is the first len bytes of place. */
struct parted_mount {
	const char *place;
	size_t len;
};

static struct parted_mount parted[PARTED_MAX];
static size_t nparted;
/* The caller's root directory, from which names lead through the caller's mounts, and the caller's namespace: they stay
 * mounted while it is open, even if no other process is in it. */
static int host = -1, host_space = -1;

struct way {
	const struct plan *plan;
	const struct mounts *mounts;
	bool shared; /* a mount on the way was shared when the table was read */
};

static void forget_caller(void)
{
	cleanup_fd(&host);
	cleanup_fd(&host_space);
	host = host_space = -1;
	nparted = 0;
}

bool peers_remember(void)
{
	/* The kernel looks at the caller's right and at the flag before it looks at the descriptor. */
	if (sys_join_group(-1, "", "/") == 0 || errno != EBADF)
		return false;
	host = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	host_space = openat(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (host >= 0 && host_space >= 0)
		return true;
	forget_caller();
	return false;
}

static bool leads_to(const char *point, const char *place)
{
	size_t len = strlen(point);

	return len == 1 ||
	       (strncmp(point, place, len) == 0 && (place[len] == '\0' || place[len] == '/'));
}

/* A place that a mount at this point is on the way to; NULL: none. */
static const char *place_beyond(const struct way *way, const char *point)
{
	const struct plan *plan = way->plan;

	if (leads_to(point, PINLIB_LIBDIR))
		return PINLIB_LIBDIR;
	if (plan && leads_to(point, plan->at))
		return plan->at;
	for (size_t i = 0; plan && i < plan->ncovers; i++)
		if (leads_to(point, plan->covers[i].target))
			return plan->covers[i].target;
	for (size_t i = 0; i < way->mounts->ninherited; i++)
		if (leads_to(point, way->mounts->inherited[i]))
			return way->mounts->inherited[i];
	return NULL;
}

/* False if the mount at this point was parted before and is shared all the same. */
static bool part_once(const char *point, const char *place)
{
	const struct mount_attr alone = {.propagation = MS_PROPAGATION_PRIVATE};
	size_t len = strlen(point);

	for (size_t i = 0; i < nparted; i++)
		if (parted[i].len == len && strncmp(parted[i].place, point, len) == 0)
			return false;
	if (nparted == PARTED_MAX)
		return false;
	parted[nparted++] = (struct parted_mount){place, len};
	return sys_mount_setattr(AT_FDCWD, point, AT_SYMLINK_NOFOLLOW, &alone, sizeof alone) == 0;
}

/* A path leads to the topmost mount at a point. A shared one that is hidden below stays shared, and the host may unmount
 * those above it at any time. */
static int part_shared(const struct mountinfo *m, void *ctx, struct err *err)
{
	struct way *way = ctx;
	const char *place = m->shared ? place_beyond(way, m->point) : NULL;

	if (!place)
		return 0;
	way->shared = true;
	return part_once(m->point, place) ? 0 : err_set(err, EBUSY, "%s stays shared", m->point);
}

bool peers_part(const struct plan *plan, const struct mounts *mounts)
{
	struct way way = {plan, mounts, true};
	struct err ignored;
	int r = part_once("/", PINLIB_LIBDIR) ? 0 : -EBUSY;

	/* A mount on the way arrives only by propagation: on a private mount never, on a slave as a slave. So what the
	 * last reading finds stays so. */
	while (r == 0 && way.shared) {
		way.shared = false;
		r = mountinfo_each(part_shared, &way, &ignored);
	}
	if (r == 0)
		return true;
	peers_join(&ignored);
	return false;
}

/* EINVAL: the caller's mount is private. Or another mount is there now, such as the overlay on a covered directory that
 * is a mount itself: the kernel compares the two, and the hidden mount stays private. */
static int join_again(const struct parted_mount *mount, struct err *err)
{
	char point[PATH_MAX];

	memcpy(point, mount->place, mount->len);
	point[mount->len] = '\0';
	if (sys_join_group(host, point + 1, point) < 0 && errno != EINVAL)
		return err_sys(err, errno, "cannot share the mount on %s with the host again",
			       point);
	return 0;
}

int peers_join(struct err *err)
{
	int r = 0;

	if (host < 0)
		return 0;
	/* From the deepest up: the paths lead through parted mounts, where nothing arrives. */
	while (r == 0 && nparted > 0)
		r = join_again(&parted[--nparted], err);
	forget_caller();
	return r;
}
