#include "host/unit_view.h"

#include "base/cleanup.h"
#include "cli/cli.h"
#include "host/unit_file.h"

#include <getopt.h>
#include <stdio.h>

/* systemd takes any other status of an ExecCondition= for a reason to skip the unit, quietly. */
#define FAILED 255

static const struct option options[] = {{"end", no_argument, NULL, 'e'}, {0}};

static int stage(const char *unit, int argc, char **argv, struct err *err)
{
	bool pinned;
	int r = unit_view_build(unit, argv[0], (const char *const *)argv + 1, (size_t)argc - 1,
				&pinned, err);

	if (r == 0 && !pinned)
		warn("%s has no pins, and %s starts without a view", argv[0], unit);
	return r;
}

static int run(int argc, char **argv)
{
	AUTO_LOCK int lock = -1;
	char unit[NAME_MAX + 1];
	bool end = false;
	struct err err;
	int c, r;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'e')
			return FAILED;
		end = true;
	}
	if (argc - optind < (end ? 1 : 2)) {
		misused(&command_stage, "which unit, and which program?");
		return FAILED;
	}
	r = unit_file_name(argv[optind], unit, &err);
	if (r == 0)
		r = unit_view_enter(&err);
	if (r == 0 && !end)
		r = take_lock(&lock, NULL, &err);
	if (r == 0)
		r = end ? unit_view_clear(unit, &err)
			: stage(unit, argc - optind - 1, argv + optind + 1, &err);
	if (r < 0)
		failed(&err);
	return r < 0 ? FAILED : EXIT_OK;
}

const struct command command_stage = {
	.name = "stage",
	.synopsis = "[--end] UNIT [APP DIR...]",
	.summary = "Hold a view ready for a service",
	.options = "Called by systemd, as the drop-in of 'pinlib unit' says.\n",
	/* Not .root: what it needs is to enter process 1's namespace, by which a view is left, and
	 * whatever fails has to end with FAILED. */
	.hidden = true,
	.run = run,
};
