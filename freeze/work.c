#include "freeze/work.h"

#include "base/array.h"

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
	free(w->marks);
	ldview_free(&w->view);
	free(w->made);
	app_free(&w->app);
	if (w->plan)
		view_plan_free(w->plan);
	free(w->plan);
	program_free(&w->program);
	versions_free(&w->kept);
	freezing_free(&w->out);
}

int freeze_add_made(struct freeze_work *w, const struct version *v, struct err *err)
{
	for (size_t i = 0; i < w->nmade; i++)
		if (w->made[i] == v)
			return 0;
	if (ARRAY_GROW(w->made, w->nmade, err) < 0)
		return -ENOMEM;
	w->made[w->nmade++] = v;
	return 0;
}

const struct package *freeze_package(const struct freeze_work *w, size_t number)
{
	return number == OWNER_NONE ? NULL : &w->machine->inventory.packages.items[number];
}

bool freeze_is_pinned(const struct freeze_work *w, const char *path)
{
	return view_shows(&w->plan->view, path);
}

bool freeze_is_kept(const struct freeze_work *w, const char *name, const char *arch)
{
	for (size_t i = 0; i < w->kept.count; i++)
		if (strcmp(w->kept.items[i].name, name) == 0 &&
		    strcmp(w->kept.items[i].arch, arch) == 0)
			return true;
	return false;
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
