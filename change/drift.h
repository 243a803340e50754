/* Drift: where the system differs from the policy. */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "policy/policy.h"
#include "store/store.h"

/* Adds the packages of these apps to the next question to dpkg, so that one serves them all. */
int drift_expect(const struct apps *apps, struct err *err);

/* Looks for the files of an app that does not sleep (change/asleep.h): its stub, original, plan and
 * layers. 0: the app starts, and *file has the plan. */
int drift_find_files(const struct app *app, struct plan_file *file, struct err *err);

/* As drift_find_files; the first reason why the plan is not as the policy says, too. Does not look at
 * what is in the layers. */
int drift_find(const struct app *app, struct store *store, struct plan_file *file, struct err *err);

/* As drift_find; the plan's layer is read, too, and compared with its list. */
int drift_find_deep(const struct app *app, struct store *store, struct plan_file *file,
		    struct err *err);
