/* From system calls to events: the names in a call are read when it begins, and reported when its result is known. */
#pragma once

#include "trace/event.h"
#include "trace/tracee.h"

#include <sys/ptrace.h>

/* A call begins, by an info of PTRACE_SYSCALL_INFO_ENTRY or _SECCOMP; an mmap(2) or getdents(2) is reported at once.
 * Returns 1 if decode_end must see the call's end, 0 if not, or the consumer's error. */
int decode_begin(const struct trace_consumer *consumer, struct tracee_thread *thread,
		 const struct __ptrace_syscall_info *info, struct err *err);
int decode_end(const struct trace_consumer *consumer, struct tracee_thread *thread,
	       const struct __ptrace_syscall_info *info, struct err *err);

/* The process has just begun this image: reports the program, and the loader that the kernel has mapped with it. */
int decode_executed(const struct trace_consumer *consumer, struct tracee_thread *thread,
		    struct err *err);
