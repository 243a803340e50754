#include "policy/policy.h"

#include "base/caller.h"
#include "base/file.h"
#include "base/paths.h"

#include <fcntl.h>
#include <pwd.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define POLICY_BEFORE PINLIB_POLICY ".before"
#define POLICY_SIZE_MAX ((size_t)4 << 30)

struct policy {
	sqlite3 *db;
	bool older;
	bool changed;
	bool pruned;
	bool published; /* or half so: the file may be the new one */
	bool kept;	/* the old file has its second name */
};

#define NUMBER(n) NUMBER_TEXT(n)
#define NUMBER_TEXT(n) #n

/* One step a schema version: migrations[0] makes version 1 from nothing. */
static const char *const migrations[POLICY_SCHEMA] = {
	"CREATE TABLE generation ("
	" id INTEGER PRIMARY KEY,"
	" time INTEGER NOT NULL,"
	" uid INTEGER NOT NULL,"
	" user TEXT NOT NULL,"
	" command TEXT NOT NULL) STRICT;"
	"CREATE TABLE app ("
	" id INTEGER PRIMARY KEY,"
	" path TEXT NOT NULL UNIQUE) STRICT;"
	"CREATE TABLE version ("
	" id INTEGER PRIMARY KEY,"
	" digest TEXT NOT NULL UNIQUE CHECK (length(digest) = 64),"
	" name TEXT NOT NULL,"
	" version TEXT NOT NULL,"
	" arch TEXT NOT NULL) STRICT;"
	"CREATE TABLE wrapping ("
	" app INTEGER NOT NULL REFERENCES app,"
	" on_failure INTEGER NOT NULL CHECK (on_failure IN (1, 2)),"
	" added INTEGER NOT NULL REFERENCES generation,"
	" removed INTEGER REFERENCES generation) STRICT;"
	"CREATE UNIQUE INDEX wrapping_now ON wrapping (app) WHERE removed IS NULL;"
	"CREATE INDEX wrapping_app ON wrapping (app);"
	"CREATE INDEX wrapping_removed ON wrapping (removed);"
	"CREATE INDEX wrapping_added ON wrapping (added);"
	"CREATE TABLE pin ("
	" app INTEGER NOT NULL REFERENCES app,"
	" version INTEGER NOT NULL REFERENCES version,"
	" added INTEGER NOT NULL REFERENCES generation,"
	" removed INTEGER REFERENCES generation) STRICT;"
	"CREATE UNIQUE INDEX pin_now ON pin (app, version) WHERE removed IS NULL;"
	"CREATE INDEX pin_app ON pin (app);"
	"CREATE INDEX pin_version ON pin (version);"
	"CREATE INDEX pin_removed ON pin (removed);"
	"CREATE INDEX pin_added ON pin (added);"
	"INSERT INTO generation VALUES (0, 0, 0, 'root', 'nothing is pinned');",
	"ALTER TABLE wrapping ADD COLUMN forced INTEGER NOT NULL DEFAULT 0"
	" CHECK (forced IN (0, 1));"
	"ALTER TABLE pin ADD COLUMN origin INTEGER NOT NULL DEFAULT 0"
	" CHECK (origin IN (0, 1, 2));"
	"PRAGMA application_id = " NUMBER(POLICY_ID) ";",
	/* Apps with the same filter share a row; it does not change. */
	"CREATE TABLE confinement ("
	" id INTEGER PRIMARY KEY,"
	" profile TEXT NOT NULL,"
	" source TEXT NOT NULL CHECK (length(source) = 64),"
	" filter BLOB NOT NULL CHECK (length(filter) > 0),"
	" UNIQUE (profile, source, filter)) STRICT;"
	"ALTER TABLE wrapping ADD COLUMN confinement INTEGER REFERENCES confinement;"
	"CREATE INDEX wrapping_confinement ON wrapping (confinement);",
};

static int fail(struct policy *p, struct err *err, const char *doing)
{
	int code = sqlite3_errcode(p->db);
	int errnum = EIO;

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		errnum = EBADMSG;
	else if (code == SQLITE_NOMEM)
		errnum = ENOMEM;
	return err_set(err, errnum, "cannot %s in %s: %s%s", doing, PINLIB_POLICY,
		       sqlite3_errmsg(p->db),
		       errnum == EBADMSG ? "; restore it from a backup" : "");
}

static void cleanup_stmt(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}
#define AUTO_STMT CLEANUP(cleanup_stmt)

