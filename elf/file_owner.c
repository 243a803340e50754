#include "elf/file_owner.h"

#include "base/err.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KNOWN (sizeof((struct file_owners *)0)->known / sizeof(struct file_owner_dir *))

static bool is_roots_file(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == 0 && !(st->st_mode & S_IWOTH) &&
	       !(st->st_mode & S_IWGRP && st->st_gid != 0);
}

static bool is_roots_dir(struct file_owners *o, const char *dir)
{
	struct file_owner_dir *d;
	struct err ignored;

	for (size_t i = 0; i < KNOWN; i++)
		if (o->known[i] && strcmp(o->known[i]->path, dir) == 0)
			return o->known[i]->roots;
	d = o->known[o->next];
	if (!d)
		d = malloc(sizeof *d);
	if (!d)
		return trust_file(dir, &ignored);
	snprintf(d->path, sizeof d->path, "%s", dir);
	d->roots = trust_file(dir, &ignored);
	o->known[o->next] = d;
	o->next = (o->next + 1) % KNOWN;
	return d->roots;
}

enum file_owner file_owner_of(struct file_owners *o, int fd, const struct stat *st)
{
	char self[32], path[PATH_MAX], dir[PATH_MAX];
	ssize_t n;

	if (!is_roots_file(st))
		return FILE_OF_OTHERS;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	n = readlink(self, path, sizeof path - 1);
	if (n <= 0 || (size_t)n == sizeof path - 1)
		return FILE_OF_OTHERS;
	path[n] = '\0';
	path_dir(path, dir);
	/* "/memfd:NAME (deleted)" and removed files lie in no directory. */
	if (path[0] != '/' || st->st_nlink == 0 || !is_roots_dir(o, dir))
		return FILE_OF_OTHERS;
	return path_below(path, PINLIB_STATE) ? FILE_OF_STORE : FILE_OF_ROOT;
}

void file_owners_clear(struct file_owners *o)
{
	for (size_t i = 0; i < KNOWN; i++)
		free(o->known[i]);
	*o = (struct file_owners){0};
}
