/* Copies a version from one store to another: a user's own store takes versions of the machine's. */
#pragma once

#include "store/store.h"

/* Each content is hashed on its way. A version that is there already stays. -EBADMSG: an object is missing or damaged;
 * then nothing is left but objects without a version. The caller holds the lock of to. */
int store_copy(struct store *from, struct store *to, struct version *version, struct err *err);
