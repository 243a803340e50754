#include "cli/output.h"

#include "base/file.h"

#include <fcntl.h>
#include <string.h>

static int begin_new(struct output *o, const char *file, struct err *err)
{
	char prefix[] = FILE_TEMP;
	int r = file_temp_name(prefix, o->temp, sizeof o->temp, err);

	if (r < 0)
		return r;
	o->fd = openat(o->at.dir, o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (o->fd >= 0)
		return 0;
	r = err_sys(err, errno, "cannot create %s", file);
	o->temp[0] = '\0';
	return r;
}

/* Whether root can write to the file without harm: root made it, or it is a device, which only root can make, or a
 * descriptor that is open already. */
static int check_special(const struct reach *at, const char *file, struct err *err)
{
	mode_t mode = at->st.st_mode;

	if (S_ISDIR(mode))
		return err_sys(err, EISDIR, "cannot write %s", file);
	if (S_ISCHR(mode) || S_ISBLK(mode) || at->dir < 0 || at->st.st_uid == 0 ||
	    at->st.st_uid == geteuid())
		return 0;
	return err_set(err, EPERM, "refusing to write to %s, a %s of user %u", file,
		       S_ISFIFO(mode) ? "FIFO" : "socket", at->st.st_uid);
}

static int begin_special(struct output *o, const char *file, struct err *err)
{
	int r = check_special(&o->at, file, err);

	if (r < 0)
		return r;
	o->fd = reach_open(&o->at, O_WRONLY | (S_ISREG(o->at.st.st_mode) ? O_TRUNC : 0), err);
	return o->fd < 0 ? o->fd : 0;
}

static int begin_standard(struct output *o, struct err *err)
{
	o->standard = true;
	o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	return o->fd < 0 ? err_sys(err, errno, "cannot write to standard output") : 0;
}

/* Whether a name such as /dev/stdout leads to standard output. */
static bool is_standard(const struct reach *at)
{
	struct stat st;

	return at->dir < 0 && at->fd >= 0 && fstat(STDOUT_FILENO, &st) == 0 &&
	       st.st_dev == at->st.st_dev && st.st_ino == at->st.st_ino;
}

int output_begin(const char *file, struct output *o, struct err *err)
{
	int r;

	*o = OUTPUT_NONE;
	if (strcmp(file, "-") == 0)
		return begin_standard(o, err);
	r = reach(file, REACH_NEW, &o->at, err);
	if (r < 0)
		return err_wrap(err, r, "cannot write %s", file);
	if (is_standard(&o->at))
		return begin_standard(o, err);
	if (o->at.dir >= 0 && (o->at.fd < 0 || S_ISREG(o->at.st.st_mode)))
		return begin_new(o, file, err);
	return begin_special(o, file, err);
}

int output_finish(struct output *o, const char *file, struct err *err)
{
	if (!o->temp[0])
		return 0;
	if (fsync(o->fd) < 0 || renameat(o->at.dir, o->temp, o->at.dir, o->at.name) < 0)
		return err_sys(err, errno, "cannot write %s", file);
	o->temp[0] = '\0';
	return 0;
}

void output_end(struct output *o)
{
	if (o->temp[0])
		unlinkat(o->at.dir, o->temp, 0);
	cleanup_fd(&o->fd);
	reach_end(&o->at);
	*o = OUTPUT_NONE;
}
