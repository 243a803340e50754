/* Drift: where the system differs from the policy. */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/store.h"

/* One question to dpkg is then enough for all of these apps. */
int drift_expect(const struct apps *apps, struct err *err);

/* The first reason why the app's program, stub, plan or layers are not as the policy says; 0 if
 * there is none, and *file has the plan then. Whether the layers exist is looked at, not what is in
 * them. */
int drift_find(const struct app *app, struct store *store, struct plan_file *file, struct err *err);

/* As drift_find; the plan's layer is read, too, and compared with its list. */
int drift_find_deep(const struct app *app, struct store *store, struct plan_file *file,
		    struct err *err);
