#include "labeler/set_links.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define OBJECTS PINLIB_STORE "/objects"

/* The kernel shows canonical paths, and PINLIB_STATE may be a link. After a failure realpath(3) leaves a part of the path. */
static const char *objects_dir(void)
{
	static char dir[PATH_MAX];

	if (!*dir && !realpath(OBJECTS, dir))
		strcpy(dir, OBJECTS);
	return dir;
}

bool object_of_path(const char *path, struct digest *out)
{
	const size_t name = strlen("/ab/") + DIGEST_HEX - 1 - strlen("ab");
	const char *dir = objects_dir();
	size_t len = strlen(path), before = strlen(dir);
	char hex[DIGEST_HEX];
	const char *at;

	if (len < before + name)
		return false;
	at = path + len - name;
	if (at[0] != '/' || at[3] != '/' || memcmp(at - before, dir, before) != 0)
		return false;
	snprintf(hex, sizeof hex, "%.2s%s", at + 1, at + 4);
	return digest_parse(hex, out);
}

void digests_sort(struct digests *digests)
{
	size_t kept = 0;

	if (digests->count == 0)
		return;
	qsort(digests->items, digests->count, sizeof *digests->items, digest_compare);
	for (size_t i = 0; i < digests->count; i++)
		if (kept == 0 || !digest_equal(&digests->items[kept - 1], &digests->items[i]))
			digests->items[kept++] = digests->items[i];
	digests->count = kept;
}

bool digests_have(const struct digests *sorted, const struct digest *digest)
{
	return sorted->count > 0 &&
	       bsearch(digest, sorted->items, sorted->count, sizeof *digest, digest_compare);
}

static int add_link(struct digests *out, int dir, const char *name, struct err *err)
{
	char target[PATH_MAX];
	struct digest digest;
	ssize_t n = readlinkat(dir, name, target, sizeof target - 1);

	if (n < 0)
		return errno == EINVAL ? 0 : err_sys(err, errno, "cannot read the link %s", name);
	target[n] = '\0';
	if (!object_of_path(target, &digest))
		return 0;
	if (ARRAY_GROW(out->items, out->count, err) < 0)
		return -ENOMEM;
	out->items[out->count++] = digest;
	return 0;
}

int set_links_read(const char *id, struct digests *out, struct err *err)
{
	char path[sizeof PINLIB_LAYERS + LAYER_ID + 2];
	AUTO_DIR DIR *dir = NULL;
	struct dirent *d;
	int r = 0;

	*out = (struct digests){0};
	if (!layer_is_id(id))
		return err_set(err, ENOENT, "there is no layer '%.40s'", id);
	snprintf(path, sizeof path, PINLIB_LAYERS "/%s/0", id);
	dir = opendir(path);
	if (!dir)
		return err_sys(err, errno, "cannot read %s", path);
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (d->d_type == DT_LNK || d->d_type == DT_UNKNOWN)
			r = add_link(out, dirfd(dir), d->d_name, err);
	if (r == 0 && errno)
		return err_sys(err, errno, "cannot read %s", path);
	digests_sort(out);
	return r;
}

int layer_ids(struct strings *out, struct err *err)
{
	AUTO_DIR DIR *dir = opendir(PINLIB_LAYERS);
	struct dirent *d;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot read %s", PINLIB_LAYERS);
	for (errno = 0; r == 0 && (d = readdir(dir)); errno = 0)
		if (layer_is_id(d->d_name))
			r = strings_add(out, d->d_name, err);
	return r == 0 && errno ? err_sys(err, errno, "cannot read %s", PINLIB_LAYERS) : r;
}
