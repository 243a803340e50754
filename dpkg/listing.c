#include "dpkg/listing.h"

#include "base/array.h"
#include "base/path.h"
#include "dpkg/tool.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void package_files_free(struct package_files *files)
{
	free(files->items);
	free(files->text);
	*files = (struct package_files){0};
}

/* The path that a line tells the file before it to be diverted to: "diverted by dash to: /bin/sh.x",
 * "locally diverted to: /bin/sh.x". NULL: another line. */
static char *diverted_to(char *line)
{
	static const char local[] = "locally diverted to: ", by[] = "diverted by ", to[] = " to: ";
	char *at;

	if (strncmp(line, local, strlen(local)) == 0)
		return line + strlen(local);
	at = strncmp(line, by, strlen(by)) == 0 ? strstr(line, to) : NULL;
	return at ? at + strlen(to) : NULL;
}

static int read_line(struct package_files *out, char *line, struct err *err)
{
	static const char others[] = "package diverts others to: ";
	char *to = diverted_to(line);

	if (ARRAY_GROW(out->items, out->count, err) < 0)
		return -ENOMEM;
	if (to && out->count > 0)
		out->items[out->count - 1].from = to;
	else if (out->count > 0 && strncmp(line, others, strlen(others)) == 0)
		out->items[out->count - 1].diverts = true;
	else if (line[0] == '/' && strcmp(line, "/.") != 0)
		out->items[out->count++] = (struct package_file){line, line, false};
	return 0;
}

/* Fills out from text, which the first of them owns already. */
static int read_lists(char *text, struct package_files *out, size_t n, struct err *err)
{
	size_t at = 0;
	int r = 0;

	for (char *line; r == 0 && at < n && (line = strsep(&text, "\n"));)
		if (*line == '\0')
			at++;
		else
			r = read_line(&out[at], line, err);
	return r;
}

/* dpkg's lists of these packages, in their order, an empty line between two. A line without '/' in
 * front tells of a diversion, or of a package without files. */
static int list_packages(const char *const *queries, size_t n, char **text, struct err *err)
{
	AUTO_FREE const char **argv = calloc(n + 4, sizeof *argv);
	int r;

	if (!argv)
		return err_nomem(err);
	argv[0] = "dpkg-query";
	argv[1] = "--listfiles";
	argv[2] = "--";
	memcpy(argv + 3, queries, n * sizeof *argv);
	r = dpkg_ask(argv, text, err);
	return r < 0 ? err_wrap(err, r, "cannot ask dpkg for the files of packages") : 0;
}

int packages_files(const char *const *queries, size_t n, struct package_files *out, struct err *err)
{
	int r;

	memset(out, 0, n * sizeof *out);
	if (n == 0)
		return 0;
	r = list_packages(queries, n, &out->text, err);
	return r < 0 ? r : read_lists(out->text, out, n, err);
}

int package_files(const char *query, struct package_files *out, struct err *err)
{
	const char *const argv[] = {"dpkg-query", "--listfiles", "--", query, NULL};
	AUTO_PACKAGE_FILES struct package_files files = {0};
	int r = dpkg_ask(argv, &files.text, err);

	*out = (struct package_files){0};
	if (r == 1)
		r = err_set(err, ENOENT, "%s is not installed", query);
	if (r == 0)
		r = read_lists(files.text, &files, 1, err);
	if (r < 0)
		return r;
	*out = files;
	files = (struct package_files){0};
	return 0;
}

bool package_files_have(const struct package_files *files, const char *path)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(files->items[i].path, path) == 0)
			return true;
	return false;
}

bool listing_is_program(const char *path)
{
	static const char *const dirs[] = {"/bin",	"/sbin",      "/usr/bin",
					   "/usr/sbin", "/usr/games", "/usr/local/bin"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (path_below(path, dirs[i]) && strcmp(path, dirs[i]) != 0)
			return true;
	return false;
}

bool listing_is_merged(struct listing_top *top, const char *path)
{
	size_t len = 1 + strcspn(path + 1, "/");
	char real[PATH_MAX];

	if (len >= sizeof top->dir || path[len] == '\0' || strncmp(path, "/usr/", 5) == 0)
		return false;
	if (strncmp(top->dir, path, len) != 0 || top->dir[len] != '\0') {
		snprintf(top->dir, sizeof top->dir, "%.*s", (int)len, path);
		top->merged = realpath(top->dir, real) && strncmp(real, "/usr", 4) == 0 &&
			      strcmp(real + 4, top->dir) == 0;
	}
	return top->merged;
}
