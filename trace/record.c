#include "trace/record.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/intern.h"
#include "trace/digests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ITEM_COST                                                                                  \
	160 /* of an item without its strings: the struct, and what malloc(3) and the index add */

/* A record that grows, in process->data. */
struct record_open {
	struct record record;
	struct intern names; /* what makes a use distinct; its numbers are those of the items */
	size_t cost;
	struct record_open *next, **link;
};

struct recorder {
	bool with_digests;
	record_fn *done;
	void *ctx;
	struct digest_cache digests;
	struct record_open *open;
	size_t cost; /* of all open records */
};

struct recorder *recorder_begin(bool digests, record_fn *done, void *ctx)
{
	struct recorder *r = calloc(1, sizeof *r);

	if (r)
		*r = (struct recorder){.with_digests = digests, .done = done, .ctx = ctx};
	return r;
}

static void close_record(struct recorder *r, struct record_open *o)
{
	for (size_t i = 0; i < o->record.count; i++) {
		free(o->record.items[i].path);
		free(o->record.items[i].to);
		free(o->record.items[i].file);
		free(o->record.items[i].moved);
	}
	free(o->record.items);
	intern_free(&o->names);
	r->cost -= o->cost;
	*o->link = o->next;
	if (o->next)
		o->next->link = o->link;
	free(o);
}

void recorder_end(struct recorder **recorder)
{
	struct recorder *r = *recorder;

	if (!r)
		return;
	while (r->open)
		close_record(r, r->open);
	digests_free(&r->digests);
	free(r);
	*recorder = NULL;
}

/* -- events -- */

static int begin_image(void *ctx, struct trace_process *process, struct err *err)
{
	struct recorder *r = ctx;
	struct record_open *o = calloc(1, sizeof *o);

	if (!o)
		return err_nomem(err);
	o->record = (struct record){.process = process, .began = time(NULL)};
	intern_begin(&o->names);
	o->next = r->open;
	o->link = &r->open;
	if (o->next)
		o->next->link = &o->next;
	r->open = o;
	process->data = o;
	return 0;
}

/* The number of a use, which is that of its item. left_out: it is a new one beyond the bound. */
static int number_use(const struct recorder *r, struct record_open *o, const struct trace_event *e,
		      size_t *number, size_t *cost, struct err *err)
{
	AUTO_FREE char *text = NULL;
	/* No path has "//". */
	int len = asprintf(&text, "%c%s%s%s", 'a' + (int)e->kind, e->path, e->to ? "//" : "",
			   e->to ? e->to : "");

	if (len < 0)
		return err_nomem(err);
	*cost = ITEM_COST + 2 * (size_t)len + (e->file ? strlen(e->file) : 0);
	if (r->cost + *cost > RECORD_MAX) {
		*number = (size_t)-1;
		return 0;
	}
	return intern_add(&o->names, text, number, err);
}

static int fill_item(struct recorder *r, struct recorded *item, const struct trace_event *e,
		     struct err *err)
{
	*item = (struct recorded){.kind = e->kind, .path = strdup(e->path)};
	if (e->to)
		item->to = strdup(e->to);
	if (e->file)
		item->file = strdup(e->file);
	if (e->st && (e->kind != TRACE_WROTE || !r->with_digests || digests_may_tell(e))) {
		item->dev = e->st->st_dev;
		item->ino = e->st->st_ino;
	}
	if (!item->path || (e->to && !item->to) || (e->file && !item->file))
		return err_nomem(err);
	item->has_digest = r->with_digests && e->kind == TRACE_READ &&
			   digests_open_file(&r->digests, e, &item->digest);
	return 0;
}

/* Files that this image wrote are looked for at their new path. */
static int follow_rename(struct record *record, const struct trace_event *e, struct err *err)
{
	for (size_t i = 0; e->kind == TRACE_RENAMED && i < record->count; i++) {
		struct recorded *item = &record->items[i];
		char *moved;

		if (!item->ino || item->kind == TRACE_READ ||
		    strcmp(item->moved ? item->moved : item->file, e->path) != 0)
			continue;
		moved = strdup(e->to);
		if (!moved)
			return err_nomem(err);
		free(item->moved);
		item->moved = moved;
	}
	return 0;
}

static int record_use(void *ctx, struct trace_process *process, const struct trace_event *e,
		      struct err *err)
{
	struct record_open *o = process->data;
	struct record *record = &o->record;
	struct recorder *rec = ctx;
	size_t number, cost = 0;
	int r;

	if (e->kind == TRACE_MAPPED)
		return 0;
	r = number_use(rec, o, e, &number, &cost, err);
	if (r == 0 && number == (size_t)-1)
		record->left_out++;
	if (r < 0 || number != record->count) /* it is known, or left out */
		return r < 0 ? r : follow_rename(record, e, err);
	r = ARRAY_GROW(record->items, record->count, err);
	if (r < 0)
		return r;
	o->cost += cost;
	rec->cost += cost;
	r = fill_item(rec, &record->items[record->count++], e, err);
	return r < 0 ? r : follow_rename(record, e, err);
}

/* Digests of the written files that still exist. */
static void hash_written(struct recorder *r, struct record *record)
{
	for (size_t i = 0; i < record->count; i++) {
		struct recorded *item = &record->items[i];

		if ((item->kind == TRACE_WROTE || item->kind == TRACE_CREATED) && item->ino)
			item->has_digest =
				digests_path(&r->digests, item->moved ? item->moved : item->file,
					     item->dev, item->ino, &item->digest);
	}
}

static int end_image(void *ctx, struct trace_process *process, int status, struct err *err)
{
	struct record_open *o = process->data;
	struct recorder *rec = ctx;
	int r;

	process->data = NULL;
	o->record.status = status;
	if (rec->with_digests)
		hash_written(rec, &o->record);
	r = rec->done(rec->ctx, &o->record, err);
	close_record(rec, o);
	return r;
}

void recorder_consumer(struct recorder *recorder, struct trace_consumer *out)
{
	*out = (struct trace_consumer){begin_image, record_use, end_image, recorder};
}
