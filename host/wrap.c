#include "host/wrap.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"
#include "host/mounted.h"
#include "host/original.h"
#include "host/sealed.h"
#include "host/stub.h"
#include "host/wrapper_file.h"
#include "plan/read.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool wrap_present(const char *app)
{
	return stub_is_present(app);
}

/* Whether somebody removed the stub, and left the original alone. */
static bool lacks_stub(const char *app, const char *real)
{
	struct stat st;

	return lstat(app, &st) < 0 && errno == ENOENT && original_exists(real);
}

bool wrap_traces(const char *app)
{
	char real[PATH_MAX];
	struct err ignored;

	return wrap_present(app) ||
	       (original_path(app, real, &ignored) == 0 && original_exists(real));
}

int wrap_program(const char *app, char program[PATH_MAX], struct err *err)
{
	int r = original_path(app, program, err);

	if (r < 0)
		return r;
	if (!wrap_present(app) && !lacks_stub(app, program))
		snprintf(program, PATH_MAX, "%s", app);
	return 0;
}

/* What the stub follows: the file that the published plan supplies, or else the original, real. */
struct followed {
	char file[PATH_MAX];
	bool supplied;
	bool sealed; /* the plan has a seal, and there is no stub */
};

static int find_followed(const char *app, const char *real, struct followed *out, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct err ignored;

	if (!file)
		return err_nomem(err);
	*out = (struct followed){.supplied = false};
	if (plan_load(PINLIB_PLANS, app, 0, file, &ignored) == 0) {
		out->supplied = plan_is_supplied(&file->plan);
		out->sealed = file->plan.seal;
	}
	snprintf(out->file, sizeof out->file, "%s", out->supplied ? file->plan.program : real);
	return 0;
}

static int refuse_privileged(const char *app, const struct stat *st, struct err *err)
{
	int r = wrapper_is_privileged(app, st, err);

	if (r > 0)
		return err_set(err, EPERM,
			       "cannot pin %s: it is setuid or setgid or has file capabilities, "
			       "and must not run with libraries of another version; a copy ('cp') "
			       "has none of these rights and can be pinned",
			       app);
	return r;
}

/* The path must be canonical: only by the canonical path would the program start wrapped. */
static int refuse_behind_link(const char *app, struct err *err)
{
	char place[PATH_MAX];
	int r = path_place(app, place, err);

	if (r < 0 || strcmp(place, app) == 0)
		return r;
	return err_set(err, ELOOP, "%s is behind a symbolic link; its canonical path is %s", app,
		       place);
}

bool wrap_is_anothers(const char *app)
{
	char place[PATH_MAX], name[NAME_MAX + 1], plan[sizeof PINLIB_PLANS + sizeof name];
	struct err ignored;

	if (path_place(app, place, &ignored) < 0 || strcmp(place, app) == 0 ||
	    plan_file_name(place, name, &ignored) < 0)
		return false;
	snprintf(plan, sizeof plan, "%s/%s", PINLIB_PLANS, name);
	return access(plan, F_OK) == 0;
}

static int check_live_program(const char *app, const char *program, const struct stat *st,
			      struct err *err)
{
	char target[PATH_MAX];

	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlink(program, target, sizeof target - 1);

