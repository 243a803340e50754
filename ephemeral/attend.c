#include "ephemeral/attend.h"

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const int sent_on[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

#define NSENT (sizeof sent_on / sizeof *sent_on)

static void fill_set(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < NSENT; i++)
		sigaddset(set, sent_on[i]);
}

int attend_begin(struct attendance *a, struct err *err)
{
	sigset_t set;

	fill_set(&set);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || sigprocmask(SIG_BLOCK, &set, &a->mask) < 0)
		return err_sys(err, errno, "cannot wait for a program");
	return 0;
}

void attend_child(const struct attendance *a, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(128 + SIGKILL);
	sigprocmask(SIG_SETMASK, &a->mask, NULL);
}

struct attended {
	pid_t child;
	int status; /* of the child; -1: it runs */
	bool any;   /* processes remain */
};

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* A shell learns of a stop only from this process, so this process stops with the child. */
static void stop_too(pid_t child)
{
	raise(SIGSTOP);
	kill(child, SIGCONT);
}

static void reap(struct attended *a)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != a->child)
			continue;
		if (WIFSTOPPED(status))
			stop_too(pid);
		else
			a->status = status_of(status);
	}
	a->any = pid == 0;
}

/* Orphans become children of this process, so each round reaches one generation more. */
static void kill_children(void)
{
	char path[64];
	int pid;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	do {
		AUTO_FILE FILE *f = fopen(path, "re");

		while (f && fscanf(f, "%d", &pid) == 1)
			kill(pid, SIGKILL);
	} while (waitpid(-1, NULL, 0) > 0);
}

static void pass_on(struct attended *a, const siginfo_t *info)
{
	if (a->status >= 0 && info->si_signo != SIGUSR1 && info->si_signo != SIGUSR2) {
		kill_children();
		a->any = false;
	} else if (a->status < 0 && info->si_code != SI_KERNEL) {
		/* The terminal sends its signals to the child itself. */
		kill(a->child, info->si_signo);
	}
}

int attend_wait(const struct attendance *att, pid_t child, void (*left)(void), struct err *err)
{
	struct attended a = {.child = child, .status = -1, .any = true};
	bool told = false;
	sigset_t set;

	fill_set(&set);
	while (reap(&a), a.any) {
		siginfo_t info;

		if (a.status >= 0 && !told) {
			left();
			told = true;
		}
		if (sigwaitinfo(&set, &info) > 0 && info.si_signo != SIGCHLD)
			pass_on(&a, &info);
	}
	sigprocmask(SIG_SETMASK, &att->mask, NULL);
	return a.status < 0 ? err_set(err, ECHILD, "the program has vanished") : a.status;
}
