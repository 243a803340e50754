#include "base/progress.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic(const char *) what;
static atomic_int unit;
static atomic_uint_fast64_t done, total;

void progress_begin(const char *text, enum progress_unit of, uint64_t all)
{
	what = NULL;
	unit = (int)of;
	total = all;
	done = 0;
	what = text;
}

void progress_step(uint64_t n)
{
	atomic_fetch_add_explicit(&done, n, memory_order_relaxed);
}

void progress_end(void)
{
	what = NULL;
}

struct progress progress_now(void)
{
	return (struct progress){what, (enum progress_unit)unit, done, total};
}
