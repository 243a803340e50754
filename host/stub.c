#include "host/stub.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/paths.h"
#include "host/original.h"
#include "host/sealed.h"
#include "host/wrapper_file.h"
#include "plan/read.h"
#include "plan/stub.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPT_MAX (64u << 20)
#define STUB_TEXT_MAX (SCRIPT_MAX + STUB_LINE_MAX)

bool stub_is_script(const char *path)
{
	char two[2];
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && pread(fd, two, 2, 0) == 2 && two[0] == '#' && two[1] == '!';
}

/* No program begins with a page of NULs. A stub is empty, or full of NULs, after a write that was interrupted. */
static bool is_blank(const char *path)
{
	char page[4096];
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n = fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)
			    ? -1
			    : pread(fd, page, sizeof page, 0);

	for (ssize_t i = 0; i < n; i++)
		if (page[i])
			return false;
	return n >= 0;
}

bool stub_is_present(const char *app)
{
	char named[PATH_MAX], real[PATH_MAX];
	enum stub_form form = stub_read(app, named);
	struct err ignored;

	if (form == STUB_DAMAGED || (form != STUB_NONE && strcmp(named, app) == 0) ||
	    sealed_is_present(app))
		return true;
	/* In front of an original, another app's stub and a blank file are damage, and no new program. */
	return original_path(app, real, &ignored) == 0 && original_exists(real) &&
	       (form != STUB_NONE || is_blank(app));
}

bool stub_is_damaged(const char *app)
{
	char named[PATH_MAX];
	enum stub_form form = stub_read(app, named);

	if (form == STUB_SCRIPT || !stub_is_present(app))
		return false;
	return (form != STUB_ELF && !sealed_read(app, named)) || strcmp(named, app) != 0;
}

/* -- what a stub has to be -- */

struct stub_wish {
	char word[STUB_WORD_MAX];
	struct timespec time; /* of change */
	struct stat original;
	bool sealed; /* the file is to be a sealed one with this digest, and has no text here */
	struct digest digest;
	char *text;
	size_t len;
};

static void stub_wish_free(struct stub_wish *wish)
{
	free(wish->text);
}
#define AUTO_STUB_WISH CLEANUP(stub_wish_free)

/* Nanoseconds that follow from the layers, up to a million. The label of a view begins with the name of its layers, a
 * digest in hexadecimal. */
static long layers_number(const struct plan *plan)
{
	char digits[6] = "";

	snprintf(digits, sizeof digits, "%s", plan->label);
	return strtol(digits, NULL, 16);
}

/* What the published plan decides. Without one, as before the first pin, the stub is that of a refusing app. */
static int read_plan_for_stub(const char *app, struct stub_wish *wish, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct err ignored;
	bool unpinned = false;
	long layers = 0;

	if (!file)
		return err_nomem(err);
	if (plan_load(PINLIB_PLANS, app, 0, file, &ignored) == 0) {
		unpinned = file->plan.on_failure == PLAN_UNPINNED;
		layers = layers_number(&file->plan);
		wish->sealed = file->plan.seal;
		if (wish->sealed)
			memcpy(wish->digest.bytes, file->plan.seal->file, DIGEST_SIZE);
		/* An object of the store, which is not executable. */
		if (wish->sealed && plan_is_supplied(&file->plan))
			wish->original.st_mode = S_IFREG | 0755;
	}
	wish->time = wish->original.st_mtim;
	/* By a millisecond: a stub that is later than a change of its original counts as edited. */
	wish->time.tv_nsec = (wish->time.tv_nsec + layers) % 1000000000;
	return stub_word(app, unpinned, wish->word, err);
}

static int script_text(const char *real, struct stub_wish *wish, struct err *err)
{
	AUTO_FREE char *old = NULL;
	size_t size, rest, head = strlen(STUB_SHEBANG) + strlen(wish->word) + 1;
	int r = file_read_at(AT_FDCWD, real, SCRIPT_MAX, &old, &size, err);

	if (r < 0)
		return r;
	if (strncmp(old, "#!", 2) != 0) /* its owner can write to it at any time */
		return err_set(err, ESTALE, "%s is no longer a script", real);
	rest = 2 + strspn(old + 2, " \t");
	if (strcspn(old + rest, "\n") + head > STUB_LINE_MAX)
		return err_set(err, ENAMETOOLONG,
			       "the first line of %s is too long to name the stub in it", real);
	wish->text = malloc(head + size + 1);
	if (!wish->text)
		return err_nomem(err);
	snprintf(wish->text, head + 1, STUB_SHEBANG "%s ", wish->word);
	memcpy(wish->text + head, old + rest, size - rest);
	wish->len = head + size - rest;
	return 0;
}

