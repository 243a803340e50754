#include "elf/readers.h"

#include "base/cleanup.h"
#include "elf/file_owner.h"
#include "elf/reader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SHARED_MAX 4 /* file systems with libraries are few */
#define AHEAD_MAX 32 /* the socket holds as many questions, whatever the process does */

bool readers_here;

/* A process and the readings that it has not answered, in the order of its answers. */
struct reader_process {
	bool shared;
	enum file_owner owner;
	dev_t dev;
	struct parser parser;
	struct file_reading *pending[AHEAD_MAX];
	size_t count, sent; /* the first sent of them were sent */
};

struct readers {
	struct reader_process shared[SHARED_MAX];
	size_t next; /* the one that is given to the next file system */
	struct file_owners owners;
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
	file_owners_clear(&(*readers)->owners);
	free(*readers);
	*readers = NULL;
}

/* -- one process -- */

static int send_questions(struct reader_process *r, struct err *err)
{
	int fds[PARSER_FDS], e = 0;

	if (r->parser.pid < 0)
		e = reader_start(&r->parser, err);
	while (e == 0 && r->sent < r->count) {
		size_t n = 0;

		for (; n < PARSER_FDS && r->sent + n < r->count; n++)
			fds[n] = r->pending[r->sent + n]->fd;
		e = parser_ask(&r->parser, READER_INFO, fds, n, err);
		r->sent += n;
	}
	return e;
}

/* The reason why a file could not be read becomes the information about it. */
static int fail_reading(struct file_reading *a, int error, const struct err *why, struct err *err)
{
	elf_info_clear(a->info);
	a->done = true;
	a->info->error = error;
	a->info->why = strdup(why->text);
	return a->info->why ? 0 : err_nomem(err);
}

static int read_alone(struct file_reading *a, struct err *err);

/* The first reading's answer is not to be had from this process; e says why. */
static int recover_reading(struct reader_process *r, struct file_reading *a, int e, struct err *why,
			   struct err *err)
{
	if (e == -EPERM) /* the process could not be confined, and has ended */
		parser_end(&r->parser, e, why);
	/* An earlier file may have made the process fail. */
	if (e == -EPROTO && r->shared)
		e = read_alone(a, err);
	else
		e = fail_reading(a, e == -EPROTO ? -ENOEXEC : e, why, err);
	/* Another process is asked for the rest. */
	if (r->parser.pid < 0)
		r->sent = 0;
	return e;
}

static int receive_info(struct reader_process *r, struct err *err)
{
	struct file_reading *a = r->pending[0];
	AUTO_FREE char *data = NULL;
	struct reader_answer head;
	struct err why;
	int e = send_questions(r, &why);

	if (e == 0)
		e = reader_receive(&r->parser, &head, &data, &why);
	memmove(r->pending, r->pending + 1, --r->count * sizeof(struct file_reading *));
	r->sent -= r->sent > 0;
	if (e == 0 && !elf_info_decode(data, head.len, a->info)) {
		err_set(&why, EBADMSG, "the ELF parser sent an invalid answer");
		parser_end(&r->parser, -EBADMSG, &why);
		e = -EPROTO;
	}
	if (e < 0)
		return recover_reading(r, a, e, &why, err);
	a->info->error = a->info->why ? -head.r : 0;
	a->done = true;
	return 0;
}

static int receive_all(struct reader_process *r, struct err *err)
{
	int e = 0;

	while (e == 0 && r->count > 0)
		e = receive_info(r, err);
	return e;
}

static int end_reader(struct reader_process *r, int e, struct err *err)
{
	struct err ignored;

	parser_end(&r->parser, 0, e < 0 ? &ignored : err);
	return e;
}

static int read_alone(struct file_reading *a, struct err *err)
{
	struct reader_process r = {.parser = PARSER_NONE, .pending = {a}, .count = 1};

	return end_reader(&r, receive_all(&r, err), err);
}

/* -- all of them -- */

static int find_shared(struct readers *rs, enum file_owner owner, dev_t dev,
		       struct reader_process **out, struct err *err)
{
	struct reader_process *r;
	int e;

	for (size_t i = 0; i < SHARED_MAX; i++) {
		r = &rs->shared[i];
		if (r->shared && r->owner == owner &&
		    (r->dev == dev || r->owner == FILE_OF_STORE)) {
			*out = r;
			return 0;
		}
	}
	r = &rs->shared[rs->next];
	rs->next = (rs->next + 1) % SHARED_MAX;
	e = receive_all(r, err);
	if (e < 0)
		return e;
	end_reader(r, 0, err);
	r->shared = true;
	r->owner = owner;
	r->dev = dev;
	*out = r;
	return 0;
}

static int ask_shared(struct readers *rs, enum file_owner owner, struct file_reading *a,
		      struct err *err)
{
	struct reader_process *r;
	struct err why;
	int e = find_shared(rs, owner, a->st->st_dev, &r, err);

