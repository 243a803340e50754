/*
 * Cleanup attributes: a resource is bound to its release on the line that declares it.
 * Start each with its empty value (-1, NULL); set it back to that to hand the resource on.
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
