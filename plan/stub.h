/*
 * Stubs: the file at the path of a wrapped program. A stub knows its app, has no privilege, and executes the wrapper.
 *
 * For an ELF program the stub is a copy of PINLIB_STUB (wrapper/stub.c), a static program of a page, with struct stub
 * filled in:
 *
 *	+--------------------------+ 0
 *	| ELF and program headers  |  one segment, the whole file; no section headers
 *	+--------------------------+ STUB_AT
 *	| struct stub              |
 *	+--------------------------+
 *	| code and constants       |
 *	+--------------------------+
 *
 * For a script the stub is the script's own text with another first line, and PINLIB_STUB itself is the interpreter:
 *
 *	#!PINLIB_STUB WORD ORIGINAL-LINE
 *
 * WORD is the on-failure, a colon and the app's path, in which a byte that is '%', blank or not printable ASCII is
 * percent-encoded: "refuse:/usr/bin/tool". If the wrapper cannot be executed and WORD begins with "unpinned", the stub
 * starts the original, whose path follows from WORD (stub_original).
 *
 * A stub executes the wrapper with these arguments:
 *
 *	0  "pinlib-wrapper"
 *	1  STUB_START
 *	2  WORD
 *	3  what the exec of a file with a capability takes from the caller (struct stub_kept), or "-" for nothing
 *	4  the name by which the caller started the app
 *	5  the app's arguments, from argument 0 on
 *
 * `pinlib exec`, which takes the same from its caller, executes it with these:
 *
 *	0  PINLIB_WRAPPER
 *	1  STUB_IN and the app's path, or STUB_HOST
 *	.  STUB_KEPT, directly followed by the text that is argument 3 above; missing if there is nothing to hand over,
 *	   so that a wrapper from before this option understands the arguments
 *	.  "--"; may be missing
 *	.  the command and its arguments
 *
 * Anybody can start the wrapper with such arguments. They only select among apps that the caller may start anyway, and
 * set what the caller may set without the wrapper. A wrapper understands the arguments of all earlier stubs, since a
 * stub is exchanged later than the wrapper (DESIGN.md, stub-per-app).
 */
#pragma once

#include "base/err.h"
#include "base/paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STUB_MAGIC "pinstub1" /* 8 letters, without the NUL */
#define STUB_AT 256
#define STUB_FILE_MAX 16384 /* a stub is no longer */
#define STUB_SIZE 4096	    /* of an ELF stub; the Makefile has it, too */
#define STUB_SHEBANG "#!" PINLIB_STUB " "
#define STUB_LINE_MAX 255 /* what execve(2) reads of a script, BINPRM_BUF_SIZE less the NUL */
#define STUB_START "--start"
#define STUB_ARGS 5 /* before the app's */
#define STUB_IN "--in"
#define STUB_HOST "--host"
#define STUB_KEPT "--kept="

/* A sentence in the stub's code, by which pinlib recognises a stub that a program (strip, say) has damaged. */
#define STUB_MARK "Stands at the path of a program with pins, and executes pinlib's wrapper"

/* Room for WORD: the name of the app's plan, in which more bytes are encoded, has 255 bytes at most. */
#define STUB_WORD_MAX 288

struct stub {
	char magic[8];
	char word[STUB_WORD_MAX]; /* empty in PINLIB_STUB itself */
};

_Static_assert(sizeof(struct stub) == 296, "struct stub has no padding");

/* The bits of personality(2) that the kernel clears: READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE, ADDR_COMPAT_LAYOUT and
 * MMAP_PAGE_ZERO (PER_CLEAR_ON_SETID in linux/personality.h). */
#define STUB_PERSONALITY 0x0740000u
#define STUB_STACK_KEPT (8u << 20) /* the kernel lowers a soft limit of the stack above this */

/* In this order as hexadecimal numbers, each followed by a colon. */
struct stub_kept {
	uint64_t stack;	      /* soft limit of the stack in bytes, ~0: unlimited; 0: leave it */
	uint64_t personality; /* bits of STUB_PERSONALITY */
	uint64_t signal;      /* when the parent dies; 0: none */
	uint64_t parent;      /* the parent's process number */
};
#define STUB_KEPT_MAX 69

/* The word of an app. -ENAMETOOLONG if it does not fit. */
int stub_word(const char *app, bool unpinned, char word[STUB_WORD_MAX], struct err *err);

/* Takes a word apart, which ends before a blank or NUL. False: it is no word. */
bool stub_parse_word(const char *word, char app[PATH_MAX], bool *unpinned);

/* Where the original of an app is: DIR/.pinlib/NAME for DIR/NAME (host/original.h). -ENAMETOOLONG. */
int stub_original(const char *app, char original[PATH_MAX]);

/* The text of kept; false: there is nothing to hand over. A stub, which has no libc, writes its own (wrapper/stub.c). */
bool stub_format_kept(const struct stub_kept *kept, char text[STUB_KEPT_MAX]);

/* False: text is malformed. */
bool stub_parse_kept(const char *text, struct stub_kept *kept);

enum stub_form {
	STUB_NONE, /* no stub */
	STUB_ELF,
	STUB_SCRIPT,
	STUB_DAMAGED, /* the rest of an ELF stub that was truncated or overwritten */
};

/* The form of the file at path. Except for STUB_NONE and STUB_DAMAGED app is the path of its app. A file that cannot be
 * read is none. */
enum stub_form stub_read(const char *path, char app[PATH_MAX]);

/* Whether an app's ELF stub is at path, and original gets the path of the app's own file. Does not open a file that has
 * no original beside it: users' files are read by confined children alone. */
bool stub_wraps(const char *path, char original[PATH_MAX]);
