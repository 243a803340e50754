#include "cli/cli.h"
#include "cli/out.h"
#include "cli/ps.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_pid(const char *text, pid_t *out)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(text, &end, 10);
	*out = (pid_t)pid;
	return *text && !*end && errno == 0 && pid > 0 && *out == pid;
}

static void print_json(const struct processes *found)
{
	json_open(NULL, '[');
	for (size_t i = 0; i < found->count; i++)
		process_json(&found->items[i], true);
	json_close();
}

static void print_text(pid_t pid, const struct processes *found)
{
	for (size_t i = 0; i < found->count; i++)
		process_print(&found->items[i]);
	if (found->count == 0)
		printf("process %d has no label: it is in no view\n", pid);
}

/* One that is not to be believed is as good as none. */
static bool has_label(const struct processes *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].trust != TRUST_NO)
			return true;
	return false;
}

static int run(int argc, char **argv)
{
	AUTO_PROCESSES struct processes found = {0};
	struct err err;
	pid_t pid;

	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	if (argc - optind != 1)
		return misused(&command_label, "one process at a time, by its number");
	if (!read_pid(argv[optind], &pid))
		return misused(&command_label, "'%s' is not a process number", argv[optind]);
	if (processes_read_one(pid, &found, &err) < 0)
		return failed(&err);
	if (want_json)
		print_json(&found);
	else
		print_text(pid, &found);
	return has_label(&found) ? EXIT_OK : EXIT_FAIL;
}

const struct command command_label = {
	.name = "label",
	.synopsis = "PID [--json]",
	.summary = "Say which view a process is in; exit status 1 if in none",
	.host = true,
	.run = run,
};
