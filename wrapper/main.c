/*
 * pinlib-wrapper: stands at the path of a program and starts it in its view.
 *
 * It can be started by every user, with every argument, environment, limit and descriptor, and has
 * CAP_SYS_ADMIN within reach. It MUST
 *
 *  1. believe nothing that an unprivileged user can write: the plan and the layers are root's, and
 *     are checked through the descriptor or by owner and mode before anything is done;
 *  2. have read and decided everything before it raises the capability;
 *  3. stop if the mounts cannot be cut off from the caller's: nothing may appear there;
 *  4. end, with 125, at any failure after that: never a half-built view;
 *  5. have dropped the capability, and read back that it is gone, before it executes anything;
 *  6. have loaded the app's filter as the last thing before that: CAP_SYS_ADMIN makes it possible
 *     without no_new_privs, under which no nested wrapper would get its capability;
 *  7. leave to the app what the caller gave: environment, arguments, descriptors (all of ours are
 *     close-on-exec), umask, signals, limits, working directory;
 *  8. be linked with nothing but musl, the plan's reader and the files of base/ that the Makefile names;
 *  9. start nothing if it is setuid or setgid itself.
 *
 * Exit statuses are env(1)'s: 125 a failure of its own, 126 it cannot execute, 127 not found.
 */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/kernel.h"
#include "base/paths.h"
#include "plan/read.h"
#include "wrapper/caps.h"
#include "wrapper/filter.h"
#include "wrapper/identify.h"
#include "wrapper/limits.h"
#include "wrapper/mounts.h"
#include "wrapper/namespace.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum { EXIT_OWN = 125, EXIT_CANNOT = 126, EXIT_NOT_FOUND = 127 };

#define OVERFLOW_UID 65534 /* what root is called where it is not mapped */

extern char **environ;

/* Descriptor 2 may have been closed, and be one of ours by now. Ours are close-on-exec; what came
 * through the caller's execve is not. */
