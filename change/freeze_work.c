#include "change/freeze_work.h"

#include <stdlib.h>
#include <string.h>

void freeze_work_free(struct freeze_work *w)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		free(w->files[i].path);
		free(w->files[i].link);
	}
	free(w->files);
	free(w->pins);
	app_free(&w->app);
	if (w->plan)
		view_plan_free(w->plan);
	free(w->plan);
	versions_free(&w->kept);
	versions_free(&w->made);
	packages_free(&w->packages);
	freezing_free(&w->out);
}

int freeze_add_version(struct versions *to, struct version *v, struct err *err)
{
	struct version *items = reallocarray(to->items, to->count + 1, sizeof *items);

	if (!items)
		return err_nomem(err);
	to->items = items;
	items[to->count++] = *v;
	*v = (struct version){0};
	return 0;
}

const struct package *freeze_package(const struct freeze_work *w, size_t number)
{
	return number == OWNER_NONE ? NULL : &w->packages.items[number];
}

bool freeze_is_libc(const char *name)
{
	static const char *const names[] = {"libc6",   "libc-bin",    "libc-l10n",
					    "locales", "locales-all", GLIBC_GENERATED};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}
