#include "cli/command.h"

#include <string.h>

bool want_json;
bool want_user;
const struct command *command_current;
const struct command *const *command_table;

const struct command *command_find(const char *name)
{
	for (size_t i = 0; command_table[i]; i++)
		if (strcmp(command_table[i]->name, name) == 0)
			return command_table[i];
	return NULL;
}

bool option_is_joined(const struct command_option *o)
{
	return o->kind == ARG_WORDS || o->kind == ARG_PROFILE;
}

const char *command_group_name(enum command_group group)
{
	static const char *const names[] = {
		[GROUP_HIDDEN] = "",	  [GROUP_PIN] = "pin",		 [GROUP_LOOK] = "look",
		[GROUP_BACK] = "go back", [GROUP_UPGRADES] = "upgrades", [GROUP_CARE] = "care",
		[GROUP_RUN] = "run",
	};

	return names[group];
}
