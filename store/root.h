/* The store's directory, for the modules of this room and of intake/, which adds to it. */
#pragma once

#include "base/err.h"

struct store {				 /* store/store.h shows the tree */
	char *root;			 /* its path */
	int dir, objects, versions, tmp; /* open directories */
	char whole[33]; /* the layer that was last found whole: many apps may share it */
};

#define STORE_STAGING "add-"
