#include "loader/index.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"

#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define APPLICATION 0x70696e6c /* "pinl" */
#define VERSION 2	       /* of the table and of the facts' form: another's rows are dropped */
#define WAIT_MS 250
#define ROWS_MAX 200000	     /* then it begins anew: rows of files that have gone stay until then */
#define RACY_NS 2000000000LL /* no file system's ticks are longer */

/* A row to be written. */
struct note {
	char *path, *data;
	size_t len;
	int64_t values[5];
};

struct index {
	sqlite3 *db;
	sqlite3_stmt *get;
	bool broken; /* it turned out to be damaged */
	bool empty;  /* there was nothing in it: nothing has to be looked for */
	struct note *notes;
	size_t known, noted;
};

/* FNV-1a, by words; begins with 0. */
static uint64_t checksum(uint64_t h, const void *data, size_t len)
{
	const char *p = data;
	uint64_t word;

	h ^= 14695981039346656037u + len;
	for (; len >= sizeof word; len -= sizeof word, p += sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * 1099511628211u;
		h ^= h >> 32;
	}
	for (; len > 0; len--)
		h = (h ^ (unsigned char)*p++) * 1099511628211u;
	return h ^ h >> 29;
}

/* Of all that a row holds: what belongs to another row is no good either. */
static int64_t row_sum(const char *path, const int64_t values[5], const void *data, size_t len)
{
	uint64_t h = checksum(0, path, strlen(path));

	h = checksum(h, values, 5 * sizeof *values);
	return (int64_t)checksum(h, data, len);
}

/* -- the database -- */

static const char table[] = "CREATE TABLE IF NOT EXISTS facts("
			    "path TEXT PRIMARY KEY, dev INTEGER, ino INTEGER, size INTEGER, "
			    "mtime INTEGER, ctime INTEGER, sum INTEGER, facts BLOB) WITHOUT ROWID";
static const char get[] = "SELECT dev, ino, size, mtime, ctime, sum, facts FROM facts "
			  "WHERE path = ?1";
static const char put[] = "INSERT OR REPLACE INTO facts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

static bool run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool number(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *s = NULL;
	bool yes = sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
		   sqlite3_step(s) == SQLITE_ROW;

	if (yes)
		*out = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return yes;
}

/* Ours, of this version, or made so: an empty one, or ours of another version. */
static bool make_ours(sqlite3 *db)
{
	int64_t application, version, tables;
	char sql[256];

	if (!number(db, "PRAGMA application_id", &application) ||
	    !number(db, "PRAGMA user_version", &version) ||
	    !number(db, "SELECT count(*) FROM sqlite_master", &tables))
		return false;
	if (application == APPLICATION && version == VERSION && tables > 0)
		return true;
	if (application != APPLICATION && (application != 0 || tables > 0))
		return false; /* another program's */
	snprintf(sql, sizeof sql,
		 "BEGIN IMMEDIATE; DROP TABLE IF EXISTS facts; PRAGMA application_id = %d; "
		 "PRAGMA user_version = %d",
		 APPLICATION, VERSION);
	return run(db, sql) && run(db, table) && run(db, "COMMIT");
}

static void discard(struct index *x)
{
	for (size_t i = 0; i < x->noted; i++) {
		free(x->notes[i].path);
		free(x->notes[i].data);
	}
	free(x->notes);
	sqlite3_finalize(x->get);
	sqlite3_close(x->db);
	free(x);
}

