/*
 * Writes all that a program inherits from its caller into the file $PROBE_OUT. The files of a run with pinlib and of
 * one without must be equal.
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
#include <sys/syscall.h>
#include <sys/time.h>
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
	static const char *const wanted[] = {"Name:",
					     "Umask:",
					     "Uid:",
					     "Gid:",
					     "Groups:",
					     "SigPnd:",
					     "ShdPnd:",
					     "SigBlk:",
					     "SigIgn:",
					     "SigCgt:",
					     "CapInh:",
					     "CapPrm:",
					     "CapEff:",
					     "CapBnd:",
					     "CapAmb:",
					     "NoNewPrivs:",
					     "Seccomp:",
					     "Cpus_allowed_list:",
					     "Seccomp_filters:",
					     "Mems_allowed_list:",
					     "THP_enabled:"};
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

/* All of the auxiliary vector except addresses, which change with each start. */
static void auxiliary(FILE *f)
{
	static const unsigned long values[] = {AT_PHENT,
					       AT_PHNUM,
					       AT_PAGESZ,
					       AT_FLAGS,
					       AT_UID,
					       AT_EUID,
					       AT_GID,
					       AT_EGID,
					       AT_HWCAP,
					       AT_CLKTCK,
					       AT_SECURE,
					       AT_HWCAP2,
					       51 /* AT_MINSIGSTKSZ */,
					       27 /* AT_RSEQ_FEATURE_SIZE */,
					       28 /* AT_RSEQ_ALIGN */};
	unsigned long pair[2];
	FILE *a = fopen("/proc/self/auxv", "r");

	while (a && fread(pair, sizeof pair, 1, a) == 1) {
		fprintf(f, "aux %lu", pair[0]);
		for (size_t i = 0; i < sizeof values / sizeof *values; i++)
			if (values[i] == pair[0])
				fprintf(f, " %lx", pair[1]);
		fprintf(f, "\n");
	}
	if (a)
		fclose(a);
	fprintf(f, "platform %s\n", (char *)getauxval(AT_PLATFORM));
}

static void whole_file(FILE *f, const char *name)
{
	char path[64], line[4096];
	FILE *in;

	snprintf(path, sizeof path, "/proc/self/%s", name);
	in = fopen(path, "r");
	while (in && fgets(line, sizeof line, in))
		fprintf(f, "%s %s", name, line);
	fprintf(f, "\n");
	if (in)
		fclose(in);
}

static void namespaces(FILE *f)
{
	static const char *const names[] = {
		"cgroup", "ipc", "net", "pid", "pid_for_children", "time", "time_for_children",
		"user",	  "uts"};
	char path[64], target[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		ssize_t n;

		snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
		n = readlink(path, target, sizeof target);
		fprintf(f, "namespace %.*s\n", (int)(n > 0 ? n : 0), target);
	}
}

static void timers(FILE *f)
{
	for (int i = ITIMER_REAL; i <= ITIMER_PROF; i++) {
		struct itimerval t = {0};

		getitimer((enum __itimer_which)i, &t);
		fprintf(f, "timer %d every %ld, runs %d\n", i, (long)t.it_interval.tv_sec,
			t.it_value.tv_sec || t.it_value.tv_usec);
	}
}

static void scheduling(FILE *f)
{
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned priority;
		unsigned long long runtime, deadline, period;
		unsigned min, max;
	} attr = {.size = sizeof attr};
	int policy = -1;
	unsigned long nodes[16] = {0};

	syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0);
	fprintf(f, "scheduler %u %llx %d %u %u %u\n", attr.policy, attr.flags, attr.nice,
		attr.priority, attr.min, attr.max);
	fprintf(f, "io priority %ld\n", syscall(SYS_ioprio_get, 1, 0));
	syscall(SYS_get_mempolicy, &policy, nodes, sizeof nodes * 8, 0, 0);
	fprintf(f, "memory policy %d %lx\n", policy, nodes[0]);
}

/* The attributes of prctl(2), some of which it returns and some of which it stores. */
static void controls(FILE *f)
{
	int death = -1, reaper = -1, tsc = -1;

	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	prctl(PR_GET_TSC, &tsc);
	fprintf(f, "death %d\nreaper %d\ntsc %d\n", death, reaper, tsc);
	fprintf(f, "slack %d\nthp %d\nmce %d\nkeepcaps %d\n", prctl(PR_GET_TIMERSLACK),
		prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), prctl(PR_MCE_KILL_GET, 0, 0, 0, 0),
		prctl(PR_GET_KEEPCAPS));
	for (unsigned long i = 0; i < 3; i++)
		fprintf(f, "speculation %lu %d\n", i, prctl(PR_GET_SPECULATION_CTRL, i, 0, 0, 0));
	fprintf(f, "mdwe %d\n", prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0));
}

/* The caller's descriptor 9: its offset in the file, and a lock. */
static void locks(FILE *f)
{
	char line[256];
	FILE *all = open_fds[9] >= 0 ? fopen("/proc/self/fdinfo/9", "r") : NULL;

	while (all && fgets(line, sizeof line, all))
		if (strncmp(line, "lock:", 5) == 0 || strncmp(line, "pos:", 4) == 0)
			fprintf(f, "9 %.40s\n", line);
	if (all)
		fclose(all);
}

static void process(FILE *f)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	fprintf(f, "exe %.*s\n", (int)(n > 0 ? n : 0), path);
	fprintf(f, "cwd %s\n", getcwd(path, sizeof path) ? path : strerror(errno));
	n = readlink("/proc/self/root", path, sizeof path - 1);
	fprintf(f, "root %.*s\n", (int)(n > 0 ? n : 0), path);
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
	auxiliary(f);
	whole_file(f, "cgroup");
	whole_file(f, "coredump_filter");
	whole_file(f, "oom_score_adj");
	namespaces(f);
	timers(f);
	scheduling(f);
	controls(f);
	locks(f);
	if (fclose(f) != 0)
		return 98;
	return argc > 1 && strcmp(argv[1], "exit") == 0 ? atoi(argv[2]) : 0;
}
