#include "elf/readers.h"

#include "base/cleanup.h"
#include "elf/reader.h"
#include "loader/loader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_MAX 4 /* file systems with libraries are few */
#define AHEAD_MAX 32 /* its sockets hold as many questions, whatever it does */

bool readers_here;

/* A process, and what it was asked and has not answered: in that order. */
struct reader {
	bool shared;
	enum file_owner origin;
	dev_t dev;
	struct parser parser;
	struct file_reading *asked[AHEAD_MAX];
	size_t count, sent; /* the first sent of them were sent */
};

struct readers {
	struct reader shared[SHARED_MAX];
	size_t next; /* takes another file system's place */
	struct file_owners origins;
};

bool readers_confine(void)
{
	static int roots = -1; /* it does not change */

	if (roots < 0)
		roots = geteuid() == 0;
	return roots && !readers_here;
}

int readers_new(struct readers **out, struct err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return err_nomem(err);
	for (size_t i = 0; i < SHARED_MAX; i++)
		(*out)->shared[i].parser = PARSER_NONE;
	return 0;
}

void readers_free(struct readers **readers)
{
	struct err ignored;

	if (!*readers)
		return;
	for (size_t i = 0; i < SHARED_MAX; i++)
		parser_end(&(*readers)->shared[i].parser, 0, &ignored);
	file_owners_clear(&(*readers)->origins);
	free(*readers);
	*readers = NULL;
}

enum file_owner readers_owner(struct readers *readers, int fd, const struct stat *st)
{
	return file_owner_of(&readers->origins, fd, st);
}

/* -- one process -- */

/* Sends what was asked for. */
static int send_questions(struct reader *r, struct err *err)
{
	int fds[PARSER_FDS], e = 0;

	if (r->parser.pid < 0)
		e = reader_start(&r->parser, err);
	while (e == 0 && r->sent < r->count) {
		size_t n = 0;

		for (; n < PARSER_FDS && r->sent + n < r->count; n++)
			fds[n] = r->asked[r->sent + n]->fd;
		e = parser_ask(&r->parser, ASK_INFO, fds, n, err);
		r->sent += n;
	}
	return e;
}

/* What kept it from being read is what there is to be known of it. */
static int give_up(struct file_reading *a, int error, const struct err *why, struct err *err)
{
	elf_info_clear(a->facts);
	a->done = true;
	a->facts->error = error;
	a->facts->why = strdup(why->text);
	return a->facts->why ? 0 : err_nomem(err);
}

static int ask_alone(struct file_reading *a, struct err *err);

static int take(struct reader *r, struct err *err)
{
	struct file_reading *a = r->asked[0];
	AUTO_FREE char *data = NULL;
	struct answer head;
	struct err why;
	int e = send_questions(r, &why);

	if (e == 0)
		e = reader_take(&r->parser, &head, &data, &why);
	memmove(r->asked, r->asked + 1, --r->count * sizeof(struct file_reading *));
	r->sent -= r->sent > 0;
	if (e == 0 && !elf_info_decode(data, head.len, a->facts)) {
		err_set(&why, EBADMSG, "the ELF parser sent nonsense");
		parser_end(&r->parser, -EBADMSG, &why);
		e = -EPROTO;
	}
	if (e == 0) {
		a->facts->error = a->facts->why ? -head.r : 0;
		a->done = true;
		return 0;
	}
	if (e == -EPERM) /* it could not be confined, and is gone */
		parser_end(&r->parser, e, &why);
	/* It may have been an earlier file that made it fail. */
	if (e == -EPROTO && r->shared)
		e = ask_alone(a, err);
	else
		e = give_up(a, e == -EPROTO ? -ENOEXEC : e, &why, err);
	/* Another process goes on with what this one was asked besides. */
	if (r->parser.pid < 0)
		r->sent = 0;
	return e;
}

static int take_all(struct reader *r, struct err *err)
{
	int e = 0;

	while (e == 0 && r->count > 0)
		e = take(r, err);
	return e;
}

static int end(struct reader *r, int e, struct err *err)
{
	struct err ignored;

	parser_end(&r->parser, 0, e < 0 ? &ignored : err);
	return e;
}

/* -- all of them -- */

static int shared_by(struct readers *rs, const struct file_reading *a, struct reader **out,
		     struct err *err)
{
	struct reader *r;
	int e;

