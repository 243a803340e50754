#include "host/original.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "plan/stub.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP ".new-"

int original_path(const char *app, char real[PATH_MAX], struct err *err)
{
	if (stub_original(app, real) < 0)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", app);
	return 0;
}

bool original_exists(const char *real)
{
	char dir[PATH_MAX];
	struct stat st;

	path_dir(real, dir);
	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) && lstat(real, &st) == 0 &&
	       !S_ISDIR(st.st_mode);
}

bool original_is_same(const char *app, const char *real)
{
	struct stat a, b;

	return lstat(app, &a) == 0 && lstat(real, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Behind a link of this name would be somebody's files, and originals would replace them. */
int original_make_dir(const char *real, struct err *err)
{
	char dir[PATH_MAX];
	struct stat st;

	path_dir(real, dir);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot create directory %s", dir);
	if (lstat(dir, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR,
			       "%s is not a directory, and pinlib keeps originals there; move the "
			       "file away",
			       dir);
	if (chmod(dir, 0755) < 0)
		return err_sys(err, errno, "cannot set the mode of %s", dir);
	return 0;
}

int original_temp_name(const char *real, char temp[ORIGINAL_TEMP_MAX], struct err *err)
{
	char dir[PATH_MAX], prefix[PATH_MAX + 16];

	path_dir(real, dir);
	snprintf(prefix, sizeof prefix, "%s/" TEMP, dir);
	return file_temp_name(prefix, temp, ORIGINAL_TEMP_MAX, err);
}

/* A file that has the name real keeps it until the link exists. */
static int link_over(const char *app, const char *real, struct err *err)
{
	char temp[ORIGINAL_TEMP_MAX];
	struct stat st;
	int r;

	if (lstat(real, &st) == 0 && S_ISDIR(st.st_mode))
		return err_set(err, EISDIR,
			       "%s is a directory, and pinlib keeps the original of %s there; move "
			       "the directory away",
			       real, app);
	r = original_temp_name(real, temp, err);
	if (r < 0)
		return r;
	if (linkat(AT_FDCWD, app, AT_FDCWD, temp, 0) < 0)
		return err_sys(err, errno, "cannot link %s to %s", app, temp);
	if (rename(temp, real) < 0) {
		r = err_sys(err, errno, "cannot rename %s to %s", temp, real);
		unlink(temp);
	}
	return r;
}

/* Another file at real is the predecessor of a program that was installed over the stub without
 * dpkg. */
int original_link(const char *app, const char *real, struct err *err)
{
	char dir[PATH_MAX];
	int r = original_make_dir(real, err);

	path_dir(real, dir);
	if (r == 0 && !original_is_same(app, real))
		r = link_over(app, real, err);
	if (r < 0)
		return r;
	/* An earlier command may have made them, and been killed before they were on the disk. */
	r = file_sync_parent(AT_FDCWD, dir, err);
	return r < 0 ? r : file_sync_parent(AT_FDCWD, real, err);
}

void original_sweep(const char *real)
{
	char path[PATH_MAX];
	AUTO_DIR DIR *dir = NULL;
	struct dirent *d;
	int fd;

	path_dir(real, path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !dir)
		close(fd);
	while (dir && (d = readdir(dir)))
		if (strncmp(d->d_name, TEMP, strlen(TEMP)) == 0)
			unlinkat(dirfd(dir), d->d_name, 0);
}

int original_tidy(const char *real, struct err *err)
{
	char dir[PATH_MAX];

	path_dir(real, dir);
	original_sweep(real);
	if (rmdir(dir) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT &&
	    errno != ENOTDIR && errno != EROFS) /* an empty directory does no harm */
		return err_sys(err, errno, "cannot remove the directory %s", dir);
	return 0;
}
