/*
 * Homes: a store with its sets, and the record of the files that were sealed with them.
 *
 *	STATE/store           store/store.h
 *	STATE/layers          the sets (seal/set.h); the machine's also has the layers of views there
 *	STATE/sealed/abcdef   seal/record.h
 *	STATE/lock            held by each command that changes anything
 *
 * The machine's STATE is PINLIB_STATE. A user's own is $XDG_DATA_HOME/pinlib, or ~/.local/share/pinlib without the
 * variable (XDG Base Directory Specification).
 */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>

struct home {
	bool user;
	char state[PATH_MAX], store[PATH_MAX], layers[PATH_MAX], sealed[PATH_MAX];
};

/* Fills the paths, and makes nothing. -EINVAL: the environment names no absolute directory; -EPERM: root is asked to use
 * a directory that others can write, or lead elsewhere; -ENAMETOOLONG. */
int home_find(bool user, struct home *out, struct err *err);

/* The directory of the store's objects, canonical. The store exists. */
int home_objects(const struct home *home, char objects[PATH_MAX], struct err *err);
