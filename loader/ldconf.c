#include "loader/ldconf.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/sysroot.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF_MAX (1u << 20)
#define DEPTH_MAX 10
#define DIRS_MAX 1024

/* A file that includes itself twice is read 2^DEPTH_MAX times. So all that is read is counted, in bytes;
 * what is not read then names no directory. */
#define WORK_MAX (16u << 20)
#define WORK_OF_FILE 4096 /* beside its bytes */
#define WORK_OF_NAME 256

struct reading {
	const struct sysroot *sysroot;
	struct strings *out;
	size_t work; /* left */
};

static int read_conf(struct reading *reading, const char *path, int depth, struct err *err);

static bool spend(struct reading *reading, size_t work)
{
	bool enough = work <= reading->work;

	reading->work = enough ? reading->work - work : 0;
	return enough;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of a directory of the view: its layers' and the live one's. */
static int names_of(struct reading *reading, const char *dir, const char *pattern,
		    struct strings *out, struct err *err)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *e;
	int r = 0;

	while (r == 0 && d && out->count < DIRS_MAX && spend(reading, WORK_OF_NAME) &&
	       (e = readdir(d)))
		if (fnmatch(pattern, e->d_name, FNM_PERIOD) == 0)
			r = strings_add_once(out, e->d_name, err);
	return r;
}

static int list_view(struct reading *reading, const char *dir, const char *pattern,
		     struct strings *out, struct err *err)
{
	const struct sysroot *sysroot = reading->sysroot;
	struct resolved at;
	int r;

	if (sysroot_resolve(sysroot, dir, &at) < 0)
		return 0;
	r = names_of(reading, at.path, pattern, out, err);
	for (size_t i = 0; r == 0 && sysroot && i < sysroot->ncovers; i++) {
		const struct cover *c = &sysroot->covers[i];
		char layer[PATH_MAX];

		if (!path_below(at.path, c->target) ||
		    snprintf(layer, sizeof layer, "%s%s", c->layer, at.path + strlen(c->target)) >=
			    (int)sizeof layer)
			continue;
		r = names_of(reading, layer, pattern, out, err);
	}
	if (out->count > 1)
		qsort(out->items, out->count, sizeof *out->items, compare);
	return r;
}

/* Globs in the last component alone: elsewhere nobody writes them. */
static int include(struct reading *reading, const char *from, const char *pattern, int depth,
		   struct err *err)
{
	AUTO_STRINGS struct strings names = {0};
	char dir[PATH_MAX], path[PATH_MAX];
	int r;

	path_dir(from, dir);
	if (!spend(reading, WORK_OF_FILE) ||
	    snprintf(path, sizeof path, "%s%s%s", pattern[0] == '/' ? "" : dir,
		     pattern[0] == '/' ? "" : "/", pattern) >= (int)sizeof path)
		return 0;
	path_dir(path, dir);
	r = list_view(reading, dir, path_base(path), &names, err);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		char file[PATH_MAX];

		if (snprintf(file, sizeof file, "%s/%s", dir, names.items[i]) < (int)sizeof file)
			r = read_conf(reading, file, depth + 1, err);
	}
	return r;
}

/* "DIR", "DIR=TYPE" of old, "include PATTERN...", "hwcap ..." of old; '#' begins a comment. */
static int take_line(struct reading *reading, const char *path, char *line, int depth,
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
			r = include(reading, path, word, depth, err);
		return r;
	}
	line[strcspn(line, "=")] = '\0';
	for (size_t n = strlen(line); n > 1 && strchr(" \t\r/", line[n - 1]); n--)
		line[n - 1] = '\0';
	return line[0] == '/' && out->count < DIRS_MAX ? strings_add_once(out, line, err) : 0;
}

static int read_conf(struct reading *reading, const char *path, int depth, struct err *err)
{
	AUTO_FREE char *data = NULL;
	struct err ignored;
	struct stat st;
	AUTO_FD int fd = depth < DEPTH_MAX ? sysroot_open(reading->sysroot, path, &st, NULL) : -1;
	char *save = NULL;
	size_t len;
	int r = 0;

	if (fd < 0 || !S_ISREG(st.st_mode) || !spend(reading, WORK_OF_FILE) ||
	    file_read(fd, CONF_MAX, &data, &len, &ignored) < 0 || !spend(reading, len))
		return 0;
	for (char *l = strtok_r(data, "\n", &save); r == 0 && l; l = strtok_r(NULL, "\n", &save))
		r = take_line(reading, path, l, depth, err);
	return r;
}

int ldconf_dirs(const struct sysroot *sysroot, const char *path, struct strings *out,
		struct err *err)
{
	struct reading reading = {.sysroot = sysroot, .out = out, .work = WORK_MAX};

	return read_conf(&reading, path, 0, err);
}
