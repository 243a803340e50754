#include "base/array.h"
#include "policy/database.h"
#include "policy/due.h"
#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

static void pin_free(struct pin *pin)
{
	free(pin->name);
	free(pin->version);
	free(pin->arch);
	free(pin->place);
}

void app_free(struct app *app)
{
	for (size_t i = 0; i < app->npins; i++)
		pin_free(&app->pins[i]);
	free(app->pins);
	confinement_free(&app->confined);
	free(app->path);
	free(app->program);
	free(app->reason);
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

/* The columns of a row of APPS_SQL. */
enum {
	COL_PATH,
	COL_ON_FAILURE,
	COL_FORCED,
	COL_PROGRAM,
	COL_SEALED,
	COL_REASON,
	COL_UNTIL,
	COL_NAME,
	COL_VERSION,
	COL_ARCH,
	COL_DIGEST,
	COL_ORIGIN,
	COL_PLACE,
	COL_ADDED,
	COL_PROFILE,
	COL_SOURCE,
	COL_FILTER
};

#define APPS_SQL                                                                                   \
	"SELECT a.path, w.on_failure, w.forced, w.program, w.sealed, w.reason, w.until, v.name,"   \
	" v.version, v.arch, v.digest,"                                                            \
	" p.origin, p.place, p.added, c.profile, c.source, c.filter"                               \
	" FROM wrapping w JOIN app a ON a.id = w.app"                                              \
	" LEFT JOIN pin p ON p.app = a.id AND p.added <= ?1 AND (p.removed IS NULL OR p.removed >" \
	" ?1)"                                                                                     \
	" LEFT JOIN version v ON v.id = p.version"                                                 \
	" LEFT JOIN confinement c ON c.id = w.confinement"                                         \
	" WHERE w.added <= ?1 AND (w.removed IS NULL OR w.removed > ?1)"

static int read_pin(struct app *app, sqlite3_stmt *s, struct err *err)
{
	struct pin *pin;

	if (ARRAY_GROW(app->pins, app->npins, err) < 0)
		return -ENOMEM;
	pin = &app->pins[app->npins++];
	*pin = (struct pin){
		.name = statement_text(s, COL_NAME),
		.version = statement_text(s, COL_VERSION),
		.arch = statement_text(s, COL_ARCH),
		.origin = (enum pin_origin)sqlite3_column_int(s, COL_ORIGIN),
		.added = sqlite3_column_int64(s, COL_ADDED),
		.place = statement_text(s, COL_PLACE),
	};
	if (!pin->place && sqlite3_column_type(s, COL_PLACE) != SQLITE_NULL)
		return err_nomem(err);
	if (!pin->name || !pin->version || !pin->arch)
		return err_nomem(err);
	if (!statement_digest(s, COL_DIGEST, &pin->digest))
		return database_damaged(err, "invalid digest");
	return 0;
}

static int read_confinement(struct confinement *out, sqlite3_stmt *s, struct err *err)
{
	const void *filter = sqlite3_column_blob(s, COL_FILTER);
	int size = sqlite3_column_bytes(s, COL_FILTER);

	if (sqlite3_column_type(s, COL_PROFILE) == SQLITE_NULL)
		return 0;
	if (!filter || size % (int)sizeof(struct sock_filter) ||
	    !statement_digest(s, COL_SOURCE, &out->source))
		return database_damaged(err, "invalid filter");
	out->profile = statement_text(s, COL_PROFILE);
	out->filter = malloc((size_t)size);
	if (!out->profile || !out->filter)
		return err_nomem(err);
	out->size = (size_t)size;
	memcpy(out->filter, filter, out->size);
	return 0;
}

static int read_wrapping(struct app *app, sqlite3_stmt *s, const char *path, struct err *err)
{
	*app = (struct app){
		.path = strdup(path),
		.on_failure = (enum plan_on_failure)sqlite3_column_int(s, COL_ON_FAILURE),
		.forced = sqlite3_column_int(s, COL_FORCED),
		.program = statement_text(s, COL_PROGRAM),
		.sealed = sqlite3_column_int(s, COL_SEALED),
		.reason = statement_text(s, COL_REASON),
		.until = sqlite3_column_int64(s, COL_UNTIL),
	};
	if (!app->path || (!app->program && sqlite3_column_type(s, COL_PROGRAM) != SQLITE_NULL) ||
	    (!app->reason && sqlite3_column_type(s, COL_REASON) != SQLITE_NULL))
		return err_nomem(err);
	if (app->until < 0 || app->until > UNTIL_LATEST)
		return database_damaged(err, "invalid date");
	return read_confinement(&app->confined, s, err);
}

static int read_row(struct apps *apps, sqlite3_stmt *s, struct err *err)
{
	const char *path = (const char *)sqlite3_column_text(s, COL_PATH);
	struct app *app = apps->count ? &apps->items[apps->count - 1] : NULL;
	int r;

	if (!path)
		return err_nomem(err);
	if (!app || strcmp(app->path, path) != 0) {
		if (ARRAY_GROW(apps->items, apps->count, err) < 0)
			return -ENOMEM;
		app = &apps->items[apps->count++];
		r = read_wrapping(app, s, path, err);
		if (r < 0)
			return r;
	}
	if (sqlite3_column_type(s, COL_DIGEST) == SQLITE_NULL)
		return 0;
	return read_pin(app, s, err);
}

static int read_rows(struct policy *p, sqlite3_stmt *s, struct apps *out, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r;

	while ((r = database_next(p, s, err)) > 0) {
		r = read_row(&apps, s, err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	*out = apps;
	apps = (struct apps){0};
	return 0;
}

int policy_apps(struct policy *p, int64_t generation, struct apps *out, struct err *err)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	int r = database_query(p, &s, err, APPS_SQL " ORDER BY a.path, v.name, v.arch", "l",
			       generation == POLICY_NOW ? INT64_MAX - 1 : generation);

	return r < 0 ? r : read_rows(p, s, out, err);
}

int policy_app(struct policy *p, const char *path, int64_t generation, struct app *out,
	       struct err *err)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	AUTO_APPS struct apps apps = {0};
	int r = database_query(p, &s, err, APPS_SQL " AND a.path = ?2 ORDER BY v.name, v.arch",
			       "ls", generation == POLICY_NOW ? INT64_MAX - 1 : generation, path);

	if (r == 0)
		r = read_rows(p, s, &apps, err);
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
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	AUTO_GENERATIONS struct generations gens = {0};
	int r = database_query(
		p, &s, err, "SELECT id, time, uid, user, command FROM generation ORDER BY id", "");

	if (r < 0)
		return r;
	while ((r = database_next(p, s, err)) > 0) {
		struct generation *g;

		if (ARRAY_GROW(gens.items, gens.count, err) < 0)
			return -ENOMEM;
		g = &gens.items[gens.count++];
		*g = (struct generation){
			.id = sqlite3_column_int64(s, 0),
			.time = sqlite3_column_int64(s, 1),
			.uid = sqlite3_column_int64(s, 2),
			.user = statement_text(s, 3),
			.command = statement_text(s, 4),
		};
		if (!g->user || !g->command)
			return err_nomem(err);
	}
	if (r < 0)
		return r;
	*out = gens;
	gens = (struct generations){0};
	return 0;
}

int policy_digests(struct policy *p, struct digests *out, struct err *err)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	AUTO_FREE struct digest *items = NULL;
	size_t count = 0;
	int r = database_query(
		p, &s, err, "SELECT digest FROM version WHERE id IN (SELECT version FROM pin)", "");

	if (r < 0)
		return r;
	while ((r = database_next(p, s, err)) > 0) {
		if (ARRAY_GROW(items, count, err) < 0)
			return -ENOMEM;
		if (!statement_digest(s, 0, &items[count++]))
			return database_damaged(err, "invalid digest");
	}
	if (r < 0)
		return r;
	out->items = items;
	out->count = count;
	items = NULL;
	return 0;
}

int statement_paths(struct policy *p, sqlite3_stmt *s, struct strings *out, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	int r;

	while ((r = database_next(p, s, err)) > 0) {
		const char *path = (const char *)sqlite3_column_text(s, 0);

		r = path ? strings_add(&paths, path, err) : err_nomem(err);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	*out = paths;
	paths = (struct strings){0};
	return 0;
}

int policy_known(struct policy *p, struct strings *out, struct err *err)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	int r = database_query(p, &s, err, "SELECT path FROM app ORDER BY path", "");

	return r < 0 ? r : statement_paths(p, s, out, err);
}
