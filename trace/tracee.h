/* The processes and threads of a traced program, and functions that read their state while they are stopped. */
#pragma once

#include "trace/calls.h"
#include "trace/event.h"

#include <time.h>

/* A system call that has begun. */
struct file_call_begun {
	const struct file_call *call; /* NULL: none */
	char *path, *to;
	int fd; /* that stands for a path */
	uint64_t flags;
	bool existed;	      /* with O_CREAT: there was such a file before; false: unknown */
	struct timespec when; /* with O_CREAT: by the clock of file times */
};

struct tracee_thread {
	struct tracee_thread *next; /* of its bucket */
	pid_t tid;
	struct tracee *process;
	struct file_call_begun begun;
};

struct tracee {
	struct trace_process seen;
	char *root; /* after chroot(2); NULL: "/" */
	size_t nthreads;
	bool reported; /* the consumer knows that it has begun */
};

#define TRACEE_BUCKETS 4096
struct tracees {
	struct tracee_thread *buckets[TRACEE_BUCKETS];
	size_t nthreads;
};

struct tracee_thread *tracees_find(const struct tracees *tracees, pid_t tid);
/* Adds a stopped thread, and its process if it is new. *out may have a process whose other fields cannot be read: it has
 * been killed. */
int tracees_add(struct tracees *tracees, pid_t tid, struct tracee_thread **out, struct err *err);
/* Returns the process if this was its last thread; the caller frees it with tracee_free. */
struct tracee *tracees_remove(struct tracees *tracees, pid_t tid);
void tracees_free(struct tracees *tracees);
void tracee_free(struct tracee *process);

/* Reads program, directory and command again: it has executed a program. */
int tracee_read_image(struct tracee *process, struct err *err);
void tracee_read_root(struct tracee *process);

/* Reads the link /proc/TID/NAME; false if that fails. out has room for PATH_MAX bytes. */
bool tracee_link(pid_t tid, const char *name, char *out);

/* Copies size bytes at most from the thread's memory; returns how many. A page that cannot be read ends them. */
size_t tracee_memory(pid_t tid, uint64_t address, void *out, size_t size);
/* A path at address, which the caller frees; NULL: it cannot be read, or has PATH_MAX bytes or more. */
char *tracee_text(pid_t tid, uint64_t address);

void call_end(struct file_call_begun *call);
