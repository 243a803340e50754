/*
 * Descriptions: which programs are to be wrapped, and how, as text (pinlib.conf(5)):
 *
 *	# zlib 1.3 breaks its downloads
 *	app /usr/bin/curl
 *	    pin zlib1g=1:1.2.11.dfsg-2+deb11u2
 *	    add /srv/libs/zlib1g_1.2.11.dfsg-2+deb11u2_amd64.deb
 *	    on-failure unpinned
 *	    confine legacy
 *	    with-deps
 *	app /usr/bin/git
 *	    host
 *	app /usr/bin/wget
 *	    absent
 *
 * Words are separated by blanks, "#" before one begins a comment, a line without a word is skipped.
 * A word in quotation marks may hold blanks and "#"; in it \" and \\ are a mark and a backslash:
 *
 *	app "/opt/Acme Suite/bin/acme"
 */
#pragma once

#include "base/err.h"
#include "plan/format.h"
#include "store/version.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DESCRIBE_SIZE_MAX ((size_t)1 << 20)
#define DESCRIBE_APPS_MAX 10000
#define DESCRIBE_WORDS_MAX 1000 /* pins, and sources, of one app */

struct described {
	char *path;	   /* absolute, normalised; links are not followed yet */
	bool absent, host; /* not wrapped; wrapped without pins */
	bool with_deps;
	enum plan_on_failure on_failure;
	char *profile; /* NULL: no filter */
	struct spec *pins;
	size_t npins;
	char **sources; /* for store_add, if the store lacks what a pin means */
	size_t nsources;
	char where[256]; /* "FILE:LINE", for messages */
};

struct description {
	struct described *items; /* in the order of the text; no path is there twice */
	size_t count;
};

void description_free(struct description *d);
#define AUTO_DESCRIPTION CLEANUP(description_free)

/* Adds to out what the text says; file is for messages. -EINVAL, with file and line: what is wrong.
 */
int describe_text(const char *text, size_t len, const char *file, struct description *out,
		  struct err *err);

/* Writes what describes the app as it is, its versions by their digests. */
struct app;
void describe_app(FILE *f, const struct app *app);
/* Writes one word, in quotation marks where it needs them. It has no newline. */
void describe_word(FILE *f, const char *word);

/* Adds what the file says; "-" is standard input. */
int describe_file(const char *path, struct description *out, struct err *err);

/* All files *.conf of a directory, in the order of their names. -EPERM: others than root could have
 * written one. No such directory: nothing is described. */
int describe_dir(const char *path, struct description *out, struct err *err);
