#include "upgrade/keep.h"
#include "upgrade/unwrap.h"

#include "base/file.h"
#include "base/paths.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "elf/elf.h"
#include "store/kept.h"
#include "upgrade/hooks.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define INPUT_MAX (64u << 20) /* what apt says of its plans */
#define ANCESTORS 4	      /* between dpkg and us is a shell, or none */

/* -- status -- */

static void print_kept_json(const struct kept *k)
{
	json_open(NULL, '{');
	json_string("name", k->name);
	json_string("version", k->version);
	json_string("arch", k->arch);
	json_number("time", k->time);
	json_string("why", k->why);
	json_open("for", '[');
	for (size_t i = 0; i < k->napps; i++)
		json_string(NULL, k->apps[i]);
	json_close();
	json_close();
}

static void print_kept(struct table *t, const struct kept *k)
{
	char when[32] = "?", size[32], who[256];
	time_t time = (time_t)k->time;
	struct tm tm;

	if (localtime_r(&time, &tm))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
	human_size(k->size, size);
	if (k->napps > 1)
		snprintf(who, sizeof who, "for %.200s and %zu more", k->apps[0], k->napps - 1);
	else
		snprintf(who, sizeof who, "%s%.200s", k->napps ? "for " : "",
			 k->napps ? k->apps[0] : "");
	table_row(t, (const char *[]){k->name, k->version, k->arch, size, when, k->why, who});
}

static void print_settings(const struct keep_conf *conf, bool apt, bool dpkg)
{
	char size[32] = "";

	if (conf->bytes)
		human_size(conf->bytes, size);
	printf("%s: %s%s\n", apt || dpkg ? "enabled" : "disabled",
	       conf->all ? "every library package" : "what wrapped and watched programs load",
	       conf->strict ? ", or nothing is upgraded" : "");
	if (conf->days)
		printf("gc leaves what is younger than %lld days%s%s\n", (long long)conf->days,
		       *size ? ", at most " : "", size);
	else
		printf("gc leaves %s%s\n", *size ? "at most " : "all of it", size);
}

static int status(struct err *err)
{
	AUTO_STORE struct store *store = NULL;
	AUTO_KEPTS struct kepts kept = {0};
	bool apt = access(HOOKS_APT, F_OK) == 0, dpkg = access(HOOKS_DPKG, F_OK) == 0;
	struct keep_conf conf;
	struct table *t;
	int r = keep_conf_read(PINLIB_CONF, &conf, err);

	if (r == 0)
		r = store_open(PINLIB_STORE, true, &store, err);
	if (r == 0)
		r = kept_list(store, &kept, err);
	if (r < 0)
		return r;
	if (want_json) {
		json_open(NULL, '{');
		json_bool("apt", apt);
		json_bool("dpkg", dpkg);
		json_bool("all", conf.all);
		json_bool("strict", conf.strict);
		json_number("days", conf.days);
		json_number("size", (int64_t)conf.bytes);
		json_open("kept", '[');
		for (size_t i = 0; i < kept.count; i++)
			print_kept_json(&kept.items[i]);
		json_close();
		json_close();
		return 0;
	}
	print_settings(&conf, apt, dpkg);
	t = table_new(7);
	for (size_t i = 0; i < kept.count; i++)
		print_kept(t, &kept.items[i]);
	table_print(t);
	return 0;
}

/* -- hooks -- */

/* By its status, for which the kernel does not wait: for its "stat" it does while the process executes a program, and
 * whose child the caller is may be a user's to say. */
static bool process_is(pid_t pid, const char *name, pid_t *parent)
{
	AUTO_FREE char *text = NULL;
	char path[64], found[64];
	const char *line;
	size_t len;
	struct err ignored;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	if (file_read_at(AT_FDCWD, path, 16384, &text, &len, &ignored) < 0)
		return false;
	line = strstr(text, "\nPPid:");
	if (!line || sscanf(line, "\nPPid: %d", parent) != 1)
		return false;
	return sscanf(text, "Name:\t%63[^\n]", found) == 1 && strcmp(found, name) == 0;
}

/* The dpkg that called us: -ESRCH if none of the processes that it could be is one. */
static int find_dpkg(pid_t *out, struct err *err)
{
	pid_t pid = getppid(), parent = 0;

	for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = parent)
		if (process_is(pid, "dpkg", &parent)) {
			*out = pid;
			return 0;
		}
	return err_set(err, ESRCH, "the dpkg that called is not to be seen in /proc");
}

/* Its command line; what it does it tells itself. */
static int read_dpkg(struct changes *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FREE char **argv = NULL;
	pid_t pid = 0;
	char path[64];
	const char *action = getenv("DPKG_HOOK_ACTION");
	size_t len, n = 0;
	int r;

	if (!action)
		return err_set(err, EINVAL, "dpkg does not say what it does");
	r = find_dpkg(&pid, err);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	r = file_read_at(AT_FDCWD, path, INPUT_MAX, &text, &len, err);
	if (r < 0)
		return r;
	argv = calloc(len + 2, sizeof *argv);
	if (!argv)
		return err_nomem(err);
	for (size_t i = 0; i < len; i += strlen(text + i) + 1)
		argv[n++] = text + i;
	return n ? changes_of_dpkg(argv, action, out, err) : 0;
}

