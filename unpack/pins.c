/* The parser of pinlib's own images (intake/oci.h). */
#include "unpack/parts.h"
#include "unpack/unpack.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JSON_MAX ((size_t)4 << 20)
#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"
#define SHA256 "sha256:"

struct oci {
	unsigned int part;
	sqlite3 *
		db; /* for SQLite's JSON functions; opened before the system-call filter is loaded */
	sqlite3_stmt *get;
};

/* -- JSON -- */

/* The string or number at a path of a JSON text ("$.layers[0].digest"), as text; valid until the
 * next call. */
static const char *get(struct unpack *u, const struct oci *o, const char *json, const char *path)
{
	int type;

	sqlite3_reset(o->get);
	if (sqlite3_bind_text(o->get, 1, json, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_bind_text(o->get, 2, path, -1, SQLITE_TRANSIENT) != SQLITE_OK ||
	    sqlite3_step(o->get) != SQLITE_ROW)
		unpack_fail(u, EBADMSG, "", "its index or manifest is not JSON");
	type = sqlite3_column_type(o->get, 0);
	if (type != SQLITE_TEXT && type != SQLITE_INTEGER)
		unpack_fail(u, EBADMSG, path, "is missing in an image's manifest or index");
	return (const char *)sqlite3_column_text(o->get, 0);
}

/* The digest at a path, as the name of its blob. */
static void get_blob(struct unpack *u, const struct oci *o, const char *json, const char *path,
		     char name[256])
{
	const char *value = get(u, o, json, path);
	struct digest digest;

	if (!value || strncmp(value, SHA256, strlen(SHA256)) != 0 ||
	    !digest_parse(value + strlen(SHA256), &digest))
		unpack_fail(u, EBADMSG, path, "is not a SHA-256 digest");
	snprintf(name, 256, "blobs/sha256/%s", value + strlen(SHA256));
}

static void expect_type(struct unpack *u, const struct oci *o, const char *json, const char *path,
			const char *type)
{
	const char *value = get(u, o, json, path);

	if (!value || strncmp(value, type, strlen(type)) != 0)
		unpack_fail(u, EBADMSG, path, "is not of the media type that pinlib writes");
}

static unsigned long get_number(struct unpack *u, const struct oci *o, const char *json,
				const char *path)
{
	const char *value = get(u, o, json, path);
	unsigned long n;
	char *end;

	if (!value || value[0] < '0' || value[0] > '9')
		unpack_fail(u, EBADMSG, path, "is not a number");
	n = strtoul(value, &end, 10);
	if (*end)
		unpack_fail(u, EBADMSG, path, "is not a number");
	return n;
}

/* -- the outer archive -- */

/* Moves u->ar to the nth member of that name, from 0. False: there are not so many. */
static bool find_member(struct unpack *u, int archive, const char *name, int nth)
{
	struct archive_entry *e;
	int r;

	archive_read_free(u->ar);
	u->ar = unpack_reader(u);
	if (lseek(archive, 0, SEEK_SET) < 0 ||
	    archive_read_support_format_tar(u->ar) != ARCHIVE_OK ||
	    archive_read_open_fd(u->ar, archive, 64 * 1024) != ARCHIVE_OK)
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

static void come_to(struct unpack *u, int archive, const char *name)
{
	if (!find_member(u, archive, name, 0))
		unpack_fail(u, EBADMSG, name, "is missing in the archive");
}

static void check_sha(struct unpack *u, const char *blob)
{
	struct digest found, named;
	struct err ignored;
	bool good = digest_end(&u->sha, &found, &ignored) == 0 &&
		    digest_parse(strrchr(blob, '/') + 1, &named) && digest_equal(&found, &named);

	if (!good && UNPACK_COMPARE_DIGESTS)
		unpack_fail(u, EBADMSG, blob, "does not match its name");
}

/* The current member's text, which lives as long as u. */
static const char *read_text(struct unpack *u)
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

static void begin_sha(struct unpack *u)
{
	u->sha = digest_begin();
	if (!u->sha)
		unpack_fail(u, EBADMSG, "", "out of memory");
}

/* The image's manifest, which the index names. */
static const char *read_manifest(struct unpack *u, const struct oci *o, int archive)
{
	const char *index, *manifest;
	struct err ignored;
	char blob[256];

	/* Programs differ in which of two they read. */
	if (find_member(u, archive, "index.json", 1))
		unpack_fail(u, EPERM, "index.json", "occurs twice");
	come_to(u, archive, "index.json");
	index = read_text(u);
	if (get_number(u, o, index, "$.manifests.#") != 1)
		unpack_fail(u, EBADMSG, "", "it does not hold exactly one image");
	expect_type(u, o, index, "$.manifests[0].mediaType", MANIFEST_TYPE);
	get_blob(u, o, index, "$.manifests[0].digest", blob);
	come_to(u, archive, blob);
	manifest = read_text(u);
	begin_sha(u);
	if (digest_update(u->sha, manifest, strlen(manifest), &ignored) < 0)
		unpack_fail(u, EBADMSG, "", "out of memory");
	check_sha(u, blob);
	return manifest;
}

/* -- layers -- */

/* Opens the layer and its first member, which tells its kind. */
static void open_layer(struct unpack *u, const struct oci *o, int archive, const char *manifest,
		       const char *first, char blob[256], struct archive_entry **e)
{
	const char *name;
	char path[64];

	snprintf(path, sizeof path, "$.layers[%u].mediaType", o->part);
	expect_type(u, o, manifest, path, LAYER_TYPE);
	snprintf(path, sizeof path, "$.layers[%u].digest", o->part);
	get_blob(u, o, manifest, path, blob);
	come_to(u, archive, blob);
	begin_sha(u);
	unpack_open(u);
	*e = unpack_next(u, &name);
	if (!*e || strcmp(name, first) != 0 || archive_entry_filetype(*e) != AE_IFREG)
		unpack_fail(u, EBADMSG, first,
			    "is not the first member of a layer: pinlib did not write this image");
}

static void read_pins(struct unpack *u, const struct oci *o, int archive, const char *manifest)
{
	unsigned long layers = get_number(u, o, manifest, "$.layers.#");
	struct archive_entry *e;
	const char *name;
	char blob[256];

	if (layers < 1 || layers > OCI_LAYERS_MAX)
		unpack_fail(u, EFBIG, "", "it has no layers or too many");
	open_layer(u, o, archive, manifest, ".pinlib/pins.conf", blob, &e);
	unpack_member(u, e, ".pinlib/pins.conf");
	if (unpack_next(u, &name))
		unpack_fail(u, EPERM, name, "does not belong beside the pins");
	unpack_close(u);
	check_sha(u, blob);
	unpack_emit(u, (struct frame){.type = FRAME_END, .mode = (uint32_t)layers - 1}, "", "");
}

static void read_version(struct unpack *u, const struct oci *o, int archive, const char *manifest)
{
	struct archive_entry *e;
	const char *name;
	char blob[256];

	open_layer(u, o, archive, manifest, ".pinlib/version", blob, &e);
	unpack_control(u);
	while ((e = unpack_next(u, &name))) {
		if (strncmp(name, ".pinlib/", 8) == 0)
			unpack_fail(u, EPERM, name, "does not belong to a version");
		unpack_member(u, e, name);
	}
	unpack_close(u);
	check_sha(u, blob);
	unpack_emit(u, (struct frame){.type = FRAME_END}, "", "");
}

static void read_oci(struct unpack *u, int archive, const void *ctx)
{
	const struct oci *o = ctx;
	const char *manifest = read_manifest(u, o, archive);

	if (o->part == 0)
		read_pins(u, o, archive, manifest);
	else
		read_version(u, o, archive, manifest);
}

/* A path that ends in ".#" asks for an array's length. Opens files and reads entropy now, before
 * the filter forbids both. */
static void prepare_json(struct oci *o)
{
	static const char sql[] = "SELECT CASE WHEN ?2 LIKE '%.#'"
				  " THEN json_array_length(?1, substr(?2, 1, length(?2) - 2))"
				  " ELSE json_extract(?1, ?2) END";
	struct digest_stream *warm = digest_begin();

	digest_abandon(&warm);
	if (sqlite3_open(":memory:", &o->db) != SQLITE_OK ||
	    sqlite3_prepare_v2(o->db, sql, -1, &o->get, NULL) != SQLITE_OK)
		_exit(1);
}

void unpack_oci_stream(int archive, unsigned int part, int out)
{
	struct oci o = {.part = part};

	prepare_json(&o);
	unpack_run(read_oci, &o, archive, out);
	sqlite3_finalize(o.get);
	sqlite3_close(o.db);
}

void unpack_oci(int archive, unsigned int part, int out)
{
	struct oci o = {.part = part};

	prepare_json(&o);
	unpack_confined(read_oci, &o, archive, out);
}
