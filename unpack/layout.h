/* Image layouts (image-spec 1.0, image-layout.md; docker's image tarball, v1.2): their JSON texts, and members by name.
 * A layout is a tar archive, or a directory whose files the parent opens on demand. */
#pragma once

#include "unpack/parts.h"

#include <sqlite3.h>

struct layout {
	int archive; /* the tar archive; -1: the parent is asked with BLOB frames */
	int fd;	     /* the file that it opened last; -1: none */
	sqlite3 *db; /* for SQLite's JSON functions */
	sqlite3_stmt *get;
};

/* Before the system-call filter is loaded: opens files and reads entropy. Ends the process if it cannot. */
void layout_begin(struct layout *l);
void layout_end(struct layout *l); /* not needed in a child */

/* Moves u->ar to the nth member of that name, from 0. False: there are not so many. A tar archive only. */
bool layout_find(struct unpack *u, struct layout *l, const char *name, int nth);
/* Moves u->ar to the member; fails without it. */
void layout_open(struct unpack *u, struct layout *l, const char *name);

/* The current member's text, which lives as long as u. */
const char *layout_text(struct unpack *u);
/* The text of a blob, which must have the SHA-256 that its name ends in. */
const char *layout_blob_text(struct unpack *u, struct layout *l, const char *blob);

/* u->sha hashes what is read from now on; layout_check_sha compares the result with the end of the name. */
void layout_begin_sha(struct unpack *u);
void layout_check_sha(struct unpack *u, const char *blob);

/* The string or number at a path of a JSON text ("$.layers[0].digest"; "$.layers.#" is an array's length), as text, valid
 * until the next call. layout_find_value returns NULL if there is none, layout_value fails. */
const char *layout_find_value(struct unpack *u, const struct layout *l, const char *json,
			      const char *path);
const char *layout_value(struct unpack *u, const struct layout *l, const char *json,
			 const char *path);
unsigned long layout_number(struct unpack *u, const struct layout *l, const char *json,
			    const char *path);
/* The digest there, as the name of its blob: "blobs/sha256/HEX". */
void layout_blob(struct unpack *u, const struct layout *l, const char *json, const char *path,
		 char name[256]);
