/* caution_parse: the tables of programs that should not be pinned. */
#include "policy/caution.h"

#include "store/text.h"
#include "tests/fuzz/fuzz.h"

static void count_report(void *ctx, const char *text)
{
	HOLD(strncmp(text, "text:", 5) == 0);
	++*(size_t *)ctx;
}

static void check(const struct caution *c)
{
	HOLD(c->matches.count > 0);
	HOLD(c->grade == CAUTION_WARN || c->grade == CAUTION_REFUSE);
	HOLD(!text_fault(c->reason) && strlen(c->reason) <= CAUTION_TEXT_MAX);
	HOLD(!text_fault(c->remedy) && strlen(c->remedy) <= CAUTION_TEXT_MAX);
	for (size_t i = 0; i < c->matches.count; i++)
		HOLD(!strpbrk(c->matches.items[i], " \t\n"));
}

/* How many of the lines begin an entry. */
static size_t count_matches(const char *text)
{
	size_t n = 0;

	for (; (text = strstr(text, "match")); text++)
		n++;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 0), *text = fuzz_copy(data, size, 1);
	AUTO_CAUTIONS struct cautions c = {0};
	size_t reports = 0;
	struct err err;

	HOLD(caution_parse(copy, size, "text", &c, count_report, &reports, &err) == 0);
	for (size_t i = 0; i < c.count; i++)
		check(&c.items[i]);
	HOLD(c.count <= count_matches(text));
	HOLD(strlen(text) == size || reports);
	return 0;
}
