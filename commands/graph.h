/* The machine's pins as a graph for Graphviz: programs, their layers or sets, and library versions, from left to right. */
#pragma once

#include "commands/facts.h"

#include <stdio.h>

/* Writes the graph; the same facts give the same bytes. only: the path of an app, for a graph of this app, its versions,
 * and the programs that share them; NULL: all. */
int graph_write(FILE *out, const struct facts *facts, const char *only, struct err *err);
