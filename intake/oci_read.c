/* The parent's side of an image's import. It takes the parser's frames for hostile. */
#include "intake/oci.h"
#include "intake/source.h"
#include "provenance/gather.h"
#include "store/text.h"
#include "unpack/frame.h"
#include "unpack/unpack.h"

struct oci_part {
	int fd;
	unsigned int number;
};

static void run_oci_parser(void *ctx, int output)
{
	const struct oci_part *p = ctx;

	unpack_oci(p->fd, p->number, output);
}

static int start_parser(struct parser *parser, struct oci_part *part, struct err *err)
{
	int ends[2], r = parser_pipe(ends, err);

	return r < 0 ? r : parser_start(parser, "archive", ends, run_oci_parser, part, err);
}

/* -- pins -- */

struct pins_text {
	char *data;
	size_t len;
};

static int invalid_frame(struct err *err)
{
	return err_set(err, EBADMSG, "damaged archive: the parser sent an invalid frame");
}

static int read_error(struct parser *parser, const struct frame *f, struct err *err)
{
	char path[FRAME_TEXT_MAX + 1], why[FRAME_TEXT_MAX + 1], a[TEXT_SHOWN], b[TEXT_SHOWN];
	int r = parser_read(parser, path, f->path_len, err);

	if (r == 0)
		r = parser_read(parser, why, f->target_len, err);
	if (r < 0)
		return r;
	path[f->path_len] = why[f->target_len] = '\0';
	return err_set(err, f->mode == EPERM || f->mode == EFBIG ? (int)f->mode : EBADMSG, "%s%s%s",
		       text_shown(path, a), path[0] ? " " : "", text_shown(why, b));
}

static int read_data(struct parser *parser, const struct frame *f, struct pins_text *text,
		     struct err *err)
{
	if (f->data_len > OCI_PINS_MAX - text->len)
		return err_set(err, EFBIG, "the text of its pins is too large");
	text->len += f->data_len;
	return parser_read(parser, text->data + text->len - f->data_len, f->data_len, err);
}

/* FILE, DATA..., END. */
static int read_frames(struct parser *parser, struct pins_text *text, unsigned int *versions,
		       struct err *err)
{
	char path[FRAME_TEXT_MAX];
	struct frame f;
	int r;

	for (;;) {
		r = parser_read(parser, &f, sizeof f, err);
		if (r < 0)
			return r;
		if (f.path_len > FRAME_TEXT_MAX || f.target_len > FRAME_TEXT_MAX)
			return invalid_frame(err);
		if (f.type == FRAME_ERROR)
			return read_error(parser, &f, err);
		if (f.type == FRAME_END) {
			*versions = f.mode;
			return f.mode > OCI_LAYERS_MAX ? invalid_frame(err) : 0;
		}
		if (f.type == FRAME_DATA && f.path_len == 0 && f.target_len == 0)
			r = read_data(parser, &f, text, err);
		else if (f.type == FRAME_FILE && f.target_len == 0 && f.data_len == 0)
			r = parser_read(parser, path, f.path_len, err);
		else
			r = invalid_frame(err);
		if (r < 0)
			return r;
	}
}

int oci_read_pins(int fd, char **out, size_t *len, unsigned int *versions, struct err *err)
{
	struct parser parser = PARSER_NONE;
	struct pins_text text = {.data = calloc(1, OCI_PINS_MAX + 1)};
	struct oci_part part = {.fd = fd};
	int r = text.data ? start_parser(&parser, &part, err) : err_nomem(err);

	if (r == 0)
		r = read_frames(&parser, &text, versions, err);
	r = parser_end(&parser, r, err);
	if (r < 0) {
		free(text.data);
		return r;
	}
	*out = text.data;
	*len = text.len;
	return 0;
}

/* -- a version -- */

static int read_part(struct staging *s, const void *ctx, struct err *err)
{
	struct oci_part part = *(const struct oci_part *)ctx;
	struct parser parser = PARSER_NONE;
	int r = start_parser(&parser, &part, err);

	if (r == 0)
		r = source_frames(s, &parser, err);
	r = parser_end(&parser, r, err);
	/* Whoever wrote the image says so, and nothing of it was verified. */
	if (r == 0 && s->source_field[0])
		r = provenance_take_source(&s->provenance, s->source_field, s->name, s->version,
					   err);
	return r;
}

int oci_add(struct store *store, int fd, unsigned int n, const struct intake_options *options,
	    struct version *out, bool *known, struct err *err)
{
	struct oci_part part = {.fd = fd, .number = n};

	return source_add(store, read_part, &part, NULL, options, out, known, err);
}