	for (size_t i = 0; i < SHARED_MAX; i++) {
		r = &rs->shared[i];
		if (r->shared && r->origin == a->origin &&
		    (r->dev == a->st->st_dev || r->origin == ORIGIN_STORE)) {
			*out = r;
			return 0;
		}
	}
	r = &rs->shared[rs->next];
	rs->next = (rs->next + 1) % SHARED_MAX;
	e = take_all(r, err);
	if (e < 0)
		return e;
	end(r, 0, err);
	r->shared = true;
	r->origin = a->origin;
	r->dev = a->st->st_dev;
	*out = r;
	return 0;
}

/* By a process that reads nothing else. */
static int ask_alone(struct file_reading *a, struct err *err)
{
	struct reader r = {.parser = PARSER_NONE, .asked = {a}, .count = 1};

	return end(&r, take_all(&r, err), err);
}

int readers_ask(struct readers *rs, struct file_reading *a, struct err *err)
{
	struct reader *r;
	struct err why;
	int e = 0;

	if (!readers_confine()) {
		a->done = true;
		return elf_info_read(a->fd, a->facts, err);
	}
	/* A device or a FIFO is handed to nobody. */
	if (!S_ISREG(a->st->st_mode))
		return give_up(a, err_set(&why, EINVAL, "not a regular file"), &why, err);
	if (a->origin == ORIGIN_OTHER)
		return ask_alone(a, err);
	e = shared_by(rs, a, &r, err);
	if (e == 0 && r->count == AHEAD_MAX)
		e = take(r, err);
	if (e < 0)
		return e;
	r->asked[r->count++] = a;
	/* What makes a question of its own; what fails is found out by who takes the answer. */
	if (r->count - r->sent == PARSER_FDS)
		send_questions(r, &why);
	return 0;
}

int readers_await(struct readers *rs, struct file_reading *a, struct err *err)
{
	int e = 0;

	for (size_t i = 0; e == 0 && !a->done && i < SHARED_MAX; i++) {
		struct reader *r = &rs->shared[i];

		for (size_t k = 0; k < r->count; k++)
			if (r->asked[k] == a) {
				while (e == 0 && !a->done)
					e = take(r, err);
				break;
			}
	}
	return e;
}

/* -- loaders -- */

static int add_defaults(const char *data, size_t len, struct strings *out, struct err *err)
{
	const char *end = data + len;
	int e = 0;

	for (; e == 0 && data < end && out->count < LOADER_DEFAULTS; data += strlen(data) + 1)
		if (data[0] == '/')
			e = strings_add_once(out, data, err);
	return e;
}

/* The process that reads root's files of that file system has read such loaders; any other reads
 * nothing else. */
int readers_defaults(struct readers *rs, int fd, const struct stat *st, struct strings *out,
		     struct err *err)
{
	struct file_reading a = {.fd = fd, .st = st};
	struct reader alone = {.parser = PARSER_NONE}, *r = &alone;
	AUTO_FREE char *data = NULL;
	struct answer head;
	struct err why;
	int e = 0;

	if (!readers_confine())
		return loader_defaults(fd, out, &why) == -ENOMEM ? err_nomem(err) : 0;
	a.origin = readers_owner(rs, fd, st);
	if (a.origin != ORIGIN_OTHER)
		e = shared_by(rs, &a, &r, err);
	if (e == 0)
		e = take_all(r, err);
	if (e < 0)
		return e;
	if ((r->parser.pid < 0 && reader_start(&r->parser, &why) < 0) ||
	    parser_ask(&r->parser, ASK_DEFAULTS, &fd, 1, &why) < 0)
		return end(&alone, 0, err);
	if (reader_take(&r->parser, &head, &data, &why) == 0)
		e = add_defaults(data, head.len, out, err);
	return end(&alone, e, err);
}

/* -- one file -- */

int read_elf_info(int fd, struct elf_info *out, struct err *err)
{
	struct stat st;
	struct file_reading a = {.fd = fd, .facts = out, .origin = ORIGIN_OTHER, .st = &st};

	*out = (struct elf_info){0};
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat");
	return readers_ask(NULL, &a, err);
}

int read_elf(int fd, struct elf *out, bool *is_elf, struct err *err)
{
	AUTO_ELF_INFO struct elf_info f = {0};
	int class, machine, r = read_elf_info(fd, &f, err);

	*out = (struct elf){0};
	*is_elf = false;
	if (r < 0)
		return r;
	class = f.elf.class;
	machine = f.elf.machine;
	if (f.why) {
		*out = (struct elf){.class = class, .machine = machine};
		return err_set(err, -f.error, "%s", f.why);
	}
	*is_elf = f.is_elf;
	if (f.is_elf) {
		*out = f.elf;
		f.elf = (struct elf){0};
	}
	return 0;
}

int read_elf_path(const char *path, struct elf *out, bool *is_elf, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	r = read_elf(fd, out, is_elf, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
