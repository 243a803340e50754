/* The index: what it knows is what would be read, and whatever is wrong with it does no harm. */
#include "loader/closure.h"
#include "loader/index.c" /* for the checksum, which a made-up row has to have */
#include "tests/unit/loader_help.h"

#include <sqlite3.h>
#include <sys/wait.h>
#include <time.h>

#define FLIPS 300

static char where[PATH_MAX]; /* the index */

/* A scan of one program with an index; what it says, and how much it knew. */
static char *scan(const char *program, size_t *known, size_t *noted)
{
	struct index *index = index_open_at(where);
	AUTO_CLOSURE struct closure c = {0};
	struct scan *s = NULL;
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	*known = *noted = 0;
	MUST(f && scan_new(NULL, &s, &err) == 0);
	scan_use_index(s, index);
	MUST(closure_of(s, program, NULL, 0, &c, &err) == 0);
	for (size_t i = 0; i < c.count; i++) {
		const struct elf *e = c.objects[i].elf;

		fprintf(f, "%s %d %d %d %d %s %s %s %zu\n", c.objects[i].canonical, e->class,
			e->machine, e->shared, e->has_versions, e->interp ? e->interp : "-",
			e->soname ? e->soname : "-", e->runpath ? e->runpath : "-", c.ngaps);
		for (size_t k = 0; k < e->nneeded; k++)
			fprintf(f, "\t%s %d\n", e->needed[k].name, e->needed[k].kind);
		for (size_t k = 0; k < e->nasked; k++)
			fprintf(f, "\t%s %s %x %d %d\n", e->asked[k].file, e->asked[k].name,
				e->asked[k].hash, e->asked[k].index, e->asked[k].weak);
		for (size_t k = 0; k < e->ngiven; k++)
			fprintf(f, "\t%s %x %d\n", e->given[k].name, e->given[k].hash,
				e->given[k].base);
	}
	closure_free(&c);
	scan_free(&s);
	if (index)
		index_counts(index, known, noted);
	index_close(&index);
	MUST(fclose(f) == 0);
	return text;
}

static bool says(const char *wanted, const char *program, size_t *known, size_t *noted)
{
	AUTO_FREE char *text = scan(program, known, noted);

	return strcmp(text, wanted) == 0;
}

static void forget(void)
{
	MUST(unlink(where) == 0 || errno == ENOENT);
}

static void test_second_scan_reads_nothing(void)
{
	AUTO_FREE char *first = NULL;
	size_t known, noted, again;

	first = scan("/usr/bin/curl", &known, &noted);
	CHECK(known == 0 && noted > 5);
	CHECK(says(first, "/usr/bin/curl", &known, &again));
	CHECK(known == noted && again == 0);
	forget();
	CHECK(says(first, "/usr/bin/curl", &known, &again) && known == 0 && again == noted);
}

/* Same size, same mtime, in place: ctime tells. */
static void test_changed_file_is_read_again(void)
{
	static const struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
	AUTO_FREE char *text = NULL, *after = NULL;
	size_t known, noted;

	MUST(utimensat(AT_FDCWD, "lib/liba.so.1", old, 0) == 0);
	sleep(3); /* until it is no longer too young to be noted */
	text = scan("lib/liba.so.1", &known, &noted);
	CHECK(noted > 0 && strstr(text, "liba.so.1"));
	CHECK(says(text, "lib/liba.so.1", &known, &noted) && noted == 0 && known > 0);
	sh("sed -i s/liba.so.1/libz.so.9/ lib/liba.so.1");
	MUST(utimensat(AT_FDCWD, "lib/liba.so.1", old, 0) == 0);
	after = scan("lib/liba.so.1", &known, &noted);
	CHECK(strstr(after, "libz.so.9") != NULL);
}

