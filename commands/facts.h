/*
 * The facts about the machine's pins that `pinlib show --dot` and `pinlib report` print, gathered once.
 *
 * Nothing is proven here, and no library is read: 'pinlib check' and 'pinlib doctor' do that, as root.
 */
#pragma once

#include "base/cleanup.h"
#include "base/strings.h"
#include "dpkg/package.h"
#include "policy/due.h"
#include "policy/policy.h"
#include "store/kept.h"
#include "store/layer_spec.h"

#include <stdint.h>
#include <sys/types.h>

enum program_state {
	PROGRAM_STARTS,
	PROGRAM_SLEEPS,	 /* change/asleep.h */
	PROGRAM_CHANGED, /* its stub, original, plan or layers are not as pinlib made them */
};

struct program_facts {
	const struct app *app; /* one of facts.apps */
	enum program_state state;
	char *why;		/* a sentence without a full stop; NULL: it starts */
	char layer[LAYER_ID];	/* of its view, or its set; "": it has none */
	struct strings covers;	/* the directories that its view covers */
	struct strings remarks; /* upgrade/siblings.h */
	enum due due;		/* policy/due.h, at facts.now */
	struct strings
		from; /* provenance_text of each pin, in their order; empty where there is no store */
	size_t outdated; /* its processes that need a restart, of those that were seen */
};

/* A process that still has files which its program would not get now. */
struct outdated {
	pid_t pid;
	uid_t uid;
	char *app, *program; /* the process chooses program */
	bool superseded;     /* the pins changed; false: a file was replaced */
};

struct facts {
	int64_t now; /* seconds since 1970; SOURCE_DATE_EPOCH in the environment replaces it */
	struct apps apps;
	struct program_facts *programs; /* one for each of apps, in their order */
	struct packages installed;	/* those that the pins mean, and others */
	struct generations generations; /* oldest first */
	struct kepts kept;		/* newest first */
	struct outdated *outdated;	/* by process number */
	size_t noutdated;
	size_t unseen;		/* processes whose views and libraries cannot be read */
	bool hidden;		/* /proc hides processes from this user */
	struct strings unknown; /* sentences: facts that could not be gathered */
};

int facts_gather(struct facts *out, struct err *err);
void facts_free(struct facts *facts);
#define AUTO_FACTS CLEANUP(facts_free)

/* The installed package that the pin means; NULL: there is none. */
const struct package *facts_live(const struct facts *facts, const struct pin *pin);

/* When the pin was set, in seconds since 1970. *before: or earlier, in a generation that is not kept. */
int64_t facts_since(const struct facts *facts, const struct pin *pin, bool *before);

/* Whether the administrator has something to do for this program. */
bool facts_need_attention(const struct program_facts *program);
