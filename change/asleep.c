#include "change/asleep.h"

#include "host/app_file.h"
#include "host/interpreter.h"
#include "host/stub.h"
#include "host/wrap.h"
#include "host/wrapper_file.h"

#include <limits.h>
#include <unistd.h>

/* Whether wrap_fit found a reason against the program, or could not look at it. */
static bool is_reason(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EISDIR || r == -EINVAL ||
	       r == -EACCES || r == -EPERM;
}

static bool may_be_script(const char *app)
{
	char program[PATH_MAX];
	struct err ignored;

	return stub_is_script(app) ||
	       (wrap_program(app, program, &ignored) == 0 && stub_is_script(program));
}

/* A wrapper that is missing or unsafe concerns every app, and doctor reports it. */
static int find_others(const char *app, bool supplied, struct dpkg_says *says, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says own = DPKG_SAYS_OF(&app, 1);
	struct err ignored;

	if (wrap_present(app) || wrapper_check(&ignored) < 0)
		return 0;
	return wrap_allowed(app, supplied, says ? says : &own, err) == -EPERM ? EPERM : 0;
}

/* Most apps have a live program that fits, and their versions need not be read. */
static int find_unfit(struct store *store, const struct app *app, bool *supplied, struct err *err)
{
	int r = wrap_fit(app->path, false, err);

	*supplied = app->program || (r < 0 && store && app_is_supplied(store, app));
	return r < 0 && *supplied ? wrap_fit(app->path, true, err) : r;
}

int asleep_find(struct store *store, const struct apps *apps, const struct app *app,
		struct dpkg_says *says, struct err *err)
{
	bool supplied;
	int r = find_unfit(store, app, &supplied, err);

	if (r == -EACCES && geteuid() != 0)
		return 0;
	if (r == -ENOENT || r == -ENOTDIR)
		err_set(err, -r, "its program is gone");
	if (r < 0)
		return is_reason(r) ? -r : r;
	if (store && (supplied || may_be_script(app->path)))
		r = interpreter_check_app(store, apps, app, err);
	if (r < 0)
		return r == -EEXIST ? EEXIST : r;
	return find_others(app->path, supplied, says, err);
}
