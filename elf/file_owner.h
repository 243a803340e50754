/* Who could have written a file. It decides which files one process may read (elf/readers.h). */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum file_owner {
	FILE_OF_ROOT,	/* only root can write the file and the directory that holds it */
	FILE_OF_STORE,	/* pinlib's own copy of a library that was added */
	FILE_OF_OTHERS, /* anybody may have written it */
};

struct file_owner_dir {
	char path[PATH_MAX];
	bool roots;
};

/* The directories that were looked at last: most files lie in a few. */
struct file_owners {
	struct file_owner_dir *known[8];
	size_t next;
};

/* The answer is about the open file: by its fstat(2) and by the path that the kernel has for fd, not
 * by the name that led there. */
enum file_owner file_owner_of(struct file_owners *owners, int fd, const struct stat *st);
void file_owners_clear(struct file_owners *owners);
