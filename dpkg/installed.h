/*
 * The files of installed packages, as dpkg has listed them to this process.
 *
 * A command may need the lists for each of hundreds of programs, so it asks about no package twice. No command of
 * pinlib installs packages: the lists stay true as long as it runs.
 */
#pragma once

#include "base/strings.h"
#include "dpkg/listing.h"
#include "dpkg/package.h"

/* Adds the package to the next question to dpkg, so that one question serves many programs. */
int installed_expect(const char *name, struct err *err);

/* Asks dpkg about the packages of these names, unless this process knows the answer. Without dpkg no package is
 * installed. */
int installed_ask(const struct strings *names, struct err *err);

struct installed {
	const struct package *package;
	const struct package_files *files;
};

/* The n-th of the known packages, in no order. False: there are fewer. */
bool installed_get(size_t n, struct installed *out);
