/* The parent's side of unpack/frame.h: starts the archive parser and checks each of its frames. */
#include "base/file.h"
#include "base/parser.h"
#include "base/path.h"
#include "base/reach.h"
#include "intake/intake.h"
#include "intake/source.h"
#include "provenance/gather.h"
#include "store/text.h"
#include "unpack/frame.h"
#include "unpack/unpack.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

struct frame_reader {
	struct staging *s;
	struct parser *parser;
	char path[FRAME_TEXT_MAX + 1], target[FRAME_TEXT_MAX + 1];
	char data[FRAME_DATA_MAX];
	const struct source_blobs *blobs; /* of an image; NULL: none */
	struct control *control; /* NULL; or the fields go there, and no members are expected */
	/* The file that the next DATA frames belong to. */
	bool open;
	char member[FRAME_TEXT_MAX + 1];
	mode_t mode;
	int64_t time;
	uint64_t left;
	struct object_writer w;
};

static int archive_damaged(struct err *err, const char *why)
{
	char buf[TEXT_SHOWN];

	return err_set(err, EBADMSG, "damaged archive: %s", text_shown(why, buf));
}

static int read_text(struct frame_reader *r, char *to, size_t len, struct err *err)
{
	int n = parser_read(r->parser, to, len, err);

	if (n < 0)
		return n;
	to[len] = '\0';
	return memchr(to, '\0', len) ? archive_damaged(err, "a name has a NUL") : 0;
}

static int read_frame(struct frame_reader *r, struct frame *f, struct err *err)
{
	int n = parser_read(r->parser, f, sizeof *f, err);

	if (n < 0)
		return n;
	if (f->path_len > FRAME_TEXT_MAX || f->target_len > FRAME_TEXT_MAX ||
	    f->data_len > FRAME_DATA_MAX)
		return archive_damaged(err, "the parser sent an invalid frame");
	n = read_text(r, r->path, f->path_len, err);
	if (n == 0)
		n = read_text(r, r->target, f->target_len, err);
	return n < 0 ? n : parser_read(r->parser, r->data, f->data_len, err);
}

/* The value is checked when the version's own name is known (provenance/gather.h). One that is longer than a name and a
 * version is no source's. */
static int take_source(struct frame_reader *r, struct err *err)
{
	struct staging *s = r->s;

	if (s->source_field[0])
		return archive_damaged(err, "its control file repeats a field");
	if (strlen(r->target) < sizeof s->source_field)
		memcpy(s->source_field, r->target, strlen(r->target) + 1);
	return 0;
}

/* Refuses a repeated field, because parsers differ in which one counts. */
static int take_field(struct frame_reader *r, struct err *err)
{
	const struct {
		const char *field, *what, *now;
	} labels[] = {
		{"Package", "name", r->s->name},
		{"Version", "version", r->s->version},
		{"Architecture", "architecture", r->s->arch},
	};

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		if (strcasecmp(r->path, labels[i].field) != 0)
			continue;
		if (labels[i].now[0])
			return archive_damaged(err, "its control file repeats a field");
		return staging_label(r->s, labels[i].what, r->target, err) < 0 ? -EBADMSG : 0;
	}
	return strcasecmp(r->path, "Source") == 0
		       ? take_source(r, err)
		       : archive_damaged(err, "the parser sent an invalid frame");
}

static int take_error(struct frame_reader *r, const struct frame *f, struct err *err)
{
	char member[TEXT_SHOWN], why[TEXT_SHOWN];

	text_shown(r->path, member);
	text_shown(r->target, why);
	switch (f->mode) {
	case EPERM:
		return err_set(err, EPERM, "%s%s%s", member, member[0] ? " " : "", why);
	case EFBIG:
		return err_set(err, EFBIG, "%s", why);
	case ENOSYS:
		return err_set(err, EPERM, "cannot confine the archive parser: %s", why);
	default:
		return archive_damaged(err, r->target);
	}
}

static int finish_file(struct frame_reader *r, struct err *err)
{
	r->open = false;
	return staging_file(r->s, r->member, r->mode, r->time, &r->w, err);
}