static int elf_text(struct stub_wish *wish, struct err *err)
{
	struct stub stub = {.magic = STUB_MAGIC};
	int r = file_read_at(AT_FDCWD, PINLIB_STUB, STUB_FILE_MAX, &wish->text, &wish->len, err);

	if (r < 0)
		return err_wrap(err, r, "pinlib is not installed completely");
	if (wish->len < STUB_AT + sizeof stub ||
	    memcmp(wish->text + STUB_AT, STUB_MAGIC, strlen(STUB_MAGIC)) != 0)
		return err_set(err, EBADMSG, "%s is no longer pinlib's stub; install pinlib again",
			       PINLIB_STUB);
	snprintf(stub.word, sizeof stub.word, "%s", wish->word);
	memcpy(wish->text + STUB_AT, &stub, sizeof stub);
	return 0;
}

static int make_wish(const char *app, const char *real, bool script, struct stub_wish *wish,
		     struct err *err)
{
	int r;

	if (stat(real, &wish->original) < 0)
		return err_sys(err, errno, "cannot stat %s", real);
	r = read_plan_for_stub(app, wish, err);
	if (r < 0 || wish->sealed)
		return r;
	return script ? script_text(real, wish, err) : elf_text(wish, err);
}

/* -- steps -- */

static int set_times(int fd, const struct stat *like, const struct timespec *time)
{
	return futimens(fd, (struct timespec[]){like->st_atim, *time});
}

/* chown(2) also removes setuid and setgid bits and capabilities. */
static int fit_file(int fd, const char *path, const struct stat *like, const struct timespec *time,
		    struct err *err)
{
	if (fchown(fd, like->st_uid, like->st_gid) < 0 || fchmod(fd, like->st_mode & 0777) < 0 ||
	    set_times(fd, like, time) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "cannot set the owner, mode and time of %s", path);
	return 0;
}

