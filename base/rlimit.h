/* Limits of processes that run what is not trusted (getrlimit(2)). */
#pragma once

#include <sys/resource.h>

/* Lowers a limit of the calling process, soft and hard, to most. A tighter one of the caller's stays:
 * without privileges it cannot be raised. -1 with errno. */
static inline int rlimit_lower(int resource, rlim_t most)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0)
		return -1;
	if (l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	return setrlimit(resource, &l);
}
