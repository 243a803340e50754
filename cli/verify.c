#include "base/paths.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "policy/activate.h"
#include "store/layer.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static void finding(void *ctx, const char *what)
{
	(void)ctx;
	if (want_json)
		json_string(NULL, what);
	else
		printf("%s\n", what);
}

/* Sums findings; a part that cannot be looked at is a finding too, and the others are still done.
 */
static void tally(int r, const struct err *err, int *findings)
{
	if (r >= 0) {
		*findings += r;
		return;
	}
	finding(NULL, err->text);
	++*findings;
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	struct err err;
	int findings = 0, r;

	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	if (optind < argc)
		return misused(&command_verify, "'%s' is too much", argv[optind]);
	if (session_begin(&session, &err) < 0)
		return failed(&err);
	if (want_json) {
		json_open(NULL, '{');
		json_open("findings", '[');
	}
	r = store_verify(session.store, finding, NULL, &err);
	tally(r, &err, &findings);
	r = layer_verify(session.store, PINLIB_LAYERS, finding, NULL, &err);
	tally(r, &err, &findings);
	r = activate_verify(session.policy, session.store, finding, NULL, &err);
	tally(r, &err, &findings);
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
	.synopsis = "[--json]",
	.summary = "Rehash the store, compare layers and plans, and name what is damaged",
	.root = true,
	.run = run,
};
