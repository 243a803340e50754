/* Whose bytes a file holds: what one process may read of several, and what may be kept of it. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum file_owner {
	ORIGIN_ROOT,  /* root alone can have written it, in a directory that root alone can write */
	ORIGIN_STORE, /* pinlib's own copy of what was added */
	ORIGIN_OTHER, /* anybody */
};

/* Directories that were looked at: most files lie in a few. */
struct file_owners {
	struct file_owner_dir {
		char path[PATH_MAX];
		bool roots;
	} * known[8];
	size_t next;
};

/* Of the open file, by what the kernel says of it and of its path, not by the name that led there.
 */
enum file_owner file_owner_of(struct file_owners *origins, int fd, const struct stat *st);
void file_owners_clear(struct file_owners *origins);
