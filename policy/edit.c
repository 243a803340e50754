#include "base/strings.h"
#include "policy/database.h"
#include "policy/policy.h"

#include <string.h>

/* Changes close rows and open new ones. The last generation is the new one, which policy_begin
 * opened. */
#define NEW_GENERATION "(SELECT max(id) FROM generation)"
#define THIS_APP "(SELECT id FROM app WHERE path = ?1)"

static int add_confinement(struct policy *p, const struct confinement *c, struct err *err)
{
	bool before = p->changed;
	int r = database_change(p, err,
				"INSERT OR IGNORE INTO confinement (profile, source, filter)"
				" VALUES (?1, ?2, ?3)",
				"sdb", c->profile, &c->source, c->filter, c->size);

	p->changed = before; /* no app has the filter yet */
	return r;
}

/* Without a profile the subquery finds no row. */
static int add_wrapping(struct policy *p, const struct app *app, struct err *err)
{
	const struct confinement *c = &app->confined;
	int r = c->profile ? add_confinement(p, c, err) : 0;

	return r < 0 ? r
		     : database_change(
			       p, err,
			       "INSERT INTO wrapping (app, on_failure, forced, confinement, "
			       "program, sealed, reason, until, added)"
			       " VALUES (" THIS_APP ", ?2, ?3, (SELECT id FROM confinement WHERE"
			       " profile = ?4 AND source = ?5 AND filter = ?6), ?7, "
			       "?8, ?9, ?10, " NEW_GENERATION ")",
			       "siisdbsisl", app->path, (int)app->on_failure, (int)app->forced,
			       c->profile, &c->source, c->filter, c->size, app->program,
			       (int)app->sealed, app->reason, app->until);
}

static int close_wrapping(struct policy *p, const char *path, struct err *err)
{
	return database_change(p, err,
			       "UPDATE wrapping SET removed = " NEW_GENERATION
			       " WHERE removed IS NULL AND app = " THIS_APP,
			       "s", path);
}

int policy_wrap(struct policy *p, const char *path, enum plan_on_failure on_failure, bool forced,
		struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	if (r == 0 && app.on_failure == on_failure && app.forced == forced)
		return 0;
	if (r == 0) {
		r = close_wrapping(p, path, err);
	} else if (r == -ENOENT) {
		app.path = strdup(path);
		r = app.path ? database_change(p, err,
					       "INSERT OR IGNORE INTO app (path) VALUES (?1)", "s",
					       path)
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
	r = close_wrapping(p, path, err);
	if (r < 0)
		return r;
	changed = app;
	changed.confined = *confined;
	return add_wrapping(p, &changed, err);
}

int policy_show_as(struct policy *p, const char *path, const char *program, struct err *err)
{
	AUTO_APP struct app app = {0};
	struct app changed;
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	if (r < 0 || string_equal(app.program, program))
		return r;
	r = close_wrapping(p, path, err);
	if (r < 0)
		return r;
	changed = app;
	changed.program = (char *)program;
	return add_wrapping(p, &changed, err);
}

int policy_seal(struct policy *p, const char *path, bool sealed, struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	if (r < 0 || app.sealed == sealed)
		return r;
	r = close_wrapping(p, path, err);
	if (r < 0)
		return r;
	app.sealed = sealed;
	return add_wrapping(p, &app, err);
}

int policy_explain(struct policy *p, const char *path, const char *reason, int64_t until,
		   struct err *err)
{
	AUTO_APP struct app app = {0};
	struct app changed;
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	if (r < 0 || (string_equal(app.reason, reason) && app.until == until))
		return r;
	r = close_wrapping(p, path, err);
	if (r < 0)
		return r;
	changed = app;
	changed.reason = (char *)reason;
	changed.until = until;
	return add_wrapping(p, &changed, err);
}

int policy_unwrap(struct policy *p, const char *path, struct err *err)
{
	int r = database_change(p, err,
				"UPDATE pin SET removed = " NEW_GENERATION
				" WHERE removed IS NULL AND app = " THIS_APP,
				"s", path);

	return r < 0 ? r : close_wrapping(p, path, err);
}

int policy_unpin(struct policy *p, const char *path, const struct digest *digest, struct err *err)
{
	return database_change(p, err,
			       "UPDATE pin SET removed = " NEW_GENERATION
			       " WHERE removed IS NULL AND app = " THIS_APP
			       " AND version = (SELECT id FROM version WHERE digest = ?2)",
			       "sd", path, digest);
}

static int add_version(struct policy *p, const struct version *v, struct err *err)
{
	return database_change(p, err,
			       "INSERT OR IGNORE INTO version (digest, name, version, arch)"
			       " VALUES (?1, ?2, ?3, ?4)",
			       "dsss", &v->digest, v->name, v->version, v->arch);
}

bool pin_has_place(const struct pin *pin, const char *place)
{
	return string_equal(pin->place, place);
}

/* Closes the app's pins of the same library. *there: the app has this very pin, which stays. */
static int unpin_others(struct policy *p, const char *path, const struct version *v,
			enum pin_origin origin, const char *place, bool *there, struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(p, path, POLICY_NOW, &app, err);

	*there = false;
	for (size_t i = 0; r == 0 && i < app.npins; i++) {
		const struct pin *pin = &app.pins[i];

		if (strcmp(pin->name, v->name) != 0 || strcmp(pin->arch, v->arch) != 0)
			continue;
		if (digest_equal(&pin->digest, &v->digest) && pin->origin == origin &&
		    pin_has_place(pin, place))
			*there = true;
		else
			r = policy_unpin(p, path, &pin->digest, err);
	}
	return r;
}

int policy_pin(struct policy *p, const char *path, const struct version *v, enum pin_origin origin,
	       const char *place, struct err *err)
{
	bool before = p->changed, there = false;
	int r = add_version(p, v, err);

	p->changed = before; /* no app has the version yet */
	if (r == 0)
		r = unpin_others(p, path, v, origin, place, &there, err);
	if (r < 0 || there)
		return r;
	return database_change(
		p, err,
		"INSERT INTO pin (app, version, origin, place, added) VALUES (" THIS_APP
		", (SELECT id FROM version WHERE digest = ?2), ?3, ?4, " NEW_GENERATION ")",
		"sdis", path, &v->digest, (int)origin, place);
}

/* An app differs if its row, or one of its pins, is in only one of the two states. Reason and date count if ?2 is 1. */
static const char differ_sql[] =
	"WITH was AS (SELECT app, -1 AS v, on_failure AS x, forced + 2 * sealed AS y,"
	" confinement AS z, program AS t"
	"  FROM wrapping WHERE added <= ?1 AND (removed IS NULL OR removed > ?1)"
	"  UNION ALL SELECT app, version, origin, -1, place, NULL FROM pin"
	"  WHERE added <= ?1 AND (removed IS NULL OR removed > ?1)"
	"  UNION ALL SELECT app, -2, until, -1, reason, NULL FROM wrapping"
	"  WHERE ?2 AND added <= ?1 AND (removed IS NULL OR removed > ?1)),"
	" now AS (SELECT app, -1 AS v, on_failure AS x, forced + 2 * sealed AS y,"
	" confinement AS z, program AS t"
	"  FROM wrapping WHERE removed IS NULL"
	"  UNION ALL SELECT app, version, origin, -1, place, NULL FROM pin WHERE removed IS NULL"
	"  UNION ALL SELECT app, -2, until, -1, reason, NULL FROM wrapping"
	"  WHERE ?2 AND removed IS NULL)"
	" SELECT path FROM app WHERE id IN ("
	"  SELECT app FROM (SELECT * FROM was EXCEPT SELECT * FROM now)"
	"  UNION SELECT app FROM (SELECT * FROM now EXCEPT SELECT * FROM was)) ORDER BY path";

static int find_differing(struct policy *p, int64_t generation, bool explained, struct strings *out,
			  struct err *err)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	int r = database_query(p, &s, err, differ_sql, "li", generation, (int)explained);

	return r < 0 ? r : statement_paths(p, s, out, err);
}

