/*
 * The names of the shared libraries in layers, to recognise other copies of them in a process.
 *
 * Only names lib*.so.* count: modules of other names often have namesakes that are no copies.
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strings.h"

#include <stdbool.h>

/* Of all layers that were asked about; zeros at first. */
struct layer_names {
	struct layer_libraries *items;
	size_t count;
};
void layer_names_free(struct layer_names *names);

/* Whether the directory layer has a library of which a file called name would be a copy: "libz.so.1.2.8"
 * is one of libz.so.1. A layer that cannot be read has none. */
int layer_has_library(struct layer_names *names, const char *layer, const char *name, bool *out,
		      struct err *err);
