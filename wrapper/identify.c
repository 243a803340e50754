#include "wrapper/identify.h"

#include "base/paths.h"

#include <string.h>

int identify(int argc, char **argv, struct launch *out, struct err *err)
{
	if (argc < STUB_ARGS || strcmp(argv[1], STUB_START) != 0)
		return -ENOENT;
	if (!stub_parse_word(argv[2], out->app, &out->unpinned) ||
	    !stub_parse_kept(argv[3], &out->kept))
		return err_set(err, EINVAL, "malformed argument of a stub");
	out->name = argv[4];
	out->argv = argv + STUB_ARGS;
	return 0;
}

int identify_plan(uid_t root, struct launch *out, struct err *err)
{
	return plan_load(PINLIB_PLANS, out->app, root, &out->file, err);
}

int identify_without_plan(struct launch *out, struct err *err)
{
	static char original[PATH_MAX];

	if (stub_original(out->app, original) < 0)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", out->app);
	out->file.plan = (struct plan){
		.on_failure = out->unpinned ? PLAN_UNPINNED : PLAN_REFUSE,
		.app = out->app,
		.real = original,
		.program = original,
		.at = out->app,
	};
	return 0;
}
