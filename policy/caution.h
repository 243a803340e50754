/*
 * Cautions: the programs for which a view is the wrong thing, with the reason and the remedy, from a table that pinlib
 * ships and the administrator extends (pinlib-programs(5)):
 *
 *	# a multiplexer
 *	match package:tmux /usr/local/bin/tmux
 *	match provides:x-terminal-emulator
 *	grade warn
 *	reason programs that users start in it run in its view
 *	remedy pin those programs instead
 *
 * An entry has one line or more of "match", followed by one of each other kind, and perhaps "form view": it is about
 * views alone, and does not concern sealed programs. A line that begins with "#" is a comment. Why a table: DESIGN.md, cautions-are-data.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/paths.h"
#include "base/strings.h"
#include "policy/policy.h"

#include <stddef.h>

#define CAUTION_TABLE PINLIB_DATADIR "/programs.conf" /* the one that pinlib ships */
#define CAUTION_SIZE_MAX ((size_t)1 << 20)	      /* bytes of one file */
#define CAUTION_TEXT_MAX 300			      /* bytes of a reason, and of a remedy */

enum caution_grade {
	CAUTION_WARN = 1,
	CAUTION_REFUSE, /* the program is pinned only by force */
};

struct caution {
	struct strings matches; /* "/GLOB", "package:NAME", "provides:NAME" */
	enum caution_grade grade;
	char *reason, *remedy; /* sentences without a full stop */
	bool views;	       /* not about sealed programs */
};

struct cautions {
	struct caution *items;
	size_t count;
};

void cautions_free(struct cautions *cautions);
#define AUTO_CAUTIONS CLEANUP(cautions_free)

/* Adds the entries of a text; file is its name, for reports. A wrong line costs only its own entry: report gets a
 * sentence with file and line. Fails only with -ENOMEM. */
int caution_parse(const char *text, size_t len, const char *file, struct cautions *out,
		  report_fn *report, void *ctx, struct err *err);

/* Reads the administrator's files, in the order of their names, and then pinlib's own. Leaves out a file that cannot be
 * read, or that users other than root can write, and reports it. Fails only with -ENOMEM. */
int cautions_read(struct cautions *out, report_fn *report, void *ctx, struct err *err);

/* The first entry for each of n apps (canonical paths), or NULL: of is an array of n. dpkg is asked for all apps at
 * once; that it diverts a wrapped one does not matter. */
int cautions_find(const struct cautions *cautions, const char *const *apps, size_t n,
		  const struct caution **of, struct err *err);
/* The same for the apps of a policy; NULL also for those without pins, and for sealed ones if it is about views. */
int cautions_find_pinned(const struct cautions *cautions, const struct apps *apps,
			 const struct caution **of, struct err *err);

/* Before apps are pinned: reads the table and reports its entries for them. sealed: those that are to be sealed; forced:
 * those for which no entry counts as a refusal; both may be NULL. -ECANCELED: an entry refuses an app. */
int caution_check(const struct strings *apps, const struct strings *sealed,
		  const struct strings *forced, report_fn *report, void *ctx, struct err *err);
