/*
 * AppArmor's profiles, as far as they concern stubs. The kernel attaches a profile to the file that is executed, by its
 * path. So a program's profile confines its stub, which then needs a rule to execute the wrapper. The wrapper executes
 * the program at the same path, where the profile attaches again.
 */
#pragma once

#include "base/err.h"
#include "base/paths.h"

#include <limits.h>

/* The profile's name and the app are still to be filled in. */
#define APPARMOR_TEXT                                                                              \
	"AppArmor's profile %s confines %s, which does not start unless the profile lets its "     \
	"stub execute pinlib's wrapper"
#define APPARMOR_REMEDY                                                                            \
	"add the rule '" PINLIB_WRAPPER                                                            \
	" Ux,' to the profile's file in /etc/apparmor.d/local and reload the profile; a program "  \
	"that an attacker has taken over can then leave the profile (see CAVEATS in pinlib(1))"

/* 1 if an enforced profile attaches to the program, and name is the profile's; 0 if none does, or AppArmor is not
 * enabled. Read from securityfs (apparmor(7), policy/profiles). */
int apparmor_profile(const char *app, char name[NAME_MAX + 1], struct err *err);