/* Just made: it could change again without any of its times changing. */
static void test_young_file_is_not_noted(void)
{
	AUTO_FREE char *text = NULL;
	size_t known, noted, others;

	sh("cc -shared -o lib/liby.so.1 x.c -nostdlib -Wl,-soname,liby.so.1");
	text = scan("lib/liby.so.1", &known, &others);
	CHECK(says(text, "lib/liby.so.1", &known, &noted) && noted == 0);
	sh("sed -i s/liby.so.1/libq.so.1/ lib/liby.so.1");
	CHECK(!says(text, "lib/liby.so.1", &known, &noted));
}

static void test_not_to_be_used(void)
{
	static const char *const make[] = {
		"mkdir %s",
		"mkfifo %s",
		"ln -s none %s",
		"ln -s /dev/zero %s",
		": >%s && chmod 666 %s",
	};
	AUTO_FREE char *text = NULL;
	size_t known, noted;

	text = scan("/usr/bin/curl", &known, &noted);
	for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
		char command[3 * PATH_MAX];

		snprintf(command, sizeof command, "rm -rf %s", where);
		sh("%s", command);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(command, sizeof command, make[i], where, where);
#pragma GCC diagnostic pop
		sh("%s", command);
		CHECK(says(text, "/usr/bin/curl", &known, &noted) && known == 0 && noted == 0);
	}
	sh("rm -rf %s", where);
}

