/*
 * Places: where the origins of pinned versions (store/origin.h) have their packages, and what these have now. apt answers from
 * the lists that its last update fetched; nothing contacts a mirror.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "dpkg/apt.h"
#include "dpkg/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct renewal_place {
	char *config;	  /* APT_CONFIG; NULL: the machine's own sources */
	char *suite;	  /* NULL: all that the sources have */
	char *unknown;	  /* why apt could not be asked, a sentence; NULL: it answered */
	int64_t lists;	  /* the time of the newest list, in seconds since 1970; 0: there is none */
	bool no_security; /* its lists are Debian's, and none is of a security suite */
	struct strings asked;	  /* "zlib1g:amd64" */
	struct controls controls; /* of all versions of these */
	struct strings in_suite;  /* with a suite: "zlib1g=1.2-3" of the versions in it */
};

struct renewal_places {
	struct renewal_place *items;
	size_t count;
};

void renewal_places_free(struct renewal_places *places);

/* The number of the place in places, which gets it if it is new; negative: -ENOMEM. */
ssize_t renewal_places_find(struct renewal_places *places, const char *config, const char *suite,
			    struct err *err);

/* Asks apt about the packages in asked, and finds the age of the lists. Fails only for want of memory. */
int renewal_place_ask(struct renewal_place *place, struct err *err);

/* Whether the place's suite has it; true without a suite. */
bool renewal_place_has(const struct renewal_place *place, const struct control *control);

/* "the machine's own apt sources", "/etc/apt/bullseye.conf, suite bullseye". The caller frees it; NULL: no memory. */
char *renewal_place_name(const struct renewal_place *place);
