/* Parsers of foreign bytes, replaced by code that misbehaves: each is held. This is built without
 * sanitizers, which need system calls that a parser lacks; and unpack_deb here replaces the
 * archive parser's. */
#include "base/confine.h"
#include "base/parser.h"
#include "tests/unit/confined.h"
#include "tests/unit/store_help.h"
#include "unpack/unpack.h"

#include <linux/futex.h>

static attack_fn *attack;

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

/* -- the parsers that misbehave -- */

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

void unpack_deb_control(int archive, int out)
{
	unpack_deb(archive, out);
}

void unpack_foreign(enum unpack_kind kind, bool only_control, int archive, int out)
{
	(void)kind, (void)only_control;
	unpack_deb(archive, out);
}

void unpack_image(const struct unpack_pick *pick, int input, int out)
{
	(void)pick;
	unpack_deb(input, out);
}

static struct store *store;

/* True if nothing came of it and the reason has this text. */
static bool held(const char *source, attack_fn *what, const char *text)
{
	AUTO_VERSION struct version v = {0};
	bool known;
	int r;

	attack = what;
	facts_reader = facts_attack;
	err.text[0] = '\0';
	r = intake_add(store, source, &plain, &v, &known, &err);
	if (r != -EBADMSG || !strstr(err.text, text))
		fprintf(stderr, "%s: %d: %s\n", source, r, err.text);
	return r == -EBADMSG && strstr(err.text, text) && count_names(in("store/versions")) == 0 &&
	       count_names(in("store/tmp")) == 0 && waitpid(-1, NULL, WNOHANG) < 0;
}

/* The same where the control fields of all archives in the directory are read: such an archive is left out. */
static bool control_held(attack_fn *what)
{
	AUTO_CONTROLS struct controls all = {0};

	attack = what;
	return intake_controls(in("x.deb"), &all, &err) == 0 && all.count == 0 &&
	       waitpid(-1, NULL, WNOHANG) < 0;
}

static char layout[PATH_MAX]; /* its parser has a socket, not a pipe */

static void test_forbidden(void)
{
	for (size_t i = 0; i < FORBIDDEN; i++) {
		if (cannot_try(&forbidden[i]))
			continue;
		bool elf = held(in("libx.so.1"), forbidden[i].fn, forbidden[i].said);
		bool archive = held(in("x.deb"), forbidden[i].fn, forbidden[i].said);
		bool foreign = held(in("x.rpm"), forbidden[i].fn, forbidden[i].said);
		bool image = held(layout, forbidden[i].fn, forbidden[i].said);
		bool control = control_held(forbidden[i].fn);

		if (!elf || !archive || !foreign || !image || !control)
			fprintf(stderr, "not held: %s\n", forbidden[i].name);
		CHECK(elf);
		CHECK(archive);
		CHECK(foreign);
		CHECK(image);
		CHECK(control);
	}
	CHECK(access(victim, F_OK) == 0 && count_names(in("outside")) == 1);
}

static void test_endless(void)
{
	parser_seconds = 1;
	CHECK(held(in("libx.so.1"), loop, "did not answer for 1 seconds"));
	CHECK(held(in("x.deb"), loop, "did not answer for 1 seconds"));
	CHECK(held(in("libx.so.1"), sleep_for_ever, "did not answer for 1 seconds"));
	CHECK(held(in("x.deb"), sleep_for_ever, "did not answer for 1 seconds"));
	parser_seconds = 60;
	CHECK(held(in("libx.so.1"), allocate_for_ever, "signal 4"));
	CHECK(held(in("x.deb"), allocate_for_ever, "signal 4"));
	CHECK(held(in("libx.so.1"), overflow_stack, "signal 11"));
	CHECK(held(in("x.deb"), overflow_stack, "signal 11"));
	CHECK(held(in("x.rpm"), overflow_stack, "signal 11"));
	CHECK(held(layout, overflow_stack, "signal 11"));
	CHECK(held(layout, talk_for_ever, "sent an invalid frame"));
	CHECK(held(in("libx.so.1"), talk_for_ever, "libx.so.1"));
	CHECK(held(in("x.deb"), talk_for_ever, "sent an invalid frame"));
	CHECK(control_held(talk_for_ever) && control_held(overflow_stack));
}

/* -- the process, seen from outside -- */

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
	facts_reader = facts_attack;
	{
		AUTO_VERSION struct version v = {0};
		bool known;

		CHECK(intake_add(store, source, &plain, &v, &known, &err) == -EBADMSG);
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
	CHECK(fds == descriptors || geteuid() != 0); /* only root may list them */
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
	facts_reader = facts_bad;
	CHECK(intake_add(store, in("many-1"), &plain, &v, &known, &err) == -EBADMSG);
	CHECK(strstr(err.text, "bad\\x1b[31m"));
	facts_reader = facts_count;
	CHECK(intake_add(store, in("many-1"), &plain, &v, &known, &err) == 0);
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
	put_text(in("x.rpm"), "\xed\xab\xee\xdb                    ");
	put_text(in("layout/index.json"), "{}");
	snprintf(layout, sizeof layout, "oci:%s/layout#x", scratch);
	put_text(in("outside/victim"), "x");
	snprintf(victim, sizeof victim, "%s/outside/victim", scratch);
	snprintf(outside, sizeof outside, "%s/outside/made", scratch);
	test_forbidden();
	test_endless();
	test_seen(in("libx.so.1"), 3);
	test_seen(in("x.deb"), 2);
	test_seen(in("x.rpm"), 2);
	test_seen(layout, 2);
	test_many();
	store_close(&store);
	scratch_remove();
	return test_end();
}