		target[n > 0 ? n : 0] = '\0';
		return err_set(err, ELOOP, "%s is a symbolic link to %s", app, target);
	}
	if (!S_ISREG(st->st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", app);
	if (!(st->st_mode & 0111))
		return err_set(err, EACCES, "%s is not executable", app);
	if (wrapper_is_copy(program))
		return err_set(
			err, EINVAL,
			"%s is a copy of a wrapped program's stub; copy the original instead, in "
			"the directory " PINLIB_REAL_DIR " beside that program",
			app);
	return refuse_privileged(program, st, err);
}

int wrap_fit(const char *app, bool supplied, struct err *err)
{
	char program[PATH_MAX];
	struct stat st;
	int r = wrap_program(app, program, err);

	if (r < 0)
		return r;
	if (strchr(app, '\n')) /* in lists of programs, dpkg's and pinlib's, a path is a line */
		return err_set(err, EINVAL, "%s has a line break in its path", app);
	r = refuse_behind_link(app, err);
	if (r < 0)
		return r;
	if (lstat(program, &st) < 0)
		return supplied && errno == ENOENT ? 0 : err_sys(err, errno, "%s", program);
	if (S_ISDIR(st.st_mode))
		return err_set(err, EISDIR, "%s is a directory, not a program", app);
	return supplied ? 0 : check_live_program(app, program, &st, err);
}

int wrap_allowed(const char *app, bool supplied, struct dpkg_says *says, struct err *err)
{
	struct trusted known = {0};
	char dir[PATH_MAX];
	int r = wrapper_check(err);

	if (r == 0)
		r = wrap_fit(app, supplied, err);
	if (r < 0)
		return r;
	path_dir(app, dir);
	if (!trust_dir(&known, dir, err))
		return err_wrap(err, -EPERM, "cannot pin %s", app);
	/* A wrapped app needs no question, which takes 9 ms: it had no other diversion when it was
	 * wrapped, and dpkg allows none beside pinlib's. */
	return wrap_present(app) ? 0 : divert_allowed(says, app, err);
}

/* -- steps -- */

static int make_wait(const char *stub, struct err *err)
{
	AUTO_FD int fd = open(stub, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "cannot set the mode of %s", stub);
	return 0;
}

/* Puts a new stub at the app's path by one rename; it follows the file program. waits: nobody can start it yet. */
static int place_stub(const char *app, const char *real, const char *program, bool waits,
		      struct err *err)
{
	char temp[ORIGINAL_TEMP_MAX];
	int r = original_temp_name(real, temp, err);

	if (r < 0)
		return r;
	r = stub_write(temp, app, program, err);
	if (r == 0 && waits)
		r = make_wait(temp, err);
	if (r == 0 && rename(temp, app) < 0)
		r = err_sys(err, errno, "cannot rename %s to %s", temp, app);
	if (r < 0)
		unlink(temp);
	return r;
}

static int put_stub(const char *app, const char *real, const char *program, struct err *err)
{
	return place_stub(app, real, program, false, err);
}

/* Without a plan the stub starts nothing, and a program of the same name further on in PATH has to start meanwhile, so
 * this stub is not executable. It follows pinlib's own file until wrap_install, as the published plan does not name the
 * layer yet. */
static int put_first_stub(const char *app, const char *real, struct err *err)
{
	char dir[PATH_MAX];
	int r = original_make_dir(real, err);

	path_dir(real, dir);
	if (r == 0)
		r = file_sync_parent(AT_FDCWD, dir, err);
	if (r == 0)
		r = place_stub(app, real, PINLIB_STUB, true, err);
	return r < 0 ? r : file_sync_parent(AT_FDCWD, app, err);
}

int wrap_restore(const char *app, bool supplied, struct err *err)
{
	char real[PATH_MAX];
	struct followed f;
	struct stat st;
	int r = original_path(app, real, err);

	if (r == 0)
		r = find_followed(app, real, &f, err);
	if (r < 0)
		return r;
	if (stub_is_damaged(app) && original_exists(real))
		return f.sealed ? 0 : put_stub(app, real, real, err);
	if (supplied && !original_exists(real) &&
	    (stub_is_damaged(app) || (lstat(app, &st) < 0 && errno == ENOENT)))
		return put_first_stub(app, real, err);
	if (!lacks_stub(app, real))
		return 0;
	if (linkat(AT_FDCWD, real, AT_FDCWD, app, 0) < 0)
		return err_sys(err, errno, "cannot link %s to %s", real, app);
	return 0;
}

/* A wrapped app has its diversion, which comes before the stub and goes after it; and a package
 * that brings the path, or its other name, replaces the stub. */
int wrap_prepare(const char *app, struct dpkg_says *says, struct err *err)
{
	char real[PATH_MAX];
	int r = original_path(app, real, err);

	if (r < 0 || wrap_present(app))
		return r;
	r = original_link(app, real, err);
	return r < 0 ? r : divert_begin(says, app, err);
}

/* The file of a pinned version cannot follow an edit of its stub. */
static int adopt_edited(const char *app, const char *real, const struct followed *f,
			struct err *err)
{
	int r = f->supplied ? 0 : stub_is_edited(app, real, err);

	return r > 0 ? stub_adopt(app, real, err) : r;
}

static int say_unlike(const char *app, const struct followed *f, int like, struct err *err)
{
	if (like == STUB_OTHER_TEXT && !stub_is_script(app) && !stub_is_script(f->file))
		return err_set(err, ESTALE,
			       "%s, pinlib's %s, is damaged or out of date; 'pinlib doctor "
			       "--repair' restores it",
			       app, f->sealed ? "sealed copy of the program" : "stub");
	return err_set(err, ESTALE,
		       "%s does not match its %s, %s, which was replaced; 'pinlib "
		       "doctor --repair' updates it",
		       app, f->supplied ? "pinned program" : "original", f->file);
}

int wrap_check(const char *app, struct err *err)
{
	char real[PATH_MAX];
	struct followed f;
	int like, r = original_path(app, real, err);

	if (r == 0)
		r = find_followed(app, real, &f, err);
	if (r < 0)
		return r;
	if (!wrap_present(app))
		return err_set(err, ENOENT, "%s is no longer pinlib's %s", app,
			       f.sealed ? "sealed copy of the program" : "stub");
	like = stub_compare(app, f.file, err);
	if (like < 0 || like == STUB_ALIKE)
		return like < 0 ? like : 0;
	if (!f.supplied && stub_is_edited(app, real, err) > 0)
		return err_set(
			err, ESTALE,
			"%s was edited after it was wrapped; 'pinlib doctor --repair' updates "
			"its original, %s",
			app, real);
	return say_unlike(app, &f, like, err);
}

int wrap_follow(const char *app, struct err *err)
{
	char real[PATH_MAX];
	struct followed f;
	int r = original_path(app, real, err);

	sealed_drop_waiting(app); /* of a command that was killed */
	if (r == 0)
		r = find_followed(app, real, &f, err);
	if (r < 0 || !wrap_present(app) || access(f.file, F_OK) < 0)
		return r;
	r = stub_compare(app, f.file, err);
	if (r != STUB_OTHER_TIME)
		return r < 0 ? r : 0;
	r = stub_refit(app, f.file, err);
	return r < 0 ? r : 1;
}

/* A user who could write to a stub may hold it open, and must not be able to write to it once it is root's. */
static bool is_to_replace(const char *app, int like)
{
	struct stat st;

	return like == STUB_OTHER_TEXT ||
	       (like == STUB_OTHER_MODE &&
		(lstat(app, &st) < 0 || st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH)));
}

