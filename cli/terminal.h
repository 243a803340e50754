/*
 * Foreign text: names, paths, lines of files, strings in libraries. A terminal executes some characters as
 * commands (C0, DEL, U+0080 to U+009F); others change the direction of writing (U+061C, U+200E, U+200F, U+2028 to
 * U+202E, U+2066 to U+2069); bytes that are not UTF-8 can be either. All of these are printed as '?'.
 *
 * This holds without a terminal, too: somebody reads the pipe or the log on a terminal later. Programs read
 * --json, where every character has its escape (cli/out.h).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* From now on stdio's standard output and standard error replace these characters, except for line ends and tabs,
 * in everything that is written, so no caller can forget it. Only write(2) bypasses this. */
void terminal_guard(void);

/* The reader of our output may be slow, or never read: a full pipe, a stopped terminal. So while lock is held all
 * output stays in memory; terminal_let_go closes the lock and prints it. exit(3) does so, too. */
void terminal_hold(int lock);
void terminal_let_go(int *lock);
/* An errno number if this output could not be written to standard output, or 0. */
int terminal_failed(void);

/* The width of the terminal at fd; 80 if the terminal does not know; 0: fd is no terminal. */
int terminal_columns(int fd);

/* Cleans a text within a line in place: line ends and tabs become '?', too. Returns it. */
char *printable(char *text);
/* Prints such a text to standard output. */
void put_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The length of the UTF-8 character at p, of which len bytes are there; *c is its number. 0: there is none; -1:
 * more bytes could make it one. */
int utf8_at(const unsigned char *p, size_t len, uint32_t *c);
/* Whether it is one of the characters that printable replaces. */
int is_command(uint32_t c);
