/* A finding: one statement of a check about the machine, or about what pinlib keeps on it. */
#pragma once

enum health {
	HEALTH_WELL,
	HEALTH_NOTE, /* a limit that wrapped programs do not suffer from, a risk that was accepted, or a date that comes */
	HEALTH_FAULT, /* something does not work, or will not */
};

struct finding {
	const char *check; /* one word */
	enum health health;
	const char *text;   /* a sentence without a full stop */
	const char *remedy; /* a command, or a sentence about one; NULL: there is none */
};

typedef void finding_fn(void *ctx, const struct finding *finding);
