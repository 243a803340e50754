#include "commands/facts.h"

#include "base/array.h"
#include "base/paths.h"
#include "change/asleep.h"
#include "change/drift.h"
#include "cli/now.h"
#include "cli/who.h"
#include "labeler/label.h"
#include "labeler/process.h"
#include "labeler/sealing.h"
#include "plan/read.h"
#include "provenance/provenance.h"
#include "upgrade/keep.h"
#include "upgrade/siblings.h"

#include <stdio.h>
#include <string.h>

static void outdated_free(struct facts *facts)
{
	for (size_t i = 0; i < facts->noutdated; i++) {
		free(facts->outdated[i].app);
		free(facts->outdated[i].program);
	}
	free(facts->outdated);
}

void facts_free(struct facts *facts)
{
	for (size_t i = 0; facts->programs && i < facts->apps.count; i++) {
		free(facts->programs[i].why);
		strings_free(&facts->programs[i].covers);
		strings_free(&facts->programs[i].remarks);
		strings_free(&facts->programs[i].from);
	}
	free(facts->programs);
	outdated_free(facts);
	packages_free(&facts->installed);
	generations_free(&facts->generations);
	kepts_free(&facts->kept);
	strings_free(&facts->unknown);
	apps_free(&facts->apps);
	*facts = (struct facts){0};
}

/* One part of the facts is missing: the others are printed, with this sentence. */
static int facts_miss(struct facts *facts, const char *what, const struct err *why, struct err *err)
{
	return strings_addf(&facts->unknown, err, "%s: %s", what, why->text);
}

/* -- programs -- */

static void take_layer(struct program_facts *p, const struct plan *plan)
{
	size_t len = strcspn(plan->label, ":");

	if (len == LAYER_ID - 1 && (plan->seal || plan->ncovers))
		snprintf(p->layer, sizeof p->layer, "%.*s", (int)len, plan->label);
}

static int take_plan(struct program_facts *p, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct err why;
	int r = 0;

	if (!file)
		return err_nomem(err);
	if (plan_load(PINLIB_PLANS, p->app->path, 0, file, &why) == 0) {
		take_layer(p, &file->plan);
		for (size_t i = 0; r == 0 && i < file->plan.ncovers; i++)
			r = strings_add(&p->covers, file->plan.covers[i].target, err);
	}
	if (r == 0 && drift_find_files(p->app, file, &why) < 0) {
		p->state = PROGRAM_CHANGED;
		p->why = strdup(why.text);
	}
	return r;
}

static int gather_provenance(struct program_facts *p, struct store *store, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && store && i < p->app->npins; i++) {
		const struct pin *pin = &p->app->pins[i];
		AUTO_PROVENANCE struct provenance from = {0};
		char text[PROVENANCE_TEXT];

		r = provenance_read(store, &pin->digest, pin->name, pin->version, &from, err);
		if (r < 0)
			return r;
		provenance_text(&from, text);
		r = strings_add(&p->from, text, err);
	}
	return r;
}

static int gather_programs(struct facts *facts, struct store *store, struct err *err)
{
	const struct apps *apps = &facts->apps;
	AUTO_FREE const char **paths = calloc(apps->count + 1, sizeof *paths);
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(paths, apps->count);
	int r = 0;

	facts->programs = calloc(apps->count + 1, sizeof *facts->programs);
	if (!paths || !facts->programs)
		return err_nomem(err);
	for (size_t i = 0; i < apps->count; i++)
		paths[i] = apps->items[i].path;
	for (size_t i = 0; r == 0 && i < apps->count; i++) {
		struct program_facts *p = &facts->programs[i];
		struct err why;

		p->app = &apps->items[i];
		p->due = due_state(p->app->until, facts->now);
		r = gather_provenance(p, store, err);
		if (r < 0)
			return r;
		if (asleep_find(store, apps, p->app, &says, &why) > 0) {
			p->state = PROGRAM_SLEEPS;
			p->why = strdup(why.text);
		} else {
			r = take_plan(p, err);
		}
		if (r == 0 && p->state != PROGRAM_STARTS && !p->why)
			r = err_nomem(err);
	}
	return r;
}

static int gather_remarks(struct facts *facts, struct store *store, struct err *err)
{
	AUTO_FREE struct strings *of = calloc(facts->apps.count + 1, sizeof *of);
	struct err why;
	int r = 0;

	if (!of)
		return err_nomem(err);
	if (packages_installed(NULL, 0, &facts->installed, &why) < 0 ||
	    (store && siblings_find(store, &facts->apps, of, &why) < 0))
		r = facts_miss(facts, "installed packages", &why, err);
	for (size_t i = 0; i < facts->apps.count; i++)
		facts->programs[i].remarks = of[i];
	return r;
}

/* -- processes -- */

