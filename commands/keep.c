#include "upgrade/keep.h"

#include "base/file.h"
#include "base/paths.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/session.h"
#include "cli/size.h"
#include "commands/commands.h"
#include "policy/policy.h"
#include "store/kept.h"
#include "store/store.h"
#include "upgrade/hooks.h"
#include "upgrade/unwrap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static bool removing;

static const struct command_option options[] = {
	FLAG(&removing, "remove", "with watch: stop watching these programs"),
	{0},
};

#define INPUT_MAX (64u << 20) /* apt's list of changes */
#define ANCESTORS 4	      /* between dpkg and this process is a shell, or nothing */

/* -- status -- */

static void print_kept(struct table *t, const struct kept *k)
{
	char when[32] = "?", size[32], who[256];
	time_t time = (time_t)k->time;
	struct tm tm;

	if (localtime_r(&time, &tm))
		strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
	human_size(k->size, size);
	if (k->apps.count > 1)
		snprintf(who, sizeof who, "for %.200s and %zu more", k->apps.items[0],
			 k->apps.count - 1);
	else
		snprintf(who, sizeof who, "%s%.200s", k->apps.count ? "for " : "",
			 k->apps.count ? k->apps.items[0] : "");
	table_row(t, (const char *[]){k->name, k->version, k->arch, size, when, k->why, who});
	json_open(NULL, '{');
	json_members("name %s version %s arch %s time %lld why %s", k->name, k->version, k->arch,
		     (long long)k->time, k->why);
	json_open("for", '[');
	for (size_t i = 0; i < k->apps.count; i++)
		json_string(NULL, k->apps.items[i]);
	json_close();
	json_close();
}

static void print_settings(const struct keep_conf *conf, bool apt, bool dpkg)
{
	char size[32] = "";

	json_members("apt %d dpkg %d all %d strict %d days %lld size %lld", apt, dpkg, conf->all,
		     conf->strict, (long long)conf->days, (long long)conf->bytes);
	if (conf->bytes)
		human_size(conf->bytes, size);
	print_line("%s: %s%s", apt || dpkg ? "enabled" : "disabled",
		   conf->all ? "every library package"
			     : "libraries that pinned and watched programs load",
		   conf->strict ? "; an upgrade that would lose one is stopped" : "");
	if (conf->days)
		print_line("gc keeps these versions for %lld day%s%s%s", (long long)conf->days,
			   conf->days == 1 ? "" : "s", *size ? ", at most " : "", size);
	else
		print_line("gc keeps %s%s", *size ? "at most " : "all of these versions", size);
}

static int print_status(struct err *err)
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
		r = keep_list(store, &kept, err);
	if (r < 0)
		return r;
	t = table_new(7);
	json_open(NULL, '{');
	print_settings(&conf, apt, dpkg);
	json_open("kept", '[');
	for (size_t i = 0; i < kept.count; i++)
		print_kept(t, &kept.items[i]);
	json_close();
	json_close();
	table_print(t);
	return 0;
}

/* -- hooks -- */

/* Reads /proc/PID/status, for which the kernel does not wait. For "stat" it waits while the process executes a
 * program, and a user may choose whose child the caller is. */
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

/* The dpkg that called this hook; -ESRCH if no ancestor is one. */
static int find_dpkg(pid_t *out, struct err *err)
{
	pid_t pid = getppid(), parent = 0;

	for (int i = 0; i < ANCESTORS && pid > 1; i++, pid = parent)
		if (process_is(pid, "dpkg", &parent)) {
			*out = pid;
			return 0;
		}
	return err_set(err, ESRCH, "/proc does not show the dpkg that called");
}

/* Reads dpkg's command line; DPKG_HOOK_ACTION has its action. */
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
		return err_set(err, EINVAL, "dpkg has not set DPKG_HOOK_ACTION");
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

/* One line for the versions kept, one for those that could not be. */
static void say_kept(const struct keep_result *result)
{
	if (result->kept)
		warn("kept before the upgrade: %s", result->names);
	if (result->failed.count == 1)
		warn("cannot keep %s", result->failed.items[0]);
	else if (result->failed.count)
		warn("cannot keep %s, and %zu more", result->failed.items[0],
		     result->failed.count - 1);
}

/* Programs are unwrapped under the lock; without such programs the hook does not wait for it. */
static int unwrap_replaced(const struct changes *changes, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_UNWRAPS struct unwraps replaced = {0};
	int r = policy_open(&policy, err);

	if (r == 0)
		r = unwrap_find(policy, changes, &replaced, err);
	if (r < 0 || replaced.count == 0)
		return r;
	r = session_begin_store(&session, err);
	return r < 0 ? r : unwrap_apply(&replaced, warn_report, NULL, err);
}

/* apt's list is read even if nobody needs it: apt must not write to a closed pipe. */
static int read_changes(const char *hook, bool nobody, struct changes *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r;

	if (strcmp(hook, "apt") != 0)
		return nobody ? 0 : read_dpkg(out, err);
	r = file_read(STDIN_FILENO, INPUT_MAX, &text, &len, err);
	return r < 0 ? r : changes_of_apt(text, out, err);
}

/* The policy is read without the lock: the hook waits for other commands only if there is something to keep. */
static int keep_before(const struct keep_conf *conf, const struct changes *changes,
		       bool *incomplete, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_WANTS struct wants wants = {0};
	AUTO_KEEP_RESULT struct keep_result result = {0};
	int r = policy_open(&policy, err);

	if (r == 0)
		r = keep_find(policy, conf, changes, &wants, err);
	if (r < 0 || wants.count == 0)
		return r;
	r = session_begin_store(&session, err);
	if (r == 0)
		r = keep_versions(session.store, &wants, &result, err);
	if (r < 0)
		return r;
	say_kept(&result);
	*incomplete = result.failed.count > 0;
	return 0;
}

