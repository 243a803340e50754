/*
 * Writes down all that a program gets from whoever started it, into the file that PROBE_OUT names:
 * run with and without pinlib, the two have to be the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static int open_fds[64];

/* Before anything opens a descriptor. */
static void look_at_descriptors(void)
{
	for (int fd = 0; fd < 64; fd++)
		open_fds[fd] = fcntl(fd, F_GETFD);
}

static void descriptors(FILE *f)
{
	for (int fd = 0; fd < 64; fd++)
		if (open_fds[fd] >= 0)
			fprintf(f, "fd %d flags %d\n", fd, open_fds[fd]);
}

static void status(FILE *f)
{
	static const char *const wanted[] = {
		"Name:",   "Umask:",  "Uid:",	 "Gid:",	"Groups:",  "SigPnd:",
		"ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:",	"CapInh:",  "CapPrm:",
		"CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:", "Cpus_allowed_list:"};
	char line[4096];
	FILE *s = fopen("/proc/self/status", "r");

	while (s && fgets(line, sizeof line, s))
		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
			if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
				fputs(line, f);
	if (s)
		fclose(s);
}

static void limits(FILE *f)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit l;

		if (getrlimit((__rlimit_resource_t)i, &l) == 0)
			fprintf(f, "limit %d %llu %llu\n", i, (unsigned long long)l.rlim_cur,
				(unsigned long long)l.rlim_max);
	}
}

static void process(FILE *f)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	fprintf(f, "exe %.*s\n", (int)(n > 0 ? n : 0), path);
	fprintf(f, "cwd %s\n", getcwd(path, sizeof path) ? path : strerror(errno));
	fprintf(f, "execfn %s\n", (char *)getauxval(AT_EXECFN));
	fprintf(f, "secure %lu\n", getauxval(AT_SECURE));
	fprintf(f, "dumpable %d securebits %d\n", prctl(PR_GET_DUMPABLE), prctl(PR_GET_SECUREBITS));
	fprintf(f, "personality %x nice %d policy %d\n", personality(0xffffffff),
		getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	fprintf(f, "group leader %d session leader %d\n", getpgrp() == getpid(),
		getsid(0) == getpid());
	fprintf(f, "terminal %d\n", open("/dev/tty", O_RDWR | O_CLOEXEC) >= 0);
}

int main(int argc, char **argv)
{
	const char *out = getenv("PROBE_OUT");
	FILE *f;

	look_at_descriptors();
	if (getenv("PROBE_LIMITLESS")) { /* to be able to open anything */
		struct rlimit l = {64, 64};

		setrlimit(RLIMIT_NOFILE, &l);
	}
	f = out ? fopen(out, "w") : NULL;
	if (!f)
		return 99;
	for (int i = 0; i < argc; i++)
		fprintf(f, "argv %d %s\n", i, argv[i]);
	for (char **e = environ; *e; e++)
		fprintf(f, "env %s\n", *e);
	descriptors(f);
	status(f);
	limits(f);
	process(f);
	if (fclose(f) != 0)
		return 98;
	return argc > 1 && strcmp(argv[1], "exit") == 0 ? atoi(argv[2]) : 0;
}