static int begin_file(struct frame_reader *r, const struct frame *f, struct err *err)
{
	int n = staging_check_file(r->s, r->path, f->mode, f->size, err);

	if (n == 0)
		n = object_begin(r->s->store, r->s->dir, &r->w, err);
	if (n < 0)
		return n;
	memcpy(r->member, r->path, sizeof r->member);
	r->mode = f->mode;
	r->time = f->time;
	r->left = f->size;
	r->open = true;
	return r->left ? 0 : finish_file(r, err);
}

static int take_data(struct frame_reader *r, const struct frame *f, struct err *err)
{
	int n;

	if (!r->open || f->data_len == 0 || f->data_len > r->left)
		return archive_damaged(err, "a member is longer than its header says");
	n = object_write(&r->w, r->data, f->data_len, err);
	if (n < 0)
		return n;
	r->left -= f->data_len;
	return r->left ? 0 : finish_file(r, err);
}

static int take_frame(struct frame_reader *r, const struct frame *f, struct err *err)
{
	if (f->type == FRAME_ERROR)
		return take_error(r, f, err);
	if (r->open && f->type != FRAME_DATA)
		return archive_damaged(err, "a member is shorter than its header says");
	if (r->control)
		return f->type == FRAME_FIELD
			       ? control_set(r->control, r->path, r->target, err)
			       : archive_damaged(err, "the parser sent an invalid frame");
	switch (f->type) {
	case FRAME_FIELD:
		return take_field(r, err);
	case FRAME_BLOB:
		return r->blobs ? source_send_blob(r->blobs, r->path, err)
				: archive_damaged(err, "the parser sent an invalid frame");
	case FRAME_DIR:
		return staging_dir(r->s, r->path, f->time, err);
	case FRAME_LINK:
		return staging_link(r->s, r->path, r->target, err);
	case FRAME_HARD:
		return staging_hard(r->s, r->path, f->mode, r->target, err);
	case FRAME_FILE:
		return begin_file(r, f, err);
	case FRAME_DATA:
		return take_data(r, f, err);
	default:
		return archive_damaged(err, "the parser sent an invalid frame");
	}
}

static int read_frames(struct frame_reader *r, struct err *err)
{
	struct frame f;
	int n;

	for (;;) {
		n = read_frame(r, &f, err);
		if (n < 0)
			return n;
		if (f.type == FRAME_END && !r->open)
			return 0;
		n = take_frame(r, &f, err);
		if (n < 0)
			return n;
	}
}

static int check_fields(const struct staging *s, struct err *err)
{
	if (!s->name[0] || !s->version[0] || !s->arch[0])
		return archive_damaged(
			err, "its control file lacks a Package, Version or Architecture field");
	return 0;
}

int source_image_frames(struct staging *s, struct parser *parser, const struct source_blobs *blobs,
			struct err *err)
{
	AUTO_FREE struct frame_reader *r = calloc(1, sizeof *r);
	int n;

	if (!r)
		return err_nomem(err);
	r->s = s;
	r->parser = parser;
	r->blobs = blobs;
	r->w = OBJECT_WRITER_NONE;
	n = read_frames(r, err);
	object_abandon(&r->w);
	return n;
}

int source_frames(struct staging *s, struct parser *parser, struct err *err)
{
	int r = source_image_frames(s, parser, NULL, err);

	return r < 0 ? r : check_fields(s, err);
}

struct archive_job {
	enum unpack_kind kind;
	bool only_control;
	int fd;
};

static void run_archive_parser(void *ctx, int output)
{
	const struct archive_job *job = ctx;

	if (job->kind != UNPACK_DEB)
		unpack_foreign(job->kind, job->only_control, job->fd, output);
	if (job->only_control)
		unpack_deb_control(job->fd, output);
	unpack_deb(job->fd, output);
}

int source_archive(struct staging *s, enum unpack_kind kind, int fd, const char *path,
		   struct err *err)
{
	struct archive_job job = {.kind = kind, .fd = fd};
	struct parser parser = PARSER_NONE;
	int ends[2], n;

