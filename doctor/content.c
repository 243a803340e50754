/* The state that pinlib keeps: the policy, what follows from it, and the store. */
#include "base/cleanup.h"
#include "base/paths.h"
#include "base/progress.h"
#include "base/trust.h"
#include "change/asleep.h"
#include "change/drift.h"
#include "change/pending.h"
#include "doctor/check.h"
#include "host/unit.h"
#include "host/wrap.h"
#include "policy/caution.h"
#include "store/layer_verify.h"
#include "upgrade/unrefreshed.h"
#include "view/verdict.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- the policy -- */

/* doctor_examine has no policy: the file does not open, or its programs cannot be read. */
static int try_database(struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	int r = policy_open(&policy, err);

	return r < 0 ? r : policy_apps(policy, POLICY_NOW, &apps, err);
}

int check_database(struct checkup *c, struct err *err)
{
	static const char lost[] =
		"restore " PINLIB_POLICY " from a backup, or move it away and set the pins again; "
		"until then wrapped programs run as before";
	struct stat st;
	int r;

	if (lstat(PINLIB_POLICY, &st) < 0 && errno == ENOENT) {
		check_well(c, "there is no policy yet: nothing was ever pinned");
		return 0;
	}
	if (!trust_file(PINLIB_POLICY, err)) {
		check_fault(c,
			    "compare 'pinlib show' with the pins that you set; then chown "
			    "root:root " PINLIB_POLICY " and chmod go-w " PINLIB_POLICY,
			    "%s", err->text);
		return 0;
	}
	r = c->policy ? policy_check(c->policy, err) : try_database(err);
	if (r < 0)
		check_fault(c, lost, "%s", err->text);
	else if (c->policy)
		check_well(c, "%zu program%s in generation %lld", c->apps.count,
			   c->apps.count == 1 ? "" : "s", (long long)policy_current(c->policy));
	return 0;
}

int check_pending(struct checkup *c, struct err *err)
{
	AUTO_STRINGS struct strings pending = {0}, left = {0};
	bool all = false;
	int r = pending_read(&pending, err);

	for (size_t i = 0; r == 0 && i < pending.count; i++)
		check_fault(c, "pinlib doctor --repair",
			    "a command was interrupted while it changed %s", pending.items[i]);
	if (r == 0)
		r = unrefreshed_read(&left, &all, err);
	if (r == 0 && all)
		check_fault(c, "pinlib refresh",
			    "packages have changed, and no program was refreshed yet");
	else if (r == 0 && left.count)
		check_fault(c, "pinlib refresh",
			    "a refresh ended before it had looked at %zu program%s", left.count,
			    left.count == 1 ? "" : "s");
	if (r == 0 && !all && left.count + pending.count == 0)
		check_well(c, "no command was interrupted");
	return r;
}

/* -- programs -- */

/* A sleeping app is no fault, unless refresh has yet to unwrap it. */
static void report_asleep(struct checkup *c, const char *app, const char *why)
{
	char remedy[2 * PATH_MAX];

	if (wrap_present(app) && !wrap_is_anothers(app)) {
		check_fault(c, "pinlib doctor --repair", "%s sleeps, and is still wrapped: %s", app,
			    why);
		return;
	}
	snprintf(remedy, sizeof remedy,
		 "its pins wait until it can be wrapped again; 'pinlib unset %s' removes them",
		 app);
	check_note(c, remedy, "%s sleeps: %s", app, why);
}

static void check_app(struct checkup *c, const struct app *app, struct plan_file *file)
{
	AUTO_VERDICT struct verdict v = {0};
	char remedy[3 * PATH_MAX];
	struct err why;
	int r = asleep_find(c->store, &c->apps, app, NULL, &why);

	if (r > 0) {
		report_asleep(c, app->path, why.text);
		return;
	}
	if (r < 0 || drift_find(app, c->store, file, &why) < 0) {
		snprintf(remedy, sizeof remedy, "pinlib doctor --repair, or pinlib unset %s",
			 app->path);
		check_fault(c, remedy, "%s", why.text);
		return;
	}
	r = c->can_mount && !app->forced ? verdict_reach_current(c->store, app, true, &v, &why) : 0;
	if (r == 0 && v.against.count == 0)
		return;
	snprintf(remedy, sizeof remedy, "'pinlib check %s' prints all reasons", app->path);
	check_fault(c, remedy, "%s does not work with its pins: %s", app->path,
		    r < 0 ? why.text : v.against.items[0]);
}

