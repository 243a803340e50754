/* Where the loader looks on its way from a program: found out once, asked often. */
#pragma once

#include "base/strings.h"
#include "loader/closure.h"
#include "loader/program.h"

struct search {
	struct scan *scan;
	struct closure closure;
	struct strings paths;	  /* of DT_RPATH and DT_RUNPATH in the closure, canonical */
	struct strings libraries; /* the closure's files, canonical, breadth first */
	size_t places;		  /* that were looked at for one name */
};

int search_from(const char *path, struct search **out, struct err *err);
void search_free(struct search **search);
