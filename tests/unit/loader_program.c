/* Which program a name means, and which one runs a script. */
#include "loader/program.h"

#include "base/path.h"
#include "base/paths.h"
#include "plan/stub.h"
#include "tests/unit/loader_help.h"

#include <elf.h>

static const char *canonical(const char *name)
{
	static char out[PATH_MAX];

	return program_canonical(name, out, &err) == 0 ? out : NULL;
}

static int canonical_error(const char *name)
{
	char out[PATH_MAX];

	return program_canonical(name, out, &err);
}

static void test_canonical(void)
{
	char long_name[2 * PATH_MAX];

	MUST(mkdir("bin", 0755) == 0);
	put_text("bin/tool", "#!/bin/sh\n");
	MUST(symlink("bin/tool", "one") == 0 && symlink("one", "two") == 0);
	MUST(symlink("loop", "loop") == 0 && symlink("nowhere", "dangling") == 0);
	CHECK_STR(canonical("/usr/lib/../bin/./env"), "/usr/bin/env");
	CHECK_STR(canonical("bin/tool"), in("bin/tool"));
	CHECK_STR(canonical("two"), in("bin/tool"));
	CHECK_STR(canonical("bin/."), in("bin"));
	CHECK_STR(canonical("bin/.."), scratch);
	CHECK(canonical_error("loop") == -ELOOP);
	CHECK(canonical_error("dangling") == -ENOENT);
	CHECK(canonical_error("missing") == -ENOENT);
	CHECK(canonical_error("") == -ENOENT);
	CHECK(canonical_error("bin/tool/x") == -ENOTDIR);
	memset(long_name, 'a', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	CHECK(canonical_error(long_name) == -ENAMETOOLONG);
	long_name[PATH_MAX - 1] = '\0';
	CHECK(canonical_error(long_name) == -ENAMETOOLONG);
}

/* A wrapped path is the app, and the stub there represents the original. */
static void test_wrapped(void)
{
	AUTO_PROGRAM struct program p = {0};
	char text[STUB_AT + sizeof(struct stub)] = ELFMAG;
	struct stub stub = {.magic = STUB_MAGIC};
	FILE *f;

	CHECK(stub_word(in("bin/wrapped"), false, stub.word, &err) == 0);
	memcpy(text + STUB_AT, &stub, sizeof stub);
	f = fopen("bin/wrapped", "w");
	MUST(f && fwrite(text, sizeof text, 1, f) == 1 && fclose(f) == 0);
	MUST(symlink("bin/wrapped", "name") == 0);
	CHECK_STR(canonical("bin/wrapped"), in("bin/wrapped"));
	CHECK_STR(canonical("name"), in("bin/wrapped"));
	/* A wrapped interpreter's own file is where wrapping put it. */
	sh("mkdir bin/" PINLIB_REAL_DIR " && cp /bin/true bin/" PINLIB_REAL_DIR "/wrapped");
	sh("printf '#!%s/bin/wrapped -x\\n' >by-wrapped", scratch);
	CHECK(program_read("by-wrapped", &p, &err) == 0);
	CHECK_STR(p.interpreter, in("bin/wrapped"));
	CHECK(p.elf.dynamic);
}

/* The interpreter of a script with this first line; "" if it cannot be read, with the error in *r.
 * */
static const char *runs(const char *first_line, int *r)
{
	static char interpreter[PATH_MAX];
	AUTO_PROGRAM struct program p = {0};

	put_text("script", first_line);
	*r = program_read("script", &p, &err);
	snprintf(interpreter, sizeof interpreter, "%s", *r == 0 ? p.interpreter : "");
	CHECK(*r < 0 ? !p.elf.needed : p.kind == PROGRAM_SCRIPT && p.elf.nneeded > 0);
	return interpreter;
}

static void test_scripts(void)
{
	static const char *const lines[] = {
		"#!/bin/cat",
		"#!/bin/cat\n",
		"#! \t/bin/cat -x  \t\nmore",
		"#!/bin/cat\r\n",
		"#!/usr/bin/env cat\n",
		"#!/usr/bin/env cat -x\n",
		"#!/usr/bin/env -S cat -x\n",
		"#!/usr/bin/env -Scat -x\n",
		"#!/usr/bin/env -vScat\n",
		"#!/usr/bin/env --split-string=cat -x\n",
		"#!/usr/bin/env -S 'cat' \"x\"\n",
		"#!/usr/bin/env -S X=1 Y=env cat\n",
		"#!/usr/bin/env -S X=\"a b\" Y='c \" d' cat -x\n",
		"#!/usr/bin/env -S X=\"a \\\" b\\_c\" cat\n",
		"#!/usr/bin/env -S cat\\_-x\n",
		"#!/usr/bin/env -S -u\\_NAME cat # x\n",
		"#!/usr/bin/env -S -i -u NAME cat\n",
		"#!/usr/bin/env -S -iu NAME cat\n",
		"#!/usr/bin/env -S -uNAME cat\n",
		"#!/usr/bin/env -S --unset NAME --chdir=/ cat\n",
		"#!/usr/bin/env -S -C / /bin/cat\n",
		"#!" PINLIB_STUB " refuse:/usr/bin/x /bin/cat -x\n",
		"#!" PINLIB_STUB " unpinned:/usr/bin/x /usr/bin/env cat\n",
	};
	int r;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		CHECK_STR(runs(lines[i], &r), "/usr/bin/cat");
}

/* All that the kernel and env(1) start before the interpreter, in order. */
static void test_the_way(void)
{
	AUTO_PROGRAM struct program direct = {0}, p = {0};
	char cwd[PATH_MAX], line[PATH_MAX + 32];

	put_text("script", "#!/bin/cat\n");
	CHECK(program_read("script", &direct, &err) == 0);
	CHECK(direct.way.count == 1);
	CHECK_STR(direct.way.items[0], "/usr/bin/cat");
	CHECK(getcwd(cwd, sizeof cwd));
	put_text("inner", "#!/usr/bin/env cat\n");
	snprintf(line, sizeof line, "#!%s/inner\n", cwd);
	put_text("script", line);
	CHECK(program_read("script", &p, &err) == 0);
	CHECK(p.way.count == 3 && strcmp(path_base(p.way.items[0]), "inner") == 0);
	CHECK_STR(p.way.count == 3 ? p.way.items[1] : NULL, "/usr/bin/env");
	CHECK_STR(p.way.count == 3 ? p.way.items[2] : NULL, "/usr/bin/cat");
	CHECK_STR(p.interpreter, "/usr/bin/cat");
}

static void test_no_scripts(void)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{"", -ENOEXEC},
		{"#!", -ENOEXEC},
		{"#!\n", -ENOEXEC},
		{"#! \t \n/bin/cat\n", -ENOEXEC},
		{"echo no line\n", -ENOEXEC},
		{"# !/bin/cat\n", -ENOEXEC},
		{"#!/usr/bin/env\n", -ENOEXEC},
		{"#!/usr/bin/env -S\n", -ENOEXEC},
		{"#!/usr/bin/env -S -u cat\n", -ENOEXEC},
		{"#!/usr/bin/env X=1\n", -ENOEXEC},
		{"#!/usr/bin/env -S # cat\n", -ENOEXEC},
		{"#!/usr/bin/env -S X=\"a cat\n", -ENOEXEC},
		{"#!" PINLIB_STUB " refuse:/usr/bin/x\n", -ENOEXEC},
		{"#!/usr/bin/env no-such-program-anywhere\n", -ENOENT},
		{"#!/no/such/program\n", -ENOENT},
		{"#!/etc/passwd\n", -ENOEXEC},
		{"#!/dev/zero\n", -EINVAL},
		{"#!/usr\n", -EINVAL},
	};
	int r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		runs(cases[i].text, &r);
		CHECK(r == cases[i].r && err.text[0]);
		if (r != cases[i].r)
			fprintf(stderr, "\t%d for %s", r, cases[i].text);
	}
}

