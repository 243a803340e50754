#include "base/cleanup.h"
#include "base/strings.h"
#include "dpkg/archive.h"
#include "dpkg/package.h"
#include "upgrade/changes.h"

#include <fts.h>
#include <stdlib.h>
#include <string.h>

/* -- the command line -- */

struct dpkg_command {
	bool recursive, pending;
	bool elsewhere; /* it changes another root, or only simulates */
	const char **names;
	size_t n;
};

static void dpkg_command_free(struct dpkg_command *v)
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

/* option begins after the two dashes. Returns true if the next argument is its value. */
static bool read_long_option(struct dpkg_command *v, const char *option)
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

/* letters follow one dash. Returns true if the next argument is the value of -D. */
static bool read_short_options(struct dpkg_command *v, const char *letters)
{
	for (; *letters; letters++) {
		if (*letters == 'D')
			return letters[1] == '\0';
		v->recursive |= *letters == 'R';
		v->pending |= *letters == 'a';
	}
	return false;
}

static int read_command(char *const *argv, struct dpkg_command *v, struct err *err)
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
			skip = read_long_option(v, arg + 2);
		else if (options && arg[0] == '-' && arg[1])
			skip = read_short_options(v, arg + 1);
		else
			v->names[v->n++] = arg;
	}
	return 0;
}

/* -- archives -- */

/* The packages in archives; dpkg reports those that dpkg-deb cannot read. */
struct archives {
	struct packages packages;
	struct strings files; /* the archive of each */
};

static void archives_free(struct archives *archives)
{
	packages_free(&archives->packages);
	strings_free(&archives->files);
}

static int archives_add(struct archives *archives, const char *file, struct err *err)
{
	int r = archive_package(file, &archives->packages, err);

	return r == 0 ? strings_add(&archives->files, file, err) : r < 0 ? r : 0;
}

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

/* By dpkg's rule: regular files *.deb at any depth, links followed. */
static int read_directories(const char *const *names, struct archives *out, struct err *err)
{
	CLEANUP(cleanup_fts) FTS *fts = NULL;
	FTSENT *e;
	int r = 0;

	if (!names[0])
		return 0;
	fts = fts_open((char *const *)names, FTS_LOGICAL | FTS_NOCHDIR, NULL);
	if (!fts)
		return err_sys(err, errno, "cannot read %s", names[0]);
	while (r == 0 && (e = fts_read(fts)))
		if (is_archive(e))
			r = archives_add(out, e->fts_path, err);
	return r;
}

/* -- changes -- */

static bool is_same(const struct package *a, const struct package *b)
{
	return strcmp(a->name, b->name) == 0 && package_archs_fit(a->arch, b->arch);
}

static int add_archive(const struct package *a, const char *file, const struct packages *installed,
		       struct changes *out, struct err *err)
{
	bool known = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < installed->count; i++) {
		const struct package *p = &installed->items[i];

		if (!is_same(a, p))
			continue;
		known = true;
		r = changes_add(out, p->name, p->arch, p->version, a->version, file, err);
	}
	return r < 0 || known ? r : strings_add(&out->newcomers, file, err);
}

static int find_installed(const struct dpkg_command *v, struct changes *out, struct err *err)
{
	CLEANUP(archives_free) struct archives archives = {0};
	AUTO_PACKAGES struct packages installed = {0};
	AUTO_FREE const char **names = NULL;
	size_t n;
	int r = v->recursive ? read_directories(v->names, &archives, err) : 0;

	for (size_t i = 0; r == 0 && !v->recursive && i < v->n; i++)
		r = archives_add(&archives, v->names[i], err);
	n = archives.packages.count;
	if (r < 0 || n == 0)
		return r;
	names = calloc(n, sizeof *names);
	if (!names)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		names[i] = archives.packages.items[i].name;
	r = packages_installed(names, n, &installed, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_archive(&archives.packages.items[i], archives.files.items[i], &installed,
				out, err);
	return r;
}

/* --pending removes all packages that dpkg has marked, with --remove as with --purge. */
static int find_removed(const struct dpkg_command *v, struct changes *out, struct err *err)
{
	AUTO_PACKAGES struct packages installed = {0};
	int r = 0;

	if (v->n || v->pending)
		r = packages_installed(v->names, v->pending ? 0 : v->n, &installed, err);
	for (size_t i = 0; r == 0 && i < installed.count; i++) {
		const struct package *p = &installed.items[i];

		if (!v->pending || p->wish == 'r' || p->wish == 'p')
			r = changes_add(out, p->name, p->arch, p->version, NULL, NULL, err);
	}
	return r;
}

int changes_of_dpkg(char *const *argv, const char *action, struct changes *out, struct err *err)
{
	CLEANUP(dpkg_command_free) struct dpkg_command v = {0};
	int r = read_command(argv, &v, err);

	if (r < 0 || v.elsewhere)
		return r;
	if (strcmp(action, "install") == 0 || strcmp(action, "unpack") == 0)
		return find_installed(&v, out, err);
	if (strcmp(action, "remove") == 0 || strcmp(action, "purge") == 0)
		return find_removed(&v, out, err);
	return 0;
}
