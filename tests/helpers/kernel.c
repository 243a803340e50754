/*
 * kernel WHAT COMMAND [ARG...]: starts a command as UID and GID 1000 under a facility of the kernel that can influence or
 * obstruct another process:
 *
 *	landlock        in a Landlock domain that root made, without no_new_privs
 *	landlock-user   in a domain that the user made
 *	notify          under a filter of root's; a supervisor, UID 1000, lets each call pass
 *	notify=N        the same, but the N-th call (from 1) returns 0 and is not made: a supervisor can
 *	                count, a filter cannot. Prints "no call N" if there were fewer
 *	notify-root=N   the same with a command that runs as root
 *	notify-user     under a filter of the user's, in their own user namespace
 *	ring=N FILE     with a ring of io_uring(7) that it shares with its parent. In it a request of the
 *	                command's process waits: set the attribute trusted.ring of FILE, which needs
 *	                CAP_SYS_ADMIN. The parent makes it ready N microseconds after the exec. N < 0: root
 *	                makes the request, without a command
 *	fault           with arguments in a page that userfaultfd(2) provides late and changes afterwards
 *
 * Exits with 98 on failures of its own, with 97 if the kernel does not have the facility.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_OFFERED = 97, OWN = 98, USER = 1000, PAGE = 4096 };

static void die(const char *what)
{
	fprintf(stderr, "kernel: %s: %s\n", what, strerror(errno));
	_exit(errno == ENOSYS || errno == EOPNOTSUPP || errno == ENOTSUP ? NOT_OFFERED : OWN);
}

static void become_user(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 ||
	    setresuid(USER, USER, USER) < 0)
		die("setresuid");
}

static void run(char **argv)
{
	execvp(argv[0], argv);
	die(argv[0]);
}

/* Ends like the command: with its status or its signal. */
static int result(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* -- landlock -- */

static void enter_domain(void)
{
	/* A right that no test uses: every domain that handles files forbids mounts. */
	struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

	if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		die("landlock");
	close(fd);
}

static int landlock(char **argv, bool users)
{
	if (!users)
		enter_domain();
	become_user();
	if (users) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		enter_domain();
	}
	run(argv);
	return OWN;
}

/* -- seccomp notification -- */

static int install(void)
{
	/* Except the call that passes the listener on. */
	static struct sock_filter all[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_sendmsg},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
	};
	struct sock_fprog program = {4, all};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

static void send_fd(int to, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof control};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	*head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(head), &fd, sizeof fd);
	sendmsg(to, &msg, 0);
}

static int receive_fd(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof control};
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
	return fd;
}

/* The stub's calls are those after the first execve(2), up to and including the next, and then come the wrapper's. */
static void supervise(int listener, long faked)
{
	struct seccomp_notif call;
	long calls = 0;
	int executed = 0;

	for (;;) {
		struct pollfd ready = {.fd = listener, .events = POLLIN};
		struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};

		if (poll(&ready, 1, -1) < 0 || !(ready.revents & POLLIN))
			break; /* no process is left under the filter */
		memset(&call, 0, sizeof call);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue;
		if (executed >= 1 && executed <= 2 && ++calls == faked)
			answer.flags = 0;
		executed += call.data.nr == SYS_execve;
		answer.id = call.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
	if (faked > calls)
		fprintf(stderr, "no call %ld\n", faked);
}

enum notified { BY_USER, BY_ROOT, BY_USERS_ROOT };

static int notify(char **argv, long faked, enum notified who)
{
	int pair[2], listener;
	pid_t pid, supervisor;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	pid = fork();
	if (pid == 0) {
		if (who == BY_USERS_ROOT) {
			become_user();
			if (unshare(CLONE_NEWUSER) < 0)
				die("unshare");
		}
		listener = install();
		if (listener < 0)
			_exit(NOT_OFFERED);
		send_fd(pair[1], listener);
		close(listener);
		if (who == BY_USER)
			become_user();
		run(argv);
	}
	close(pair[1]);
	listener = receive_fd(pair[0]);
	supervisor = fork();
	if (supervisor == 0) {
		become_user();
		supervise(listener, faked);
		_exit(0);
	}
	close(listener);
	result(supervisor);
	return result(pid);
}

/* -- io_uring -- */

struct ring {
	int fd;
	unsigned *tail, *mask, *array;
	struct io_uring_sqe *entries;
};

static struct ring make_ring(void)
{
	struct io_uring_params params = {0};
	struct ring ring = {.fd = (int)syscall(SYS_io_uring_setup, 8, &params)};
	char *queue;

	if (ring.fd < 0 && errno == EPERM)
		errno = ENOSYS; /* kernel.io_uring_disabled */
	if (ring.fd < 0)
		die("io_uring_setup");
	queue = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(unsigned),
		     PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
	ring.entries = mmap(NULL, params.sq_entries * sizeof *ring.entries, PROT_READ | PROT_WRITE,
			    MAP_SHARED, ring.fd, IORING_OFF_SQES);
	if (queue == MAP_FAILED || ring.entries == MAP_FAILED)
		die("mmap");
	ring.tail = (unsigned *)(queue + params.sq_off.tail);
	ring.mask = (unsigned *)(queue + params.sq_off.ring_mask);
	ring.array = (unsigned *)(queue + params.sq_off.array);
	return ring;
}