	if (e == 0 && r->count == AHEAD_MAX)
		e = receive_info(r, err);
	if (e < 0)
		return e;
	r->pending[r->count++] = a;
	/* Enough for one message. Who takes the answer finds out if sending fails. */
	if (r->count - r->sent == PARSER_FDS)
		send_questions(r, &why);
	return 0;
}

int readers_ask(struct readers *rs, struct file_reading *a, struct err *err)
{
	enum file_owner owner;
	struct err why;

	if (!readers_confine()) {
		a->done = true;
		return elf_info_parse(a->fd, a->info, err);
	}
	/* No process is handed a device or a FIFO. */
	if (!S_ISREG(a->st->st_mode))
		return fail_reading(a, err_set(&why, EINVAL, "not a regular file"), &why, err);
	owner = file_owner_of(&rs->owners, a->fd, a->st);
	return owner == FILE_OF_OTHERS ? read_alone(a, err) : ask_shared(rs, owner, a, err);
}

int readers_await(struct readers *rs, struct file_reading *a, struct err *err)
{
	int e = 0;

	for (size_t i = 0; e == 0 && !a->done && i < SHARED_MAX; i++) {
		struct reader_process *r = &rs->shared[i];

		for (size_t k = 0; k < r->count; k++)
			if (r->pending[k] == a) {
				while (e == 0 && !a->done)
					e = receive_info(r, err);
				break;
			}
	}
	return e;
}

/* -- loaders -- */

static int decode_ldso(const char *data, size_t len, struct ldso_facts *out, bool *known,
		       struct err *err)
{
	const char *end = data + len;
	int e = 0;

	if (len == 0)
		return 0;
	*known = true;
	out->hwcaps = *data & LDSO_HWCAPS;
	out->legacy = *data & LDSO_LEGACY;
	out->isa = *data & LDSO_ISA;
	for (data++; e == 0 && data < end && out->dirs.count < LDSO_DIRS_MAX;
	     data += strlen(data) + 1)
		if (data[0] == '/')
			e = strings_add_once(&out->dirs, data, err);
	return e;
}

static int parse_ldso_here(int fd, struct ldso_facts *out, bool *known, struct err *err)
{
	struct err why;
	int e = ldso_parse(fd, out, &why);

	*known = e == 0;
	return e == -ENOMEM ? err_nomem(err) : 0;
}

/* The process of root's files on that file system has read such loaders; another one reads nothing
 * else. */
int readers_ldso(struct readers *rs, int fd, const struct stat *st, struct ldso_facts *out,
		 bool *known, struct err *err)
{
	struct reader_process alone = {.parser = PARSER_NONE}, *r = &alone;
	AUTO_FREE char *data = NULL;
	struct reader_answer head;
	enum file_owner owner;
	struct err why;
	int e = 0;

	*known = false;
	if (!readers_confine())
		return parse_ldso_here(fd, out, known, err);
	owner = file_owner_of(&rs->owners, fd, st);
	if (owner != FILE_OF_OTHERS)
		e = find_shared(rs, owner, st->st_dev, &r, err);
	if (e == 0)
		e = receive_all(r, err);
	if (e < 0)
		return e;
	if ((r->parser.pid < 0 && reader_start(&r->parser, &why) < 0) ||
	    parser_ask(&r->parser, READER_LDSO, &fd, 1, &why) < 0)
		return end_reader(&alone, 0, err);
	if (reader_receive(&r->parser, &head, &data, &why) == 0)
		e = decode_ldso(data, head.len, out, known, err);
	return end_reader(&alone, e, err);
}

/* -- one file -- */

int readers_read_info(int fd, struct elf_info *out, struct err *err)
{
	struct stat st;
	struct file_reading a = {.fd = fd, .info = out, .st = &st};

	*out = (struct elf_info){0};
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat");
	if (!readers_confine() || !S_ISREG(st.st_mode))
		return readers_ask(NULL, &a, err);
	return read_alone(&a, err);
}

int readers_read(int fd, struct elf *out, bool *is_elf, struct err *err)
{
	AUTO_ELF_INFO struct elf_info info = {0};
	int r = readers_read_info(fd, &info, err);

	*out = (struct elf){0};
	*is_elf = false;
	if (r < 0)
		return r;
	if (info.why) {
		*out = (struct elf){.class = info.elf.class, .machine = info.elf.machine};
		return err_set(err, -info.error, "%s", info.why);
	}
	*is_elf = info.is_elf;
	if (info.is_elf) {
		*out = info.elf;
		info.elf = (struct elf){0};
	}
	return 0;
}

int readers_read_path(const char *path, struct elf *out, bool *is_elf, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	r = readers_read(fd, out, is_elf, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}
