/*
 * pinlib-wrapper: builds a program's view and starts the program in it. The stub at the program's path executes it
 * (plan/stub.h).
 *
 * Every user can start it, with any argument, environment, limit and descriptor, and it can raise CAP_SYS_ADMIN. It
 * MUST
 *
 *  1. believe nothing that an unprivileged user can write: root owns the plan and the layers, and the wrapper checks
 *     that through the descriptor, or by owner and mode, before it changes anything;
 *  2. have read and decided everything before it raises the capability;
 *  3. stop if it cannot cut off its mounts from the caller's: none of them may appear there;
 *  4. exit with 125 after any later failure: never run the app in half a view;
 *  5. drop the capability, and read back that it is gone, before it executes anything;
 *  6. load the app's filter as the last step before that: with CAP_SYS_ADMIN it needs no no_new_privs, which would
 *     keep wrapped programs that the app starts from getting their capability;
 *  7. leave to the app everything that the caller gave: environment, arguments, descriptors (the wrapper's own are all
 *     close-on-exec), umask, signals, limits, working directory;
 *  8. be linked with nothing but musl, the plan's reader and the files of base/ that the Makefile names;
 *  9. start nothing if the wrapper itself is setuid or setgid.
 *
 * Exit statuses are those of env(1): 125 the wrapper failed, 126 the program cannot be executed, 127 it was not found.
 */
#include "base/cleanup.h"
#include "base/err.h"
#include "base/exit.h"
#include "base/kernel.h"
#include "base/paths.h"
#include "plan/read.h"
#include "plan/stub.h"
#include "wrapper/caps.h"
#include "wrapper/filter.h"
#include "wrapper/identify.h"
#include "wrapper/kept.h"
#include "wrapper/limits.h"
#include "wrapper/log.h"
#include "wrapper/mounts.h"
#include "wrapper/namespace.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* A step of main returns an exit status, or GO_ON. */
enum { GO_ON = -1 };

/* The owner of root's files in a user namespace that does not map root. */
#define OVERFLOW_UID 65534

/* What main's steps hand to each other. Static, since a smaller stack makes the wrapper start faster. */
static struct start {
	struct launch launch;
	struct caps entry;    /* the capabilities at the start */
	struct stat program;  /* the file that the view shows as the program */
	struct mounts mounts; /* of an inherited view */
	const char *name;     /* to execute the app by */
	const char *refusal;  /* why no view can be built; NULL: no reason */
	struct err err;
	bool mapped; /* this user namespace maps root */
	/* Of `pinlib exec --in`: executed in the view instead of the app. NULL: the app is. */
	char **command;
} start;

extern char **environ;

/* If the caller closed descriptor 2, it may be one of ours now. Ours are close-on-exec; a descriptor that came through
 * the caller's execve is not. */
