/*
 * Progress on a terminal: one line on standard error, taken away again, for a command that runs for
 * more than a second. Never into a pipe or a file, on a terminal that is dumb, in the background,
 * or under apt and dpkg, whose terminal it is. It has no colours, so NO_COLOR has nothing to take
 * away.
 */
#pragma once

/* From here on what base/progress.h knows is shown. */
void progress_show(void);

/* To be called before anything is printed: the line goes, and does not come back at once. */
void progress_hide(void);
