/* Profiles: what is read, what is refused and how it is said, and what the compiled filter does in
 * a process. Run as root. */
#include "base/file.h"
#include "policy/filter.h"
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

/* What is said of a profile of this text, behind the directory; "" if it compiles. */
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
	CHECK_STR(said("default allow\n"), "");
	CHECK_STR(said("# a comment \xc3\xa9\n\n \t \ndefault allow # another\nkill\tmount  "
		       "umount2\n"),
		  "");
	CHECK_STR(said("errno EPERM mount\ndefault allow\n"), "");
	CHECK_STR(said("default kill\nallow capset capget execve exit_group write\n"), "");
	CHECK_STR(
		said("default errno ENOSYS\nallow capset capget execve\nallow ioctl if arg1 == 1\n"
		     "allow ioctl if arg1 >= 0x10 and arg2 < 07\n"),
		"");
	CHECK_STR(said("default allow\nkill socket\nkill shmget\nkill umount vm86 open\n"), "");
	CHECK_STR(said("default allow\nallow mount\n"), "");
}

static void bad(void)
{
	CHECK_STR(said(""), "p: no line says what the default is (default allow)");
	CHECK_STR(said("default"), "p:1: default is followed by allow, errno or kill");
	CHECK_STR(said("\n\ndefault allow kill"), "p:3: 'kill' is too much");
	CHECK_STR(said("default deny"),
		  "p:1: 'deny' is not default, include, allow, errno or kill");
	CHECK_STR(said("default allow\nkill"), "p:2: which system call?");
	CHECK_STR(said("default allow\nkill if arg0 == 1"), "p:2: which system call?");
	CHECK_STR(said("default allow\nerrno"), "p:2: which error? (errno EPERM CALL...)");
	CHECK_STR(said("default allow\nerrno mount"), "p:2: 'mount' is no error number's name");
	CHECK_STR(said("default allow\nerrno 0 mount"), "p:2: '0' is no error number's name");
	CHECK_STR(said("default allow\nkill mount frobnicate"),
		  "p:2: there is no system call 'frobnicate'");
	CHECK_STR(said("default allow\nkill 165"), "p:2: there is no system call '165'");
	CHECK_STR(said("default allow\nkill mount\nkill mount"),
		  "p:3: mount has a rule in line 2 already");
	CHECK_STR(said("default allow\nkill mount mount"),
		  "p:2: mount has a rule in line 2 already");
	CHECK_STR(said("default allow\nkill ioctl if arg1 == 1\nkill ioctl"),
		  "p:3: ioctl has a rule in line 2 already");
	CHECK_STR(said("default allow\nkill ioctl if arg1 == 1\nerrno EPERM ioctl if arg1 == 2"),
		  "p:3: ioctl has a rule with another action in line 2");
	CHECK_STR(said("default allow\nkill\001mount"),
		  "p:2: a character that is not printable ASCII");
	CHECK_STR(said("default allow\r\n"), "p:1: a character that is not printable ASCII");
	CHECK_STR(said("default \xc3\xa9"), "p:1: a character that is not printable ASCII");
}

static void bad_conditions(void)
{
	CHECK_STR(said("default allow\nkill mount if"),
		  "p:2: a condition begins with arg0 to arg5, not ''");
	CHECK_STR(said("default allow\nkill mount if arg6 == 1"),
		  "p:2: a condition begins with arg0 to arg5, not 'arg6'");
	CHECK_STR(said("default allow\nkill mount if arg0"),
		  "p:2: '' is no comparison (== != < <= > >= &)");
	CHECK_STR(said("default allow\nkill mount if arg0 = 1"),
		  "p:2: '=' is no comparison (== != < <= > >= &)");
	CHECK_STR(said("default allow\nkill mount if arg0 =="), "p:2: a value is missing");
	CHECK_STR(said("default allow\nkill mount if arg0 & 1"),
		  "p:2: a mask is followed by == and a value");
	CHECK_STR(said("default allow\nkill mount if arg0 & 1 == 2"),
		  "p:2: this never holds: the value has bits that the mask has not");
	CHECK_STR(said("default allow\nkill mount if arg0 == 1 or arg1 == 2"),
		  "p:2: 'or' where 'and' or the end of the line is expected");
	CHECK_STR(said("default allow\nkill mount if arg0 == 1 and"),
		  "p:2: a condition begins with arg0 to arg5, not ''");
	CHECK_STR(said("default allow\nkill mount if arg0 > 1 and arg0 < 3"),
		  "p:2: arg0 is compared twice");
	for (const char *const *v = (const char *const[]){"-1", "+1", "1x", "x", "0x",
							  "99999999999999999999", NULL};
	     *v; v++) {
		char text[128], want[128];

		snprintf(text, sizeof text, "default allow\nkill mount if arg0 == %s", *v);
		snprintf(want, sizeof want,
			 "p:2: '%s' is neither a number of 64 bits nor a known constant", *v);
		CHECK_STR(said(text), want);
	}
	CHECK_STR(said("default allow\nkill socket if arg0 == 1"),
		  "p:2: the arguments of socket cannot be seen on every architecture");
}

