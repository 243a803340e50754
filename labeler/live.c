#include "labeler/live.h"

#include "base/cleanup.h"
#include "labeler/tables.h"

#include <string.h>

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->count; i++)
		free(live->labels[i]);
	free(live->labels);
	*live = (struct live){0};
}

/* Unless it is there. */
static int add(struct live *live, const char *label, struct err *err)
{
	char **more;

	for (size_t i = 0; i < live->count; i++)
		if (strcmp(live->labels[i], label) == 0)
			return 0;
	more = reallocarray(live->labels, live->count + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	live->labels = more;
	more[live->count] = strdup(label);
	if (!more[live->count])
		return err_nomem(err);
	live->count++;
	return 0;
}

/* Forged labels too: they can only keep what could go, and a child of a view that made itself a
 * user namespace looks the same. */
static int add_process(struct live *live, const struct process_tables *p, struct err *err)
{
	int r = p->failed;

	for (size_t i = 0; r == 0 && i < p->count; i++)
		for (size_t k = 0; r == 0 && k < p->views[i]->count; k++)
			r = add(live, p->views[i]->overlays[k].label, err);
	return r;
}

int live_labels(struct live *out, struct err *err)
{
	AUTO_TABLES struct tables *tables = NULL;
	AUTO_LIVE struct live live = {0};
	struct process_tables p;
	int r = tables_open(&tables, err);

	if (r == 0 && tables_hidden(tables))
		return err_set(err, EACCES, "/proc hides processes from this user");
	while (r == 0 && (r = tables_next(tables, &p, err)) > 0)
		r = add_process(&live, &p, err);
	if (r < 0)
		return r;
	*out = live;
	live = (struct live){0};
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
