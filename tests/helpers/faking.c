/*
 * faking [--root] RULE... -- COMMAND [ARG...]: runs a command as uid and gid 1000, or as root, under a system-call
 * filter under which certain calls do nothing and report success. Only root can install such a filter without
 * no_new_privs, under which file capabilities have no effect.
 *
 *	unshare                 each unshare(2) returns 0 and does nothing
 *	mount_setattr:2=0x8000  only if argument 2 (from 0) has this value
 *	fsopen=ENOSYS           returns this error (a name) instead of 0; also after an argument
 *
 * Exits with 98 on failures of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OWN = 98, ERRNO_MAX = 134, USER = 1000 };

static void die(const char *what)
{
	fprintf(stderr, "faking: %s: %s\n", what, strerror(errno));
	exit(OWN);
}

static unsigned errno_of(const char *name)
{
	for (int i = 1; i < ERRNO_MAX; i++)
		if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0)
			return (unsigned)i;
	errno = EINVAL;
	die(name);
	return 0;
}

/* NAME[:WHICH=VALUE][=ERRNO] */
static void add(scmp_filter_ctx filter, char *rule)
{
	char *argument = strchr(rule, ':'), *equals = strchr(rule, '=');
	char *error = argument && equals ? strchr(equals + 1, '=') : equals;
	unsigned which = 0;
	long value = 0;
	int number, r;

	if (error)
		*error++ = '\0';
	if (argument && sscanf(argument, ":%u=%li", &which, &value) != 2)
		die(rule);
	if (argument)
		*argument = '\0';
	number = seccomp_syscall_resolve_name(rule);
	if (number == __NR_SCMP_ERROR)
		die(rule);
	r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(error ? errno_of(error) : 0), number,
			     argument ? 1 : 0, SCMP_CMP(which, SCMP_CMP_EQ, (scmp_datum_t)value));
	if (r < 0) {
		errno = -r;
		die(rule);
	}
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool root = argc > 1 && strcmp(argv[1], "--root") == 0;
	int i = 1 + root, r;

	if (!filter || seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) < 0)
		die("libseccomp");
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		add(filter, argv[i]);
	if (i + 1 >= argc) {
		errno = EINVAL;
		die("which command?");
	}
	if (!root && (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0))
		die("setresgid");
	r = seccomp_load(filter);
	if (r < 0) {
		errno = -r;
		die("seccomp");
	}
	if (!root && setresuid(USER, USER, USER) < 0)
		die("setresuid");
	execvp(argv[i + 1], argv + i + 1);
	die(argv[i + 1]);
}
