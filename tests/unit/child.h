/* Child processes, and a mount namespace for a test. */
#pragma once

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that is in its state when this returns, and stays until it is stopped or the test ends. */
static inline pid_t start(void (*become)(void))
{
	int ready[2];
	char byte;
	pid_t pid;

	MUST(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	MUST(pid >= 0);
	if (pid == 0) {
		MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		become();
		MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); /* setuid(2) took it away */
		MUST(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	MUST(read(ready[0], &byte, 1) == 1);
	close(ready[0]);
	return pid;
}

static inline void stop(pid_t pid)
{
	MUST(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

/* Moves this process into a mount namespace of its own, whose mounts reach no other. */
static inline bool private_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* The same with an empty /var/lib. */
static inline bool private_state(void)
{
	return private_mounts() && mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) == 0;
}

/* The errno of become() in a child, 0 if it succeeds. */
static inline int child_errno(bool (*become)(void))
{
	int status;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0)
		_exit(become() ? 0 : errno);
	MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Before a test that calls private_mounts: where this process cannot, the test is counted as skipped. */
static inline bool has_private_mounts(const char *name)
{
	int e;

	if (!as_root(name))
		return false;
	e = child_errno(private_mounts);
	if (e)
		SKIP(name, e == EINVAL ? "/ is no mount point, as in a chroot" : strerror(e));
	return e == 0;
}
