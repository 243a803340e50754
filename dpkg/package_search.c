#include "dpkg/package.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/run.h"

#include <limits.h>
#include <string.h>

#define MAX_ANSWER ((size_t)256 << 20)

/* A path that is asked about, and its number. */
struct asked {
	const char *path;
	size_t number;
};

struct question {
	struct asked *sorted; /* by path */
	size_t n;
	size_t *of;
	bool *libraries;
	char top[32]; /* the directory below / that was looked at last ... */
	bool merged;  /* ... and whether it is a link to that of /usr */
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct asked *)a)->path, ((const struct asked *)b)->path);
}

/* dpkg knows a file by the name that it was packed with: where /lib is a link to usr/lib, that may
 * be /lib/x for /usr/lib/x. */
static bool is_merged(struct question *q, const char *path)
{
	size_t len = 1 + strcspn(path + 1, "/");
	char real[PATH_MAX];

	if (len >= sizeof q->top || path[len] == '\0' || strncmp(path, "/usr/", 5) == 0)
		return false;
	if (strncmp(q->top, path, len) != 0 || q->top[len] != '\0') {
		snprintf(q->top, sizeof q->top, "%.*s", (int)len, path);
		q->merged = realpath(q->top, real) && strncmp(real, "/usr", 4) == 0 &&
			    strcmp(real + 4, q->top) == 0;
	}
	return q->merged;
}

static bool is_library(const char *path)
{
	const char *base = path_base(path);

	return strncmp(base, "lib", 3) == 0 && strstr(base, ".so.") && strstr(path, "/lib/");
}

static void note(struct question *q, const char *path, size_t package)
{
	char usr[PATH_MAX + 8];
	struct asked key = {path, 0};
	const struct asked *found;

	if (is_merged(q, path)) {
		snprintf(usr, sizeof usr, "/usr%.*s", PATH_MAX, path);
		key.path = usr;
	}
	q->libraries[package] |= is_library(path);
	found = bsearch(&key, q->sorted, q->n, sizeof key, by_path);
	if (!found)
		return;
	while (found > q->sorted && by_path(found - 1, &key) == 0)
		found--;
	for (; found < q->sorted + q->n && by_path(found, &key) == 0; found++)
		q->of[found->number] = package;
}

/* The lists of the packages in their order, an empty line between two; what does not begin with '/'
 * says that there is none, or speaks of a diversion. */
static void read_lists(struct question *q, char *text, size_t npackages)
{
	size_t package = 0;

	for (char *line; package < npackages && (line = strsep(&text, "\n"));)
		if (*line == '\0')
			package++;
		else if (*line == '/')
			note(q, line, package);
}

static int ask(const char *const *queries, size_t n, char **text, struct err *err)
{
	AUTO_FREE const char **argv = calloc(n + 4, sizeof *argv);
	int r;

	if (!argv)
		return err_nomem(err);
	argv[0] = "dpkg-query";
	argv[1] = "--listfiles";
	argv[2] = "--";
	memcpy(argv + 3, queries, n * sizeof *argv);
	r = run_read(argv, NULL, MAX_ANSWER, text, err);
	return r < 0 ? err_wrap(err, r, "cannot ask dpkg what its packages hold") : 0;
}

int package_search(const char *const *queries, size_t nqueries, const char *const *paths,
		   size_t npaths, size_t *of, bool *libraries, struct err *err)
{
	AUTO_FREE struct asked *sorted = calloc(npaths + 1, sizeof *sorted);
	AUTO_FREE char *text = NULL;
	struct question q = {.sorted = sorted, .n = npaths, .of = of, .libraries = libraries};
	int r;

	if (!sorted)
		return err_nomem(err);
	for (size_t i = 0; i < npaths; i++) {
		sorted[i] = (struct asked){paths[i], i};
		of[i] = OWNER_NONE;
	}
	memset(libraries, 0, nqueries * sizeof *libraries);
	if (nqueries == 0)
		return 0;
	qsort(sorted, npaths, sizeof *sorted, by_path);
	r = ask(queries, nqueries, &text, err);
	if (r == 0)
		read_lists(&q, text, nqueries);
	return r;
}
