/* Child processes, and a mount namespace for a test. */
#pragma once

#include "tests/unit/test.h"

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

/* Moves this process into a mount namespace with an empty /var/lib. */
static inline bool private_state(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/var/lib", "tmpfs", 0, NULL) == 0;
}
