/*
 * The output file of a command. A regular file is written under a temporary name and renamed, so that nobody sees
 * half a file and an existing file is never written to. Links that users other than root made are not followed
 * (base/reach.h). Devices, descriptors in /dev/fd and root's own FIFOs are written to. A FIFO of another user is
 * refused: it might never be read.
 */
#pragma once

#include "base/reach.h"

struct output {
	int fd; /* to write to; output_end closes it */
	struct reach at;
	bool standard; /* fd is standard output: the command must not print anything else there */
	char temp[64]; /* the temporary name in at.dir; "" if there is none */
};
#define OUTPUT_NONE ((struct output){.fd = -1, .at = REACH_NONE})

/* "-" is standard output. */
int output_begin(const char *file, struct output *out, struct err *err);
/* After everything was written: renames the temporary file. */
int output_finish(struct output *out, const char *file, struct err *err);
/* Without output_finish before it, removes the temporary file. */
void output_end(struct output *out);
#define AUTO_OUTPUT CLEANUP(output_end)
