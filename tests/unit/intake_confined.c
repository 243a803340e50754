/* Parsers of foreign bytes, replaced by code that misbehaves: each is held. This is built without
 * sanitizers, which need system calls that a parser has not; and unpack_deb here stands in for the
 * archive parser's. */
#include "base/confine.h"
#include "base/parser.h"
#include "intake/unpack.h"
#include "tests/unit/store_help.h"

#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* What is tried; each returns to say that it was let through. fd is what the parser was handed. */
typedef void attack_fn(int fd);
static attack_fn *attack;
static char outside[PATH_MAX]; /* a directory that nobody may write to */
static char victim[PATH_MAX];  /* a file in it */
static pid_t parent;

static void open_file(int fd)
{
	(void)fd;
	open("/etc/passwd", O_RDONLY);
}

static void open_beside(int fd)
{
	openat(fd, "../x", O_RDONLY);
}

static void create_file(int fd)
{
	(void)fd;
	open(outside, O_WRONLY | O_CREAT, 0666);
}

static void stat_name(int fd)
{
	struct stat st;

	(void)fd;
	stat("/etc/shadow", &st);
}

static void change_names(int fd)
{
	(void)fd;
	rename(victim, outside);
}

static void remove_name(int fd)
{
	(void)fd;
	unlink(victim);
}

static void change_modes(int fd)
{
	fchmod(fd, 04755);
}

static void cut(int fd)
{
	ftruncate(fd, 0);
}

static void write_elsewhere(int fd)
{
	(void)!write(fd, "x", 1);
}

static void close_output(int fd)
{
	(void)fd;
	close(1);
	for (;;)
		;
}

static void copy_descriptor(int fd)
{
	dup(fd);
}

static void fork_child(int fd)
{
	(void)fd;
	fork();
}

static void start_thread(int fd)
{
	(void)fd;
	syscall(SYS_clone3, NULL, 0);
}

static void run_program(int fd)
{
	(void)fd;
	execl("/bin/true", "true", (char *)NULL);
}

static void connect_out(int fd)
{
	(void)fd;
	socket(AF_INET, SOCK_STREAM, 0);
}

static void connect_local(int fd)
{
	(void)fd;
	socket(AF_UNIX, SOCK_STREAM, 0);
}

static void send_descriptor(int fd)
{
	struct msghdr m = {0};

	sendmsg(fd, &m, 0);
}

static void trace_parent(int fd)
{
	(void)fd;
	ptrace(PTRACE_ATTACH, parent, NULL, NULL);
}

static void read_parent(int fd)
{
	char byte;
	struct iovec here = {&byte, 1}, there = {(void *)&parent, 1};

	(void)fd;
	process_vm_readv(parent, &here, 1, &there, 1, 0);
}

static void kill_parent(int fd)
{
	(void)fd;
	kill(parent, SIGTERM);
}

static void become_root(int fd)
{
	(void)fd;
	setuid(0);
}

static void new_namespace(int fd)
{
	(void)fd;
	unshare(CLONE_NEWUSER);
}

static void mount_something(int fd)
{
	(void)fd;
	mount("none", "/mnt", "tmpfs", 0, NULL);
}

static void run_bytes(int fd)
{
	(void)fd;
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_executable(int fd)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fd;
	mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void type_for_us(int fd)
{
	ioctl(fd, TIOCSTI, "x");
}

static void share_memory(int fd)
{
	(void)fd;
	shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
}

static void memory_file(int fd)
{
	(void)fd;
	memfd_create("x", 0);
}

static void kernel_rings(int fd)
{
	(void)fd;
	syscall(SYS_io_uring_setup, 1, NULL);
}

static void kernel_programs(int fd)
{
	(void)fd;
	syscall(SYS_bpf, 0, NULL, 0);
}

static void kernel_keys(int fd)
{
	(void)fd;
	syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}

static void fault_handler(int fd)
{
	(void)fd;
	syscall(SYS_userfaultfd, 0);
}

static void lift_limits(int fd)
{
	struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	(void)fd;
	setrlimit(RLIMIT_AS, &none);
}

static void undo(int fd)
{
	(void)fd;
	prctl(PR_SET_DUMPABLE, 1);
}

#ifdef __x86_64__
/* The same by the numbers of other architectures, which a filter for one does not know. */
static void call_i386(int fd)
{
	long r = 5; /* open */

	(void)fd;
	__asm__ volatile("int $0x80" : "+a"(r) : "b"(0), "c"(0), "d"(0) : "memory");
}

/* Without a filter that call is none, or fails; a machine that runs no code of i386 kills. */
static bool runs_i386(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		call_i386(0);
		_exit(0);
	}
	MUST(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status);
}

static void call_x32(int fd)
{
	(void)fd;
	syscall(0x40000000 | SYS_open, "/etc/passwd", O_RDONLY);
}
#endif

