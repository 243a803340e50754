/* description_parse: the files that `pinlib apply` reads. */
#include "policy/description.h"

#include "base/path.h"
#include "policy/due.h"
#include "policy/policy.h"
#include "store/text.h"
#include "tests/fuzz/fuzz.h"

#include <limits.h>

static void check(const struct described *app)
{
	char again[PATH_MAX];
	struct err err;

	HOLD(path_normalise(app->path, again, &err) == 0 && strcmp(app->path, again) == 0);
	HOLD(app->absent + app->host + (app->npins > 0) == 1);
	HOLD(app->on_failure == PLAN_REFUSE || app->on_failure == PLAN_UNPINNED);
	HOLD(!app->absent || (!app->profile && !app->sources.count && !app->with_deps));
	HOLD(!app->reason || !reason_fault(app->reason));
	HOLD(app->until >= 0 && app->until <= UNTIL_LATEST);
	HOLD(app->places.count == app->npins);
	for (size_t i = 0; i < app->npins; i++) {
		const char *place = app->places.items[i];

		HOLD(!text_label_fault(app->pins[i].name));
		HOLD(!*place || (path_normalise(place, again, &err) == 0 && !strcmp(place, again)));
	}
	for (size_t i = 0; i < app->sources.count; i++)
		HOLD(!text_fault(app->sources.items[i]));
}

/* A written description is parsed back to the same one. */
static void write_and_read(const struct described *app)
{
	const struct app written = {.path = app->path, .reason = app->reason, .until = app->until};
	AUTO_DESCRIPTION struct description again = {0};
	AUTO_FREE char *text = NULL;
	struct err err;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	HOLD(f);
	description_write_app(f, &written);
	HOLD(fclose(f) == 0 && description_parse(text, len, "again", &again, &err) == 0);
	HOLD(again.count == 1 && strcmp(again.items[0].path, app->path) == 0);
	HOLD(string_equal(again.items[0].reason, app->reason));
	HOLD(again.items[0].until == app->until);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 0);
	AUTO_DESCRIPTION struct description d = {0};
	struct err err;

	if (description_parse(copy, size, "text", &d, &err) < 0)
		return 0;
	for (size_t i = 0; i < d.count; i++) {
		check(&d.items[i]);
		write_and_read(&d.items[i]);
		for (size_t k = 0; k < i; k++)
			HOLD(strcmp(d.items[i].path, d.items[k].path) != 0);
	}
	return 0;
}
