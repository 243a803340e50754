/*
 * Who parses an ELF file. A pinlib that runs as root parses none itself: it hands the open file to
 * a confined process (elf/reader.h). A file can take that process over and make it lie about the
 * files that it reads later, so the owners of the files decide which files share a process
 * (elf/file_owner.h):
 *
 *	files of root			one process for each file system
 *	files in the store		one process
 *	files of anybody else		one process for each file
 *
 * The pinlib of an ordinary user parses in its own process: it has no rights beyond its user's.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "elf/info.h"
#include "elf/ldso.h"

#include <sys/stat.h>

/* True: parse in this process even as root. Tests set it that read thousands of files. */
extern bool readers_here;
/* Whether confined processes parse for this one. */
bool readers_confine(void);

struct readers;
int readers_new(struct readers **out, struct err *err);
void readers_free(struct readers **readers);

/* A file that is to be read. */
struct file_reading {
	int fd;		       /* the caller's; open until done */
	const struct stat *st; /* fstat(2) of fd */
	struct elf_info *info; /* filled, errors of the file and of its reader included */
	bool done;
};

/* Asks for a file. The caller can ask for several before it waits for the first: readers work
 * meanwhile. *reading must stay where it is until it is done or the readers are freed. -ENOMEM is
 * the only error. */
int readers_ask(struct readers *readers, struct file_reading *reading, struct err *err);
int readers_await(struct readers *readers, struct file_reading *reading, struct err *err);

/* Reads the facts about a loader out of its file. *known is false if the file cannot be read.
 * -ENOMEM is the only error. */
int readers_ldso(struct readers *readers, int fd, const struct stat *st, struct ldso_facts *out,
		 bool *known, struct err *err);

/* One file by itself. As elf_parse: after -EBADMSG class and machine are what the header says. */
int readers_read(int fd, struct elf *out, bool *is_elf, struct err *err);
int readers_read_path(const char *path, struct elf *out, bool *is_elf, struct err *err);
int readers_read_info(int fd, struct elf_info *out, struct err *err);
