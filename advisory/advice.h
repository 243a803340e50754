/*
 * Advice: the answers of the parser of vulnerability data, a child without privileges, to the process that started it.
 * Each is a struct advice, then its texts, without NULs. The reader takes all of them for hostile.
 *
 *	HIT	 a version is affected: version, basis, time (when the record was published, INT64_MAX: unknown)
 *		 texts: id, other ids (separated by blanks), urgency, severity, fixed version, release of the record's entry
 *	PROBLEM	 data that could not be read, or not compared; texts: the member or record, the reason
 *	STILL	 no news, but the parser works; time: bytes of its file that it has read
 *	RELEASE	 number: a release of Debian; time: when the newest record was published that tells of it
 *	FILE	 the file ends; number: enum data_kind; version: how many records it had; time: of the newest,
 *		 INT64_MIN: unknown
 *	DONE	 the answer to the question for the releases
 */
#pragma once

#include "base/parser.h"

#include <stdbool.h>
#include <stdint.h>

enum advice_type {
	ADVICE_HIT = 1,
	ADVICE_PROBLEM,
	ADVICE_STILL,
	ADVICE_RELEASE,
	ADVICE_FILE,
	ADVICE_DONE,
};

enum data_kind { DATA_NONE, DATA_RECORD, DATA_ZIP, DATA_DEBSECAN };

/* Why a version counts as affected; of several the last is the most exact. */
enum advice_basis {
	BASIS_DEBSECAN, /* debsecan's data, which do not tell releases apart */
	BASIS_OTHER, /* a record tells of other releases of Debian, and not of the version's own */
	BASIS_OWN,   /* a record tells of the version's release, or of all */
};

enum advice_text {
	TEXT_ID,
	TEXT_NAMES,
	TEXT_URGENCY,
	TEXT_SEVERITY,
	TEXT_FIXED,
	TEXT_RELEASE,
	ADVICE_TEXTS,
	TEXT_MEMBER = 0, /* of a PROBLEM */
	TEXT_WHY = 1,
};

#define ADVICE_TEXT_MAX 1024 /* of each text; longer ones are cut */
#define RELEASES_MAX 1000    /* numbers of releases are below it */

struct advice {
	uint32_t type, version, basis, number;
	int64_t time;
	uint32_t len[ADVICE_TEXTS];
};

extern int advice_output; /* 1; another descriptor in tests */

/* In the child. Texts may be NULL. Ends the process if nobody reads. */
void advice_emit(struct advice advice, const char *const texts[ADVICE_TEXTS]);
void advice_flush(void);
void advice_problem(const char *member, const char *why);
void advice_still(int64_t bytes); /* and sends everything so far */

/* Reads one answer. texts[i] point into buffer, each with its NUL; what is not printable ASCII is '?' in them. -EBADMSG:
 * the parser died, was silent, or sent nonsense. */
#define ADVICE_BUFFER ((size_t)ADVICE_TEXTS * (ADVICE_TEXT_MAX + 1))
int advice_read(struct parser *p, struct advice *out, char buffer[ADVICE_BUFFER],
		const char *texts[ADVICE_TEXTS], struct err *err);
