/* Writes plans (plan/format.h). */
#pragma once

#include "base/err.h"
#include "plan/read.h"

#include <stdbool.h>
#include <stddef.h>

/* Encodes the plan as the bytes of a file, and checks them with plan_parse. The caller frees *data. -E2BIG beyond
 * PLAN_SIZE_MAX. */
int plan_encode(const struct plan *plan, void **data, size_t *len, struct err *err);

/* The label of a view, encoded and cut as plan/format.h says. */
void plan_label(char label[PLAN_LABEL_MAX], const char *layer, uint64_t generation,
		const char *app);

/* Encodes the plan and publishes it in dir by rename. If the file has these bytes already, it is only synced to disk. */
int plan_publish(const char *dir, const struct plan *plan, struct err *err);

/* Removes the app's plan; a missing plan is no error. */
int plan_remove(const char *dir, const char *app, struct err *err);
