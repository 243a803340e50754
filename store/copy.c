#include "store/copy.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "store/object.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Writes the content into dir, under its digest. */
static int copy_object(struct store *from, struct store *to, int dir, const struct entry *e,
		       struct err *err)
{
	AUTO_OBJECT_WRITER struct object_writer w = OBJECT_WRITER_NONE;
	AUTO_FD int fd = object_open(from, &e->content, err), written = -1;
	char buf[64 * 1024];
	struct digest found;
	ssize_t n = 0;
	int r = fd < 0 ? fd : object_begin(to, dir, &w, err);

	for (off_t at = 0; r == 0 && (n = file_read_part(fd, buf, sizeof buf, at, err)) > 0;
	     at += n)
		r = object_write(&w, buf, (size_t)n, err);
	if (r == 0 && n < 0)
		r = (int)n;
	if (r == 0)
		r = object_end(&w, e->time, &found, &written, err);
	if (r == 0 && !digest_equal(&found, &e->content))
		r = err_set(err, EBADMSG, "its content for %s is damaged", e->path);
	return r;
}

static int copy_objects(struct store *from, struct store *to, int dir, const struct version *v,
			struct err *err)
{
	bool touched[256] = {false};
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE)
			r = copy_object(from, to, dir, &v->entries[i], err);
	if (r == 0 && syncfs(dir) < 0)
		r = err_sys(err, errno, "cannot sync %s/tmp", to->root);
	for (size_t i = 0; r == 0 && i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type != ENTRY_FILE)
			continue;
		r = object_publish(to, dir, &e->content, err);
		touched[e->content.bytes[0]] = true;
	}
	return r < 0 ? r : object_sync(to, touched, err);
}

static int copy_manifest(struct store *to, struct version *v, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char hex[DIGEST_HEX];
	size_t len = 0;
	int r = version_encode(v, &text, &len, err);

	digest_hex(&v->digest, hex);
	return r < 0 ? r : file_publish(to->versions, hex, text, len, 0644, err);
}

int store_copy(struct store *from, struct store *to, struct version *v, struct err *err)
{
	AUTO_VERSION struct version old = {0};
	AUTO_FD int dir = -1;
	struct err ignored;
	char name[64];
	int r = 0;

	if (store_load(to, &v->digest, &old, &ignored) == 0)
		return 0;
	r = file_temp_name(STORE_STAGING, name, sizeof name, err);
	if (r == 0 && mkdirat(to->tmp, name, 0700) < 0)
		r = err_sys(err, errno, "cannot create a directory in %s/tmp", to->root);
	if (r < 0)
		return r;
	dir = openat(to->tmp, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? err_sys(err, errno, "cannot open %s/tmp/%s", to->root, name)
		    : copy_objects(from, to, dir, v, err);
	if (r == 0)
		r = copy_manifest(to, v, err);
	file_remove_tree(to->tmp, name, &ignored);
	return r < 0 ? err_wrap(err, r, "cannot copy %s %s to %s", v->name, v->version, to->root)
		     : 0;
}
