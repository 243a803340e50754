/*
 * Stock: the content of candidates, which a proof needs. A version that the store has from the same place is used; apt downloads
 * the others. Where that fails, the stock has the reason.
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "renewal/unison.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>

struct stocked {
	const struct renewal *renewal; /* some pinned version that it could replace */
	const struct renewal_candidate *candidate;
	struct store *store; /* that has the version; NULL: none has */
	struct version version;
	char *why; /* a sentence: why the version is not there */
};

struct stock {
	struct stocked *items;
	size_t count;
	size_t filled;		   /* so many of the first were looked for */
	struct strings unverified; /* sentences about the downloads that apt did not verify */
};

/* Opens an empty store in memory, which only this process and its children see, and which vanishes with them. -EPERM as for
 * ephemeral_hide. */
int stock_open_scratch(struct store **out, struct err *err);

/* Adds the versions of the set that are new, each once. The stock points into renewals. */
int stock_want(struct stock *stock, const struct unison *unison, const struct unison_set *set,
	       struct err *err);

/* Looks for the wanted versions in store, and adds the others to the store into; NULL: nothing is downloaded. */
int stock_fill(struct stock *stock, struct store *store, struct store *into, struct err *err);

/* The version to which pin number of the unison moves; NULL: it stays. */
const struct stocked *stock_get(const struct stock *stock, const struct unison *unison,
				const struct unison_set *set, size_t number);

void stock_free(struct stock *stock);
#define AUTO_STOCK CLEANUP(stock_free)
