/* Archives of packages (deb(5)), by dpkg-deb. An archive that dpkg-deb cannot read is left to dpkg to
 * complain about: these functions return 1. */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "dpkg/package.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the package in an archive: its name, architecture and version. */
int archive_package(const char *archive, struct packages *out, struct err *err);

/* The text of a control script ("preinst"), the caller's to free. 1 also if there is none. */
int archive_script(const char *archive, const char *script, char **text, struct err *err);

struct archive_member {
	char type; /* as ls(1) shows it: 'd' a directory, 'l' a symbolic link, '-' a file */
	bool setid;
	const char *path; /* "usr/bin/app"; a directory's ends in '/', a link's is followed by
			   * " -> TARGET" */
};

struct archive_members {
	struct archive_member *items;
	size_t count;
	char *text; /* that the paths point into */
};

void archive_members_free(struct archive_members *members);
#define AUTO_ARCHIVE_MEMBERS CLEANUP(archive_members_free)

int archive_list(const char *archive, struct archive_members *out, struct err *err);

/* Whether the member is at this absolute path. */
bool archive_member_at(const struct archive_member *member, const char *path);
