/*
 * Progress on a terminal: one line on standard error, removed at the end, for a command that runs longer than a
 * second. Not in pipes or files, on a dumb terminal, in the background, or under apt and dpkg, which use the
 * terminal themselves. The line has no colours, so NO_COLOR does not matter.
 */
#pragma once

/* From now on shows the progress that base/progress.h records. */
void progress_show(void);

/* Removes the line for a moment; to be called before anything is printed. */
void progress_hide(void);
