#include "base/paths.h"
#include "change/drift.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "doctor/doctor.h"
#include "host/wrapper_file.h"
#include "store/layer.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option options[] = {{"repair", no_argument, NULL, 'r'}, {0}};

/* Sums findings; a part that cannot be looked at is a finding too, and the others are still done.
 */
static void tally(int r, const struct err *err, int *findings)
{
	if (r >= 0) {
		*findings += r;
		return;
	}
	print_found(NULL, err->text);
	++*findings;
}

static void say_repair(void *ctx, const char *what)
{
	(void)ctx;
	warn("%s", what);
}

/* What cannot be repaired is among the findings afterwards. */
static int repair(struct session *s, struct err *err)
{
	AUTO_POLICY struct policy *committed = NULL;
	int r = policy_open(&committed, err);

	return r < 0 ? r : doctor_repair(committed, s->store, say_repair, NULL, err);
}

static int verify_apps(struct session *s, struct err *err)
{
	AUTO_APPS struct apps apps = {0};
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	struct err why;
	int findings = 0, r = file ? policy_apps(s->policy, POLICY_NOW, &apps, err) : err_nomem(err);

	for (size_t i = 0; r == 0 && i < apps.count; i++)
		if (drift_find(&apps.items[i], s->store, file, &why) < 0) {
			print_found(NULL, why.text);
			findings++;
		}
	if (r < 0 || wrapper_check(&why) == 0)
		return r < 0 ? r : findings;
	print_found(NULL, why.text);
	return findings + 1;
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	struct err err;
	bool repairing = false;
	int findings = 0, c, r;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'r')
			return EXIT_USAGE;
		repairing = true;
	}
	if (optind < argc)
		return misused(&command_verify, "'%s' is too much", argv[optind]);
	progress_show();
	if (session_begin(&session, &err) < 0 || (repairing && repair(&session, &err) < 0))
		return failed(&err);
	if (want_json) {
		json_open(NULL, '{');
		json_open("findings", '[');
	}
	r = store_verify(session.store, print_found, NULL, &err);
	tally(r, &err, &findings);
	r = layer_verify(session.store, PINLIB_LAYERS, print_found, NULL, &err);
	tally(r, &err, &findings);
	r = verify_apps(&session, &err);
	tally(r, &err, &findings);
	progress_hide();
	if (want_json) {
		json_close();
		json_close();
	} else if (findings) {
		printf("%d finding%s\n", findings, findings == 1 ? "" : "s");
	} else {
		printf("all is well: policy, plans, layers and store\n");
	}
	return findings ? EXIT_FAIL : EXIT_OK;
}

const struct command command_verify = {
	.name = "verify",
	.synopsis = "[--repair] [--json]",
	.summary = "Rehash the store, compare layers and plans, and name what is damaged",
	.options = "  --repair  first build damaged layers and plans anew, from the store and the "
		   "policy,\n            and bring back diversions that dpkg has lost\n",
	.root = true,
	.run = run,
};
