#include "commands/ps_sealed.h"

#include "base/paths.h"
#include "cli/message.h"
#include "cli/who.h"
#include "labeler/sealing.h"
#include "policy/policy.h"
#include "store/object.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

/* Of one process at a time. */
static const struct sealed_state *state_of(const struct object_user *user)
{
	static struct sealed_state last;
	static const struct object_user *known;
	struct err why;

	if (known == user)
		return &last;
	known = user;
	sealing_free(&last);
	if (sealing_read(user, &last, &why) < 0)
		warn("%s", printable(why.text));
	return &last;
}

static const char *state_name(const struct sealed_state *s)
{
	static const char *const names[] = {
		[SEALING_UNKNOWN] = "unknown",	     [SEALING_NO_APP] = "sealed",
		[SEALING_CURRENT] = "current",	     [SEALING_STALE] = "stale",
		[SEALING_SUPERSEDED] = "superseded",
	};

	return names[s->state];
}

bool ps_sealed_is_of(const struct object_user *user, const struct strings *apps)
{
	const struct sealed_state *s = apps->count ? state_of(user) : NULL;

	return apps->count == 0 || (s->app && strings_have(apps, s->app));
}

/* -- a row -- */

#define SHOWN_MAX 3
#define LABEL_MAX 80

/* sha256:0123456789ab,123456789abc,23456789abcd,+2 */
static void label_text(const struct object_user *u, char text[LABEL_MAX])
{
	size_t at = (size_t)snprintf(text, LABEL_MAX, "sha256:"), n = u->objects.count;
	char hex[DIGEST_HEX];

	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		digest_hex(&u->objects.items[i], hex);
		at += (size_t)snprintf(text + at, LABEL_MAX - at, "%s%.12s", i ? "," : "", hex);
	}
	if (u->cut)
		snprintf(text + at, LABEL_MAX - at, ",...");
	else if (n > SHOWN_MAX)
		snprintf(text + at, LABEL_MAX - at, ",+%zu", n - SHOWN_MAX);
}

void ps_sealed_row(const struct object_user *user, struct table *table)
{
	const struct sealed_state *s = state_of(user);
	char pid[16], generation[32] = "-", program[PROGRAM_NAME_MAX], label[LABEL_MAX];

	snprintf(pid, sizeof pid, "%d", user->who.pid);
	if (s->generation >= 0)
		snprintf(generation, sizeof generation, "%lld", (long long)s->generation);
	program_name(&user->who, program);
	label_text(user, label);
	table_row(table, (const char *[]){pid, user_name(user->who.uid), state_name(s), generation,
					  s->app ? s->app : "-", program, label});
}

/* -- its objects -- */

/* Without a store there are no names. */
static const struct versions *all_versions(void)
{
	static struct versions all;
	static bool known;
	AUTO_STORE struct store *store = NULL;
	struct err why;

	if (known)
		return &all;
	known = true;
	if (store_open(PINLIB_STORE, false, &store, &why) < 0 || store_list(store, &all, &why) < 0)
		warn("%s", printable(why.text));
	return &all;
}

static const struct version *version_of(const struct digest *object)
{
	const struct versions *all = all_versions();

	for (size_t i = 0; i < all->count; i++)
		for (size_t k = 0; k < all->items[i].nentries; k++) {
			const struct entry *e = &all->items[i].entries[k];

			if (e->type == ENTRY_FILE && digest_equal(&e->content, object))
				return &all->items[i];
		}
	return NULL;
}

static void path_of(const struct digest *object, char path[PATH_MAX])
{
	char name[OBJECT_PATH];

	object_path(object, name);
	snprintf(path, PATH_MAX, PINLIB_STORE "/objects/%s", name);
}