static void add(struct ring *ring, struct io_uring_sqe entry)
{
	unsigned at = *ring->tail & *ring->mask;

	ring->entries[at] = entry;
	ring->array[at] = at;
	__atomic_store_n(ring->tail, *ring->tail + 1, __ATOMIC_RELEASE);
}

/* Sets the attribute as soon as ready is readable. */
static void wait_to_set(struct ring *ring, int ready, int file)
{
	static const char name[] = "trusted.ring", value[] = "won";

	add(ring, (struct io_uring_sqe){.opcode = IORING_OP_POLL_ADD,
					.flags = IOSQE_IO_LINK,
					.fd = ready,
					.poll32_events = POLLIN});
	add(ring, (struct io_uring_sqe){.opcode = IORING_OP_FSETXATTR,
					.fd = file,
					.addr = (unsigned long)name,
					.len = sizeof value,
					.addr2 = (unsigned long)value});
	if (syscall(SYS_io_uring_enter, ring->fd, 2, 0, 0, NULL, 0) != 2)
		die("io_uring_enter");
}

static int inherit_ring(char **argv, long delay)
{
	int file = open(argv[0], O_RDWR), ready[2], begun[2];
	struct ring ring;
	char byte;
	pid_t pid;

	if (file < 0 || pipe(ready) < 0 || pipe2(begun, O_CLOEXEC) < 0)
		die(argv[0]);
	if (delay >= 0)
		become_user();
	ring = make_ring();
	pid = fork();
	if (pid == 0) {
		wait_to_set(&ring, ready[0], file);
		if (delay >= 0)
			run(argv + 1);
		sleep(1); /* the kernel runs ready requests at the next call */
		_exit(0);
	}
	close(begun[1]);
	if (delay >= 0 && read(begun[0], &byte, 1) < 0) /* closed by the exec */
		die("read");
	usleep(delay > 0 ? (unsigned)delay : 0);
	if (write(ready[1], "", 1) != 1)
		die("write");
	return result(pid);
}

/* -- userfaultfd -- */

/* The sender counts: a process of the user's must be able to send the signal. */
static void end_with_parent(void)
{
	become_user();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void serve(int fd, const char *text, size_t len)
{
	struct uffd_msg msg;
	char page[PAGE] = {0};

	memcpy(page, text, len);
	while (read(fd, &msg, sizeof msg) == sizeof msg) {
		struct uffdio_copy copy = {.dst = msg.arg.pagefault.address & -(unsigned long)PAGE,
					   .src = (unsigned long)page,
					   .len = PAGE};

		if (msg.event != UFFD_EVENT_PAGEFAULT)
			continue;
		usleep(20000);
		ioctl(fd, UFFDIO_COPY, &copy);
	}
}

static int fault(char **argv)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *path = argv[0];
	unsigned char there;
	char text[PAGE] = {0};
	size_t used = 0;
	pid_t server, changer;

	if (fd < 0 || page == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0)
		die("userfaultfd");
	range.range.start = (unsigned long)page;
	range.range.len = PAGE;
	if (ioctl(fd, UFFDIO_REGISTER, &range) < 0)
		die("UFFDIO_REGISTER");
	for (int i = 0; argv[i]; i++) {
		size_t len = strlen(argv[i]) + 1;

		memcpy(text + used, argv[i], len);
		argv[i] = page + used;
		used += len;
	}
	server = fork();
	if (server == 0) {
		end_with_parent();
		serve(fd, text, used);
		_exit(0);
	}
	/* The page is shared but not provided here: this process waits for it. */
	changer = fork();
	if (changer == 0) {
		end_with_parent();
		for (int i = 0; i < 100000; i++)
			if (mincore(page, PAGE, &there) == 0 && there & 1)
				page[used - 2] ^= 1;
		_exit(0);
	}
	become_user();
	execv(path, argv);
	die(path);
	return OWN;
}

/* WHAT, or WHAT=N. */
static bool is(const char *given, const char *what, long *n)
{
	size_t len = strlen(what);

	if (strncmp(given, what, len) != 0 || (given[len] && given[len] != '='))
		return false;
	*n = given[len] ? atol(given + len + 1) : 0;
	return true;
}

int main(int argc, char **argv)
{
	long n = 0;

	if (argc < 3)
		return OWN;
	if (is(argv[1], "landlock", &n))
		return landlock(argv + 2, false);
	if (is(argv[1], "landlock-user", &n))
		return landlock(argv + 2, true);
	if (is(argv[1], "notify", &n))
		return notify(argv + 2, n, BY_USER);
	if (is(argv[1], "notify-root", &n))
		return notify(argv + 2, n, BY_ROOT);
	if (is(argv[1], "notify-user", &n))
		return notify(argv + 2, 0, BY_USERS_ROOT);
	if (is(argv[1], "ring", &n))
		return inherit_ring(argv + 2, n);
	if (is(argv[1], "fault", &n))
		return fault(argv + 2);
	return OWN;
}
