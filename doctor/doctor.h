/*
 * Doctor: whether the machine gives pinlib what it needs, and whether what pinlib keeps on it is
 * whole. It changes nothing, and goes on where something is broken: each check says for itself what
 * it found and what is to be done.
 */
#pragma once

enum health {
	HEALTH_WELL,
	HEALTH_NOTE,  /* a limit that wrapped programs do not suffer from */
	HEALTH_FAULT, /* something does not work, or will not */
};

struct finding {
	const char *check; /* one word */
	enum health health;
	const char *text;   /* a sentence without a full stop */
	const char *remedy; /* the same: what to do; NULL if there is nothing to be done */
};

typedef void finding_fn(void *ctx, const struct finding *finding);

/* Goes through all checks, in a fixed order; of each there is one finding at least. As root and
 * under policy_lock, if there is a lock to be had (policy_lock makes PINLIB_STATE, so not where
 * that is missing). Returns the number of faults. */
int doctor(finding_fn *report, void *ctx);