/* The stub has the owner and mode of the pinned program, and wrap_install would take the difference for an edit. */
int wrap_follow_original(const char *app, struct err *err)
{
	char real[PATH_MAX];
	struct followed f = {.supplied = false};
	int r = original_path(app, real, err);

	if (r == 0)
		r = find_followed(app, real, &f, err);
	return r < 0 || !f.supplied || f.sealed || !wrap_present(app)
		       ? r
		       : put_stub(app, real, real, err);
}

int wrap_seal(const char *app, const struct plan_seal *seal, const char *supplied, struct err *err)
{
	char real[PATH_MAX];
	struct followed f;
	int r = original_path(app, real, err);

	if (r == 0)
		r = find_followed(app, real, &f, err);
	if (r == 0)
		r = adopt_edited(app, real, &f, err);
	return r < 0 ? r : stub_put_sealed(app, seal, supplied ? supplied : real, supplied, err);
}

int wrap_install(const char *app, struct err *err)
{
	char real[PATH_MAX];
	struct followed f;
	int like = STUB_OTHER_TEXT, r = original_path(app, real, err);

	if (r == 0)
		r = find_followed(app, real, &f, err);
	if (r < 0)
		return r;
	original_sweep(real);
	r = adopt_edited(app, real, &f, err);
	if (r == 0 && wrap_present(app))
		r = like = stub_compare(app, f.file, err);
	if (r < 0)
		return r;
	r = is_to_replace(app, like) ? put_stub(app, real, f.file, err)
				     : stub_refit(app, f.file, err);
	/* An earlier command may have been killed before the rename was on the disk. */
	if (r == 0)
		r = file_sync_parent(AT_FDCWD, app, err);
	sealed_drop_waiting(app);
	return r;
}

