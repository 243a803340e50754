/*
 * Aligned tables and lines for people. In pipes and files each row and each line is whole. On a terminal they fit its
 * width: cells and lines are folded at blanks, a word that is longer than its column loses its middle ("/usr/...r/ld.so"),
 * and a SHA-256 in a cell has 12 of its 64 digits, which are enough for pinlib to find a version by them.
 */
#pragma once

#include <stddef.h>

/* A table whose columns are as wide as their widest cells. Cells are copied; the last column is not padded.
 * table_print prints and frees the table. */
struct table;
struct table *table_new(size_t columns);
void table_row(struct table *table, const char *const *cells);
void table_print(struct table *table);

/* A line, whose end is added. On a terminal the lines after a fold are indented by four columns more. */
void print_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
