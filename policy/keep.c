#include "policy/keep.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/run.h"
#include "labeler/closure.h"
#include "policy/wrap.h"
#include "store/kept.h"
#include "store/owner.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCHED_MAX (16u << 20)
#define DAY (24 * 60 * 60)

/* -- who is watched -- */

static int add_path(struct paths *to, const char *path, struct err *err)
{
	char **items = reallocarray(to->items, to->count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	to->items = items;
	items[to->count] = strdup(path);
	return items[to->count++] ? 0 : err_nomem(err);
}

int watched_read(struct paths *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, PINLIB_WATCHED, WATCHED_MAX, &text, &len, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = add_path(out, line, err);
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int watched_write(const struct paths *paths, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char **sorted = calloc(paths->count + 1, sizeof *sorted);
	size_t len = 0;
	FILE *f = sorted ? open_memstream(&text, &len) : NULL;

	if (!f)
		return err_nomem(err);
	for (size_t i = 0; i < paths->count; i++)
		sorted[i] = paths->items[i];
	qsort(sorted, paths->count, sizeof *sorted, by_text);
	for (size_t i = 0; i < paths->count; i++)
		if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
			fprintf(f, "%s\n", sorted[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return file_publish(AT_FDCWD, PINLIB_WATCHED, text, len, 0644, err);
}

/* -- who loads what -- */

/* A file of the live system, and who loads it. */
struct loaded {
	const char *app; /* belongs to the list of apps */
	char *path;
	size_t owner;
};

struct work {
	struct store *store;
	struct paths apps;
	struct loaded *loaded;
	size_t nloaded;
	struct packages packages;
	struct keep_result *out;
	FILE *names;
	elf_facts_fn *facts;
};

static void work_free(struct work *w)
{
	for (size_t i = 0; i < w->nloaded; i++)
		free(w->loaded[i].path);
	free(w->loaded);
	paths_free(&w->apps);
	packages_free(&w->packages);
	if (w->names)
		fclose(w->names);
}

static int gather_apps(struct policy *policy, struct work *w, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		r = add_path(&w->apps, apps.items[i].path, err);
	return r < 0 ? r : watched_read(&w->apps, err);
}

/* What the live system's loader loads for an app, pinned or not: a pin may go one day. A program
 * that is gone or malformed loads nothing. */
static int add_app(struct work *w, const char *app, struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	char program[PATH_MAX];
	struct sight sight = {.app = app, .real = program};
	struct err ignored;
	int r = wrap_program(app, program, &ignored);

	if (r < 0 || strcmp(program, app) == 0)
		sight = (struct sight){0};
	r = closure_read(app, &sight, NULL, &c, &ignored);
	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	for (size_t i = 1; i < c.count; i++) {
		struct loaded *items = reallocarray(w->loaded, w->nloaded + 1, sizeof *items);

		if (!items)
			return err_nomem(err);
		w->loaded = items;
		items[w->nloaded] =
			(struct loaded){app, strdup(c.objects[i].canonical), OWNER_NONE};
		if (!items[w->nloaded++].path)
			return err_nomem(err);
	}
	return 0;
}

static int find_owners(struct work *w, struct err *err)
{
	AUTO_FREE const char **paths = calloc(w->nloaded + 1, sizeof *paths);
	AUTO_FREE size_t *of = NULL;
	int r;

	if (!paths)
		return err_nomem(err);
	for (size_t i = 0; i < w->nloaded; i++)
		paths[i] = w->loaded[i].path;
	r = w->nloaded ? packages_owning(paths, w->nloaded, &w->packages, &of, err) : 0;
	for (size_t i = 0; r == 0 && i < w->nloaded; i++)
		w->loaded[i].owner = of[i];
	return r;
}

static bool is_package(const struct package *p, const struct change *c)
{
	return strcmp(p->name, c->name) == 0 && strcmp(p->arch, c->arch) == 0;
}

/* The apps that load something of the package: their names are the work's. */
static size_t loaders(const struct work *w, const struct change *c, const char **apps)
{
	size_t n = 0;

	for (size_t i = 0; i < w->nloaded; i++) {
		const struct loaded *l = &w->loaded[i];

		if (l->owner != OWNER_NONE && is_package(&w->packages.items[l->owner], c) &&
		    (n == 0 || strcmp(apps[n - 1], l->app) != 0))
			apps[n++] = l->app;
	}
	return n;
}

/* "PACKAGE", or "PACKAGE:ARCH". */
static void query_of(const struct change *c, char *out, size_t size)
{
	bool all = strcmp(c->arch, "all") == 0;

	snprintf(out, size, "%s%s%s", c->name, all ? "" : ":", all ? "" : c->arch);
}

/* Whether a package has shared libraries: files called lib*.so.* in a directory of libraries. */
static int has_libraries(const struct change *c, struct err *err)
{
	AUTO_FREE char *list = NULL;
	char query[512];
	int r;

	query_of(c, query, sizeof query);
	r = run_read((const char *[]){"dpkg-query", "-L", "--", query, NULL}, NULL, 64u << 20,
		     &list, err);
	if (r != 0)
		return r < 0 ? r : 0;
	for (char *rest = list, *line; (line = strsep(&rest, "\n"));) {
		const char *base = path_base(line);

		if (strncmp(base, "lib", 3) == 0 && strstr(base, ".so.") && strstr(line, "/lib/"))
			return 1;
	}
	return 0;
}

/* -- keeping -- */

static int cannot(struct work *w, const struct change *c, const char *why, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (asprintf(&text, "%s %s: %s", c->name, c->from, why) < 0) {
		text = NULL;
		return err_nomem(err);
	}
	return add_path(&w->out->failed, text, err);
}

static int keep_one(struct work *w, const struct change *c, const char *const *apps, size_t napps,
		    struct err *err)
{
	AUTO_VERSION struct version v = {0};
	const struct add_options how = {.facts = w->facts};
	char query[512], source[520], why[512];
	bool known = false;
	struct err reason;
	int r;

	query_of(c, query, sizeof query);
	snprintf(source, sizeof source, "dpkg:%s", query);
	snprintf(why, sizeof why, "%s%.400s", c->to ? "upgrade to " : "removal",
		 c->to ? c->to : "");
	r = store_add(w->store, source, &how, &v, &known, &reason);
	if (r == 0)
		r = kept_write(w->store, &v.digest, time(NULL), why, apps, napps, &reason);
	if (r < 0)
		return cannot(w, c, reason.text, err);
	if (!known)
		fprintf(w->names, "%s%s %s", w->out->kept++ ? ", " : "", v.name, v.version);
	return 0;
}

static int keep_all(struct work *w, const struct keep_conf *conf, const struct changes *changes,
		    struct err *err)
{
	AUTO_FREE const char **apps = calloc(w->nloaded + 1, sizeof *apps);
	int r = 0;

	if (!apps)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < changes->count; i++) {
		const struct change *c = &changes->items[i];
		size_t n = loaders(w, c, apps);
		int wanted = n > 0;

		if (c->to && strcmp(c->to, c->from) == 0)
			continue;
		if (!wanted && conf->all)
			wanted = has_libraries(c, err);
		if (wanted != 0)
			r = wanted < 0 ? wanted : keep_one(w, c, apps, n, err);
	}
	return r;
}

void keep_result_free(struct keep_result *result)
{
	paths_free(&result->failed);
	free(result->names);
	*result = (struct keep_result){0};
}

int keep(struct policy *policy, struct store *store, const struct keep_conf *conf,
	 const struct changes *changes, elf_facts_fn *facts, struct keep_result *out,
	 struct err *err)
{
	CLEANUP(work_free) struct work w = {.store = store, .out = out, .facts = facts};
	size_t len = 0;
	int r = 0;

	*out = (struct keep_result){0};
	if (changes->count == 0)
		return 0;
	w.names = open_memstream(&out->names, &len);
	if (!w.names)
		return err_nomem(err);
	r = gather_apps(policy, &w, err);
	for (size_t i = 0; r == 0 && i < w.apps.count; i++)
		r = add_app(&w, w.apps.items[i], err);
	if (r == 0)
		r = find_owners(&w, err);
	if (r == 0)
		r = keep_all(&w, conf, changes, err);
	if (r == 0 && out->kept)
		r = store_sync(store, err);
	return r;
}

int keep_retained(struct store *store, const struct keep_conf *conf, int64_t now,
		  struct digests *out, struct err *err)
{
	AUTO_KEPTS struct kepts kept = {0};
	uint64_t bytes = 0;
	int r = kept_list(store, &kept, err);

	*out = (struct digests){0};
	if (r < 0)
		return r;
	out->items = calloc(kept.count + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	for (size_t i = 0; i < kept.count; i++) {
		const struct kept *k = &kept.items[i];

		bytes += k->size;
		if (conf->days && now - k->time > conf->days * DAY)
			continue;
		if (conf->bytes && bytes > conf->bytes)
			continue;
		out->items[out->count++] = k->digest;
	}
	return 0;
}