/* What the wrapper does with the filter in force. */
static void needed(void)
{
	CHECK(strstr(said("default allow\nkill capset"), "p: it has to allow capset"));
	CHECK(strstr(said("default allow\nerrno EPERM execve if arg0 == 0"), "allow execve"));
	CHECK(strstr(said("default kill\nallow capset execve"), "allow capget"));
	CHECK(strstr(said("default kill\nallow capset execve\nallow capget if arg0 != 0"),
		     "allow capget"));
}

static void includes(void)
{
	write_text("base", "default allow\nkill mount\nkill ioctl if arg1 == 1\n");
	CHECK_STR(said("include base\n"), "");
	CHECK_STR(said("include base\nallow mount\nerrno EPERM ioctl\ndefault errno EPERM\n"
		       "allow capset capget execve"),
		  "");
	CHECK_STR(said("include base\nkill mount\nallow mount"),
		  "p:3: mount has a rule in line 2 already");
	CHECK_STR(said("default allow\ninclude base"), "p:2: include comes before everything else");
	CHECK_STR(said("include"), "p:1: include what?");
	CHECK_STR(said("include base base"), "p:1: 'base' is too much");
	CHECK_STR(said("include none-such"), "p:1: there is no profile 'none-such'");
	CHECK(strstr(said("include ../base"), "'../base' is no profile's name"));
	CHECK(strstr(said("include p"), "p:1: include goes deeper than 4 files"));
	write_text("base", "default allow\nkill frobnicate\n");
	CHECK(strstr(said("include base"), "base:2: there is no system call 'frobnicate'"));
}

/* Too many of everything. */
static void limits(void)
{
	AUTO_CONFINEMENT struct confinement c = {0};
	static char text[PROFILE_SIZE_MAX + 2];
	size_t used = 0;

	write_text("base", "default allow\n");
	for (int i = 0; i < 100; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "include base\n");
	CHECK(strstr(said(text), "more than 64 files"));
	used = (size_t)snprintf(text, sizeof text, "default allow\n");
	for (int i = 0; i < 129; i++)
		used += (size_t)snprintf(text + used, sizeof text - used,
					 "kill fcntl ioctl if arg1 == %d and arg2 == %d\n", i, i);
	CHECK_STR(said(text), "p:130: more than 512 conditions");
	memset(text, 'a', sizeof text - 1);
	write_text("p", text);
	CHECK(profile_compile(dirs, "p", &c, &err) == -EFBIG);
	text[PROFILE_SIZE_MAX - 8] = '\0';
	CHECK(strstr(said(text), "p:1: 'aaaa"));
	used = (size_t)snprintf(text, sizeof text, "default allow\nkill");
	for (int i = 0; i < 300; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, " mount");
	CHECK(strstr(said(text), "more than 256 calls"));
	write_bytes(admin, "p", "default allow\0\nkill mount", 25);
	CHECK(profile_compile(dirs, "p", &c, &err) == -EINVAL && strstr(err.text, "a NUL byte"));
}

/* Every cut of a profile that has everything, and every byte of it turned into others: read or
 * refused, never a crash. */
static void mangled(void)
{
	static const char whole[] = "include base\ndefault errno EPERM # no\nallow capset capget "
				    "execve\nkill ioctl if arg1 & 0xff == TIOCSTI and arg0 != 1\n";
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

/* What comes of a call with three arguments under the profile: an errno, 0, or -SIGNAL. */
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
		"default errno ENOTSUP\nallow capset capget execve exit_group exit write\n"
		"allow getpriority if arg0 == 0 and arg1 <= 1\nallow getpriority if arg0 > 4\n";

	CHECK(outcome("default allow\n", SYS_getppid, 0, 0, 0) == 0);
	CHECK(outcome("default allow\nerrno ENOTSUP getppid\n", SYS_getppid, 0, 0, 0) == ENOTSUP);
	CHECK(outcome("default allow\nkill getppid\n", SYS_getppid, 0, 0, 0) == -SIGSYS);
	CHECK(outcome("default allow\nkill getppid\n", SYS_getuid, 0, 0, 0) == 0);
	CHECK(outcome(lists, SYS_getppid, 0, 0, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_getpriority, 0, 0, 0) == 0);
	CHECK(outcome(lists, SYS_getpriority, 0, 2, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_getpriority, 1, 0, 0) == ENOTSUP);
	CHECK(outcome(lists, SYS_getpriority, 5, 9, 0) == EINVAL); /* the kernel's own answer */
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
