/* A bound on work that files of strangers can ask for, in units that each user of it defines. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint64_t left;
};

/* False, and nothing is left, if the work is more than is left. */
static inline bool budget_spend(struct budget *budget, uint64_t work)
{
	bool enough = work <= budget->left;

	budget->left = enough ? budget->left - work : 0;
	return enough;
}
