/*
 * hostilefs [--hang OP[,OP...]] [--when FILE] [--log FILE] [--allow-other] DIR TREE
 *
 * Mounts TREE on DIR, read-only, as a FUSE file system that never answers the named operations:
 *
 *	lookup getattr readlink open read flush release opendir readdir releasedir statfs
 *	access getxattr listxattr all
 *
 * --when FILE: hangs only while FILE exists, so that the test can prepare files first.
 * --log FILE: appends a line "OP PID" for each operation without an answer. PID is the process that waits.
 *
 * Returns once DIR is mounted, and prints the process id of the server, which runs on in the background
 * and holds no descriptor of its caller's. When the server ends, the kernel aborts the connection: all waiting calls
 * fail with ENOTCONN, so `kill PID` frees every process. DIR stays a mount point until it is unmounted.
 *
 * As root, also of a user namespace, it mounts with mount(2); as anybody else through fusermount3. It
 * implements the kernel's protocol itself, because libfuse answers some operations on its own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST_MAX = 1 << 17, NODE_MAX = 100000 };

static const struct operation {
	const char *name;
	uint32_t opcode;
} operations[] = {
	{"lookup", FUSE_LOOKUP},     {"getattr", FUSE_GETATTR},
	{"readlink", FUSE_READLINK}, {"open", FUSE_OPEN},
	{"read", FUSE_READ},	     {"flush", FUSE_FLUSH},
	{"release", FUSE_RELEASE},   {"opendir", FUSE_OPENDIR},
	{"readdir", FUSE_READDIR},   {"releasedir", FUSE_RELEASEDIR},
	{"statfs", FUSE_STATFS},     {"access", FUSE_ACCESS},
	{"getxattr", FUSE_GETXATTR}, {"listxattr", FUSE_LISTXATTR},
};
enum { OPERATIONS = sizeof operations / sizeof *operations };

static bool hangs[OPERATIONS];
static const char *when;
static int tree = -1, log_fd = -1, fuse = -1;
/* A node's id is its place here: its path below the tree. Nodes are never forgotten. */
static char *nodes[NODE_MAX];
static size_t node_count;

static void die(const char *what)
{
	fprintf(stderr, "hostilefs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t node_of(const char *path)
{
	for (size_t i = 1; i < node_count; i++)
		if (!strcmp(nodes[i], path))
			return i;
	if (node_count == NODE_MAX)
		return 0;
	nodes[node_count] = strdup(path);
	return nodes[node_count] ? node_count++ : 0;
}

static void reply(uint64_t unique, int error, const void *data, size_t length)
{
	struct fuse_out_header head = {
		.len = (uint32_t)(sizeof head + length), .error = error, .unique = unique};
	struct iovec parts[] = {{&head, sizeof head}, {(void *)(uintptr_t)data, length}};

	/* ENOENT: the request was interrupted meanwhile. */
	if (writev(fuse, parts, length ? 2 : 1) < 0 && errno != ENOENT)
		die("reply");
}

static void fail(uint64_t unique, int error)
{
	reply(unique, -error, NULL, 0);
}

/* The kernel may cache nothing: each access has to reach the server. */
static void fill(struct fuse_attr *a, const struct stat *st)
{
	*a = (struct fuse_attr){
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.blocks = (uint64_t)st->st_blocks,
		.atime = (uint64_t)st->st_atim.tv_sec,
		.mtime = (uint64_t)st->st_mtim.tv_sec,
		.ctime = (uint64_t)st->st_ctim.tv_sec,
		.mode = st->st_mode,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.rdev = (uint32_t)st->st_rdev,
		.blksize = 4096,
	};
}

static void do_lookup(const struct fuse_in_header *in, const char *name)
{
	struct fuse_entry_out out = {0};
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof path, "%s/%s", nodes[in->nodeid], name) >= (int)sizeof path) {
		fail(in->unique, ENAMETOOLONG);
		return;
	}
	if (fstatat(tree, path, &st, AT_SYMLINK_NOFOLLOW)) {
		fail(in->unique, errno);
		return;
	}
	out.nodeid = node_of(path);
	fill(&out.attr, &st);
	if (!out.nodeid)
		fail(in->unique, ENOMEM);
	else
		reply(in->unique, 0, &out, sizeof out);
}

