/* The system calls that name files: their numbers on each architecture of this machine, and the meaning of their arguments. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum file_call_kind {
	CALL_OPEN,
	CALL_LOOK,
	CALL_READ_LINK,
	CALL_EXECUTE,
	CALL_RENAME,
	CALL_CREATE,
	CALL_REMOVE,
	CALL_WRITE,
	CALL_CHANGE,
	CALL_LIST,
	CALL_ROOT, /* changes the process's root directory */
	CALL_MAP,
};

/* How open(2)'s flags are given. */
enum { FLAGS_CREAT = -1, FLAGS_HOW = -2 }; /* creat(2) has none; openat2(2) has a struct open_how */

/* Numbers of arguments; -1: the call has none of this kind. */
struct file_call {
	const char *name;
	enum file_call_kind kind;
	int8_t at;   /* the directory that path starts at; without a path, the descriptor itself */
	int8_t path; /* the path, or a struct sockaddr */
	int8_t to_at, to; /* the second path */
	int8_t more; /* flags of open(2), the length of a struct sockaddr, or the descriptor of mmap(2) */
	bool socket;
};

/* Builds the table. Call it once before the others. */
int calls_prepare(struct err *err);

/* NULL: the call names no file. arch is an AUDIT_ARCH_ number. */
const struct file_call *calls_find(uint32_t arch, uint64_t number);

/* Whether the kernel can stop a process at chosen calls alone. */
bool calls_can_filter(void);

/* For the child: from now on all calls of the table but mmap(2) stop for the tracer (SECCOMP_RET_TRACE), and all others
 * run at full speed. No process can remove the filter: without a tracer these calls then fail with ENOSYS. Without
 * CAP_SYS_ADMIN it sets no_new_privs (DESIGN.md, trace-by-filter). */
int calls_load_filter(struct err *err);
