/*
 * Versions, and the text of the pins that they are for, as an image in the layout of the Open
 * Container Initiative (image-spec 1.0, image-layout.md), in a tar archive: what skopeo calls
 * oci-archive, and copies to registries and back.
 *
 *	oci-layout, index.json
 *	blobs/sha256/HEX		the image's manifest, its configuration, its layers
 *
 * Layers are tar archives. The first holds .pinlib/pins.conf, the text; each of the others a
 * version: .pinlib/version, of lines as in a package's control file, then its files where they
 * belong. So they survive tools that know nothing of pinlib, and compress layers or write the
 * manifests anew.
 */
#pragma once

#include "intake/intake.h"

#define OCI_LAYERS_MAX 2000
#define OCI_PINS_MAX ((size_t)1 << 20)

/* Writes to fd from its position on. The same versions and text give the same bytes. Content is
 * rehashed on its way: -EBADMSG. */
int oci_write(struct store *store, const struct versions *versions, const char *pins, size_t len,
	      int fd, struct err *err);

/* The text of the pins, and how many versions follow. fd is a file, open for reading; the archive
 * is parsed in a child without privileges. *text, which has a NUL after its *len bytes, is the
 * caller's to free. -EBADMSG: damaged, or not such an archive. */
int oci_read_pins(int fd, char **text, size_t *len, unsigned int *versions, struct err *err);

/* Adds the n-th of the versions, from 1, as intake_add does. */
int oci_add(struct store *store, int fd, unsigned int n, const struct intake_options *options,
	    struct version *out, bool *known, struct err *err);
