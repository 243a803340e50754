#include "base/confine.h"

#include "base/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#define NOBODY 65534
#define CPU_SECONDS 3600 /* bzip2 needs some 500 to unpack the 10 GiB that an archive may hold */

static int take_descriptors(int input, int output)
{
	/* First out of the range 0 to 2, so that neither dup2 closes the source of the other. */
	int in = fcntl(input, F_DUPFD, 3), out = fcntl(output, F_DUPFD, 3);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0)
		return -1;
	if (SANITIZED) /* the sanitizer reports on 2 */
		return close_range(3, ~0u, 0);
	return close_range(2, ~0u, 0);
}

static int drop_ids(void)
{
	if (geteuid() != 0)
		return 0;
	/* EINVAL: a user namespace that does not map nobody; its root is an ordinary user of the machine. */
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0)
		return errno == EINVAL ? 0 : -1;
	if (setgroups(0, NULL) < 0)
		return -1;
	return setresuid(NOBODY, NOBODY, NOBODY);
}

static int drop_capabilities(void)
{
	cap_t none = cap_init();
	int r;

	if (!none)
		return -1;
	r = cap_set_proc(none);
	cap_free(none);
	return r;
}

int confine_limit(int resource, rlim_t most)
{
	struct rlimit l;

	if (getrlimit(resource, &l) < 0)
		return -1;
	if (l.rlim_max > most)
		l.rlim_max = most;
	l.rlim_cur = l.rlim_max;
	return setrlimit(resource, &l);
}

static int set_limits(void)
{
	if (confine_limit(RLIMIT_CORE, 0) < 0 || confine_limit(RLIMIT_FSIZE, 0) < 0)
		return -1;
	if (confine_limit(RLIMIT_CPU, CPU_SECONDS) < 0)
		return -1;
	/* The sanitizer reserves terabytes of address space. */
	if (!SANITIZED && confine_limit(RLIMIT_AS, (rlim_t)1 << 30) < 0)
		return -1;
	return confine_limit(RLIMIT_NOFILE, 3 + PARSER_FDS); /* 0 to 2, and those received */
}

static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(sched_getaffinity),
};

static const int allowed_sanitizer[] = {
	SCMP_SYS(sigaltstack), SCMP_SYS(getpid),    SCMP_SYS(gettid),	SCMP_SYS(write),
	SCMP_SYS(tgkill),      SCMP_SYS(readlink),  SCMP_SYS(mprotect), SCMP_SYS(rt_sigaction),
	SCMP_SYS(getrlimit),   SCMP_SYS(prlimit64),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) < 0)
			return -1;
	return 0;
}

/* System calls that are allowed with one argument only. The output cannot be closed, so the parent can take its
 * end for this process's death. glibc's fstat(3) calls newfstatat with an empty path. */
static int allow_some(scmp_filter_ctx filter)
{
	const struct {
		int call;
		struct scmp_arg_cmp arg;
	} some[] = {
		{SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
		{SCMP_SYS(newfstatat), SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0)},
		{SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, 1, 0)},
		{SCMP_SYS(recvmsg), SCMP_A0(SCMP_CMP_EQ, 0, 0)},
		{SCMP_SYS(close), SCMP_A0(SCMP_CMP_GT, 1, 0)},
	};

	for (size_t i = 0; i < sizeof some / sizeof *some; i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, some[i].call, 1, some[i].arg) < 0)
			return -1;
	return 0;
}

static int fill_filter(scmp_filter_ctx filter)
{
	struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);

	if (allow_some(filter) < 0)
		return -1;
	if (allow(filter, allowed, sizeof allowed / sizeof *allowed) < 0)
		return -1;
	if (SANITIZED)
		return allow(filter, allowed_sanitizer,
			     sizeof allowed_sanitizer / sizeof *allowed_sanitizer);
	/* glibc grows its heap with mprotect(2) once brk(2) is used up. */
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable);
}

static int set_filter(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r;

	if (!filter)
		return -1;
	r = fill_filter(filter);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	if (r < -1)
		errno = -r;
	return r < 0 ? -1 : 0;
}

const char *confine(int input, int output)
{
	if (take_descriptors(input, output) < 0)
		return "cannot rearrange descriptors";
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return "cannot set the parent-death signal";
	if (drop_ids() < 0)
		return "cannot become nobody";
	/* A change of ids may reset both. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return "cannot set the parent-death signal";
	if (drop_capabilities() < 0)
		return "cannot drop the capabilities";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return "cannot set no_new_privs";
	if (set_limits() < 0)
		return "cannot set resource limits";
	if (set_filter() < 0)
		return "cannot load the system-call filter";
	return NULL;
}
