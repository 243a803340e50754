/*
 * Units of systemd, read from their files as systemd.unit(5) says it does: a unit and its drop-ins,
 * out of the directories that it looks into, without a running systemd. Read is what pinlib has to
 * know of a service: which programs it starts.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"

#include <limits.h>
#include <stdbool.h>

struct unit_file {
	char name[NAME_MAX + 1]; /* "foo.service": canonical, of an alias what it stands for */
	struct strings programs; /* of ExecStart=, as they stand there: "/usr/sbin/foo", or "foo" */
	bool privileged; /* one of them is started with "+": nothing of the unit confines it */
	bool root_directory, root_image; /* RootDirectory=, RootImage=: it does not see our files */
};

/* The name of a service: ".service" is added if it has no suffix. -EINVAL: it is none. */
int unit_name(const char *name, char out[NAME_MAX + 1], struct err *err);

/* -ENOENT: there is no such unit; -EPERM: it is masked; -EINVAL: it cannot be understood. */
int unit_read(const char *name, struct unit_file *out, struct err *err);
void unit_free(struct unit_file *unit);
#define AUTO_UNIT CLEANUP(unit_free)
