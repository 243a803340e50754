/* Coverage counters that several processes share: linked into programs that gcc --coverage instrumented (`make coverage`).
 *
 * libgcov writes a process's counts when it exits. Those of a confined parser would be lost: it ends by _exit(2), is
 * nobody, and its filter kills it at the first open(2). So the linker puts all counters into pages of their own
 * (coverage.ld), and these are mapped from counters/PROGRAM of the build before main(): each process, of any user,
 * counts into the same file without a system call, until the moment it is killed. A process without such a file counts
 * for itself, and its counts are lost.
 *
 * PINLIB_COUNTERS=FILE reads the counters of FILE instead and has libgcov write them where gcov(1) looks for them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern char counters_start[], counters_end[]; /* coverage.ld */

void __gcov_dump(void);
/* Called at exit; the linker's --wrap brings it here, where nothing is done. */
void __wrap___gcov_exit(void);
void __wrap___gcov_exit(void)
{
}

static int map_counters(const char *path, int flags)
{
	size_t len = (size_t)(counters_end - counters_start);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *p = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)len)
		p = mmap(counters_start, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (fd >= 0)
		close(fd);
	return p == MAP_FAILED ? -1 : 0;
}

/* In a bed (tests/bed) the build is elsewhere, and read-only except its counters. */
static const char *const places[] = {"/mnt/build/counters", COUNTERS};

__attribute__((constructor)) static void begin_counting(void)
{
	const char *from = getenv("PINLIB_COUNTERS");
	int saved = errno;
	char path[PATH_MAX];

	if (from) {
		if (map_counters(from, MAP_PRIVATE) < 0)
			_exit(1);
		__gcov_dump();
		_exit(0);
	}
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", places[i], program_invocation_short_name);
		if (map_counters(path, MAP_SHARED) == 0)
			break;
	}
	errno = saved;
}
