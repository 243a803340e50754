#include "upgrade/forecast.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/strings.h"
#include "change/asleep.h"
#include "dpkg/package.h"
#include "policy/due.h"
#include "policy/supply.h"
#include "upgrade/program_files.h"
#include "upgrade/siblings.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROGRAMS_MAX 4	/* in one line */
#define LIBRARIES_MAX 3 /* in each of a program's lists */

enum { USES = 1, ITSELF = 2 };

struct forecast {
	struct store *store;
	const struct changes *changes;
	const struct change **by_name;
	struct apps apps; /* the wrapped ones */
	struct program_files files;
	struct touched touched;
	struct packages installed; /* all, once a program is replaced */
	unsigned char *news;	   /* of each change: what it means for the app at hand */
	FILE *line;
	int64_t now;
	/* Programs in the line, those beyond PROGRAMS_MAX, and of the latter the overdue ones. */
	size_t written, more, overdue;
};

static void forecast_free(struct forecast *w)
{
	free(w->by_name);
	apps_free(&w->apps);
	program_files_free(&w->files);
	touched_free(&w->touched);
	packages_free(&w->installed);
	free(w->news);
	if (w->line)
		fclose(w->line);
}

/* -- pins and changes -- */

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct change *const *)a)->name,
		      (*(const struct change *const *)b)->name);
}

/* A pinned package counts even if the program loads none of its files at start: it may have plugins
 * and data. */
static bool is_pin_changed(const struct forecast *w, const struct pin *pin)
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
		if (package_archs_fit((*found)->arch, pin->arch))
			return true;
	return false;
}

/* Whether the version replaces the file for the app: it has its soname, or its name if the file has
 * none. */
static bool replaces(const struct version *v, const struct program_file *l)
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

static int load_pinned(const struct forecast *w, const struct app *app, struct versions *out,
		       struct err *err)
{
	struct err ignored;

	out->items = calloc(app->npins + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	out->count = app->npins;
	for (size_t i = 0; w->store && i < app->npins; i++) /* a damaged version stays empty */
		store_load(w->store, &app->pins[i].digest, &out->items[i], &ignored);
	return 0;
}

/* -- the line -- */

/* "WORDS A 1, B 2 and 5 more" */
struct forecast_list {
	FILE *f;
	bool *begun; /* the program has a list before this one */
	const char *words;
	size_t n;
};

static void forecast_list_add(struct forecast_list *l, const char *name, const char *version)
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

static void forecast_list_end(const struct forecast_list *l, const char *end)
{
	if (l->n > LIBRARIES_MAX)
		fprintf(l->f, " and %zu more", l->n - LIBRARIES_MAX);
	if (l->n)
		fputs(end, l->f);
}

static void write_kept(struct forecast *w, const struct app *app, const bool *kept, bool *begun)
{
	struct forecast_list keeps = {w->line, begun, "keeps", 0};

	for (size_t i = 0; i < app->npins; i++)
		if (kept[i])
			forecast_list_add(&keeps, app->pins[i].name, app->pins[i].version);
	forecast_list_end(&keeps, " (pinned)");
}

/* The packages that are removed, or those that are upgraded. */
static void write_news(struct forecast *w, int what, bool removed, const char *words, bool *begun)
{
	struct forecast_list l = {w->line, begun, words, 0};

	for (size_t i = 0; i < w->changes->count; i++) {
		const struct change *c = &w->changes->items[i];

		if ((w->news[i] & what) && !c->to == removed)
			forecast_list_add(&l, c->name, c->to);
	}
	forecast_list_end(&l, "");
}

/* The name of the program; its path if another has the same name. */
static const char *name_of(const struct forecast *w, const struct app *app)
{
	const char *name = path_base(app->path);

	for (size_t i = 0; i < w->apps.count; i++)
		if (&w->apps.items[i] != app && strcmp(path_base(w->apps.items[i].path), name) == 0)
			return app->path;
	return name;
}

/* The change of the program's own package; NULL: there is none. */
static const struct change *find_itself(const struct forecast *w)
{
	for (size_t i = 0; i < w->changes->count; i++)
		if (w->news[i] & ITSELF)
			return &w->changes->items[i];
	return NULL;
}

/* The first pin that was built from the source of the program, which is replaced; NULL: none is known
 * (upgrade/siblings.h). */
static const struct pin *find_sibling(struct forecast *w, const struct app *app,
				      const struct change *itself)
{
	const struct package *own = NULL, *live;
	struct err ignored;

	if (app->npins && w->installed.count == 0)
		packages_installed(NULL, 0, &w->installed, &ignored);
	for (size_t i = 0; i < w->installed.count && !own; i++)
		if (strcmp(w->installed.items[i].name, itself->name) == 0)
			own = &w->installed.items[i];
	for (size_t i = 0; own && i < app->npins; i++) {
		live = siblings_installed(&w->installed, &app->pins[i]);
		if (live && strcmp(live->source, own->source) == 0)
			return &app->pins[i];
	}
	return NULL;
}

static void write_itself(struct forecast *w, const struct app *app, bool *begun)
{
	const struct change *itself = find_itself(w);
	const struct pin *sibling;

	if (!itself)
		return;
	*begun = true;
	if (!itself->to) {
		fputs(" itself will be removed", w->line);
		return;
	}
	fprintf(w->line, " itself will be replaced: %s -> %s", itself->from, itself->to);
	sibling = find_sibling(w, app, itself);
	if (sibling)
		fprintf(w->line, " (which the pinned %s may not fit)", sibling->name);
}

/* The pin that supplies the program; NULL: the program is the live system's. */
static const struct pin *find_supplier(const struct app *app, const struct versions *pinned)
{
	const struct entry *e = NULL;
	struct err ignored;

	if (supply_find(app, pinned, &e, &ignored) < 0 || !e)
		return NULL;
	for (size_t i = 0; i < pinned->count; i++)
		if (e >= pinned->items[i].entries &&
		    e < pinned->items[i].entries + pinned->items[i].nentries)
			return &app->pins[i];
	return NULL;
}

static void write_due(struct forecast *w, const struct app *app)
{
	char due[DUE_TEXT];

	due_text(app->until, w->now, due);
	if (*due)
		fprintf(w->line, " (%s)", due);
}

static void write_app(struct forecast *w, const struct app *app, const struct versions *pinned,
		      const bool *kept)
{
	const struct pin *supplier = find_supplier(app, pinned);
	bool begun = supplier;

	if (w->written == PROGRAMS_MAX) {
		w->more++;
		w->overdue += due_state(app->until, w->now) == DUE_OVER;
		return;
	}
	fprintf(w->line, "%s%s", w->written++ ? "; " : "", name_of(w, app));
	write_due(w, app);
	if (supplier) {
		fprintf(w->line, ": %s, stays %s",
			supplier->origin == PIN_FREEZE ? "frozen" : "pinned", supplier->version);
	} else {
		write_itself(w, app, &begun);
		write_kept(w, app, kept, &begun);
	}
	write_news(w, USES, false, "will use", &begun);
	write_news(w, USES, true, "will be without", &begun);
}

/* -- one program -- */

static bool note_pins(const struct forecast *w, const struct app *app, bool *kept)
{
	bool any = false;

	for (size_t i = 0; i < app->npins; i++)
		any |= kept[i] = is_pin_changed(w, &app->pins[i]);
	return any;
}

/* A change touches the file: a pin replaces the file, or the program will load another one. */
static void note_file(struct forecast *w, const struct app *app, const struct program_file *l,
		      size_t change, const struct versions *pinned, bool *kept)
{
	bool is_pinned = false;

	for (size_t i = 0; i < app->npins && !l->program; i++)
		if (pinned->items[i].name && replaces(&pinned->items[i], l))
			is_pinned = kept[i] = true;
	if (!is_pinned)
		w->news[change] |= l->program ? ITSELF : USES;
}

static bool is_touched(const struct forecast *w, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (w->touched.of[i] != UNTOUCHED)
			return true;
	return false;
}

/* The app's files are those from first up to end. */
static int forecast_app(struct forecast *w, const struct app *app, size_t first, size_t end,
			struct err *err)
{
	AUTO_VERSIONS struct versions pinned = {0};
	AUTO_FREE bool *kept = calloc(app->npins + 1, sizeof *kept);
	bool touched = is_touched(w, first, end);
	int r;

