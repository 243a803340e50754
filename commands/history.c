#include "cli/message.h"
#include "cli/out.h"
#include "commands/commands.h"
#include "policy/policy.h"

#include <stdio.h>
#include <time.h>

static void time_text(int64_t seconds, char text[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || !localtime_r(&t, &tm) ||
	    strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(text, 32, "-");
}

static void print_generations(const struct generations *gens)
{
	struct table *t = table_new(4);

	for (size_t i = 0; i < gens->count; i++) {
		const struct generation *g = &gens->items[i];
		char id[32], time[32];

		snprintf(id, sizeof id, "%lld%s", (long long)g->id,
			 i + 1 == gens->count ? " *" : "");
		time_text(g->time, time);
		table_row(t, (const char *[]){id, time, g->user, g->command});
	}
	table_print(t);
}

static void json_generations(const struct generations *gens)
{
	json_open(NULL, '[');
	for (size_t i = 0; i < gens->count; i++) {
		const struct generation *g = &gens->items[i];

		json_open(NULL, '{');
		json_number("generation", g->id);
		json_number("time", g->time);
		json_number("uid", g->uid);
		json_string("user", g->user);
		json_string("command", g->command);
		json_bool("current", i + 1 == gens->count);
		json_close();
	}
	json_close();
}

static int run_history(int count, char **operands)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_GENERATIONS struct generations gens = {0};
	struct err err;

	(void)count;
	(void)operands;
	if (policy_open(&policy, &err) < 0 || policy_generations(policy, &gens, &err) < 0)
		return failed(&err);
	if (want_json)
		json_generations(&gens);
	else
		print_generations(&gens);
	return EXIT_OK;
}

const struct command command_history = {
	.name = "history",
	.group = GROUP_BACK,
	.summary = "List the generations of the policy",
	.text = "Each successful change makes one: number, time, user, command.",
	.json = true,
	.run = run_history,
};
