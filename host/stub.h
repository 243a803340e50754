/*
 * Stubs on the machine (plan/stub.h): the file at the path of a wrapped program.
 *
 * A stub follows from the original and the app's published plan: text, owner, mode and time. Of a script's text only
 * the first line differs, so line numbers stay, perl(1) still finds "perl" and its switches there, and programs can read
 * the script at its path. The time of change is the original's, with other nanoseconds that follow from the view's layers:
 * it changes when the original or the pins change, as ccache(1) and make(1) expect of a compiler, and at no other time.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Whether the file begins with "#!". */
bool stub_is_script(const char *path);

/* Whether the file at app is app's stub, whole or damaged. In front of an original, an empty file is a damaged stub, and
 * so is another app's stub. */
bool stub_is_present(const char *app);

/* Whether the stub does not say any more which app it starts. A script can be edited, and is never damaged. */
bool stub_is_damaged(const char *app);

/* Writes app's stub as a new file at path. -ESTALE: the original, real, is no longer a script; -ENAMETOOLONG: its first
 * line has no room. */
int stub_write(const char *path, const char *app, const char *real, struct err *err);

enum stub_likeness { STUB_OTHER_TEXT, STUB_OTHER_MODE, STUB_OTHER_TIME, STUB_ALIKE };

/* How far the file at app is real's stub: text; then mode, owner and no privilege; then time. */
int stub_compare(const char *app, const char *real, struct err *err);

/* Moves the sealed file of digest seal, which waits (host/sealed.h), to the app's path, with the owner, mode and time of
 * the program in the file like; supplied: that is an object of the store. If it is there already, it stays, since processes
 * run it. */
struct plan_seal;
int stub_put_sealed(const char *app, const struct plan_seal *seal, const char *like, bool supplied,
		    struct err *err);

/* Sets mode, owner and time of a stub whose text is right. The file stays, since running views have a mount on it, and
 * loses setuid, setgid and capabilities. */
int stub_refit(const char *app, const char *real, struct err *err);

/* 1 if somebody wrote to the stub, or changed its mode, since it was made and since its original was last replaced: the
 * original has to follow. A maintainer script that sets a script's mode after an upgrade has not written to it. */
int stub_is_edited(const char *app, const char *real, struct err *err);

/* The original gets the stub's mode and owner, a script also its text, with the script's own first line. */
int stub_adopt(const char *app, const char *real, struct err *err);