/* Killed by the filter, each of these. */
static const struct {
	const char *name;
	attack_fn *fn;
} forbidden[] = {
	{"open a file", open_file},
	{"open beside what was handed in", open_beside},
	{"create a file", create_file},
	{"stat by name", stat_name},
	{"rename", change_names},
	{"unlink", remove_name},
	{"chmod what was handed in", change_modes},
	{"truncate what was handed in", cut},
	{"write to what was handed in", write_elsewhere},
	{"close the output", close_output},
	{"dup", copy_descriptor},
	{"fork", fork_child},
	{"clone3", start_thread},
	{"exec", run_program},
	{"an internet socket", connect_out},
	{"a local socket", connect_local},
	{"send a descriptor", send_descriptor},
	{"ptrace", trace_parent},
	{"read another's memory", read_parent},
	{"kill the parent", kill_parent},
	{"setuid", become_root},
	{"unshare", new_namespace},
	{"mount", mount_something},
	{"map executable memory", run_bytes},
	{"make memory executable", make_executable},
	{"ioctl", type_for_us},
	{"shared memory", share_memory},
	{"memfd_create", memory_file},
	{"io_uring", kernel_rings},
	{"bpf", kernel_programs},
	{"keyctl", kernel_keys},
	{"userfaultfd", fault_handler},
	{"lift the limits", lift_limits},
	{"prctl", undo},
#ifdef __x86_64__
	{"a call of i386", call_i386},
	{"a call of x32", call_x32},
#endif
};

static void loop(int fd)
{
	(void)fd;
	for (;;)
		;
}

static void sleep_for_ever(int fd)
{
	int word = 0;

	(void)fd;
	syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

/* Two gigabytes are let through if they are there. */
static void allocate_for_ever(int fd)
{
	(void)fd;
	for (int i = 0; i < 128; i++) {
		char *p = malloc((size_t)16 << 20);

		if (!p)
			__builtin_trap();
		memset(p, 1, (size_t)16 << 20);
	}
}

static attack_fn *volatile deeper; /* the compiler does not see that there is no end */

static void overflow_stack(int fd)
{
	volatile char page[65536];

	page[0] = (char)fd;
	deeper = overflow_stack;
	deeper(fd + page[0]);
	page[1] = 0;
}

static void talk_for_ever(int fd)
{
	static const char noise[65536] = {1};

	(void)fd;
	while (write(1, noise, sizeof noise) > 0)
		;
}

/* -- the two parsers that misbehave -- */

static int facts_attack(int fd, char *soname, char *arch, struct err *e)
{
	(void)e;
	attack(fd);
	strcpy(soname, "libthrough.so.1");
	strcpy(arch, "amd64");
	return 0;
}

void unpack_deb(int archive, int out)
{
	MUST(!confine(archive, out));
	attack(0);
	(void)!write(1, "let through", 11);
	_exit(0);
}

static struct store *store;

/* True if nothing came of it and the reason has this text. */
static bool held(const char *source, attack_fn *what, const char *text)
{
	AUTO_VERSION struct version v = {0};
	bool known;
	int r;

	attack = what;
	err.text[0] = '\0';
	r = store_add(store, source, &(struct add_options){.facts = facts_attack}, &v, &known,
		      &err);
	if (r != -EBADMSG || !strstr(err.text, text))
		fprintf(stderr, "%s: %d: %s\n", source, r, err.text);
	return r == -EBADMSG && strstr(err.text, text) && count_names(in("store/versions")) == 0 &&
	       count_names(in("store/tmp")) == 0 && waitpid(-1, NULL, WNOHANG) < 0;
}

static void test_forbidden(void)
{
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
#ifdef __x86_64__
		if (forbidden[i].fn == call_i386 && !runs_i386()) {
			SKIP(forbidden[i].name, "this machine runs no code of i386");
			continue;
		}
#endif
		bool elf = held(in("libx.so.1"), forbidden[i].fn, "signal 31");
		bool archive = held(in("x.deb"), forbidden[i].fn, "signal 31");

		if (!elf || !archive)
			fprintf(stderr, "not held: %s\n", forbidden[i].name);
		CHECK(elf);
		CHECK(archive);
	}
	CHECK(access(victim, F_OK) == 0 && count_names(in("outside")) == 1);
}

static void test_endless(void)
{
	parser_seconds = 1;
	CHECK(held(in("libx.so.1"), loop, "silent for 1 seconds"));
	CHECK(held(in("x.deb"), loop, "silent for 1 seconds"));
	CHECK(held(in("libx.so.1"), sleep_for_ever, "silent for 1 seconds"));
	CHECK(held(in("x.deb"), sleep_for_ever, "silent for 1 seconds"));
	parser_seconds = 60;
	CHECK(held(in("libx.so.1"), allocate_for_ever, "signal 4"));
	CHECK(held(in("x.deb"), allocate_for_ever, "signal 4"));
	CHECK(held(in("libx.so.1"), overflow_stack, "signal 11"));
	CHECK(held(in("x.deb"), overflow_stack, "signal 11"));
	CHECK(held(in("libx.so.1"), talk_for_ever, "libx.so.1"));
	CHECK(held(in("x.deb"), talk_for_ever, "sent nonsense"));
}

/* -- what it is, seen from outside -- */

