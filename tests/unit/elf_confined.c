/* The processes that parse ELF files for root, replaced by code that misbehaves when a file asks it
 * to: each is held, and no file makes one lie about another's. Built without sanitizers, which need
 * system calls that a parser lacks. */
#define elf_info_parse bewitched_read
#include "elf/reader.c"
#undef elf_info_parse

#include "elf/readers.h"
#include "loader/filecache.h"
#include "tests/unit/confined.h"
#include "tests/unit/loader_help.h"

int elf_info_parse(int fd, struct elf_info *out, struct err *e);

static void crash(int fd)
{
	(void)fd;
	__builtin_trap();
}

static void say_nonsense(int fd)
{
	static const char noise[4096] = {1, 2, 3};

	(void)fd;
	(void)!write(1, noise, sizeof noise);
	_exit(0);
}

/* The bytes of an elf_info with a valid header and no valid offset. */
static void say_false_form(int fd)
{
	char form[256];

	(void)fd;
	memset(form, 0xff, sizeof form);
	send_answer(0, form, sizeof form);
	flush_answers();
	_exit(0);
}

static void say_too_much(int fd)
{
	const struct reader_answer a = {0, UINT32_MAX, 0};

	(void)fd;
	send_bytes(&a, sizeof a);
	flush_answers();
	_exit(0);
}

static void say_with_escapes(int fd)
{
	struct err e;

	(void)fd;
	err_set(&e, EBADMSG, "\033[31mred");
	send_error(-EBADMSG, &e);
	flush_answers();
	_exit(0);
}

static void go_away(int fd)
{
	(void)fd;
	_exit(0);
}

static const struct attack own[] = {
	{"crash", crash, "signal 4"},
	{"loop", loop, "did not answer for 1 seconds"},
	{"nonsense", say_nonsense, "parser"},
	{"a false form", say_false_form, "invalid answer"},
	{"too much", say_too_much, "invalid answer"},
	{"escapes", say_with_escapes, "?[31mred"},
	{"go away", go_away, "ended early"},
};
#define OWN (sizeof own / sizeof *own)

static const struct attack *attack_at(size_t i)
{
	return i < OWN ? &own[i] : &forbidden[i - OWN];
}

#define LIE '!' /* from then on the process gives false answers */

/* In the process: "EVIL" and a letter, from A on, is attack_at(). */
int bewitched_read(int fd, struct elf_info *out, struct err *e)
{
	static bool lies;
	char text[5];

	if (pread(fd, text, 5, 0) == 5 && memcmp(text, "EVIL", 4) == 0) {
		if (text[4] == LIE)
			lies = true;
		else
			attack_at((size_t)(text[4] - 'A'))->fn(fd);
	}
	if (!lies)
		return elf_info_parse(fd, out, e);
	*out = (struct elf_info){.shebang = strdup("/lie")};
	return 0;
}

/* The answer that pinlib gets about a file. */
static const struct elf_info *info_of(struct filecache *files, const char *path)
{
	const struct cached_file *file;

	MUST(filecache_file(files, path, &file, &err) == 0);
	return &file->info;
}

static bool is_lie(const struct elf_info *info)
{
	return info->shebang && strcmp(info->shebang, "/lie") == 0;
}

static void put_evil(const char *path, char what)
{
	char text[8];

	snprintf(text, sizeof text, "EVIL%c", what);
	put_text(path, text);
}

/* Each by the process that reads the file, whoever's it is; and the next file is read as if nothing
 * had been. */
static void test_attacks(const char *dir)
{
	char evil[PATH_MAX], good[PATH_MAX];

	snprintf(evil, sizeof evil, "%s/evil", dir);
	snprintf(good, sizeof good, "%s/good", dir);
	put_text(good, "#!/bin/sh\n");
	for (size_t i = 0; i < OWN + FORBIDDEN; i++) {
		const struct attack *a = attack_at(i);
		AUTO_FILECACHE struct filecache *files = NULL;
		const struct elf_info *info;

		if (cannot_try(a))
			continue;

		MUST(filecache_new(NULL, &files, &err) == 0);
		put_evil(evil, (char)('A' + i));
		parser_seconds = 1;
		info = info_of(files, evil);
		if (!info->why || !strstr(info->why, a->said))
			fprintf(stderr, "%s: %s\n", a->name, info->why ? info->why : "let through");
		CHECK(info->why && strstr(info->why, a->said));
		parser_seconds = 60;
		info = info_of(files, good);
		CHECK(info->shebang && strcmp(info->shebang, "/bin/sh") == 0);
	}
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

/* Several were asked for when the first one's process died. */
static void test_ahead(const char *dir)
{
	AUTO_FILECACHE struct filecache *files = NULL;
	char paths[8][PATH_MAX];

	MUST(filecache_new(NULL, &files, &err) == 0);
	for (size_t i = 0; i < 8; i++) {
		snprintf(paths[i], PATH_MAX, "%s/ahead%zu", dir, i);
		if (i == 2)
			put_evil(paths[i], 'A');
		else
			put_text(paths[i], "#!/bin/sh\n");
		chmod(paths[i], 0755);
		MUST(filecache_expect(files, paths[i], &err) == 0);
	}
	for (size_t i = 8; i-- > 0;) {
		const struct elf_info *info = info_of(files, paths[i]);

		CHECK(i == 2 ? info->why != NULL
			     : info->shebang && strcmp(info->shebang, "/bin/sh") == 0);
	}
}

/* If a file of root's makes a process lie, it lies about root's files and no others. */
static void test_lies(const char *roots)
{
	AUTO_FILECACHE struct filecache *files = NULL;
	char evil[PATH_MAX], good[PATH_MAX];

	MUST(filecache_new(NULL, &files, &err) == 0);
	put_evil(in("liar"), LIE);
	put_text(in("honest"), "#!/bin/sh\n");
	snprintf(good, sizeof good, "%s/honest", roots);
	put_text(good, "#!/bin/sh\n");
	CHECK(is_lie(info_of(files, in("liar"))));
	CHECK(!is_lie(info_of(files, in("honest"))));
	CHECK(!is_lie(info_of(files, good)));
	snprintf(evil, sizeof evil, "%s/liar", roots);
	snprintf(good, sizeof good, "%s/other", roots);
	put_evil(evil, LIE);
	put_text(good, "#!/bin/sh\n");
	CHECK(is_lie(info_of(files, evil)));
	CHECK(is_lie(info_of(files, good)));
	put_text(in("other"), "#!/bin/sh\n");
	CHECK(!is_lie(info_of(files, in("other"))));
}

int main(void)
{
	const char *roots = "/opt/elf-confined";

	if (!as_root("readers of root's files"))
		return test_end();
	parent = getpid();
	scratch_make();
	MUST(file_mkdirs(roots, &err) == 0);
	test_attacks(scratch);
	test_attacks(roots);
	test_ahead(scratch);
	test_ahead(roots);
	test_lies(roots);
	MUST(file_remove_tree(AT_FDCWD, roots, &err) == 0);
	scratch_remove();
	return test_end();
}
