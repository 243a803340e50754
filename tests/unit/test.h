/* A unit test is a program: CHECK what must hold, end main with `return test_end();`. Each CHECK
 * that fails prints its place; the last line is "N passed, N failed[, N skipped]". */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int test_passed, test_failed, test_skipped;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (cond) {                                                                        \
			test_passed++;                                                             \
		} else {                                                                           \
			test_failed++;                                                             \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
		}                                                                                  \
	} while (0)

#define CHECK_STR(a, b)                                                                            \
	do {                                                                                       \
		const char *a_ = (a), *b_ = (b);                                                   \
		if (a_ && b_ && strcmp(a_, b_) == 0) {                                             \
			test_passed++;                                                             \
		} else {                                                                           \
			test_failed++;                                                             \
			fprintf(stderr, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__,   \
				#a, a_ ? a_ : "(null)", b_ ? b_ : "(null)");                       \
		}                                                                                  \
	} while (0)

/* Features that this machine lacks: probed, and counted. */
#define SKIP(name, why)                                                                            \
	do {                                                                                       \
		test_skipped++;                                                                    \
		fprintf(stderr, "skip %s: %s\n", name, why);                                       \
	} while (0)

/* Before a test that only root can run: elsewhere the test is counted as skipped. */
static inline bool as_root(const char *name)
{
	if (geteuid() == 0)
		return true;
	SKIP(name, "needs root");
	return false;
}

/* A precondition of a test: if it does not hold, the program ends. */
#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: cannot go on: %s\n", __FILE__, __LINE__, #cond);   \
			exit(2);                                                                   \
		}                                                                                  \
	} while (0)

static inline int test_end(void)
{
	printf("%d passed, %d failed", test_passed, test_failed);
	if (test_skipped)
		printf(", %d skipped", test_skipped);
	putchar('\n');
	return test_failed != 0;
}
