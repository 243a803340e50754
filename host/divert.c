#include "host/divert.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "dpkg/diversion.h"
#include "dpkg/owner.h"
#include "host/original.h"

#include <limits.h>
#include <string.h>

void dpkg_says_free(struct dpkg_says *says)
{
	strings_free(&says->owned);
	strings_free(&says->diversions);
	*says = (struct dpkg_says){0};
}

/* -- questions, each asked once -- */

static int ask_owned(struct dpkg_says *says, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	int r = 0;

	if (says->owned_known)
		return 0;
	for (size_t i = 0; r == 0 && i < says->napps; i++) {
		const char *names[2];
		size_t n = owner_names(says->apps[i], names);

		for (size_t k = 0; r == 0 && k < n; k++)
			r = strings_add(&paths, names[k], err);
	}
	if (r == 0)
		r = owner_find(&paths, &says->owned, err);
	says->owned_known = r == 0;
	return r;
}

static int ask_diversions(struct dpkg_says *says, struct err *err)
{
	int r = says->diversions_known ? 0 : diversions_list(&says->diversions, err);

	says->diversions_known = r == 0;
	return r;
}

/* -- owners -- */

/* Which of app's n names a package has. Returns how many. */
static int find_owned(struct dpkg_says *says, const char *names[2], size_t n, bool owned[2],
		      struct err *err)
{
	int count = 0, r = ask_owned(says, err);

	owned[0] = owned[1] = false;
	for (size_t i = 0; r == 0 && i < n; i++) {
		owned[i] = strings_have(&says->owned, names[i]);
		count += owned[i];
	}
	return r < 0 ? r : count;
}

int divert_owned(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool owned[2];
	int r = find_owned(says, names, owner_names(app, names), owned, err);

	return r < 0 ? r : r > 0;
}

/* -- diversions -- */

/* Whether a line of dpkg is a diversion to an original; d is this reading of the line then. */
static bool is_to_original(const char *line, struct diversion *d)
{
	char real[PATH_MAX];
	struct err ignored;

	for (size_t nth = 0; diversion_read(line, nth, d); nth++)
		if (d->local && original_path(d->from, real, &ignored) == 0 &&
		    strcmp(real, d->to) == 0)
			return true;
	return false;
}

/* Which of app's n names dpkg diverts to an original. Returns how many. */
static int find_diverted(struct dpkg_says *says, const char *names[2], size_t n, bool diverted[2],
			 struct err *err)
{
	struct diversion d;
	int count = 0, r = ask_diversions(says, err);

	diverted[0] = diverted[1] = false;
	for (size_t i = 0; r == 0 && i < says->diversions.count; i++) {
		if (!is_to_original(says->diversions.items[i], &d))
			continue;
		for (size_t k = 0; k < n; k++)
			if (!diverted[k] && strcmp(d.from, names[k]) == 0) {
				diverted[k] = true;
				count++;
			}
	}
	return r < 0 ? r : count;
}

int divert_agrees(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool owned[2] = {0}, is[2] = {0};
	size_t n = owner_names(app, names);
	int r = find_owned(says, names, n, owned, err);

	if (r >= 0)
		r = find_diverted(says, names, n, is, err);
	return r < 0 ? r : owned[0] == is[0] && owned[1] == is[1];
}

int divert_count(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool diverted[2];

	return find_diverted(says, names, owner_names(app, names), diverted, err);
}

static int refuse_diversion(const char *line, const char *name, struct err *err)
{
	struct diversion d;

	for (size_t nth = 0; diversion_read(line, nth, &d); nth++) {
		if (strcmp(d.from, name) == 0)
			return err_set(err, EPERM,
				       "%s is already diverted, and dpkg allows one diversion per "
				       "path: \"%s\"",
				       name, line);
		if (strcmp(d.to, name) == 0)
			return err_set(err, EPERM,
				       "dpkg diverts another path to %s, and would move the stub "
				       "when that diversion ends: \"%s\"",
				       name, line);
	}
	return 0;
}

int divert_allowed(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	size_t n = owner_names(app, names);
	int r = ask_diversions(says, err);

	for (size_t i = 0; r == 0 && i < says->diversions.count; i++) {
		const char *line = says->diversions.items[i];
		struct diversion ours;

		for (size_t k = 0; r == 0 && k < n && !is_to_original(line, &ours); k++)
			r = refuse_diversion(line, names[k], err);
	}
	return r;
}

/* -- changes -- */

static int change_diversion(const char *name, bool add, struct err *err)
{
	char target[PATH_MAX];
	int r = original_path(name, target, err);

	if (r < 0)
		return r;
	return add ? diversion_add(name, target, err) : diversion_remove(name, target, err);
}

/* Diverts those of app's names that are wanted, and no other. */
static int divert_names(struct dpkg_says *says, const char *names[2], size_t n,
			const bool wanted[2], struct err *err)
{
	bool is[2];
	int r = find_diverted(says, names, n, is, err);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (wanted[i] != is[i])
			r = change_diversion(names[i], wanted[i], err);
	/* An earlier command may have been killed before the list was on the disk. */
	return r < 0 ? r : diversions_sync(err);
}

int divert_begin(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool owned[2];
	size_t n = owner_names(app, names);
	int r = find_owned(says, names, n, owned, err);

	return r < 0 ? r : divert_names(says, names, n, owned, err);
}

int divert_end(struct dpkg_says *says, const char *app, struct err *err)
{
	static const bool none[2];
	const char *names[2];

	return divert_names(says, names, owner_names(app, names), none, err);
}

int divert_apps(struct strings *apps, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = {0};
	char place[PATH_MAX];
	struct diversion d;
	int r = ask_diversions(&says, err);

	for (size_t i = 0; r == 0 && i < says.diversions.count; i++) {
		if (!is_to_original(says.diversions.items[i], &d))
			continue;
		r = path_place(d.from, place, err);
		if (r == 0)
			r = strings_add_once(apps, place, err);
	}
	return r;
}