static void do_getattr(const struct fuse_in_header *in)
{
	struct fuse_attr_out out = {0};
	struct stat st;

	if (fstatat(tree, nodes[in->nodeid], &st, AT_SYMLINK_NOFOLLOW)) {
		fail(in->unique, errno);
		return;
	}
	fill(&out.attr, &st);
	reply(in->unique, 0, &out, sizeof out);
}

static void do_readlink(const struct fuse_in_header *in)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(tree, nodes[in->nodeid], target, sizeof target);

	if (n < 0)
		fail(in->unique, errno);
	else
		reply(in->unique, 0, target, (size_t)n);
}

static void do_open(const struct fuse_in_header *in, uint32_t flags)
{
	struct fuse_open_out out = {0};

	if ((flags & O_ACCMODE) != O_RDONLY)
		fail(in->unique, EROFS);
	else
		reply(in->unique, 0, &out, sizeof out);
}

static void do_read(const struct fuse_in_header *in, const struct fuse_read_in *want)
{
	static char data[REQUEST_MAX];
	size_t size = want->size < sizeof data ? want->size : sizeof data;
	int fd = openat(tree, nodes[in->nodeid], O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : pread(fd, data, size, (off_t)want->offset);

	if (n < 0)
		fail(in->unique, errno);
	else
		reply(in->unique, 0, data, (size_t)n);
	if (fd >= 0)
		close(fd);
}

/* An entry's offset is its number: the tree does not change. */
static size_t list(DIR *dir, uint64_t from, char *data, size_t size)
{
	size_t used = 0;
	struct dirent *e;

	for (uint64_t i = 0; (e = readdir(dir)); i++) {
		size_t length = strlen(e->d_name),
		       need = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);
		struct fuse_dirent out = {.ino = e->d_ino,
					  .off = i + 1,
					  .namelen = (uint32_t)length,
					  .type = e->d_type};

		if (i < from)
			continue;
		if (need > size - used)
			break;
		memset(data + used, 0, need);
		memcpy(data + used, &out, FUSE_NAME_OFFSET);
		memcpy(data + used + FUSE_NAME_OFFSET, e->d_name, length);
		used += need;
	}
	return used;
}

static void do_readdir(const struct fuse_in_header *in, const struct fuse_read_in *want)
{
	static char data[REQUEST_MAX];
	size_t size = want->size < sizeof data ? want->size : sizeof data;
	int fd = openat(tree, nodes[in->nodeid], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		fail(in->unique, errno);
		return;
	}
	reply(in->unique, 0, data, list(dir, want->offset, data, size));
	closedir(dir);
}

static void do_statfs(const struct fuse_in_header *in)
{
	struct fuse_statfs_out out = {.st = {.bsize = 4096, .frsize = 4096, .namelen = 255}};

	reply(in->unique, 0, &out, sizeof out);
}

static void do_init(const struct fuse_in_header *in)
{
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = 31,
		.flags = FUSE_PARALLEL_DIROPS, /* a hanging lookup does not block the others */
		.max_write = 4096,
		.time_gran = 1,
	};

	reply(in->unique, 0, &out, sizeof out);
}

static bool is_to_hang(const struct fuse_in_header *in)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		if (operations[i].opcode != in->opcode || !hangs[i])
			continue;
		if (when && access(when, F_OK))
			return false;
		if (log_fd >= 0)
			dprintf(log_fd, "%s %u\n", operations[i].name, in->pid);
		return true;
	}
	return false;
}

static void answer(const struct fuse_in_header *in, const void *body)
{
	if (is_to_hang(in))
		return;
	switch (in->opcode) {
	case FUSE_INIT:
		do_init(in);
		break;
	case FUSE_LOOKUP:
		do_lookup(in, body);
		break;
	case FUSE_GETATTR:
		do_getattr(in);
		break;
	case FUSE_READLINK:
		do_readlink(in);
		break;
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		do_open(in, ((const struct fuse_open_in *)body)->flags);
		break;
	case FUSE_READ:
		do_read(in, body);
		break;
	case FUSE_READDIR:
		do_readdir(in, body);
		break;
	case FUSE_STATFS:
		do_statfs(in);
		break;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
	case FUSE_DESTROY:
		fail(in->unique, 0);
		break;
	case FUSE_FORGET: /* these have no answer */
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		fail(in->unique, ENOSYS);
	}
}

