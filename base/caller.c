#include "base/caller.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *variable;
	bool is_number;
} claims[] = {
	{"SUDO_UID", true},
	{"SUDO_USER", false},
	{"DOAS_USER", false},
	{"PKEXEC_UID", true},
};

#define NCLAIMS (sizeof claims / sizeof *claims)

static bool parse_number(const char *text, uid_t *out)
{
	size_t len = strlen(text);
	unsigned long n;

	if (len == 0 || len > 10 || strspn(text, "0123456789") != len)
		return false;
	n = strtoul(text, NULL, 10);
	*out = (uid_t)n;
	return n < UINT32_MAX; /* (uid_t)-1 is never a user */
}

static int user_of_number(const char *variable, const char *text, struct caller *out,
			  const struct passwd **user, struct err *err)
{
	uid_t uid;

	if (!parse_number(text, &uid))
		return err_set(err, EINVAL, "%s is '%.64s', which is not a user number", variable,
			       text);
	*user = getpwuid(uid);
	if (*user)
		return 0;
	*out = (struct caller){.uid = uid, .gid = getegid()};
	return err_set(err, ENOENT,
		       "%s names the user %lu, who does not exist; unset it to act as root",
		       variable, (unsigned long)uid);
}

static int user_of_name(const char *variable, const char *text, const struct passwd **user,
			struct err *err)
{
	*user = getpwnam(text);
	if (*user)
		return 0;
	return err_set(err, EINVAL,
		       "%s names the user '%.64s', who does not exist; unset it to act as root",
		       variable, text);
}

static int set_user(struct caller *out, const struct passwd *user, struct err *err)
{
	if ((size_t)snprintf(out->name, sizeof out->name, "%s", user->pw_name) >=
		    sizeof out->name ||
	    (size_t)snprintf(out->home, sizeof out->home, "%s", user->pw_dir) >= sizeof out->home)
		return err_set(err, EINVAL,
			       "the name or the home directory of user %lu is too long",
			       (unsigned long)user->pw_uid);
	out->other = true;
	out->uid = user->pw_uid;
	out->gid = user->pw_gid;
	return 0;
}

int caller_find(struct caller *out, struct err *err)
{
	const char *first = NULL;

	*out = (struct caller){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0)
		return 0;
	for (size_t i = 0; i < NCLAIMS; i++) {
		const char *variable = claims[i].variable, *text = getenv(variable);
		const struct passwd *user;
		int r;

		if (!text)
			continue;
		r = claims[i].is_number ? user_of_number(variable, text, out, &user, err)
					: user_of_name(variable, text, &user, err);
		if (r < 0)
			return r;
		if (user->pw_uid == 0)
			continue;
		if (first && user->pw_uid != out->uid)
			return err_set(err, EINVAL,
				       "%s names the user %s, but %s names %s: unset the wrong one",
				       first, out->name, variable, user->pw_name);
		r = set_user(out, user, err);
		if (r < 0)
			return r;
		first = first ? first : variable;
	}
	return 0;
}

int caller_become(const struct caller *c, struct err *err)
{
	static const char *const more[] = {"SUDO_GID", "SUDO_COMMAND", "SUDO_HOME"};

	if (!c->other)
		return 0;
	if (initgroups(c->name, c->gid) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
	    setresuid(c->uid, c->uid, c->uid) < 0)
		return err_sys(err, errno, "cannot become the user %s", c->name);
	if (setenv("HOME", c->home, 1) < 0 || setenv("USER", c->name, 1) < 0 ||
	    setenv("LOGNAME", c->name, 1) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < NCLAIMS; i++)
		unsetenv(claims[i].variable);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		unsetenv(more[i]);
	return 0;
}

/* -- files of the caller -- */

struct open_result {
	int r;
	struct err err;
};

union open_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int open_as_self(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? err_sys(err, errno, "cannot open %s", path) : fd;
}

static void open_and_send(const struct caller *c, const char *path, int to)
{
	struct open_result a = {0};
	union open_control control = {0};
	struct iovec io = {&a, sizeof a};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
	int fd = caller_become(c, &a.err);

	if (fd == 0)
		fd = open_as_self(path, &a.err);
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

static int receive_file(int from, const char *path, struct err *err)
{
	struct open_result a = {0};
	union open_control control = {0};
	struct iovec io = {&a, sizeof a};
	struct msghdr m = {.msg_iov = &io,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof control};
	int fd = -1;

	if (recvmsg(from, &m, MSG_CMSG_CLOEXEC) != sizeof a)
		return err_set(err, EIO, "cannot open %s: the child process ended early", path);
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
		return open_as_self(path, err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot create a pair of sockets");
	ours = ends[0];
	theirs = ends[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process to open %s", path);
	if (pid == 0)
		open_and_send(c, path, theirs);
	cleanup_fd(&theirs);
	theirs = -1;
	fd = receive_file(ours, path, err);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}
