/*
 * Texts: the bytes of the files that a program consists of when it starts (late/mentions.h). They tell
 * what else the program may do: which libraries it names, and whether it can load any, or start other
 * programs, which inherit its view.
 */
#pragma once

#include "late/mentions.h"
#include "loader/closure.h"

struct program_text {
	const char *path; /* in the view; the closure's or the caller's */
	struct mentions mentions;
};

struct texts {
	struct program_text *items; /* the program's own is the first */
	size_t count;
	bool open;   /* one of them can load libraries or start programs */
	bool unread; /* one of them could not be read */
	bool whole;  /* texts_read_objects was called */
};

/* Reads the own text of the program: that of the first object; if script is not NULL, that of this
 * script in sysroot, whose interpreter is the first object. The closure must live as long. */
int texts_read_program(struct texts *texts, const struct closure *closure, const char *script,
		       const struct sysroot *sysroot, struct err *err);
/* Adds those of all objects of the closure that are not there yet; called again, does nothing. */
int texts_read_objects(struct texts *texts, const struct closure *closure, struct err *err);
void texts_free(struct texts *texts);
#define AUTO_TEXTS CLEANUP(texts_free)
