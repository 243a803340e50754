/*
 * Wrapping: a stub takes an app's path, and the original stays beside it.
 *
 *	DIR/NAME            the stub (host/stub.h)
 *	DIR/.pinlib/NAME    the original (host/original.h)
 *
 * The original never leaves DIR's file system, so each step is one link(2) or rename(2), and
 * DIR/NAME can be executed at every instant. Where dpkg owns the path, a local diversion
 * (host/divert.h) sends package upgrades to DIR/.pinlib/NAME. The next version of a package may
 * have the other name of an aliased path, and lands on the stub; wrap_prepare and wrap_install,
 * called again, repair this. All functions converge: called again after an interruption, they
 * finish what was begun.
 */
#pragma once

#include "base/err.h"
#include "host/divert.h"

#include <limits.h>
#include <stdbool.h>

/*
 * If a pinned version supplies the program (policy/supply.h), the stub follows the file in the
 * layer, which the published plan names. The live program, if there is one, is kept as an original
 * all the same; it may be gone, or a link.
 */

/* Where the live program's own file is now: app itself, or the original if app is wrapped, or was until
 * somebody removed the stub. */
int wrap_program(const char *app, char program[PATH_MAX], struct err *err);

/* Whether DIR/NAME is the app's stub. */
bool wrap_present(const char *app);

/* Whether there is a stub or an original; if there is neither, wrap_remove only ends a
 * diversion. */
bool wrap_traces(const char *app);

/* Whether the program, as it is now, can be wrapped: a regular executable file, without setuid,
 * setgid or file capabilities, and no copy of the wrapper or a stub. A supplied program needs no live
 * one, only a path that no directory has. The reason is in err: -ENOENT, -ELOOP (a
 * symbolic link, or behind one), -EISDIR, -EINVAL (also: its path has a line break), -EACCES,
 * -EPERM. */
int wrap_fit(const char *app, bool supplied, struct err *err);

/* Whether app may be wrapped: wrapper_check and wrap_fit hold, only root can write its directories,
 * and nobody else diverts its path, or another path to it. The reason is in err. */
int wrap_allowed(const char *app, bool supplied, struct dpkg_says *says, struct err *err);

/* Whether app is behind a symbolic link, and the program is wrapped by its canonical path;
 * wrap_remove leaves it alone. */
bool wrap_is_anothers(const char *app);

/* Where somebody removed the stub, the original gets its own name back, until wrap_install. A damaged stub is written
 * anew. Where a supplied program has no file at its path, a stub takes the path: the proof of the view needs a mount
 * point. */
int wrap_restore(const char *app, bool supplied, struct err *err);

/* The steps that nobody who runs app notices: the second name and the diversion. */
int wrap_prepare(const char *app, struct dpkg_says *says, struct err *err);

/* Whether DIR/NAME is as wrap_install would make it for the original and the plan of now. -ENOENT: it is not the app's
 * stub; -ESTALE: the original or the plan was replaced, or the stub edited. */
int wrap_check(const char *app, struct err *err);

/* After an upgrade of the original, sets the stub's time; 1: it did. Callers report nothing about this. */
int wrap_follow(const char *app, struct err *err);

/* Before a plan that supplies no program replaces one that does: puts a stub that follows the original at DIR/NAME. */
int wrap_follow_original(const char *app, struct err *err);

/* After wrap_prepare, and before the publication of a plan with this seal: puts the sealed file that waits
 * (host/sealed.h) at DIR/NAME, in one rename. supplied: the program that it is a copy of, or NULL for the original. */
struct plan_seal;
int wrap_seal(const char *app, const struct plan_seal *seal, const char *supplied, struct err *err);

/* After wrap_prepare and the plan's publication: puts the stub at DIR/NAME, in one rename, or brings it up to date with
 * an upgraded original. A stub of which only mode, owner or time are wrong stays the same file, if only root could write
 * to it. A stub that was edited becomes the original first, here and in wrap_remove. */
int wrap_install(const char *app, struct err *err);

/* Moves the original back to DIR/NAME, in one rename, then ends the diversion. Undoes wrap_prepare
 * alone, too. An app that is not wrapped stays as it is. */
int wrap_remove(const char *app, struct dpkg_says *says, struct err *err);
