/*
 * Descriptions: texts that list the programs that pinlib wraps, and their pins (pinlib.conf(5)):
 *
 *	# zlib 1.3 breaks its downloads
 *	app /usr/bin/curl
 *	    pin zlib1g=1:1.2.11.dfsg-2+deb11u2
 *	    in /opt/acme/lib
 *	    add /srv/libs/zlib1g_1.2.11.dfsg-2+deb11u2_amd64.deb
 *	    on-failure unpinned
 *	    confine legacy
 *	    with-deps
 *	    sealed
 *	    reason "zlib 1.3 breaks its downloads (ticket 1234)"
 *	    until 2027-06-30
 *	    force
 *	app /usr/bin/git
 *	    host
 *	app /usr/bin/wget
 *	    absent
 *
 * An "in" line belongs to the pin before it. Blanks separate words. "#" where a word would begin starts a comment, and
 * empty lines are skipped. A word in quotation marks can hold blanks and "#"; in it \" is a mark and \\ a backslash:
 *
 *	app "/opt/Acme Suite/bin/acme"
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "plan/format.h"
#include "store/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DESCRIBE_SIZE_MAX ((size_t)1 << 20)
#define DESCRIBE_APPS_MAX 10000
#define DESCRIBE_WORDS_MAX 1000 /* pins, and sources, of one app */

struct described {
	char *path;	   /* absolute and normalised; its links are not resolved */
	bool absent, host; /* not wrapped; wrapped without pins */
	bool with_deps, sealed;
	bool force; /* pinned although policy/caution.h refuses it */
	enum plan_on_failure on_failure;
	char *profile; /* NULL: no filter */
	char *program; /* as in struct app; NULL */
	char *reason;  /* NULL */
	int64_t until; /* as in struct app */
	struct spec *pins;
	size_t npins;
	struct strings places;	/* of each pin: its further directory, or "" */
	struct strings sources; /* for intake_add, if the store lacks a version */
	char where[256];	/* "FILE:LINE", for messages */
};

struct description {
	struct described *items; /* in the order of the text; each path once */
	size_t count;
};

void description_free(struct description *d);
#define AUTO_DESCRIPTION CLEANUP(description_free)

/* Adds the programs of a text to out. file is the text's name, for messages. -EINVAL: the text is
 * wrong; err names file and line. */
int description_parse(const char *text, size_t len, const char *file, struct description *out,
		      struct err *err);

/* The same for a file; "-" is standard input. */
int description_read_file(const char *path, struct description *out, struct err *err);

/* The same for all files *.conf of a directory, in the order of their names. A missing directory has
 * none. -EPERM: users other than root can write one of the files. */
int description_read_dir(const char *path, struct description *out, struct err *err);

/* Writes the description of an app as it is, with its versions by digest. */
struct app;
void description_write_app(FILE *f, const struct app *app);
/* Writes one word, which has no newline, in quotation marks if it needs them. */
void description_write_word(FILE *f, const char *word);
