/* The progress of one long operation. Rooms count, and only the front door shows it (cli/progress.h). A process has
 * one operation at a time: a new one replaces the previous. */
#pragma once

#include <stdint.h>

enum progress_unit { PROGRESS_ITEMS, PROGRESS_BYTES };

struct progress {
	const char *what; /* "hashing the store"; NULL: no operation */
	enum progress_unit unit;
	uint64_t done, total;
};

/* text must stay valid until the next operation; total 0: unknown. */
void progress_begin(const char *text, enum progress_unit unit, uint64_t total);
void progress_step(uint64_t n); /* from any thread */
void progress_end(void);

/* From any thread. While an operation begins, some values may still be those of the previous one. */
struct progress progress_now(void);
