/* The hits of vulnerability data, while files are read, and how they become findings. */
#pragma once

#include "advisory/advice.h"
#include "advisory/judged.h"
#include "advisory/vulnerability.h"
#include "base/cleanup.h"

struct hit {
	size_t version;
	enum advice_basis basis;
	int64_t time; /* of publication */
	char *text;   /* its texts one after the other, each with its NUL */
	const char *texts[ADVICE_TEXTS];
};

struct hits {
	struct hit *items;
	size_t count, bytes;
	int64_t newest[RELEASES_MAX]; /* see ADVICE_RELEASE; INT64_MIN: none */
};

void hits_free(struct hits *hits);
#define AUTO_HITS CLEANUP(hits_free)

/* -EBADMSG: the child sent a hit that is none. -EFBIG: there are too many. */
int hits_add(struct hits *hits, const struct advice *advice, const char *const texts[ADVICE_TEXTS],
	     size_t versions, struct err *err);

/* Decides which hits count, and merges those that mean the same vulnerability. */
int hits_merge(struct hits *hits, const struct judged *versions, struct vulnerabilities *out,
	       struct err *err);
