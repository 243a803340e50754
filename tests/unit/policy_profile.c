/* Profiles: those that are accepted, those that are refused with the error, and the compiled filter
 * in a process. Run as root. */
#include "base/file.h"
#include "policy/profile.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;
static char admin[] = "/tmp/profile_test.XXXXXX", shipped[] = "/tmp/profile_test.XXXXXX";
static const char *const dirs[] = {admin, shipped, NULL};

static void write_bytes(const char *dir, const char *name, const void *bytes, size_t len)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	CHECK(file_publish(AT_FDCWD, path, bytes, len, 0644, &err) == 0);
}

static void write_text(const char *name, const char *text)
{
	write_bytes(admin, name, text, strlen(text));
}

/* The error for a profile of this text, without the directory; "" if it compiles. */
static const char *said(const char *text)
{
	AUTO_CONFINEMENT struct confinement c = {0};
	int r;

	write_text("p", text);
	r = profile_compile(dirs, "p", &c, &err);
	if (r == 0)
		return "";
	if (r != -EINVAL)
		return "another error";
	return strncmp(err.text, admin, strlen(admin)) == 0 ? err.text + strlen(admin) + 1
							    : err.text;
}

static void good(void)
{
	CHECK_STR(said("default allow"), "");
	CHECK_STR(said("# a comment \xc3\xa9\n\n \t \ndefault allow # another\nkill\tmount  "
		       "umount2\n"),
		  "");
	CHECK_STR(said("errno EPERM mount\ndefault allow\n"), "");
	CHECK_STR(said("default kill\nallow capset capget execve exit_group write\n"), "");
	CHECK_STR(said("default errno ENOSYS\nallow capset capget execve\n"
		       "allow ioctl\tfcntl if\targ1 == 0x10\nallow personality if arg0 != 07\n"),
		  "");
	CHECK_STR(said("default allow\nkill socket\nkill shmget\nkill umount vm86 open\n"), "");
	CHECK_STR(said("default allow\nallow mount\n"), "");
}

static void bad(void)
{
	static const char *const lines[][2] = {
		{"default", "an action is allow, errno NAME or kill, not ''"},
		{"default allow kill", "unexpected 'kill'"},
		{"default deny", "an action is allow, errno NAME or kill, not 'deny'"},
		{"deny mount", "an action is allow, errno NAME or kill, not 'deny'"},
		{"kill", "the rule names no system call"},
		{"kill if arg0 == 1", "there is no system call 'if'"},
		{"errno", "'' is not the name of an error (EPERM, ...)"},
		{"errno mount", "'mount' is not the name of an error (EPERM, ...)"},
		{"errno 0 mount", "'0' is not the name of an error (EPERM, ...)"},
		{"kill mount frobnicate", "there is no system call 'frobnicate'"},
		{"kill 165", "there is no system call '165'"},
		{"kill mount mount", "line 2 already has a rule for mount"},
		{"kill mount\nallow mount", "line 2 already has a rule for mount"},
		{"kill ioctl if arg1 == 1\nkill ioctl if arg1 == 2",
		 "line 2 already has a rule for ioctl"},
		{"kill mount\r", "there is no system call 'mount\r'"},
		{"include base", "'include NAME' is the first line of a profile"},
		{"kill socket if arg0 == 1", "a filter cannot see the arguments of socket on i386"},
		{"kill shmget if arg0 == 1", "a filter cannot see the arguments of shmget on i386"},
		{"kill mount if arg0 & 1 == 2",
		 "the condition never holds: the value has bits outside the mask"},
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char text[256], want[256];

		snprintf(text, sizeof text, "default allow\n%s\n", lines[i][0]);
		snprintf(want, sizeof want, "p:%d: %s", strchr(lines[i][0], '\n') ? 3 : 2,
			 lines[i][1]);
		CHECK_STR(said(text), want);
	}
	CHECK_STR(said(""), "p: missing a line for all other calls, such as 'default allow'");
}

static void bad_conditions(void)
{
	static const char *const shapes[] = {
		"",
		"arg6 == 1",
		"argx == 1",
		"arg00 == 1",
		"arg0",
		"arg0 = 1",
		"arg0 ==",
		"arg0 < 1",
		"arg0 & 1",
		"arg0 & 1 != 1",
		"arg0 | 1 == 1",
		"arg0 == 1 and",
		"arg0 == 1 and arg1 == 2",
		"arg0 == 1 if arg1 == 2",
	};
	static const char *const values[] = {"-1", "+1", "1x", "x", "0x", "99999999999999999999"};

	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		char text[128];

		snprintf(text, sizeof text, "default allow\nkill mount if %s", shapes[i]);
		CHECK_STR(said(text), "p:2: a condition is argN == VALUE, argN != VALUE or "
				      "argN & MASK == VALUE, with N from 0 to 5");
	}
	for (size_t i = 0; i < 3 * sizeof values / sizeof *values; i++) {
		static const char *const with[][2] = {{"== ", ""}, {"!= ", ""}, {"& ", " == 1"}};
		const char *value = values[i / 3];
		char text[128], want[128];

		snprintf(text, sizeof text, "default allow\nkill mount if arg0 %s%s%s",
			 with[i % 3][0], value, with[i % 3][1]);
		snprintf(want, sizeof want,
			 "p:2: '%s' is neither a number of 64 bits nor a known constant", value);
		CHECK_STR(said(text), want);
	}
}