/* What is no database is replaced by one; another program's database is left alone. */
static void test_damaged_and_foreign(void)
{
	AUTO_FREE char *text = NULL;
	size_t known, noted;
	sqlite3 *db;

	text = scan("/usr/bin/curl", &known, &noted);
	forget();
	sh("seq 3000 >%s", where);
	CHECK(says(text, "/usr/bin/curl", &known, &noted) && known == 0);
	CHECK(says(text, "/usr/bin/curl", &known, &noted) && known > 5);
	forget();
	MUST(sqlite3_open(where, &db) == SQLITE_OK &&
	     sqlite3_exec(db, "CREATE TABLE facts(path, mine)", NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	CHECK(says(text, "/usr/bin/curl", &known, &noted) && known == 0 && noted == 0);
	MUST(sqlite3_open(where, &db) == SQLITE_OK &&
	     sqlite3_exec(db, "SELECT mine FROM facts", NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
	forget();
}

/* Root believes nobody else's. */
static void test_owner(void)
{
	AUTO_FREE char *text = NULL;
	size_t known, noted;

	if (geteuid() != 0)
		return;
	text = scan("/usr/bin/curl", &known, &noted);
	MUST(chown(where, 1000, 1000) == 0);
	CHECK(says(text, "/usr/bin/curl", &known, &noted) && known == 0 && noted == 0);
	MUST(chown(where, 0, 0) == 0);
	CHECK(says(text, "/usr/bin/curl", &known, &noted) && known > 5);
	MUST(chmod("index", 0777) == 0);
	CHECK(says(text, "/usr/bin/curl", &known, &noted) && known == 0 && noted == 0);
	MUST(chmod("index", 0755) == 0);
}

/* Bytes changed anywhere: what it then says is what is read. */
static void test_flipped(void)
{
	AUTO_FREE char *text = NULL, *data = NULL, *damaged = NULL;
	size_t known, noted, len, right = 0;

	text = scan("/usr/bin/curl", &known, &noted);
	data = get_file(where, &len);
	damaged = malloc(len);
	MUST(damaged);
	for (int i = 0; i < FLIPS; i++) {
		AUTO_FD int fd = open(where, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		memcpy(damaged, data, len);
		for (int k = 0; k < 4; k++)
			damaged[(i % 2 ? next_random() : next_random() % 4096) % len] =
				(char)next_random();
		MUST(fd >= 0 &&
		     file_write(fd, damaged, i % 5 ? len : next_random() % len, &err) == 0);
		right += says(text, "/usr/bin/curl", &known, &noted);
		sh("rm -f %s-journal", where);
	}
	CHECK(right == FLIPS);
	forget();
}

static void sum(sqlite3_context *to, int n, sqlite3_value **v)
{
	int64_t values[5];

	MUST(n == 7);
	for (int i = 0; i < 5; i++)
		values[i] = sqlite3_value_int64(v[i + 1]);
	sqlite3_result_int64(to,
			     row_sum((const char *)sqlite3_value_text(v[0]), values,
				     sqlite3_value_blob(v[6]), (size_t)sqlite3_value_bytes(v[6])));
}

/* A row that was made up with its checksum: offsets, counts and kinds are checked all the same. */
static void test_rows_made_up(void)
{
	AUTO_FREE char *text = NULL;
	size_t known, noted, right = 0;

	text = scan("/usr/bin/curl", &known, &noted);
	MUST(noted > 5);
	for (int i = 0; i < 200; i++) {
		unsigned char blob[256];
		size_t len = next_random() % sizeof blob;
		sqlite3_stmt *s = NULL;
		sqlite3 *db;

		for (size_t k = 0; k < sizeof blob; k++)
			blob[k] = (unsigned char)(next_random() % 4 ? 0 : next_random());
		memcpy(blob, "\1\0\0\0\100\0\0\0\76\0\0\0\0\0\0\0\377\0\0", 19);
		MUST(sqlite3_open(where, &db) == SQLITE_OK &&
		     sqlite3_create_function(db, "row_sum", 7, SQLITE_UTF8, NULL, sum, NULL,
					     NULL) == SQLITE_OK);
		MUST(sqlite3_prepare_v2(
			     db,
			     "UPDATE facts SET facts = ?1, sum = row_sum(path, dev, ino, "
			     "size, mtime, ctime, ?1)",
			     -1, &s, NULL) == SQLITE_OK);
		sqlite3_bind_blob(s, 1, blob, (int)len, SQLITE_STATIC);
		MUST(sqlite3_step(s) == SQLITE_DONE);
		sqlite3_finalize(s);
		sqlite3_close(db);
		right += says(text, "/usr/bin/curl", &known, &noted) && known == 0;
	}
	CHECK(right == 200);
	forget();
}

static void test_at_once(void)
{
	static const char *const programs[] = {"/usr/bin/curl", "/bin/ls", "/bin/bash",
					       "/usr/bin/git"};
	size_t known, noted, ended = 0;
	sqlite3_stmt *s = NULL;
	sqlite3 *db;

	forget();
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		MUST(pid >= 0);
		if (pid == 0) {
			AUTO_FREE char *text = scan(programs[i % 4], &known, &noted);

			_exit(text[0] == '\0');
		}
	}
	for (int i = 0, status; i < 8; i++)
		ended += wait(&status) > 0 && status == 0;
	CHECK(ended == 8);
	MUST(sqlite3_open(where, &db) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
	      sqlite3_step(s) == SQLITE_ROW &&
	      strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(scan("/usr/bin/curl", &known, &noted));
	free(scan("/usr/bin/curl", &known, &noted));
	CHECK(known > 5 && noted == 0);
}

int main(void)
{
	unsetenv("LD_LIBRARY_PATH");
	/* Not below /tmp: what root believes lies where root alone can write. */
	if (geteuid() == 0)
		MUST(mkdir("/root/.labeler-index-test", 0700) == 0 &&
		     realpath("/root/.labeler-index-test", scratch) && chdir(scratch) == 0);
	else
		scratch_make();
	umask(022);
	snprintf(where, sizeof where, "%s/index/index.db", scratch);
	put_text("x.c", "int x;");
	sh("mkdir lib && cc -shared -o lib/liba.so.1 x.c -nostdlib -Wl,-soname,liba.so.1");
	test_second_scan_reads_nothing();
	test_changed_file_is_read_again();
	test_young_file_is_not_noted();
	test_not_to_be_used();
	test_damaged_and_foreign();
	test_owner();
	test_flipped();
	test_rows_made_up();
	test_at_once();
	scratch_remove();
	return test_end();
}