/* Faults of the table are findings of the check "files". */
static void ignore_fault(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* The pinned programs that pinlib would pin only by force. They are no faults: an administrator decided so. */
static int note_cautions(struct checkup *c, struct err *err)
{
	AUTO_CAUTIONS struct cautions cautions = {0};
	AUTO_FREE const struct caution **of = calloc(c->apps.count + 1, sizeof *of);
	int r = of ? cautions_read(&cautions, ignore_fault, NULL, err) : err_nomem(err);

	if (r == 0)
		r = cautions_find_pinned(&cautions, &c->apps, of, err);
	for (size_t i = 0; r == 0 && i < c->apps.count; i++)
		if (of[i] && of[i]->grade == CAUTION_REFUSE)
			check_note(c, of[i]->remedy, "%s is pinned and should not be: %s",
				   c->apps.items[i].path, of[i]->reason);
	return r;
}

int check_programs(struct checkup *c, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	int faults = c->faults;

	if (!file || drift_expect(&c->apps, err) < 0)
		return err_nomem(err);
	if (c->policy && c->apps.count == 0) {
		check_well(c, "no program is pinned");
		return 0;
	}
	if (!c->policy || !c->store) {
		check_note(c, NULL, "not checked: the %s cannot be read",
			   c->policy ? "store" : "policy");
		return 0;
	}
	progress_begin("comparing programs with the policy", PROGRESS_ITEMS, c->apps.count);
	for (size_t i = 0; i < c->apps.count; i++) {
		check_app(c, &c->apps.items[i], file);
		progress_step(1);
	}
	progress_end();
	if (c->faults == faults)
		check_well(c, "the plan, stub and original of each program match the policy");
	return note_cautions(c, err);
}

int check_units(struct checkup *c, struct err *err)
{
	AUTO_UNITS struct unit_drop_ins all = {0};
	int faults = c->faults, r = c->policy ? units_list(&all, err) : 0;

	if (!c->policy) {
		check_note(c, NULL, "not checked: the policy cannot be read");
		return 0;
	}
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		char remedy[NAME_MAX + 128];

		if (unit_check(c->policy, &all.items[i], err) == 0)
			continue;
		snprintf(remedy, sizeof remedy,
			 "pinlib doctor --repair, or pinlib unit --remove %s", all.items[i].unit);
		check_fault(c, remedy, "%s", err->text);
	}
	if (r == 0 && c->faults == faults)
		check_well(c, all.count ? "all drop-ins for services are up to date"
					: "no service has a drop-in of pinlib");
	return r;
}

/* -- content -- */

struct content_report {
	struct checkup *c;
	const char *remedy;
};

static void report_content(void *ctx, const char *text)
{
	const struct content_report *report = ctx;

	check_fault(report->c, report->remedy, "%s", text);
}

int check_layers(struct checkup *c, struct err *err)
{
	struct content_report report = {
		c, "pinlib doctor --repair; 'pinlib gc' removes the layers that no plan needs"};
	int r;

	if (!c->store) {
		check_well(c, "not checked: there is no store to build layers from");
		return 0;
	}
	r = layer_verify(c->home.layers, report_content, &report, err);
	if (r == 0)
		check_well(c, "all layers match their checksums");
	return r;
}

int check_store(struct checkup *c, struct err *err)
{
	struct content_report report = {
		c, "pinlib add, with the source of the damaged version, restores it"};
	int r;

	if (!c->store && access(c->home.store, F_OK) < 0 && c->apps.count == 0) {
		check_well(c, "the store is empty");
		return 0;
	}
	r = c->store ? 0 : store_open(c->home.store, false, &c->store, err);
	if (r < 0) {
		check_fault(c,
			    "restore the store from a backup, or add the pinned versions again "
			    "with pinlib add",
			    "%s", err->text);
		return 0;
	}
	r = store_verify(c->store, report_content, &report, err);
	if (r == 0)
		check_well(c, "all content matches its checksums");
	return r;
}