static bool has_stderr(void)
{
	int flags = fcntl(2, F_GETFD);

	return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* One line by one write, so that lines of several processes do not mix. */
static void print_error(const char *app, const char *what)
{
	char line[PATH_MAX + ERR_TEXT_MAX + 32];
	int n = snprintf(line, sizeof line, "pinlib: %s: %s\n", app, what);
	ssize_t written;

	if (n < 0 || !has_stderr())
		return;
	if ((size_t)n >= sizeof line)
		n = sizeof line - 1;
	log_clean(line, (size_t)n - 1);
	written = write(2, line, (size_t)n);
	(void)written;
}

/* An app that does not exist is not refused. */
static int fail(const char *app, const struct err *err, int status)
{
	print_error(app, err->text);
	if (status != EXIT_NOT_FOUND)
		log_refusal(app, err->text);
	return status;
}

static int fail_app(int status)
{
	return fail(start.launch.file.plan.app, &start.err, status);
}

/* Called before a failure is printed: the descriptor that the text is written to is the caller's. */
static void drop_or_exit(const struct caps *entry)
{
	struct err ignored;
	struct caps now;

	caps_drop(entry, &ignored);
	if (caps_read(&now, &ignored) < 0 || now.effective != entry->effective)
		_exit(EXIT_OWN);
}

/* Loads the app's filter, if it has one, with CAP_SYS_ADMIN, and drops that. */
static int load_filter(const struct plan *plan, const struct caps *entry, struct err *err)
{
	int r;

	if (!plan->filter)
		return 0;
	r = caps_raise(entry, err);
	if (r == 0)
		r = filter_load(plan, err);
	if (r < 0)
		drop_or_exit(entry);
	return r < 0 ? r : caps_drop(entry, err);
}

/* Loads the filter where no view can be built. no_new_privs takes nothing away: no program that the app starts could
 * build a view either, and in a view no program is setuid. */
static int load_filter_without_view(const struct plan *plan, struct err *err)
{
	if (plan->filter && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot set no_new_privs");
	return filter_load(plan, err);
}

/* Found in PATH. */
static int execute_command(char **argv)
{
	struct err err;
	int errnum;

	execvp(*argv, argv);
	errnum = errno;
	err_sys(&err, errnum, "cannot execute");
	print_error(*argv, err.text);
	return errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}

static int execute(const char *app, const char *name, char **argv)
{
	struct err err;
	int errnum;

	execve(name, argv, environ);
	errnum = errno;
	err_sys(&err, errnum, "cannot execute %s", name);
	print_error(app, err.text); /* the kernel refused: no line in the log */
	return errnum == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}

static bool is_stub(const char *path)
{
	static char app[PATH_MAX];

	return stub_read(path, app) != STUB_NONE;
}

static const char *program_kind(const struct plan *plan)
{
	return plan_is_supplied(plan) ? "pinned program" : "original";
}

/* Somebody may have copied a stub to the program's place, which would start the wrapper again and again. Of ELF programs only one
 * that is as long as a stub is opened. */
static bool is_program_stub(const struct plan *plan, const struct stat *st)
{
	return (plan->kind == PLAN_SCRIPT || st->st_size == STUB_SIZE) && is_stub(plan->program);
}

/* Whether there is a live program beside a pinned one. */
static bool has_live_program(const struct plan *plan)
{
	return access(plan->real, X_OK) == 0 && !is_stub(plan->real);
}

/* Whether a program is at the app's path, and not the stub. A stub that may be executed but not read is told by its
 * size. */
static bool is_program(const char *app, struct stat *st)
{
	if (lstat(app, st) < 0 || !S_ISREG(st->st_mode))
		return false;
	if (access(app, R_OK) < 0)
		return errno == EACCES && st->st_size > STUB_FILE_MAX;
	return !is_stub(app);
}

/* The caller's name for the app, if it leads to the program in the view (users may own links on the way), or else the
 * program's path there, which a script takes for its own. NULL if the program is not there: a filter of the caller's may
 * have faked the mount, and the stub that is still there would start the wrapper again and again. (A file other than the
 * one that was there before is an upgrade of the app.) */
static const char *name_to_execute(const struct launch *launch, const struct stat *program)
{
	const char *at = launch->file.plan.at;
	struct stat st;

	if (strcmp(at, launch->file.plan.app) == 0 && stat(launch->name, &st) == 0 &&
	    st.st_dev == program->st_dev && st.st_ino == program->st_ino)
		return launch->name;
	return is_program(at, &st) ? at : NULL;
}

/* Gives the caller's attributes to the app. */
static int restore_attributes(struct err *err)
{
	int r = limits_restore(err);

	return r < 0 ? r : kept_restore(&start.launch.kept, err);
}

/* The program is not where the plan says. If 'pinlib unset' has just moved the original back to the app's path, it
 * is started from there; otherwise it is lost. */
static int start_unwrapped(int status)
{
	struct plan *plan = &start.launch.file.plan;
	struct stat st;

	if (!start.command && is_program(plan->app, &st)) {
		const char *name;

		plan->at = plan->app; /* there is no view */
		name = name_to_execute(&start.launch, &st);
		if (restore_attributes(&start.err) < 0)
			return fail_app(EXIT_OWN);
		return execute(plan->app, name ? name : plan->app, start.launch.argv);
	}
	err_sys(&start.err, ENOENT, "cannot find its %s, %s (run 'pinlib doctor')",
		program_kind(plan), plan->program);
	return fail_app(status);
}

/* No view can be built: does as the policy says. */
static int start_without_view(const char *reason)
{
	const struct plan *plan = &start.launch.file.plan;
	struct err why; /* reason may be in start.err */

	if (plan->on_failure == PLAN_UNPINNED && !start.command &&
	    (!plan_is_supplied(plan) || has_live_program(plan))) {
		err_set(&why, EPERM, "starting without its pins: %s", reason);
		print_error(plan->app, why.text);
		if (restore_attributes(&start.err) < 0 ||
		    load_filter_without_view(plan, &start.err) < 0)
			return fail_app(EXIT_OWN);
		return execute(plan->app, plan->real, start.launch.argv);
	}
	err_set(&why, EPERM, "cannot build its view: %s%s", reason,
		start.command ? ""
			      : " ('pinlib set --on-failure=unpinned' would start it without its "
				"pins)");
	return fail(plan->app, &why, EXIT_CANNOT);
}

static int start_without_capability(void)
{
	err_set(&start.err, EPERM, "CAP_SYS_ADMIN is unavailable: %s", caps_reason());
	return start_without_view(start.err.text);
}

/* If the working directory was in the inherited view, it is on a mount that is gone now, and its path leads to the live
 * directory. Called without the capability. */
static void restore_directory(const char *before)
{
	char now[PATH_MAX];

	if (before[0] == '/' && (!getcwd(now, sizeof now) || now[0] != '/') && chdir(before) < 0)
		return; /* it existed only in the view: the process stays in the detached directory */
}

/* Why no view can be built even with the capability; NULL if one can. */
static const char *why_impossible(void)
{
	if (filter_hides_mounts())
		return "a system-call filter that this process inherited refuses mount calls";
	return namespace_refused();
}

static int build_view(const struct plan *plan, const struct mounts *mounts, bool may_mount,
		      struct err *err)
{
	AUTO_FD int wrapper = -1;
	int r = namespace_private(plan, mounts, may_mount, &wrapper, err);

	if (r == 0)
		r = namespace_strip(mounts, err);
	if (r == 0 && mounts->ninherited)
		r = namespace_check_paths(plan, err);
	return r < 0 ? r : namespace_lay(plan, wrapper, err);
}

/* Raises the capability. *refusal is NULL, or why nothing can be mounted all the same; then the capability is dropped
 * again. */
static int raise_to_mount(const struct caps *entry, const char **refusal, struct err *err)
{
	int r = caps_raise(entry, err);

	*refusal = r < 0 ? NULL : namespace_forbidden();
	if (r < 0 || *refusal)
		drop_or_exit(entry);
	return r;
}

/* Builds the view of plan, or the live system if plan is NULL, in a new namespace. Then the capability is dropped, or
 * only lowered if a filter is still to be loaded with it. */
static int enter_namespace(const struct plan *plan, const struct mounts *mounts,
			   const struct caps *entry, struct err *err)
{
	static char directory[PATH_MAX];
	int r;

	if (mounts->ninherited && !getcwd(directory, sizeof directory))
		directory[0] = '\0';
	r = build_view(plan, mounts, caps_may_mount(entry), err);
	if (r < 0)
		drop_or_exit(entry);
	else
		r = plan && plan->filter ? caps_lower(entry, err) : caps_drop(entry, err);
	if (r == 0)
		restore_directory(directory);
	return r;
}

/* Leaves the inherited view. The mount table is read again: if root bound a cover of the view onto itself, the lower
 * one is visible once the upper one is unmounted. */
static int leave_view(struct mounts *inherited, const struct caps *entry, struct err *err)
{
	struct mounts left = {0};
	int r = enter_namespace(NULL, inherited, entry, err);

	if (r == 0)
		r = mounts_read(&left, err);
	if (r == 0 && left.ninherited)
		r = err_set(err, EPERM, "cannot leave the view: its mount on %s is still visible",
			    left.inherited[0]);
	return r;
}

/* What `pinlib exec` hands over, and its command (plan/stub.h). */
static int read_command(char **argv, struct err *err)
{
	if (*argv && strncmp(*argv, STUB_KEPT, strlen(STUB_KEPT)) == 0 &&
	    !stub_parse_kept(*argv++ + strlen(STUB_KEPT), &start.launch.kept))
		return err_set(err, EINVAL, "malformed option " STUB_KEPT);
	if (*argv && strcmp(*argv, "--") == 0)
		argv++;
	start.command = argv;
	return *argv ? 0 : err_set(err, EINVAL, "missing COMMAND (see pinlib-wrapper(8))");
}

/* `pinlib exec --host`: leaves the inherited view, if there is one. Setuid programs get no privilege there either, as
 * nothing proves that this namespace shows the host's files (DESIGN.md, host-without-setuid). */
static int run_on_host(char **argv)
{
	struct mounts *mounts = &start.mounts;
	struct caps *entry = &start.entry;
	struct err *err = &start.err;

	if (read_command(argv, err) < 0) {
		print_error(STUB_HOST, err->text);
		return EXIT_OWN;
	}
	argv = start.command;
	if (mounts_read(mounts, err) < 0 || caps_read(entry, err) < 0)
		return fail(*argv, err, EXIT_OWN);
	if (mounts->ninherited && !caps_suffice(entry)) {
		err_set(err, EPERM, "cannot leave the view: %s", caps_reason());
		return fail(*argv, err, EXIT_CANNOT);
	}
	start.refusal = mounts->ninherited ? why_impossible() : NULL;
	if (mounts->ninherited && namespace_check_paths(NULL, err) < 0)
		return fail(*argv, err, EXIT_OWN);
	if (mounts->ninherited && !start.refusal && raise_to_mount(entry, &start.refusal, err) < 0)
		return fail(*argv, err, EXIT_OWN);
	if (start.refusal) {
		err_set(err, EPERM, "cannot leave the view: %s", start.refusal);
		return fail(*argv, err, EXIT_CANNOT);
	}
	if (mounts->ninherited ? leave_view(mounts, entry, err) < 0 : caps_drop(entry, err) < 0)
		return fail(*argv, err, EXIT_OWN);
	if (restore_attributes(err) < 0)
		return fail(*argv, err, EXIT_OWN);
	return execute_command(argv);
}

static int print_stdout(const char *text)
{
	size_t len = strlen(text);

	return write(1, text, len) == (ssize_t)len ? 0 : EXIT_OWN;
}

/* Without a stub's arguments the wrapper was started by its own name. */
static int run_own_command(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], STUB_HOST) == 0)
		return run_on_host(argv + 2);
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return print_stdout("pinlib-wrapper " PINLIB_VERSION "\n");
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_stdout("usage: pinlib-wrapper --in APP [--] COMMAND [ARGUMENT...]\n"
				    "       pinlib-wrapper --host [--] COMMAND "
				    "[ARGUMENT...]\n" PINLIB_WRAPPER_MARK
				    "; see pinlib-wrapper(8).\n");
	err_set(&start.err, ENOENT,
		"cannot tell which program was meant: no stub of a program with pins started it "
		"(see pinlib-wrapper(8))");
	return fail("pinlib-wrapper", &start.err, EXIT_NOT_FOUND);
}

