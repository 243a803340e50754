/*
 * Cleanup attributes: the line that declares a resource also says how it is released at the end of the scope. Start
 * each variable with its empty value (-1, NULL), and set it back to that value to hand the resource on.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_file(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define AUTO_FD CLEANUP(cleanup_fd)
#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_FILE CLEANUP(cleanup_file)
#define AUTO_DIR CLEANUP(cleanup_dir)
