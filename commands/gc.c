#include "base/paths.h"
#include "change/garbage.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/size.h"
#include "cli/terminal.h"
#include "cli/who.h"
#include "commands/commands.h"
#include "seal/record.h"
#include "store/layer.h"
#include "upgrade/keep.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct {
	bool dry_run;
	const char *keep, *keep_days, *keep_size;
} given;

static const struct command_option options[] = {
	FLAG(&given.dry_run, "dry-run", "only print what would be removed"),
	OPTION(&given.keep, "keep", ARG_TEXT, "N", "first forget all but the newest N generations"),
	OPTION(&given.keep_days, "keep-days", ARG_TEXT, "DAYS",
	       "leave versions that 'pinlib keep' stored in the last DAYS days (default: "
	       "pinlib.conf(5))"),
	OPTION(&given.keep_size, "keep-size", ARG_TEXT, "MIB",
	       "leave at most MIB mebibytes of them, the newest"),
	{0},
};

/* What 'pinlib keep' stored stays as long as pinlib.conf says, or these options; a negative number is no option. */
static int retained(struct store *store, int64_t days, int64_t megabytes, struct digests *out,
		    struct err *err)
{
	struct keep_conf conf;

	if (keep_conf_read(PINLIB_CONF, &conf, err) < 0)
		warn("%s; the defaults are used", err->text);
	if (days >= 0)
		conf.days = days;
	if (megabytes >= 0)
		conf.bytes = (uint64_t)megabytes << 20;
	return keep_retained(store, &conf, time(NULL), out, err);
}

/* -- processes that need what could go -- */

static void json_set_holders(const struct sets_used *sets)
{
	for (size_t i = 0; i < sets->count; i++) {
		const struct set_used *set = &sets->items[i];

		json_open(NULL, '{');
		json_string("label", NULL);
		json_members("set %s processes %lld", set->id, (long long)set->processes);
		if (set->processes)
			json_who(&set->first);
		json_close();
	}
}

/* A label is LAYER:GENERATION:APP. */
static void json_holders(const struct garbage *c)
{
	json_open("in_use", '[');
	for (size_t i = 0; i < c->live.count; i++) {
		const struct live_label *l = &c->live.labels[i];

		if (!c->holds[i])
			continue;
		json_open(NULL, '{');
		json_members("label %s processes %lld", l->label, (long long)l->processes);
		if (l->processes)
			json_who(&l->first);
		json_close();
	}
	json_set_holders(&c->sets);
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
		warn("the view %s stays: a service has it mounted", printable(label));
	else if (others)
		warn("the view %s stays: %s and %zu other%s", printable(label), who_text(&l->first),
		     others, others == 1 ? " process use it" : " processes use it");
	else
		warn("the view %s stays: %s uses it", printable(label), who_text(&l->first));
}

static void print_set_holder(const struct set_used *set)
{
	size_t others = set->processes - 1;

	if (others)
		warn("the libraries of the sealed program in " PINLIB_LAYERS
		     "/%s stay: %s and %zu other%s",
		     set->id, who_text(&set->first), others,
		     others == 1 ? " process use them" : " processes use them");
	else
		warn("the libraries of the sealed program in " PINLIB_LAYERS
		     "/%s stay: %s uses them",
		     set->id, who_text(&set->first));
}

static void print_set_holders(const struct sets_used *sets)
{
	size_t shown = 0;

	for (size_t i = 0; i < sets->count; i++)
		if (sets->items[i].processes && shown++ < HOLDERS_SHOWN)
			print_set_holder(&sets->items[i]);
	if (shown > HOLDERS_SHOWN)
		warn("the libraries of %zu more stay: 'pinlib ps' lists them",
		     shown - HOLDERS_SHOWN);
	if (sets->hidden && sets->count)
		warn("the libraries of all sealed programs stay: the maps of %zu process%s cannot "
		     "be read",
		     sets->hidden, sets->hidden == 1 ? "" : "es");
}

static void print_holders(const struct garbage *c)
{
	size_t shown = 0;

	for (size_t i = 0; i < c->live.count; i++)
		if (c->holds[i] && shown++ < HOLDERS_SHOWN)
			print_holder(&c->live.labels[i]);
	if (shown > HOLDERS_SHOWN)
		warn("%zu more views stay: 'pinlib ps' lists them", shown - HOLDERS_SHOWN);
	print_set_holders(&c->sets);
}

