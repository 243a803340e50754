#include "loader/ldconf.h"

#include "base/budget.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/sysroot.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_SIZE_MAX (1u << 20)
#define DEPTH_MAX 10
#define DIRS_MAX 1024

/* A file that includes itself twice would be read 2^DEPTH_MAX times, so the bytes read count against
 * a budget. Files beyond it name no directory. */
#define CONF_BUDGET (16u << 20)
#define CONF_COST_FILE 4096 /* beside its bytes */
#define CONF_COST_NAME 256

struct conf_reading {
	const struct sysroot *sysroot;
	struct strings *out;
	struct budget budget;
};

static int read_conf(struct conf_reading *reading, const char *path, int depth, struct err *err);

/* The names of one directory that match a pattern. */
static int list_names(struct conf_reading *reading, const char *dir, const char *pattern,
		      struct strings *out, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	while (r == 0 && d && out->count < DIRS_MAX &&
	       budget_spend(&reading->budget, CONF_COST_NAME) && (e = readdir(d)))
		if (fnmatch(pattern, e->d_name, FNM_PERIOD) == 0)
			r = strings_add_once(out, e->d_name, err);
	return r;
}

/* The same of a directory of the view: of its layers and of the live one. */
static int list_view(struct conf_reading *reading, const char *dir, const char *pattern,
		     struct strings *out, struct err *err)
{
	const struct sysroot *sysroot = reading->sysroot;
	struct resolved at;
	int r;

	if (sysroot_resolve(sysroot, dir, &at) < 0)
		return 0;
	r = list_names(reading, at.path, pattern, out, err);
	for (size_t i = 0; r == 0 && sysroot && i < sysroot->ncovers; i++) {
		const struct cover *c = &sysroot->covers[i];
		char layer[PATH_MAX];

		if (!path_below(at.path, c->target) ||
		    snprintf(layer, sizeof layer, "%s%s", c->layer, at.path + strlen(c->target)) >=
			    (int)sizeof layer)
			continue;
		r = list_names(reading, layer, pattern, out, err);
	}
	strings_sort(out);
	return r;
}

/* Follows globs in the last component only; nobody writes them elsewhere. */
static int include_files(struct conf_reading *reading, const char *from, const char *pattern,
			 int depth, struct err *err)
{
	AUTO_STRINGS struct strings names = {0};
	char dir[PATH_MAX], path[PATH_MAX];
	int r;

	path_dir(from, dir);
	if (!budget_spend(&reading->budget, CONF_COST_FILE) ||
	    snprintf(path, sizeof path, "%s%s%s", pattern[0] == '/' ? "" : dir,
		     pattern[0] == '/' ? "" : "/", pattern) >= (int)sizeof path)
		return 0;
	path_dir(path, dir);
	r = list_view(reading, dir, path_base(path), &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		char file[PATH_MAX];
		struct err ignored;

		if (path_join(dir, names.items[i], file, &ignored) == 0)
			r = read_conf(reading, file, depth + 1, err);
	}
	return r;
}

/* "DIR", "include PATTERN..."; of old "DIR=TYPE" and "hwcap ..."; '#' begins a comment. */
static int read_conf_line(struct conf_reading *reading, const char *path, char *line, int depth,
			  struct err *err)
{
	struct strings *out = reading->out;
	char *save = NULL, *word;
	int r = 0;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t\r");
	if (strncmp(line, "hwcap", 5) == 0 && strchr(" \t", line[5]))
		return 0;
	if (strncmp(line, "include", 7) == 0 && line[7] && strchr(" \t", line[7])) {
		for (word = strtok_r(line + 7, " \t\r", &save); r == 0 && word;
		     word = strtok_r(NULL, " \t\r", &save))
			r = include_files(reading, path, word, depth, err);
		return r;
	}
	line[strcspn(line, "=")] = '\0';
	for (size_t n = strlen(line); n > 1 && strchr(" \t\r/", line[n - 1]); n--)
		line[n - 1] = '\0';
	return line[0] == '/' && out->count < DIRS_MAX ? strings_add_once(out, line, err) : 0;
}

static int read_conf(struct conf_reading *reading, const char *path, int depth, struct err *err)
{
	AUTO_FREE char *data = NULL;
	struct err ignored;
	struct stat st;
	AUTO_FD int fd = depth < DEPTH_MAX ? sysroot_open(reading->sysroot, path, &st, NULL) : -1;
	char *save = NULL;
	size_t len;
	int r = 0;

	if (fd < 0 || !S_ISREG(st.st_mode) || !budget_spend(&reading->budget, CONF_COST_FILE) ||
	    file_read(fd, CONF_SIZE_MAX, &data, &len, &ignored) < 0 ||
	    !budget_spend(&reading->budget, len))
		return 0;
	for (char *l = strtok_r(data, "\n", &save); r == 0 && l; l = strtok_r(NULL, "\n", &save))
		r = read_conf_line(reading, path, l, depth, err);
	return r;
}

int ldconf_dirs(const struct sysroot *sysroot, const char *path, struct strings *out,
		struct err *err)
{
	struct conf_reading reading = {.sysroot = sysroot, .out = out, .budget = {CONF_BUDGET}};

	return read_conf(&reading, path, 0, err);
}
