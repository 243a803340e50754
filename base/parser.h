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
#define PARSER_FDS 16

/* Hands one byte and up to PARSER_FDS descriptors to a parser at the other end of a pair of sockets.
 * It may be dead already: reading its answer says how it died. */
int parser_ask(const struct parser *p, char kind, const int *fds, size_t count, struct err *err);
/* More bytes of a question. One that does not take them for as long as it may be silent has ended:
 * reading its answer says so. */
int parser_tell(const struct parser *p, const void *data, size_t len, struct err *err);
/* In the child: the next byte and one of its descriptors, or -1. False: there are no more. */
bool parser_question(char *kind, int *fd);
bool parser_has_question(void); /* the next one is there already */
/* All of len bytes of its answer. -EBADMSG: it ended, or was silent for too long. */
int parser_read(struct parser *p, void *to, size_t len, struct err *err);
/* Ends it. r is what reading came to, and is returned; but where it ended by itself too early, how
 * it died says more than that. */
int parser_end(struct parser *p, int r, struct err *err);
