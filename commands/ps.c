
#include "base/path.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/terminal.h"
#include "cli/who.h"
#include "commands/commands.h"
#include "commands/ps_sealed.h"
#include "labeler/label.h"
#include "labeler/process.h"
#include "policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool libs;

static const struct command_option options[] = {
	FLAG(&libs, "libs",
	     "also the libraries that each process has mapped, pinned or the host's"),
	{0},
};

/* -- the lines of a process -- */

static bool has_copy(const struct process *p)
{
	for (size_t i = 0; i < p->libs.count; i++)
		if (p->libs.items[i].copy)
			return true;
	return false;
}

/* Processes in a row often have the same label, so the last answer is kept. NULL: the label is not trusted, or not
 * one of pinlib's. */
static const struct label_state *process_label_state(const struct process *p)
{
	static struct label_state last;
	static char *label;
	static int known;
	struct err why;

	if (p->trust == TRUST_NO)
		return NULL;
	if (!label || strcmp(label, p->label) != 0) {
		free(label);
		label = strdup(p->label);
		known = label_read(p->label, &last, &why);
		if (known < 0 && known != -EINVAL)
			warn("%s", printable(why.text));
	}
	return known == 0 ? &last : NULL;
}

static const char *state_name(const struct process *p)
{
	const struct label_state *s = process_label_state(p);

	if (p->trust == TRUST_NO)
		return "untrusted";
	if (p->trust == TRUST_UNKNOWN || !s)
		return "unknown";
	if (s->superseded)
		return process_is_stale(p) ? "superseded, stale" : "superseded";
	if (p->libs_failed)
		return "unknown";
	return process_is_stale(p) ? "stale" : "current";
}

/* "current", "superseded, stale, other copy". */
#define STATE_TEXT_MAX 64
static void state_text(const struct process *p, char text[STATE_TEXT_MAX])
{
	snprintf(text, STATE_TEXT_MAX, "%s%s", state_name(p), has_copy(p) ? ", other copy" : "");
}

static void app_name(const struct process *p, char *text, size_t size)
{
	const struct label_state *s = process_label_state(p);

	snprintf(text, size, "%s%s", s ? s->app : "-", s && s->cut ? "..." : "");
}

static const char *kind_name(const struct library *lib)
{
	if (lib->pinned)
		return lib->stale ? "  pinned, replaced" : "  pinned";
	if (lib->copy)
		return lib->stale ? "  other copy, replaced" : "  other copy";
	return lib->stale ? "  host, replaced" : "  host";
}

static void print_libs(const struct process *p)
{
	struct table *t = table_new(2);

	for (size_t i = 0; i < p->libs.count; i++)
		table_row(t, (const char *[]){kind_name(&p->libs.items[i]), p->libs.items[i].path});
	table_print(t);
	if (p->trust == TRUST_NO)
		print_line("  root of this system did not make this label");
	else if (p->libs_failed)
		print_line("  libraries: unknown");
}

static void print_process(const struct process *p)
{
	const struct label_state *s = process_label_state(p);
	AUTO_FREE char *label = strdup(p->label);
	char text[PROGRAM_NAME_MAX], state[STATE_TEXT_MAX], generation[48] = "";

	app_name(p, text, sizeof text);
	if (s)
		snprintf(generation, sizeof generation, ", generation %lld",
			 (long long)s->generation);
	state_text(p, state);
	print_line("%d %s %s%s%s: %s", p->who.pid, user_name(p->who.uid), printable(text),
		   p->app_stale ? " (replaced)" : "", generation, state);
	print_line("  label: %s", label ? printable(label) : "?");
	program_name(&p->who, text);
	print_line("  program: %s%s", printable(text), p->libs.program_stale ? ", replaced" : "");
	print_libs(p);
}

static void json_libs(const struct process *p)
{
	json_open("libs", '[');
	for (size_t i = 0; i < p->libs.count; i++)
		json_record("path %s pinned %d stale %d copy %d", p->libs.items[i].path,
			    p->libs.items[i].pinned, p->libs.items[i].stale, p->libs.items[i].copy);
	json_close();
}

/* The app, and the program if it is another. Where a file is gone the kernel adds " (deleted)" to its path. */
static void json_stale_programs(const struct process *p)
{
	AUTO_FREE char *path = strdup(p->libs.program_stale ? p->who.program : "");
	const struct label_state *s = process_label_state(p);
	bool app = p->app_stale && s;

	if (path && path_ends(path, " (deleted)"))
		path[strlen(path) - strlen(" (deleted)")] = '\0';
	if (app)
		json_string(NULL, s->app);
	if (path && *path && !(app && strcmp(path, s->app) == 0))
		json_string(NULL, path);
}

