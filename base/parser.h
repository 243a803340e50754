/*
 * A parser of foreign bytes is a child of its own, without privileges (base/confine.h). This is
 * its parent's side, which believes nothing that it hears and waits for it no longer than is due.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct parser {
	const char *what; /* it parses: "archive" */
	pid_t pid;	  /* -1: none */
	int fd;		  /* it answers on this, and may be asked there; -1: none */
	bool ended;	  /* it answered less than it had to: it is dead */
	char *ahead; /* what was read of its answers and not asked for yet; NULL, or on the heap */
	size_t at, nahead;
};

#define PARSER_NONE ((struct parser){.pid = -1, .fd = -1})

/* That may go by without an answer; tests take less than the 60. */
extern unsigned int parser_seconds;

/* Runs in the child. Confines itself, so that input becomes descriptor 0 and output 1, and does not
 * return. */
typedef void parser_fn(void *ctx, int output);

/* A pipe for its answers that lets it work ahead. */
int parser_pipe(int ends[2], struct err *err);
/* ends: of a pipe (ours first) or of a pair of sockets; both are taken, on failure too. */
int parser_start(struct parser *p, const char *what, int ends[2], parser_fn *run, void *ctx,
		 struct err *err);
/* All of len bytes of its answer. -EBADMSG: it ended, or was silent for too long. */
int parser_read(struct parser *p, void *to, size_t len, struct err *err);
/* Ends it. r is what reading came to, and is returned; but where it ended by itself too early, how
 * it died says more than that. */
int parser_end(struct parser *p, int r, struct err *err);
