/* Sources: each fills a staging from what the user wrote after its prefix. */
#pragma once

#include "intake/staging.h"
#include "unpack/unpack.h"

/* Fills the staging from what ctx is. */
typedef int source_fn(struct staging *s, const void *ctx, struct err *err);

/* As intake_add, from what read finds. source is remembered as the version's origin; NULL: none. */
int source_add(struct store *store, source_fn *read, const void *ctx, const char *source,
	       const struct intake_options *options, struct version *out, bool *known,
	       struct err *err);

int source_archive(struct staging *s, enum unpack_kind kind, int fd, const char *path,
		   struct err *err);
int source_tree(struct staging *s, int fd, const char *path, struct err *err);
int source_dpkg(struct staging *s, const char *package, struct err *err);
/* The package as it is installed, without the files that may not come in, and without asking dpkg. */
int source_installed(struct staging *s, const struct intake_package *package, struct err *err);
/* -EINVAL: it does not name a package as dpkg: or apt: do. */
int source_check_name(const char *text, bool apt, struct err *err);
int source_apt(struct staging *s, const char *package, struct err *err);
/* A package, a shared object or a directory, whichever the path leads to. */
int source_path(struct staging *s, const char *path, struct err *err);

/* A part of an image, and whether a source names one by its prefix. */
int source_image(struct staging *s, const char *source, struct err *err);
bool source_is_image(const char *source);

/* Names the version of a single shared object with this file name and soname, as the options say or as these do. */
int source_name_so(struct staging *s, const char *base, const char *soname, struct err *err);

/* The kind of package (enum unpack_kind) that a file's name tells; -1: none. */
int intake_kind(const char *name);

/* Whether an entry of a directory may count as the neighbour of a file with this owner: anybody could put one into
 * /tmp. */
bool intake_is_neighbour(int dir, const char *name, uid_t owner);

/* The frames of an archive's parser (unpack/frame.h), which is taken for hostile. */
int source_frames(struct staging *s, struct parser *parser, struct err *err);
/* The same of an image's parser, which may leave the version without labels. A BLOB frame gets an answer. */
struct source_blobs {
	int dir; /* of the image's layout */
	const struct parser *parser;
};
int source_image_frames(struct staging *s, struct parser *parser, const struct source_blobs *blobs,
			struct err *err);
int source_send_blob(const struct source_blobs *blobs, const char *name, struct err *err);
