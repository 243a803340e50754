#include "base/cleanup.h"
#include "base/run.h"
#include "base/strings.h"
#include "upgrade/changes.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER ((size_t)64 << 20)

/* -- the command line -- */

struct invocation {
	bool recursive, pending;
	bool elsewhere; /* another root's packages, or a simulation */
	const char **names;
	size_t n;
};

static void invocation_free(struct invocation *v)
{
	free(v->names);
}

static bool is_one_of(const char *name, size_t len, const char *const *list)
{
	for (; *list; list++)
		if (strlen(*list) == len && strncmp(name, *list, len) == 0)
			return true;
	return false;
}

/* After the two dashes. Returns true if the next argument is its value. */
static bool read_long(struct invocation *v, const char *option)
{
	static const char *const valued[] = {
		"pre-invoke", "post-invoke", "path-exclude", "path-include",   "verify-format",
		"status-fd",  "log",	     "abort-after",  "ignore-depends", "status-logger",
		"debug",      "root",	     "instdir",	     "admindir",       NULL};
	static const char *const elsewhere[] = {"root",	   "instdir",  "admindir", "no-act",
						"dry-run", "simulate", NULL};
	size_t len = strcspn(option, "=");

	v->recursive |= strcmp(option, "recursive") == 0;
	v->pending |= strcmp(option, "pending") == 0;
	v->elsewhere |= is_one_of(option, len, elsewhere);
	return option[len] == '\0' && is_one_of(option, len, valued);
}

/* Letters after one dash; -D has a value, here or in the next argument. */
static bool read_short(struct invocation *v, const char *letters)
{
	for (; *letters; letters++) {
		if (*letters == 'D')
			return letters[1] == '\0';
		v->recursive |= *letters == 'R';
		v->pending |= *letters == 'a';
	}
	return false;
}

static int read_command(char *const *argv, struct invocation *v, struct err *err)
{
	size_t argc = 0;
	bool options = true, skip = false;

	while (argv[argc])
		argc++;
	v->names = calloc(argc + 1, sizeof *v->names);
	if (!v->names)
		return err_nomem(err);
	for (size_t i = 1; i < argc; i++) {
		const char *arg = argv[i];

		if (skip)
			skip = false;
		else if (options && strcmp(arg, "--") == 0)
			options = false;
		else if (options && strncmp(arg, "--", 2) == 0)
			skip = read_long(v, arg + 2);
		else if (options && arg[0] == '-' && arg[1])
			skip = read_short(v, arg + 1);
		else
			v->names[v->n++] = arg;
	}
	return 0;
}

/* -- what dpkg knows -- */

/* A package, in an archive or installed. */
struct package {
	const char *name, *arch, *version;
	const char *file;
	char wish; /* that dpkg has for it: 'i', 'h', 'r', 'p' */
};

struct list {
	struct package *items;
	size_t count;
	char **texts; /* what the strings belong to */
	size_t ntexts;
};

static void list_free(struct list *l)
{
	for (size_t i = 0; i < l->ntexts; i++)
		free(l->texts[i]);
	free(l->texts);
	free(l->items);
}
#define AUTO_LIST CLEANUP(list_free)

/* Takes text, also where it fails. */
static int list_own(struct list *l, char *text, struct err *err)
{
	char **texts = reallocarray(l->texts, l->ntexts + 1, sizeof *texts);

	if (!texts) {
		free(text);
		return err_nomem(err);
	}
	l->texts = texts;
	texts[l->ntexts++] = text;
	return 0;
}

static int list_add(struct list *l, struct package p, struct err *err)
{
	struct package *items = reallocarray(l->items, l->count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	l->items = items;
	items[l->count++] = p;
	return 0;
}

/* Packages that are installed, of these names (patterns to dpkg, which they fit) or all. */
static int ask_installed(const char *const *names, size_t n, struct list *out, struct err *err)
{
	static const char format[] =
		"--showformat=${db:Status-Abbrev}\t${Package}\t${Architecture}\t${Version}\n";
	AUTO_FREE const char **argv = calloc(n + 5, sizeof *argv);
	char *text = NULL, *rest;
	int r;

	if (!argv)
		return err_nomem(err);
	memcpy(argv, (const char *[]){"dpkg-query", "--show", format, "--"}, 4 * sizeof *argv);
	memcpy(argv + 4, names, n * sizeof *argv);
	r = run_read(argv, NULL, MAX_ANSWER, &text, err); /* 1: some are not known */
	if (r < 0)
		return err_wrap(err, r, "cannot ask dpkg what is installed");
	rest = text;
	r = list_own(out, text, err);
	for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
		const char *status = strsep(&line, "\t"), *name = strsep(&line, "\t");
		const char *arch = strsep(&line, "\t"), *version = strsep(&line, "\t");

		if (version && status[0] && status[1] == 'i')
			r = list_add(out, (struct package){name, arch, version, NULL, status[0]},
				     err);
	}
	return r;
}

