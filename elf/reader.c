#include "elf/reader.h"

#include "base/strings.h"

#include "base/cleanup.h"
#include "base/confine.h"
#include "elf/info.h"
#include "elf/linkage.h"
#include "loader/loader.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* -- the child -- */

/* What was answered and has not been sent: one write for several wakes the parent once. */
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

static void flush(void)
{
	write_all(unsent, nunsent);
	nunsent = 0;
}

static void put(const void *data, size_t len)
{
	if (len > sizeof unsent - nunsent)
		flush();
	if (len > sizeof unsent) {
		write_all(data, len);
	} else if (len > 0) {
		memcpy(unsent + nunsent, data, len);
		nunsent += len;
	}
}

static void say(int r, const void *data, size_t len)
{
	struct answer a = {r, (uint32_t)len, 0};

	put(&a, sizeof a);
	put(data, len);
}

static void say_error(int r, const struct err *err)
{
	say(r, err->text, strlen(err->text));
}

static void say_facts(int fd)
{
	AUTO_ELF_INFO struct elf_info f = {0};
	AUTO_FREE char *data = NULL;
	struct err err;
	size_t len;
	int r = elf_info_read(fd, &f, &err);

	if (r == 0) {
		data = elf_info_encode(&f, &len);
		r = data ? 0 : err_nomem(&err);
	}
	if (r < 0)
		say_error(r, &err);
	else
		say(-f.error, data, len);
}

static void say_defaults(int fd)
{
	AUTO_STRINGS struct strings dirs = {0};
	char text[LOADER_DEFAULTS * 256];
	struct err err;
	size_t len = 0;
	int r = loader_defaults(fd, &dirs, &err);

	if (r < 0) {
		say_error(r, &err);
		return;
	}
	for (size_t i = 0; i < dirs.count; i++) {
		size_t n = strlen(dirs.items[i]) + 1;

		if (n > sizeof text - len)
			break;
		memcpy(text + len, dirs.items[i], n);
		len += n;
	}
	say(0, text, len);
}

static void get(void *to, size_t len)
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

/* The question's numbers: of each object its file, how many needs, and these. */
static int take_scope(const uint32_t *words, const struct symbols_question *q, struct linked *scope,
		      struct err *err)
{
	size_t at = 0;

	for (size_t i = 0; i < q->objects; i++) {
		if (q->words - at < 2 || q->words - at - 2 < words[at + 1])
			return err_set(err, EINVAL, "a question that makes no sense");
		scope[i] = (struct linked){words[at], words + at + 2, words[at + 1]};
		at += 2 + words[at + 1];
	}
	return 0;
}

static void say_undefineds(const struct undefineds *u)
{
	for (size_t i = 0; i < u->count; i++) {
		const struct undefined *one = &u->items[i];
		struct symbols_missing m = {(uint32_t)one->object, (uint32_t)strlen(one->name) + 1,
					    one->version ? (uint32_t)strlen(one->version) + 1 : 0};

		put(&m, sizeof m);
		put(one->name, m.name);
		if (one->version)
			put(one->version, m.version);
	}
}

static void say_undefined(struct linkage *linkage)
{
	AUTO_UNDEFINEDS struct undefineds u = {0};
	AUTO_FREE uint32_t *words = NULL;
	AUTO_FREE struct linked *scope = NULL;
	struct symbols_question q;
	struct answer a = {0};
	struct err err;
	size_t object = 0;
	int r;

	get(&q, sizeof q);
	words = calloc((size_t)q.words + 1, sizeof *words);
	scope = calloc((size_t)q.objects + 1, sizeof *scope);
	if (!words || !scope)
		_exit(1);
	get(words, q.words * sizeof *words);
	r = take_scope(words, &q, scope, &err);
	if (r == 0)
		r = linkage_undefined(linkage, scope, q.objects, q.versions, &u, &object, &err);
	if (r < 0) {
		a = (struct answer){r, (uint32_t)strlen(err.text), (uint32_t)object};
		put(&a, sizeof a);
		put(err.text, a.len);
		return;
	}
	a.len = (uint32_t)(u.count * (sizeof(struct symbols_missing) + 1) + u.text);
	for (size_t i = 0; i < u.count; i++)
		a.len += u.items[i].version ? 1 : 0;
	put(&a, sizeof a);
	say_undefineds(&u);
}

static void answer_all(void *ctx, int end)
{
	AUTO_LINKAGE struct linkage *linkage = NULL;
	const char *failed = confine(end, end);
	struct err err;
	char kind;
	int fd, r;

	(void)ctx;
	if (failed) {
		err_sys(&err, errno, "cannot confine the ELF parser: %s", failed);
		if (fcntl(end, F_GETFD) >= 0)
			dup2(end, 1);
		say_error(-EPERM, &err);
		flush();
		_exit(0);
	}
	if (linkage_new(&linkage, &err) < 0)
		_exit(1);
	while (parser_question(&kind, &fd)) {
		if (kind == ASK_INFO) {
			say_facts(fd);
		} else if (kind == ASK_DEFAULTS) {
			say_defaults(fd);
		} else if (kind == ASK_TABLE) {
			r = linkage_add(linkage, fd, &err);
			if (r < 0)
				say_error(r, &err);
			else
				say(0, NULL, 0);
		} else {
			say_undefined(linkage);
		}
		if (fd >= 0)
			close(fd);
		if (!parser_has_question())
			flush();
	}
	_exit(0);
}

/* -- the parent -- */

int reader_start(struct parser *out, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot make a pair of sockets");
	return parser_start(out, "ELF", ends, answer_all, NULL, err);
}

/* What a parser made up is no terminal's business. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

static int broke(struct parser *p, int r, struct err *err)
{
	parser_end(p, r, err);
	return -EPROTO;
}

int reader_take(struct parser *p, struct answer *head, char **data, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = parser_read(p, head, sizeof *head, err);

	if (r < 0)
		return broke(p, r, err);
	if (head->len > ANSWER_MAX || head->r < -4095)
		return broke(p, err_set(err, EBADMSG, "the ELF parser sent nonsense"), err);
	text = malloc((size_t)head->len + 1);
	if (!text)
		return broke(p, err_nomem(err), err);
	r = parser_read(p, text, head->len, err);
	if (r < 0)
		return broke(p, r, err);
	text[head->len] = '\0';
	if (head->r < 0) {
		make_plain(text);
		return err_set(err, -head->r, "%s", text);
	}
	*data = text;
	text = NULL;
	return 0;
}