/* "chmod u+s" on the wrapper would let everybody run every program as root. A caller whose own user numbers differ is
 * refused nothing. */
static bool is_setuid(void)
{
	struct stat st = {.st_mode = S_ISUID}; /* stays so if a filter fakes the call */

	if (getauxval(AT_UID) == getauxval(AT_EUID) && getauxval(AT_GID) == getauxval(AT_EGID))
		return false;
	return stat(PINLIB_WRAPPER, &st) < 0 || st.st_mode & (S_ISUID | S_ISGID);
}

static int refuse_borrowed_rights(void)
{
	if (!is_setuid())
		return GO_ON;
	err_set(&start.err, EPERM, "it is setuid or setgid; as root: chmod 0755 " PINLIB_WRAPPER);
	return fail(PINLIB_WRAPPER, &start.err, EXIT_OWN);
}

/* Whether another user could have written the plan, a link is in its place, or it makes no sense. For any other plan that
 * cannot be read the stub's on-failure decides: /var may not be mounted yet, or a filter of the caller's refuses O_PATH. */
static bool is_bad_plan(int r)
{
	return r == -EPERM || r == -ELOOP || r == -ENOTDIR || r == -EBADMSG || r == -EPROTO ||
	       r == -EFBIG;
}

/* The app was sealed after its stub had started this wrapper: its sealed file is at its path by now. */
static int start_sealed(void)
{
	const struct plan *plan = &start.launch.file.plan;
	struct stat st;

	if (!start.command && is_program(plan->app, &st))
		return start_unwrapped(EXIT_OWN);
	err_set(&start.err, ENOENT, "%s",
		start.command
			? "it is sealed, and has no view"
			: "its sealed file is not at its path (run 'pinlib doctor --repair')");
	return fail_app(EXIT_OWN);
}

