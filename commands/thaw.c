#include "cli/app.h"
#include "cli/out.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "commands/removed.h"
#include "freeze/freeze.h"
#include "policy/policy.h"

static bool force;

static const struct command_option options[] = {
	FLAG(&force, "force", "even if the loader finds that APP would not work"),
	{0},
};

static int print_thawed(struct session *s, const struct strings *apps, struct err *err)
{
	AUTO_APP struct app now = {0};
	int r = policy_app(s->policy, apps->items[0], POLICY_NOW, &now, err);

	if (r < 0 && r != -ENOENT)
		return r;
	json_open(NULL, '{');
	json_members("app %s generation %lld wrapped %d", apps->items[0], (long long)s->generation,
		     r == 0);
	r = removed_print(s, apps, err);
	json_close();
	print_line("generation %lld", (long long)s->generation);
	return r;
}

static int run_thaw(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_APPS struct apps apps = {0};
	char app[PATH_MAX];
	struct strings paths = {.items = (char *[]){app}, .count = 1};
	int status;

	(void)count;
	if (session_begin(&session, err) < 0 ||
	    policy_apps(session.policy, POLICY_NOW, &apps, err) < 0 ||
	    find_pinned(&apps, operands[0], app, err) < 0 ||
	    freeze_thaw(session.policy, app, err) < 0)
		return EXIT_ERR;
	status = session_activate(&session, &paths, force);
	return status ? status : print_thawed(&session, &paths, err);
}

const struct command command_thaw = {
	.name = "thaw",
	.group = GROUP_PIN,
	.summary = "Undo freeze: the program follows upgrades again",
	.text = "Pins that were set by hand stay. Without such pins the original program returns.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED}},
	.json = true,
	.root = true,
	.run = run_thaw,
};
