#include "intake/soname.h"

#include "base/cleanup.h"
#include "base/confine.h"
#include "elf/elf.h"
#include "store/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

struct soname_answer {
	int32_t r;
	char soname[256], arch[256], text[ERR_TEXT_MAX];
};

/* -- the child -- */

static void send_answer(const struct soname_answer *a)
{
	if (write(1, a, sizeof *a) != (ssize_t)sizeof *a)
		_exit(1);
}

static void answer_all(void *ctx, int end)
{
	struct soname_answer a = {0};
	struct err err = {0};
	const char *failed = confine(end, end);
	char kind;
	int fd;

	(void)ctx;
	if (failed) {
		a.r = -ENOSYS;
		snprintf(a.text, sizeof a.text, "%s: %s", failed, strerror(errno));
		if (write(fcntl(end, F_GETFD) < 0 ? 1 : end, &a, sizeof a) < 0)
			_exit(1);
		_exit(0);
	}
	while (parser_question(&kind, &fd)) {
		memset(&a, 0, sizeof a);
		a.r = elf_facts(fd, a.soname, a.arch, &err);
		if (a.r < 0)
			memcpy(a.text, err.text, sizeof a.text);
		send_answer(&a);
		close(fd);
	}
	_exit(0);
}

/* -- the parent -- */

static int start_child(struct parser *p, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot create a pair of sockets");
	return parser_start(p, "ELF", ends, answer_all, NULL, err);
}

/* Checks the answer of a child that may have written anything. */
static int check_answer(struct soname_answer *a, char soname[256], char arch[256], struct err *err)
{
	char buf[TEXT_SHOWN];

	a->soname[sizeof a->soname - 1] = a->arch[sizeof a->arch - 1] = '\0';
	a->text[sizeof a->text - 1] = '\0';
	if (a->r == -ENOSYS)
		return err_set(err, EPERM, "cannot confine the ELF parser: %s",
			       text_shown(a->text, buf));
	if (a->r != 0)
		return err_set(err, EBADMSG, "%s", text_shown(a->text, buf));
	memcpy(soname, a->soname, sizeof a->soname);
	memcpy(arch, a->arch, sizeof a->arch);
	return 0;
}

int soname_ask(struct parser *p, int fd, char soname[256], char arch[256], struct err *err)
{
	struct soname_answer a;
	int r = p->pid < 0 ? start_child(p, err) : 0;

	soname[0] = arch[0] = '\0';
	if (r < 0)
		return r;
	r = parser_ask(p, 0, &fd, 1, err);
	if (r == 0)
		r = parser_read(p, &a, sizeof a, err);
	return r < 0 ? parser_end(p, r, err) : check_answer(&a, soname, arch, err);
}
