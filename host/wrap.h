/*
 * Wrapping: the wrapper comes to stand at an app's path, and the original beside it.
 *
 *	DIR/NAME            a symbolic link to PINLIB_WRAPPER; for a script, its text with the first
 *	                    line "#!PINLIB_WRAPPER ORIGINAL-LINE"
 *	DIR/.pinlib/NAME    the original: the same inode, moved, not copied
 *
 * The original never leaves DIR's filesystem, so each step is one link(2) or rename(2); at every
 * instant DIR/NAME can be executed. Where dpkg owns the path a local diversion (host/divert.h)
 * sends package upgrades to DIR/.pinlib/NAME. If a package's next version has the other name of an
 * aliased path, it lands on our link: wrap_prepare, called again, mends that. All functions
 * converge: called again after any interruption they finish what was begun.
 */
#pragma once

#include "base/err.h"
#include "host/divert.h"

#include <limits.h>
#include <stdbool.h>

/* Where app's original is, or will be, when it is wrapped. -ENAMETOOLONG. */
int wrap_real(const char *app, char real[PATH_MAX], struct err *err);

/* Where the program's own file is now: app itself, or the original of a wrapped app; of one whose
 * wrapper somebody removed, too. */
int wrap_program(const char *app, char program[PATH_MAX], struct err *err);

/* True if DIR/NAME is ours: the link, or the script with our first line. */
bool wrap_present(const char *app);

/* True if the wrapper or an original is there: without one wrap_remove has nothing to do but to end a
 * diversion. */
bool wrap_traces(const char *app);

/* True if the program's own file, wherever it is now, begins with "#!". */
bool wrap_is_script(const char *app);

/* Whether the wrapper's directory may be exempt from nosuid, as it is in every view: it and the
 * wrapper are root's alone, and nothing else in it gains a privilege when it is executed. -EBADMSG: what
 * lies at the wrapper's path is another file; -ESTALE: an interrupted installation (wrapper/put) left a file
 * with a capability. */
int wrap_wrapper_alone(struct err *err);

/* Whether the file is the wrapper or a copy of it. What somebody copies over a wrapped program goes
 * through the link into the wrapper's file; what they copy from there is the wrapper. */
bool wrap_is_wrapper(const char *path);

/* Whether the program, as it is now, can stand behind the wrapper: a regular executable file,
 * without setuid, setgid or file capabilities, and no copy of the wrapper. The reason is in err:
 * -ENOENT, -ELOOP (a symbolic link, or behind one), -EISDIR, -EINVAL (its path has a line break,
 * too), -EACCES, -EPERM. */
int wrap_fit(const char *app, struct err *err);

/* Whether app may be wrapped: wrap_wrapper_alone, wrap_fit, directories that only root can write,
 * and no diversion of others, of its path or to it. The reason is in err. */
int wrap_allowed(const char *app, struct dpkg_says *says, struct err *err);

/* True if what is at app, behind a symbolic link, is wrapped by the path that it has; wrap_remove leaves
 * that alone. */
bool wrap_is_anothers(const char *app);

/* Where somebody removed the wrapper, the program has its own name again, until wrap_install. */
int wrap_restore(const char *app, struct err *err);

/* The steps that change nothing for whoever runs app: the second name, the diversion. */
int wrap_prepare(const char *app, struct dpkg_says *says, struct err *err);

/* Whether DIR/NAME is what wrap_install would make of the original as it is now. -ENOENT: it is not
 * ours at all; -ESTALE: an upgrade has brought another original since. */
int wrap_check(const char *app, struct err *err);

/* DIR/NAME becomes ours, in one rename, or comes to agree with an original that was upgraded; a
 * script's text that was edited at DIR/NAME becomes the original first, here and in wrap_remove.
 * wrap_prepare came first. */
int wrap_install(const char *app, struct err *err);

/* The original comes back to DIR/NAME, in one rename; then the diversion goes. Fit also to undo
 * wrap_prepare alone. An app that is not wrapped is left as it is. */
int wrap_remove(const char *app, struct dpkg_says *says, struct err *err);