/* The calls that the wrapper makes under the filter. */
static void needed(void)
{
	static const char *const texts[][2] = {
		{"default allow\nkill capset", "capset"},
		{"default allow\nerrno EPERM execve if arg0 == 0", "execve"},
		{"default kill\nallow capset execve", "capget"},
		{"default kill\nallow capset execve\nallow capget if arg0 != 0", "capget"},
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char want[128];

		snprintf(want, sizeof want, "profile p must allow %s without", texts[i][1]);
		CHECK(strstr(said(texts[i][0]), want));
	}
}

static void includes(void)
{
	write_text("base", "default allow\nkill mount\nkill ioctl if arg1 == 1\n");
	CHECK_STR(said("include base\n"), "");
	CHECK_STR(said("# first\n\ninclude base # one\nallow mount\nerrno EPERM ioctl\n"
		       "default errno EPERM\nallow capset capget execve"),
		  "");
	CHECK_STR(said("include base\nkill mount\nallow mount"),
		  "p:3: line 2 already has a rule for mount");
	CHECK_STR(said("include base\ninclude base"),
		  "p:2: 'include NAME' is the first line of a profile");
	CHECK_STR(said("include"), "p:1: 'include NAME' is the first line of a profile");
	CHECK_STR(said("include base base"), "p:1: unexpected 'base'");
	CHECK_STR(said("include none-such"), "p:1: there is no profile 'none-such'");
	CHECK(strstr(said("include ../base"), "'../base' is not a valid profile name"));
	CHECK(strstr(said("include p"), "p:1: more than 4 profiles include one another"));
	write_text("base", "default allow\nkill frobnicate\n");
	CHECK(strstr(said("include base"), "base:2: there is no system call 'frobnicate'"));
}

static void limits(void)
{
	AUTO_CONFINEMENT struct confinement c = {0};
	static char text[PROFILE_SIZE_MAX + 2];

	memset(text, 'a', sizeof text - 1);
	write_text("p", text);
	CHECK(profile_compile(dirs, "p", &c, &err) == -EFBIG);
	text[PROFILE_SIZE_MAX - 8] = '\0';
	CHECK(strstr(said(text), "p:1: an action is allow, errno NAME or kill, not 'aaaa"));
	write_bytes(admin, "p", "default allow\0\nkill mount", 25);
	CHECK(profile_compile(dirs, "p", &c, &err) == -EINVAL && strstr(err.text, "a NUL byte"));
}

/* Every cut of a profile that has everything, and every byte of it turned into others: read or
 * refused, never a crash. */
static void mangled(void)
{
	static const char whole[] = "include base\ndefault errno EPERM # no\nallow capset capget "
				    "execve\nkill ioctl if arg1 & 0xff == TIOCSTI\n";
	static const char odd[] = {'\0', '\n', ' ', '#', '\x7f', '\xff', 'z', '9'};
	char text[sizeof whole];
	size_t refused = 0, taken = 0;

	write_text("base", "default allow\nkill mount\n");
	for (size_t i = 0; i < sizeof whole; i++) {
		memcpy(text, whole, sizeof whole);
		for (size_t k = 0; k <= sizeof odd; k++) {
			AUTO_CONFINEMENT struct confinement c = {0};
			int r;

			if (k < sizeof odd)
				text[i] = odd[k];
			write_bytes(admin, "p", text, k < sizeof odd ? sizeof whole - 1 : i);
			r = profile_compile(dirs, "p", &c, &err);
			refused += r == -EINVAL;
			taken += r == 0;
		}
	}
	CHECK(refused + taken == sizeof whole * (sizeof odd + 1));
	CHECK(refused > 500 && taken >= 10);
}

