/* Parsers of foreign bytes, each in a child process without privileges (base/confine.h). The parent validates each
 * answer of the child and waits for it for parser_seconds at most. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct parser {
	const char *what; /* for messages: "archive" is "the archive parser" */
	pid_t pid;	  /* -1: none */
	int fd;		  /* for its answers, and for questions if it is a socket; -1: none */
	bool ended;	  /* it is dead: its answer ended early */
	char *ahead;	  /* answers that were read ahead, on the heap; NULL: none */
	size_t at, nahead;
};

#define PARSER_NONE ((struct parser){.pid = -1, .fd = -1})

/* How long an answer may take; 60, and less in tests. */
extern unsigned int parser_seconds;

/* Runs in the child: calls confine, which moves its input to descriptor 0 and its output to 1, and never returns. */
typedef void parser_fn(void *ctx, int output);

/* Creates a pipe for answers, large enough for the parser to work ahead. */
int parser_pipe(int ends[2], struct err *err);
/* ends: of a pipe (ours first) or of a pair of sockets; parser_start closes both, after a failure too. */
int parser_start(struct parser *p, const char *what, int ends[2], parser_fn *run, void *ctx,
		 struct err *err);
#define PARSER_FDS 16

/* Sends one byte and up to PARSER_FDS descriptors to a parser through a pair of sockets. 0 even if the parser is dead:
 * parser_read and parser_end then report its end. */
int parser_ask(const struct parser *p, char kind, const int *fds, size_t count, struct err *err);
/* Sends more bytes of a question. -EBADMSG: the parser did not read them within parser_seconds. 0 if it is dead. */
int parser_tell(const struct parser *p, const void *data, size_t len, struct err *err);
/* In the child: receives the next byte and one of its descriptors, or -1. False: there are no more questions. */
bool parser_question(char *kind, int *fd);
bool parser_has_question(void); /* another descriptor of the same byte is waiting */
/* Reads len bytes of the answer. -EBADMSG: the parser ended, or did not answer in time. */
int parser_read(struct parser *p, void *to, size_t len, struct err *err);
/* Ends the parser and returns r, the result so far. If a signal killed the parser, that error replaces r. */
int parser_end(struct parser *p, int r, struct err *err);
