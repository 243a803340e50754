#include "policy/database.h"

#include "base/paths.h"

#include <stdarg.h>
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

int database_execute(struct policy *p, const char *sql, struct err *err)
{
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_fail(p, err, "change");
	return 0;
}

static void bind_digest(sqlite3_stmt *s, int at, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	sqlite3_bind_text(s, at, hex, -1, SQLITE_TRANSIENT);
}

static int prepare_bound(struct policy *p, sqlite3_stmt **out, struct err *err, const char *sql,
			 const char *types, va_list values)
{
	const void *blob;

	if (sqlite3_prepare_v2(p->db, sql, -1, out, NULL) != SQLITE_OK)
		return database_fail(p, err, "query");
	for (int at = 1; *types; at++)
		switch (*types++) {
		case 's':
			sqlite3_bind_text(*out, at, va_arg(values, const char *), -1,
					  SQLITE_TRANSIENT);
			break;
		case 'd':
			bind_digest(*out, at, va_arg(values, const struct digest *));
			break;
		case 'i':
			sqlite3_bind_int(*out, at, va_arg(values, int));
			break;
		case 'l':
			sqlite3_bind_int64(*out, at, va_arg(values, int64_t));
			break;
		case 'b':
			blob = va_arg(values, const void *);
			sqlite3_bind_blob64(*out, at, blob, va_arg(values, size_t),
					    SQLITE_TRANSIENT);
			break;
		}
	return 0;
}

int database_query(struct policy *p, sqlite3_stmt **out, struct err *err, const char *sql,
		   const char *types, ...)
{
	va_list values;
	int r;

	va_start(values, types);
	r = prepare_bound(p, out, err, sql, types, values);
	va_end(values);
	return r;
}

int database_change(struct policy *p, struct err *err, const char *sql, const char *types, ...)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	va_list values;
	int r;

	va_start(values, types);
	r = prepare_bound(p, &s, err, sql, types, values);
	va_end(values);
	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_DONE)
		return database_fail(p, err, "change");
	if (sqlite3_changes(p->db) > 0)
		p->changed = true;
	return 0;
}

int database_next(struct policy *p, sqlite3_stmt *s, struct err *err)
{
	int step = sqlite3_step(s);

	if (step == SQLITE_ROW)
		return 1;
	return step == SQLITE_DONE ? 0 : database_fail(p, err, "read");
}

int64_t database_number(struct policy *p, const char *sql, int64_t otherwise)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(p->db, sql, -1, &s, NULL) != SQLITE_OK)
		return otherwise;
	return sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : otherwise;
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
