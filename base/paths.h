/* Where pinlib keeps its files. The paths are fixed when pinlib is built, so that no user can move them. */
#pragma once

#ifndef PINLIB_STATE
#define PINLIB_STATE "/var/lib/pinlib"
#endif
/* The directory of the wrapper and PINLIB_STUB. It holds nothing else, since a view exempts it from nosuid. */
#ifndef PINLIB_LIBDIR
#define PINLIB_LIBDIR "/usr/local/lib/pinlib"
#endif
#ifndef PINLIB_DATADIR
#define PINLIB_DATADIR "/usr/local/share/pinlib"
#endif
/* The pinlib command, for programs that call it. */
#ifndef PINLIB_COMMAND
#define PINLIB_COMMAND "/usr/local/bin/pinlib"
#endif
#define PINLIB_WRAPPER PINLIB_LIBDIR "/pinlib-wrapper"
#define PINLIB_STUB PINLIB_LIBDIR "/pinlib-stub" /* see plan/stub.h; without privilege */
/* A sentence of the wrapper's help, by which pinlib recognises a copy of the wrapper, and a file copied over it. */
#define PINLIB_WRAPPER_MARK                                                                        \
	"Executed by the stub of a pinned program; starts the program in its view"

#define PINLIB_STORE PINLIB_STATE "/store" /* library versions, by content */
/* ID/N: the layer of a view's N-th covered directory. */
#define PINLIB_LAYERS PINLIB_STATE "/layers"
#define PINLIB_HIDDEN PINLIB_STATE "/hidden"	/* nothing; see store/layer.h */
#define PINLIB_PLANS PINLIB_STATE "/plans"	/* one file per app, see plan/format.h */
#define PINLIB_POLICY PINLIB_STATE "/policy.db" /* the policy: pins and generations */
#define PINLIB_LOCK PINLIB_STATE "/lock"	/* held by each command that changes anything */
/* Exists while dpkg has unpacked pinlib's package and not configured it; the package's scripts create it (debian/). */
#define PINLIB_UPGRADING PINLIB_STATE "/upgrading"

/* The administrator's system-call profiles; pinlib's own are in PINLIB_DATADIR/profiles. */
#define PINLIB_PROFILES "/etc/pinlib/profiles"
/* Descriptions of the programs to pin, *.conf; see policy/description.h. */
#define PINLIB_PINS "/etc/pinlib/pins.d"
/* The programs that should not be pinned, *.conf; see policy/caution.h. */
#define PINLIB_PROGRAMS "/etc/pinlib/programs.d"

#define PINLIB_CONF "/etc/pinlib/pinlib.conf" /* see pinlib.conf(5) */
/* The apps whose libraries are kept, one path per line. */
#define PINLIB_WATCHED PINLIB_STATE "/watched"

/* See upgrade/unrefreshed.h; the package's postinst names the first. */
#define PINLIB_REFRESH_DUE PINLIB_STATE "/refresh-due"
#define PINLIB_UNREFRESHED PINLIB_STATE "/unrefreshed"

#define PINLIB_DIRECTORIES PINLIB_STATE "/directories" /* see change/directories.h */

#define PINLIB_RUNS PINLIB_STATE "/runs" /* see upgrade/kept_run.h */

/* Views prepared for systemd services, in which no process is: UNIT/N is the N-th directory of a unit's view. */
#define PINLIB_UNITS "/run/pinlib/units"
#define PINLIB_UNIT_FILES "/etc/systemd/system" /* UNIT.d/pinlib.conf binds them */

/* The original of a wrapped DIR/NAME is DIR/.pinlib/NAME: on the same file system, so that each step of wrapping is
 * one rename(2). */
#define PINLIB_REAL_DIR ".pinlib"

/* The source field of a view's overlay mounts is this and the label. */
#define PINLIB_SOURCE "pinlib:"