static void places(void)
{
	AUTO_CONFINEMENT struct confinement mine = {0}, theirs = {0}, none = {0};
	struct digest digest;
	char path[256];

	write_bytes(shipped, "both", "default kill\nallow capset capget execve\n", 40);
	CHECK(profile_compile(dirs, "both", &theirs, &err) == 0);
	write_text("both", "default allow\n");
	CHECK(profile_compile(dirs, "both", &mine, &err) == 0);
	CHECK_STR(mine.profile, "both");
	CHECK(!digest_equal(&mine.source, &theirs.source) && !confinement_equal(&mine, &theirs));
	CHECK(confinement_equal(&mine, &mine) && !confinement_equal(&mine, &none));
	CHECK(profile_source(dirs, "both", &digest, &err) == 0 &&
	      digest_equal(&digest, &mine.source));
	CHECK(profile_compile(dirs, "none", &none, &err) == -EINVAL);
	CHECK(profile_compile(dirs, "nothing", &none, &err) == -ENOENT);
	CHECK(profile_compile(dirs, "", &none, &err) == -EINVAL);
	CHECK(profile_compile(dirs, ".both", &none, &err) == -EINVAL);
	CHECK(profile_compile(dirs, "/etc/passwd", &none, &err) == -EINVAL);

	snprintf(path, sizeof path, "%s/both", admin);
	CHECK(chmod(path, 0664) == 0 && profile_compile(dirs, "both", &none, &err) == -EPERM);
	CHECK(chmod(path, 0646) == 0 && profile_compile(dirs, "both", &none, &err) == -EPERM);
	CHECK(chmod(path, 0644) == 0 && chown(path, 1000, 0) == 0);
	CHECK(profile_compile(dirs, "both", &none, &err) == -EPERM);
	CHECK(unlink(path) == 0 && symlink("/etc/passwd", path) == 0);
	CHECK(profile_compile(dirs, "both", &none, &err) < 0 && !none.filter);
	CHECK(unlink(path) == 0 && mkfifo(path, 0644) == 0);
	CHECK(profile_compile(dirs, "both", &none, &err) == -EPERM);
	CHECK(unlink(path) == 0 && chmod(admin, 0777) == 0);
	write_text("open", "default allow\n");
	CHECK(profile_compile(dirs, "open", &none, &err) == -EPERM);
	CHECK(chmod(admin, 0755) == 0);
}

/* The result of a call with three arguments under the profile: an errno, 0, or -SIGNAL. */
static int outcome(const char *text, long call, long a, long b, long c)
{
	AUTO_CONFINEMENT struct confinement made = {0};
	struct sock_fprog program;
	int status = -1;
	pid_t child;

	write_text("p", text);
	if (profile_compile(dirs, "p", &made, &err) < 0)
		return -1000;
	program.filter = made.filter;
	program.len = (unsigned short)(made.size / sizeof *program.filter);
	child = fork();
	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
			_exit(255);
		/* Not _exit, which the sanitizer makes more of. */
		syscall(SYS_exit_group, syscall(call, a, b, c) < 0 ? errno : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1001;
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void meaning(void)
{
	static const char *const lists =
		"default errno EOPNOTSUPP\nallow capset capget execve exit_group exit write\n"
		"allow getpriority if arg0 == 0\nallow setpriority if arg0 != 0\n";

	CHECK(outcome("default allow\n", SYS_getppid, 0, 0, 0) == 0);
	CHECK(outcome("default allow\nerrno EOPNOTSUPP getppid\n", SYS_getppid, 0, 0, 0) ==
	      ENOTSUP);
	CHECK(outcome("default allow\nkill getppid\n", SYS_getppid, 0, 0, 0) == -SIGSYS);
	CHECK(outcome("default allow\nkill getppid\n", SYS_getuid, 0, 0, 0) == 0);
	CHECK(outcome(lists, SYS_getppid, 0, 0, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_getpriority, 0, 0, 0) == 0);
	CHECK(outcome(lists, SYS_getpriority, 1, 0, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_getpriority, 0x100000000, 0, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_setpriority, 0, 0, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_setpriority, 9, 0, 0) == EINVAL); /* the kernel's own answer */
	CHECK(outcome("default allow\nerrno EXDEV unshare if arg0 & 0x10000000 == 0x10000000\n",
		      SYS_unshare, 0x10000200, 0, 0) == EXDEV);
	CHECK(outcome("default allow\nerrno EXDEV unshare if arg0 & 0x10000000 == 0x10000000\n",
		      SYS_unshare, CLONE_FILES, 0, 0) == 0);
	CHECK(outcome("default allow\nerrno EXDEV ptrace if arg0 != PTRACE_TRACEME\n", SYS_ptrace,
		      0, 0, 0) == 0);
	CHECK(outcome("default allow\nerrno EXDEV ptrace if arg0 != PTRACE_TRACEME\n", SYS_ptrace,
		      0x100000000, 0, 0) == EXDEV);
	write_text("base", "default allow\nkill getppid\nerrno EXDEV getuid\n");
	CHECK(outcome("include base\nallow getppid\n", SYS_getppid, 0, 0, 0) == 0);
	CHECK(outcome("include base\nallow getppid\n", SYS_getuid, 0, 0, 0) == EXDEV);
}

int main(void)
{
	if (!as_root("profiles that root owns"))
		return test_end();
	CHECK(mkdtemp(admin) && chmod(admin, 0755) == 0);
	CHECK(mkdtemp(shipped) && chmod(shipped, 0755) == 0);
	good();
	bad();
	bad_conditions();
	needed();
	includes();
	limits();
	mangled();
	places();
	meaning();
	CHECK(file_remove_tree(AT_FDCWD, admin, &err) == 0);
	CHECK(file_remove_tree(AT_FDCWD, shipped, &err) == 0);
	return test_end();
}
