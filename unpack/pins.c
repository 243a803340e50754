/* The parser of pinlib's own images (intake/oci.h). */
#include "unpack/layout.h"
#include "unpack/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar"

struct oci {
	unsigned int part;
	struct layout layout;
};

static void expect_type(struct unpack *u, const struct oci *o, const char *json, const char *path,
			const char *type)
{
	const char *value = layout_value(u, &o->layout, json, path);

	if (strncmp(value, type, strlen(type)) != 0)
		unpack_fail(u, EBADMSG, path, "is not of the media type that pinlib writes");
}

/* The image's manifest, which the index names. */
static const char *read_manifest(struct unpack *u, struct oci *o)
{
	const char *index;
	char blob[256];

	/* Programs differ in which of two they read. */
	if (layout_find(u, &o->layout, "index.json", 1))
		unpack_fail(u, EPERM, "index.json", "occurs twice");
	layout_open(u, &o->layout, "index.json");
	index = layout_text(u);
	if (layout_number(u, &o->layout, index, "$.manifests.#") != 1)
		unpack_fail(u, EBADMSG, "", "it does not hold exactly one image");
	expect_type(u, o, index, "$.manifests[0].mediaType", MANIFEST_TYPE);
	layout_blob(u, &o->layout, index, "$.manifests[0].digest", blob);
	return layout_blob_text(u, &o->layout, blob);
}

/* -- layers -- */

/* Opens the layer and its first member, which tells its kind. */
static void open_layer(struct unpack *u, struct oci *o, const char *manifest, const char *first,
		       char blob[256], struct archive_entry **e)
{
	const char *name;
	char path[64];

	snprintf(path, sizeof path, "$.layers[%u].mediaType", o->part);
	expect_type(u, o, manifest, path, LAYER_TYPE);
	snprintf(path, sizeof path, "$.layers[%u].digest", o->part);
	layout_blob(u, &o->layout, manifest, path, blob);
	layout_open(u, &o->layout, blob);
	layout_begin_sha(u);
	unpack_open(u);
	*e = unpack_next(u, &name);
	if (!*e || strcmp(name, first) != 0 || archive_entry_filetype(*e) != AE_IFREG)
		unpack_fail(u, EBADMSG, first,
			    "is not the first member of a layer: pinlib did not write this image");
}

static void read_pins(struct unpack *u, struct oci *o, const char *manifest)
{
	unsigned long layers = layout_number(u, &o->layout, manifest, "$.layers.#");
	struct archive_entry *e;
	const char *name;
	char blob[256];

	if (layers < 1 || layers > OCI_LAYERS_MAX)
		unpack_fail(u, EFBIG, "", "it has no layers or too many");
	open_layer(u, o, manifest, ".pinlib/pins.conf", blob, &e);
	unpack_member(u, e, ".pinlib/pins.conf");
	if (unpack_next(u, &name))
		unpack_fail(u, EPERM, name, "does not belong beside the pins");
	unpack_close(u);
	layout_check_sha(u, blob);
	unpack_emit(u, (struct frame){.type = FRAME_END, .mode = (uint32_t)layers - 1}, "", "");
}

static void read_version(struct unpack *u, struct oci *o, const char *manifest)
{
	struct archive_entry *e;
	const char *name;
	char blob[256];

	open_layer(u, o, manifest, ".pinlib/version", blob, &e);
	unpack_control(u);
	while ((e = unpack_next(u, &name))) {
		if (strncmp(name, ".pinlib/", 8) == 0)
			unpack_fail(u, EPERM, name, "does not belong to a version");
		unpack_member(u, e, name);
	}
	unpack_close(u);
	layout_check_sha(u, blob);
	unpack_emit(u, (struct frame){.type = FRAME_END}, "", "");
}

static void read_oci(struct unpack *u, int archive, const void *ctx)
{
	struct oci o = *(const struct oci *)ctx;
	const char *manifest;

	o.layout.archive = archive;
	manifest = read_manifest(u, &o);
	if (o.part == 0)
		read_pins(u, &o, manifest);
	else
		read_version(u, &o, manifest);
}

void unpack_oci_stream(int archive, unsigned int part, int out)
{
	struct oci o = {.part = part};

	layout_begin(&o.layout);
	unpack_run(read_oci, &o, archive, out);
	layout_end(&o.layout);
}

void unpack_oci(int archive, unsigned int part, int out)
{
	struct oci o = {.part = part};

	layout_begin(&o.layout);
	unpack_confined(read_oci, &o, archive, out);
}
