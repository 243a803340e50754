/* The input of apt's two hooks: the lines of Pre-Install-Pkgs, and the JSON before the question.
 */
#include "upgrade/changes.h"
#include "tests/fuzz/fuzz.h"

#define METHOD "org.debian.apt.hooks.install.statistics"

static void check(const struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		const struct change *c = &changes->items[i];

		HOLD(c->name && c->arch && c->from && c->query);
		HOLD(strncmp(c->query, c->name, strlen(c->name)) == 0);
		HOLD(!c->to || strcmp(c->from, c->to) != 0);
	}
}

/* Each message opens a database, so messages for the other hook are skipped. */
static void check_message(const char *text)
{
	AUTO_CHANGES struct changes changes = {0};
	struct err err;
	int r = changes_of_message(text, METHOD, &changes, &err);

	HOLD(r == 0 || r == -EPROTO);
	check(&changes);
	for (size_t i = 0; i < changes.count; i++)
		HOLD(!changes.items[i].file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 1);
	AUTO_CHANGES struct changes changes = {0};
	struct err err;
	int r;

	if (strncmp(copy, "VERSION", 7) != 0)
		check_message(copy);
	r = changes_of_apt(copy, &changes, &err); /* cuts it up */
	HOLD(r == 0 || r == -EPROTO);
	check(&changes);
	return 0;
}