static int read_apt(struct changes *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read(STDIN_FILENO, INPUT_MAX, &text, &len, err);

	return r < 0 ? r : changes_of_apt(text, out, err);
}

/* One line of what was kept, one of what could not be. */
static void say(const struct keep_result *result)
{
	if (result->kept)
		warn("kept, before they are replaced: %s", result->names);
	if (result->failed.count == 1)
		warn("cannot keep %s", result->failed.items[0]);
	else if (result->failed.count)
		warn("cannot keep %s, and %zu more", result->failed.items[0],
		     result->failed.count - 1);
}

/* The policy is read without a lock; only where there is something to keep others may have to be
 * waited for. */
static int find(const struct keep_conf *conf, const struct changes *changes, struct wants *out,
		struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	int r = policy_open(&policy, err);

	return r < 0 ? r : keep_find(policy, conf, changes, out, err);
}

static void tell_aside(void *ctx, const char *text)
{
	(void)ctx;
	warn("%s", text);
}

/* Programs are unwrapped under the lock, for which we wait only where there are some. */
static int make_way(const struct changes *changes, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_UNWRAPS struct unwraps aside = {0};
	int r = policy_open(&policy, err);

	if (r == 0)
		r = unwrap_find(policy, changes, &aside, err);
	if (r < 0 || aside.count == 0)
		return r;
	r = session_begin_store(&session, err);
	return r < 0 ? r : unwrap_apply(&aside, tell_aside, NULL, err);
}

/* What apt says is read in any case: it should not write to nobody. */
static int read_changes(const char *hook, bool nobody, struct changes *out, struct err *err)
{
	if (strcmp(hook, "apt") == 0)
		return read_apt(out, err);
	return nobody ? 0 : read_dpkg(out, err);
}

static int keep_before(const struct keep_conf *conf, const struct changes *changes,
		       bool *incomplete, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_WANTS struct wants wants = {0};
	AUTO_KEEP_RESULT struct keep_result result = {0};
	int r = find(conf, changes, &wants, err);

	if (r < 0 || wants.count == 0)
		return r;
	r = session_begin_store(&session, err);
	if (r == 0)
		r = keep_versions(session.store, &wants, elf_facts, &result, err);
	if (r < 0)
		return r;
	say(&result);
	*incomplete = result.failed.count > 0;
	return 0;
}

/* What could not be kept is told, and does not keep dpkg from the way that it needs; unless it stops
 * dpkg: then no program is unwrapped for what does not come. Returns whether all was done. */
static bool prepare(const char *hook, const struct keep_conf *conf)
{
	AUTO_CHANGES struct changes changes = {0};
	bool incomplete = false, nobody = !conf->all && access(PINLIB_POLICY, F_OK) < 0 &&
					  access(PINLIB_WATCHED, F_OK) < 0;
	struct err err;
	int r = read_changes(hook, nobody, &changes, &err);

	if (r == 0 && nobody)
		return true;
	if (r < 0 || keep_before(conf, &changes, &incomplete, &err) < 0) {
		warn("could not keep libraries: %s", err.text);
		incomplete = true;
	}
	if (r < 0 || (incomplete && conf->strict))
		return false;
	if (make_way(&changes, &err) < 0) {
		warn("could not unwrap what dpkg cannot replace: %s", err.text);
		incomplete = true;
	}
	return !incomplete;
}

/* Stops apt only if that is wanted. */
static int run_hook(const char *hook)
{
	struct keep_conf conf;
	struct err err;
	bool done;

	if (strcmp(hook, "apt") != 0 && strcmp(hook, "dpkg") != 0)
		return misused(&command_keep, "there is no hook '%s'", hook);
	if (keep_conf_read(PINLIB_CONF, &conf, &err) < 0)
		warn("%s; going by the defaults", err.text);
	done = prepare(hook, &conf);
	if (!done && conf.strict)
		warn("nothing is changed, since " PINLIB_CONF " says keep-strict");
	return !done && conf.strict ? HOOK_STOPS : EXIT_OK;
}

static int run(int argc, char **argv)
{
	const char *what;
	struct err err;
	int r;

	if (next_option(argc, argv, NULL) != -1)
		return EXIT_USAGE;
	what = optind < argc ? argv[optind] : "status";
	if (argc - optind == 2 && strcmp(what, "hook") == 0)
		return run_hook(argv[optind + 1]);
	if (argc - optind > 1)
		return misused(&command_keep, "'%s' is too much", argv[optind + 1]);
	if (strcmp(what, "enable") == 0)
		r = hooks_enable(&err);
	else if (strcmp(what, "disable") == 0)
		r = hooks_disable(&err);
	else if (strcmp(what, "status") == 0)
		r = status(&err);
	else
		return misused(&command_keep, "there is no '%s'", what);
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_keep = {
	.name = "keep",
	.synopsis = "enable|disable|status [--json]",
	.summary = "Keep, before each upgrade, the library versions that it takes away",
	.options = "Of the programs that are wrapped or watched ('pinlib watch'), or all: see "
		   "pinlib.conf(5).\n"
		   "What was kept can be pinned at once: pinlib set APP LIBRARY=OLD\n",
	.root = true,
	.run = run,
};