static void serve(void)
{
	static union {
		struct fuse_in_header head;
		char bytes[REQUEST_MAX + 1];
	} request;

	for (;;) {
		ssize_t n = read(fuse, request.bytes, sizeof request.bytes - 1);

		if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (n < (ssize_t)sizeof request.head)
			exit(0); /* ENODEV: it was unmounted */
		request.bytes[n] = '\0';
		if (request.head.nodeid >= node_count)
			fail(request.head.unique, ESTALE);
		else
			answer(&request.head, request.bytes + sizeof request.head);
	}
}

static void mount_as_root(const char *dir, bool others)
{
	char options[200];

	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0)
		die("/dev/fuse");
	snprintf(options, sizeof options,
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions%s", fuse,
		 getuid(), getgid(), others ? ",allow_other" : "");
	if (mount("hostilefs", dir, "fuse", MS_NOSUID | MS_NODEV, options))
		die(dir);
}

/* The descriptor that fusermount3 sends over the socket. */
static int receive(int from)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = room,
				 .msg_controllen = sizeof room};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) > 0 && (c = CMSG_FIRSTHDR(&message)) &&
	    c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

static void mount_as_user(const char *dir, bool others)
{
	const char *options = others ? "default_permissions,allow_other,fsname=hostilefs"
				     : "default_permissions,fsname=hostilefs";
	int pair[2], status;
	char number[12];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		die("socketpair");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		close(pair[0]);
		snprintf(number, sizeof number, "%d", pair[1]);
		setenv("_FUSE_COMMFD", number, 1);
		execlp("fusermount3", "fusermount3", "-o", options, "--", dir, (char *)NULL);
		die("fusermount3");
	}
	close(pair[1]);
	fuse = receive(pair[0]);
	if (waitpid(child, &status, 0) < 0 || status || fuse < 0)
		exit(1); /* fusermount3 has printed the reason */
	close(pair[0]);
}

static void read_hangs(char *list_of)
{
	for (char *name = strtok(list_of, ","); name; name = strtok(NULL, ",")) {
		bool found = false;

		for (size_t i = 0; i < OPERATIONS; i++)
			if (!strcmp(name, "all") || !strcmp(name, operations[i].name))
				found = hangs[i] = true;
		if (!found) {
			errno = EINVAL;
			die(name);
		}
	}
}

static int open_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	if (fd < 0)
		die(path);
	return fd;
}

/* The caller gets the server's number, and none of its pipes stays open. */
static void run_on(void)
{
	pid_t server = fork();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (server < 0 || null < 0)
		die("fork");
	if (server) {
		printf("%d\n", (int)server);
		exit(fflush(stdout) ? 1 : 0);
	}
	setsid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	serve();
}

int main(int argc, char **argv)
{
	bool others = false;
	int i = 1;

	for (; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--allow-other"))
			others = true;
		else if (!strcmp(argv[i], "--hang") && i + 1 < argc)
			read_hangs(argv[++i]);
		else if (!strcmp(argv[i], "--when") && i + 1 < argc)
			when = argv[++i];
		else if (!strcmp(argv[i], "--log") && i + 1 < argc)
			log_fd = open_log(argv[++i]);
		else
			break;
	}
	if (argc - i != 2) {
		fprintf(stderr, "usage: hostilefs [--hang OP,...] [--when FILE] [--log FILE] "
				"[--allow-other] DIR TREE\n");
		return 2;
	}
	tree = open(argv[i + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree < 0)
		die(argv[i + 1]);
	nodes[1] = strdup("."); /* FUSE_ROOT_ID */
	nodes[0] = nodes[1];	/* requests about no node */
	node_count = 2;
	if (geteuid() == 0)
		mount_as_root(argv[i], others);
	else
		mount_as_user(argv[i], others);
	run_on();
}
