/*
 * The two formats of `pinlib sbom`, as JSON by cli/out.h:
 *
 *	CycloneDX 1.6    https://cyclonedx.org/docs/1.6/json/
 *	SPDX 2.3         https://spdx.github.io/spdx-spec/v2.3/
 *
 * Where a document is named by a UUID it has SBOM_NO_UUID, which the caller replaces.
 */
#pragma once

#include "sbom/bill.h"

#define SBOM_NO_UUID "00000000-0000-0000-0000-000000000000"

/* What the documents say of their limits. */
#define SBOM_LIMITS                                                                                \
	"Programs with their pinned library versions. What a program uses of the live system, "    \
	"which its package manager keeps up to date, is not listed."

#define SBOM_TIME 32 /* "2026-11-30T12:00:00Z" */
void sbom_time(int64_t time, char text[SBOM_TIME]);

/* time: when the document says it was made, in seconds since 1970. */
void sbom_write_cyclonedx(const struct bill *bill, int64_t time);
/* The bill has SHA-1. */
void sbom_write_spdx(const struct bill *bill, int64_t time);
