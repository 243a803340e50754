/*
 * Units of systemd: a service and its drop-ins, read by the rules of systemd.unit(5) from the
 * directories of its search path, without a running systemd. pinlib needs to know which programs
 * the service starts.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "policy/policy.h"

#include <limits.h>
#include <stdbool.h>

struct unit_file {
	char name[NAME_MAX + 1]; /* "foo.service"; for an alias the unit's own name */
	struct strings programs; /* of ExecStart=, as written there: "/usr/sbin/foo", or "foo" */
	bool privileged;	 /* a program has the prefix "+": the unit does not confine it */
	bool root_directory, root_image; /* RootDirectory=, RootImage= */
	bool confined; /* NoNewPrivileges=, CapabilityBoundingSet= or SystemCallFilter= may keep the wrapper from
			  building a view: 'pinlib unit' helps */
};

/* The name of a service, with ".service" if it has no suffix. -EINVAL: it is not the name of one. */
int unit_file_name(const char *name, char out[NAME_MAX + 1], struct err *err);

/* -ENOENT: there is no such unit; -EPERM: it is masked; -EINVAL: it has no meaning for pinlib. */
int unit_file_read(const char *name, struct unit_file *out, struct err *err);
/* The names of all services on the search path, templates too, each once. */
int unit_file_names(struct strings *out, struct err *err);
void unit_file_free(struct unit_file *unit);
#define AUTO_UNIT_FILE CLEANUP(unit_file_free)
