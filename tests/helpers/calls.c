/*
 * calls ABI CALL...: makes system calls by number, each in a child of its own, and prints each
 * result: "CALL ERRNO", "CALL ok" or "CALL signal N". ABI is 64, 32 (int $0x80, which programs of
 * amd64 can use too) or x32. The arguments are harmless on a kernel without a filter.
 * tests/helpers/fixtures makes calls.h from the kernel's own headers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *name;
	long number;
} calls_64[] =
	{
#include "calls_64.h"
},
  calls_32[] =
	  {
#include "calls_32.h"
},
  calls_x32[] = {
#include "calls_x32.h"
};

#define NEWUSER 0x10000000

static const struct {
	const char *name;
	long arguments[2];
} interesting[] = {
	{"clone", {NEWUSER | SIGCHLD, 0}},
	{"unshare", {NEWUSER, 0}},
	{"ptrace", {16 /* PTRACE_ATTACH */, 1}},
	{"ioctl", {0, 0x5412 /* TIOCSTI */}},
};

static long call_32(long number, long a, long b)
{
#ifdef __x86_64__
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(0), "S"(0), "D"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	if (result >= -4095 && result < 0) {
		errno = (int)-result;
		return -1;
	}
	return result;
#else
	(void)number, (void)a, (void)b;
	abort();
#endif
}

static long number_of(const char *abi, const char *name)
{
#define FIND(table)                                                                                \
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)                                  \
		if (strcmp(table[i].name, name) == 0)                                              \
			return table[i].number;
	if (strcmp(abi, "64") == 0)
		FIND(calls_64)
	if (strcmp(abi, "32") == 0)
		FIND(calls_32)
	if (strcmp(abi, "x32") == 0)
		FIND(calls_x32)
	return -1;
}

static void make_call(const char *abi, const char *name, long number)
{
	long a = 0, b = 0, r;

	for (size_t i = 0; i < sizeof interesting / sizeof *interesting; i++)
		if (strcmp(interesting[i].name, name) == 0) {
			a = interesting[i].arguments[0];
			b = interesting[i].arguments[1];
		}
	errno = 0;
	r = strcmp(abi, "32") == 0 ? call_32(number, a, b) : syscall(number, a, b, 0, 0, 0, 0);
	_exit(r < 0 ? errno : 0);
}

int main(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		long number = number_of(argv[1], argv[i]);
		int status = 0;
		pid_t child;

		if (number < 0) {
			printf("%s absent\n", argv[i]);
			continue;
		}
		fflush(stdout);
		child = fork();
		if (child == 0)
			make_call(argv[1], argv[i], number);
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 1;
		if (WIFSIGNALED(status))
			printf("%s signal %d\n", argv[i], WTERMSIG(status));
		else
			printf("%s %s\n", argv[i],
			       WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "ok");
	}
	return 0;
}
