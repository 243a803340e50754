#include "policy/database.h"

#include "base/paths.h"

#include <stdlib.h>
#include <string.h>

int database_damaged(struct err *err, const char *why)
{
	return err_set(err, EBADMSG, "%s is damaged: %s; restore it from a backup", PINLIB_POLICY,
		       why);
}

int database_fail(struct policy *p, struct err *err, const char *doing)
{
	int code = sqlite3_errcode(p->db);
	int errnum = EIO;

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		errnum = EBADMSG;
	else if (code == SQLITE_NOMEM)
		errnum = ENOMEM;
	return err_set(err, errnum, "cannot %s %s: %s%s", doing, PINLIB_POLICY,
		       sqlite3_errmsg(p->db),
		       errnum == EBADMSG ? "; restore it from a backup" : "");
}

void statement_free(sqlite3_stmt **s)
{
	sqlite3_finalize(*s);
}

int database_prepare(struct policy *p, const char *sql, sqlite3_stmt **s, struct err *err)
{
	if (sqlite3_prepare_v2(p->db, sql, -1, s, NULL) != SQLITE_OK)
		return database_fail(p, err, "query");
	return 0;
}

int database_execute(struct policy *p, const char *sql, struct err *err)
{
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_fail(p, err, "change");
	return 0;
}

int database_run(struct policy *p, sqlite3_stmt *s, struct err *err)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		return database_fail(p, err, "change");
	if (sqlite3_changes(p->db) > 0)
		p->changed = true;
	return 0;
}

int64_t database_number(struct policy *p, const char *sql, int64_t otherwise)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(p->db, sql, -1, &s, NULL) != SQLITE_OK)
		return otherwise;
	return sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : otherwise;
}

void statement_bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_TRANSIENT);
}

void statement_bind_digest(sqlite3_stmt *s, int at, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	statement_bind_text(s, at, hex);
}

char *statement_text(sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	return text ? strdup((const char *)text) : NULL;
}

bool statement_digest(sqlite3_stmt *s, int column, struct digest *out)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	return text && digest_parse((const char *)text, out);
}
