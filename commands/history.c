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

static void print_generation(struct table *t, const struct generation *g, bool current)
{
	char id[32], time[32];

	snprintf(id, sizeof id, "%lld%s", (long long)g->id, current ? " *" : "");
	time_text(g->time, time);
	table_row(t, (const char *[]){id, time, g->user, g->command});
	json_record("generation %lld time %lld uid %lld user %s command %s current %d",
		    (long long)g->id, (long long)g->time, (long long)g->uid, g->user, g->command,
		    current);
}

static int run_history(int count, char **operands, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_GENERATIONS struct generations gens = {0};
	struct table *t;

	(void)count;
	(void)operands;
	if (policy_open(&policy, err) < 0 || policy_generations(policy, &gens, err) < 0)
		return EXIT_ERR;
	t = table_new(4);
	json_open(NULL, '[');
	for (size_t i = 0; i < gens.count; i++)
		print_generation(t, &gens.items[i], i + 1 == gens.count);
	json_close();
	table_print(t);
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
