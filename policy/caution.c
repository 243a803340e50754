#include "policy/caution.h"

#include "base/array.h"
#include "base/file.h"
#include "base/trust.h"
#include "dpkg/owner.h"
#include "store/text.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define PACKAGE "package:"
#define PROVIDES "provides:"

/* The text that is read. */
struct caution_reader {
	struct cautions *out;
	const char *file;
	unsigned line;
	struct caution entry; /* that is being read */
	unsigned first;	      /* number of the entry's first line; 0: none yet */
	bool described;	      /* the entry has a line other than match */
	bool faulty;	      /* the entry is left out; a fault was reported */
	report_fn *report;
	void *ctx;
	struct err *err;
};

static void caution_free(struct caution *c)
{
	strings_free(&c->matches);
	free(c->reason);
	free(c->remedy);
	*c = (struct caution){0};
}

void cautions_free(struct cautions *cautions)
{
	for (size_t i = 0; i < cautions->count; i++)
		caution_free(&cautions->items[i]);
	free(cautions->items);
	*cautions = (struct cautions){0};
}

/* Returns 0: the next line is read. */
__attribute__((format(printf, 3, 4))) static int report_fault(struct caution_reader *r,
							      unsigned line, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX / 2], text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(text, sizeof text, "%.400s:%u: %s; pinlib ignores this entry", r->file, line,
		 what);
	r->report(r->ctx, text);
	r->faulty = true;
	return 0;
}

/* -- the lines; value is the text after the keyword -- */

static bool is_match(const char *word)
{
	if (strncmp(word, PACKAGE, strlen(PACKAGE)) == 0)
		return word[strlen(PACKAGE)] != '\0';
	if (strncmp(word, PROVIDES, strlen(PROVIDES)) == 0)
		return word[strlen(PROVIDES)] != '\0';
	return *word == '/';
}

static int read_match(struct caution_reader *r, char *value)
{
	char buf[TEXT_SHOWN];
	int n = 0;

	for (char *word; n == 0 && (word = strsep(&value, BLANKS));) {
		if (*word == '\0')
			continue;
		if (!is_match(word))
			return report_fault(r, r->line,
					    "'%s' is neither a full path nor package:NAME nor "
					    "provides:NAME",
					    text_shown(word, buf));
		n = strings_add(&r->entry.matches, word, r->err);
	}
	return n;
}

static int read_grade(struct caution_reader *r, char *value)
{
	char buf[TEXT_SHOWN];

	if (r->entry.grade)
		return report_fault(r, r->line, "the entry already has a grade");
	if (strcmp(value, "warn") == 0)
		r->entry.grade = CAUTION_WARN;
	else if (strcmp(value, "refuse") == 0)
		r->entry.grade = CAUTION_REFUSE;
	else
		return report_fault(r, r->line, "the grade is warn or refuse, not '%s'",
				    text_shown(value, buf));
	return 0;
}

static int read_sentence(struct caution_reader *r, const char *value, const char *name, char **out)
{
	if (*out)
		return report_fault(r, r->line, "the entry already has a %s", name);
	if (text_fault(value))
		return report_fault(r, r->line, "the %s %s", name, text_fault(value));
	if (strlen(value) > CAUTION_TEXT_MAX)
		return report_fault(r, r->line, "the %s has more than %d bytes", name,
				    CAUTION_TEXT_MAX);
	*out = strdup(value);
	return *out ? 0 : err_nomem(r->err);
}

static int read_reason(struct caution_reader *r, char *value)
{
	return read_sentence(r, value, "reason", &r->entry.reason);
}

static int read_remedy(struct caution_reader *r, char *value)
{
	return read_sentence(r, value, "remedy", &r->entry.remedy);
}

static int read_form(struct caution_reader *r, char *value)
{
	char buf[TEXT_SHOWN];

	if (strcmp(value, "view") != 0)
		return report_fault(r, r->line, "the form is view, not '%s'",
				    text_shown(value, buf));
	r->entry.views = true;
	return 0;
}

static const struct caution_keyword {
	const char *name;
	int (*read)(struct caution_reader *r, char *value);
} keywords[] = {
	{"match", read_match},	 {"grade", read_grade}, {"reason", read_reason},
	{"remedy", read_remedy}, {"form", read_form},
};

/* -- entries -- */

static const char *missing_line(const struct caution *entry)
{
	if (!entry->grade)
		return "grade";
	return !entry->reason ? "reason" : !entry->remedy ? "remedy" : NULL;
}

static int end_entry(struct caution_reader *r)
{
	const char *missing = missing_line(&r->entry);

	if (r->first && !r->faulty && missing)
		report_fault(r, r->first, "the entry has no '%s' line", missing);
	if (r->first && !r->faulty) {
		if (ARRAY_GROW(r->out->items, r->out->count, r->err) < 0)
			return -ENOMEM;
		r->out->items[r->out->count++] = r->entry;
		r->entry = (struct caution){0};
	}
	caution_free(&r->entry);
	r->first = 0;
	r->described = r->faulty = false;
	return 0;
}

