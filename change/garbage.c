#include "change/garbage.h"

#include "base/strings.h"

#include "base/file.h"
#include "base/paths.h"
#include "change/activate.h"
#include "host/unit.h"
#include "plan/read.h"
#include "store/layer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define LAUNCH_MS 100 /* a launch takes less than one, if it is let */

/* The generation of a label, "LAYER:GENERATION:APP"; POLICY_NOW if it is none of ours. */
static int64_t generation_of(const char *label)
{
	const char *colon = strchr(label, ':');
	char *end;
	long long generation;

	if (!colon)
		return POLICY_NOW;
	generation = strtoll(colon + 1, &end, 10);
	return *end == ':' && generation >= 0 ? generation : POLICY_NOW;
}

/* The label of who does not answer may be a user's own work. That it keeps a layer of that name is the least that is
 * safe; how far back generations are kept must not be theirs to say. */
static int64_t oldest_live(const struct live *live)
{
	int64_t oldest = POLICY_NOW;

	for (size_t i = 0; i < live->count; i++) {
		int64_t generation = generation_of(live->labels[i].label);

		if (!live->labels[i].only_silent && generation < oldest)
			oldest = generation;
	}
	return oldest;
}

static size_t count_generations(struct policy *policy, struct err *err)
{
	AUTO_GENERATIONS struct generations gens = {0};

	return policy_generations(policy, &gens, err) == 0 ? gens.count : 0;
}

static int prune(struct policy *policy, const struct live *live, int64_t keep, struct garbage *out,
		 struct err *err)
{
	int64_t committed = policy_committed(policy);
	int64_t oldest = committed - keep + 1, in_use = oldest_live(live);
	size_t before = count_generations(policy, err), after;
	int r;

	if (oldest > in_use)
		oldest = in_use;
	r = policy_prune(policy, oldest, err);
	if (r < 0)
		return r;
	after = count_generations(policy, err);
	out->generations = before - after;
	return 0;
}

/* Layers of the plans in force, then those of the live views. */
static int layers_needed(struct policy *policy, const struct live *live, struct strings *ids,
			 size_t *planned, struct err *err)
{
	char **items;
	int r = activate_layers(policy, ids, err);

	if (r < 0)
		return r;
	items = reallocarray(ids->items, ids->count + live->count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	ids->items = items;
	*planned = ids->count;
	for (size_t i = 0; i < live->count; i++) {
		const char *label = live->labels[i].label;

		items[ids->count] = strndup(label, strcspn(label, ":"));
		if (!items[ids->count++])
			return err_nomem(err);
	}
	return 0;
}

typedef char plan_name[NAME_MAX + 1];

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The plans that the policy's programs have, by name. */
static int known_plans(struct policy *policy, plan_name **out, size_t *count, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);
	plan_name *names = r < 0 ? NULL : calloc(apps.count + 1, sizeof *names);

	if (r < 0)
		return r;
	if (!names)
		return err_nomem(err);
	for (size_t i = 0; i < apps.count; i++) {
		struct err ignored; /* then it has no plan */

		if (plan_file_name(apps.items[i].path, names[i], &ignored) < 0)
			names[i][0] = '\0';
	}
	qsort(names, apps.count, sizeof *names, by_name);
	*out = names;
	*count = apps.count;
	return 0;
}

/* A program with a plan that the policy does not know still starts by it: the policy was lost, or is
 * one of before. What such a program needs it does not say, so nothing is taken for unneeded. */
static int refuse_unknown(struct policy *policy, struct err *err)
{
	AUTO_FREE plan_name *names = NULL;
	AUTO_DIR DIR *dir = opendir(PINLIB_PLANS);
	size_t count = 0;
	struct dirent *d;
	int r;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read %s", PINLIB_PLANS);
	r = known_plans(policy, &names, &count, err);
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (d->d_name[0] != '.' &&
		    !bsearch(d->d_name, names, count, sizeof *names, by_name))
			return err_set(err, EBADMSG,
				       "%s/%s is the plan of a program that the policy does not "
				       "know: if %s was lost, bring it back from a backup; else "
				       "'pinlib doctor' says what to do",
				       PINLIB_PLANS, d->d_name, PINLIB_POLICY);
	if (r == 0 && errno)
		return err_sys(err, errno, "cannot read %s", PINLIB_PLANS);
	return r;
}

/* What interrupted commands left beside policy and plans. Those of the store are its own. */
static int sweep(struct err *err)
{
	int r = file_sweep(PINLIB_STATE, err);

	if (r == 0)
		r = units_sweep(err);
	return r < 0 ? r : file_sweep(PINLIB_PLANS, err);
}

