#include "ephemeral/attributes.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define XATTRS_MAX 65536 /* XATTR_LIST_MAX and XATTR_SIZE_MAX */
#define BLOCK 65536

struct xattr_names {
	char *text; /* NUL-terminated names, one after the other */
	size_t len;
};

static void xattr_names_free(struct xattr_names *n)
{
	free(n->text);
}

static int list_xattrs(int fd, struct xattr_names *out, struct err *err)
{
	ssize_t n;

	out->text = malloc(XATTRS_MAX);
	if (!out->text)
		return err_nomem(err);
	n = flistxattr(fd, out->text, XATTRS_MAX);
	if (n < 0 && errno != ENOTSUP)
		return err_sys(err, errno, "cannot list extended attributes");
	out->len = n < 0 ? 0 : (size_t)n;
	return 0;
}

static bool is_overlays(const char *name)
{
	return strncmp(name, "user.overlay.", 13) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static const char *next_name(const struct xattr_names *names, const char *at)
{
	for (at = at ? at + strlen(at) + 1 : names->text;
	     at < names->text + names->len && is_overlays(at);)
		at += strlen(at) + 1;
	return at < names->text + names->len ? at : NULL;
}

static bool same_value(int a, int b, const char *name)
{
	AUTO_FREE char *left = malloc(XATTRS_MAX), *right = malloc(XATTRS_MAX);
	ssize_t n, m;

	if (!left || !right)
		return false;
	n = fgetxattr(a, name, left, XATTRS_MAX);
	m = fgetxattr(b, name, right, XATTRS_MAX);
	return n == m && (n < 0 || memcmp(left, right, (size_t)n) == 0);
}

/* Whether b has each attribute of a, with the same value. */
static bool has_all(int a, int b)
{
	CLEANUP(xattr_names_free) struct xattr_names names = {0};
	struct err ignored;

	if (list_xattrs(a, &names, &ignored) < 0)
		return false;
	for (const char *name = next_name(&names, NULL); name; name = next_name(&names, name))
		if (!same_value(a, b, name))
			return false;
	return true;
}

bool attributes_equal(int a, int b)
{
	return has_all(a, b) && has_all(b, a);
}

static int set_xattrs(int from, int to, struct err *err)
{
	CLEANUP(xattr_names_free) struct xattr_names names = {0};
	AUTO_FREE char *value = malloc(XATTRS_MAX);
	int r = value ? list_xattrs(from, &names, err) : err_nomem(err);

	for (const char *name = r < 0 ? NULL : next_name(&names, NULL); name;
	     name = next_name(&names, name)) {
		ssize_t n = fgetxattr(from, name, value, XATTRS_MAX);

		if (same_value(from, to, name))
			continue;
		if (n < 0 || fsetxattr(to, name, value, (size_t)n, 0) < 0)
			return err_sys(err, errno, "cannot copy the extended attribute %s", name);
	}
	return r;
}

static int drop_xattrs(int from, int to, struct err *err)
{
	CLEANUP(xattr_names_free) struct xattr_names names = {0};
	int r = list_xattrs(to, &names, err);

	for (const char *name = r < 0 ? NULL : next_name(&names, NULL); name;
	     name = next_name(&names, name))
		if (fgetxattr(from, name, NULL, 0) < 0 && errno == ENODATA &&
		    fremovexattr(to, name) < 0)
			return err_sys(err, errno, "cannot remove the extended attribute %s", name);
	return r;
}

int attributes_copy(int from, const struct stat *st, int to, struct err *err)
{
	const struct timespec times[] = {st->st_atim, st->st_mtim};
	struct stat now;
	int r;

	if (fstat(to, &now) < 0)
		return err_sys(err, errno, "cannot stat a file");
	if ((now.st_uid != st->st_uid || now.st_gid != st->st_gid) &&
	    fchown(to, st->st_uid, st->st_gid) < 0)
		return err_sys(err, errno, "cannot set the owner");
	if (fchmod(to, st->st_mode & 07777) < 0)
		return err_sys(err, errno, "cannot set the mode");
	r = set_xattrs(from, to, err);
	if (r == 0)
		r = drop_xattrs(from, to, err);
	if (r == 0 && futimens(to, times) < 0)
		r = err_sys(err, errno, "cannot set the times");
	return r;
}

bool content_equal(int a, int b)
{
	AUTO_FREE char *left = malloc(BLOCK), *right = malloc(BLOCK);
	struct err ignored;
	off_t at = 0;
	ssize_t n;

	if (!left || !right)
		return false;
	do {
		n = file_read_part(a, left, BLOCK, at, &ignored);
		if (n < 0 || file_read_part(b, right, BLOCK, at, &ignored) != n ||
		    memcmp(left, right, (size_t)n) != 0)
			return false;
		at += n;
	} while (n > 0);
	return true;
}