/* The only child of parent but us. */
static pid_t sibling(void)
{
	AUTO_FILE FILE *f = NULL;
	char path[64];
	int pid = 0;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	for (int tries = 0; tries < 100; tries++, usleep(20000)) {
		f = fopen(path, "r");
		MUST(f);
		while (fscanf(f, "%d", &pid) == 1)
			if (pid != getpid())
				return pid;
		fclose(f);
		f = NULL;
	}
	return 0;
}

static void expect(const char *status, const char *line)
{
	if (!strstr(status, line))
		fprintf(stderr, "the parser has not: %s", line);
	CHECK(strstr(status, line) != NULL);
}

/* Writes to out, once the sibling loops in its attack. */
static void watch(int out)
{
	char path[64], link[PATH_MAX], status[8192] = "";
	pid_t pid = sibling();
	FILE *f;
	ssize_t n;

	usleep(300000);
	snprintf(path, sizeof path, "/proc/%d/status", pid);
	f = fopen(path, "r");
	MUST(f && fread(status, 1, sizeof status - 1, f) > 0);
	dprintf(out, "%s", status);
	for (int fd = 0; fd < 16; fd++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, link, sizeof link);
		if (n > 0)
			dprintf(out, "fd\t%d %.*s\n", fd, (int)n, link);
	}
	_exit(0);
}

static void test_seen(const char *source, size_t descriptors)
{
	AUTO_FREE char *status = NULL;
	int ends[2];
	size_t len, fds = 0;
	pid_t pid;

	MUST(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0)
		watch(ends[1]);
	close(ends[1]);
	parser_seconds = 2;
	attack = loop;
	{
		AUTO_VERSION struct version v = {0};
		bool known;

		CHECK(store_add(store, source, &(struct add_options){.facts = facts_attack}, &v,
				&known, &err) == -EBADMSG);
	}
	parser_seconds = 60;
	MUST(file_read(ends[0], 65536, &status, &len, &err) == 0);
	close(ends[0]);
	waitpid(pid, NULL, 0);
	if (geteuid() == 0) {
		expect(status, "Uid:\t65534\t65534\t65534\t65534\n");
		expect(status, "Gid:\t65534\t65534\t65534\t65534\n");
		expect(status, "Groups:\t \n");
	}
	expect(status, "CapInh:\t0000000000000000\n");
	expect(status, "CapPrm:\t0000000000000000\n");
	expect(status, "CapEff:\t0000000000000000\n");
	expect(status, "NoNewPrivs:\t1\n");
	expect(status, "Seccomp:\t2\n");
	for (const char *p = status; (p = strstr(p, "\nfd\t")); p++)
		fds++;
	if (fds != descriptors)
		fprintf(stderr, "%s\n", strstr(status, "fd\t"));
	CHECK(fds == descriptors);
}

/* The same parser answers for many files, and there is one. */
static int facts_count(int fd, char *soname, char *arch, struct err *e)
{
	static int calls;

	(void)fd, (void)e;
	snprintf(soname, 256, "lib%d.so", calls++);
	strcpy(arch, "amd64");
	return 0;
}

static int facts_bad(int fd, char *soname, char *arch, struct err *e)
{
	(void)fd;
	memset(soname, 'x', 256); /* no end */
	memset(arch, 'x', 256);
	return err_set(e, ENODATA, "bad\033[31m");
}

static void test_many(void)
{
	AUTO_VERSION struct version v = {0};
	char elf[FAKE_ELF];
	bool known;

	for (int i = 0; i < 3; i++) {
		char name[64];

		fake_elf(elf, "", "", "x");
		elf[200] = (char)i;
		snprintf(name, sizeof name, "many-1/lib%d", i);
		put_file(in(name), elf, sizeof elf);
	}
	CHECK(store_add(store, in("many-1"), &(struct add_options){.facts = facts_bad}, &v, &known,
			&err) == -EBADMSG);
	CHECK(strstr(err.text, "bad\\x1b[31m"));
	CHECK(store_add(store, in("many-1"), &(struct add_options){.facts = facts_count}, &v,
			&known, &err) == 0);
	CHECK(v.nentries == 3 && v.entries[0].soname);
	if (v.nentries == 3) {
		int sum = 0;

		for (int i = 0; i < 3; i++)
			sum += v.entries[i].soname[3] - '0';
		CHECK(sum == 0 + 1 + 2);
	}
}

int main(void)
{
	char elf[FAKE_ELF];

	scratch_make();
	MUST(store_open(in("store"), true, &store, &err) == 0);
	parent = getpid();
	fake_elf(elf, "libx.so.1", "amd64", "x");
	put_file(in("libx.so.1"), elf, sizeof elf);
	put_text(in("x.deb"), "!<arch>\ndebian-binary   ");
	put_text(in("outside/victim"), "x");
	snprintf(victim, sizeof victim, "%s/outside/victim", scratch);
	snprintf(outside, sizeof outside, "%s/outside/made", scratch);
	test_forbidden();
	test_endless();
	test_seen(in("libx.so.1"), 3);
	test_seen(in("x.deb"), 2);
	test_many();
	store_close(&store);
	scratch_remove();
	return test_end();
}
