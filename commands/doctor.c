#include "doctor/doctor.h"

#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "policy/lock.h"
#include "policy/policy.h"
#include "seal/home.h"

#include <string.h>

static bool repairing;

static const struct command_option options[] = {
	FLAG(&repairing, "repair",
	     "first repair what pinlib can: layers, plans, stubs and diversions, and what "
	     "package upgrades changed"),
	{0},
};

static const char *const health_names[] = {
	[HEALTH_WELL] = "well",
	[HEALTH_NOTE] = "note",
	[HEALTH_FAULT] = "fault",
};

static void print_finding(void *ctx, const struct finding *f)
{
	struct table *t = ctx;

	json_record("check %s health %s text %s remedy %s", f->check, health_names[f->health],
		    f->text, f->remedy);
	table_row(t, (const char *[]){health_names[f->health], f->check, f->text});
	if (f->remedy)
		table_row(t, (const char *[]){"", "", f->remedy});
}

/* Returns how many apps need attention: faults that could not be repaired are among the findings of the checks, but not
 * a view that no longer works. */
static int repair(struct session *s, struct err *err)
{
	AUTO_POLICY struct policy *committed = NULL;
	int r = policy_open(&committed, err);

	return r < 0 ? r : doctor_repair(committed, s->store, warn_report, NULL, err);
}

static int repair_home(struct session *s, struct home *home, struct err *err)
{
	int failing, r = session_begin_home(s, home, err);

	if (r < 0)
		return r;
	failing = home->user ? 0 : repair(s, err);
	r = failing < 0 ? failing : doctor_repair_sealed(home, s->store, warn_report, NULL, err);
	return r < 0 ? r : failing + r;
}

/* Nothing changes while the checks read. Without a state directory there is no lock, and nothing to change. */
static void lock_state(const struct home *home, int *fd)
{
	struct err err;
	int r;

	if (access(home->state, F_OK) < 0)
		return;
	r = home->user ? policy_lock_at(home->state, fd, NULL, &err) : take_lock(fd, NULL, &err);
	if (r < 0)
		warn("%s", err.text);
	else if (home->user)
		terminal_hold(*fd);
}

static int print_checks(const struct home *home, char *const *checks, size_t n)
{
	struct table *t = table_new(3);
	int faults;

	json_open(NULL, '{');
	json_open("findings", '[');
	faults = doctor_examine(home, checks, n, print_finding, t);
	json_close();
	json_number("faults", faults);
	json_close();
	table_print(t);
	return faults;
}

static int run_doctor(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	struct home home;
	int failing = 0;

	for (int i = 0; i < count; i++)
		if (!doctor_has_check(operands[i]))
			return misused("'%s' is not a check; 'pinlib doctor' lists them",
				       operands[i]);
	progress_show();
	if (home_find(want_user, &home, err) < 0)
		return EXIT_ERR;
	if (!repairing)
		lock_state(&home, &session.lock);
	else if ((failing = repair_home(&session, &home, err)) < 0)
		return EXIT_ERR;
	return print_checks(&home, operands, (size_t)count) || failing ? EXIT_FAIL : EXIT_OK;
}

const struct command command_doctor = {
	.name = "doctor",
	.group = GROUP_CARE,
	.summary = "Check pinlib and its files, and print remedies",
	.text = "Prints a line for each finding: 'well', 'note' (a limit that pinned programs do "
		"not suffer from, a pin against pinlib-programs(5), or a date of 'set --until' "
		"within 14 days) or 'fault', and the remedy "
		"on the next line. The exit status is "
		"1 if "
		"there is a fault. Without --repair nothing is changed.\n"
		"CHECK limits doctor to some of its checks, by the names that it prints. The check "
		"'store' reads all of the store, and 'layers' all layers.",
	.options = options,
	.operands = {{.name = "CHECK", .kind = ARG_CHECK, .optional = true, .repeats = true}},
	.json = true,
	.root = true,
	.user = true,
	.run = run_doctor,
};
