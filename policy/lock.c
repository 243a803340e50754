#include "policy/lock.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <time.h>

#define WAIT_SECONDS 60
#define TRIES_PER_SECOND 20

static void pause_briefly(void)
{
	struct timespec t = {.tv_nsec = 1000000000 / TRIES_PER_SECOND};

	nanosleep(&t, NULL);
}

int policy_lock_at(const char *state, int *out, void (*waited)(void), struct err *err)
{
	AUTO_FD int fd = -1;
	char path[PATH_MAX];
	int r = file_mkdirs(state, err);

	if (r == 0)
		r = path_join(state, "lock", path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "cannot lock %s", path);
		if (i == TRIES_PER_SECOND && waited)
			waited();
		if (i == WAIT_SECONDS * TRIES_PER_SECOND)
			return err_set(err, EBUSY,
				       "another pinlib command has held %s for a minute; try again "
				       "when it has finished",
				       path);
		pause_briefly();
	}
	*out = fd;
	fd = -1;
	return 0;
}

int policy_lock(int *out, void (*waited)(void), struct err *err)
{
	return policy_lock_at(PINLIB_STATE, out, waited, err);
}