/* Those that the policy needs, and those that stay besides. */
static int versions_needed(struct policy *policy, const struct digests *also, struct digests *out,
			   struct err *err)
{
	struct digest *items;
	int r = policy_digests(policy, out, err);

	if (r < 0 || also->count == 0)
		return r;
	items = reallocarray(out->items, out->count + also->count, sizeof *items);
	if (!items)
		return err_nomem(err);
	out->items = items;
	memcpy(items + out->count, also->items, also->count * sizeof *items);
	out->count += also->count;
	return 0;
}

/* Before the labels: a launch is seen as such, or else its view is. */
static int look_for_users(struct live *live, struct err *err)
{
	int r = live_launches(LAUNCH_MS, live, err);

	if (r == 0)
		r = live_labels(live, err);
	if (r < 0)
		return err_wrap(err, r, "cannot tell which views are in use");
	if (live->is_partial)
		return err_set(
			err, ETIMEDOUT,
			"cannot tell which views are in use: process %d does not show its mount "
			"table",
			live->mute.items[0]);
	return 0;
}

static bool is_layer_of(const char *label, const char *id)
{
	size_t len = strlen(id);

	return strncmp(label, id, len) == 0 && label[len] == ':';
}

static bool layer_exists(const char *label)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, PINLIB_LAYERS "/%.*s", (int)strcspn(label, ":"), label);
	return !strchr(path + strlen(PINLIB_LAYERS) + 1, '/') && access(path, F_OK) == 0;
}

/* Those that the policy does not need. oldest: the first generation that would have stayed without anybody. */
static int mark_holders(const struct strings *ids, size_t planned, int64_t oldest,
			struct garbage *out, struct err *err)
{
	const struct live *live = &out->live;

	out->holds = calloc(live->count + 1, sizeof *out->holds);
	if (!out->holds)
		return err_nomem(err);
	for (size_t i = 0; i < live->count; i++) {
		const struct live_label *l = &live->labels[i];
		bool is_planned = false;

		for (size_t k = 0; k < planned && !is_planned; k++)
			is_planned = is_layer_of(l->label, ids->items[k]);
		out->holds[i] = (!is_planned && layer_exists(l->label)) ||
				(!l->only_silent && generation_of(l->label) < oldest);
	}
	return 0;
}

void garbage_free(struct garbage *collected)
{
	live_free(&collected->live);
	free(collected->holds);
	collected->holds = NULL;
}

int garbage_collect(struct policy *policy, struct store *store, const struct digests *also,
		    int64_t keep, bool dry_run, report_fn *report, void *ctx, struct garbage *out,
		    struct err *err)
{
	struct live *live = &out->live;
	AUTO_STRINGS struct strings ids = {0};
	AUTO_FREE struct digest *items = NULL;
	struct digests needed = {0};
	struct layers_gone gone = {0};
	int64_t generation;
	size_t planned = 0;
	int r = refuse_unknown(policy, err);

	if (r == 0)
		r = look_for_users(live, err);
	if (r == 0)
		r = layers_needed(policy, live, &ids, &planned, err);
	if (r == 0)
		r = mark_holders(&ids, planned, keep > 0 ? policy_current(policy) - keep : 0, out,
				 err);
	if (r == 0 && keep > 0)
		r = prune(policy, live, keep, out, err);
	if (r == 0)
		r = versions_needed(policy, also, &needed, err);
	items = needed.items;
	/* First the generations, then what only they needed: an interruption leaves too much,
	 * never too little. */
	if (r == 0 && !dry_run)
		r = policy_commit(policy, "gc", &generation, err);
	if (r == 0 && !dry_run)
		policy_settle(policy);
	/* Nor may an earlier command's policy be lost that does not need what goes now. */
	if (r == 0 && !dry_run)
		r = file_sync_parent(AT_FDCWD, PINLIB_POLICY, err);
	if (r == 0)
		r = store_gc(store, &needed, dry_run, report, ctx, &out->store, err);
	if (r == 0)
		r = layer_gc(PINLIB_LAYERS,
			     &(struct layer_keep){(const char *const *)ids.items, ids.count,
						  planned,
						  live->nlaunching + live->silent.count > 0},
			     dry_run, report, ctx, &gone, err);
	out->layers = gone.removed;
	out->held = gone.held;
	if (r == 0 && !dry_run)
		r = sweep(err);
	return r;
}
