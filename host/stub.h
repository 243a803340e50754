/*
 * Stubs: the text at the path of a wrapped script. It is the script's own text, but its
 * first line names the wrapper: "#!PINLIB_WRAPPER ORIGINAL-LINE". So line numbers stay, perl(1)
 * still finds "perl" and its switches in the first line, and programs can read the script at its
 * path.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* Whether the file begins with "#!". */
bool stub_is_script(const char *path);

/* Whether the file at app is a stub. */
bool stub_is_present(const char *app);

/* Writes the stub of the script real as a new file, with the script's owner, mode and times.
 * -ESTALE: real is no longer a script; -ENAMETOOLONG: its first line has no room. */
int stub_write(const char *path, const char *real, struct err *err);

enum stub_likeness { STUB_OTHER_TEXT, STUB_OTHER_MODE, STUB_ALIKE };

/* How far the text, mode and owner of the file at app are those of real's stub; a stub_likeness. */
int stub_compare(const char *app, const char *real, struct err *err);

/* 1 if somebody wrote to the stub since it was made and since its original was last replaced: the
 * stub's text is the script then. A maintainer script that sets its mode after an upgrade has not
 * written to it. */
int stub_is_edited(const char *app, const char *real, struct err *err);

/* The stub's text, with the script's own first line, becomes the original. */
int stub_adopt(const char *app, const char *real, struct err *err);
