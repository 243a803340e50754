#include "labeler/live.h"

#include "base/cleanup.h"
#include "labeler/tables.h"

#include <search.h>
#include <string.h>

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->count; i++)
		free(live->labels[i]);
	free(live->labels);
	*live = (struct live){0};
}

/* What is found, and a tree of it (tsearch(3)): users can forge many. */
struct finding {
	struct live live;
	void *by_label;
};

static void keep_nothing(void *node)
{
	(void)node; /* the labels are freed by their list */
}

static void finding_end(struct finding *f)
{
	tdestroy(f->by_label, keep_nothing);
	live_free(&f->live);
}

static int compare_label(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Unless it is there. */
static int add(struct finding *f, const char *label, struct err *err)
{
	char **more, *copy;

	if (tfind(label, &f->by_label, compare_label))
		return 0;
	more = reallocarray(f->live.labels, f->live.count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	f->live.labels = more;
	copy = strdup(label);
	if (!copy)
		return err_nomem(err);
	more[f->live.count++] = copy;
	return tsearch(copy, &f->by_label, compare_label) ? 0 : err_nomem(err);
}

/* Forged labels too: they can only keep what could go, and a child of a view that made itself a
 * user namespace looks the same. */
static int add_process(struct finding *f, const struct process_tables *p, struct err *err)
{
	int r = p->failed;

	for (size_t i = 0; r == 0 && i < p->count; i++)
		for (size_t k = 0; r == 0 && k < p->views[i]->count; k++)
			r = add(f, p->views[i]->overlays[k].label, err);
	return r;
}

int live_labels(struct live *out, struct err *err)
{
	AUTO_TABLES struct tables *tables = NULL;
	CLEANUP(finding_end) struct finding found = {0};
	struct process_tables p;
	int r = tables_open(&tables, err);

	if (r == 0 && tables_hidden(tables))
		return err_set(err, EACCES, "/proc hides processes from this user");
	while (r == 0 && (r = tables_next(tables, &p, err)) > 0)
		r = add_process(&found, &p, err);
	if (r < 0)
		return r;
	*out = found.live;
	found.live = (struct live){0};
	return 0;
}

int live_in_view(struct err *err)
{
	AUTO_TABLES struct tables *tables = NULL;
	struct process_tables p = {0};
	int r = tables_open(&tables, err);

	if (r == 0)
		r = tables_one(tables, 0, &p, err);
	if (r == 0)
		r = p.failed;
	return r < 0 ? r : p.count > 0;
}