static void json_stale(const struct process *p)
{
	json_open("stale", '[');
	json_stale_programs(p);
	for (size_t i = 0; i < p->libs.count; i++)
		if (p->libs.items[i].stale)
			json_string(NULL, p->libs.items[i].path);
	json_close();
}

static void json_copies(const struct process *p)
{
	json_open("copies", '[');
	for (size_t i = 0; i < p->libs.count; i++)
		if (p->libs.items[i].copy)
			json_string(NULL, p->libs.items[i].path);
	json_close();
}

static void json_process(const struct process *p, bool with_libs)
{
	const struct label_state *s = process_label_state(p);
	bool known = p->trust != TRUST_NO && !p->libs_failed;
	char app[PATH_MAX + 8];

	app_name(p, app, sizeof app);
	json_open(NULL, '{');
	json_who(&p->who);
	if (known)
		json_copies(p);
	else
		json_string("copies", NULL);
	json_members("form %s app %s label %s generation %lld state %s", "view", s ? app : NULL,
		     p->label, (long long)(s ? s->generation : -1), state_name(p));
	if (known)
		json_stale(p);
	else
		json_string("stale", NULL);
	json_open("objects", '[');
	json_close();
	if (with_libs && known)
		json_libs(p);
	else if (with_libs)
		json_string("libs", NULL);
	json_close();
}

/* -- all processes -- */

/* A process in a view that maps objects of the store is in both lists. */
struct ps_found {
	struct processes views;
	struct object_users sealed;
};

static void found_free(struct ps_found *found)
{
	processes_free(&found->views);
	object_users_free(&found->sealed);
}
#define AUTO_FOUND CLEANUP(found_free)

static bool is_wanted(const struct process *p, const struct strings *apps)
{
	const struct label_state *s = apps->count ? process_label_state(p) : NULL;

	return apps->count == 0 || (s && strings_have(apps, s->app));
}

struct ps_form {
	void (*view)(const struct process *p, void *ctx);
	void (*sealed)(const struct object_user *user, void *ctx);
	void *ctx;
};

/* Both lists together, by process number. */
static void show_found(const struct ps_found *found, const struct strings *apps,
		       const struct ps_form *form)
{
	const struct processes *views = &found->views;
	const struct object_users *sealed = &found->sealed;

	for (size_t i = 0, k = 0; i < views->count || k < sealed->count;) {
		const struct process *p = i < views->count ? &views->items[i] : NULL;
		const struct object_user *u = k < sealed->count ? &sealed->items[k] : NULL;

		if (p && (!u || p->who.pid <= u->who.pid)) {
			i++;
			if (is_wanted(p, apps))
				form->view(p, form->ctx);
		} else {
			k++;
			if (ps_sealed_is_of(u, apps))
				form->sealed(u, form->ctx);
		}
	}
}

static void add_row(const struct process *p, void *ctx)
{
	const struct label_state *s = process_label_state(p);
	char pid[16], generation[32], app[PATH_MAX + 8], program[PROGRAM_NAME_MAX],
		state[STATE_TEXT_MAX];

	snprintf(pid, sizeof pid, "%d", p->who.pid);
	snprintf(generation, sizeof generation, s ? "%lld" : "-", s ? (long long)s->generation : 0);
	app_name(p, app, sizeof app);
	program_name(&p->who, program);
	state_text(p, state);
	table_row(ctx, (const char *[]){pid, user_name(p->who.uid), state, generation, app, program,
					p->label});
}

static void add_sealed_row(const struct object_user *user, void *ctx)
{
	ps_sealed_row(user, ctx);
}

/* The label, which repeats generation and app, is too long for a terminal. */
static void print_processes(const struct ps_found *all, const struct strings *apps)
{
	struct table *t = table_new(terminal_columns(STDOUT_FILENO) ? 6 : 7);

	table_row(t, (const char *[]){"PID", "USER", "STATE", "GENERATION", "APP", "PROGRAM",
				      "LABEL"});
	show_found(all, apps, &(struct ps_form){add_row, add_sealed_row, t});
	table_print(t);
}

static void json_view(const struct process *p, void *ctx)
{
	json_process(p, *(bool *)ctx);
}

static void json_sealed(const struct object_user *user, void *ctx)
{
	ps_sealed_json(user, *(bool *)ctx);
}

static void json_processes(const struct ps_found *all, const struct strings *apps, bool with_libs)
{
	json_open(NULL, '{');
	json_open("processes", '[');
	show_found(all, apps, &(struct ps_form){json_view, json_sealed, &with_libs});
	json_close();
	json_number("unreadable", (int64_t)all->views.unreadable);
	json_number("unreadable_maps", (int64_t)all->sealed.hidden);
	json_silent(&all->views.silent);
	json_bool("hidden", all->views.hidden);
	json_close();
}

static void print_view(const struct process *p, void *ctx)
{
	(void)ctx;
	print_process(p);
}

