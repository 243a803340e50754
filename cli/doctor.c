#include "doctor/doctor.h"

#include "base/paths.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"

#include <getopt.h>
#include <stdio.h>

static const struct option options[] = {{"repair", no_argument, NULL, 'r'}, {0}};

static const char *const names[] = {
	[HEALTH_WELL] = "well",
	[HEALTH_NOTE] = "note",
	[HEALTH_FAULT] = "fault",
};

static void print_finding(void *ctx, const struct finding *f)
{
	struct table *t = ctx;

	if (want_json) {
		json_open(NULL, '{');
		json_string("check", f->check);
		json_string("health", names[f->health]);
		json_string("text", f->text);
		json_string("remedy", f->remedy);
		json_close();
		return;
	}
	table_row(t, (const char *[]){names[f->health], f->check, f->text});
	if (f->remedy)
		table_row(t, (const char *[]){"", "", f->remedy});
}

/* Nobody changes what is being looked at. Where nothing can be written there is no lock, and nobody
 * who changes anything. */
static void lock(int *fd)
{
	struct err err;

	if (access(PINLIB_STATE, F_OK) == 0 && take_lock(fd, NULL, &err) < 0)
		warn("%s", err.text);
}

static void say_repair(void *ctx, const char *text)
{
	(void)ctx;
	warn("%s", text);
}

static int repair(struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_POLICY struct policy *committed = NULL;
	int r = session_begin_store(&session, err);

	if (r == 0)
		r = policy_open(&committed, err);
	return r < 0 ? r : doctor_repair(committed, session.store, say_repair, NULL, err);
}

static int run(int argc, char **argv)
{
	AUTO_LOCK int held = -1;
	struct table *t = NULL;
	bool repairing = false;
	struct err err;
	int faults, c;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'r')
			return EXIT_USAGE;
		repairing = true;
	}
	if (optind < argc)
		return misused(&command_doctor, "'%s' is too much", argv[optind]);
	progress_show();
	if (repairing && repair(&err) < 0)
		return failed(&err);
	lock(&held);
	if (want_json) {
		json_open(NULL, '{');
		json_open("findings", '[');
		faults = doctor_examine(NULL, 0, print_finding, NULL);
		json_close();
		json_number("faults", faults);
		json_close();
	} else {
		t = table_new(3);
		faults = doctor_examine(NULL, 0, print_finding, t);
		table_print(t);
	}
	return faults ? EXIT_FAIL : EXIT_OK;
}

const struct command command_doctor = {
	.name = "doctor",
	.synopsis = "[--repair] [--json]",
	.summary = "Check what pinlib needs of the machine and keeps on it, and say what to do",
	.options = "  --repair  first repair layers, plans, wrappers and diversions\n"
		   "A line for each finding: 'well', 'note' (a limit that pinned programs do not "
		   "suffer\n"
		   "from) or 'fault', and under it what to do. The exit status is 1 if there is a "
		   "fault.\n"
		   "Without --repair nothing is changed.\n",
	.root = true,
	.run = run,
};