	if (!kept)
		return err_nomem(err);
	if (!note_pins(w, app, kept) && !touched)
		return 0;
	if (asleep_find(w->store, &w->apps, app, NULL, err) > 0)
		return 0;
	r = load_pinned(w, app, &pinned, err);
	if (r < 0)
		return r;
	memset(w->news, 0, w->changes->count);
	for (size_t i = first; i < end; i++)
		if (w->touched.of[i] != UNTOUCHED)
			note_file(w, app, &w->files.items[i], w->touched.of[i], &pinned, kept);
	write_app(w, app, &pinned, kept);
	return 0;
}

static int sort_changes(struct forecast *w, struct err *err)
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

static int read_state(struct policy *policy, struct forecast *w, struct err *err)
{
	AUTO_FREE char **items = NULL;
	int r = policy_apps(policy, POLICY_NOW, &w->apps, err);

	if (r < 0)
		return r;
	items = calloc(w->apps.count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	for (size_t i = 0; i < w->apps.count; i++)
		items[i] = w->apps.items[i].path; /* they outlive items */
	r = program_files_read(&(struct strings){items, w->apps.count}, &w->files, err);
	if (r == 0)
		r = sort_changes(w, err);
	return r < 0 ? r : program_files_touched(&w->files, w->changes, &w->touched, err);
}

static int forecast_all(struct forecast *w, struct err *err)
{
	size_t first = 0, end;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->apps.count; i++) {
		for (end = first; end < w->files.count && w->files.items[end].app == i;)
			end++;
		if (w->apps.items[i].npins)
			r = forecast_app(w, &w->apps.items[i], first, end, err);
		first = end;
	}
	if (r == 0 && w->more)
		fprintf(w->line, "; and %zu more program%s", w->more, w->more == 1 ? "" : "s");
	if (r == 0 && w->overdue)
		fprintf(w->line, " (%zu overdue)", w->overdue);
	return r;
}

int forecast_line(struct policy *policy, struct store *store, const struct changes *changes,
		  char **line, struct err *err)
{
	CLEANUP(forecast_free)
	struct forecast w = {.store = store, .changes = changes, .now = time(NULL)};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r;

	*line = NULL;
	if (changes->count == 0)
		return 0;
	r = read_state(policy, &w, err);
	if (r < 0)
		return r;
	w.line = open_memstream(&text, &len);
	if (!w.line)
		return err_nomem(err);
	r = forecast_all(&w, err);
	if (fclose(w.line) != 0 && r == 0)
		r = err_nomem(err);
	w.line = NULL;
	if (r == 0 && w.written) {
		*line = text;
		text = NULL;
	}
	return r;
}
