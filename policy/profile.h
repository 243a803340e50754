/*
 * Profiles: which system calls a program may make, as text (pinlib-profile(5)), and the filter for
 * seccomp(2) that libseccomp compiles it to.
 *
 * A profile NAME is the file NAME in the first of some directories that has it. Text decides
 * nothing at a launch: what is recorded, and put into the plan, is the compiled filter.
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

/* The system-call filter that an app has. */
struct confinement {
	char *profile;	      /* its name; NULL: the app has no filter */
	struct digest source; /* of the profile's text, with that of all that it includes */
	void *filter;	      /* struct sock_filter, as linux/filter.h has it */
	size_t size;	      /* in bytes */
};

void confinement_free(struct confinement *c);
#define AUTO_CONFINEMENT CLEANUP(confinement_free)
bool confinement_equal(const struct confinement *a, const struct confinement *b);

/* The administrator's directory and pinlib's, in the order in which they are searched; ends in
 * NULL. */
extern const char *const profile_dirs[];

/* Reads a profile and compiles it, for the machine's architecture and those whose programs it can
 * run too. -ENOENT: there is no such profile; -EPERM: others than root could have written it;
 * -EINVAL: with its file and line, what is wrong in it, or what the wrapper and every program need
 * and it refuses. */
int profile_compile(const char *const *dirs, const char *name, struct confinement *out,
		    struct err *err);

/* The digest of the text as it is now. Errors as with profile_compile, but nothing is compiled. */
int profile_source(const char *const *dirs, const char *name, struct digest *out, struct err *err);

/* Whether the text of an app's profile is another than it was compiled from; why is then a
 * sentence that says so. */
bool profile_changed(const struct confinement *c, char why[ERR_TEXT_MAX]);