/* A new file, with the owner and mode of another. */
static int write_like(const char *path, const char *text, size_t len, const struct stat *like,
		      const struct timespec *time, struct err *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create %s", path);
	r = file_write(fd, text, len, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : fit_file(fd, path, like, time, err);
}

int stub_write(const char *path, const char *app, const char *real, struct err *err)
{
	AUTO_STUB_WISH struct stub_wish wish = {0};
	int r = make_wish(app, real, stub_is_script(real), &wish, err);

	if (r == 0 && wish.sealed) /* only seal/ can make it */
		r = err_set(err, ESTALE, "the sealed copy of %s is damaged or out of date", app);
	if (r < 0)
		return r;
	return write_like(path, wish.text, wish.len, &wish.original, &wish.time, err);
}

/* A file system that keeps whole seconds, or an archive, drops the nanoseconds. */
static bool time_agrees(const struct timespec *have, const struct timespec *want)
{
	return have->tv_sec == want->tv_sec &&
	       (have->tv_nsec == want->tv_nsec || have->tv_nsec == 0);
}

static int compare_file(const char *app, const struct stub_wish *wish, struct err *err)
{
	struct stat st;
	int privileged;

	if (lstat(app, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", app);
	privileged = wrapper_is_privileged(app, &st, err);
	if (privileged < 0)
		return privileged;
	if (privileged || (st.st_mode & 0777) != (wish->original.st_mode & 0777) ||
	    st.st_uid != wish->original.st_uid || st.st_gid != wish->original.st_gid)
		return STUB_OTHER_MODE;
	return time_agrees(&st.st_mtim, &wish->time) ? STUB_ALIKE : STUB_OTHER_TIME;
}

/* 1: the file has this content. */
static int has_digest(const char *path, const struct digest *digest, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct digest found;
	int r = fd < 0 ? err_sys(err, errno, "cannot open %s", path) : digest_fd(fd, &found, err);

	return r < 0 ? r : digest_equal(digest, &found);
}

int stub_compare(const char *app, const char *real, struct err *err)
{
	AUTO_STUB_WISH struct stub_wish wish = {0};
	AUTO_FREE char *have = NULL;
	char named[PATH_MAX];
	size_t len = 0;
	bool script = stub_is_script(app);
	int r;

	if (script != stub_is_script(real))
		return STUB_OTHER_TEXT;
	r = make_wish(app, real, script, &wish, err);
	if (r == 0 && wish.sealed)
		r = has_digest(app, &wish.digest, err);
	if (wish.sealed)
		return r > 0 ? compare_file(app, &wish, err) : r < 0 ? r : STUB_OTHER_TEXT;
	if (r == 0 && sealed_read(app, named))
		return STUB_OTHER_TEXT;
	if (r == 0)
		r = file_read_at(AT_FDCWD, app, STUB_TEXT_MAX, &have, &len, err);
	if (r < 0)
		return r;
	if (len != wish.len || memcmp(have, wish.text, len) != 0)
		return STUB_OTHER_TEXT;
	return compare_file(app, &wish, err);
}

int stub_put_sealed(const char *app, const struct plan_seal *seal, const char *like, bool supplied,
		    struct err *err)
{
	struct stub_wish wish = {.sealed = true};
	char waiting[PATH_MAX];
	AUTO_FD int fd = -1;
	int r = sealed_waiting(app, waiting, err);

	if (r == 0 && stat(like, &wish.original) < 0)
		r = err_sys(err, errno, "cannot stat %s", like);
	if (r < 0)
		return r;
	if (supplied)
		wish.original.st_mode = S_IFREG | 0755;
	wish.time = wish.original.st_mtim;
	memcpy(wish.digest.bytes, seal->file, DIGEST_SIZE);
	if (has_digest(app, &wish.digest, err) > 0 &&
	    compare_file(app, &wish, err) != STUB_OTHER_MODE)
		return 0;
	fd = open(waiting, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", waiting);
	r = fit_file(fd, waiting, &wish.original, &wish.time, err);
	if (r == 0 && rename(waiting, app) < 0)
		r = err_sys(err, errno, "cannot rename %s to %s", waiting, app);
	return r < 0 ? r : file_sync_parent(AT_FDCWD, app, err);
}

int stub_refit(const char *app, const char *real, struct err *err)
{
	AUTO_STUB_WISH struct stub_wish wish = {0};
	AUTO_FD int fd = open(app, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	int like, r = make_wish(app, real, stub_is_script(app), &wish, err);

	if (r < 0)
		return r;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot open %s", app);
	like = compare_file(app, &wish, err);
	if (like < 0)
		return like;
	if (like != STUB_ALIKE || st.st_mtim.tv_nsec != wish.time.tv_nsec)
		return fit_file(fd, app, &wish.original, &wish.time, err);
	/* An earlier command may have been killed before this. */
	return fsync(fd) < 0 ? err_sys(err, errno, "cannot sync %s", app) : 0;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Whether somebody wrote to the stub after its original was replaced. A time in the future was set, and not written: stubs
 * have their originals' time, which comes from a package, and the clock may be slow. */
static bool is_written(const struct stat *stub, const struct stat *original)
{
	return is_later(&stub->st_mtim, &original->st_ctim) &&
	       !is_later(&stub->st_mtim, &stub->st_ctim);
}

int stub_is_edited(const char *app, const char *real, struct err *err)
{
	struct stat stub, original;
	int like;

	if (!stub_is_present(app) || access(real, F_OK) < 0)
		return 0;
	like = stub_compare(app, real, err);
	if (like < 0 || like == STUB_ALIKE || like == STUB_OTHER_TIME)
		return like < 0 ? like : 0;
	if (lstat(app, &stub) < 0 || lstat(real, &original) < 0)
		return err_sys(err, errno, "cannot stat %s or %s", real, app);
	/* Behind a link, which an upgrade may bring, is another program. */
	if (!S_ISREG(original.st_mode) || !is_later(&stub.st_ctim, &original.st_ctim))
		return 0;
	return like == STUB_OTHER_MODE ||
	       (stub_is_script(app) && stub_is_script(real) && is_written(&stub, &original));
}

/* -- adopting an edit -- */

static int adopt_mode(const char *real, const struct stat *stub, struct err *err)
{
	if (chown(real, stub->st_uid, stub->st_gid) < 0 || chmod(real, stub->st_mode & 0777) < 0)
		return err_sys(err, errno, "cannot set the owner and mode of %s", real);
	return 0;
}

/* The script's own first line begins after the word. */
static int own_text(const char *app, char **text, size_t *from, size_t *len, struct err *err)
{
	int r = file_read_at(AT_FDCWD, app, STUB_TEXT_MAX, text, len, err);
	size_t shebang = strlen(STUB_SHEBANG), word;

	if (r < 0)
		return r;
	word = strncmp(*text, STUB_SHEBANG, shebang) == 0 ? strcspn(*text + shebang, " \n") : 0;
	if (word == 0 || (*text)[shebang + word] != ' ')
		return err_set(err, ESTALE, "%s was edited and is no longer a script", app);
	*from = shebang + word + 1 - 2;
	memcpy(*text + *from, "#!", 2);
	return 0;
}

static int adopt_text(const char *app, const char *real, const struct stat *stub, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char temp[ORIGINAL_TEMP_MAX];
	size_t len = 0, from = 0;
	int r = own_text(app, &text, &from, &len, err);

	if (r == 0)
		r = original_temp_name(real, temp, err);
	if (r < 0)
		return r;
	r = write_like(temp, text + from, len - from, stub, &stub->st_mtim, err);
	if (r == 0 && rename(temp, real) < 0)
		r = err_sys(err, errno, "cannot rename %s to %s", temp, real);
	if (r < 0) {
		unlink(temp);
		return r;
	}
	return file_sync_parent(AT_FDCWD, real, err);
}

int stub_adopt(const char *app, const char *real, struct err *err)
{
	struct stat st;

	if (lstat(app, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", app);
	return stub_is_script(app) ? adopt_text(app, real, &st, err) : adopt_mode(real, &st, err);
}
