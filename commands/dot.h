/*
 * Strings of the DOT language (https://graphviz.org/doc/info/lang.html), and Graphviz.
 *
 * In a quoted string a quotation mark ends it and a backslash begins an escape (\N is the node's name, \G the graph's),
 * and a label's "&lt;" is '<' to Graphviz. dot_put escapes all three, and prints '?' for the characters that a terminal
 * would obey (cli/terminal.h), so each name is shown as it is.
 */
#pragma once

#include "base/err.h"

#include <stddef.h>
#include <stdio.h>

/* Writes text as a part of a quoted string. */
void dot_put(FILE *out, const char *text);
/* The same as a whole one, with its quotation marks. */
void dot_put_quoted(FILE *out, const char *text);

/* Runs Graphviz, which turns a graph into SVG; the caller frees *svg. -ENOENT: it is not installed; -ETIME: the graph
 * is too large for it. Graphviz gets no variable of the caller's. */
#define DOT_SECONDS 60
int dot_svg(const char *graph, size_t len, char **svg, struct err *err);
