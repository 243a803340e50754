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
	bool dry_run, now;
	const char *keep, *keep_days, *keep_size;
} given;

static const struct command_option options[] = {
	FLAG(&given.dry_run, "dry-run", "only print what would be removed"),
	OPTION(&given.keep, "keep", ARG_TEXT, "N", "first forget all but the newest N generations"),
	OPTION(&given.keep_days, "keep-days", ARG_TEXT, "DAYS",
	       "leave versions that 'pinlib keep' stored or somebody added in the last DAYS days "
	       "(default: pinlib.conf(5))"),
	OPTION(&given.keep_size, "keep-size", ARG_TEXT, "MIB",
	       "leave at most MIB mebibytes of those that 'pinlib keep' stored, the newest"),
	FLAG(&given.now, "now", "also remove versions that were added in the last day"),
	{0},
};

/* The versions that stay although nothing uses them. */
struct retained {
	struct digests items;
	size_t added; /* so many of the last were added by hand */
};

static void retained_free(struct retained *r)
{
	free(r->items.items);
}

/* What 'pinlib keep' stored, or somebody added, stays as long as pinlib.conf says, or these options; a negative number is
 * no option. */
static void read_conf(int64_t days, int64_t megabytes, struct keep_conf *conf)
{
	struct err err;

	if (keep_conf_read(PINLIB_CONF, conf, &err) < 0)
		warn("%s; the defaults are used", err.text);
	if (days >= 0)
		conf->days = conf->added_days = days;
	if (megabytes >= 0)
		conf->bytes = (uint64_t)megabytes << 20;
}

/* used: what the policy has, or had in a generation. --keep decides about that. */
static int find_retained(struct store *store, const struct keep_conf *conf,
			 const struct digests *used, struct retained *out, struct err *err)
{
	int r = keep_retained(store, conf, time(NULL), &out->items, err);
	size_t kept = out->items.count;

	if (r == 0 && !given.now)
		r = keep_added(store, conf, time(NULL), used, &out->items, err);
	out->added = out->items.count - kept;
	return r;
}

static void say_retained(const struct retained *r)
{
	if (r->added == 1)
		print_line("1 version stays, since it was added lately; --now removes it");
	else if (r->added)
		print_line("%zu versions stay, since they were added lately; --now removes them",
			   r->added);
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

static void json_freed(const struct garbage *c, const struct retained *kept)
{
	json_number("added", (int64_t)kept->added);
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

static int print_garbage(struct session *s, const struct retained *kept, int64_t keep,
			 struct garbage *result, struct err *err)
{
	int r;

	json_open(NULL, '{');
	json_open("removed", '[');
	r = garbage_collect(s->policy, s->store, &kept->items, keep, given.dry_run, print_found,
			    NULL, result, err);
	json_close();
	if (r == 0 && want_json)
		json_freed(result, kept);
	json_close();
	if (r < 0)
		return r;
	say_retained(kept);
	print_freed(result);
	if (!want_json)
		print_holders(result);
	print_launching(result);
	warn_silent(&result->live.silent, "the files that they may use stay for now");
	return 0;
}

static int add_retained(struct digests *needed, const struct retained *kept, struct err *err)
{
	struct digest *items =
		reallocarray(needed->items, needed->count + kept->items.count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	needed->items = items;
	for (size_t i = 0; i < kept->items.count; i++)
		items[needed->count++] = kept->items.items[i];
	return 0;
}

/* Removes versions, and sets of links to their libraries. */
static int remove_unneeded(const struct session *s, const struct home *home,
			   const struct strings *sets, const struct digests *needed,
			   struct garbage *result, struct err *err)
{
	const struct layer_keep keep = {.ids = (const char *const *)sets->items,
					.count = sets->count,
					.planned = sets->count};
	struct layers_gone gone = {0};
	int r;

	json_open("removed", '[');
	r = store_gc(s->store, needed, given.dry_run, print_found, NULL, &result->store, err);
	json_close();
	if (r == 0)
		r = layer_gc(home->layers, &keep, given.dry_run, &gone, err);
	result->layers = gone.removed;
	return r;
}

/* A user's own store: what its sealed files do not need. */
static int collect_home(struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_SEAL_RECORDS struct seal_records records = {0};
	AUTO_STRINGS struct strings sets = {0};
	CLEANUP(retained_free) struct retained kept = {0};
	struct garbage result = {0};
	struct digests needed = {0};
	struct keep_conf conf;
	struct home home;
	int r = session_begin_home(&session, &home, err);

	read_conf(-1, -1, &conf);
	if (r == 0)
		r = records_read(&home, &records, err);
	if (r == 0)
		r = records_needs(&records, &sets, &needed, err);
	if (r == 0)
		r = find_retained(session.store, &conf, &needed, &kept, err);
	if (r == 0)
		r = add_retained(&needed, &kept, err);
	json_open(NULL, '{');
	if (r == 0 && !given.dry_run)
		r = records_sweep(&home, &records, err);
	if (r == 0)
		r = remove_unneeded(&session, &home, &sets, &needed, &result, err);
	if (r == 0 && want_json)
		json_freed(&result, &kept);
	json_close();
	free(needed.items);
	if (r == 0) {
		say_retained(&kept);
		print_freed(&result);
	}
	return r;
}

static int collect(int64_t keep, int64_t days, int64_t megabytes, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_GARBAGE struct garbage result = {0};
	CLEANUP(retained_free) struct retained kept = {0};
	struct digests used = {0};
	struct keep_conf conf;
	int r = session_begin(&session, err);

	read_conf(days, megabytes, &conf);
	if (r == 0)
		r = policy_digests(session.policy, &used, err);
	if (r == 0)
		r = find_retained(session.store, &conf, &used, &kept, err);
	free(used.items);
	return r < 0 ? r : print_garbage(&session, &kept, keep, &result, err);
}

static int run_gc(int count, char **operands, struct err *err)
{
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
	return want_user ? collect_home(err) : collect(keep, days, megabytes, err);
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
