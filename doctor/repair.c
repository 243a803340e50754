#include "base/cleanup.h"
#include "doctor/doctor.h"
#include "host/wrap.h"
#include "upgrade/refresh.h"

#include <limits.h>
#include <stdio.h>

struct repair {
	report_fn *report;
	void *ctx;
};

static void report_repair(const struct repair *repair, const char *app, const char *what,
			  const char *why)
{
	char text[PATH_MAX + 2 * ERR_TEXT_MAX];

	snprintf(text, sizeof text, "%s: %s: %s", app, what, why);
	repair->report(repair->ctx, text);
}

static void report_refreshed(void *ctx, const struct refreshed *r)
{
	char why[2 * ERR_TEXT_MAX];

	if (r->state == REFRESH_SAME || (r->state == REFRESH_SLEEPS && !r->news))
		return;
	snprintf(why, sizeof why, "%s%s%s", r->why, r->help[0] ? "; " : "", r->help);
	report_repair(ctx, r->app, refreshed_name(r->state), why);
}

/* Adds the apps that are wrapped: transition_run has diverted the paths of the others. */
static int find_wrapped(struct policy *policy, struct strings *out, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	int r = policy_apps(policy, POLICY_NOW, &apps, err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (wrap_present(apps.items[i].path))
			r = strings_add(out, apps.items[i].path, err);
	return r;
}

static int repair_diversions(struct policy *policy, const struct repair *repair, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	AUTO_DPKG_SAYS struct dpkg_says says = {0};
	int failed = 0, r = find_wrapped(policy, &paths, err);

	says = DPKG_SAYS_OF(paths.items, paths.count);
	for (size_t i = 0; r >= 0 && i < paths.count; i++) {
		const char *app = paths.items[i];
		struct err why;

		r = divert_agrees(&says, app, err);
		if (r != 0)
			continue;
		if (divert_begin(&says, app, &why) == 0) {
			report_repair(repair, app, "repaired",
				      "dpkg did not divert upgrades of its package");
		} else {
			report_repair(repair, app, "its diversion cannot be repaired", why.text);
			failed++;
		}
	}
	return r < 0 ? r : failed;
}

int doctor_repair(struct policy *policy, struct store *store, report_fn *report, void *ctx,
		  struct err *err)
{
	struct repair repair = {report, ctx};
	const struct refresh_options options = {
		.deep = true, .report = report_refreshed, .ctx = &repair};
	int attention = refresh_apps(policy, store, &options, err), failed;

	if (attention < 0)
		return attention;
	failed = repair_diversions(policy, &repair, err);
	return failed < 0 ? failed : attention + failed;
}
