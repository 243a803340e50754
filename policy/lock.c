#include "policy/lock.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>

#define WAIT_SECONDS 60
#define TRIES_PER_SECOND 20

static void pause_briefly(void)
{
	struct timespec t = {.tv_nsec = 1000000000 / TRIES_PER_SECOND};

	nanosleep(&t, NULL);
}

int policy_lock(int *out, void (*waited)(void), struct err *err)
{
	AUTO_FD int fd = -1;
	int r = file_mkdirs(PINLIB_STATE, err);

	if (r < 0)
		return r;
	fd = open(PINLIB_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", PINLIB_LOCK);
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "cannot lock %s", PINLIB_LOCK);
		if (i == TRIES_PER_SECOND && waited)
			waited();
		if (i == WAIT_SECONDS * TRIES_PER_SECOND)
			return err_set(err, EBUSY,
				       "another pinlib command has held %s for a minute; try again "
				       "when it has finished",
				       PINLIB_LOCK);
		pause_briefly();
	}
	*out = fd;
	fd = -1;
	return 0;
}
