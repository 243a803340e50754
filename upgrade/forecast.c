#include "upgrade/forecast.h"

#include "base/strings.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "upgrade/program_files.h"

#include <stdlib.h>
#include <string.h>

#define PROGRAMS_MAX 4	/* that are told of, */
#define LIBRARIES_MAX 3 /* and libraries of each kind of news */

enum { USES = 1, ITSELF = 2 };

struct work {
	struct store *store;
	const struct changes *changes;
	const struct change **by_name;
	struct apps apps;	    /* that are wrapped, */
	struct program_files loads; /* by their numbers */
	struct touched touched;
	unsigned char *news; /* of each change, for one app */
	FILE *line;
	size_t told, more; /* programs */
};

static void work_free(struct work *w)
{
	free(w->by_name);
	apps_free(&w->apps);
	program_files_free(&w->loads);
	touched_free(&w->touched);
	free(w->news);
	if (w->line)
		fclose(w->line);
}

/* -- which pins matter -- */

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct change *const *)a)->name,
		      (*(const struct change *const *)b)->name);
}

static bool is_same_arch(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || strcmp(a, "all") == 0 || strcmp(b, "all") == 0;
}

/* A package that is pinned counts though the program loads nothing of it when it starts: plugins,
 * data. */
static bool is_pin_changed(const struct work *w, const struct pin *pin)
{
	const struct change key = {.name = pin->name}, *k = &key;
	const struct change **found =
		bsearch(&k, w->by_name, w->changes->count, sizeof *w->by_name, compare_names);
	const struct change **end = w->by_name + w->changes->count;

	if (!found)
		return false;
	while (found > w->by_name && compare_names(found - 1, &k) == 0)
		found--;
	for (; found < end && compare_names(found, &k) == 0; found++)
		if (is_same_arch((*found)->arch, pin->arch))
			return true;
	return false;
}

/* Whether the version stands in for a file: it has the soname, or the name of one without. */
static bool stands_in(const struct version *v, const struct program_file *l)
{
	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type == ENTRY_DIR)
			continue;
		if (l->soname ? e->soname && strcmp(e->soname, l->soname) == 0
			      : strcmp(path_base(e->path), path_base(l->path)) == 0)
			return true;
	}
	return false;
}

static int load_pinned(const struct work *w, const struct app *app, struct versions *out,
		       struct err *err)
{
	struct err ignored;

