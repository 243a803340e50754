/*
 * Profiles: texts that list the system calls that a program may make (pinlib-profile(5)), and the
 * seccomp(2) filter that libseccomp compiles from such a text.
 *
 * A profile is a file with the profile's name in one of two directories. The text is read when an
 * administrator sets it; the policy and the plan hold the compiled filter, and no launch reads the
 * text.
 */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define PROFILE_NAME_MAX 64
#define PROFILE_SIZE_MAX (64 * 1024)
#define PROFILE_DEPTH_MAX 4 /* of include */

/* The system-call filter of an app. */
struct confinement {
	char *profile;	      /* its name; NULL: the app has no filter */
	struct digest source; /* of the profile's text and of the texts that it includes */
	void *filter;	      /* an array of struct sock_filter, see linux/filter.h */
	size_t size;	      /* in bytes */
};

void confinement_free(struct confinement *c);
#define AUTO_CONFINEMENT CLEANUP(confinement_free)
bool confinement_equal(const struct confinement *a, const struct confinement *b);

/* The administrator's directory, then pinlib's: the first one that has the file counts. Ends in
 * NULL. */
extern const char *const profile_dirs[];

/* Reads a profile and compiles it for the machine's architecture and for those whose programs its
 * kernel runs too. The caller frees *out. -ENOENT: there is no such profile. -EPERM: others than
 * root can write the file or its directory. -EINVAL: the text is wrong, or refuses a call that the
 * wrapper needs; err names file and line. */
int profile_compile(const char *const *dirs, const char *name, struct confinement *out,
		    struct err *err);

/* The digest of the text as it is now. Errors as from profile_compile; nothing is compiled. */
int profile_source(const char *const *dirs, const char *name, struct digest *out, struct err *err);

/* Whether the profile's text differs from the one that the app's filter was compiled from. If so,
 * why is a sentence about it. */
bool profile_changed(const struct confinement *c, char why[ERR_TEXT_MAX]);
