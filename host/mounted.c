#include "host/mounted.h"

#include "base/cleanup.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/paths.h"
#include "labeler/live.h"

#include <fcntl.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <string.h>

static void cleanup_table(struct libmnt_table **t)
{
	mnt_unref_table(*t);
}

static void cleanup_iter(struct libmnt_iter **i)
{
	mnt_free_iter(*i);
}

/* "DIR/.pinlib/NAME" mounted at a NAME, by the wrapper's rule (wrapper/mounts.c). The views that
 * are ready for services are in the table of every process, and do not count. */
static bool is_original(struct libmnt_fs *fs)
{
	const char *at = mnt_fs_get_target(fs), *from = mnt_fs_get_root(fs);
	char root[PATH_MAX], dir[PATH_MAX];
	char *deleted;

	if (!at || !from || path_below(at, PINLIB_UNITS))
		return false;
	snprintf(root, sizeof root, "%s", from);
	deleted = strstr(root, "//deleted"); /* the original was upgraded */
	if (deleted)
		*deleted = '\0';
	path_dir(root, dir);
	return strcmp(path_base(dir), PINLIB_REAL_DIR) == 0 &&
	       strcmp(path_base(root), path_base(at)) == 0;
}

static int shows_original(struct err *err)
{
	CLEANUP(cleanup_table) struct libmnt_table *table = mnt_new_table();
	CLEANUP(cleanup_iter) struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	AUTO_FILE FILE *f = fopen("/proc/self/mountinfo", "re");
	struct libmnt_fs *fs;

	if (!table || !iter)
		return err_nomem(err);
	if (!f)
		return err_sys(err, errno, "cannot read /proc/self/mountinfo");
	if (mnt_table_parse_stream(table, f, "") != 0)
		return err_set(err, EBADMSG, "cannot understand /proc/self/mountinfo");
	while (mnt_table_next_fs(table, iter, &fs) == 0)
		if (is_original(fs))
			return 1;
	return 0;
}

int mounted_in_view(struct err *err)
{
	int r = live_in_view(err);

	return r == 0 ? shows_original(err) : r;
}

int mounted_refuse(const char *path, struct err *err)
{
	char dir[PATH_MAX];
	uint64_t own;

	path_dir(path, dir);
	own = mount_id_at(path, AT_SYMLINK_NOFOLLOW);
	if (own == MOUNT_ID_UNKNOWN || own == mount_id_at(dir, 0))
		return 0;
	return err_set(err, EBUSY, "something is mounted on %s; run 'umount %s' first", path, path);
}
