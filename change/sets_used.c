#include "change/sets_used.h"

#include "base/array.h"
#include "labeler/objects.h"

#include <stdlib.h>
#include <string.h>

static void set_used_free(struct set_used *set)
{
	free(set->objects.items);
	who_free(&set->first);
}

void sets_used_free(struct sets_used *sets)
{
	for (size_t i = 0; i < sets->count; i++)
		set_used_free(&sets->items[i]);
	free(sets->items);
	*sets = (struct sets_used){0};
}

/* -- all sets -- */

/* An object and one set that has it. */
struct set_object {
	struct digest object;
	size_t set;
};

/* A process can map thousands of objects, so they are looked up in an index. */
struct sets_search {
	struct sets_used *sets;
	struct set_object *index; /* sorted by object */
	size_t count;
	/* Of the current process. */
	bool *seen;    /* for each set, whether the process uses it */
	size_t *named; /* the sets that its program names */
	size_t nnamed;
};

static void sets_search_end(struct sets_search *s)
{
	free(s->index);
	free(s->seen);
	free(s->named);
}

static int add_set(struct sets_used *sets, const char *id, bool planned, struct err *err)
{
	struct set_used set = {.planned = planned};
	int r = set_links_read(id, &set.objects, err);

	if (r == 0 && set.objects.count) {
		snprintf(set.id, sizeof set.id, "%s", id);
		r = ARRAY_GROW(sets->items, sets->count, err);
		if (r == 0) {
			sets->items[sets->count++] = set;
			return 0;
		}
	}
	set_used_free(&set);
	return r == -ENOENT ? 0 : r;
}

/* Layers of views have no objects, and are left out. Returns the number of sets that no plan has. */
static int read_sets(const struct strings *plans, struct sets_used *out, struct err *err)
{
	AUTO_STRINGS struct strings ids = {0};
	int others = 0, r = layer_ids(&ids, err);

	for (size_t i = 0; r == 0 && i < ids.count; i++)
		r = add_set(out, ids.items[i], strings_have(plans, ids.items[i]), err);
	for (size_t i = 0; i < out->count; i++)
		others += !out->items[i].planned;
	return r < 0 ? r : others;
}

static int make_index(struct sets_search *s, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < s->sets->count; i++)
		count += s->sets->items[i].objects.count;
	s->index = calloc(count + 1, sizeof *s->index);
	s->seen = calloc(s->sets->count + 1, sizeof *s->seen);
	s->named = calloc(s->sets->count + 1, sizeof *s->named);
	if (!s->index || !s->seen || !s->named)
		return err_nomem(err);
	for (size_t i = 0; i < s->sets->count; i++)
		for (size_t k = 0; k < s->sets->items[i].objects.count; k++)
			s->index[s->count++] =
				(struct set_object){s->sets->items[i].objects.items[k], i};
	qsort(s->index, s->count, sizeof *s->index, digest_compare); /* each begins with a digest */
	return 0;
}

/* -- processes -- */

/* The first process of a set takes who->program. */
static void use_set(struct sets_search *s, size_t at, struct who *who)
{
	struct set_used *set = &s->sets->items[at];

	if (s->seen[at])
		return;
	s->seen[at] = true;
	if (set->processes++ == 0) {
		set->first = *who;
		who->program = NULL;
	}
}

static bool named_set_has(const struct sets_search *s, const struct digest *object)
{
	for (size_t i = 0; i < s->nnamed; i++)
		if (digests_have(&s->sets->items[s->named[i]].objects, object))
			return true;
	return false;
}

/* Sets share objects: if each set with the object counted, a process would also keep the sets before and after its own. */
static void use_object(struct sets_search *s, const struct digest *object, struct who *who)
{
	const struct set_object *found =
		bsearch(object, s->index, s->count, sizeof *s->index, digest_compare);

	if (!found || named_set_has(s, object))
		return;
	while (found > s->index && digest_equal(&found[-1].object, object))
		found--;
	for (; found < s->index + s->count && digest_equal(&found->object, object); found++)
		use_set(s, found->set, who);
}

static int take_user(void *ctx, struct object_user *user, struct err *err)
{
	struct sets_search *s = ctx;

	(void)err;
	s->nnamed = 0;
	memset(s->seen, 0, s->sets->count * sizeof *s->seen);
	for (size_t i = 0; i < s->sets->count; i++)
		if (strings_have(&user->sets, s->sets->items[i].id)) {
			s->named[s->nnamed++] = i;
			use_set(s, i, &user->who);
		}
	for (size_t i = 0; i < user->objects.count; i++)
		use_object(s, &user->objects.items[i], &user->who);
	return 0;
}

static int choose_processes(const struct live *live, struct pids *out, struct err *err)
{
	AUTO_PIDS struct pids mute = {0};
	int r = pids_all(out, err);

	for (size_t i = 0; r == 0 && i < live->mute.count; i++)
		r = pids_add(&mute, live->mute.items[i], err);
	if (r == 0) {
		pids_sort(&mute);
		pids_leave_out(out, &mute);
	}
	return r;
}

