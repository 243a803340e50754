/* Which views are in use: their labels, from the mount tables of all processes (tables.h). Other users' processes are
 * asked by children (ask.h): none of them can make the caller wait longer than SURVEY_MS. */
#pragma once

#include "base/err.h"
#include "labeler/survey.h"
#include "labeler/who.h"

#include <stdbool.h>
#include <stddef.h>

/* Who has one label. */
struct live_label {
	char *label;	  /* without PINLIB_SOURCE */
	struct who first; /* of the processes; pid 0: it stands ready for services */
	size_t processes;
	bool only_silent; /* read off the tables of processes that did not answer whose these are */
};

struct live {
	struct live_label *labels; /* each once */
	size_t count;
	struct pids mute;
	struct silent silent; /* these did not answer: one of them may be a launch under way */
	bool is_partial;      /* ... nor did one of them show its table: nothing may be collected */
	struct who *launching;
	size_t nlaunching;
};

/* Waits, but never longer than milliseconds, for the launches that are under way now: processes
 * that are still the wrapper, and may have read a plan and not mounted its layers yet. Those that
 * are left are in out->launching: ones that somebody has stopped, as a rule. To be called before live_labels,
 * which then sees the views that the others have built. Launches that begin meanwhile do not count.
 */
int live_launches(unsigned int milliseconds, struct live *out, struct err *err);

/* Adds the labels of all views that a thread of a running process has, and of those that stand ready for services.
 * A label counts where root made it, in a mount namespace of our own user namespace: what a user mounts in one
 * of theirs does not. (A view's own mounts in a sandbox's namespace count as long as a process of the view is left
 * outside.) Processes that vanish while it looks are no error; one whose table cannot be read is (-EACCES, -EPERM),
 * and so are processes that /proc hides (-EACCES): then nothing may be collected. */
int live_labels(struct live *out, struct err *err);
void live_free(struct live *live);
#define AUTO_LIVE CLEANUP(live_free)

/* 1 if the calling process is in a view itself, 0 if not, or a negative error. */
int live_in_view(struct err *err);
