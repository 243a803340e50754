#include "wrapper/limits.h"

#include <fcntl.h>
#include <sys/resource.h>

#define ENOUGH 1024 /* below this limit, descriptors may run out */

static struct rlimit given, now;

void limits_raise(void)
{
	struct rlimit more;

	if (getrlimit(RLIMIT_NOFILE, &given) < 0)
		given.rlim_cur = given.rlim_max = RLIM_INFINITY; /* then nothing can be raised */
	now = more = given;
	more.rlim_cur = given.rlim_max < ENOUGH ? given.rlim_max : ENOUGH;
	if (given.rlim_cur < more.rlim_cur && setrlimit(RLIMIT_NOFILE, &more) == 0)
		now = more;
}

bool limits_leave(size_t n)
{
	size_t free = 0;

	if (now.rlim_cur >= ENOUGH)
		return true;
	for (int fd = 0; (rlim_t)fd < now.rlim_cur && free < n; fd++)
		free += fcntl(fd, F_GETFD) < 0;
	return free >= n;
}

int limits_restore(struct err *err)
{
	if (now.rlim_cur != given.rlim_cur && setrlimit(RLIMIT_NOFILE, &given) < 0)
		return err_sys(err, errno, "cannot restore the limit on open files");
	return 0;
}
