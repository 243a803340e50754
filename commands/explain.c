#include "commands/explain.h"

#include "cli/out.h"
#include "policy/due.h"

#include <time.h>

bool explanation_given(const struct explanation *e)
{
	return e->reason || e->date;
}

int explanation_read(struct explanation *e, struct err *err)
{
	const char *fault = e->reason && *e->reason ? reason_fault(e->reason) : NULL;

	if (fault)
		return err_set(err, EINVAL, "the TEXT of --reason %s", fault);
	if (e->date && until_read(e->date, time(NULL), &e->until, err) < 0)
		return err_wrap(err, -EINVAL, "--until");
	return 0;
}

int explanation_apply(const struct explanation *e, struct policy *policy, const char *path,
		      struct err *err)
{
	AUTO_APP struct app now = {0};
	const char *reason;
	int r = policy_app(policy, path, POLICY_NOW, &now, err);

	if (r < 0)
		return r;
	reason = !e->reason ? now.reason : *e->reason ? e->reason : NULL;
	return policy_explain(policy, path, reason, e->date ? e->until : now.until, err);
}

void explanation_print(const char *indent, const struct app *app)
{
	char day[UNTIL_TEXT], distance[DUE_DISTANCE];
	const int64_t now = time(NULL);

	if (app->reason)
		print_line("%sreason: %s", indent, app->reason);
	until_text(app->until, day);
	due_distance(app->until, now, distance);
	if (app->until)
		print_line("%suntil: %s (%s%s)", indent, day,
			   due_state(app->until, now) == DUE_OVER ? "overdue, " : "", distance);
}

void explanation_json(const struct app *app)
{
	char day[UNTIL_TEXT];

	until_text(app->until, day);
	json_members("reason %s until %s due %s", app->reason, app->until ? day : NULL,
		     due_name(due_state(app->until, time(NULL))));
}