static int prepare(struct policy *p, const char *sql, sqlite3_stmt **s, struct err *err)
{
	if (sqlite3_prepare_v2(p->db, sql, -1, s, NULL) != SQLITE_OK)
		return fail(p, err, "prepare a query");
	return 0;
}

static int exec(struct policy *p, const char *sql, struct err *err)
{
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(p, err, "run a statement");
	return 0;
}

/* Runs a statement that gives no rows. */
static int run(struct policy *p, sqlite3_stmt *s, struct err *err)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		return fail(p, err, "write");
	if (sqlite3_changes(p->db) > 0)
		p->changed = true;
	return 0;
}

static void bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_digest(sqlite3_stmt *s, int at, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	bind_text(s, at, hex);
}

static char *copy_text(sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	return text ? strdup((const char *)text) : NULL;
}

/* The first column of the first row, or otherwise if there is none. */
static int64_t number(struct policy *p, const char *sql, int64_t otherwise)
{
	AUTO_STMT sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(p->db, sql, -1, &s, NULL) != SQLITE_OK)
		return otherwise;
	return sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : otherwise;
}

int64_t policy_current(struct policy *p)
{
	return number(p, "SELECT max(id) FROM generation", 0);
}

void policy_close(struct policy **policy)
{
	if (!*policy)
		return;
	sqlite3_close_v2((*policy)->db);
	free(*policy);
	*policy = NULL;
}

/* Whether the tables are those of the first schema, which carried no application_id: no row is
 * asked for, only the names. */
static bool has_tables(struct policy *p)
{
	AUTO_STMT sqlite3_stmt *s = NULL;

	return sqlite3_prepare_v2(p->db,
				  "SELECT g.id, g.time, g.uid, g.user, g.command, a.id, a.path,"
				  " v.id, v.digest, v.name, v.version, v.arch, w.app,"
				  " w.on_failure, w.added, w.removed, p.app, p.version, p.added,"
				  " p.removed FROM generation g, app a, version v, wrapping w,"
				  " pin p",
				  -1, &s, NULL) == SQLITE_OK;
}

/* Whether the file that was opened is a policy, and one that this pinlib knows. *schema is its
 * version. A foreign database must not be adopted: the next change would write over it. */
static int recognise(struct policy *p, int64_t *schema, struct err *err)
{
	int64_t id = number(p, "PRAGMA application_id", INT64_MIN);

	*schema = number(p, "PRAGMA user_version", INT64_MIN);
	if (id == INT64_MIN || *schema == INT64_MIN)
		return fail(p, err, "read the schema version");
	if (id != POLICY_ID && (id != 0 || *schema != 1 || !has_tables(p)))
		return err_set(err, EBADMSG,
			       "%s is not a policy of pinlib's: restore it from a backup",
			       PINLIB_POLICY);
	if (*schema > POLICY_SCHEMA)
		return err_set(err, EPROTO,
			       "%s was made by a newer pinlib (schema %lld; this one knows %d): "
			       "use that pinlib",
			       PINLIB_POLICY, (long long)*schema, POLICY_SCHEMA);
	if (*schema < 1)
		return err_set(err, EBADMSG, "%s is damaged: its schema version is %lld",
			       PINLIB_POLICY, (long long)*schema);
	return 0;
}

