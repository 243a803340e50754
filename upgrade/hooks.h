/*
 * The files by which apt and dpkg call pinlib: `pinlib keep hook apt` and `pinlib keep hook dpkg`
 * before packages change, `pinlib forecast` before apt's question, and `pinlib refresh --due` when
 * dpkg has ended. They call the pinlib that wrote them, by its path.
 */
#pragma once

#include "base/err.h"

#include <limits.h>

#define HOOKS_APT "/etc/apt/apt.conf.d/20pinlib"
#define HOOKS_DPKG "/etc/dpkg/dpkg.cfg.d/pinlib"

/* The exit status of 'pinlib keep hook' that stops apt and dpkg; no other failure has it. */
#define HOOK_STOPS 3

/* Writes each file whose directory exists; removes both. */
int hooks_enable(struct err *err);
int hooks_disable(struct err *err);

enum hook_state {
	HOOK_NONE,    /* there is no file */
	HOOK_ENABLED, /* the file is as hooks_enable would write it */
	HOOK_OTHER,   /* it was edited, or is another pinlib's */
	HOOK_NOWHERE, /* nor is there the file's directory */
};

struct hooks {
	enum hook_state apt, dpkg;
};
int hooks_read(struct hooks *out, struct err *err);

/* The path of the running pinlib. */
int hooks_self(char self[PATH_MAX], struct err *err);
