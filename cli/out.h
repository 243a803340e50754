/* Data on standard output: aligned tables for people, JSON for programs. */
#pragma once

#include "base/digest.h"
#include "cli/terminal.h"

#include <stddef.h>
#include <stdint.h>

/* A table whose columns are as wide as they need to be. Cells are copied; the last column is not
 * padded. Printed, and freed, by table_print. */
struct table;
struct table *table_new(size_t columns);
void table_row(struct table *table, const char *const *cells);
void table_print(struct table *table);

/* JSON, written as it comes. Commas and nesting are kept track of. key is NULL inside arrays and
 * at the top. Bytes that are not UTF-8 become U+FFFD. */
void json_open(const char *key, char bracket); /* '[' or '{' */
void json_close(void);
void json_string(const char *key, const char *value);		/* NULL: null */
void json_digest(const char *key, const struct digest *digest); /* "sha256:HEX" */
void json_number(const char *key, int64_t value);
void json_bool(const char *key, int value);

/* One of a list that comes as it is found: a line, or a string in the JSON array that is open. Fits
 * the callbacks of verify and gc; ctx is not used. */
void print_found(void *ctx, const char *what);

/* Bytes for people: "118 KiB". */
void human_size(uint64_t bytes, char text[32]);
