/* A file of the caller's choice, opened with the caller's rights: a child takes them on and sends the
 * descriptor. */
#include "base/caller.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct answer {
	int r;
	struct err err;
};

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int open_here(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? err_sys(err, errno, "cannot open %s", path) : fd;
}

static void answer(const struct caller *c, const char *path, int to)
{
	struct answer a = {0};
	union control control = {0};
	struct iovec io = {&a, sizeof a};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
	int fd = caller_become(c, &a.err);

	if (fd == 0)
		fd = open_here(path, &a.err);
	a.r = fd < 0 ? fd : 0;
	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	}
	_exit(sendmsg(to, &m, MSG_NOSIGNAL) < 0);
}

static int take(int from, const char *path, struct err *err)
{
	struct answer a = {0};
	union control control = {0};
	struct iovec io = {&a, sizeof a};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof control};
	int fd = -1;

	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) != sizeof a)
		return err_set(err, EIO, "cannot open %s: the process that should has ended", path);
	if (a.r < 0) {
		*err = a.err;
		return a.r;
	}
	if (control.header.cmsg_type != SCM_RIGHTS)
		return err_set(err, EIO, "cannot open %s", path);
	memcpy(&fd, CMSG_DATA(&control.header), sizeof fd);
	return fd;
}

int caller_open(const struct caller *c, const char *path, struct err *err)
{
	AUTO_FD int ours = -1, theirs = -1;
	int ends[2], fd;
	pid_t pid;

	if (!c->other)
		return open_here(path, err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot make a pair of sockets");
	ours = ends[0];
	theirs = ends[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process to open %s", path);
	if (pid == 0)
		answer(c, path, theirs);
	cleanup_fd(&theirs);
	theirs = -1;
	fd = take(ours, path, err);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}
