#include "base/paths.h"
#include "change/garbage.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/who.h"
#include "upgrade/keep.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct option options[] = {
	{"dry-run", no_argument, NULL, 'n'},
	{"keep", required_argument, NULL, 'k'},
	{"keep-days", required_argument, NULL, 'd'},
	{"keep-size", required_argument, NULL, 's'},
	{0},
};

/* What upgrades took away stays for a while, as pinlib.conf has it; a negative number here is none.
 */
static int retained(struct store *store, int64_t days, int64_t megabytes, struct digests *out,
		    struct err *err)
{
	struct keep_conf conf;

	if (keep_conf_read(PINLIB_CONF, &conf, err) < 0)
		warn("%s; going by the defaults", err->text);
	if (days >= 0)
		conf.days = days;
	if (megabytes >= 0)
		conf.bytes = (uint64_t)megabytes << 20;
	return keep_retained(store, &conf, time(NULL), out, err);
}

static bool read_count(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return *text && !*end && errno == 0 && *out > 0;
}

/* -- who holds what -- */

/* A label is LAYER:GENERATION:APP. */
static void json_holders(const struct garbage *c)
{
	json_open("in_use", '[');
	for (size_t i = 0; i < c->live.count; i++) {
		const struct live_label *l = &c->live.labels[i];

		if (!c->holds[i])
			continue;
		json_open(NULL, '{');
		json_string("label", l->label);
		json_number("processes", (int64_t)l->processes);
		if (l->processes)
			json_who(&l->first);
		json_close();
	}
	json_close();
}

#define HOLDERS_SHOWN 20

static void print_holder(const struct live_label *l)
{
	AUTO_FREE char *label = strdup(l->label);
	size_t others = l->processes ? l->processes - 1 : 0;

	if (!label)
		return;
	if (l->processes == 0)
		warn("the view %s stays: it stands ready for a service", printable(label));
	else if (others)
		warn("the view %s stays: %s and %zu other%s", printable(label), who_text(&l->first),
		     others, others == 1 ? " are in it" : "s are in it");
	else
		warn("the view %s stays: %s is in it", printable(label), who_text(&l->first));
}

static void print_holders(const struct garbage *c)
{
	size_t shown = 0;

	for (size_t i = 0; i < c->live.count; i++)
		if (c->holds[i] && shown++ < HOLDERS_SHOWN)
			print_holder(&c->live.labels[i]);
	if (shown > HOLDERS_SHOWN)
		warn("so do %zu more, see 'pinlib ps'", shown - HOLDERS_SHOWN);
}

static void print_launching(const struct garbage *c)
{
	const char *layers = c->held == 1 ? "layer stays" : "layers stay";

	if (c->held && c->live.nlaunching)
		warn("%zu %s for now: %s is being started and may still need %s", c->held, layers,
		     who_text(&c->live.launching[0]), c->held == 1 ? "it" : "them");
	else if (c->held)
		warn("%zu %s for now", c->held, layers);
}

static void print_json(const struct garbage *c, bool dry_run)
{
	json_number("versions", (int64_t)c->store.versions);
	json_number("objects", (int64_t)c->store.objects);
	json_number("layers", (int64_t)c->layers);
	json_number("layers_held", (int64_t)c->held);
	json_number("generations", (int64_t)c->generations);
	json_number("bytes", (int64_t)c->store.bytes);
	json_holders(c);
	json_silent(&c->live.silent);
	json_bool("dry_run", dry_run);
}

static void print_text(const struct garbage *c, bool dry_run)
{
	char size[32];

	progress_hide();
	human_size(c->store.bytes, size);
	printf("%s %zu versions, %zu objects, %zu layers, %zu generations: %s\n",
	       dry_run ? "would free" : "freed", c->store.versions, c->store.objects, c->layers,
	       c->generations, size);
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_GARBAGE struct garbage result = {0};
	struct err err;
	AUTO_FREE struct digest *items = NULL;
	struct digests kept = {0};
	int64_t keep = 0, days = -1, megabytes = -1;
	bool dry_run = false;
	int c, r;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c == 'n')
			dry_run = true;
		else if (c == 'k' && read_count(optarg, &keep))
			continue;
		else if (c == 'd' && read_count(optarg, &days) && days < INT32_MAX)
			continue;
		else if (c == 's' && read_count(optarg, &megabytes) && megabytes < INT32_MAX)
			continue;
		else if (c == 'd' || c == 's')
			return misused(&command_gc, "that option wants a number, not '%s'", optarg);
		else if (c == 'k')
			return misused(&command_gc,
				       "--keep wants a number of generations, not '%s'", optarg);
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return misused(&command_gc, "'%s' is too much", argv[optind]);
	progress_show();
	if (session_begin(&session, &err) < 0 ||
	    retained(session.store, days, megabytes, &kept, &err) < 0)
		return failed(&err);
	items = kept.items;
	if (want_json) {
		json_open(NULL, '{');
		json_open("removed", '[');
	}
	r = garbage_collect(session.policy, session.store, &kept, keep, dry_run, print_found, NULL,
			    &result, &err);
	if (want_json)
		json_close();
	if (r == 0 && want_json)
		print_json(&result, dry_run);
	else if (r == 0)
		print_text(&result, dry_run);
	if (want_json)
		json_close();
	if (r == 0 && !want_json)
		print_holders(&result);
	if (r == 0)
		print_launching(&result);
	if (r == 0)
		warn_silent(&result.live.silent, "what they may use stays for now");
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_gc = {
	.name = "gc",
	.synopsis = "[--dry-run] [--keep N] [--keep-days DAYS] [--keep-size MIB] [--json]",
	.summary = "Remove versions that no pin, no generation kept and no live view needs",
	.options = "  --dry-run   only say what would go\n"
		   "  --keep N    first forget all but the newest N generations\n"
		   "  --keep-days DAYS, --keep-size MIB  of what 'pinlib keep' stored before "
		   "upgrades, "
		   "leave\n"
		   "              what is younger, and the newest of that size; else as in "
		   "pinlib.conf(5)\n",
	.root = true,
	.run = run,
};