static void print_sealed(const struct object_user *user, void *ctx)
{
	(void)ctx;
	ps_sealed_print(user);
}

static void print_blocks(const struct ps_found *all, const struct strings *apps)
{
	show_found(all, apps, &(struct ps_form){print_view, print_sealed, NULL});
}

/* Processes that are not shown, or not in full. */
static void say_unknown(const struct ps_found *found, const struct strings *apps)
{
	const struct processes *all = &found->views;
	size_t others = 0;

	for (size_t i = 0; i < all->count; i++)
		others += is_wanted(&all->items[i], apps) &&
			  (all->items[i].trust == TRUST_UNKNOWN || all->items[i].libs_failed);
	if (others)
		warn("%zu of these processes cannot be read: %s unknown", others,
		     others == 1 ? "its state is" : "their state is");
	if (all->unreadable)
		warn("%zu processes could not be read: whether they have a label is unknown",
		     all->unreadable);
	warn_silent(&all->silent, "whether they have a label is unknown");
	if (all->hidden)
		warn("/proc hides processes from this user: whether they have a label is unknown");
	ps_sealed_warn(&found->sealed);
}

/* A program that is gone can still have processes, so it can be named by its path, or as the policy knows it. */
static int find_viewed(int count, char **names, struct strings *apps, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps pinned = {0};
	char app[PATH_MAX];
	struct err ignored; /* processes can be listed without the policy */
	int r = 0;

	if (count && policy_open(&policy, &ignored) == 0)
		policy_apps(policy, POLICY_NOW, &pinned, &ignored);
	for (int i = 0; r == 0 && i < count; i++) {
		r = find_pinned(&pinned, names[i], app, err);
		if (r < 0 && names[i][0] == '/')
			r = path_normalise(names[i], app, err);
		if (r == 0)
			r = strings_add(apps, app, err);
	}
	return r;
}

/* -- one process -- */

static bool is_number(const char *text)
{
	return *text && text[strspn(text, "0123456789")] == '\0';
}

/* A label that is not trusted counts as none. */
static bool has_label(const struct processes *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].trust != TRUST_NO)
			return true;
	return false;
}

/* pid 0: all. A process that did not answer for its label is not asked again. */
static int find_sealed(pid_t pid, struct ps_found *out, struct err *err)
{
	struct whos *silent = &out->views.silent;
	int r = object_users_read(pid, silent, &out->sealed, err);

	return r < 0 ? r : whos_move(silent, &out->sealed.silent, err);
}

/* Threads can be in different views: then there are several. */
static int show_process(const char *text, struct err *err)
{
	AUTO_FOUND struct ps_found found = {0};
	const struct strings all = {0};
	int64_t pid;

	if (!read_number(text, 1, INT32_MAX, &pid))
		return misused("'%s' is not a process number", text);
	if (processes_read_one((pid_t)pid, &found.views, err) < 0 ||
	    find_sealed((pid_t)pid, &found, err) < 0)
		return EXIT_ERR;
	if (want_json)
		json_processes(&found, &all, true);
	else
		print_blocks(&found, &all);
	if (found.views.count + found.sealed.count == 0)
		print_line("process %s has no label: it is in no view%s", text,
			   found.sealed.hidden ? "" : ", and is not sealed");
	ps_sealed_warn(&found.sealed);
	return has_label(&found.views) || found.sealed.count ? EXIT_OK : EXIT_FAIL;
}

static int show_processes(int count, char **names, struct err *err)
{
	AUTO_FOUND struct ps_found all = {0};
	AUTO_STRINGS struct strings apps = {0};

	if (find_viewed(count, names, &apps, err) < 0 || processes_read(&all.views, err) < 0 ||
	    find_sealed(0, &all, err) < 0)
		return EXIT_ERR;
	if (want_json)
		json_processes(&all, &apps, libs);
	else if (libs)
		print_blocks(&all, &apps);
	else
		print_processes(&all, &apps);
	say_unknown(&all, &apps);
	return EXIT_OK;
}

static int run_ps(int count, char **operands, struct err *err)
{
	if (count == 0 || !is_number(operands[0]))
		return show_processes(count, operands, err);
	return count > 1 ? unexpected(operands[1]) : show_process(operands[0], err);
}

const struct command command_ps = {
	.name = "ps",
	.group = GROUP_LOOK,
	.summary = "List the running processes that are in a view, or sealed",
	.text = "Lists the processes in the views of APP, or in all views, and those of sealed "
		"programs. With the number of one process, prints its view or its sealed program, "
		"and its libraries; the exit status is 1 if it has neither.",
	.options = options,
	.operands = {{.name = "APP|PID", .kind = ARG_PROCESS, .optional = true, .repeats = true}},
	.json = true,
	.host = true,
	.run = run_ps,
};
