/* Programs whose date has come or comes soon, and whether the clock can tell. */
#include "policy/due.h"
#include "doctor/check.h"

#include <stdio.h>
#include <time.h>

/* The newest generation, made after now by its own record; NULL: there is none. */
static const struct generation *find_future(const struct generations *gens, int64_t now)
{
	const struct generation *last = gens->count ? &gens->items[gens->count - 1] : NULL;

	return last && last->time > now ? last : NULL;
}

static void moment_text(int64_t seconds, char text[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(text, 32, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(text, 32, "%lld", (long long)seconds);
}

static void report_clock(struct checkup *c, const struct generation *g, int64_t now)
{
	char clock[32], made[32];

	moment_text(now, clock);
	moment_text(g->time, made);
	check_note(c, "set the clock (timedatectl(1)), and then run 'pinlib doctor due'",
		   "the clock says %s, but generation %lld was made at %s: pinlib cannot tell "
		   "which programs are due",
		   clock, (long long)g->id, made);
}

static void report_due(struct checkup *c, const struct app *app, enum due due, int64_t now)
{
	char what[DUE_TEXT], remedy[2 * PATH_MAX];

	due_text(app->until, now, what);
	snprintf(remedy, sizeof remedy, "'pinlib set --until DATE %s', or 'pinlib unset %s'",
		 app->path, app->path);
	check_report(c, due == DUE_OVER ? HEALTH_FAULT : HEALTH_NOTE, remedy, "%s is %s%s%s",
		     app->path, what, app->reason ? ": " : "", app->reason ? app->reason : "");
}

int check_due(struct checkup *c, struct err *err)
{
	AUTO_GENERATIONS struct generations gens = {0};
	const int64_t now = time(NULL);
	const struct generation *future;
	size_t dated = 0, reported = 0;
	int r;

	if (!c->policy) {
		check_note(c, NULL, "not checked: the policy cannot be read");
		return 0;
	}
	r = policy_generations(c->policy, &gens, err);
	if (r < 0)
		return r;
	future = find_future(&gens, now);
	for (size_t i = 0; i < c->apps.count; i++) {
		const struct app *app = &c->apps.items[i];
		enum due due = due_state(app->until, now);

		dated += due != DUE_NEVER;
		/* A clock that was set back can hide that a date is past, but not invent it. */
		if (due == DUE_OVER || (due == DUE_SOON && !future)) {
			report_due(c, app, due, now);
			reported++;
		}
	}
	if (dated && future)
		report_clock(c, future, now);
	else if (!dated)
		check_well(c, "no program is pinned until a date");
	else if (!reported)
		check_well(c, "%zu program%s pinned until a date, none due within %d days", dated,
			   dated == 1 ? " is" : "s are", DUE_SOON_DAYS);
	return 0;
}
