#include "elf/reader.h"

#include "base/cleanup.h"
#include "base/confine.h"
#include "base/strings.h"
#include "elf/info.h"
#include "elf/ldso.h"
#include "elf/linkage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* -- the child -- */

/* Answers that have not been written yet: one write for several wakes the parent once. */
static char unsent[32768];
static size_t nunsent;

static void write_all(const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(1, p, len);

		if (n <= 0)
			_exit(1);
		p += n;
		len -= (size_t)n;
	}
}

static void flush_answers(void)
{
	write_all(unsent, nunsent);
	nunsent = 0;
}

static void send_bytes(const void *data, size_t len)
{
	if (len > sizeof unsent - nunsent)
		flush_answers();
	if (len > sizeof unsent) {
		write_all(data, len);
	} else if (len > 0) {
		memcpy(unsent + nunsent, data, len);
		nunsent += len;
	}
}

static void send_answer(int r, const void *data, size_t len)
{
	struct reader_answer a = {r, (uint32_t)len, 0};

	send_bytes(&a, sizeof a);
	send_bytes(data, len);
}

static void send_error(int r, const struct err *err)
{
	send_answer(r, err->text, strlen(err->text));
}

static void answer_info(int fd)
{
	AUTO_ELF_INFO struct elf_info info = {0};
	AUTO_FREE char *data = NULL;
	struct err err;
	size_t len;
	int r = elf_info_parse(fd, &info, &err);

	if (r == 0) {
		data = elf_info_encode(&info, &len);
		r = data ? 0 : err_nomem(&err);
	}
	if (r < 0)
		send_error(r, &err);
	else
		send_answer(-info.error, data, len);
}

static void answer_ldso(int fd)
{
	AUTO_LDSO struct ldso_facts facts = {0};
	char text[1 + LDSO_DIRS_MAX * LDSO_DIR_SIZE];
	struct err err;
	size_t len = 1;
	int r = ldso_parse(fd, &facts, &err);

	if (r < 0) {
		send_error(r, &err);
		return;
	}
	text[0] = (char)((facts.hwcaps ? LDSO_HWCAPS : 0) | (facts.legacy ? LDSO_LEGACY : 0) |
			 (facts.isa ? LDSO_ISA : 0));
	for (size_t i = 0; i < facts.dirs.count; i++) {
		size_t n = strlen(facts.dirs.items[i]) + 1;

		if (n > sizeof text - len)
			break;
		memcpy(text + len, facts.dirs.items[i], n);
		len += n;
	}
	send_answer(0, text, len);
}

static void answer_table(struct linkage *linkage, int fd)
{
	struct err err;
	int r = linkage_add(linkage, fd, &err);

	if (r < 0)
		send_error(r, &err);
	else
		send_answer(0, NULL, 0);
}

static void receive_bytes(void *to, size_t len)
{
	char *p = to;

	while (len > 0) {
		ssize_t n = read(0, p, len);

		if (n <= 0)
			_exit(1);
		p += n;
		len -= (size_t)n;
	}
}

static void send_undefineds(const struct undefineds *u)
{
	struct reader_answer a = {0};

	a.len = (uint32_t)(u->count * (sizeof(struct undefined_reply) + 1) + u->text);
	for (size_t i = 0; i < u->count; i++)
		a.len += u->items[i].version ? 1 : 0;
	send_bytes(&a, sizeof a);
	for (size_t i = 0; i < u->count; i++) {
		const struct undefined *one = &u->items[i];
		struct undefined_reply m = {(uint32_t)one->object, (uint32_t)strlen(one->name) + 1,
					    one->version ? (uint32_t)strlen(one->version) + 1 : 0};

		send_bytes(&m, sizeof m);
		send_bytes(one->name, m.name);
		if (one->version)
			send_bytes(one->version, m.version);
	}
}

static void answer_undefined(struct linkage *linkage)
{
	AUTO_UNDEFINEDS struct undefineds u = {0};
	AUTO_FREE uint32_t *words = NULL;
	struct scope_question q;
	struct reader_answer a;
	struct err err;
	size_t object = 0;
	int r;

	receive_bytes(&q, sizeof q);
	words = calloc((size_t)q.words + 1, sizeof *words);
	if (!words)
		_exit(1);
	receive_bytes(words, q.words * sizeof *words);
	r = linkage_undefined(linkage, &(struct scope_words){words, q.words, q.objects, q.versions},
			      &u, &object, &err);
	if (r == 0) {
		send_undefineds(&u);
		return;
	}
	a = (struct reader_answer){r, (uint32_t)strlen(err.text), (uint32_t)object};
	send_bytes(&a, sizeof a);
	send_bytes(err.text, a.len);
}

static void answer_question(struct linkage *linkage, char kind, int fd)
{
	if (kind == READER_INFO)
		answer_info(fd);
	else if (kind == READER_LDSO)
		answer_ldso(fd);
	else if (kind == READER_TABLE)
		answer_table(linkage, fd);
	else
		answer_undefined(linkage);
}

static void run_reader(void *ctx, int end)
{
	AUTO_LINKAGE struct linkage *linkage = NULL;
	const char *failed = confine(end, end);
	struct err err;
	char kind;
	int fd;

	(void)ctx;
	if (failed) {
		err_sys(&err, errno, "cannot confine the ELF parser: %s", failed);
		if (fcntl(end, F_GETFD) >= 0)
			dup2(end, 1);
		send_error(-EPERM, &err);
		flush_answers();
		_exit(0);
	}
	if (linkage_new(&linkage, &err) < 0)
		_exit(1);
	while (parser_question(&kind, &fd)) {
		answer_question(linkage, kind, fd);
		if (fd >= 0)
			close(fd);
		if (!parser_has_question())
			flush_answers();
	}
	_exit(0);
}

/* -- the parent -- */

int reader_start(struct parser *out, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot create a pair of sockets");
	return parser_start(out, "ELF", ends, run_reader, NULL, err);
}

/* A terminal must not see control characters that a parser made up. */
static void replace_controls(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

static int end_reader(struct parser *p, int r, struct err *err)
{
	parser_end(p, r, err);
	return -EPROTO;
}

int reader_receive(struct parser *p, struct reader_answer *head, char **data, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = parser_read(p, head, sizeof *head, err);

	if (r < 0)
		return end_reader(p, r, err);
	if (head->len > READER_ANSWER_MAX || head->r < -4095)
		return end_reader(p, err_set(err, EBADMSG, "the ELF parser sent an invalid answer"),
				  err);
	text = malloc((size_t)head->len + 1);
	if (!text)
		return end_reader(p, err_nomem(err), err);
	r = parser_read(p, text, head->len, err);
	if (r < 0)
		return end_reader(p, r, err);
	text[head->len] = '\0';
	if (head->r < 0) {
		replace_controls(text);
		return err_set(err, -head->r, "%s", text);
	}
	*data = text;
	text = NULL;
	return 0;
}