static int begin_entry(struct caution_reader *r)
{
	int n = r->described ? end_entry(r) : 0;

	if (!r->first)
		r->first = r->line;
	return n;
}

static const struct caution_keyword *find_keyword(const char *name)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	return NULL;
}

/* Cuts the blanks off both ends, in place. */
static char *trim_blanks(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static int read_caution_line(struct caution_reader *r, char *line)
{
	char *value = trim_blanks(line), *name;
	const struct caution_keyword *k;
	char buf[TEXT_SHOWN];
	int n = 0;

	if (*value == '\0' || *value == '#')
		return 0;
	name = strsep(&value, BLANKS);
	value = value ? value + strspn(value, BLANKS) : NULL;
	k = find_keyword(name);
	if (k && k->read == read_match)
		n = begin_entry(r);
	else
		r->described = true;
	if (n < 0)
		return n;
	if (!k)
		return report_fault(r, r->line, "unknown keyword '%s'", text_shown(name, buf));
	if (!r->first)
		return report_fault(r, r->line, "'%s' comes before the first 'match' line", name);
	if (!value)
		return report_fault(r, r->line, "%s needs a value", name);
	return k->read(r, value);
}

int caution_parse(const char *text, size_t len, const char *file, struct cautions *out,
		  report_fn *report, void *ctx, struct err *err)
{
	AUTO_FREE char *copy = strndup(text, len);
	struct caution_reader r = {
		.out = out, .file = file, .report = report, .ctx = ctx, .err = err};
	char *rest = copy, *line;
	size_t used = copy ? strlen(copy) : 0;
	int n = 0;

	if (!copy)
		return err_nomem(err);
	while (n == 0 && (line = strsep(&rest, "\n"))) {
		r.line++;
		n = read_caution_line(&r, line);
	}
	if (n == 0 && used < len)
		report_fault(&r, r.line, "a NUL byte ends the text");
	if (n == 0)
		n = end_entry(&r);
	caution_free(&r.entry);
	return n;
}

/* -- files -- */

static int read_caution_file(const char *path, struct cautions *out, report_fn *report, void *ctx,
			     struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	struct err why;
	int r = trust_file(path, &why)
			? file_read_at(AT_FDCWD, path, CAUTION_SIZE_MAX, &text, &len, &why)
			: -EPERM;

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r == 0)
		return caution_parse(text, len, path, out, report, ctx, err);
	report(ctx, why.text);
	return 0;
}

int cautions_read(struct cautions *out, report_fn *report, void *ctx, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	struct err why;
	int r = file_list_conf(PINLIB_PROGRAMS, &paths, &why);

	if (r == -ENOMEM)
		return err_nomem(err);
	if (r < 0)
		report(ctx, why.text);
	r = strings_add(&paths, CAUTION_TABLE, err);
	for (size_t i = 0; r == 0 && i < paths.count; i++)
		r = read_caution_file(paths.items[i], out, report, ctx, err);
	return r;
}

/* -- which app -- */

static bool has_match(const struct caution *c, const char *kind, const char *name)
{
	size_t len = strlen(kind);

	for (size_t i = 0; i < c->matches.count; i++)
		if (strncmp(c->matches.items[i], kind, len) == 0 &&
		    strcmp(c->matches.items[i] + len, name) == 0)
			return true;
	return false;
}

/* Whether the entry names the package, or a virtual package that it provides. */
static bool matches_package(const struct caution *c, const struct package *package)
{
	if (has_match(c, PACKAGE, package->name))
		return true;
	for (size_t i = 0; i < c->matches.count; i++)
		if (strncmp(c->matches.items[i], PROVIDES, strlen(PROVIDES)) == 0 &&
		    package_provides(package, c->matches.items[i] + strlen(PROVIDES)))
			return true;
	return false;
}

static bool matches_path(const struct caution *c, const char *app)
{
	for (size_t i = 0; i < c->matches.count; i++)
		if (c->matches.items[i][0] == '/' &&
		    fnmatch(c->matches.items[i], app, FNM_PATHNAME) == 0)
			return true;
	return false;
}

/* package: the one that has the app, or NULL. */
static const struct caution *first_match(const struct cautions *cautions, const char *app,
					 const struct package *package)
{
	for (size_t i = 0; i < cautions->count; i++)
		if (matches_path(&cautions->items[i], app) ||
		    (package && matches_package(&cautions->items[i], package)))
			return &cautions->items[i];
	return NULL;
}