static int add_outdated(struct facts *facts, const struct who *who, const char *app,
			bool superseded, struct err *err)
{
	struct outdated *o;
	char program[PROGRAM_NAME_MAX];

	if (ARRAY_GROW(facts->outdated, facts->noutdated, err) < 0)
		return -ENOMEM;
	program_name(who, program);
	o = &facts->outdated[facts->noutdated++];
	*o = (struct outdated){
		.pid = who->pid,
		.uid = who->uid,
		.superseded = superseded,
		.app = strdup(app),
		.program = strdup(program),
	};
	if (!o->app || !o->program)
		return err_nomem(err);
	for (size_t i = 0; i < facts->apps.count; i++)
		facts->programs[i].outdated += strcmp(facts->apps.items[i].path, app) == 0;
	return 0;
}

static int judge_view(struct facts *facts, const struct process *p, struct err *err)
{
	struct label_state state = {0};
	struct err ignored;
	bool outdated;
	int r;

	if (p->trust == TRUST_NO)
		return 0;
	r = p->trust == TRUST_UNKNOWN ? -EINVAL : label_read(p->label, &state, &ignored);
	if (r < 0 || (p->libs_failed && !state.superseded)) {
		facts->unseen++;
		return 0;
	}
	outdated = state.superseded || process_is_stale(p);
	return outdated ? add_outdated(facts, &p->who, state.app, state.superseded, err) : 0;
}

static int judge_sealed(struct facts *facts, const struct object_user *user, struct err *err)
{
	CLEANUP(sealing_free) struct sealed_state state = {0};
	struct err ignored;
	bool superseded, outdated;

	if (sealing_read(user, &state, &ignored) < 0 || state.state == SEALING_UNKNOWN) {
		facts->unseen++;
		return 0;
	}
	if (!state.app)
		return 0;
	superseded = state.state == SEALING_SUPERSEDED;
	outdated = superseded || state.state == SEALING_STALE;
	return outdated ? add_outdated(facts, &user->who, state.app, superseded, err) : 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct outdated *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static bool has_sealed(const struct apps *apps)
{
	for (size_t i = 0; i < apps->count; i++)
		if (apps->items[i].sealed)
			return true;
	return false;
}

/* The maps of others' processes are hidden from an ordinary user: where no program is sealed, that hides nothing. */
static int gather_processes(struct facts *facts, struct err *err)
{
	AUTO_PROCESSES struct processes views = {0};
	AUTO_OBJECT_USERS struct object_users sealed = {0};
	const bool any_sealed = has_sealed(&facts->apps);
	struct err why;
	int r = 0;

	if (processes_read(&views, &why) < 0 ||
	    (any_sealed && object_users_read(0, &views.silent, &sealed, &why) < 0))
		return facts_miss(facts, "processes", &why, err);
	facts->hidden = views.hidden;
	facts->unseen = views.unreadable + views.silent.count + sealed.hidden + sealed.silent.count;
	for (size_t i = 0; r == 0 && i < views.count; i++)
		r = judge_view(facts, &views.items[i], err);
	for (size_t i = 0; r == 0 && i < sealed.count; i++)
		r = judge_sealed(facts, &sealed.items[i], err);
	if (facts->noutdated)
		qsort(facts->outdated, facts->noutdated, sizeof *facts->outdated, by_pid);
	return r;
}

/* -- the whole -- */

static int gather_policy(struct facts *facts, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	int r = policy_open(&policy, err);

	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &facts->apps, err);
	return r < 0 ? r : policy_generations(policy, &facts->generations, err);
}

int facts_gather(struct facts *out, struct err *err)
{
	AUTO_STORE struct store *store = NULL;
	struct err why;
	int r;

	*out = (struct facts){.now = output_time()};
	r = gather_policy(out, err);
	if (r < 0)
		return r;
	if (store_open(PINLIB_STORE, false, &store, &why) < 0)
		store = NULL;
	r = gather_programs(out, store, err);
	if (r == 0)
		r = gather_remarks(out, store, err);
	if (r == 0 && store && keep_list(store, &out->kept, &why) < 0)
		r = facts_miss(out, "kept versions", &why, err);
	return r < 0 ? r : gather_processes(out, err);
}

const struct package *facts_live(const struct facts *facts, const struct pin *pin)
{
	return siblings_installed(&facts->installed, pin);
}

int64_t facts_since(const struct facts *facts, const struct pin *pin, bool *before)
{
	const struct generations *all = &facts->generations;

	*before = all->count && pin->added == all->items[0].id;
	for (size_t i = 0; i < all->count; i++)
		if (all->items[i].id == pin->added)
			return all->items[i].time;
	return 0;
}

bool facts_need_attention(const struct program_facts *program)
{
	return program->state != PROGRAM_STARTS || program->outdated || program->remarks.count ||
	       program->due == DUE_OVER;
}
