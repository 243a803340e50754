#include "base/parser.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define AHEAD_MAX ((size_t)64 * 1024)
#define PIPE_BYTES (1 << 20) /* the default of fs.pipe-max-size */

unsigned int parser_seconds = 60;

int parser_pipe(int ends[2], struct err *err)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	/* If this fails, a smaller pipe only makes the parser slower. */
	fcntl(ends[0], F_SETPIPE_SZ, PIPE_BYTES);
	return 0;
}

int parser_start(struct parser *p, const char *what, int ends[2], parser_fn *run, void *ctx,
		 struct err *err)
{
	*p = PARSER_NONE;
	p->what = what;
	p->pid = fork();
	if (p->pid == 0) {
		run(ctx, ends[1]);
		_exit(1);
	}
	close(ends[1]);
	if (p->pid < 0) {
		close(ends[0]);
		return err_sys(err, errno, "cannot start the %s parser", what);
	}
	p->fd = ends[0];
	return 0;
}

union parser_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(PARSER_FDS * sizeof(int))];
};

int parser_ask(const struct parser *p, char kind, const int *fds, size_t count, struct err *err)
{
	union parser_control control = {0};
	struct iovec io = {&kind, 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
	struct cmsghdr *c = &control.header;

	if (count > 0) {
		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(count * sizeof *fds);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof *fds);
		memcpy(CMSG_DATA(c), fds, count * sizeof *fds);
	}
	if (sendmsg(p->fd, &m, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return err_sys(err, errno, "cannot send a request to the %s parser", p->what);
	return 0;
}

int parser_tell(const struct parser *p, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	while (len > 0) {
		struct pollfd poller = {.fd = p->fd, .events = POLLOUT};
		ssize_t n;

		if (poll(&poller, 1, (int)parser_seconds * 1000) == 0)
			return err_set(err, EBADMSG, "the %s parser did not answer for %u seconds",
				       p->what, parser_seconds);
		n = send(p->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, errno, "cannot send a request to the %s parser",
				       p->what);
		at += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* In the child: the last byte received, with the descriptors that parser_question has not returned yet. */
static struct {
	char kind;
	int fds[PARSER_FDS];
	size_t next, count;
} handed;

bool parser_has_question(void)
{
	return handed.next < handed.count;
}

static bool receive_question(void)
{
	union parser_control control;
	struct iovec io = {&handed.kind, 1};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof control};
	struct cmsghdr *c;

	handed.next = handed.count = 0;
	if (recvmsg(0, &m, 0) != 1)
		return false;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		handed.count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(handed.fds, CMSG_DATA(c), handed.count * sizeof(int));
	}
	return true;
}

bool parser_question(char *kind, int *fd)
{
	if (!parser_has_question() && !receive_question())
		return false;
	*kind = handed.kind;
	*fd = parser_has_question() ? handed.fds[handed.next++] : -1;
	return true;
}

static int await_answer(const struct parser *p, int64_t end, struct err *err)
{
	struct pollfd poller = {.fd = p->fd, .events = POLLIN};
	int64_t left = end - clock_ms();

	if (left <= 0 || poll(&poller, 1, (int)left) == 0)
		return err_set(err, EBADMSG, "the %s parser did not answer for %u seconds", p->what,
			       parser_seconds);
	return 0;
}

/* Reads at least one byte of its answers and at most size; returns the number. */
static ssize_t receive_some(struct parser *p, char *to, size_t size, int64_t end, struct err *err)
{
	for (;;) {
		int r = await_answer(p, end, err);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(p->fd, to, size);
		if (n < 0 && errno == EINTR)
			continue;
		/* ECONNRESET: it died and left questions unread in the socket. */
		p->ended = n == 0 || (n < 0 && errno == ECONNRESET);
		if (p->ended)
			return err_set(err, EBADMSG, "the %s parser ended early", p->what);
		return n < 0 ? err_sys(err, errno, "cannot read from the %s parser", p->what) : n;
	}
}

static size_t take_ahead(struct parser *p, char *to, size_t len)
{
	size_t n = p->nahead - p->at < len ? p->nahead - p->at : len;

	memcpy(to, p->ahead + p->at, n);
	p->at += n;
	return n;
}

int parser_read(struct parser *p, void *to, size_t len, struct err *err)
{
	const int64_t end = clock_ms() + (int64_t)parser_seconds * 1000;
	char *at = to;

	if (!p->ahead)
		p->ahead = malloc(AHEAD_MAX);
	if (!p->ahead)
		return err_nomem(err);
	for (;;) {
		size_t had = take_ahead(p, at, len);
		bool direct = len - had >= AHEAD_MAX;
		ssize_t n;

		at += had;
		len -= had;
		if (len == 0)
			return 0;
		n = receive_some(p, direct ? at : p->ahead, direct ? len : AHEAD_MAX, end, err);
		if (n < 0)
			return (int)n;
		if (direct) {
			at += n;
			len -= (size_t)n;
		} else {
			p->at = 0;
			p->nahead = (size_t)n;
		}
	}
}

int parser_end(struct parser *p, int r, struct err *err)
{
	struct parser was = *p;
	int status = 0;

	*p = PARSER_NONE;
	cleanup_fd(&was.fd);
	free(was.ahead);
	if (was.pid < 0)
		return r;
	/* Nobody needs its answers now. A parser that ended is dead already, since it cannot close its output. */
	if (!was.ended)
		kill(was.pid, SIGKILL);
	while (waitpid(was.pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for the %s parser", was.what);
	if (was.ended && WIFSIGNALED(status))
		return err_set(err, EBADMSG, "the %s parser was killed by signal %d", was.what,
			       WTERMSIG(status));
	return r;
}