static void print_launching(const struct garbage *c)
{
	const char *layers = c->held == 1 ? "layer stays" : "layers stay";

	if (c->held && c->live.launching.count)
		warn("%zu %s for now: %s is being started and may still need %s", c->held, layers,
		     who_text(&c->live.launching.items[0]), c->held == 1 ? "it" : "them");
	else if (c->held)
		warn("%zu %s for now", c->held, layers);
}

static void json_freed(const struct garbage *c)
{
	json_members("versions %lld objects %lld layers %lld layers_held %lld generations %lld "
		     "bytes %lld",
		     (long long)c->store.versions, (long long)c->store.objects,
		     (long long)c->layers, (long long)c->held, (long long)c->generations,
		     (long long)c->store.bytes);
	json_holders(c);
	json_silent(&c->live.silent);
	json_bool("dry_run", given.dry_run);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_freed(const struct garbage *c)
{
	char size[32];

	human_size(c->store.bytes, size);
	print_line("%s %zu version%s, %zu object%s, %zu layer%s, %zu generation%s: %s",
		   given.dry_run ? "would free" : "freed", c->store.versions,
		   plural(c->store.versions), c->store.objects, plural(c->store.objects), c->layers,
		   plural(c->layers), c->generations, plural(c->generations), size);
}

/* Without a text *out stays as it is. */
static bool read_limit(const char *text, int64_t most, int64_t *out)
{
	return !text || read_number(text, 1, most, out);
}

static int print_garbage(struct session *s, const struct digests *kept, int64_t keep,
			 struct garbage *result, struct err *err)
{
	int r;

	json_open(NULL, '{');
	json_open("removed", '[');
	r = garbage_collect(s->policy, s->store, kept, keep, given.dry_run, print_found, NULL,
			    result, err);
	json_close();
	if (r == 0 && want_json)
		json_freed(result);
	json_close();
	if (r < 0)
		return r;
	print_freed(result);
	if (!want_json)
		print_holders(result);
	print_launching(result);
	warn_silent(&result->live.silent, "the files that they may use stay for now");
	return 0;
}

/* A user's own store: what its sealed files do not need. */
static int collect_home(struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_SEAL_RECORDS struct seal_records records = {0};
	AUTO_STRINGS struct strings sets = {0};
	struct garbage result = {0};
	struct digests needed = {0};
	struct layer_keep keep = {0};
	struct layers_gone gone = {0};
	struct home home;
	int r = session_begin_home(&session, &home, err);

	if (r == 0)
		r = records_read(&home, &records, err);
	if (r == 0)
		r = records_needs(&records, &sets, &needed, err);
	json_open(NULL, '{');
	json_open("removed", '[');
	if (r == 0 && !given.dry_run)
		r = records_sweep(&home, &records, err);
	if (r == 0)
		r = store_gc(session.store, &needed, given.dry_run, print_found, NULL,
			     &result.store, err);
	keep.ids = (const char *const *)sets.items;
	keep.count = keep.planned = sets.count;
	if (r == 0)
		r = layer_gc(home.layers, &keep, given.dry_run, print_found, NULL, &gone, err);
	json_close();
	result.layers = gone.removed;
	if (r == 0 && want_json)
		json_freed(&result);
	json_close();
	free(needed.items);
	if (r == 0)
		print_freed(&result);
	return r;
}

static int run_gc(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_GARBAGE struct garbage result = {0};
	AUTO_FREE struct digest *items = NULL;
	struct digests kept = {0};
	int64_t keep = 0, days = -1, megabytes = -1;

	(void)count;
	(void)operands;
	if (!read_limit(given.keep, INT64_MAX, &keep))
		return misused("'%s' is not a number of generations", given.keep);
	if (!read_limit(given.keep_days, INT32_MAX, &days))
		return misused("'%s' is not a number of days", given.keep_days);
	if (!read_limit(given.keep_size, INT32_MAX, &megabytes))
		return misused("'%s' is not a number of mebibytes", given.keep_size);
	if (want_user && (given.keep || given.keep_days || given.keep_size))
		return misused("--user does not go with --keep, --keep-days and --keep-size");
	progress_show();
	if (want_user)
		return collect_home(err);
	if (session_begin(&session, err) < 0 ||
	    retained(session.store, days, megabytes, &kept, err) < 0)
		return EXIT_ERR;
	items = kept.items;
	return print_garbage(&session, &kept, keep, &result, err);
}

const struct command command_gc = {
	.name = "gc",
	.group = GROUP_CARE,
	.summary = "Remove versions that no pin, generation or process needs",
	.options = options,
	.json = true,
	.root = true,
	.user = true,
	.run = run_gc,
};
