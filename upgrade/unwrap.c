#include "upgrade/unwrap.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "dpkg/archive.h"
#include "dpkg/owner.h"
#include "host/wrap.h"
#include "plan/read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct unwrap_search {
	const struct apps *apps;
	struct unwraps *out;
};

void unwraps_free(struct unwraps *unwraps)
{
	for (size_t i = 0; i < unwraps->count; i++)
		free(unwraps->items[i].app);
	free(unwraps->items);
	*unwraps = (struct unwraps){0};
}

static int add_unwrap(struct unwrap_search *w, const char *app, const char *why,
		      const char *archive, struct err *err)
{
	struct unwrap *items = reallocarray(w->out->items, w->out->count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	w->out->items = items;
	items[w->out->count] = (struct unwrap){strdup(app), archive, why};
	return items[w->out->count++].app ? 0 : err_nomem(err);
}

/* Whether the text has the word: "/usr/bin/app", and not "/usr/bin/app.real". */
static bool names_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += len) {
		unsigned char next = (unsigned char)at[len];

		if (!isalnum(next) && (next == '\0' || !strchr("._+-/", next)))
			return true;
	}
	return false;
}

static bool diverts(const char *script, const char *app)
{
	const char *names[2];
	size_t n = owner_names(app, names);
	bool named = false;

	for (size_t i = 0; i < n; i++)
		named |= names_word(script, names[i]);
	return named && strstr(script, "dpkg-divert");
}

static int search_preinst(struct unwrap_search *w, const char *archive, struct err *err)
{
	AUTO_FREE char *script = NULL;
	int r = archive_script(archive, "preinst", &script, err);

	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; r == 0 && i < w->apps->count; i++) {
		const char *app = w->apps->items[i].path;

		if (diverts(script, app) && wrap_present(app))
			r = add_unwrap(w, app, "diverts its path", archive, err);
	}
	return r;
}

/* Why the stub cannot stay at path if the archive has this member; NULL: it can. Where a pinned version
 * supplies the program, the live one may be anything but a directory. */
static const char *member_conflict(const struct archive_member *m, const char *path, bool supplied)
{
	if (!archive_member_at(m, path))
		return NULL;
	if (m->type == 'd')
		return "has a directory there";
	if (supplied)
		return NULL;
	if (m->type == 'l')
		return "has a symbolic link there";
	return m->type == '-' && m->setid ? "makes it setuid or setgid" : NULL;
}

static bool is_supplied(const char *app)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct err ignored;

	return file && plan_load(PINLIB_PLANS, app, 0, file, &ignored) == 0 &&
	       plan_is_supplied(&file->plan);
}

static int search_members(struct unwrap_search *w, const struct archive_members *list,
			  const char *app, const char *archive, struct err *err)
{
	const char *names[2], *why = NULL;
	size_t n = owner_names(app, names);
	bool supplied = is_supplied(app);

	for (size_t i = 0; i < list->count && !why; i++)
		for (size_t k = 0; k < n && !why; k++)
			why = member_conflict(&list->items[i], names[k], supplied);
	return why && wrap_present(app) ? add_unwrap(w, app, why, archive, err) : 0;
}

static int search_archive(struct unwrap_search *w, const char *archive, struct err *err)
{
	AUTO_ARCHIVE_MEMBERS struct archive_members list = {0};
	int r = archive_list(archive, &list, err);

	if (r != 0)
		return r < 0 ? r : 0;
	for (size_t i = 0; r == 0 && i < w->apps->count; i++)
		r = search_members(w, &list, w->apps->items[i].path, archive, err);
	return r;
}

/* Searches the archives of the packages that own a wrapped program now. */
static int search_owners(struct unwrap_search *w, const struct changes *changes, struct err *err)
{
	AUTO_FREE const char **queries = calloc(changes->count + 1, sizeof *queries);
	AUTO_FREE const char **paths = calloc(w->apps->count + 1, sizeof *paths);
	AUTO_FREE size_t *of = calloc(w->apps->count + 1, sizeof *of);
	AUTO_FREE bool *has = calloc(changes->count + 1, sizeof *has);
	int r;

	if (!queries || !paths || !of || !has)
		return err_nomem(err);
	for (size_t i = 0; i < changes->count; i++)
		queries[i] = changes->items[i].query;
	for (size_t i = 0; i < w->apps->count; i++)
		paths[i] = w->apps->items[i].path;
	r = packages_match(queries, changes->count, paths, w->apps->count, of, has, err);
	if (r < 0)
		return r;
	memset(has, 0, changes->count * sizeof *has);
	for (size_t i = 0; i < w->apps->count; i++)
		if (of[i] != OWNER_NONE)
			has[of[i]] = true;
	for (size_t i = 0; r == 0 && i < changes->count; i++)
		if (has[i] && changes->items[i].file)
			r = search_archive(w, changes->items[i].file, err);
	return r;
}

int unwrap_find(struct policy *policy, const struct changes *changes, struct unwraps *out,
		struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	struct unwrap_search w = {&apps, out};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	*out = (struct unwraps){0};
	if (r < 0 || apps.count == 0)
		return r;
	for (size_t i = 0; r == 0 && i < changes->newcomers.count; i++)
		r = search_preinst(&w, changes->newcomers.items[i], err);
	return r < 0 ? r : search_owners(&w, changes, err);
}

/* The plan stays, so that refresh reports the program. */
int unwrap_apply(const struct unwraps *unwraps, report_fn *report, void *ctx, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = {0};

	for (size_t i = 0; i < unwraps->count; i++) {
		const struct unwrap *step = &unwraps->items[i];
		char text[ERR_TEXT_MAX];
		int r = wrap_remove(step->app, &says, err);

		if (r < 0)
			return r;
		snprintf(text, sizeof text, "%s was unwrapped: %s %s", step->app, step->archive,
			 step->why);
		report(ctx, text);
	}
	return 0;
}