static void print_objects(const struct object_user *u)
{
	const struct sealed_state *s = state_of(u);
	struct table *t = table_new(2);

	for (size_t i = 0; i < u->objects.count; i++) {
		const struct digest *object = &u->objects.items[i];
		const struct version *v = version_of(object);
		char text[DIGEST_HEX + 16], hex[DIGEST_HEX], name[512] = "-";

		digest_hex(object, hex);
		snprintf(text, sizeof text, "  sha256:%s", hex);
		if (v)
			snprintf(name, sizeof name, "%.240s %.240s", v->name, v->version);
		if (sealing_is_old(s, object))
			strcat(name, ", superseded");
		table_row(t, (const char *[]){text, name});
	}
	table_print(t);
	if (u->cut)
		print_line("  more objects than these");
}

void ps_sealed_print(const struct object_user *user)
{
	const struct sealed_state *s = state_of(user);
	char text[PROGRAM_NAME_MAX], generation[48] = "";

	if (s->generation >= 0)
		snprintf(generation, sizeof generation, ", generation %lld",
			 (long long)s->generation);
	print_line("%d %s %s%s: %s", user->who.pid, user_name(user->who.uid),
		   s->app ? printable(strcpy(text, s->app)) : "-", generation, state_name(s));
	print_line("  form: sealed");
	program_name(&user->who, text);
	print_line("  program: %s%s", printable(text), user->deleted ? ", replaced" : "");
	print_objects(user);
}

/* -- JSON -- */

static void json_objects(const struct object_user *u)
{
	char hex[DIGEST_HEX];

	json_open("objects", '[');
	for (size_t i = 0; i < u->objects.count; i++) {
		digest_hex(&u->objects.items[i], hex);
		json_string(NULL, hex);
	}
	json_close();
}

static void json_stale(const struct object_user *u, const struct sealed_state *s)
{
	char path[PATH_MAX];

	if (s->state == SEALING_UNKNOWN) {
		json_string("stale", NULL);
		return;
	}
	json_open("stale", '[');
	if (u->deleted)
		json_string(NULL, u->who.program);
	for (size_t i = 0; i < u->objects.count; i++)
		if (sealing_is_old(s, &u->objects.items[i])) {
			path_of(&u->objects.items[i], path);
			json_string(NULL, path);
		}
	json_close();
}

static void json_libs(const struct object_user *u, const struct sealed_state *s)
{
	char path[PATH_MAX];

	json_open("libs", '[');
	for (size_t i = 0; i < u->objects.count; i++) {
		const struct version *v = version_of(&u->objects.items[i]);

		path_of(&u->objects.items[i], path);
		json_record("path %s pinned %d stale %d copy %d library %s version %s", path, true,
			    sealing_is_old(s, &u->objects.items[i]), false, v ? v->name : NULL,
			    v ? v->version : NULL);
	}
	json_close();
}

void ps_sealed_json(const struct object_user *user, bool with_libs)
{
	const struct sealed_state *s = state_of(user);

	json_open(NULL, '{');
	json_who(&user->who);
	json_open("copies", '[');
	json_close();
	json_string("form", "sealed");
	json_string("app", s->app);
	json_string("label", NULL);
	json_members("generation %lld state %s", (long long)s->generation, state_name(s));
	json_stale(user, s);
	json_objects(user);
	if (with_libs)
		json_libs(user, s);
	json_close();
}

/* -- processes that could not be read -- */

static bool any_sealed(void)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	struct err ignored; /* other commands report it */

	if (policy_open(&policy, &ignored) < 0 ||
	    policy_apps(policy, POLICY_NOW, &apps, &ignored) < 0)
		return false;
	for (size_t i = 0; i < apps.count; i++)
		if (apps.items[i].sealed)
			return true;
	return false;
}

void ps_sealed_warn(const struct object_users *users)
{
	if (users->hidden && (users->count || any_sealed()))
		warn("the maps of %zu process%s cannot be read: whether %s sealed is unknown",
		     users->hidden, users->hidden == 1 ? "" : "es",
		     users->hidden == 1 ? "it is" : "they are");
}
