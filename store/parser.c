#include "store/parser.h"

#include "base/cleanup.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>

unsigned int parser_seconds = 60;

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

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int await(const struct parser *p, int64_t end, struct err *err)
{
	struct pollfd poller = {.fd = p->fd, .events = POLLIN};
	int64_t left = end - now_ms();

	if (left <= 0 || poll(&poller, 1, (int)left) == 0)
		return err_set(err, EBADMSG, "the %s parser was silent for %u seconds", p->what,
			       parser_seconds);
	return 0;
}

int parser_read(struct parser *p, void *to, size_t len, struct err *err)
{
	const int64_t end = now_ms() + (int64_t)parser_seconds * 1000;
	char *at = to;

	while (len > 0) {
		int r = await(p, end, err);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(p->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		/* It died with questions unread: a socket says so. */
		p->ended = n == 0 || (n < 0 && errno == ECONNRESET);
		if (p->ended)
			return err_set(err, EBADMSG, "the %s parser ended too early", p->what);
		if (n < 0)
			return err_sys(err, errno, "cannot read from the %s parser", p->what);
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int parser_end(struct parser *p, int r, struct err *err)
{
	struct parser was = *p;
	int status = 0;

	*p = PARSER_NONE;
	cleanup_fd(&was.fd);
	if (was.pid < 0)
		return r;
	/* Whatever it is doing, nobody needs it now. It cannot close its output, so one that ended
	 * is dead by itself. */
	if (!was.ended)
		kill(was.pid, SIGKILL);
	while (waitpid(was.pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for the %s parser", was.what);
	if (was.ended && WIFSIGNALED(status))
		return err_set(err, EBADMSG, "the %s parser was stopped: signal %d", was.what,
			       WTERMSIG(status));
	return r;
}
