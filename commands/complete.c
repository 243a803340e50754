#include "cli/complete.h"

#include "commands/commands.h"

static int run_complete(int count, char **operands, struct err *err)
{
	char **words = arguments_rest + 1;

	(void)operands;
	for (count = 0; words[count];)
		count++;
	complete_words(count, words);
	return EXIT_OK;
}

const struct command command_complete = {
	.name = "complete",
	.summary = "List what the last word of a command line may be, for shells",
	.operands = {{.name = "WORD", .kind = ARG_TEXT, .repeats = true, .behind_dashes = true}},
	.run = run_complete,
};
