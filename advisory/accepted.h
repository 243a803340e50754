/*
 * Vulnerabilities that the administrator accepts: PINLIB_ACCEPTED, a text file. Each line has four fields, with a tab
 * between them; lines that begin with '#' are comments:
 *
 *	CVE-2018-25032	/usr/bin/app	2026-11-30	the app never compresses what it did not write
 *	DSA-5111-1	*	2026-11-30	the id, an app or all, the date, and the reason
 *
 * An id covers every finding that has it, as its own or as another one.
 */
#pragma once

#include "advisory/vulnerability.h"
#include "base/cleanup.h"
#include "base/err.h"

#define PINLIB_ACCEPTED "/etc/pinlib/accepted"

struct acceptance {
	char *id;   /* NULL: a comment, which is the reason */
	char *app;  /* "*": all */
	char *date; /* as the file has it */
	char *reason;
};

struct acceptances {
	struct acceptance *items; /* in the order of the file */
	size_t count;
};

void acceptances_free(struct acceptances *list);
#define AUTO_ACCEPTANCES CLEANUP(acceptances_free)

/* A missing file has none. -EINVAL: err names the file and the line. */
int acceptances_read(struct acceptances *out, struct err *err);

/* Replaces the one of the same id and app. -EINVAL: the id or the reason cannot be written. */
int acceptances_add(struct acceptances *list, const char *id, const char *app, const char *date,
		    const char *reason, struct err *err);
/* -ENOENT: nobody accepted it. */
int acceptances_remove(struct acceptances *list, const char *id, const char *app, struct err *err);
int acceptances_write(const struct acceptances *list, struct err *err);

/* The one that covers the finding for this app; NULL: none does. */
const struct acceptance *acceptances_find(const struct acceptances *list,
					  const struct vulnerability *finding, const char *app);
