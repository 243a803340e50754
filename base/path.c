#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends one component to out, or removes one for "..". */
static int add_component(char *out, const char *name, size_t len)
{
	size_t used = strlen(out);

	if (len == 0 || (len == 1 && name[0] == '.'))
		return 0;
	if (len == 2 && name[0] == '.' && name[1] == '.') {
		char *slash = strrchr(out, '/');

		if (!slash)
			return -EINVAL;
		*slash = '\0';
		return 0;
	}
	if (used + 1 + len >= PATH_MAX || len > NAME_MAX)
		return -ENAMETOOLONG;
	out[used] = '/';
	memcpy(out + used + 1, name, len);
	out[used + 1 + len] = '\0';
	return 0;
}

int path_normalise(const char *path, char *out, struct err *err)
{
	if (path[0] != '/')
		return err_set(err, EINVAL, "%s is not an absolute path", path);
	for (const unsigned char *p = (const unsigned char *)path; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return err_set(err, EINVAL, "a path contains a control character");
	out[0] = '\0';
	for (const char *p = path; *p;) {
		size_t len;
		int r;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		r = add_component(out, p, len);
		if (r == -EINVAL)
			return err_set(err, EINVAL, "%s leads above the root directory", path);
		if (r < 0)
			return err_set(err, ENAMETOOLONG, "%.64s...: path too long", path);
		p += len;
	}
	if (out[0] == '\0')
		snprintf(out, PATH_MAX, "/");
	return 0;
}

int path_resolve(const char *path, char *out, size_t *existing, struct err *err)
{
	char head[PATH_MAX], found[PATH_MAX];
	size_t len;
	int r = path_normalise(path, head, err);

	if (r < 0)
		return r;
	len = strlen(head);
	for (;;) {
		char kept = head[len];

		head[len] = '\0';
		if (realpath(len ? head : "/", found))
			break;
		if (errno != ENOENT && errno != ENOTDIR)
			return err_sys(err, errno, "cannot resolve %s", path);
		head[len] = kept;
		do
			len--;
		while (head[len] != '/');
	}
	r = path_normalise(path, head, err);
	if (r < 0)
		return r;
	if (strcmp(found, "/") == 0)
		found[0] = '\0';
	if (existing)
		*existing = found[0] ? strlen(found) : 1;
	if (strlen(found) + strlen(head + len) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", path);
	snprintf(out, PATH_MAX, "%s", found);
	strncat(out, head + len, PATH_MAX - strlen(out) - 1);
	if (out[0] == '\0')
		snprintf(out, PATH_MAX, "/");
	return 0;
}

bool path_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return path[0] == '/';
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool path_ends(const char *path, const char *end)
{
	size_t len = strlen(path), n = strlen(end);

	return len > n && strcmp(path + len - n, end) == 0;
}

void path_dir(const char *path, char *out)
{
	const char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		snprintf(out, PATH_MAX, "/");
	else
		snprintf(out, PATH_MAX, "%.*s", (int)(slash - path), path);
}

int path_join(const char *dir, const char *name, char *out, struct err *err)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);

	return n < 0 || n >= PATH_MAX ? err_set(err, ENAMETOOLONG, "%.64s...: path too long", dir)
				      : 0;
}

int path_place(const char *path, char *out, struct err *err)
{
	char dir[PATH_MAX], real[PATH_MAX];
	int r;

	path_dir(path, dir);
	r = path_resolve(dir, real, NULL, err);
	return r < 0 ? r : path_join(real, path_base(path), out, err);
}
