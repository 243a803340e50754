/*
 * The file tree of an image: its layers' members by path, with whiteouts applied (image-spec 1.0, layer.md).
 *
 * Layers are added from the last to the first: a member counts unless a later layer has something else at its path, or
 * hides the path or a directory on the way. Paths are without the first '/': "usr/lib/libz.so.1".
 */
#pragma once

#include "unpack/parts.h"

#include <limits.h>
#include <sys/types.h>

#define TREE_MAX 1000000		 /* paths; beyond them the parser fails with EFBIG */
#define TREE_TEXT_MAX ((size_t)64 << 20) /* bytes of the texts that are kept */

struct tree_node {
	const char *path;
	int layer;    /* of the member that counts; -1: none does */
	mode_t type;  /* AE_IF...; 0: a hard link */
	char *target; /* of a link; of a hard link the member of the same layer */
	char *text;   /* of a file that tree_keeps wants; NULL: none */
	int64_t time;
	int whiteout,
		opaque; /* the latest layer that hides it, or its content, of earlier layers; -1: none */
};

struct tree {
	void *nodes; /* tsearch(3) */
	size_t count, text;
};

void tree_free(struct tree *t);

/* Adds a member of the layer. True: it counts, and *out is it. Earlier members of the same layer give way. */
bool tree_add(struct unpack *u, struct tree *t, int layer, struct archive_entry *e,
	      const char *name, struct tree_node **out);

/* The node at a path; NULL if nothing counts there. */
struct tree_node *tree_find(const struct tree *t, const char *path);

/* The same through the tree's links; follow: at the end, too. path may begin with '/'. */
struct tree_node *tree_resolve(const struct tree *t, const char *path, bool follow);

/* Normalises a member's name: "./usr//lib/" is "usr/lib". False: it has a "..", is too long or empty. */
bool tree_normal(const char *name, char out[PATH_MAX]);

typedef void tree_visit_fn(const struct tree_node *node, void *ctx);
/* Calls visit for each node that counts, in the order of paths. */
void tree_each(const struct tree *t, tree_visit_fn *visit, void *ctx);