/* Closes the app's rows and opens copies of the rows of that generation. */
static int restore_app(struct policy *p, const char *path, int64_t generation, struct err *err)
{
	static const char *const copies[] = {
		"INSERT INTO wrapping (app, on_failure, forced, confinement, program, sealed, "
		"reason, until, added)"
		" SELECT app, on_failure, forced, confinement, program, sealed, reason, "
		"until, " NEW_GENERATION " FROM wrapping WHERE app = " THIS_APP " AND added <= ?2"
		" AND (removed IS NULL OR removed > ?2)",
		"INSERT INTO pin (app, version, origin, place, added)"
		" SELECT app, version, origin, place, " NEW_GENERATION
		" FROM pin WHERE app = " THIS_APP " AND added <= ?2"
		" AND (removed IS NULL OR removed > ?2)",
	};
	int r = policy_unwrap(p, path, err);

	for (size_t i = 0; r == 0 && i < sizeof copies / sizeof *copies; i++)
		r = database_change(p, err, copies[i], "sl", path, generation);
	return r;
}

/* For an app of which all else is as in that generation: its pins keep their age. */
static int restore_reason(struct policy *p, const char *path, int64_t generation, struct err *err)
{
	AUTO_APP struct app was = {0};
	int r = policy_app(p, path, generation, &was, err);

	return r < 0 ? r : policy_explain(p, path, was.reason, was.until, err);
}

static int restore_apps(struct policy *p, int64_t generation, struct strings *changed,
			struct err *err)
{
	AUTO_STRINGS struct strings explained = {0};
	int r = find_differing(p, generation, false, changed, err);

	if (r == 0)
		r = find_differing(p, generation, true, &explained, err);
	for (size_t i = 0; r == 0 && i < explained.count; i++)
		if (strings_have(changed, explained.items[i]))
			r = restore_app(p, explained.items[i], generation, err);
		else
			r = restore_reason(p, explained.items[i], generation, err);
	return r;
}

int policy_restore(struct policy *p, int64_t generation, struct strings *changed, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	int r = database_query(p, &s, err,
			       "SELECT 1 FROM generation WHERE id = ?1 AND id < " NEW_GENERATION,
			       "l", generation);

	if (r < 0)
		return r;
	if (sqlite3_step(s) != SQLITE_ROW)
		return err_set(err, ENOENT,
			       "there is no generation %lld; 'pinlib history' lists them",
			       (long long)generation);
	r = restore_apps(p, generation, &paths, err);
	if (r < 0)
		return r;
	*changed = paths;
	paths = (struct strings){0};
	return 0;
}

int policy_prune(struct policy *p, int64_t oldest, struct err *err)
{
	char sql[1024];
	int64_t committed = policy_committed(p);

	if (oldest > committed)
		oldest = committed;
	if (oldest <= database_number(p, "SELECT min(id) FROM generation", 0))
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
	return database_execute(p, sql, err);
}
