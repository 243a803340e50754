/* The parent's side of intake/frame.h: starts the archive parser and checks each of its frames. */
#include "base/parser.h"
#include "intake/frame.h"
#include "intake/source.h"
#include "intake/unpack.h"
#include "store/text.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>

struct frame_reader {
	struct staging *s;
	struct parser *parser;
	char path[FRAME_TEXT_MAX + 1], target[FRAME_TEXT_MAX + 1];
	char data[FRAME_DATA_MAX];
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
	return archive_damaged(err, "the parser sent an invalid frame");
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
	switch (f->type) {
	case FRAME_FIELD:
		return take_field(r, err);
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

int source_frames(struct staging *s, struct parser *parser, struct err *err)
{
	AUTO_FREE struct frame_reader *r = calloc(1, sizeof *r);
	int n;

	if (!r)
		return err_nomem(err);
	r->s = s;
	r->parser = parser;
	r->w = OBJECT_WRITER_NONE;
	n = read_frames(r, err);
	object_abandon(&r->w);
	return n < 0 ? n : check_fields(s, err);
}

static void run_deb_parser(void *archive, int output)
{
	unpack_deb(*(const int *)archive, output);
}

int source_deb(struct staging *s, int fd, const char *path, struct err *err)
{
	struct parser parser = PARSER_NONE;
	int ends[2], n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read %s", path);
	n = parser_pipe(ends, err);
	if (n == 0)
		n = parser_start(&parser, "archive", ends, run_deb_parser, &fd, err);
	if (n == 0)
		n = source_frames(s, &parser, err);
	n = parser_end(&parser, n, err);
	return n < 0 ? err_wrap(err, n, "%s", path) : 0;
}
