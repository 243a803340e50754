#include "policy/schema.h"

#include "base/paths.h"

#define NUMBER(n) NUMBER_TEXT(n)
#define NUMBER_TEXT(n) #n

/* migrations[n] makes version n + 1 of version n. */
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
	/* Apps with the same filter share a row, which never changes. */
	"CREATE TABLE confinement ("
	" id INTEGER PRIMARY KEY,"
	" profile TEXT NOT NULL,"
	" source TEXT NOT NULL CHECK (length(source) = 64),"
	" filter BLOB NOT NULL CHECK (length(filter) > 0),"
	" UNIQUE (profile, source, filter)) STRICT;"
	"ALTER TABLE wrapping ADD COLUMN confinement INTEGER REFERENCES confinement;"
	"CREATE INDEX wrapping_confinement ON wrapping (confinement);",
};

/* Whether the tables are those of the first schema, which set no application_id. Preparing the
 * query checks the names; it does not read a row. */
static bool has_tables(struct policy *p)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;

	return sqlite3_prepare_v2(p->db,
				  "SELECT g.id, g.time, g.uid, g.user, g.command, a.id, a.path,"
				  " v.id, v.digest, v.name, v.version, v.arch, w.app,"
				  " w.on_failure, w.added, w.removed, p.app, p.version, p.added,"
				  " p.removed FROM generation g, app a, version v, wrapping w,"
				  " pin p",
				  -1, &s, NULL) == SQLITE_OK;
}

int schema_recognise(struct policy *p, int64_t *version, struct err *err)
{
	int64_t id = database_number(p, "PRAGMA application_id", INT64_MIN);

	*version = database_number(p, "PRAGMA user_version", INT64_MIN);
	if (id == INT64_MIN || *version == INT64_MIN)
		return database_fail(p, err, "read the schema version of");
	if (id != POLICY_ID && (id != 0 || *version != 1 || !has_tables(p)))
		return err_set(err, EBADMSG,
			       "%s is not a policy of pinlib: restore it from a backup",
			       PINLIB_POLICY);
	if (*version > POLICY_SCHEMA)
		return err_set(err, EPROTO,
			       "%s was made by a newer pinlib (schema %lld; this one knows %d): "
			       "use that pinlib",
			       PINLIB_POLICY, (long long)*version, POLICY_SCHEMA);
	if (*version < 1)
		return database_damaged(err, "its schema version is less than 1");
	return 0;
}

int schema_migrate(struct policy *p, int64_t version, struct err *err)
{
	for (; version < POLICY_SCHEMA; version++) {
		char pragma[64];
		int r = database_execute(p, migrations[version], err);

		if (r < 0)
			return r;
		snprintf(pragma, sizeof pragma, "PRAGMA user_version = %lld",
			 (long long)version + 1);
		r = database_execute(p, pragma, err);
		if (r < 0)
			return r;
	}
	return 0;
}