	s->glibc_only = kind != UNPACK_DEB;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read %s", path);
	n = parser_pipe(ends, err);
	if (n == 0)
		n = parser_start(&parser, "archive", ends, run_archive_parser, &job, err);
	if (n == 0)
		n = source_frames(s, &parser, err);
	n = parser_end(&parser, n, err);
	if (n == 0 && kind == UNPACK_DEB)
		n = provenance_take_source(&s->provenance, s->source_field, s->name, s->version,
					   err);
	if (n == 0)
		n = digest_fd(fd, &s->provenance.archive, err);
	s->provenance.has_archive = n == 0;
	return n < 0 ? err_wrap(err, n, "%s", path) : 0;
}

/* -- control fields alone -- */

static int read_control_frames(struct parser *parser, struct control *out, struct err *err)
{
	AUTO_FREE struct frame_reader *r = calloc(1, sizeof *r);

	if (!r)
		return err_nomem(err);
	r->parser = parser;
	r->w = OBJECT_WRITER_NONE;
	r->control = out;
	return read_frames(r, err);
}

static int read_control(const char *path, enum unpack_kind kind, struct control *out,
			struct err *err)
{
	struct archive_job job = {.kind = kind, .only_control = true};
	AUTO_REACH struct reach at = REACH_NONE;
	struct parser parser = PARSER_NONE;
	AUTO_FD int fd = -1;
	int ends[2], r = reach(path, 0, &at, err);

	if (r == 0 && !S_ISREG(at.st.st_mode))
		r = err_set(err, EINVAL, "%s is not a file", path);
	if (r == 0)
		job.fd = fd = r = reach_open(&at, O_RDONLY | O_NONBLOCK, err);
	if (fd >= 0)
		r = parser_pipe(ends, err);
	if (r == 0)
		r = parser_start(&parser, "archive", ends, run_archive_parser, &job, err);
	if (r == 0)
		r = read_control_frames(&parser, out, err);
	r = parser_end(&parser, r, err);
	if (r == 0)
		out->file = strdup(path);
	return r == 0 && !out->file ? err_nomem(err) : r;
}

struct package_directory {
	const char *path;
	enum unpack_kind kind;
	uid_t owner;
	struct controls *out;
};

static int add_control(void *ctx, int dir, const char *name, struct err *err)
{
	struct package_directory *d = ctx;
	AUTO_CONTROL struct control c = {0};
	char path[PATH_MAX];
	struct err why;
	int r;

	if (intake_kind(name) != (int)d->kind || d->out->count >= INTAKE_MAX_NEIGHBOURS ||
	    !intake_is_neighbour(dir, name, d->owner) || path_join(d->path, name, path, &why) < 0)
		return 0;
	r = read_control(path, d->kind, &c, &why);
	if (r == 0 && (!c.name || text_label_fault(c.name) || !c.version || !c.arch))
		r = -EBADMSG;
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	return controls_add(d->out, &c, err);
}

int intake_kind(const char *name)
{
	static const struct {
		const char *suffix;
		enum unpack_kind kind;
	} known[] = {
		{".deb", UNPACK_DEB},	     {".rpm", UNPACK_RPM},
		{".apk", UNPACK_PKG},	     {".pkg.tar.zst", UNPACK_PKG},
		{".pkg.tar.xz", UNPACK_PKG}, {".pkg.tar.gz", UNPACK_PKG},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (path_ends(name, known[i].suffix))
			return (int)known[i].kind;
	return -1;
}

bool intake_is_neighbour(int dir, const char *name, uid_t owner)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_uid == 0 || st.st_uid == owner);
}

int intake_controls(const char *package, struct controls *out, struct err *err)
{
	struct package_directory d = {.out = out};
	int kind = intake_kind(package);
	char path[PATH_MAX];
	AUTO_FD int dir = -1;
	struct stat st;

	if (lstat(package, &st) < 0)
		return err_sys(err, errno, "cannot read %s", package);
	path_dir(package, path);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "cannot open %s", path);
	d.path = path;
	d.kind = kind < 0 ? UNPACK_DEB : (enum unpack_kind)kind;
	d.owner = st.st_uid;
	return file_each_name(dir, add_control, &d, err);
}
