#include "commands/removed.h"

#include "cli/out.h"
#include "policy/policy.h"

#include <unistd.h>

static bool has_pin(const struct app *app, const struct pin *pin)
{
	for (size_t i = 0; i < app->npins; i++)
		if (digest_equal(&app->pins[i].digest, &pin->digest))
			return true;
	return false;
}

static void print_pin(struct table *t, const char *app, const struct pin *pin)
{
	table_row(t, (const char *[]){app, pin->name, pin->version, "removed"});
	json_open(NULL, '{');
	json_members("app %s name %s version %s arch %s", app, pin->name, pin->version, pin->arch);
	json_digest("digest", &pin->digest);
	json_close();
}

static int print_app(struct table *t, struct session *s, const char *path,
		     struct strings *unwrapped, struct err *err)
{
	AUTO_APP struct app was = {0}, now = {0};
	int r = policy_app(s->policy, path, s->generation - 1, &was, err);

	if (r == 0)
		r = policy_app(s->policy, path, POLICY_NOW, &now, err);
	if (r < 0 && r != -ENOENT)
		return r;
	for (size_t i = 0; i < was.npins; i++)
		if (!has_pin(&now, &was.pins[i]))
			print_pin(t, path, &was.pins[i]);
	return now.path ? 0 : strings_add(unwrapped, path, err);
}

int removed_print(struct session *s, const struct strings *apps, struct err *err)
{
	AUTO_STRINGS struct strings unwrapped = {0};
	struct table *t = table_new(4);
	int r = 0;

	json_open("removed", '[');
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		r = print_app(t, s, apps->items[i], &unwrapped, err);
	json_close();
	table_print(t);
	for (size_t i = 0; i < unwrapped.count; i++)
		print_line(access(unwrapped.items[i], F_OK) == 0
				   ? "%s is as it was before pinlib"
				   : "%s has no pins any more; its program is gone",
			   unwrapped.items[i]);
	return r;
}
