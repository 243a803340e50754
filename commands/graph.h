/* The machine's pins as a graph for Graphviz: programs, their layers or sets, and library versions, from left to right. */
#pragma once

#include "commands/facts.h"

/* The text of the graph; the same facts give the same bytes. only: the path of an app, for a graph of this app, its
 * versions, and the programs that share them; NULL: all. The caller frees *text. */
int graph_write(const struct facts *facts, const char *only, char **text, size_t *len,
		struct err *err);

/* Prints the graph of the machine, or of the app that the user named, or the picture that Graphviz draws of it. */
int graph_show(const char *name, bool svg, struct err *err);
