/* Writing plans: the policy's side of plan/format.h. */
#pragma once

#include "base/err.h"
#include "plan/read.h"

#include <stdbool.h>
#include <stddef.h>

/* Lays the plan out as a file's bytes; *data is the caller's to free. The result is read back with
 * plan_parse before it is returned. -E2BIG beyond PLAN_SIZE_MAX. */
int plan_encode(const struct plan *plan, void **data, size_t *len, struct err *err);

/* The label of a view, cut and encoded as plan/format.h says. */
void plan_label(char label[PLAN_LABEL_MAX], const char *layer, uint64_t generation,
		const char *app);

/* Encodes and publishes the plan in dir, by rename. If the same bytes are there already, nothing
 * is written; it is on the disk afterwards all the same. */
int plan_publish(const char *dir, const struct plan *plan, struct err *err);

/* Writes the app's plan anew if it is of an older format: the same plan. That there is none, or one
 * that cannot be read, is no error. */
int plan_renew(const char *dir, const char *app, struct err *err);

/* Removes the app's plan; that there is none is no error. */
int plan_remove(const char *dir, const char *app, struct err *err);
