#include "cli/cli.h"
#include "cli/out.h"
#include "policy/activate.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text && !*end && errno == 0 && *out >= 0;
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_PATHS struct paths paths = {0};
	char command[1024];
	struct err err;
	int64_t wanted = -1, generation = 0;

	command_line(argc, argv, command, sizeof command);
	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	if (argc - optind > 1)
		return misused(&command_rollback, "one generation at a time");
	if (optind < argc && !read_number(argv[optind], &wanted))
		return misused(&command_rollback, "'%s' is no generation's number", argv[optind]);
	if (session_begin(&session, &err) < 0)
		return failed(&err);
	if (wanted < 0) /* the last number is of the generation being made */
		wanted = policy_current(session.policy) - 2;
	if (wanted < 0) {
		err_set(&err, ENOENT, "there is no earlier generation");
		return failed(&err);
	}
	if (policy_restore(session.policy, wanted, &paths, &err) < 0 ||
	    activate(session.policy, session.store, &paths, command, &generation, &err) < 0)
		return failed(&err);
	if (want_json) {
		json_open(NULL, '{');
		json_number("generation", generation);
		json_number("restored", wanted);
		json_bool("changed", paths.count > 0);
		json_close();
	} else if (paths.count == 0) {
		printf("generation %lld is already as generation %lld was\n", (long long)generation,
		       (long long)wanted);
	} else {
		printf("generation %lld is generation %lld again\n", (long long)generation,
		       (long long)wanted);
	}
	return EXIT_OK;
}

const struct command command_rollback = {
	.name = "rollback",
	.synopsis = "[N]",
	.summary = "Return to a generation of the policy; the last one before now without N",
	.options = "This is a new generation itself, so it can be taken back in the same way.\n",
	.root = true,
	.run = run,
};