static int find_plan(void)
{
	struct launch *launch = &start.launch;
	int r = identify_plan(0, launch, &start.err);

	start.mapped = true;
	if (r == -EPERM && caps_in_user_namespace()) {
		/* Root's files seem to be nobody's here. Steps that need no privilege still follow the plan. */
		start.mapped = false;
		r = identify_plan(OVERFLOW_UID, launch, &start.err);
	}
	if (r == -ENOENT && start.command)
		err_set(&start.err, ENOENT,
			"it has no pins in force ('pinlib show' lists the programs with pins)");
	if (is_bad_plan(r) || (r < 0 && start.command))
		return fail(launch->app, &start.err, EXIT_OWN);
	if (r < 0) {
		start.refusal = start.err.text;
		r = identify_without_plan(launch, &start.err);
	}
	if (r < 0)
		return fail(launch->app, &start.err, EXIT_OWN);
	return launch->file.plan.seal ? start_sealed() : GO_ON;
}

/* `pinlib exec --in` (DESIGN.md, exec-in): main then goes on as for the app. The command gets no filter, which would keep
 * a debugger from its work and protect nothing: the caller may start the original without pinlib. */
static int find_view(const char *app, char **argv)
{
	struct launch *launch = &start.launch;
	int status;

	if (read_command(argv, &start.err) < 0) {
		print_error(STUB_IN, start.err.text);
		return EXIT_OWN;
	}
	if ((size_t)snprintf(launch->app, sizeof launch->app, "%s", app) >= sizeof launch->app) {
		err_set(&start.err, ENAMETOOLONG, "path too long");
		return fail(STUB_IN, &start.err, EXIT_OWN);
	}
	launch->name = launch->app;
	status = find_plan();
	launch->file.plan.filter = NULL;
	return status;
}

