/*
 * How far work has come that may take long. Rooms count; whether anybody is shown it is the front
 * door's business (cli/progress.h). One piece of work at a time in a process: what begins takes the
 * place of what was under way.
 */
#pragma once

#include <stdint.h>

enum progress_unit { PROGRESS_ITEMS, PROGRESS_BYTES };

struct progress {
	const char *what; /* "hashing the store"; NULL: nothing is under way */
	enum progress_unit unit;
	uint64_t done, total; /* total 0: not known */
};

void progress_begin(const char *what, enum progress_unit unit, uint64_t total); /* what is kept */
void progress_step(uint64_t n); /* from any thread */
void progress_end(void);

/* From any thread; what is read while something begins may be partly of what was before. */
struct progress progress_now(void);