/* Script i names script i + 1, the last names cat. */
static int read_chain(int n)
{
	AUTO_PROGRAM struct program p = {0};
	int r;

	for (int i = 0; i < n; i++)
		sh("printf '#!%s/chain%d\\n' >chain%d && chmod +x chain%d", scratch, i + 1, i, i);
	sh("printf '#!/bin/cat\\n' >chain%d && chmod +x chain%d", n, n);
	r = program_read("chain0", &p, &err);
	if (r == 0) {
		CHECK_STR(p.interpreter, "/usr/bin/cat");
		/* The kernel thinks so too. */
		CHECK(system("./chain0 </dev/null >/dev/null 2>&1") == 0);
	}
	return r;
}

static void test_chains(void)
{
	AUTO_PROGRAM struct program p = {0};

	for (int n = 0; n < 5; n++)
		CHECK(read_chain(n) == 0);
	CHECK(read_chain(5) == -ELOOP);
	CHECK(system("./chain0 </dev/null >/dev/null 2>&1") != 0);
	sh("printf '#!%s/cycle\\n' >cycle", scratch);
	CHECK(program_read("cycle", &p, &err) == -ELOOP);
}

static void test_files(void)
{
	AUTO_PROGRAM struct program p = {0};
	char line[1024];

	CHECK(program_read("missing", &p, &err) == -ENOENT);
	MUST(mkfifo("fifo", 0755) == 0);
	CHECK(program_read("fifo", &p, &err) == -EINVAL);
	CHECK(program_read("/dev/zero", &p, &err) == -EINVAL);
	CHECK(program_read("/", &p, &err) == -EINVAL);
	/* A line without an end, longer than the kernel reads. */
	memset(line, 'x', sizeof line - 1);
	memcpy(line, "#!/bin/cat ", 11);
	line[sizeof line - 1] = '\0';
	put_text("long", line);
	CHECK(program_read("long", &p, &err) == 0);
	CHECK_STR(p.interpreter, "/usr/bin/cat");
	CHECK(strlen(p.shebang) == sizeof p.shebang - 1);
}

static void test_elf(void)
{
	AUTO_PROGRAM struct program p = {0};

	CHECK(program_read("/bin/cat", &p, &err) == 0);
	CHECK(p.kind == PROGRAM_ELF && !p.interpreter[0] && !p.shebang[0] && p.elf.interp);
}

int main(void)
{
	scratch_make();
	test_canonical();
	test_wrapped();
	test_scripts();
	test_the_way();
	test_no_scripts();
	test_chains();
	test_files();
	test_elf();
	scratch_remove();
	return test_end();
}
