/*
 * Who parses. Where pinlib is root's it parses no ELF file itself: processes of nobody's do
 * (answer.h), which are handed the open file. One that was made to misbehave by a file can lie about
 * what it reads after that, so who shares one is decided by the files (origin.h):
 *
 *	root's			one process for each file system that they lie on
 *	what was added to the store	one
 *	anybody else's		one for each file
 *
 * An ordinary user's pinlib parses what it is to read itself: it can do no more than its user.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "elf/file_owner.h"
#include "elf/info.h"
#include "loader/program.h"

#include <sys/stat.h>

/* True: read it here, root or not. The tests of what is read do, thousands of times. */
extern bool readers_here;
bool readers_confine(void);

struct readers;
int readers_new(struct readers **out, struct err *err);
void readers_free(struct readers **readers);
#define AUTO_READERS CLEANUP(readers_free)

enum file_owner readers_owner(struct readers *readers, int fd, const struct stat *st);

/* A file that is to be read. */
struct file_reading {
	int fd;			/* the caller's; open until it is done */
	struct elf_info *facts; /* are filled; dev, ino, regular and numbers are the caller's */
	enum file_owner origin;
	const struct stat *st; /* fstat(2) of it */
	bool done;
};

/* Several can be asked for before the first is awaited, and are read meanwhile. What is wrong with a
 * file, or with the process that read it, is in its facts; -ENOMEM alone is an error. asked has to
 * stay where it is until it is done, or the readers are freed. */
int readers_ask(struct readers *readers, struct file_reading *asked, struct err *err);
int readers_await(struct readers *readers, struct file_reading *asked, struct err *err);

/* The default directories that stand in a loader's file; none if it cannot be read. */
int readers_defaults(struct readers *readers, int fd, const struct stat *st, struct strings *out,
		     struct err *err);

/* A file by itself. As elf_read: after -EBADMSG class and machine are what the header says. */
int read_elf(int fd, struct elf *out, bool *is_elf, struct err *err);
int read_elf_path(const char *path, struct elf *out, bool *is_elf, struct err *err);
int read_elf_info(int fd, struct elf_info *out, struct err *err);