/* The installed packages that an entry matches; queries gets their names. Returns their number. */
static size_t choose_packages(const struct cautions *cautions, const struct packages *all,
			      const struct package **chosen, const char **queries)
{
	size_t n = 0;

	for (size_t i = 0; i < all->count; i++)
		for (size_t k = 0; k < cautions->count; k++)
			if (matches_package(&cautions->items[k], &all->items[i])) {
				queries[n] = all->items[i].query;
				chosen[n++] = &all->items[i];
				break;
			}
	return n;
}

/* dpkg-query lists all packages, and then the files of a few, in a quarter of the time of a search for one path. */
int cautions_find(const struct cautions *cautions, const char *const *apps, size_t n,
		  const struct caution **of, struct err *err)
{
	AUTO_PACKAGES struct packages all = {0};
	AUTO_FREE const struct package **chosen = NULL;
	AUTO_FREE const char **queries = NULL;
	AUTO_FREE size_t *owners = calloc(n + 1, sizeof *owners);
	AUTO_FREE bool *ignored = NULL;
	int r = packages_installed(NULL, 0, &all, err);

	if (r < 0)
		return r;
	chosen = calloc(all.count + 1, sizeof *chosen);
	queries = calloc(all.count + 1, sizeof *queries);
	ignored = calloc(all.count + 1, sizeof *ignored);
	if (!owners || !chosen || !queries || !ignored)
		return err_nomem(err);
	r = packages_match(queries, choose_packages(cautions, &all, chosen, queries), apps, n,
			   owners, ignored, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		of[i] = first_match(cautions, apps[i],
				    owners[i] == OWNER_NONE ? NULL : chosen[owners[i]]);
	return r;
}

int cautions_find_pinned(const struct cautions *cautions, const struct apps *apps,
			 const struct caution **of, struct err *err)
{
	AUTO_FREE const char **paths = calloc(apps->count + 1, sizeof *paths);
	int r;

	if (!paths)
		return err_nomem(err);
	for (size_t i = 0; i < apps->count; i++)
		paths[i] = apps->items[i].path;
	r = cautions_find(cautions, paths, apps->count, of, err);
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		if (apps->items[i].npins == 0 || (apps->items[i].sealed && of[i] && of[i]->views))
			of[i] = NULL;
	return r;
}

/* -- before a pin -- */

static int heed_caution(const struct caution *c, const char *app, bool forced, report_fn *report,
			void *ctx, struct err *err)
{
	const char *seal = c->views ? ", or seal the program (--sealed)" : "";
	char text[ERR_TEXT_MAX];

	if (c->grade == CAUTION_REFUSE && !forced)
		return err_set(err, ECANCELED,
			       "%.300s should not be pinned: %s; %s%s (--force pins it anyway)",
			       app, c->reason, c->remedy, seal);
	snprintf(text, sizeof text, "note: %.300s: %s; %s%s", app, c->reason, c->remedy, seal);
	report(ctx, text);
	return 0;
}

static bool is_refused(const struct caution *c, const char *app, const struct strings *forced)
{
	return c && c->grade == CAUTION_REFUSE && !(forced && strings_have(forced, app));
}

/* Adds the refused apps from number first on to the error: the caller can then leave out all of them at once. */
static void name_others(const struct strings *apps, size_t first, const struct caution **of,
			const struct strings *forced, struct err *err)
{
	size_t used = strlen(err->text);
	const char *before = "; nor should ";

	for (size_t i = first; i < apps->count; i++) {
		size_t room = sizeof err->text - used;
		int n;

		if (!is_refused(of[i], apps->items[i], forced))
			continue;
		n = snprintf(err->text + used, room, "%s%s", before, apps->items[i]);
		if (n < 0 || (size_t)n >= room) {
			err->text[used] = '\0';
			return;
		}
		used += (size_t)n;
		before = ", ";
	}
}

int caution_check(const struct strings *apps, const struct strings *sealed,
		  const struct strings *forced, report_fn *report, void *ctx, struct err *err)
{
	AUTO_CAUTIONS struct cautions all = {0};
	AUTO_FREE const struct caution **of = calloc(apps->count + 1, sizeof *of);
	int r;

	if (apps->count == 0)
		return 0;
	r = of ? cautions_read(&all, report, ctx, err) : err_nomem(err);

	if (r == 0)
		r = cautions_find(&all, (const char *const *)apps->items, apps->count, of, err);
	for (size_t i = 0; r == 0 && sealed && i < apps->count; i++)
		if (of[i] && of[i]->views && strings_have(sealed, apps->items[i]))
			of[i] = NULL;
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		if (of[i]) {
			r = heed_caution(of[i], apps->items[i],
					 !is_refused(of[i], apps->items[i], forced), report, ctx,
					 err);
			if (r < 0)
				name_others(apps, i + 1, of, forced, err);
		}
	return r;
}
