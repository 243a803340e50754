#include "change/crew.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMBERS_MAX 32
#define CREW_ANSWER_MAX (64u << 20)

struct crew_member {
	pid_t pid;
	int fd;	     /* a socket; -1: the member is not running */
	size_t item; /* that it works on */
	bool busy;
};

struct crew {
	struct crew_member members[MEMBERS_MAX];
	size_t count; /* of members */
	size_t next, nitems;
	crew_work_fn *work;
	crew_answer_fn *answer;
	void *ctx;
};

/* -- in a child -- */

static bool receive_all(int fd, void *to, size_t len)
{
	ssize_t n;

	for (size_t got = 0; got < len; got += (size_t)n) {
		do
			n = recv(fd, (char *)to + got, len - got, MSG_WAITALL);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return false;
	}
	return true;
}

static bool send_crew_answer(int fd, const char *text, size_t len)
{
	struct err ignored;

	return file_write(fd, &len, sizeof len, &ignored) == 0 &&
	       file_write(fd, text, len, &ignored) == 0;
}

static bool work_on(const struct crew *crew, int fd, size_t item)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return false;
	crew->work(crew->ctx, item, f);
	return fclose(f) == 0 && send_crew_answer(fd, text, len);
}

_Noreturn static void serve(const struct crew *crew, int fd, pid_t caller)
{
	size_t item;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != caller)
		_exit(1);
	while (receive_all(fd, &item, sizeof item))
		if (!work_on(crew, fd, item))
			_exit(1);
	_exit(0);
}

/* -- in the caller -- */

static int start_member(struct crew *crew, struct crew_member *m, struct err *err)
{
	const pid_t caller = getpid();
	int ends[2];

	*m = (struct crew_member){.fd = -1};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot create a pair of sockets");
	m->pid = fork();
	if (m->pid == 0)
		serve(crew, ends[1], caller);
	close(ends[1]);
	if (m->pid < 0) {
		close(ends[0]);
		return err_sys(err, errno, "cannot start a process");
	}
	m->fd = ends[0];
	return 0;
}

/* Its descriptor is in the other members, too, so closing it would end nothing. */
static void end_member(struct crew_member *m)
{
	if (m->fd < 0)
		return;
	kill(m->pid, SIGKILL);
	while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(m->fd);
	m->fd = -1;
}

static void crew_end(struct crew *crew)
{
	for (size_t i = 0; i < crew->count; i++)
		end_member(&crew->members[i]);
}

/* A dead member is noticed when its answer does not come. */
static void give_item(struct crew *crew, struct crew_member *m)
{
	m->busy = crew->next < crew->nitems;
	if (!m->busy)
		return;
	m->item = crew->next++;
	send(m->fd, &m->item, sizeof m->item, MSG_NOSIGNAL);
}

static bool receive_crew_answer(const struct crew_member *m, char **text, size_t *len)
{
	if (!receive_all(m->fd, len, sizeof *len) || *len > CREW_ANSWER_MAX)
		return false;
	*text = calloc(1, *len + 1);
	return *text && (*len == 0 || receive_all(m->fd, *text, *len));
}

static int take_crew_answer(struct crew *crew, struct crew_member *m, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	bool whole = receive_crew_answer(m, &text, &len);
	int r = 0;

	if (!whole) {
		end_member(m);
		r = start_member(crew, m, err);
	}
	crew->answer(crew->ctx, m->item, whole ? text : NULL, len);
	if (r == 0)
		give_item(crew, m);
	return r;
}

/* Whether any member is busy; those are polled. */
static size_t busy_members(struct crew *crew, struct pollfd *fds)
{
	size_t busy = 0;

	for (size_t i = 0; i < crew->count; i++) {
		const struct crew_member *m = &crew->members[i];

		fds[i] = (struct pollfd){.fd = m->busy ? m->fd : -1, .events = POLLIN};
		busy += m->busy;
	}
	return busy;
}

static int attend(struct crew *crew, int64_t until, struct err *err)
{
	struct pollfd fds[MEMBERS_MAX];
	int r = 0;

	while (r == 0 && busy_members(crew, fds)) {
		int64_t left = until ? until - clock_ms() : -1;

		if (until && left <= 0)
			return 0;
		if (poll(fds, crew->count, left > INT_MAX ? INT_MAX : (int)left) < 0 &&
		    errno != EINTR)
			return err_sys(err, errno, "cannot wait for a process");
		for (size_t i = 0; r == 0 && i < crew->count; i++)
			if (fds[i].revents)
				r = take_crew_answer(crew, &crew->members[i], err);
	}
	return r;
}

int crew_run(size_t count, int64_t until, crew_work_fn *work, crew_answer_fn *answer, void *ctx,
	     struct err *err)
{
	CLEANUP(crew_end)
	struct crew crew = {.nitems = count, .work = work, .answer = answer, .ctx = ctx};
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int r = 0;

	for (size_t i = 0; r == 0 && i < MEMBERS_MAX && i < count && (i == 0 || (long)i < cpus);
	     i++) {
		r = start_member(&crew, &crew.members[i], err);
		if (r == 0)
			give_item(&crew, &crew.members[crew.count++]);
	}
	if (r < 0 && crew.count == 0)
		return r;
	return attend(&crew, until, err);
}
