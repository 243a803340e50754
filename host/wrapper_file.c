#include "host/wrapper_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "plan/stub.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/capability.h>

#define WRAPPER_MAX (1u << 20)

int wrapper_is_privileged(const char *path, const struct stat *st, struct err *err)
{
	cap_t caps;

	if (st->st_mode & (S_ISUID | S_ISGID))
		return 1;
	caps = cap_get_file(path);
	if (caps) {
		cap_free(caps);
		return 1;
	}
	if (errno != ENODATA && errno != ENOTSUP)
		return err_sys(err, errno, "cannot read the capabilities of %s", path);
	return 0;
}

static bool has_mark(const char *path, const char *mark)
{
	AUTO_FREE char *data = NULL;
	struct err ignored;
	size_t len;

	return file_read_at(AT_FDCWD, path, WRAPPER_MAX, &data, &len, &ignored) == 0 &&
	       memmem(data, len, mark, strlen(mark));
}

bool wrapper_is_copy(const char *path)
{
	char app[PATH_MAX];

	return stub_read(path, app) != STUB_NONE || has_mark(path, PINLIB_WRAPPER_MARK);
}

static bool only_root_writes(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Whether an interrupted wrapper/put leaves files of this name. */
static bool is_of_an_installation(const char *name)
{
	const char *wrapper = strrchr(PINLIB_WRAPPER, '/') + 1;
	size_t len = strlen(wrapper);

	return strncmp(name, wrapper, len) == 0 &&
	       (strcmp(name + len, ".new") == 0 || strcmp(name + len, ".old") == 0);
}

static int refuse_privileged_file(int dirfd, const char *name, const struct stat *wrapper,
				  struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot stat %s", name);
	if (st.st_dev == wrapper->st_dev && st.st_ino == wrapper->st_ino)
		return 0; /* another name of the wrapper */
	r = path_join(PINLIB_LIBDIR, name, path, err);
	if (r == 0 && S_ISREG(st.st_mode))
		r = wrapper_is_privileged(path, &st, err);
	if (r > 0 && is_of_an_installation(name))
		return err_set(err, ESTALE,
			       "%s has a capability and is left over from an interrupted "
			       "installation; install pinlib again",
			       path);
	if (r > 0 || (r == 0 && S_ISDIR(st.st_mode)))
		return err_set(err, EPERM,
			       "%s must not be there: views exempt the wrapper's directory from "
			       "nosuid, so the file would keep its privileges in them",
			       path);
	return r;
}

static int check_stub(struct err *err)
{
	struct stat st;

	if (lstat(PINLIB_STUB, &st) < 0)
		return err_sys(err, errno, "pinlib is not installed completely: %s", PINLIB_STUB);
	if (!S_ISREG(st.st_mode) || !only_root_writes(&st) || !has_mark(PINLIB_STUB, STUB_MARK))
		return err_set(err, EBADMSG,
			       "%s is not pinlib's stub, or users other than root can write it; "
			       "install pinlib again",
			       PINLIB_STUB);
	return 0;
}

static int check_owners(const struct stat *dir, const struct stat *wrapper, struct err *err)
{
	struct trusted known = {0};

	if (!only_root_writes(dir) || !S_ISREG(wrapper->st_mode) || !only_root_writes(wrapper))
		return err_set(
			err, EPERM,
			"%s is not a file that only root can write, in a directory that only "
			"root can write",
			PINLIB_WRAPPER);
	if (!trust_dir(&known, PINLIB_LIBDIR, err))
		return err_wrap(err, -EPERM, "the wrapper's directory");
	if (!has_mark(PINLIB_WRAPPER, PINLIB_WRAPPER_MARK))
		return err_set(err, EBADMSG,
			       "%s is no longer pinlib's wrapper: somebody replaced it, or mounted "
			       "a file there",
			       PINLIB_WRAPPER);
	return check_stub(err);
}

int wrapper_check(struct err *err)
{
	AUTO_DIR DIR *dir = opendir(PINLIB_LIBDIR);
	struct stat own, wrapper;
	struct dirent *d;
	int r;

	if (!dir || fstat(dirfd(dir), &own) < 0 || lstat(PINLIB_WRAPPER, &wrapper) < 0)
		return err_sys(err, errno, "pinlib is not installed completely: %s",
			       PINLIB_WRAPPER);
	r = check_owners(&own, &wrapper, err);
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = refuse_privileged_file(dirfd(dir), d->d_name, &wrapper, err);
	return r == 0 && errno ? err_sys(err, errno, "cannot read %s", PINLIB_LIBDIR) : r;
}
