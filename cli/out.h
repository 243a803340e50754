/*
 * Data on standard output: aligned tables and lines for people (cli/table.h), JSON for programs. With --json the tables
 * and lines print nothing, and without --json the JSON functions print nothing, so a command may call both.
 */
#pragma once

#include "base/digest.h"
#include "base/strings.h"
#include "cli/table.h"
#include "cli/terminal.h"

#include <stddef.h>
#include <stdint.h>

/* JSON. The document stays in memory until json_end. These functions put in the commas and indent. key is NULL inside arrays and at the top.
 * Bytes that are not UTF-8 become U+FFFD. */
void json_open(const char *key, char bracket); /* '[' or '{' */
void json_close(void);
void json_string(const char *key, const char *value); /* NULL: null */
void json_stringf(const char *key, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void json_digest(const char *key, const struct digest *digest); /* "sha256:HEX" */
void json_number(const char *key, int64_t value);
void json_bool(const char *key, int value);
/* Members of the open object, as names and conversions of printf(3): "app %s generation %lld forced %d" for a string or
 * NULL, a number and a bool. json_record prints an object of them, in an array or at the top. */
void json_members(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void json_record(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void json_strings(const char *key, const struct strings *list); /* an array */

/* From now on the document, which must be an object, is printed at once, since it may not fit into memory. */
void json_stream(void);
/* Records why the command fails; of several texts the first counts. Without --json nothing is recorded. */
void json_fail(const char *text);
/* The text recorded, or "". */
const char *json_failure(void);
/* Forgets the document, of which the printed part stays printed. */
void json_drop(void);
/* The finished document, which json_end then does not print; NULL: out of memory. The caller frees it. */
char *json_take(size_t *len);
/* Another process has printed the document. */
void json_elsewhere(void);
/* The end of the command: prints the document. After a failure with a recorded text it prints instead an object with
 * the member "error", or adds this member to a document that streams. */
void json_end(int status);

/* Prints one item of a list: a line, or a string in the open JSON array. A report_fn for gc; ctx is not used. */
void print_found(void *ctx, const char *what);
