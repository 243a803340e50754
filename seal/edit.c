#include "seal/edit.h"

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/file.h"
#include "base/parser.h"
#include "store/text.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

/* A child's answer. The patches follow, then their bytes, then the tail. */
struct edit_answer {
	int32_t r; /* below 0: text is why, and nothing follows */
	uint32_t npatches;
	uint64_t nbytes, tail_at, tail_len;
	char text[ERR_TEXT_MAX];
};

/* -- the child -- */

struct edit_question {
	int from;
	const struct edit *edit;
};

static void answer_bytes(int to, const void *data, size_t len)
{
	struct err ignored;

	if (file_write(to, data, len, &ignored) < 0)
		_exit(1);
}

static void answer_changes(const struct rewrite *w)
{
	struct edit_answer a = {
		.npatches = (uint32_t)w->npatches,
		.nbytes = w->bytes.len,
		.tail_at = w->tail_at,
		.tail_len = w->tail.len,
	};

	answer_bytes(1, &a, sizeof a);
	answer_bytes(1, w->patches, w->npatches * sizeof *w->patches);
	answer_bytes(1, w->bytes.data, w->bytes.len);
	answer_bytes(1, w->tail.data, w->tail.len);
}

static void run_editor(void *ctx, int end)
{
	const struct edit_question *q = ctx;
	const char *failed = confine(q->from, end);
	AUTO_REWRITE struct rewrite w = {0};
	struct edit_answer a = {0};
	struct err err = {0};

	if (failed) {
		a.r = -EPERM;
		snprintf(a.text, sizeof a.text, "%s: %s", failed, strerror(errno));
		answer_bytes(fcntl(end, F_GETFD) < 0 ? 1 : end, &a, sizeof a);
		_exit(0);
	}
	a.r = rewrite_compute(0, q->edit, &w, &err);
	if (a.r < 0) {
		memcpy(a.text, err.text, sizeof a.text);
		answer_bytes(1, &a, sizeof a);
	} else {
		answer_changes(&w);
	}
	_exit(0);
}

/* -- the parent -- */

static int invalid_answer(struct err *err)
{
	return err_set(err, EBADMSG, "the program parser sent an invalid answer");
}

static int answer_error(struct edit_answer *a, struct err *err)
{
	char shown[TEXT_SHOWN];

	a->text[sizeof a->text - 1] = '\0';
	text_shown(a->text, shown);
	if (a->r == -EPERM)
		return err_set(err, EPERM, "cannot confine the program parser: %s", shown);
	return err_set(err, a->r == -EINVAL ? EINVAL : EBADMSG, "%s", shown);
}

static int receive_bytes(struct parser *p, struct rewrite_bytes *to, size_t len, struct err *err)
{
	to->data = malloc(len ? len : 1);
	if (!to->data)
		return err_nomem(err);
	to->len = len;
	return parser_read(p, to->data, len, err);
}

static int receive_patches(struct parser *p, const struct edit_answer *a, struct rewrite *w,
			   struct err *err)
{
	w->patches = calloc(a->npatches + 1u, sizeof *w->patches);
	if (!w->patches)
		return err_nomem(err);
	w->npatches = a->npatches;
	return parser_read(p, w->patches, w->npatches * sizeof *w->patches, err);
}

/* All patches lie within the original, and have as many bytes as were sent. */
static bool are_patches_valid(const struct rewrite *w, uint64_t size)
{
	uint64_t left = w->bytes.len;

	for (size_t i = 0; i < w->npatches; i++) {
		const struct rewrite_patch *p = &w->patches[i];

		if (p->at > size || p->len > size - p->at || p->len > left)
			return false;
		left -= p->len;
	}
	return left == 0;
}

static int receive_changes(struct parser *p, uint64_t size, struct rewrite *w, struct err *err)
{
	struct edit_answer a;
	int r = parser_read(p, &a, sizeof a, err);

	if (r < 0)
		return r;
	if (a.r < 0)
		return answer_error(&a, err);
	if (a.r > 0 || a.npatches > REWRITE_PATCHES_MAX || a.nbytes > REWRITE_BYTES_MAX ||
	    a.tail_len > REWRITE_TAIL_MAX || a.tail_len == 0 || a.tail_at != rewrite_tail_at(size))
		return invalid_answer(err);
	w->tail_at = a.tail_at;
	r = receive_patches(p, &a, w, err);
	if (r == 0)
		r = receive_bytes(p, &w->bytes, a.nbytes, err);
	if (r == 0)
		r = receive_bytes(p, &w->tail, a.tail_len, err);
	return r == 0 && !are_patches_valid(w, size) ? invalid_answer(err) : r;
}

static int ask_editor(int from, uint64_t size, const struct edit *edit, struct rewrite *w,
		      struct err *err)
{
	struct edit_question q = {from, edit};
	struct parser p = PARSER_NONE;
	int ends[2], r = parser_pipe(ends, err);

	if (r < 0)
		return r;
	r = parser_start(&p, "program", ends, run_editor, &q, err);
	if (r < 0)
		return r;
	return parser_end(&p, receive_changes(&p, size, w, err), err);
}

static int copy_original(int from, int to, uint64_t size, struct err *err)
{
	off_t at = 0;
	ssize_t n = 1;

	if (ioctl(to, FICLONE, from) != 0) {
		if (lseek(to, 0, SEEK_SET) < 0)
			return err_sys(err, errno, "cannot write the copy");
		while ((uint64_t)at < size && n > 0)
			n = sendfile(to, from, &at, (size_t)(size - (uint64_t)at));
		if (n < 0)
			return err_sys(err, errno, "cannot write the copy");
	}
	/* More than the original's bytes: it grew meanwhile. */
	if (ftruncate(to, (off_t)size) < 0)
		return err_sys(err, errno, "cannot write the copy");
	return 0;
}

static int write_at(int to, uint64_t at, const void *data, size_t len, struct err *err)
{
	if (lseek(to, (off_t)at, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot write the copy");
	return file_write(to, data, len, err);
}

static int write_changes(int to, const struct rewrite *w, struct err *err)
{
	const char *bytes = w->bytes.data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->npatches; i++) {
		r = write_at(to, w->patches[i].at, bytes, w->patches[i].len, err);
		bytes += w->patches[i].len;
	}
	return r < 0 ? r : write_at(to, w->tail_at, w->tail.data, w->tail.len, err);
}

static bool is_as_before(const struct stat *before, const struct stat *now)
{
	return before->st_size == now->st_size && before->st_mtim.tv_sec == now->st_mtim.tv_sec &&
	       before->st_mtim.tv_nsec == now->st_mtim.tv_nsec;
}

int edit_write(int from, int to, const struct edit *edit, struct err *err)
{
	AUTO_REWRITE struct rewrite w = {0};
	struct stat before, now;
	int r;

	if (fstat(from, &before) < 0)
		return err_sys(err, errno, "cannot stat");
	if (!S_ISREG(before.st_mode))
		return err_set(err, EINVAL, "is not a regular file");
	r = ask_editor(from, (uint64_t)before.st_size, edit, &w, err);
	if (r == 0)
		r = copy_original(from, to, (uint64_t)before.st_size, err);
	if (r == 0)
		r = write_changes(to, &w, err);
	if (r == 0 && fstat(from, &now) < 0)
		r = err_sys(err, errno, "cannot stat");
	if (r == 0 && !is_as_before(&before, &now))
		r = err_set(err, EBADMSG, "changed while it was copied");
	return r;
}
