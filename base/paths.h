/* Where pinlib keeps things. Fixed when it is built: nothing a user can write moves them. */
#pragma once

#ifndef PINLIB_STATE
#define PINLIB_STATE "/var/lib/pinlib"
#endif
/* The wrapper's directory, which is pinlib's alone: a view exempts it from nosuid. */
#ifndef PINLIB_LIBDIR
#define PINLIB_LIBDIR "/usr/local/lib/pinlib"
#endif
#ifndef PINLIB_DATADIR
#define PINLIB_DATADIR "/usr/local/share/pinlib"
#endif
/* pinlib itself, for others that are to call it. */
#ifndef PINLIB_COMMAND
#define PINLIB_COMMAND "/usr/local/bin/pinlib"
#endif
#define PINLIB_WRAPPER PINLIB_LIBDIR "/pinlib-wrapper"
/* A sentence of its help, by which a copy of the wrapper is known, and what was copied over it. */
#define PINLIB_WRAPPER_MARK "Stands at the path of a program with pins and starts it in its view"

#define PINLIB_STORE PINLIB_STATE "/store"	/* library versions, by content */
#define PINLIB_LAYERS PINLIB_STATE "/layers"	/* ID/N: the N-th covered directory of a view */
#define PINLIB_PLANS PINLIB_STATE "/plans"	/* one file per app, see plan/format.h */
#define PINLIB_POLICY PINLIB_STATE "/policy.db" /* the truth */
#define PINLIB_LOCK PINLIB_STATE "/lock"	/* held by a command that changes anything */
/* There while the package of pinlib is unpacked and not configured: this pinlib is not the one that
 * the wrapper in place came with. Made and removed by the package's scripts (debian/). */
#define PINLIB_UPGRADING PINLIB_STATE "/upgrading"

/* The administrator's profiles of system calls; pinlib's own are in PINLIB_DATADIR/profiles. */
#define PINLIB_PROFILES "/etc/pinlib/profiles"

/* Descriptions of what is to be wrapped, *.conf; see policy/description.h. */
#define PINLIB_PINS "/etc/pinlib/pins.d"

#define PINLIB_CONF "/etc/pinlib/pinlib.conf"  /* the administrator's, see pinlib.conf(5) */
#define PINLIB_WATCHED PINLIB_STATE "/watched" /* apps whose libraries are kept, a path a line */

/* Views that stand ready for services of systemd: UNIT/N, the N-th directory of a unit's view. Not
 * views of anybody's here: who reads labels leaves them out. */
#define PINLIB_UNITS "/run/pinlib/units"
#define PINLIB_UNIT_FILES "/etc/systemd/system" /* UNIT.d/pinlib.conf says so to systemd */

/* A wrapped program's original is DIR/.pinlib/NAME: same directory tree, so same filesystem, so
 * that every step of wrapping is one rename(2). */
#define PINLIB_REAL_DIR ".pinlib"

/* Overlay mounts of a view have this before their label in the source field of mountinfo. */
#define PINLIB_SOURCE "pinlib:"