	out->items = calloc(app->npins + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	out->count = app->npins;
	for (size_t i = 0; w->store && i < app->npins; i++) /* what is damaged stays empty */
		store_load(w->store, &app->pins[i].digest, &out->items[i], &ignored);
	return 0;
}

/* -- the line -- */

/* "WORDS A 1, B 2 and 5 more": one of the things that are told of a program. */
struct list {
	FILE *f;
	bool *begun; /* whether something was told of the program before */
	const char *words;
	size_t n;
};

static void list_add(struct list *l, const char *name, const char *version)
{
	if (l->n++ >= LIBRARIES_MAX)
		return;
	if (l->n > 1)
		fputs(",", l->f);
	else
		fprintf(l->f, "%s %s", *l->begun ? "," : "", l->words);
	*l->begun = true;
	fprintf(l->f, " %s%s%s", name, version ? " " : "", version ? version : "");
}

static void list_end(const struct list *l, const char *end)
{
	if (l->n > LIBRARIES_MAX)
		fprintf(l->f, " and %zu more", l->n - LIBRARIES_MAX);
	if (l->n)
		fputs(end, l->f);
}

static void tell_kept(struct work *w, const struct app *app, const bool *kept, bool *begun)
{
	struct list keeps = {w->line, begun, "keeps", 0};

	for (size_t i = 0; i < app->npins; i++)
		if (kept[i])
			list_add(&keeps, app->pins[i].name, app->pins[i].version);
	list_end(&keeps, " (pinned)");
}

/* What is upgraded, or else what is removed. */
static void tell_news(struct work *w, int what, bool removed, const char *words, bool *begun)
{
	struct list l = {w->line, begun, words, 0};

	for (size_t i = 0; i < w->changes->count; i++) {
		const struct change *c = &w->changes->items[i];

		if ((w->news[i] & what) && !c->to == removed)
			list_add(&l, c->name, c->to);
	}
	list_end(&l, "");
}

/* Its name, or where two have the same its path. */
static const char *name_of(const struct work *w, const struct app *app)
{
	const char *name = path_base(app->path);

	for (size_t i = 0; i < w->apps.count; i++)
		if (&w->apps.items[i] != app && strcmp(path_base(w->apps.items[i].path), name) == 0)
			return app->path;
	return name;
}

static void tell(struct work *w, const struct app *app, const bool *kept)
{
	bool begun = false;

	if (w->told == PROGRAMS_MAX) {
		w->more++;
		return;
	}
	fprintf(w->line, "%s%s", w->told++ ? "; " : "", name_of(w, app));
	tell_kept(w, app, kept, &begun);
	tell_news(w, USES, false, "will use", &begun);
	tell_news(w, USES, true, "will be without", &begun);
	tell_news(w, ITSELF, false, "is itself replaced by", &begun);
	tell_news(w, ITSELF, true, "is itself removed with", &begun);
}

/* -- what touches a program -- */

static bool note_pins(const struct work *w, const struct app *app, bool *kept)
{
	bool any = false;

	for (size_t i = 0; i < app->npins; i++)
		any |= kept[i] = is_pin_changed(w, &app->pins[i]);
	return any;
}

/* A file that some change takes away is a pin's, or the program will have another. */
static void note_load(struct work *w, const struct app *app, const struct program_file *l,
		      size_t change, const struct versions *pinned, bool *kept)
{
	bool stood = false;

	for (size_t i = 0; i < app->npins && !l->program; i++)
		if (pinned->items[i].name && stands_in(&pinned->items[i], l))
			stood = kept[i] = true;
	if (!stood)
		w->news[change] |= l->program ? ITSELF : USES;
}

static bool is_touched(const struct work *w, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (w->touched.of[i] != UNTOUCHED)
			return true;
	return false;
}

/* Its loads are those from first up to end. */
static int look_at(struct work *w, const struct app *app, size_t first, size_t end, struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	AUTO_FREE bool *kept = calloc(app->npins + 1, sizeof *kept);
	bool touched = is_touched(w, first, end);
	int r;

	if (!kept)
		return err_nomem(err);
	if (!note_pins(w, app, kept) && !touched)
		return 0;
	r = load_pinned(w, app, &pinned, err);
	if (r < 0)
		return r;
	memset(w->news, 0, w->changes->count);
	for (size_t i = first; i < end; i++)
		if (w->touched.of[i] != UNTOUCHED)
			note_load(w, app, &w->loads.items[i], w->touched.of[i], &pinned, kept);
	tell(w, app, kept);
	return 0;
}

static int sort_changes(struct work *w, struct err *err)
{
	w->by_name = calloc(w->changes->count + 1, sizeof *w->by_name);
	w->news = calloc(w->changes->count + 1, 1);
	if (!w->by_name || !w->news)
		return err_nomem(err);
	for (size_t i = 0; i < w->changes->count; i++)
		w->by_name[i] = &w->changes->items[i];
	qsort(w->by_name, w->changes->count, sizeof *w->by_name, compare_names);
	return 0;
}

static int ask(struct policy *policy, struct work *w, struct err *err)
{
	AUTO_FREE char **items = NULL;
	int r = policy_apps(policy, POLICY_NOW, &w->apps, err);

	if (r < 0)
		return r;
	items = calloc(w->apps.count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	for (size_t i = 0; i < w->apps.count; i++)
		items[i] = w->apps.items[i].path; /* which outlive the list of them */
	r = program_files_read(&(struct strings){items, w->apps.count}, &w->loads, err);
	if (r == 0)
		r = sort_changes(w, err);
	return r < 0 ? r : program_files_touched(&w->loads, w->changes, &w->touched, err);
}

static int look_at_all(struct work *w, struct err *err)
{
	size_t first = 0, end;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->apps.count; i++) {
		for (end = first; end < w->loads.count && w->loads.items[end].app == i;)
			end++;
		if (w->apps.items[i].npins)
			r = look_at(w, &w->apps.items[i], first, end, err);
		first = end;
	}
	if (r == 0 && w->more)
		fprintf(w->line, "; and %zu more programs", w->more);
	return r;
}

int forecast(struct policy *policy, struct store *store, const struct changes *changes, char **line,
	     struct err *err)
{
	CLEANUP(work_free) struct work w = {.store = store, .changes = changes};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r;

	*line = NULL;
	if (changes->count == 0)
		return 0;
	r = ask(policy, &w, err);
	if (r < 0)
		return r;
	w.line = open_memstream(&text, &len);
	if (!w.line)
		return err_nomem(err);
	r = look_at_all(&w, err);
	if (fclose(w.line) != 0 && r == 0)
		r = err_nomem(err);
	w.line = NULL;
	if (r == 0 && w.told) {
		*line = text;
		text = NULL;
	}
	return r;
}
