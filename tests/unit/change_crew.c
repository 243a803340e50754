/* Crews: the answers of many children, children that die, and a time limit. */
#include "base/clock.h"
#include "change/crew.h"
#include "tests/unit/test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ITEMS 200

static struct err err;
static size_t seen[ITEMS], dead, silent;

static void remember(void *ctx, size_t item, const char *text, size_t len)
{
	(void)ctx;
	CHECK(item < ITEMS);
	if (!text) {
		dead++;
		return;
	}
	silent += len == 0;
	seen[item] += len == 0 || strtoul(text, NULL, 10) == item;
}

static size_t count_seen(void)
{
	size_t n = 0;

	for (size_t i = 0; i < ITEMS; i++)
		n += seen[i] == 1;
	memset(seen, 0, sizeof seen);
	return n;
}

static void say_number(void *ctx, size_t item, FILE *answer)
{
	(void)ctx;
	if (item % 10 == 0)
		fprintf(answer, "%0100000zu", item); /* more than a socket holds */
	else if (item % 10 != 1)
		fprintf(answer, "%zu", item);
}

static void test_answers(void)
{
	CHECK(crew_run(ITEMS, 0, say_number, remember, NULL, &err) == 0);
	CHECK(count_seen() == ITEMS && dead == 0 && silent == ITEMS / 10);
	CHECK(crew_run(0, 0, say_number, remember, NULL, &err) == 0 && count_seen() == 0);
	CHECK(crew_run(1, 0, say_number, remember, NULL, &err) == 0 && count_seen() == 1);
}

static void die_sometimes(void *ctx, size_t item, FILE *answer)
{
	(void)ctx;
	if (item % 20 == 3)
		raise(SIGKILL);
	fprintf(answer, "%zu", item);
}

static void test_deaths(void)
{
	CHECK(crew_run(ITEMS, 0, die_sometimes, remember, NULL, &err) == 0);
	CHECK(count_seen() == ITEMS - ITEMS / 20 && dead == ITEMS / 20);
	dead = 0;
}

static void hang_later(void *ctx, size_t item, FILE *answer)
{
	(void)ctx;
	if (item >= 5)
		pause();
	fprintf(answer, "%zu", item);
}

static void test_limit(void)
{
	const int64_t before = clock_ms();

	CHECK(crew_run(ITEMS, before + 500, hang_later, remember, NULL, &err) == 0);
	CHECK(clock_ms() - before >= 500 && clock_ms() - before < 20000);
	CHECK(count_seen() == 5 && dead == 0);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1); /* no child is left */
}

int main(void)
{
	test_answers();
	test_deaths();
	test_limit();
	return test_end();
}
