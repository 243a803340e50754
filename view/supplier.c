#include "view/supplier.h"

#include "intake/candidates.h"
#include "store/origin.h"

#include <stdio.h>
#include <string.h>

static bool has_pin_named(const struct app *app, const struct version *v)
{
	for (size_t i = 0; i < app->npins; i++)
		if (strcmp(app->pins[i].name, v->name) == 0 &&
		    strcmp(app->pins[i].arch, v->arch) == 0)
			return true;
	return false;
}

static const char *arch_of_pins(const struct app *app)
{
	for (size_t i = 0; i < app->npins; i++)
		if (strcmp(app->pins[i].arch, "all") != 0)
			return app->pins[i].arch;
	return "";
}

bool supplier_fits(const struct app *app, const struct version *v, const char *soname)
{
	return strcmp(v->arch, arch_of_pins(app)) == 0 && !has_pin_named(app, v) &&
	       version_has_soname(v, soname);
}

static void hint_from_origin(const struct origin *origin, const char *soname, char *text,
			     size_t size)
{
	AUTO_CANDIDATES struct candidates found = {0};
	struct err ignored;

	if (candidates_find(origin, soname, &found, &ignored) == 0 && found.likely)
		snprintf(text, size, "%s may have it", found.sources.items[0]);
}

void supplier_hint(struct store *store, const struct app *app, const struct versions *pinned,
		   const char *soname, char *text, size_t size)
{
	AUTO_VERSIONS struct versions all = {0};
	struct err ignored;

	text[0] = '\0';
	if (!store || strchr(soname, '/') || store_list(store, &all, &ignored) < 0)
		return;
	for (size_t i = all.count; i-- > 0;)
		if (supplier_fits(app, &all.items[i], soname)) {
			snprintf(text, size, "the store has it in %s=%s", all.items[i].name,
				 all.items[i].version);
			return;
		}
	for (size_t i = 0; i < pinned->count && !*text; i++) {
		AUTO_ORIGIN struct origin origin = {0};

		if (origin_read(store, &pinned->items[i].digest, &origin, &ignored) == 0)
			hint_from_origin(&origin, soname, text, size);
	}
	if (!*text)
		hint_from_origin(&(struct origin){.source = (char[]){"apt:"}}, soname, text, size);
}
