#include "upgrade/keep.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "intake/intake.h"
#include "store/kept.h"
#include "upgrade/program_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY (24 * 60 * 60)

/* -- wants -- */

void wants_free(struct wants *wants)
{
	for (size_t i = 0; i < wants->count; i++)
		free(wants->items[i].apps);
	free(wants->items);
	strings_free(&wants->apps);
	*wants = (struct wants){0};
}

/* The watched apps and the wrapped ones, each once. */
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

/* Fills apps, which has room for all, with those that load a file which the change touches. */
static size_t find_loading(const struct strings *all, const struct program_files *files,
			   const struct touched *touched, size_t change, const char **apps)
{
	size_t n = 0;

	for (size_t i = 0; i < files->count; i++) {
		const struct program_file *f = &files->items[i];
		const char *app = all->items[f->app];

		if (touched->of[i] == change && !f->program &&
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
	AUTO_PROGRAM_FILES struct program_files files = {0};
	AUTO_TOUCHED struct touched touched = {0};
	AUTO_FREE const char **apps = NULL;
	int r;

	*out = (struct wants){0};
	r = gather_apps(policy, &out->apps, err);
	if (r < 0 || changes->count == 0 || (out->apps.count == 0 && !conf->all))
		return r;
	r = program_files_read(&out->apps, &files, err);
	if (r == 0)
		r = program_files_touched(&files, changes, &touched, err);
	if (r < 0)
		return r;
	apps = calloc(files.count + 1, sizeof *apps);
	if (!apps)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < changes->count; i++) {
		size_t n = find_loading(&out->apps, &files, &touched, i, apps);

		if (n || (conf->all && touched.libraries[i]))
			r = add_want(out, &changes->items[i], apps, n, err);
	}
	return r;
}

/* -- keeping -- */

struct keep_run {
	struct store *store;
	struct keep_result *out;
	FILE *names;
};

static int add_failure(struct keep_run *run, const struct change *c, const char *why,
		       struct err *err)
{
	return strings_addf(&run->out->failed, err, "%s %s: %s", c->name, c->from, why);
}

static int keep_version(struct keep_run *run, const struct want *want, struct err *err)
{
	AUTO_VERSION struct version v = {0};
	const struct intake_options how = {0};
	const struct change *c = want->change;
	char source[520], why[512];
	bool known = false;
	struct err reason;
	int r;

	snprintf(source, sizeof source, "dpkg:%s", c->query);
	snprintf(why, sizeof why, "%s%.400s", c->to ? "upgrade to " : "removal",
		 c->to ? c->to : "");
	r = intake_add(run->store, source, &how, &v, &known, &reason);
	if (r == 0)
		r = kept_write(run->store, &v.digest, time(NULL), why, want->apps, want->napps,
			       &reason);
	if (r < 0)
		return add_failure(run, c, reason.text, err);
	if (!known)
		fprintf(run->names, "%s%s %s", run->out->kept++ ? ", " : "", v.name, v.version);
	return 0;
}

void keep_result_free(struct keep_result *result)
{
	strings_free(&result->failed);
	free(result->names);
	*result = (struct keep_result){0};
}

int keep_versions(struct store *store, const struct wants *wants, struct keep_result *out,
		  struct err *err)
{
	struct keep_run run = {.store = store, .out = out};
	size_t len = 0;
	int r = 0;

	*out = (struct keep_result){0};
	run.names = open_memstream(&out->names, &len);
	if (!run.names)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < wants->count; i++)
		r = keep_version(&run, &wants->items[i], err);
	if (fclose(run.names) != 0 && r == 0)
		r = err_nomem(err);
	if (r == 0 && out->kept)
		r = store_sync(store, err);
	return r;
}

int keep_note_added(struct store *store, const struct digest *digest, int64_t now, struct err *err)
{
	CLEANUP(kept_free) struct kept kept = {0};
	struct err none;

	if (kept_read(store, digest, &kept, &none) == 0 && strcmp(kept.why, KEPT_BY_HAND) != 0)
		return 0;
	return kept_write(store, digest, now, KEPT_BY_HAND, NULL, 0, err);
}

static bool has_digest(const struct digests *digests, const struct digest *digest)
{
	for (size_t i = 0; i < digests->count; i++)
		if (digest_equal(&digests->items[i], digest))
			return true;
	return false;
}

int keep_list(struct store *store, struct kepts *out, struct err *err)
{
	size_t n = 0;
	int r = kept_list(store, out, err);

	for (size_t i = 0; i < out->count; i++)
		if (strcmp(out->items[i].why, KEPT_BY_HAND) == 0)
			kept_free(&out->items[i]);
		else
			out->items[n++] = out->items[i];
	out->count = n;
	return r;
}

int keep_added(struct store *store, const struct keep_conf *conf, int64_t now,
	       const struct digests *used, struct digests *out, struct err *err)
{
	AUTO_KEPTS struct kepts kept = {0};
	int r = kept_list(store, &kept, err);

	for (size_t i = 0; r == 0 && i < kept.count; i++) {
		const struct kept *k = &kept.items[i];

		if (strcmp(k->why, KEPT_BY_HAND) != 0 || has_digest(used, &k->digest) ||
		    (conf->added_days && now - k->time > conf->added_days * DAY))
			continue;
		if (ARRAY_GROW(out->items, out->count, err) < 0)
			return -ENOMEM;
		out->items[out->count++] = k->digest;
	}
	return r;
}

int keep_retained(struct store *store, const struct keep_conf *conf, int64_t now,
		  struct digests *out, struct err *err)
{
	AUTO_KEPTS struct kepts kept = {0};
	uint64_t bytes = 0;
	int r = keep_list(store, &kept, err);

	*out = (struct digests){0};
	if (r < 0)
		return r;
	for (size_t i = 0; i < kept.count; i++) {
		const struct kept *k = &kept.items[i];

		bytes += k->size;
		if (conf->days && now - k->time > conf->days * DAY)
			continue;
		if (conf->bytes && bytes > conf->bytes)
			continue;
		if (ARRAY_GROW(out->items, out->count, err) < 0)
			return -ENOMEM;
		out->items[out->count++] = k->digest;
	}
	return 0;
}