/* Finds the app and its plan, or runs a command of the wrapper's own. */
static int find_app(int argc, char **argv)
{
	int r = identify(argc, argv, &start.launch, &start.err);

	if (r == -ENOENT && argc > 2 && strcmp(argv[1], STUB_IN) == 0)
		return find_view(argv[2], argv + 3);
	if (r == -ENOENT)
		return run_own_command(argc, argv);
	return r < 0 ? fail("pinlib-wrapper", &start.err, EXIT_OWN) : find_plan();
}

/* Root's maintainer scripts (deb-postinst(5)) run the program that their package has just brought, to write files beside the
 * live libraries. They get it as it is on the live system (DESIGN.md, maintainer-scripts-live). Any other user's
 * variable means nothing. */
static void show_live_to_dpkg(void)
{
	struct plan *plan = &start.launch.file.plan;

	if (start.command || !start.mapped || getauxval(AT_UID) != 0 || getauxval(AT_EUID) != 0 ||
	    !getenv("DPKG_MAINTSCRIPT_PACKAGE") || !has_live_program(plan))
		return;
	plan->ncovers = 0;
	plan->program = plan->real;
	plan->at = plan->app;
	plan->filter = NULL;
}

/* Whether the program is there, and a view can be built at all. */
static int check_possible(void)
{
	const struct plan *plan = &start.launch.file.plan;

	if (stat(plan->program, &start.program) < 0) {
		if (errno == ENOENT)
			return start_unwrapped(EXIT_NOT_FOUND);
		err_sys(&start.err, errno, "cannot stat its %s, %s", program_kind(plan),
			plan->program);
		return fail_app(EXIT_NOT_FOUND);
	}
	if (is_program_stub(plan, &start.program)) {
		err_set(&start.err, EINVAL, "its %s, %s, is a stub (run 'pinlib doctor')",
			program_kind(plan), plan->program);
		return fail_app(EXIT_OWN);
	}
	if (start.refusal)
		return start_without_view(start.refusal);
	if (caps_read(&start.entry, &start.err) < 0)
		return fail_app(EXIT_OWN);
	if (!start.mapped || !caps_suffice(&start.entry))
		return start_without_capability();
	start.refusal = why_impossible();
	return start.refusal ? start_without_view(start.refusal) : GO_ON;
}

