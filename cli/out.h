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

/* JSON, printed at once. These functions put in the commas and indent. key is NULL inside arrays and at the top.
 * Bytes that are not UTF-8 become U+FFFD. */
void json_open(const char *key, char bracket); /* '[' or '{' */
void json_close(void);
void json_string(const char *key, const char *value);		/* NULL: null */
void json_digest(const char *key, const struct digest *digest); /* "sha256:HEX" */
void json_number(const char *key, int64_t value);
void json_bool(const char *key, int value);
/* Members of the open object, as names and conversions of printf(3): "app %s generation %lld forced %d" for a string or
 * NULL, a number and a bool. json_record prints an object of them, in an array or at the top. */
void json_members(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void json_record(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void json_strings(const char *key, const struct strings *list); /* an array */

/* Prints one item of a list: a line, or a string in the open JSON array. A report_fn for gc; ctx is not used. */
void print_found(void *ctx, const char *what);
