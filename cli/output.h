/*
 * The file that an option names for output, for every command that has one. A regular file is made new beside the
 * name and renamed over it, so that neither half of one is ever there nor anything written to what has the name. Links
 * that others than root made are not followed (base/reach.h). Devices, and what a descriptor in /dev/fd leads to, are
 * written to; so is a FIFO of root's own. Another's FIFO, which might never be read, is refused.
 */
#pragma once

#include "base/reach.h"

struct output {
	int fd; /* what to write to; output_end closes it */
	struct reach at;
	bool standard; /* fd is standard output, by "-" or another name: nothing else may be written to that */
	char temp[64]; /* in at.dir; "" if nothing is to be renamed */
};
#define OUTPUT_NONE ((struct output){.fd = -1, .at = REACH_NONE})

/* "-" is standard output. */
int output_begin(const char *file, struct output *out, struct err *err);
/* Everything was written: it gets its name. */
int output_finish(struct output *out, const char *file, struct err *err);
/* Without output_finish nothing is left. */
void output_end(struct output *out);
#define AUTO_OUTPUT CLEANUP(output_end)
