#include "base/strings.h"
#include "cli/cli.h"
#include "cli/out.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const struct option options[] = {
	{"force", no_argument, NULL, 'F'},
	{0},
};

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
	AUTO_STRINGS struct strings paths = {0};
	char command[1024];
	struct err err;
	int64_t wanted = -1, generation = 0;
	bool force = false;
	int c;

	command_line(argc, argv, command, sizeof command);
	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'F')
			return EXIT_USAGE;
		force = true;
	}
	if (argc - optind > 1)
		return misused(&command_rollback, "one generation at a time");
	if (optind < argc && !read_number(argv[optind], &wanted))
		return misused(&command_rollback, "'%s' is no generation's number", argv[optind]);
	if (session_begin(&session, &err) < 0)
		return failed(&err);
	if (wanted < 0)
		wanted = policy_previous(session.policy);
	if (wanted < 0) {
		err_set(&err, ENOENT, "there is no earlier generation");
		return failed(&err);
	}
	if (policy_restore(session.policy, wanted, &paths, &err) < 0)
		return failed(&err);
	if (session_activate(&session, &paths, command, force, &generation) != EXIT_OK)
		return EXIT_FAIL;
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
	.synopsis = "[--force] [N]",
	.summary = "Return to a generation of the policy; the last one before now without N",
	.options = "This is a new generation itself, so it can be taken back in the same way. "
		   "Where the\n"
		   "live system has changed since, the loader may be against a view of then:\n"
		   "  --force  show it all the same\n",
	.root = true,
	.run = run,
};
