#include "doctor/doctor.h"

#include "base/paths.h"
#include "doctor/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(struct checkup *c, struct err *err);
	bool homes; /* it concerns a user's own home, too */
} checks[] = {
	{"kernel", check_kernel, false},
	{"wrapper", check_wrapper, false},
	{"nosuid", check_nosuid, false},
	{"bounding-set", check_bounding_set, false},
	{"user-namespaces", check_user_namespaces, false},
	{"lsm", check_lsm, false},
	{"files", check_files, false},
	{"hooks", check_hooks, false},
	{"trigger", check_trigger, false},
	{"database", check_database, false},
	{"pending", check_pending, false},
	{"programs", check_programs, false},
	{"due", check_due, false},
	{"orphans", check_orphans, false},
	{"units", check_units, false},
	{"sealed", check_sealed, true},
	{"layers", check_layers, true},
	{"store", check_store, true},
	{"space", check_space, false},
};
#define CHECKS (sizeof checks / sizeof *checks)

const char *doctor_check(size_t i)
{
	return i < CHECKS ? checks[i].name : NULL;
}

bool doctor_has_check(const char *name)
{
	for (size_t i = 0; i < CHECKS; i++)
		if (strcmp(checks[i].name, name) == 0)
			return true;
	return false;
}

static bool is_chosen(const char *name, char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return n == 0;
}

/* The checks "database" and "store" say what cannot be opened here. */
static void open_state(struct checkup *c)
{
	struct err ignored;

	if (store_open(c->home.store, false, &c->store, &ignored) < 0)
		c->store = NULL;
	if (c->home.user)
		return;
	if (policy_open(&c->policy, &ignored) == 0 &&
	    policy_apps(c->policy, POLICY_NOW, &c->apps, &ignored) < 0)
		policy_close(&c->policy);
}

void check_report(struct checkup *c, enum health health, const char *remedy, const char *fmt, ...)
{
	char text[2 * ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->report(c->ctx, &(struct finding){c->check, health, text, remedy});
	c->faults += health == HEALTH_FAULT;
}

int doctor_examine(const struct home *home, char *const *names, size_t n, finding_fn *report,
		   void *ctx)
{
	struct checkup c = {.report = report, .ctx = ctx, .home = *home, .can_mount = true};
	struct err err;

	open_state(&c);
	for (size_t i = 0; i < CHECKS; i++) {
		c.check = checks[i].name;
		if (is_chosen(c.check, names, n) && (checks[i].homes || !home->user) &&
		    checks[i].run(&c, &err) < 0)
			check_fault(&c, NULL, "this check failed: %s", err.text);
	}
	apps_free(&c.apps);
	policy_close(&c.policy);
	store_close(&c.store);
	return c.faults;
}
