/* Layers compared with their .spec, file by file. */
#pragma once

#include "store/store.h"

/* Compares every layer in the directory root, as store_verify does the store: the number of
 * findings. */
int layer_verify(const char *root, report_fn *report, void *ctx, struct err *err);

/* Compares one layer; root is the open directory of layers. report may be NULL. */
int layer_check(int root, const char *id, report_fn *report, void *ctx, struct err *err);
