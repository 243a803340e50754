#include "upgrade/keep.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "store/kept.h"
#include "upgrade/program_files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WATCHED_MAX (16u << 20)
#define DAY (24 * 60 * 60)

/* -- who is watched -- */

int watched_read(struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, PINLIB_WATCHED, WATCHED_MAX, &text, &len, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = strings_add(out, line, err);
	return r;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int watched_write(const struct strings *paths, struct err *err)
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

/* -- what is wanted -- */

void wants_free(struct wants *wants)
{
	for (size_t i = 0; i < wants->count; i++)
		free(wants->items[i].apps);
	free(wants->items);
	strings_free(&wants->apps);
	*wants = (struct wants){0};
}

/* Each once: the watched ones, and those that are wrapped. */
static int gather_apps(struct policy *policy, struct strings *out, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_STRINGS struct strings watched = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	if (r == 0)
		r = watched_read(&watched, err);
	for (size_t i = 0; r == 0 && i < watched.count; i++)
		r = strings_add(out, watched.items[i], err);
	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (!strings_have(&watched, apps.items[i].path))
			r = strings_add(out, apps.items[i].path, err);
	return r;
}

/* apps has room for all. */
static size_t who_loads(const struct strings *all, const struct program_files *loads,
			const struct touched *touched, size_t change, const char **apps)
{
	size_t n = 0;

	for (size_t i = 0; i < loads->count; i++) {
		const struct program_file *l = &loads->items[i];
		const char *app = all->items[l->app];

		if (touched->of[i] == change && !l->program &&
		    (n == 0 || strcmp(apps[n - 1], app) != 0))
			apps[n++] = app;
	}
	return n;
}

static int add_want(struct wants *out, const struct change *change, const char *const *apps,
		    size_t napps, struct err *err)
{
	struct want *items = reallocarray(out->items, out->count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	out->items = items;
	items += out->count;
	*items = (struct want){change, calloc(napps + 1, sizeof *apps), napps};
	if (!items->apps)
		return err_nomem(err);
	memcpy(items->apps, apps, napps * sizeof *apps);
	out->count++;
	return 0;
}

int keep_find(struct policy *policy, const struct keep_conf *conf, const struct changes *changes,
	      struct wants *out, struct err *err)
{
	AUTO_PROGRAM_FILES struct program_files loads = {0};
	AUTO_TOUCHED struct touched touched = {0};
	AUTO_FREE const char **apps = NULL;
	int r;

	*out = (struct wants){0};
	r = gather_apps(policy, &out->apps, err);
	if (r < 0 || changes->count == 0 || (out->apps.count == 0 && !conf->all))
		return r;
	r = program_files_read(&out->apps, &loads, err);
	if (r == 0)
		r = program_files_touched(&loads, changes, &touched, err);
	if (r < 0)
		return r;
	apps = calloc(loads.count + 1, sizeof *apps);
	if (!apps)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < changes->count; i++) {
		size_t n = who_loads(&out->apps, &loads, &touched, i, apps);

		if (n || (conf->all && touched.libraries[i]))
			r = add_want(out, &changes->items[i], apps, n, err);
	}
	return r;
}

/* -- keeping -- */

struct work {
	struct store *store;
	struct keep_result *out;
	FILE *names;
	elf_facts_fn *facts;
};

static int cannot(struct work *w, const struct change *c, const char *why, struct err *err)
{
	AUTO_FREE char *text = NULL;

	if (asprintf(&text, "%s %s: %s", c->name, c->from, why) < 0) {
		text = NULL;
		return err_nomem(err);
	}
	return strings_add(&w->out->failed, text, err);
}

static int keep_one(struct work *w, const struct want *want, struct err *err)
{
	AUTO_VERSION struct version v = {0};
	const struct add_options how = {.facts = w->facts};
	const struct change *c = want->change;
	char source[520], why[512];
	bool known = false;
	struct err reason;
	int r;

	snprintf(source, sizeof source, "dpkg:%s", c->query);
	snprintf(why, sizeof why, "%s%.400s", c->to ? "upgrade to " : "removal",
		 c->to ? c->to : "");
	r = store_add(w->store, source, &how, &v, &known, &reason);
	if (r == 0)
		r = kept_write(w->store, &v.digest, time(NULL), why, want->apps, want->napps,
			       &reason);
	if (r < 0)
		return cannot(w, c, reason.text, err);
	if (!known)
		fprintf(w->names, "%s%s %s", w->out->kept++ ? ", " : "", v.name, v.version);
	return 0;
}

void keep_result_free(struct keep_result *result)
{
	strings_free(&result->failed);
	free(result->names);
	*result = (struct keep_result){0};
}

int keep(struct store *store, const struct wants *wants, elf_facts_fn *facts,
	 struct keep_result *out, struct err *err)
{
	struct work w = {.store = store, .out = out, .facts = facts};
	size_t len = 0;
	int r = 0;

	*out = (struct keep_result){0};
	w.names = open_memstream(&out->names, &len);
	if (!w.names)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < wants->count; i++)
		r = keep_one(&w, &wants->items[i], err);
	if (fclose(w.names) != 0 && r == 0)
		r = err_nomem(err);
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
