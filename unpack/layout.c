#include "unpack/layout.h"

#include "base/parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JSON_MAX ((size_t)4 << 20)
#define SHA256 "sha256:"

/* -- JSON -- */

const char *layout_find_value(struct unpack *u, const struct layout *l, const char *json,
			      const char *path)
{
	int type;

	sqlite3_reset(l->get);
	if (sqlite3_bind_text(l->get, 1, json, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(l->get, 2, path, -1, SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_step(l->get) != SQLITE_ROW)
		unpack_fail(u, EBADMSG, "", "its index or manifest is not JSON");
	type = sqlite3_column_type(l->get, 0);
	return type == SQLITE_TEXT || type == SQLITE_INTEGER
		       ? (const char *)sqlite3_column_text(l->get, 0)
		       : NULL;
}

const char *layout_value(struct unpack *u, const struct layout *l, const char *json,
			 const char *path)
{
	const char *value = layout_find_value(u, l, json, path);

	if (!value)
		unpack_fail(u, EBADMSG, path, "is missing in an image's manifest or index");
	return value;
}

void layout_blob(struct unpack *u, const struct layout *l, const char *json, const char *path,
		 char name[256])
{
	const char *value = layout_value(u, l, json, path);
	struct digest digest;

	if (strncmp(value, SHA256, strlen(SHA256)) != 0 ||
	    !digest_parse(value + strlen(SHA256), &digest))
		unpack_fail(u, EBADMSG, path, "is not a SHA-256 digest");
	snprintf(name, 256, "blobs/sha256/%s", value + strlen(SHA256));
}

unsigned long layout_number(struct unpack *u, const struct layout *l, const char *json,
			    const char *path)
{
	const char *value = layout_value(u, l, json, path);
	unsigned long n;
	char *end;

	if (value[0] < '0' || value[0] > '9')
		unpack_fail(u, EBADMSG, path, "is not a number");
	n = strtoul(value, &end, 10);
	if (*end)
		unpack_fail(u, EBADMSG, path, "is not a number");
	return n;
}

/* -- members -- */

bool layout_find(struct unpack *u, struct layout *l, const char *name, int nth)
{
	struct archive_entry *e;
	int r;

	archive_read_free(u->ar);
	u->ar = unpack_reader(u);
	if (lseek(l->archive, 0, SEEK_SET) < 0 ||
	    archive_read_support_format_tar(u->ar) != ARCHIVE_OK ||
	    archive_read_open_fd(u->ar, l->archive, 64 * 1024) != ARCHIVE_OK)
		unpack_damaged(u, u->ar);
	while ((r = archive_read_next_header(u->ar, &e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		const char *path = archive_entry_pathname(e);

		if (!path)
			continue;
		path += strncmp(path, "./", 2) == 0 ? 2 : 0;
		if (strcmp(path, name) == 0 && archive_entry_filetype(e) == AE_IFREG && nth-- == 0)
			return true;
	}
	if (r != ARCHIVE_EOF)
		unpack_damaged(u, u->ar);
	return false;
}

/* Has the parent open the file, and reads it as it is. */
static void ask_parent(struct unpack *u, struct layout *l, const char *name)
{
	struct archive_entry *e;
	char kind;

	unpack_emit(u, (struct frame){.type = FRAME_BLOB}, name, "");
	unpack_flush(u);
	if (l->fd >= 0)
		close(l->fd);
	archive_read_free(u->ar);
	u->ar = NULL;
	if (!parser_question(&kind, &l->fd) || l->fd < 0)
		unpack_fail(u, EBADMSG, name, "is missing in the image");
	u->ar = unpack_reader(u);
	if (archive_read_support_format_raw(u->ar) != ARCHIVE_OK ||
	    archive_read_support_format_empty(u->ar) != ARCHIVE_OK ||
	    archive_read_open_fd(u->ar, l->fd, 64 * 1024) != ARCHIVE_OK ||
	    archive_read_next_header(u->ar, &e) != ARCHIVE_OK)
		unpack_damaged(u, u->ar);
}

void layout_open(struct unpack *u, struct layout *l, const char *name)
{
	if (l->archive < 0)
		ask_parent(u, l, name);
	else if (!layout_find(u, l, name, 0))
		unpack_fail(u, EBADMSG, name, "is missing in the archive");
}

const char *layout_text(struct unpack *u)
{
	char *text = malloc(JSON_MAX + 1);
	size_t used = 0;
	la_ssize_t n;

	if (!text)
		unpack_fail(u, EBADMSG, "", "out of memory");
	unpack_hold(u, text);
	while ((n = archive_read_data(u->ar, text + used, JSON_MAX + 1 - used)) > 0) {
		used += (size_t)n;
		if (used > JSON_MAX)
			unpack_fail(u, EFBIG, "", "its index or manifest is too large");
	}
	if (n < 0)
		unpack_damaged(u, u->ar);
	text[used] = '\0';
	if (strlen(text) != used)
		unpack_fail(u, EBADMSG, "", "its index or manifest has a NUL");
	return text;
}

void layout_begin_sha(struct unpack *u)
{
	u->sha = digest_begin();
	if (!u->sha)
		unpack_fail(u, EBADMSG, "", "out of memory");
}

void layout_check_sha(struct unpack *u, const char *blob)
{
	struct digest found, named;
	struct err ignored;
	bool good = digest_end(&u->sha, &found, &ignored) == 0 &&
		    digest_parse(strrchr(blob, '/') + 1, &named) && digest_equal(&found, &named);

	if (!good && UNPACK_COMPARE_DIGESTS)
		unpack_fail(u, EBADMSG, blob, "does not match its name");
}

const char *layout_blob_text(struct unpack *u, struct layout *l, const char *blob)
{
	struct err ignored;
	const char *text;

	layout_open(u, l, blob);
	text = layout_text(u);
	layout_begin_sha(u);
	if (digest_update(u->sha, text, strlen(text), &ignored) < 0)
		unpack_fail(u, EBADMSG, "", "out of memory");
	layout_check_sha(u, blob);
	return text;
}

/* A path that ends in ".#" asks for an array's length. */
void layout_begin(struct layout *l)
{
	static const char sql[] = "SELECT CASE WHEN ?2 LIKE '%.#'"
				  " THEN json_array_length(?1, substr(?2, 1, length(?2) - 2))"
				  " ELSE json_extract(?1, ?2) END";
	struct digest_stream *warm = digest_begin();

	*l = (struct layout){.archive = -1, .fd = -1};
	digest_abandon(&warm);
	if (sqlite3_open(":memory:", &l->db) != SQLITE_OK ||
	    sqlite3_prepare_v2(l->db, sql, -1, &l->get, NULL) != SQLITE_OK)
		_exit(1);
}

void layout_end(struct layout *l)
{
	sqlite3_finalize(l->get);
	sqlite3_close(l->db);
}
