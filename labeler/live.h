/* The views in use: their labels, from the mount tables of all processes (labeler/mount_tables.h). Child processes ask
 * about other users' processes (labeler/survey.h), so none of these can delay the caller by more than SURVEY_MS. */
#pragma once

#include "base/err.h"
#include "labeler/survey.h"
#include "labeler/who.h"

#include <stdbool.h>
#include <stddef.h>

/* One label, and the processes in that view. */
struct live_label {
	char *label; /* without PINLIB_SOURCE */
	struct who
		first; /* of the processes; pid 0: a view prepared for services, without a process */
	size_t processes;
	bool only_silent; /* only processes that did not answer have it, judging by their mount tables */
};

struct live {
	struct live_label *labels; /* each once */
	size_t count;
	struct pids mute;   /* the processes that did not answer */
	struct whos silent; /* the same: one of them may be a launch in progress */
	bool is_partial;    /* the table of one of them cannot be read: nothing may be collected */
	struct whos launching; /* the launches still in progress */
};

/* Waits, for the given time at most, until the launches in progress have ended: processes that still run the wrapper may
 * have read a plan and not mounted its layers yet. Launches that remain are in out->launching; somebody has usually
 * stopped these. Launches that start meanwhile do not count. Call it before live_labels, which then finds the views that
 * the ended launches have built. */
int live_launches(unsigned int milliseconds, struct live *out, struct err *err);

/* Adds the labels of all views of running threads, and of the views prepared for services. Only labels in mount
 * namespaces of our own user namespace count, where only root can mount: users can mount anything in a namespace of
 * their own. (A view inside a sandbox's namespace counts as long as one of its processes is outside.) Processes that
 * end meanwhile are no error. A table that cannot be read is one (-EACCES, -EPERM), and so are processes that /proc
 * hides (-EACCES): then nothing may be collected. */
int live_labels(struct live *out, struct err *err);
void live_free(struct live *live);
#define AUTO_LIVE CLEANUP(live_free)

/* 1 if the calling process is in a view, 0 if not, or a negative error. */
int live_in_view(struct err *err);