/* A library that could not be kept is reported, and programs are unwrapped for dpkg all the same. With keep-strict
 * it stops dpkg, and then no program is unwrapped for a package that does not come. Returns whether everything was
 * done. */
static bool prepare_upgrade(const char *hook, const struct keep_conf *conf)
{
	AUTO_CHANGES struct changes changes = {0};
	bool incomplete = false, nobody = !conf->all && access(PINLIB_POLICY, F_OK) < 0 &&
					  access(PINLIB_WATCHED, F_OK) < 0;
	struct err err;
	int r = read_changes(hook, nobody, &changes, &err);

	if (r == 0 && nobody)
		return true;
	if (r < 0 || keep_before(conf, &changes, &incomplete, &err) < 0) {
		warn("cannot keep libraries: %s", err.text);
		incomplete = true;
	}
	if (r < 0 || (incomplete && conf->strict))
		return false;
	if (unwrap_replaced(&changes, &err) < 0) {
		warn("cannot unwrap the programs that dpkg could not replace: %s", err.text);
		incomplete = true;
	}
	return !incomplete;
}

/* Stops apt only with keep-strict. */
static int run_hook(const char *hook, struct err *err)
{
	struct keep_conf conf;
	bool done;

	if (strcmp(hook, "apt") != 0 && strcmp(hook, "dpkg") != 0)
		return misused("unknown hook '%s'; the hooks are apt and dpkg", hook);
	if (keep_conf_read(PINLIB_CONF, &conf, err) < 0)
		warn("%s; the defaults are used", err->text);
	done = prepare_upgrade(hook, &conf);
	if (!done && conf.strict)
		warn("nothing is upgraded, since " PINLIB_CONF " has keep-strict");
	return !done && conf.strict ? HOOK_STOPS : EXIT_OK;
}

/* -- watched programs -- */

/* -ENOENT if it is not watched. */
static int stop_watching(struct strings *paths, const char *app, struct err *err)
{
	for (size_t i = 0; i < paths->count; i++) {
		if (strcmp(paths->items[i], app) != 0)
			continue;
		free(paths->items[i]);
		paths->items[i] = paths->items[--paths->count];
		return 0;
	}
	return err_set(err, ENOENT,
		       "%s is not watched; 'pinlib keep watch' lists the programs that are", app);
}

static int change_watched(struct strings *paths, const char *name, struct err *err)
{
	char app[PATH_MAX];
	struct stat st;
	int r;

	if (removing && name[0] == '/' && strings_have(paths, name)) /* the program may be gone */
		return stop_watching(paths, name, err);
	r = find_app(name, app, err);
	if (r < 0)
		return r;
	if (removing)
		return stop_watching(paths, app, err);
	if (stat(app, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(err, EACCES, "%s is not a program", app);
	if (strchr(app, '\n'))
		return err_set(err, EINVAL, "the path %s has a line break", app);
	return strings_add(paths, app, err);
}

static int list_watched(struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	int r = watched_read(&paths, err);

	if (r < 0)
		return r;
	json_strings(NULL, &paths);
	for (size_t i = 0; i < paths.count; i++)
		print_line("%s", paths.items[i]);
	return 0;
}

static int watch_apps(char **names, int n, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_STRINGS struct strings paths = {0};
	int r = session_begin(&session, err);

	if (r == 0)
		r = watched_read(&paths, err);
	for (int i = 0; r == 0 && i < n; i++)
		r = change_watched(&paths, names[i], err);
	if (r == 0 && n)
		r = watched_write(&paths, err);
	return r < 0 ? r : list_watched(err);
}

static int run_keep(int count, char **operands, struct err *err)
{
	const char *what = count ? operands[0] : "status";

	if (strcmp(what, "watch") == 0)
		return removing && count == 1 ? misused("missing APP")
					      : watch_apps(operands + 1, count - 1, err);
	if (removing)
		return misused("--remove goes only with watch");
	if (count == 2 && strcmp(what, "hook") == 0)
		return run_hook(operands[1], err);
	if (strcmp(what, "enable") != 0 && strcmp(what, "disable") != 0 &&
	    strcmp(what, "status") != 0)
		return misused("'%s' is not one of enable, disable, status, watch", what);
	if (count > 1)
		return unexpected(operands[1]);
	if (*what == 's')
		return print_status(err);
	return *what == 'e' ? hooks_enable(err) : hooks_disable(err);
}

const struct command command_keep = {
	.name = "keep",
	.group = GROUP_UPGRADES,
	.summary = "Store the libraries that upgrades remove",
	.text = "enable\thave apt and dpkg call pinlib before each upgrade: it stores the library "
		"versions that programs with pins, and watched programs, would lose\n"
		"disable\tremove these hooks\n"
		"status\tshow the settings, which are in pinlib.conf(5), and what was kept\n"
		"watch\tadd the programs APP to those whose libraries are kept; without APP, list "
		"them\n"
		"'pinlib keep' lists the kept versions, and 'pinlib set APP NAME=VERSION' pins "
		"one.",
	.options = options,
	.operands = {{.name = "enable|disable|status|watch", .kind = ARG_WORDS, .optional = true},
		     {.name = "APP", .kind = ARG_APP, .optional = true, .repeats = true}},
	.json = true,
	.root = true,
	.run = run_keep,
};
