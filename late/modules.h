/*
 * Modules that a program loads later, by dlopen(3): drivers, plugins and extensions. The loader's trace
 * does not show them, but for many the directory is known (late/kinds.h); nsswitch.conf(5) names those
 * of NSS. (gconv modules need only glibc, which is one piece: view/glibc.h.)
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strings.h"
#include "loader/closure.h"

/* Checks each module that the app may load and that needs a pinned library. If the module lacks
 * something in the view but not on the live system, that is a remark. *later gets the sonames of the
 * pinned libraries that the modules are or load. closure is the app's in its view, and closure->own
 * the ldview that read it. */
int modules_check(const struct closure *closure, struct strings *later, struct strings *remarks,
		  struct err *err);

/* A directory in which, or a file that, an object of a closure finds modules; and data beside them. */
struct module_place {
	char *path;
	const char *user; /* the object's canonical path; the closure's */
	bool shared;	  /* as in struct module_kind */
};

struct module_places {
	struct module_place *items;
	size_t count;
};

/* The places of the live system for the kinds of modules that the closure's objects load, without those of NSS. */
int modules_places(const struct closure *closure, struct module_places *out, struct err *err);
void module_places_free(struct module_places *places);
#define AUTO_MODULE_PLACES CLEANUP(module_places_free)
