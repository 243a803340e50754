#include "policy/schema.h"

#include "base/paths.h"

#define NUMBER(n) NUMBER_TEXT(n)
#define NUMBER_TEXT(n) #n

/* Schema 7 has these two, which schema 6 had not; both are about the app's pins. */
#define REASON_COLUMN "reason TEXT CHECK (length(reason) > 0)"
#define UNTIL_COLUMN "until INTEGER NOT NULL DEFAULT 0 CHECK (until BETWEEN 0 AND 253402300799)"

/* A committed database keeps these tables: a change to them needs a new POLICY_SCHEMA. */
static const char tables[] =
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
	/* Apps with the same filter share a row, which never changes. */
	"CREATE TABLE confinement ("
	" id INTEGER PRIMARY KEY,"
	" profile TEXT NOT NULL,"
	" source TEXT NOT NULL CHECK (length(source) = 64),"
	" filter BLOB NOT NULL CHECK (length(filter) > 0),"
	" UNIQUE (profile, source, filter)) STRICT;"
	"CREATE TABLE wrapping ("
	" app INTEGER NOT NULL REFERENCES app,"
	" on_failure INTEGER NOT NULL CHECK (on_failure IN (1, 2)),"
	" added INTEGER NOT NULL REFERENCES generation,"
	" removed INTEGER REFERENCES generation,"
	" forced INTEGER NOT NULL CHECK (forced IN (0, 1)),"
	" confinement INTEGER REFERENCES confinement,"
	" program TEXT CHECK (program LIKE '/%'),"
	" sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),"
	" " REASON_COLUMN ","
	" " UNTIL_COLUMN ") STRICT;"
	"CREATE UNIQUE INDEX wrapping_now ON wrapping (app) WHERE removed IS NULL;"
	"CREATE INDEX wrapping_app ON wrapping (app);"
	"CREATE INDEX wrapping_removed ON wrapping (removed);"
	"CREATE INDEX wrapping_added ON wrapping (added);"
	"CREATE INDEX wrapping_confinement ON wrapping (confinement);"
	"CREATE TABLE pin ("
	" app INTEGER NOT NULL REFERENCES app,"
	" version INTEGER NOT NULL REFERENCES version,"
	" added INTEGER NOT NULL REFERENCES generation,"
	" removed INTEGER REFERENCES generation,"
	" origin INTEGER NOT NULL CHECK (origin IN (0, 1, 2)),"
	" place TEXT CHECK (place LIKE '/%')) STRICT;"
	"CREATE UNIQUE INDEX pin_now ON pin (app, version) WHERE removed IS NULL;"
	"CREATE INDEX pin_app ON pin (app);"
	"CREATE INDEX pin_version ON pin (version);"
	"CREATE INDEX pin_removed ON pin (removed);"
	"CREATE INDEX pin_added ON pin (added);"
	"INSERT INTO generation VALUES (0, 0, 0, 'root', 'nothing is pinned');"
	"PRAGMA application_id = " NUMBER(POLICY_ID) ";"
						     "PRAGMA user_version = " NUMBER(
							     POLICY_SCHEMA) ";";

int schema_recognise(struct policy *p, bool *older, struct err *err)
{
	int64_t id = database_number(p, "PRAGMA application_id", INT64_MIN);
	int64_t schema = database_number(p, "PRAGMA user_version", INT64_MIN);

	if (id == INT64_MIN || schema == INT64_MIN)
		return database_fail(p, err, "read the schema version of");
	if (id != POLICY_ID)
		return err_set(err, EBADMSG,
			       "%s is not a policy of pinlib: restore it from a backup",
			       PINLIB_POLICY);
	if (schema > POLICY_SCHEMA)
		return err_set(err, EPROTO,
			       "%s was made by a newer pinlib (schema %lld; this one knows %d): "
			       "use that pinlib",
			       PINLIB_POLICY, (long long)schema, POLICY_SCHEMA);
	if (schema < POLICY_SCHEMA_OLDEST)
		return database_damaged(err, "its schema version is too small");
	*older = schema < POLICY_SCHEMA;
	return 0;
}

int schema_convert(struct policy *p, struct err *err)
{
	return database_execute(p,
				"ALTER TABLE wrapping ADD COLUMN " REASON_COLUMN ";"
				"ALTER TABLE wrapping ADD COLUMN " UNTIL_COLUMN ";"
				"PRAGMA user_version = " NUMBER(POLICY_SCHEMA),
				err);
}

int schema_create(struct policy *p, struct err *err)
{
	return database_execute(p, tables, err);
}
