/*
 * Text that is not ours: names, paths, lines of files, what libraries say of themselves. A terminal takes some of its
 * bytes for commands (C0, DEL, U+0080 to U+009F), some turn the direction in which it writes (U+061C, U+200E, U+200F,
 * U+2028 to U+202E, U+2066 to U+2069), and what is not UTF-8 can be either. All of these are shown as '?'.
 *
 * It is so whether a terminal is there or not: what goes into a pipe or a log is read on a terminal later. Programs
 * read --json, where every character has its escape (cli/out.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* From here on standard output and standard error, as stdio has them, show nothing else but lines and tabs of what is
 * named above, whoever writes it: nothing can be forgotten. Only write(2) goes round it. */
void terminal_guard(void);

/* Who reads what we print may take it when it likes, or never: a full pipe, a stopped terminal. So while lock is held
 * all of it is kept in memory, and printed once the lock is let go. An exit(3) lets go of it, too. */
void terminal_hold(int lock);
void terminal_let_go(int *lock);
/* Whether standard output did not take what was kept: why, in errno's numbers, or 0. */
int terminal_failed(void);

/* One text within a line, where line ends and tabs count as foreign too. In place; returns it. */
char *printable(char *text);
/* The same, to standard output. */
void put_text(const char *text);

/* The UTF-8 character at p, of len bytes at most: its length, 0 if there is none, -1 if it may become one with more
 * bytes. *c is its number. */
int utf8_at(const unsigned char *p, size_t len, uint32_t *c);
/* Whether a terminal would do something else than show it. */
int is_command(uint32_t c);
