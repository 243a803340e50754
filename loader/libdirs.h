/* Where the loader may look for libraries on its way from one program. Found once, asked about many
 * sonames. */
#pragma once

#include "base/strings.h"

struct libdirs;

/* Of the program at path: the live system's, or, if shown is not NULL, that file of the live system in its place. */
int libdirs_new(const char *path, const char *shown, struct libdirs **out, struct err *err);
void libdirs_free(struct libdirs **dirs);

/* Appends the directories in which the loader may choose a file of this name: program_places' rules
 * (loader/program.h). */
int libdirs_find(struct libdirs *dirs, const char *soname, const char *also, struct strings *out,
		 struct err *err);
/* The canonical paths of the libraries in the closure, in its order; those that it misses are left
 * out, and so is the loader where nothing needs it. */
const struct strings *libdirs_libraries(const struct libdirs *dirs);
