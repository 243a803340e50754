/*
 * Versions, and the text of the pins that they are for, as an image in the layout of the Open
 * Container Initiative (image-spec 1.0, image-layout.md), in a tar archive: the oci-archive that
 * skopeo(1) copies to registries and back.
 *
 *	oci-layout, index.json
 *	blobs/sha256/HEX		the image's manifest, its configuration, its layers
 *
 * Layers are tar archives. The first holds .pinlib/pins.conf, the text; each of the others a
 * version: .pinlib/version, lines as in a package's control file, then its files at their paths. Of a version's
 * provenance only the source package is among these lines.
 * Nothing of pinlib's is in the manifests, so an image survives tools that compress layers or rewrite
 * manifests.
 */
#pragma once

#include "intake/intake.h"
#include "unpack/unpack.h" /* limits */

/* Writes the image to fd, from its position on. Equal versions, sources and text give equal bytes. Each object
 * is rehashed on its way (-EBADMSG: it is damaged). */
int oci_write(struct store *store, const struct versions *versions, const char *pins, size_t len,
	      int fd, struct err *err);

/* Reads the text of the pins, and the number of versions that follow. fd is a file, open for reading;
 * a child without privileges parses it. *text, with a NUL after its *len bytes, is the caller's to
 * free. -EBADMSG: damaged, or not an image of pinlib's. */
int oci_read_pins(int fd, char **text, size_t *len, unsigned int *versions, struct err *err);

/* Adds the n-th of the versions, from 1, as intake_add does. */
int oci_add(struct store *store, int fd, unsigned int n, const struct intake_options *options,
	    struct version *out, bool *known, struct err *err);
