#include "store/facts.h"

#include "base/cleanup.h"
#include "base/confine.h"
#include "store/check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* A question is one byte and a descriptor. */
struct answer {
	int32_t r;
	char soname[256], arch[256], text[ERR_TEXT_MAX];
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* -- the child -- */

/* The descriptor, or -1 when there are no more questions. */
static int next_question(void)
{
	char byte;
	union control control;
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof control};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(0, &m, 0) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS)
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static void say(const struct answer *a)
{
	if (write(1, a, sizeof *a) != (ssize_t)sizeof *a)
		_exit(1);
}

static void answer_all(void *ctx, int end)
{
	elf_facts_fn *const *facts = ctx;
	struct answer a = {0};
	struct err err = {0};
	const char *failed = confine(end, end);
	int fd;

	if (failed) {
		a.r = -ENOSYS;
		snprintf(a.text, sizeof a.text, "%s: %s", failed, strerror(errno));
		if (write(fcntl(end, F_GETFD) < 0 ? 1 : end, &a, sizeof a) < 0)
			_exit(1);
		_exit(0);
	}
	while ((fd = next_question()) >= 0) {
		memset(&a, 0, sizeof a);
		a.r = (*facts)(fd, a.soname, a.arch, &err);
		if (a.r < 0)
			memcpy(a.text, err.text, sizeof a.text);
		say(&a);
		close(fd);
	}
	_exit(0);
}

/* -- the parent -- */

static int start(struct parser *p, elf_facts_fn *facts, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot make a pair of sockets");
	return parser_start(p, "ELF", ends, answer_all, &facts, err);
}

static int ask(const struct parser *p, int fd, struct err *err)
{
	char byte = 0;
	union control control = {0};
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	/* Where it is dead already, reading says how. */
	if (sendmsg(p->fd, &m, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return err_sys(err, errno, "cannot ask the ELF parser");
	return 0;
}

/* It can have written anything. */
static int take(struct answer *a, char soname[256], char arch[256], struct err *err)
{
	char buf[SHOWN];

	a->soname[sizeof a->soname - 1] = a->arch[sizeof a->arch - 1] = '\0';
	a->text[sizeof a->text - 1] = '\0';
	if (a->r == -ENOSYS)
		return err_set(err, EPERM, "cannot confine the ELF parser: %s",
			       shown(a->text, buf));
	if (a->r != 0)
		return err_set(err, EBADMSG, "%s", shown(a->text, buf));
	memcpy(soname, a->soname, sizeof a->soname);
	memcpy(arch, a->arch, sizeof a->arch);
	return 0;
}

int facts_ask(struct parser *p, elf_facts_fn *facts, int fd, char soname[256], char arch[256],
	      struct err *err)
{
	struct answer a;
	int r = p->pid < 0 ? start(p, facts, err) : 0;

	soname[0] = arch[0] = '\0';
	if (r < 0)
		return r;
	r = ask(p, fd, err);
	if (r == 0)
		r = parser_read(p, &a, sizeof a, err);
	return r < 0 ? parser_end(p, r, err) : take(&a, soname, arch, err);
}