static void drop_unused(struct sets_used *sets)
{
	size_t kept = 0;

	for (size_t i = 0; i < sets->count; i++)
		if (!sets->items[i].planned && (sets->items[i].processes || sets->hidden))
			sets->items[kept++] = sets->items[i];
		else
			set_used_free(&sets->items[i]);
	sets->count = kept;
}

int sets_used_find(const struct strings *plans, struct live *live, struct sets_used *out,
		   struct err *err)
{
	CLEANUP(sets_search_end) struct sets_search s = {.sets = out};
	struct unread unread = {0};
	AUTO_PIDS struct pids of = {0};
	int r = read_sets(plans, out, err);

	if (r <= 0) { /* as a rule each set is in a plan */
		sets_used_free(out);
		return r;
	}
	r = make_index(&s, err);
	if (r == 0)
		r = choose_processes(live, &of, err);
	if (r == 0)
		r = object_users_each(&of, take_user, &s, &unread, err);
	if (r == 0)
		r = silent_name(&unread.silent, &live->silent, err);
	pids_free(&unread.silent);
	out->hidden = unread.hidden;
	drop_unused(out);
	return r;
}

/* -- their versions -- */

static const struct digest *entry_object(const struct digests *objects, const struct entry *e)
{
	if (e->type != ENTRY_FILE || objects->count == 0)
		return NULL;
	return bsearch(&e->content, objects->items, objects->count, sizeof *objects->items,
		       digest_compare);
}

static size_t count_objects(const struct version *v, const struct digests *objects)
{
	size_t count = 0;

	for (size_t i = 0; i < v->nentries; i++)
		count += entry_object(objects, &v->entries[i]) != NULL;
	return count;
}

static void leave_out(struct digests *objects, const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++) {
		const struct digest *found = entry_object(objects, &v->entries[i]);
		size_t at = found ? (size_t)(found - objects->items) : 0;

		if (found)
			memmove(&objects->items[at], &objects->items[at + 1],
				(--objects->count - at) * sizeof *found);
	}
}

static int all_objects(const struct sets_used *sets, struct digests *out, struct err *err)
{
	for (size_t i = 0; i < sets->count; i++)
		for (size_t k = 0; k < sets->items[i].objects.count; k++) {
			if (ARRAY_GROW(out->items, out->count, err) < 0)
				return -ENOMEM;
			out->items[out->count++] = sets->items[i].objects.items[k];
		}
	digests_sort(out);
	return 0;
}

static int add_needed(struct digests *needed, const struct digest *digest, struct err *err)
{
	struct digest *items =
		reallocarray(needed->items, needed->count + 1, sizeof *needed->items);

	if (!items)
		return err_nomem(err);
	needed->items = items;
	items[needed->count++] = *digest;
	return 0;
}

/* A version that cannot be read is left out: store_gc reports it. */
static int load_versions(struct store *store, struct versions *out, struct err *err)
{
	struct digests all = {0};
	int r = store_digests(store, &all, err);
	AUTO_FREE struct digest *items = all.items;
	struct err ignored;

	if (r < 0)
		return r;
	out->items = calloc(all.count + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	for (size_t i = 0; i < all.count; i++)
		if (store_load(store, &items[i], &out->items[out->count], &ignored) == 0)
			out->count++;
	return 0;
}

static bool is_needed(const struct digests *needed, const struct version *v)
{
	for (size_t i = 0; i < needed->count; i++)
		if (digest_equal(&needed->items[i], &v->digest))
			return true;
	return false;
}

/* Versions share objects, too: those with most of them come first, and the others are not needed. */
static int cover_objects(const struct versions *all, struct digests *objects,
			 struct digests *needed, struct err *err)
{
	int r = 0;

	while (r == 0 && objects->count) {
		const struct version *best = NULL;
		size_t most = 0;

		for (size_t i = 0; i < all->count; i++) {
			size_t count = count_objects(&all->items[i], objects);

			best = count > most ? &all->items[i] : best;
			most = count > most ? count : most;
		}
		if (!best) /* the last version with the others is gone already */
			return 0;
		r = add_needed(needed, &best->digest, err);
		leave_out(objects, best);
	}
	return r;
}

int sets_used_versions(const struct sets_used *sets, struct store *store, struct digests *needed,
		       struct err *err)
{
	AUTO_VERSIONS struct versions all = {0};
	struct digests objects = {0};
	int r = all_objects(sets, &objects, err);

	if (r == 0 && objects.count)
		r = load_versions(store, &all, err);
	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (is_needed(needed, &all.items[i]))
			leave_out(&objects, &all.items[i]);
	if (r == 0)
		r = cover_objects(&all, &objects, needed, err);
	free(objects.items);
	return r;
}
