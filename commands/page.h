/*
 * The HTML page of `pinlib report`: one file, without scripts, that loads nothing. It is XML, too.
 *
 * Every name in it is escaped (page.c, page_add): names of programs, versions, users and processes are foreign text.
 */
#pragma once

#include "commands/facts.h"

#include <stdio.h>

/* svg: the picture of these facts, as Graphviz draws it; NULL: there is none, and why says so, a sentence without a full
 * stop. */
void page_write(FILE *out, const struct facts *facts, const char *svg, const char *why);