/* What an archive says of itself; one that dpkg-deb cannot read is for dpkg to complain of. */
static int read_archive(const char *file, struct list *out, struct err *err)
{
	char *text = NULL, *rest;
	const char *name, *arch, *version;
	int r = run_read((const char *[]){"dpkg-deb", "--show", "--showformat",
					  "${Package}\t${Architecture}\t${Version}", "--", file,
					  NULL},
			 NULL, 4096, &text, err);

	if (r != 0) {
		free(text);
		return r < 0 ? r : 0;
	}
	rest = text;
	r = list_own(out, text, err);
	if (r < 0)
		return r;
	name = strsep(&rest, "\t");
	arch = strsep(&rest, "\t");
	version = strsep(&rest, "\t");
	return version ? list_add(out, (struct package){name, arch, version, file, 'i'}, err) : 0;
}

/* -- archives in directories -- */

static void cleanup_fts(FTS **fts)
{
	if (*fts)
		fts_close(*fts);
}

static bool is_archive(const FTSENT *e)
{
	return e->fts_info == FTS_F && e->fts_namelen > 4 &&
	       strcmp(e->fts_name + e->fts_namelen - 4, ".deb") == 0;
}

/* As dpkg has it: regular files called *.deb, links followed, at any depth. */
static int read_directories(const char *const *names, struct list *out, struct err *err)
{
	CLEANUP(cleanup_fts) FTS *fts = NULL;
	FTSENT *e;
	int r = 0;

	if (!names[0])
		return 0;
	fts = fts_open((char *const *)names, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return err_sys(err, errno, "cannot read %s", names[0]);
	while (r == 0 && (e = fts_read(fts))) {
		char *path;

		if (!is_archive(e))
			continue;
		path = strdup(e->fts_path);
		r = path ? list_own(out, path, err) : err_nomem(err);
		if (r == 0)
			r = read_archive(path, out, err);
	}
	return r;
}

/* -- changes -- */

static bool is_same(const struct package *a, const struct package *b)
{
	return strcmp(a->name, b->name) == 0 &&
	       (strcmp(a->arch, b->arch) == 0 || strcmp(a->arch, "all") == 0 ||
		strcmp(b->arch, "all") == 0);
}

static int add_archive(const struct package *a, const struct list *installed, struct changes *out,
		       struct err *err)
{
	bool known = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < installed->count; i++) {
		const struct package *p = &installed->items[i];

		if (!is_same(a, p))
			continue;
		known = true;
		r = changes_add(out, p->name, p->arch, p->version, a->version, a->file, err);
	}
	return r < 0 || known ? r : strings_add(&out->newcomers, a->file, err);
}

static int installing(const struct invocation *v, struct changes *out, struct err *err)
{
	AUTO_LIST struct list archives = {0}, installed = {0};
	AUTO_FREE const char **names = NULL;
	int r = v->recursive ? read_directories(v->names, &archives, err) : 0;

	for (size_t i = 0; r == 0 && !v->recursive && i < v->n; i++)
		r = read_archive(v->names[i], &archives, err);
	if (r < 0 || archives.count == 0)
		return r;
	names = calloc(archives.count, sizeof *names);
	if (!names)
		return err_nomem(err);
	for (size_t i = 0; i < archives.count; i++)
		names[i] = archives.items[i].name;
	r = ask_installed(names, archives.count, &installed, err);
	for (size_t i = 0; r == 0 && i < archives.count; i++)
		r = add_archive(&archives.items[i], &installed, out, err);
	return r;
}

/* --pending takes all that are to go, --remove as well as --purge. */
static int removing(const struct invocation *v, struct changes *out, struct err *err)
{
	AUTO_LIST struct list installed = {0};
	int r = 0;

	if (v->n || v->pending)
		r = ask_installed(v->names, v->pending ? 0 : v->n, &installed, err);
	for (size_t i = 0; r == 0 && i < installed.count; i++) {
		const struct package *p = &installed.items[i];

		if (!v->pending || p->wish == 'r' || p->wish == 'p')
			r = changes_add(out, p->name, p->arch, p->version, NULL, NULL, err);
	}
	return r;
}

int changes_of_dpkg(char *const *argv, const char *action, struct changes *out, struct err *err)
{
	CLEANUP(invocation_free) struct invocation v = {0};
	int r = read_command(argv, &v, err);

	if (r < 0 || v.elsewhere)
		return r;
	if (strcmp(action, "install") == 0 || strcmp(action, "unpack") == 0)
		return installing(&v, out, err);
	if (strcmp(action, "remove") == 0 || strcmp(action, "purge") == 0)
		return removing(&v, out, err);
	return 0;
}