static bool is_damage(const struct index *x)
{
	int code = sqlite3_errcode(x->db);

	return code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

/* The owner of the file, if it is there, and whoever else could have written it. */
static bool is_mine(const char *path)
{
	struct stat st;
	struct err ignored;

	if (lstat(path, &st) < 0)
		return errno == ENOENT;
	return S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
	       (geteuid() != 0 || path_is_roots(path, &ignored));
}

/* Of root's everything up to it has to be root's, also before the file is made. out is the path
 * without links, as SQLite wants it. */
static bool prepare(const char *path, char out[PATH_MAX])
{
	char dir[PATH_MAX], real[PATH_MAX];
	struct err ignored;
	int n;

	path_dir(path, dir);
	if (file_mkdirs(dir, &ignored) < 0 || !realpath(dir, real))
		return false;
	n = snprintf(out, PATH_MAX, "%s/%s", real, path_base(path));
	if (n < 0 || n >= PATH_MAX || !is_mine(out))
		return false;
	return geteuid() != 0 || path_is_roots(real, &ignored);
}

static struct index *open_database(const char *path, bool *damaged)
{
	struct index *x = calloc(1, sizeof *x);
	int64_t row;
	int r;

	*damaged = false;
	if (!x)
		return NULL;
	r = sqlite3_open_v2(path, &x->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW,
			    NULL);
	if (r == SQLITE_OK)
		sqlite3_busy_timeout(x->db, WAIT_MS);
	/* Not synchronous: what a crash leaves of it is found out, by SQLite or by the checksums.
	 */
	if (r != SQLITE_OK || !make_ours(x->db) || !run(x->db, "PRAGMA synchronous = OFF") ||
	    sqlite3_prepare_v2(x->db, get, -1, &x->get, NULL) != SQLITE_OK ||
	    /* One look for the whole scan, without locking again for each row. */
	    !run(x->db, "BEGIN")) {
		*damaged = is_damage(x);
		discard(x);
		return NULL;
	}
	x->empty = !number(x->db, "SELECT 1 FROM facts LIMIT 1", &row);
	return x;
}

struct index *index_open_at(const char *path)
{
	char real[PATH_MAX];
	struct index *x;
	bool damaged;

	if (strlen(path) >= PATH_MAX || !prepare(path, real))
		return NULL;
	x = open_database(real, &damaged);
	if (!x && damaged && unlink(real) == 0)
		x = open_database(real, &damaged);
	return x;
}

struct index *index_open(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char path[PATH_MAX];
	int n;

	if (geteuid() == 0)
		return index_open_at(PINLIB_INDEX);
	if (cache && cache[0] == '/')
		n = snprintf(path, sizeof path, "%s/pinlib/index.db", cache);
	else if (home && home[0] == '/')
		n = snprintf(path, sizeof path, "%s/.cache/pinlib/index.db", home);
	else
		return NULL;
	return n < 0 || (size_t)n >= sizeof path ? NULL : index_open_at(path);
}

/* -- rows -- */

static int64_t nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* The five values that, with the path, a row stands for. */
static void values_of(const struct stat *st, int64_t v[5])
{
	v[0] = (int64_t)st->st_dev;
	v[1] = (int64_t)st->st_ino;
	v[2] = st->st_size;
	v[3] = nanoseconds(&st->st_mtim);
	v[4] = nanoseconds(&st->st_ctim);
}

static bool row_facts(struct index *x, const char *path, const struct stat *st,
		      struct elf_info *out)
{
	const void *data;
	int64_t v[5];
	int len;

	values_of(st, v);
	for (int i = 0; i < 5; i++)
		if (sqlite3_column_int64(x->get, i) != v[i])
			return false;
	data = sqlite3_column_blob(x->get, 6);
	len = sqlite3_column_bytes(x->get, 6);
	return data && len > 0 &&
	       row_sum(path, v, data, (size_t)len) == sqlite3_column_int64(x->get, 5) &&
	       elf_info_decode(data, (size_t)len, out);
}

bool index_get(struct index *x, const char *path, const struct stat *st, struct elf_info *out)
{
	bool yes = false;
	int r;

	if (x->broken || x->empty || !S_ISREG(st->st_mode))
		return false;
	sqlite3_bind_text(x->get, 1, path, -1, SQLITE_STATIC);
	r = sqlite3_step(x->get);
	if (r == SQLITE_ROW)
		yes = row_facts(x, path, st, out);
	else if (r != SQLITE_DONE)
		x->broken = is_damage(x);
	sqlite3_reset(x->get);
	x->known += yes;
	return yes;
}

/* Unchanged while it was read, and not so young that a change could have left the times alone. */
static bool is_settled(const struct stat *before, const struct stat *after,
		       const struct timespec *began)
{
	int64_t b[5], a[5], limit = nanoseconds(began) - RACY_NS;

	values_of(before, b);
	values_of(after, a);
	return memcmp(a, b, sizeof a) == 0 && a[3] < limit && a[4] < limit;
}

void index_note(struct index *x, const char *path, const struct stat *before,
		const struct stat *after, const struct timespec *began,
		const struct elf_info *facts)
{
	struct note *more, note;

	if (x->broken || !S_ISREG(before->st_mode) || !is_settled(before, after, began))
		return;
	if ((x->noted & (x->noted - 1)) == 0) {
		more = reallocarray(x->notes, x->noted ? 2 * x->noted : 1, sizeof *more);
		if (!more)
			return;
		x->notes = more;
	}
	note.path = strdup(path);
	note.data = elf_info_encode(facts, &note.len);
	if (!note.path || !note.data || note.len > INT_MAX) {
		free(note.path);
		free(note.data);
		return;
	}
	values_of(after, note.values);
	x->notes[x->noted++] = note;
}

bool index_is_empty(const struct index *x)
{
	return x->empty;
}

void index_counts(const struct index *x, size_t *known, size_t *noted)
{
	*known = x->known;
	*noted = x->noted;
}

static bool write_note(sqlite3_stmt *s, const struct note *n)
{
	bool yes;

	sqlite3_bind_text(s, 1, n->path, -1, SQLITE_STATIC);
	for (int i = 0; i < 5; i++)
		sqlite3_bind_int64(s, i + 2, n->values[i]);
	sqlite3_bind_int64(s, 7, row_sum(n->path, n->values, n->data, n->len));
	sqlite3_bind_blob(s, 8, n->data, (int)n->len, SQLITE_STATIC);
	yes = sqlite3_step(s) == SQLITE_DONE;
	sqlite3_reset(s);
	return yes;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct note *)a)->path, ((const struct note *)b)->path);
}

/* All, or none, in the table's order, which fills its pages one after the other. Who else writes
 * now is waited for, but not long. */
static void write_notes(struct index *x)
{
	sqlite3_stmt *s = NULL;
	int64_t rows = 0;
	bool yes = run(x->db, "BEGIN IMMEDIATE") &&
		   sqlite3_prepare_v2(x->db, put, -1, &s, NULL) == SQLITE_OK &&
		   number(x->db, "SELECT count(*) FROM facts", &rows) &&
		   (rows < ROWS_MAX || run(x->db, "DELETE FROM facts"));

	qsort(x->notes, x->noted, sizeof *x->notes, by_path);
	for (size_t i = 0; yes && i < x->noted; i++)
		yes = write_note(s, &x->notes[i]);
	sqlite3_finalize(s);
	if (!yes || !run(x->db, "COMMIT"))
		run(x->db, "ROLLBACK");
}

void index_close(struct index **index)
{
	struct index *x = *index;

	if (!x)
		return;
	sqlite3_reset(x->get);
	run(x->db, "COMMIT"); /* of what was only read */
	if (x->noted > 0 && !x->broken)
		write_notes(x);
	discard(x);
	*index = NULL;
}