/* Brings the schema up to date, in memory. 0: there is nothing yet. */
static int migrate(struct policy *p, int64_t schema, struct err *err)
{
	for (; schema < POLICY_SCHEMA; schema++) {
		char pragma[64];
		int r = exec(p, migrations[schema], err);

		if (r < 0)
			return r;
		snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld",
			 (long long)schema + 1);
		r = exec(p, pragma, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_db(struct policy **out, const char *uri, int flags, struct err *err)
{
	struct policy *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(err);
	if (sqlite3_open_v2(uri, &p->db, flags | SQLITE_OPEN_URI, NULL) != SQLITE_OK) {
		int r = p->db ? fail(p, err, "open the database") : err_nomem(err);

		policy_close(&p);
		return r;
	}
	sqlite3_extended_result_codes(p->db, 0);
	*out = p;
	return 0;
}

/* The file's bytes become the in-memory database. -ENOENT if there is no file. */
static int take_in(struct policy *p, struct err *err)
{
	AUTO_FREE char *data = NULL;
	unsigned char *copy;
	size_t len;
	int r = file_read_at(AT_FDCWD, PINLIB_POLICY, POLICY_SIZE_MAX, &data, &len, err);

	if (r < 0)
		return r;
	if (len == 0)
		return err_set(err, EBADMSG, "%s is empty: restore it from a backup",
			       PINLIB_POLICY);
	copy = sqlite3_malloc64(len);
	if (!copy)
		return err_nomem(err);
	memcpy(copy, data, len);
	/* FREEONCLOSE frees copy on failure too. */
	if (sqlite3_deserialize(p->db, "main", copy, (sqlite3_int64)len, (sqlite3_int64)len,
				SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) !=
	    SQLITE_OK)
		return fail(p, err, "load the database");
	return 0;
}

int policy_check(struct policy *p, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	const char *says, *last;

	if (sqlite3_prepare_v2(p->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		return err_set(err, EBADMSG, "%s is damaged: %s; restore it from a backup",
			       PINLIB_POLICY, sqlite3_errmsg(p->db));
	says = (const char *)sqlite3_column_text(s, 0);
	if (!says)
		says = "?";
	if (strcmp(says, "ok") == 0)
		return 0;
	/* The lines before the last say which database: there is one. */
	last = strrchr(says, '\n');
	return err_set(err, EBADMSG, "%s is damaged: %s; restore it from a backup", PINLIB_POLICY,
		       last ? last + 1 : says);
}

/* -ENOENT if there is no policy yet. A link that leads nowhere is no answer: what it leads to may not
 * be mounted. SQLite would wait for who writes to a FIFO. */
static int look_for_file(struct err *err)
{
	struct stat st;

	if (lstat(PINLIB_POLICY, &st) < 0)
		return err_sys(err, errno, "cannot read %s", PINLIB_POLICY);
	if (S_ISLNK(st.st_mode) && stat(PINLIB_POLICY, &st) < 0)
		return err_set(err, EBADMSG,
			       "%s is a symbolic link that leads nowhere: bring back what it "
			       "leads to",
			       PINLIB_POLICY);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "%s is not a regular file: restore it from a backup",
			       PINLIB_POLICY);
	if (access(PINLIB_POLICY, R_OK) < 0)
		return err_sys(err, errno, "cannot read %s", PINLIB_POLICY);
	return 0;
}

/* The whole policy in memory, checked and up to date; an empty one if there is no file. */
static int load(struct policy **out, struct err *err)
{
	AUTO_POLICY struct policy *p = NULL;
	int64_t schema = 0;
	int r = open_db(&p, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

	if (r < 0)
		return r;
	r = look_for_file(err);
	if (r == 0)
		r = take_in(p, err);
	if (r == 0)
		r = policy_check(p, err);
	if (r == 0)
		r = recognise(p, &schema, err);
	if (r < 0 && r != -ENOENT)
		return r;
	p->older = r == 0 && schema < POLICY_SCHEMA;
	r = migrate(p, schema, err);
	if (r < 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

int policy_open(struct policy **out, struct err *err)
{
	AUTO_POLICY struct policy *p = NULL;
	int64_t schema;
	int r;

	*out = NULL;
	r = look_for_file(err);
	if (r == -ENOENT)
		return load(out, err);
	if (r < 0)
		return r;
	r = open_db(&p, "file:" PINLIB_POLICY "?immutable=1", SQLITE_OPEN_READONLY, err);
	if (r == 0)
		r = recognise(p, &schema, err);
	if (r < 0)
		return r;
	if (schema < POLICY_SCHEMA)
		return load(out, err);
	*out = p;
	p = NULL;
	return 0;
}

int policy_begin(struct policy **out, struct err *err)
{
	AUTO_POLICY struct policy *p = NULL;
	int r = load(&p, err);

	*out = NULL;
	if (r == 0)
		r = exec(p, "PRAGMA foreign_keys = ON; BEGIN", err);
	if (r == 0) {
		/* The generation to be; its row is completed, or never seen, at the end. */
		r = exec(p,
			 "INSERT INTO generation SELECT max(id) + 1, 0, 0, '', '' FROM generation",
			 err);
	}
	if (r < 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

bool policy_is_older(struct policy *p)
{
	return p->older;
}

/* Who asked. What the environment says wrongly is no reason to change nothing (apt's hooks do it, too): root did it. */
static void find_author(struct caller *out)
{
	struct err ignored;
	const struct passwd *user;
	int r = caller_find(out, &ignored);

	if (r < 0 && r != -ENOENT)
		*out = (struct caller){.uid = getuid()};
	if (out->other)
		return;
	user = getpwuid(out->uid);
	if (user)
		snprintf(out->name, sizeof out->name, "%s", user->pw_name);
	else
		snprintf(out->name, sizeof out->name, "%lu", (unsigned long)out->uid);
}

static int sign(struct policy *p, const char *command, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	struct caller author;
	int r = prepare(p,
			"UPDATE generation SET time = ?1, uid = ?2, user = ?3, command = ?4"
			" WHERE id = (SELECT max(id) FROM generation)",
			&s, err);

	if (r < 0)
		return r;
	find_author(&author);
	sqlite3_bind_int64(s, 1, time(NULL));
	sqlite3_bind_int64(s, 2, author.uid);
	bind_text(s, 3, author.name);
	bind_text(s, 4, command);
	return run(p, s, err);
}

/* The old file keeps a name until the change is settled, so that going back needs no space. */
static int keep_before(struct policy *p, struct err *err)
{
	if (unlink(POLICY_BEFORE) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", POLICY_BEFORE);
	p->kept = link(PINLIB_POLICY, POLICY_BEFORE) == 0;
	if (!p->kept && errno != ENOENT)
		return err_sys(err, errno, "cannot link %s to %s", PINLIB_POLICY, POLICY_BEFORE);
	p->published = true;
	return 0;
}

static int publish(struct policy *p, struct err *err)
{
	sqlite3_int64 len = 0;
	unsigned char *data = sqlite3_serialize(p->db, "main", &len, 0);
	int r;

	if (!data)
		return err_nomem(err);
	r = keep_before(p, err);
	if (r == 0)
		r = file_publish(AT_FDCWD, PINLIB_POLICY, data, (size_t)len, 0644, err);
	sqlite3_free(data);
	return r;
}

int policy_commit(struct policy *p, const char *command, int64_t *generation, struct err *err)
{
	int r;

	if (!p->changed && !p->pruned) {
		*generation = policy_current(p) - 1;
		return exec(p, "ROLLBACK", err);
	}
	if (p->changed)
		r = sign(p, command, err);
	else
		r = exec(p, "DELETE FROM generation WHERE id = (SELECT max(id) FROM generation)",
			 err);
	if (r == 0)
		r = exec(p, "COMMIT", err);
	if (r < 0)
		return r;
	*generation = policy_current(p);
	return publish(p, err);
}

int policy_revert(struct policy *p, struct err *err)
{
	if (!p->published)
		return 0;
	if (p->kept && rename(POLICY_BEFORE, PINLIB_POLICY) < 0)
		return err_sys(err, errno, "cannot bring back %s", PINLIB_POLICY);
	if (!p->kept && unlink(PINLIB_POLICY) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", PINLIB_POLICY);
	return file_sync_parent(AT_FDCWD, PINLIB_POLICY, err);
}

void policy_settle(struct policy *p)
{
	(void)p;
	unlink(POLICY_BEFORE);
}

/* -- what is in it -- */

static void pin_free(struct pin *pin)
{
	free(pin->name);
	free(pin->version);
	free(pin->arch);
}

void app_free(struct app *app)
{
	for (size_t i = 0; i < app->npins; i++)
		pin_free(&app->pins[i]);
	free(app->pins);
	confinement_free(&app->confined);
	free(app->path);
	*app = (struct app){0};
}

void apps_free(struct apps *apps)
{
	for (size_t i = 0; i < apps->count; i++)
		app_free(&apps->items[i]);
	free(apps->items);
	*apps = (struct apps){0};
}

void generations_free(struct generations *gens)
{
	for (size_t i = 0; i < gens->count; i++) {
		free(gens->items[i].user);
		free(gens->items[i].command);
	}
	free(gens->items);
	*gens = (struct generations){0};
}

/* Room for one more item at the end of an array; the new item is zeroed. NULL: out of memory. */
static void *grow(void *items, size_t count, size_t size)
{
	/* A power of two is full: double it. */
	if (count & (count - 1) && count)
		return items;
	return reallocarray(items, count ? count * 2 : 1, size);
}

/* The columns of a row of apps_sql. */
enum {
	COL_PATH,
	COL_ON_FAILURE,
	COL_FORCED,
	COL_NAME,
	COL_VERSION,
	COL_ARCH,
	COL_DIGEST,
	COL_ORIGIN,
	COL_PROFILE,
	COL_SOURCE,
	COL_FILTER
};

#define APPS_SQL                                                                                   \
	"SELECT a.path, w.on_failure, w.forced, v.name, v.version, v.arch, v.digest, p.origin,"    \
	" c.profile, c.source, c.filter"                                                           \
	" FROM wrapping w JOIN app a ON a.id = w.app"                                              \
	" LEFT JOIN pin p ON p.app = a.id AND p.added <= ?1 AND (p.removed IS NULL OR p.removed >" \
	" ?1)"                                                                                     \
	" LEFT JOIN version v ON v.id = p.version"                                                 \
	" LEFT JOIN confinement c ON c.id = w.confinement"                                         \
	" WHERE w.added <= ?1 AND (w.removed IS NULL OR w.removed > ?1)"

static int add_pin(struct app *app, sqlite3_stmt *s, struct err *err)
{
	struct pin *pins = grow(app->pins, app->npins, sizeof *pins);
	struct pin *pin;

	if (!pins)
		return err_nomem(err);
	app->pins = pins;
	pin = &pins[app->npins++];
	*pin = (struct pin){
		.name = copy_text(s, COL_NAME),
		.version = copy_text(s, COL_VERSION),
		.arch = copy_text(s, COL_ARCH),
		.origin = (enum pin_origin)sqlite3_column_int(s, COL_ORIGIN),
	};
	if (!pin->name || !pin->version || !pin->arch)
		return err_nomem(err);
	if (!digest_parse((const char *)sqlite3_column_text(s, COL_DIGEST), &pin->digest))
		return err_set(err, EBADMSG, "%s is damaged: a digest is none", PINLIB_POLICY);
	return 0;
}

static int read_confinement(struct confinement *out, sqlite3_stmt *s, struct err *err)
{
	const void *filter = sqlite3_column_blob(s, COL_FILTER);
	int size = sqlite3_column_bytes(s, COL_FILTER);

	if (sqlite3_column_type(s, COL_PROFILE) == SQLITE_NULL)
		return 0;
	if (!filter || size % (int)sizeof(struct sock_filter) ||
	    !digest_parse((const char *)sqlite3_column_text(s, COL_SOURCE), &out->source))
		return err_set(err, EBADMSG, "%s is damaged: a filter is none", PINLIB_POLICY);
	out->profile = copy_text(s, COL_PROFILE);
	out->filter = malloc((size_t)size);
	if (!out->profile || !out->filter)
		return err_nomem(err);
	out->size = (size_t)size;
	memcpy(out->filter, filter, out->size);
	return 0;
}

static int add_row(struct apps *apps, sqlite3_stmt *s, struct err *err)
{
	const char *path = (const char *)sqlite3_column_text(s, COL_PATH);
	struct app *app = apps->count ? &apps->items[apps->count - 1] : NULL;
	int r;

	if (!path)
		return err_nomem(err);
	if (!app || strcmp(app->path, path) != 0) {
		struct app *items = grow(apps->items, apps->count, sizeof *items);

		if (!items)
			return err_nomem(err);
		apps->items = items;
		app = &items[apps->count++];
		*app = (struct app){
			.path = strdup(path),
			.on_failure = (enum plan_on_failure)sqlite3_column_int(s, COL_ON_FAILURE),
			.forced = sqlite3_column_int(s, COL_FORCED),
		};
		if (!app->path)
			return err_nomem(err);
		r = read_confinement(&app->confined, s, err);
		if (r < 0)
			return r;
	}
	if (sqlite3_column_type(s, COL_DIGEST) == SQLITE_NULL)
		return 0;
	return add_pin(app, s, err);
}

static int collect(struct policy *p, sqlite3_stmt *s, struct apps *out, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int step;

	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		int r = add_row(&apps, s, err);

		if (r < 0)
			return r;
	}
	if (step != SQLITE_DONE)
		return fail(p, err, "read");
	*out = apps;
	apps = (struct apps){0};
	return 0;
}

int policy_apps(struct policy *p, int64_t generation, struct apps *out, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	int r = prepare(p, APPS_SQL " ORDER BY a.path, v.name, v.arch", &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, generation == POLICY_NOW ? INT64_MAX - 1 : generation);
	return collect(p, s, out, err);
}

int policy_app(struct policy *p, const char *path, int64_t generation, struct app *out,
	       struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	AUTO_APPS struct apps apps = {0};
	int r = prepare(p, APPS_SQL " AND a.path = ?2 ORDER BY v.name, v.arch", &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, generation == POLICY_NOW ? INT64_MAX - 1 : generation);
	bind_text(s, 2, path);
	r = collect(p, s, &apps, err);
	if (r < 0)
		return r;
	if (apps.count == 0)
		return err_set(err, ENOENT, "%s has no pins", path);
	*out = apps.items[0];
	apps.count = 0;
	return 0;
}

int policy_generations(struct policy *p, struct generations *out, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	AUTO_GENERATIONS struct generations gens = {0};
	int step, r = prepare(p, "SELECT id, time, uid, user, command FROM generation ORDER BY id",
			      &s, err);

	if (r < 0)
		return r;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct generation *g = grow(gens.items, gens.count, sizeof *g);

		if (!g)
			return err_nomem(err);
		gens.items = g;
		g += gens.count++;
		*g = (struct generation){
			.id = sqlite3_column_int64(s, 0),
			.time = sqlite3_column_int64(s, 1),
			.uid = sqlite3_column_int64(s, 2),
			.user = copy_text(s, 3),
			.command = copy_text(s, 4),
		};
		if (!g->user || !g->command)
			return err_nomem(err);
	}
	if (step != SQLITE_DONE)
		return fail(p, err, "read");
	*out = gens;
	gens = (struct generations){0};
	return 0;
}

int policy_digests(struct policy *p, struct digests *out, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	AUTO_FREE struct digest *items = NULL;
	size_t count = 0;
	int step, r = prepare(p, "SELECT digest FROM version WHERE id IN (SELECT version FROM pin)",
			      &s, err);

	if (r < 0)
		return r;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		struct digest *more = grow(items, count, sizeof *more);

		if (!more)
			return err_nomem(err);
		items = more;
		if (!digest_parse((const char *)sqlite3_column_text(s, 0), &items[count++]))
			return err_set(err, EBADMSG, "%s is damaged: a digest is none",
				       PINLIB_POLICY);
	}
	if (step != SQLITE_DONE)
		return fail(p, err, "read");
	out->items = items;
	out->count = count;
	items = NULL;
	return 0;
}

int policy_known(struct policy *p, struct strings *out, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	AUTO_STRINGS struct strings paths = {0};
	int step, r = prepare(p, "SELECT path FROM app ORDER BY path", &s, err);

	if (r < 0)
		return r;
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		char **more = grow(paths.items, paths.count, sizeof *more);

		if (!more)
			return err_nomem(err);
		paths.items = more;
		paths.items[paths.count] = copy_text(s, 0);
		if (!paths.items[paths.count++])
			return err_nomem(err);
	}
	if (step != SQLITE_DONE)
		return fail(p, err, "read");
	*out = paths;
	paths = (struct strings){0};
	return 0;
}

/* -- changes: rows are closed and opened; the last generation is the one being made -- */

#define NEW_GENERATION "(SELECT max(id) FROM generation)"

#define THIS_APP "(SELECT id FROM app WHERE path = ?1)"

/* Runs sql with up to two texts bound; NULL binds NULL. */
static int change(struct policy *p, const char *sql, const char *one, const char *two,
		  struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	int r = prepare(p, sql, &s, err);

	if (r < 0)
		return r;
	bind_text(s, 1, one);
	if (sqlite3_bind_parameter_count(s) > 1)
		bind_text(s, 2, two);
	return run(p, s, err);
}

static int know_confinement(struct policy *p, const struct confinement *c, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	bool before = p->changed;
	int r = prepare(p,
			"INSERT OR IGNORE INTO confinement (profile, source, filter)"
			" VALUES (?1, ?2, ?3)",
			&s, err);

	if (r < 0)
		return r;
	bind_text(s, 1, c->profile);
	bind_digest(s, 2, &c->source);
	sqlite3_bind_blob64(s, 3, c->filter, c->size, SQLITE_TRANSIENT);
	r = run(p, s, err);
	p->changed = before; /* as with a version */
	return r;
}

static int add_wrapping(struct policy *p, const struct app *app, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	const struct confinement *c = &app->confined;
	int r = c->profile ? know_confinement(p, c, err) : 0;

	if (r == 0)
		r = prepare(p,
			    "INSERT INTO wrapping (app, on_failure, forced, confinement, added)"
			    " VALUES (" THIS_APP ", ?2, ?3, (SELECT id FROM confinement WHERE"
			    " profile = ?4 AND source = ?5 AND filter = ?6), " NEW_GENERATION ")",
			    &s, err);
	if (r < 0)
		return r;
	bind_text(s, 1, app->path);
	sqlite3_bind_int(s, 2, app->on_failure);
	sqlite3_bind_int(s, 3, app->forced);
	if (c->profile) { /* else they are NULL, and so is the row's number */
		bind_text(s, 4, c->profile);
		bind_digest(s, 5, &c->source);
		sqlite3_bind_blob64(s, 6, c->filter, c->size, SQLITE_TRANSIENT);
	}
	return run(p, s, err);
}

static int end_wrapping(struct policy *p, const char *path, struct err *err)
{
	return change(p,
		      "UPDATE wrapping SET removed = " NEW_GENERATION
		      " WHERE removed IS NULL AND app = " THIS_APP,
		      path, NULL, err);
}

int policy_wrap(struct policy *p, const char *path, enum plan_on_failure on_failure, bool forced,
		struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	if (r == 0 && app.on_failure == on_failure && app.forced == forced)
		return 0;
	if (r == 0) {
		r = end_wrapping(p, path, err);
	} else if (r == -ENOENT) {
		app.path = strdup(path);
		r = app.path ? change(p, "INSERT OR IGNORE INTO app (path) VALUES (?1)", path, NULL,
				      err)
			     : err_nomem(err);
	}
	if (r < 0)
		return r;
	app.on_failure = on_failure;
	app.forced = forced;
	return add_wrapping(p, &app, err);
}

int policy_confine(struct policy *p, const char *path, const struct confinement *confined,
		   struct err *err)
{
	AUTO_APP struct app app = {0};
	struct app changed;
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	if (r < 0 || confinement_equal(&app.confined, confined))
		return r;
	r = end_wrapping(p, path, err);
	if (r < 0)
		return r;
	changed = app;
	changed.confined = *confined;
	return add_wrapping(p, &changed, err);
}

int policy_unwrap(struct policy *p, const char *path, struct err *err)
{
	int r = change(p,
		       "UPDATE pin SET removed = " NEW_GENERATION
		       " WHERE removed IS NULL AND app = " THIS_APP,
		       path, NULL, err);

	return r < 0 ? r : end_wrapping(p, path, err);
}

int policy_unpin(struct policy *p, const char *path, const struct digest *digest, struct err *err)
{
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	return change(p,
		      "UPDATE pin SET removed = " NEW_GENERATION
		      " WHERE removed IS NULL AND app = " THIS_APP
		      " AND version = (SELECT id FROM version WHERE digest = ?2)",
		      path, hex, err);
}

static int know_version(struct policy *p, const struct version *v, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	int r = prepare(p,
			"INSERT OR IGNORE INTO version (digest, name, version, arch)"
			" VALUES (?1, ?2, ?3, ?4)",
			&s, err);

	if (r < 0)
		return r;
	bind_digest(s, 1, &v->digest);
	bind_text(s, 2, v->name);
	bind_text(s, 3, v->version);
	bind_text(s, 4, v->arch);
	return run(p, s, err);
}

/* Ends the pins of other versions of the same library, and the pin itself if its origin is another.
 * *there: it stays. */
static int unpin_others(struct policy *p, const char *path, const struct version *v,
			enum pin_origin origin, bool *there, struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	*there = false;
	for (size_t i = 0; r == 0 && i < app.npins; i++) {
		const struct pin *pin = &app.pins[i];

		if (strcmp(pin->name, v->name) != 0 || strcmp(pin->arch, v->arch) != 0)
			continue;
		if (digest_equal(&pin->digest, &v->digest) && pin->origin == origin)
			*there = true;
		else
			r = policy_unpin(p, path, &pin->digest, err);
	}
	return r;
}

int policy_pin(struct policy *p, const char *path, const struct version *v, enum pin_origin origin,
	       struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	bool before = p->changed, there = false;
	int r = know_version(p, v, err);

	p->changed = before; /* knowing a version changes no app */
	if (r == 0)
		r = unpin_others(p, path, v, origin, &there, err);
	if (r < 0 || there)
		return r;
	r = prepare(p,
		    "INSERT INTO pin (app, version, origin, added) VALUES (" THIS_APP
		    ", (SELECT id FROM version WHERE digest = ?2), ?3, " NEW_GENERATION ")",
		    &s, err);
	if (r < 0)
		return r;
	bind_text(s, 1, path);
	bind_digest(s, 2, &v->digest);
	sqlite3_bind_int(s, 3, origin);
	return run(p, s, err);
}

/* Both states side by side: an app differs if it, or a pin, is in one alone or is another. */
static const char differ_sql[] =
	"WITH was AS (SELECT app, -1 AS v, on_failure AS x, forced AS y, confinement AS z"
	"  FROM wrapping WHERE added <= ?1 AND (removed IS NULL OR removed > ?1)"
	"  UNION ALL SELECT app, version, origin, -1, NULL FROM pin"
	"  WHERE added <= ?1 AND (removed IS NULL OR removed > ?1)),"
	" now AS (SELECT app, -1 AS v, on_failure AS x, forced AS y, confinement AS z"
	"  FROM wrapping WHERE removed IS NULL"
	"  UNION ALL SELECT app, version, origin, -1, NULL FROM pin WHERE removed IS NULL)"
	" SELECT path FROM app WHERE id IN ("
	"  SELECT app FROM (SELECT * FROM was EXCEPT SELECT * FROM now)"
	"  UNION SELECT app FROM (SELECT * FROM now EXCEPT SELECT * FROM was)) ORDER BY path";

static int differing(struct policy *p, int64_t generation, struct strings *out, struct err *err)
{
	AUTO_STMT sqlite3_stmt *s = NULL;
	AUTO_STRINGS struct strings paths = {0};
	int step, r = prepare(p, differ_sql, &s, err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, generation);
	while ((step = sqlite3_step(s)) == SQLITE_ROW) {
		char **items = grow(paths.items, paths.count, sizeof *items);

		if (!items)
			return err_nomem(err);
		paths.items = items;
		items[paths.count] = copy_text(s, 0);
		if (!items[paths.count++])
			return err_nomem(err);
	}
	if (step != SQLITE_DONE)
		return fail(p, err, "read");
	*out = paths;
	paths = (struct strings){0};
	return 0;
}

/* Closes the app's rows and opens copies of those of the generation. */
static int restore_app(struct policy *p, const char *path, int64_t generation, struct err *err)
{
	static const char *const copies[] = {
		"INSERT INTO wrapping (app, on_failure, forced, confinement, added)"
		" SELECT app, on_failure, forced, confinement, " NEW_GENERATION
		" FROM wrapping WHERE app = " THIS_APP " AND added <= ?2"
		" AND (removed IS NULL OR removed > ?2)",
		"INSERT INTO pin (app, version, origin, added)"
		" SELECT app, version, origin, " NEW_GENERATION " FROM pin WHERE app = " THIS_APP
		" AND added <= ?2"
		" AND (removed IS NULL OR removed > ?2)",
	};
	int r = policy_unwrap(p, path, err);

	for (size_t i = 0; r == 0 && i < sizeof copies / sizeof *copies; i++) {
		AUTO_STMT sqlite3_stmt *s = NULL;

		r = prepare(p, copies[i], &s, err);
		if (r < 0)
			return r;
		bind_text(s, 1, path);
		sqlite3_bind_int64(s, 2, generation);
		r = run(p, s, err);
	}
	return r;
}

int policy_restore(struct policy *p, int64_t generation, struct strings *changed, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	AUTO_STMT sqlite3_stmt *s = NULL;
	int r = prepare(p, "SELECT 1 FROM generation WHERE id = ?1 AND id < " NEW_GENERATION, &s,
			err);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, generation);
	if (sqlite3_step(s) != SQLITE_ROW)
		return err_set(err, ENOENT,
			       "there is no generation %lld; 'pinlib history' lists them",
			       (long long)generation);
	r = differing(p, generation, &paths, err);
	for (size_t i = 0; r == 0 && i < paths.count; i++)
		r = restore_app(p, paths.items[i], generation, err);
	if (r < 0)
		return r;
	*changed = paths;
	paths = (struct strings){0};
	return 0;
}

int policy_prune(struct policy *p, int64_t oldest, struct err *err)
{
	char sql[1024];
	int64_t committed = policy_current(p) - 1; /* the last row is of the change under way */

	if (oldest > committed)
		oldest = committed;
	if (oldest <= number(p, "SELECT min(id) FROM generation", 0))
		return 0;
	p->pruned = true;
	snprintf(sql, sizeof sql,
		 "DELETE FROM pin WHERE removed <= %1$lld;"
		 "DELETE FROM wrapping WHERE removed <= %1$lld;"
		 "UPDATE pin SET added = %1$lld WHERE added < %1$lld;"
		 "UPDATE wrapping SET added = %1$lld WHERE added < %1$lld;"
		 "DELETE FROM generation WHERE id < %1$lld;"
		 "DELETE FROM version WHERE id NOT IN (SELECT version FROM pin);"
		 "DELETE FROM confinement WHERE id NOT IN"
		 " (SELECT confinement FROM wrapping WHERE confinement IS NOT NULL);"
		 "DELETE FROM app WHERE id NOT IN (SELECT app FROM wrapping)"
		 " AND id NOT IN (SELECT app FROM pin);",
		 (long long)oldest);
	return exec(p, sql, err);
}
