/*
 * Control fields of packages that need not be installed: from apt's index, or from an archive. Relations
 * are those of Debian's policy, 7.1; versions are ordered as in deb-version(7).
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct control {
	char *name, *version, *arch; /* never NULL in a list */
	char *source;		     /* the source package that it was built from: "zlib" */
	char *source_version;	     /* and its version: "1.2-3" of a binary "1.2-3+b1" */
	char *depends;		     /* Pre-Depends and Depends; NULL: none */
	char *provides;		     /* NULL: none */
	char *file;		     /* the archive, absolute; NULL: apt downloads it */
	bool essential;
};

struct controls {
	struct control *items;
	size_t count;
};

void control_free(struct control *control);
void controls_free(struct controls *controls);
#define AUTO_CONTROL CLEANUP(control_free)
#define AUTO_CONTROLS CLEANUP(controls_free)

/* Keeps a field if struct control has room for it. Further values of a field with relations are
 * appended. */
int control_set(struct control *control, const char *field, const char *value, struct err *err);

/* Moves a control to the list. One without name, version or architecture, and one that the list has
 * already, is freed instead. */
int controls_add(struct controls *controls, struct control *control, struct err *err);

/* Appends the stanzas of a text such as "apt-cache show" prints. The text is cut up. */
int controls_parse(struct controls *controls, char *text, struct err *err);

struct relation {
	char name[256];
	char arch[32];	   /* "any" of perl:any; "": none */
	char operator[3];  /* "<<", "<=", "=", ">=", ">>"; "": any version */
	char version[256]; /* "": any */
	bool more;	   /* an alternative to it follows */
};

/* Reads the relation at *text and moves *text past it. False at the end, and at a relation
 * that dpkg would not accept either. */
bool relation_next(const char **text, struct relation *out);
bool relation_holds(const struct relation *relation, const char *version);

/* Whether the Provides field satisfies the relation. */
bool relation_provided(const struct relation *relation, const char *provides);

int debian_version_order(const char *a, const char *b);
