/*
 * The files by which apt and dpkg call pinlib before packages change: `pinlib keep hook apt` and
 * `dpkg`, and `pinlib forecast` before apt's question. Written for the pinlib that runs.
 */
#pragma once

#include "base/err.h"

#include <limits.h>

#define HOOKS_APT "/etc/apt/apt.conf.d/20pinlib"
#define HOOKS_DPKG "/etc/dpkg/dpkg.cfg.d/pinlib"

/* The exit status of 'pinlib keep hook' by which they stop: no other failure has it. */
#define HOOK_STOPS 3

/* Writes each whose directory is there; removes both. */
int hooks_enable(struct err *err);
int hooks_disable(struct err *err);

enum hook_state {
	HOOK_NONE,    /* it is not there */
	HOOK_ENABLED, /* as hooks_enable would write it */
	HOOK_OTHER,   /* something else: edited, or another pinlib's */
	HOOK_NOWHERE, /* nor is its directory */
};

struct hooks {
	enum hook_state apt, dpkg;
};
int hooks_look(struct hooks *out, struct err *err);

/* The path of the running pinlib. */
int hooks_self(char self[PATH_MAX], struct err *err);
