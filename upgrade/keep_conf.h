/*
 * The settings of `pinlib keep` in PINLIB_CONF, lines of KEY = VALUE; see pinlib.conf(5):
 *
 *	keep		apps (the default), or all: every library package
 *	keep-strict	no (the default), or yes: a version that cannot be kept stops apt
 *	keep-days	how many days gc leaves a kept version (90 if not given) and one that was added by
 *			hand (1 if not given); 0: for ever
 *	keep-size	0; how many bytes (K, M, G) of them gc leaves, the newest; 0: all
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct keep_conf {
	bool all, strict;
	int64_t days;
	int64_t added_days; /* for versions that were added by hand */
	uint64_t bytes;
};

/* A missing file has all defaults. -EINVAL: err names the file and the line, and *out has the
 * defaults. */
int keep_conf_read(const char *path, struct keep_conf *out, struct err *err);