/* Everything that can be decided before a change; only mounts below a cover are found later (covers_lay). */
static int check_inputs(void)
{
	const struct plan *plan = &start.launch.file.plan;

	if (namespace_check_layers(plan, &start.err) < 0 ||
	    namespace_check_paths(plan, &start.err) < 0)
		return fail_app(EXIT_OWN);
	if (mounts_in_view() && mounts_read(&start.mounts, &start.err) < 0)
		return start_without_view(start.err.text);
	if (!limits_leave(NAMESPACE_DESCRIPTORS))
		return start_without_view("RLIMIT_NOFILE leaves too few descriptors");
	return GO_ON;
}

/* The only part with the capability raised, but for a filter. */
static int enter_view(void)
{
	const struct plan *plan = &start.launch.file.plan;
	int r;

	if (raise_to_mount(&start.entry, &start.refusal, &start.err) < 0)
		return fail_app(EXIT_OWN);
	if (start.refusal)
		return start_without_view(start.refusal);
	r = enter_namespace(plan, &start.mounts, &start.entry, &start.err);
	if (r == -ESTALE)
		return start_unwrapped(EXIT_OWN);
	return r < 0 ? fail_app(EXIT_OWN) : GO_ON;
}

/* Whether the app's plan is another one by now. A filter of the caller's that fakes mounts changes no plan. */
static bool has_new_plan(void)
{
	static struct launch now;
	struct err ignored;

	memcpy(now.app, start.launch.app, sizeof now.app);
	return identify_plan(0, &now, &ignored) == 0 &&
	       now.file.plan.generation != start.launch.file.plan.generation;
}

/* 'pinlib unset' and 'pinlib set' have both renamed a file to the app's path, which removed the mount there: the stub starts
 * the app anew, by the new plan. */
static int start_again(void)
{
	struct plan *plan = &start.launch.file.plan;

	if (plan->filter && caps_drop(&start.entry, &start.err) < 0)
		return fail_app(EXIT_OWN);
	plan->filter = NULL;
	start.name = plan->app;
	return GO_ON;
}

/* With the caller's own rights. */
static int restore_caller(void)
{
	start.name = name_to_execute(&start.launch, &start.program);
	if (!start.name && !start.command && has_new_plan() && start_again() != GO_ON)
		return EXIT_OWN;
	if (!start.name) {
		err_set(&start.err, EPERM, "the program was mounted at its path but is not there");
		return fail_app(EXIT_OWN);
	}
	return restore_attributes(&start.err) < 0 ? fail_app(EXIT_OWN) : GO_ON;
}

static int run_app(void)
{
	const struct plan *plan = &start.launch.file.plan;

	if (load_filter(plan, &start.entry, &start.err) < 0)
		return fail_app(EXIT_OWN);
	if (start.command)
		return execute_command(start.command);
	return execute(plan->app, start.name, start.launch.argv);
}

int main(int argc, char **argv)
{
	int status;

	/* 1. Allow for the wrapper's own descriptors. */
	limits_raise();

	/* 2. Refuse to start anything with borrowed rights. */
	status = refuse_borrowed_rights();

	/* 3. Which app was meant, and what is its plan? */
	if (status == GO_ON)
		status = find_app(argc, argv);

	if (status == GO_ON)
		show_live_to_dpkg();

	/* 4. Is the program there, and can a view be built at all? */
	if (status == GO_ON)
		status = check_possible();

	/* 5. Check all that goes into the view. Nothing was changed so far. */
	if (status == GO_ON)
		status = check_inputs();

	/* 6. Raise the capability, build the view in a new namespace, lower the capability. */
	if (status == GO_ON)
		status = enter_view();

	/* 7. Give back the caller's limits, and find the app in the view. */
	if (status == GO_ON)
		status = restore_caller();

	/* 8. Load the filter, drop the capability for good, execute the app. */
	return status == GO_ON ? run_app() : status;
}