static bool can_speak(void)
{
	int flags = fcntl(2, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* One line, one write: lines of several processes must not mix. */
static void say(const char *app, const char *what)
{
	char line[PATH_MAX + ERR_TEXT_MAX + 32];
	int n = snprintf(line, sizeof line, "pinlib: %s: %s\n", app, what);
	ssize_t written;

	if (n < 0 || !can_speak())
		return;
	if ((size_t)n >= sizeof line)
		n = sizeof line - 1;
	/* What an argument holds must not reach a terminal as a command to it: no control
	 * character of one byte, or of two, nor what turns the direction of writing. */
	for (int i = 0; i < n - 1; i++)
		if (line[i] < 0x20 || line[i] > 0x7e)
			line[i] = '?';
	written = write(2, line, (size_t)n);
	(void)written;
}

static int fail(const char *app, const struct err *err, int status)
{
	say(app, err->text);
	return status;
}

/* Before anything is said of a failure: the descriptor that it is said to is the caller's. */
static void give_up(const struct caps *entry)
{
	struct err ignored;
	struct caps now;

	caps_drop(entry, &ignored);
	if (caps_read(&now, &ignored) < 0 || now.effective != entry->effective)
		_exit(EXIT_OWN);
}

/* The app's filter, if it has one, by the right of CAP_SYS_ADMIN, which is gone after this. */
static int confine(const struct plan *plan, const struct caps *entry, struct err *err)
{
	int r;

	if (!plan->filter)
		return 0;
	r = caps_raise(entry, err);
	if (r == 0)
		r = filter_load(plan, err);
	if (r < 0)
		give_up(entry);
	return r < 0 ? r : caps_drop(entry, err);
}

/* The same where there is no view. Then nothing that the app starts could build one either, nor is
 * anything setuid in a view: no_new_privs takes nothing away. */
static int confine_without_view(const struct plan *plan, struct err *err)
{
	if (plan->filter && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot set no_new_privs");
	return filter_load(plan, err);
}

/* Nothing is left to be done. */
static int execute(const char *app, const char *name, char **argv)
{
	struct err err;
	int errnum;

	execve(name, argv, environ);
	errnum = errno;
	err_sys(&err, errnum, "cannot execute %s", name);
	return fail(app, &err, errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT);
}

/* Whether the original, and nothing of ours, is at the app's path: no link, and not the text that
 * stands for a wrapped script. */
static bool is_program(const char *app, struct stat *st)
{
	static const char ours[] = "#!" PINLIB_WRAPPER " ";
	char start[sizeof ours - 1];
	AUTO_FD int fd = open(app, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 && errno != EACCES) /* a program may be executable and not readable */
		return false;
	if (fd >= 0 && read(fd, start, sizeof start) == (ssize_t)sizeof start &&
	    memcmp(start, ours, sizeof start) == 0)
		return false;
	return lstat(app, st) == 0 && S_ISREG(st->st_mode);
}

/* The app is executed under the caller's name for it if that leads to it in the view; the links
 * on the way are not ours to trust. Nor is it certain that it is there: what said that it was
 * mounted may have been a filter of the caller's, and the link that is there then leads back to us,
 * without end. NULL: it is not. (Another file than the one that was there before is its upgrade.)
 */
static const char *name_to_execute(const struct launch *launch, const struct stat *real)
{
	const char *app = launch->file.plan.app;
	struct stat st;

	if (stat(launch->name, &st) == 0 && st.st_dev == real->st_dev && st.st_ino == real->st_ino)
		return launch->name;
	return is_program(app, &st) ? app : NULL;
}

/* The program's own file is not where the plan says. If 'pinlib unset' has just brought it back to
 * the app's path, that is the program to start; else it is lost. */
static int without_original(const struct launch *launch, int status)
{
	const struct plan *plan = &launch->file.plan;
	struct stat st;
	struct err err;

	if (is_program(plan->app, &st)) {
		const char *name = name_to_execute(launch, &st);

		if (limits_restore(&err) < 0)
			return fail(plan->app, &err, EXIT_OWN);
		return execute(plan->app, name ? name : plan->app, launch->argv);
	}
	err_sys(&err, ENOENT, "the program's own file, %s", plan->real);
	return fail(plan->app, &err, status);
}

/* No view can be built: what the policy says of that. */
static int without_view(const struct launch *launch, const char *reason)
{
	const struct plan *plan = &launch->file.plan;
	struct err err;

	if (plan->on_failure == PLAN_UNPINNED) {
		err_set(&err, EPERM, "starting without its pins: %s", reason);
		say(plan->app, err.text);
		if (limits_restore(&err) < 0 || confine_without_view(plan, &err) < 0)
			return fail(plan->app, &err, EXIT_OWN);
		return execute(plan->app, plan->real, launch->argv);
	}
	err_set(&err, EPERM,
		"cannot build its view: %s ('pinlib set --on-failure=unpinned' would "
		"start it without its pins)",
		reason);
	return fail(plan->app, &err, EXIT_CANNOT);
}

static int without_capability(const struct launch *launch)
{
	struct err err;

	err_set(&err, EPERM, "CAP_SYS_ADMIN is out of reach: %s", caps_reason());
	return without_view(launch, err.text);
}

/* The working directory, if a part of the inherited view held it, is a directory of a mount that is
 * gone; its name leads to the live one. By the caller's own rights. */
static void restore_directory(const char *before)
{
	char now[PATH_MAX];

	if (before[0] == '/' && (!getcwd(now, sizeof now) || now[0] != '/') && chdir(before) < 0)
		return; /* it was there in the view alone: it stays the detached one */
}

/* Why no view can be built, whatever the rights; NULL: it can. */
static const char *kernel_refuses(void)
{
	if (filter_hides_mounts())
		return "a system-call filter that this process inherited refuses mount calls";
	return namespace_refused();
}

static int build(const struct plan *plan, const struct mounts *mounts, struct err *err)
{
	AUTO_FD int wrapper = -1;
	int r = namespace_private(&wrapper, err);

	if (r == 0)
		r = namespace_strip(mounts, err);
	if (r == 0 && mounts->ninherited)
		r = namespace_check_paths(plan, err);
	return r < 0 ? r : namespace_lay(plan, wrapper, err);
}

/* Raises the capability. *refusal is why nothing can be mounted all the same, and then it is dropped
 * again; else NULL. */
static int raise_to_mount(const struct caps *entry, const char **refusal, struct err *err)
{
	int r = caps_raise(entry, err);

	*refusal = r < 0 ? NULL : namespace_forbidden();
	if (r < 0 || *refusal)
		give_up(entry);
	return r;
}

/* Steps 4 to 6 of main; plan is NULL for the live system alone. The capability is dropped, or
 * rests: for a filter that is still to be loaded by its right. */
static int enter(const struct plan *plan, const struct mounts *mounts, const struct caps *entry,
		 struct err *err)
{
	static char directory[PATH_MAX];
	int r;

	if (mounts->ninherited && !getcwd(directory, sizeof directory))
		directory[0] = '\0';
	r = build(plan, mounts, err);
	if (r < 0)
		give_up(entry);
	else
		r = plan && plan->filter ? caps_rest(entry, err) : caps_drop(entry, err);
	if (r == 0)
		restore_directory(directory);
	return r;
}

/* Out of the inherited view. The table is read again: root may have bound a cover of the view over
 * itself, and what is below the one that was taken away is then seen. */
static int leave(struct mounts *inherited, const struct caps *entry, struct err *err)
{
	struct mounts left = {0};
	int r = enter(NULL, inherited, entry, err);

	if (r == 0)
		r = mounts_read(&left, err);
	if (r == 0 && left.ninherited)
		r = err_set(err, EPERM,
			    "cannot leave the view: its mount on %s is still to be seen",
			    left.inherited[0]);
	return r;
}

/* `pinlib exec --host`: out of the inherited view, if there is one. Setuid programs stay without
 * their privilege there: nobody knows that the namespace is what the host's is (DESIGN.md,
 * host-without-setuid). */
static int run_on_host(char **argv)
{
	struct mounts mounts = {0};
	const char *refusal;
	struct caps entry;
	struct err err;

	if (!*argv) {
		err_set(&err, EINVAL, "which command? (pinlib-wrapper --host -- COMMAND...)");
		return fail("--host", &err, EXIT_OWN);
	}
	if (mounts_read(&mounts, &err) < 0 || caps_read(&entry, &err) < 0)
		return fail(*argv, &err, EXIT_OWN);
	if (mounts.ninherited && !caps_suffice(&entry)) {
		err_set(&err, EPERM, "cannot leave the view: %s", caps_reason());
		return fail(*argv, &err, EXIT_CANNOT);
	}
	refusal = mounts.ninherited ? kernel_refuses() : NULL;
	if (mounts.ninherited && namespace_check_paths(NULL, &err) < 0)
		return fail(*argv, &err, EXIT_OWN);
	if (mounts.ninherited && !refusal && raise_to_mount(&entry, &refusal, &err) < 0)
		return fail(*argv, &err, EXIT_OWN);
	if (refusal) {
		err_set(&err, EPERM, "cannot leave the view: %s", refusal);
		return fail(*argv, &err, EXIT_CANNOT);
	}
	if (mounts.ninherited ? leave(&mounts, &entry, &err) < 0 : caps_drop(&entry, &err) < 0)
		return fail(*argv, &err, EXIT_OWN);
	if (limits_restore(&err) < 0)
		return fail(*argv, &err, EXIT_OWN);
	execvp(*argv, argv);
	err_sys(&err, errno, "cannot execute");
	return fail(*argv, &err, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT);
}

static int print(const char *text)
{
	size_t len = strlen(text);

	return write(1, text, len) == (ssize_t)len ? 0 : EXIT_OWN;
}

/* What no app was found for may still be the call of an app (fexecve(3) of one names none), whose
 * arguments are not for us. */
static bool is_own_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return strcmp(slash ? slash + 1 : name, strrchr(PINLIB_WRAPPER, '/') + 1) == 0;
}

static int without_app(int argc, char **argv, const char *execfn)
{
	bool own = argc >= 2 && is_own_name(argv[0]);
	struct err err;

	if (own && strcmp(argv[1], "--host") == 0)
		return run_on_host(argv + (argc >= 3 && strcmp(argv[2], "--") == 0 ? 3 : 2));
	if (own && argc == 2 && strcmp(argv[1], "--version") == 0)
		return print("pinlib-wrapper " PINLIB_VERSION "\n");
	if (own && argc == 2 && strcmp(argv[1], "--help") == 0)
		return print("usage: pinlib-wrapper --host [--] COMMAND "
			     "[ARGUMENT...]\n" PINLIB_WRAPPER_MARK "; see pinlib-wrapper(8).\n");
	err_set(&err, ENOENT,
		"cannot tell which program was meant: it is no program with pins, and no link to "
		"one (see pinlib-wrapper(8))");
	return fail(execfn, &err, EXIT_NOT_FOUND);
}

/* A wrapped program's path leads to the wrapper: "chmod u+s" of one, by a package's script too, would
 * give everybody every program as root. A caller whose identities differ already is another thing. */
static bool is_setuid(void)
{
	struct stat st = {.st_mode = S_ISUID}; /* a filter of the caller's could fake the call */

	if (getauxval(AT_UID) == getauxval(AT_EUID) && getauxval(AT_GID) == getauxval(AT_EGID))
		return false;
	return stat(PINLIB_WRAPPER, &st) < 0 || st.st_mode & (S_ISUID | S_ISGID);
}

/* binfmt_misc(5) started us as the interpreter of a foreign program, which it opened: flag O. */
static bool interprets(void)
{
	errno = 0;
	getauxval(AT_EXECFD);
	return errno == 0;
}

/* With flag C its setuid bit counts for the interpreter, for that very file. But the app gets no
 * descriptor of it from an execve(2) of ours, and opens what the caller's name leads to by then. */
static bool lent_rights(void)
{
	return interprets() &&
	       (getauxval(AT_UID) != getauxval(AT_EUID) || getauxval(AT_GID) != getauxval(AT_EGID));
}

/* Rights that are not the caller's are nobody's to start an app with: the exit status, or 0. */
static int refuse_rights(const char *execfn)
{
	struct err err;

	if (is_setuid()) {
		err_set(&err, EPERM,
			"the wrapper, " PINLIB_WRAPPER
			", is setuid or setgid; as root: chmod 0755 " PINLIB_WRAPPER);
		return fail(execfn, &err, EXIT_OWN);
	}
	if (lent_rights()) {
		err_set(&err, EPERM,
			"binfmt_misc gives a program with pins the rights of a setuid program "
			"(flag C), which it cannot have");
		return fail(execfn, &err, EXIT_CANNOT);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct launch launch;
	struct mounts mounts = {0};
	const char *execfn = (const char *)getauxval(AT_EXECFN);
	const struct plan *plan = &launch.file.plan;
	const char *meant, *name, *refusal;
	bool mapped = true;
	struct caps entry;
	struct stat real;
	struct err err;
	int r;

	limits_raise();
	if (!execfn)
		execfn = "";
	r = refuse_rights(execfn);
	if (r)
		return r;

	/* 1. Which app, by which plan? An interpreter's is in argv: AT_EXECFN is the caller's name for
	 * a foreign program, and leads elsewhere by now if the caller wants it to. */
	meant = interprets() ? "" : execfn;
	r = identify(meant, argc, argv, 0, &launch, &err);
	if (r == -EPERM && caps_in_user_namespace()) {
		/* Root's files look like nobody's. The plan can still be followed as far as it
		 * needs no privilege. */
		mapped = false;
		r = identify(meant, argc, argv, OVERFLOW_UID, &launch, &err);
	}
	if (r == -ENOENT)
		return without_app(argc, argv, execfn);
	if (r < 0)
		return fail(execfn, &err, EXIT_OWN);

	/* 2. Is the program there, and may a view be built at all? */
	if (stat(plan->real, &real) < 0) {
		if (errno == ENOENT)
			return without_original(&launch, EXIT_NOT_FOUND);
		err_sys(&err, errno, "the program's own file, %s", plan->real);
		return fail(plan->app, &err, EXIT_NOT_FOUND);
	}
	if (caps_read(&entry, &err) < 0)
		return fail(plan->app, &err, EXIT_OWN);
	if (!mapped || !caps_suffice(&entry))
		return without_capability(&launch);
	refusal = kernel_refuses();
	if (refusal)
		return without_view(&launch, refusal);

	/* 3. What is there to do? Nothing is changed before this is known, but that something
	 * is mounted below a cover is learnt in the namespace (covers_lay). */
	if (namespace_check_layers(plan, &err) < 0 || namespace_check_paths(plan, &err) < 0)
		return fail(plan->app, &err, EXIT_OWN);
	if (mounts_in_view() && mounts_read(&mounts, &err) < 0)
		return without_view(&launch, err.text);
	if (!limits_leave(NAMESPACE_DESCRIPTORS))
		return without_view(&launch, "RLIMIT_NOFILE leaves too few descriptors");

	/* 4. to 6. Raise the capability; a namespace of its own; the view; drop the capability. */
	if (raise_to_mount(&entry, &refusal, &err) < 0)
		return fail(plan->app, &err, EXIT_OWN);
	if (refusal)
		return without_view(&launch, refusal);
	r = enter(plan, &mounts, &entry, &err);
	if (r == -ESTALE)
		return without_original(&launch, EXIT_OWN);
	if (r < 0)
		return fail(plan->app, &err, EXIT_OWN);

	/* 7. What is the caller's is put back by the caller's own rights. */
	name = name_to_execute(&launch, &real);
	if (!name) {
		err_set(&err, EPERM, "the program was mounted at its path and is not there");
		return fail(plan->app, &err, EXIT_OWN);
	}
	if (limits_restore(&err) < 0)
		return fail(plan->app, &err, EXIT_OWN);

	/* 8. The filter, and then drop the capability; the app. */
	if (confine(plan, &entry, &err) < 0)
		return fail(plan->app, &err, EXIT_OWN);
	return execute(plan->app, name, launch.argv);
}
