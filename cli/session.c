#include "cli/session.h"

#include "base/paths.h"
#include "change/activation.h"
#include "change/pending.h"
#include "change/recovery.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/message.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "intake/intake.h"
#include "policy/lock.h"
#include "upgrade/keep.h"
#include "upgrade/siblings.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int take_lock(int *lock, void (*waited)(void), struct err *err)
{
	int r = policy_lock(lock, waited, err);

	if (r == 0)
		terminal_hold(*lock);
	return r;
}

void drop_lock(int *lock)
{
	if (*lock >= 0)
		terminal_let_go(lock);
}

static void say_waiting(void)
{
	warn("waiting for another pinlib command to finish");
}

/* Finishes the change of an interrupted command. Without one the policy, which may be damaged, is not opened. */
static int finish_pending(struct store *store, struct err *err)
{
	AUTO_POLICY struct policy *committed = NULL;
	AUTO_STRINGS struct strings pending = {0};
	struct err why;
	int r;

	if (pending_read(&pending, &why) == 0 && pending.count == 0)
		return 0;
	r = policy_open(&committed, err);
	if (r < 0)
		return r;
	if (recovery_run(committed, store, &why) < 0)
		warn("an interrupted command cannot be finished yet: %s; run 'pinlib doctor' for "
		     "details",
		     why.text);
	return 0;
}

int session_begin_store(struct session *s, struct err *err)
{
	struct err why;
	int r;

	progress_show();
	*s = (struct session){.lock = -1};
	r = take_lock(&s->lock, say_waiting, err);
	if (r == 0)
		r = store_open(PINLIB_STORE, true, &s->store, err);
	if (r == 0 && store_sweep(s->store, &why) < 0)
		warn("cannot remove files that an interrupted command left: %s", why.text);
	if (r == 0)
		r = finish_pending(s->store, err);
	return r;
}

static int begin_user(struct session *s, const struct home *home, struct err *err)
{
	struct err why;
	int r = policy_lock_at(home->state, &s->lock, say_waiting, err);

	if (r < 0)
		return r;
	terminal_hold(s->lock);
	r = store_open(home->store, true, &s->store, err);
	if (r == 0 && store_sweep(s->store, &why) < 0)
		warn("cannot remove files that an interrupted command left: %s", why.text);
	return r;
}

int session_begin_home(struct session *s, struct home *home, struct err *err)
{
	int r = home_find(want_user, home, err);

	*s = (struct session){.lock = -1};
	if (r < 0)
		return r;
	return home->user ? begin_user(s, home, err) : session_begin_store(s, err);
}

int session_begin(struct session *s, struct err *err)
{
	int r = session_begin_store(s, err);

	return r < 0 ? r : policy_begin(&s->policy, err);
}

/* Keeps the reports of activate until it has ended: only then is it known whether they are remarks or reasons. */
static void keep_text(void *ctx, const char *what)
{
	struct err ignored;

	strings_add(ctx, what, &ignored);
}

/* Whether the generation before had other pins for the app. */
static bool has_new_pins(const struct session *s, const struct app *now)
{
	AUTO_APP struct app was = {0};
	struct err ignored;

	if (policy_app(s->policy, now->path, s->generation - 1, &was, &ignored) < 0 ||
	    was.npins != now->npins)
		return true;
	for (size_t i = 0; i < was.npins; i++)
		if (!digest_equal(&was.pins[i].digest, &now->pins[i].digest))
			return true;
	return false;
}

/* What a change that succeeded leaves to watch. Without dpkg, or memory, there is nothing to say. */
static void note_siblings(const struct session *s, const struct strings *paths)
{
	AUTO_APPS struct apps all = {0};
	AUTO_FREE struct app *changed = NULL;
	AUTO_FREE struct strings *notes = NULL;
	struct apps some = {0};
	struct err ignored;

	if (policy_apps(s->policy, POLICY_NOW, &all, &ignored) < 0)
		return;
	some.items = changed = calloc(all.count + 1, sizeof *changed);
	notes = calloc(all.count + 1, sizeof *notes);
	for (size_t i = 0; changed && i < all.count; i++)
		if (strings_have(paths, all.items[i].path) && has_new_pins(s, &all.items[i]))
			changed[some.count++] = all.items[i];
	if (changed && notes)
		siblings_find(s->store, &some, notes, &ignored);
	for (size_t i = 0; notes && i < some.count; i++) {
		for (size_t k = 0; k < notes[i].count; k++)
			warn("note: %s: %s", changed[i].path, notes[i].items[k]);
		strings_free(&notes[i]);
	}
}

/* The remedy for a view that lacks a library. */
static void say_with_deps(void)
{
	const char *typed = arguments_typed, *name = command_current->name;
	size_t len = strlen(name);

	if (strcmp(name, "apply") == 0)
		put_message("  ",
			    "'with-deps' in its description also pins the libraries that it lacks");
	else if (strcmp(name, "set") == 0 && strncmp(typed, "set ", len + 1) == 0)
		fprintf(stderr,
			"  'pinlib set --with-deps %s' also pins the libraries that it lacks\n",
			typed + len + 1);
	else
		put_message("  ",
			    "'pinlib set --with-deps APP NAME=VERSION' also pins the libraries "
			    "that a version needs");
}

int session_activate(struct session *s, const struct strings *paths, bool force)
{
	AUTO_STRINGS struct strings kept = {0};
	bool lacks = false;
	const struct activation_options how = {
		.force = force, .report = keep_text, .ctx = &kept, .lacks_library = &lacks};
	struct err err;
	int r = activation_run(s->policy, s->store, paths, arguments_typed, &how, &s->generation,
			       &err);

	if (r < 0)
		failed(&err);
	for (size_t i = 0; i < kept.count; i++)
		put_message(r < 0 ? "  also: " : "pinlib: note: ", kept.items[i]);
	if (lacks && !strstr(arguments_typed, "--with-deps"))
		say_with_deps();
	if (r == -ECANCELED)
		fprintf(stderr, "  nothing was changed; --force does it anyway\n");
	if (r == 0)
		note_siblings(s, paths);
	return r < 0 ? EXIT_FAIL : EXIT_OK;
}

void session_end(struct session *s)
{
	policy_close(&s->policy);
	store_close(&s->store);
	drop_lock(&s->lock);
}

static void note_added(const struct session *session, const struct version *version)
{
	struct err err;

	if (keep_note_added(session->store, &version->digest, time(NULL), &err) < 0)
		warn("%s; 'pinlib gc' may remove %s %s today if no pin needs it", err.text,
		     version->name, version->version);
}

int session_add(const struct session *session, const char *source, const char *name,
		const char *version, struct version *out, bool *known, struct err *err)
{
	AUTO_STRINGS struct strings unverified = {0};
	const struct intake_options how = {
		.name = name, .version = version, .unverified = &unverified};
	int r = intake_add(session->store, source, &how, out, known, err);

	if (r < 0)
		return r;
	note_added(session, out);
	for (size_t i = 0; i < unverified.count; i++)
		warn("note: %s", unverified.items[i]);
	return 0;
}
