#include "base/cleanup.h"
#include "upgrade/changes.h"

#include <sqlite3.h>
#include <string.h>

/* The name and the next version of each installed package; a string in the array has no members. */
static const char sql[] =
	"SELECT p.name, p.arch, p.version, CASE WHEN p.mode IN ('deinstall', 'purge') THEN NULL"
	" ELSE p.next END FROM (SELECT json_extract(value, '$.name') AS name,"
	" json_extract(value, '$.versions.current.architecture') AS arch,"
	" json_extract(value, '$.versions.current.version') AS version,"
	" json_extract(value, '$.versions.install.version') AS next,"
	" json_extract(value, '$.mode') AS mode"
	" FROM json_each(?1, '$.params.packages')) AS p"
	" WHERE p.name IS NOT NULL AND p.arch IS NOT NULL AND p.version IS NOT NULL"
	" AND json_extract(?1, '$.method') = ?2";

static void cleanup_db(sqlite3 **db)
{
	sqlite3_close(*db);
}

static void cleanup_stmt(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}

static const char *text_of(sqlite3_stmt *s, int column)
{
	return (const char *)sqlite3_column_text(s, column);
}

static int add_package_row(sqlite3_stmt *s, struct changes *out, struct err *err)
{
	const char *name = text_of(s, 0), *arch = text_of(s, 1), *from = text_of(s, 2);
	bool removed = sqlite3_column_type(s, 3) == SQLITE_NULL;
	const char *to = removed ? NULL : text_of(s, 3);

	if (!name || !arch || !from || (!removed && !to))
		return err_nomem(err);
	return changes_add(out, name, arch, from, to, NULL, err);
}

int changes_of_message(const char *text, const char *method, struct changes *out, struct err *err)
{
	CLEANUP(cleanup_db) sqlite3 *db = NULL;
	CLEANUP(cleanup_stmt) sqlite3_stmt *s = NULL;
	int step, r = 0;

	if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(s, 2, method, -1, SQLITE_STATIC) != SQLITE_OK)
		return err_set(err, EPROTO, "SQLite cannot read JSON: %s", sqlite3_errmsg(db));
	while (r == 0 && (step = sqlite3_step(s)) == SQLITE_ROW)
		r = add_package_row(s, out, err);
	if (r == 0 && step != SQLITE_DONE)
		return err_set(err, EPROTO, "cannot understand the message of apt: %s",
			       sqlite3_errmsg(db));
	return r;
}