/* Undoes wrap_prepare. Both names are one file as a rule, and rename(2) would keep them. If they
 * are two, dpkg brought the original through the diversion, and the original is newer; without a
 * diversion somebody installed a program over the stub, and that is newer. */
static int drop_second_name(const char *app, const char *real, struct dpkg_says *says,
			    struct err *err)
{
	int newer = original_is_same(app, real) ? 0 : divert_count(says, app, err);

	if (newer < 0)
		return newer;
	if (newer && rename(real, app) < 0)
		return err_sys(err, errno, "cannot rename %s to %s", real, app);
	if (!newer && unlink(real) < 0)
		return err_sys(err, errno, "cannot remove %s", real);
	return 0;
}

/* 1 if a script's original is gone, and no package removed it: then dpkg, where pinlib diverts the
 * path, would not know the path any more. */
static int lacks_original(const char *app, const char *real, struct dpkg_says *says,
			  struct err *err)
{
	struct stat st;
	int diverted, owned = 0;

	if (!stub_is_present(app) || !stub_is_script(app) || lstat(real, &st) == 0 ||
	    (errno != ENOENT && errno != ENOTDIR))
		return 0;
	diverted = divert_count(says, app, err);
	if (diverted > 0)
		owned = divert_owned(says, app, err);
	if (diverted < 0 || owned < 0)
		return diverted < 0 ? diverted : owned;
	return !diverted || owned;
}

/* The stub is the script, apart from its first line. */
static int restore_original(const char *app, const char *real, struct dpkg_says *says,
			    struct err *err)
{
	int r = lacks_original(app, real, says, err);

	if (r <= 0)
		return r;
	r = original_make_dir(real, err);
	return r < 0 ? r : stub_adopt(app, real, err);
}

static int bring_back(const char *app, const char *real, struct err *err)
{
	if (rename(real, app) == 0)
		return 0;
	if (errno != ENOENT)
		return err_sys(err, errno, "cannot rename %s to %s", real, app);
	/* The package was removed, and only the stub is left. */
	return unlink(app) < 0 ? err_sys(err, errno, "cannot remove %s", app) : 0;
}

/* The app's directory need not exist any more. */
static int sync_dir(const char *app, struct err *err)
{
	char dir[PATH_MAX];
	struct stat st;

	path_dir(app, dir);
	if (stat(dir, &st) < 0 ? errno == ENOENT || errno == ENOTDIR : !S_ISDIR(st.st_mode))
		return 0;
	return file_sync_parent(AT_FDCWD, app, err);
}

int wrap_remove(const char *app, struct dpkg_says *says, struct err *err)
{
	char real[PATH_MAX];
	struct followed f;
	int r = original_path(app, real, err);

	if (r == 0)
		r = find_followed(app, real, &f, err);
	if (r < 0 || wrap_is_anothers(app))
		return r;
	/* A mount there may be the original itself, and look like a second name of it. */
	if (wrap_traces(app))
		r = mounted_refuse(app, err);
	if (r == 0)
		r = adopt_edited(app, real, &f, err);
	if (r == 0 && !f.supplied)
		r = restore_original(app, real, says, err);
	if (r < 0)
		return r;
	if (wrap_present(app) || lacks_stub(app, real))
		r = bring_back(app, real, err);
	else if (original_exists(real))
		r = drop_second_name(app, real, says, err);
	if (r == 0)
		r = sync_dir(app, err);
	if (r == 0)
		r = divert_end(says, app, err);
	sealed_drop_waiting(app);
	return r < 0 ? r : original_tidy(real, err);
}
