#include "trace/tracee.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE ((uint64_t)4096) /* no architecture has smaller ones */

void call_end(struct file_call_begun *call)
{
	free(call->path);
	free(call->to);
	*call = (struct file_call_begun){0};
}

/* -- threads -- */

struct tracee_thread *tracees_find(const struct tracees *t, pid_t tid)
{
	struct tracee_thread *thread = t->buckets[(unsigned int)tid % TRACEE_BUCKETS];

	while (thread && thread->tid != tid)
		thread = thread->next;
	return thread;
}

static struct tracee *process_of(const struct tracees *t, pid_t pid)
{
	for (size_t i = 0; i < TRACEE_BUCKETS; i++) {
		/* A leader may have ended before its threads, so any thread of it will do, but the leader is likely. */
		const struct tracee_thread *thread =
			t->buckets[((unsigned int)pid + i) % TRACEE_BUCKETS];

		for (; thread; thread = thread->next)
			if (thread->process->seen.pid == pid)
				return thread->process;
	}
	return NULL;
}

static void link_thread(struct tracees *t, struct tracee_thread *thread)
{
	struct tracee_thread **bucket = &t->buckets[(unsigned int)thread->tid % TRACEE_BUCKETS];

	thread->next = *bucket;
	*bucket = thread;
	t->nthreads++;
	thread->process->nthreads++;
}

struct tracee *tracees_remove(struct tracees *t, pid_t tid)
{
	struct tracee_thread **at = &t->buckets[(unsigned int)tid % TRACEE_BUCKETS];
	struct tracee_thread *thread;
	struct tracee *process;

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	thread = *at;
	if (!thread)
		return NULL;
	*at = thread->next;
	t->nthreads--;
	process = thread->process;
	call_end(&thread->begun);
	free(thread);
	return --process->nthreads == 0 ? process : NULL;
}

void tracees_free(struct tracees *t)
{
	for (size_t i = 0; i < TRACEE_BUCKETS; i++)
		while (t->buckets[i])
			tracee_free(tracees_remove(t, t->buckets[i]->tid));
}

/* -- /proc -- */

bool tracee_link(pid_t tid, const char *name, char *out)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/%d/%s", tid, name);
	n = readlink(link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* A file of /proc, of size bytes at most; *len is 0 if it cannot be read. */
static void read_proc(pid_t pid, const char *name, char *out, size_t size, size_t *len)
{
	char path[64];
	AUTO_FD int fd = -1;
	ssize_t n = 1;

	*len = 0;
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && *len < size && (n = read(fd, out + *len, size - *len)) > 0)
		*len += (size_t)n;
}

/* The process that a thread belongs to; the thread's own number if it has ended. */
static pid_t pid_of(pid_t tid)
{
	char text[2048], *line;
	size_t len;

	read_proc(tid, "status", text, sizeof text - 1, &len);
	text[len] = '\0';
	line = strstr(text, "\nTgid:");
	return line ? (pid_t)strtol(line + 6, NULL, 10) : tid;
}

/* Field 4, the parent, and field 22, the start: after the name, which can contain anything. */
static void read_stat(struct trace_process *p)
{
	char text[2048], *end, *field;
	size_t len;

	read_proc(p->pid, "stat", text, sizeof text - 1, &len);
	text[len] = '\0';
	end = strrchr(text, ')');
	field = end ? strtok_r(end + 1, " ", &end) : NULL;
	for (int i = 3; field; i++, field = strtok_r(NULL, " ", &end)) {
		if (i == 4)
			p->parent = (pid_t)strtol(field, NULL, 10);
		if (i == 22)
			p->start = strtoull(field, NULL, 10);
	}
}

static int keep_link(pid_t pid, const char *name, char **out, struct err *err)
{
	char path[PATH_MAX];

	free(*out);
	tracee_link(pid, name, path);
	*out = strdup(path);
	return *out ? 0 : err_nomem(err);
}

static int read_command(struct trace_process *p, struct err *err)
{
	AUTO_FREE char *text = malloc(TRACE_COMMAND_MAX);
	char *fitting;
	size_t len;

	if (!text)
		return err_nomem(err);
	read_proc(p->pid, "cmdline", text, TRACE_COMMAND_MAX - 1, &len);
	if (len && text[len - 1])
		text[len++] = '\0';
	fitting = malloc(len + 1);
	if (!fitting)
		return err_nomem(err);
	memcpy(fitting, text, len);
	free(p->command);
	p->command = fitting;
	p->command_length = len;
	return 0;
}

int tracee_read_image(struct tracee *process, struct err *err)
{
	struct trace_process *p = &process->seen;
	int r = keep_link(p->pid, "exe", &p->program, err);

	if (r == 0)
		r = keep_link(p->pid, "cwd", &p->directory, err);
	return r < 0 ? r : read_command(p, err);
}

void tracee_read_root(struct tracee *process)
{
	char path[PATH_MAX];

	free(process->root);
	process->root = NULL;
	if (tracee_link(process->seen.pid, "root", path) && strcmp(path, "/") != 0)
		process->root = strdup(path); /* without memory its paths begin at "/" */
}

void tracee_free(struct tracee *process)
{
	if (!process)
		return;
	free(process->seen.program);
	free(process->seen.directory);
	free(process->seen.command);
	free(process->root);
	free(process);
}

static int begin_process(pid_t pid, struct tracee **out, struct err *err)
{
	struct tracee *process = calloc(1, sizeof *process);
	int r;

	if (!process)
		return err_nomem(err);
	process->seen.pid = pid;
	read_stat(&process->seen);
	tracee_read_root(process);
	r = tracee_read_image(process, err);
	if (r < 0)
		tracee_free(process);
	else
		*out = process;
	return r;
}

int tracees_add(struct tracees *t, pid_t tid, struct tracee_thread **out, struct err *err)
{
	struct tracee_thread *thread = calloc(1, sizeof *thread);
	pid_t pid = pid_of(tid);
	int r = thread ? 0 : err_nomem(err);

	if (r == 0 && pid != tid)
		thread->process = process_of(t, pid);
	if (r == 0 && !thread->process)
		r = begin_process(pid, &thread->process, err);
	if (r < 0) {
		free(thread);
		return r;
	}
	thread->tid = tid;
	link_thread(t, thread);
	*out = thread;
	return 0;
}

/* -- memory -- */

size_t tracee_memory(pid_t tid, uint64_t address, void *out, size_t size)
{
	/* A transfer that fails ends between two of these. */
	size_t first = (size_t)(PAGE - address % PAGE), whole = first < size ? first : size;
	const struct iovec local = {out, size};
	const struct iovec remote[] = {
		{(void *)(uintptr_t)address, whole},
		{(void *)(uintptr_t)(address + whole), size - whole},
	};
	ssize_t n = process_vm_readv(tid, &local, 1, remote, size > whole ? 2 : 1, 0);

	return n > 0 ? (size_t)n : 0;
}

char *tracee_text(pid_t tid, uint64_t address)
{
	char text[PATH_MAX];
	size_t n = 0;

	/* Paths are mostly short. */
	for (size_t more = 256; address && n < sizeof text; more = PAGE) {
		size_t room = sizeof text - n, got;

		got = tracee_memory(tid, address + n, text + n, more < room ? more : room);
		if (memchr(text + n, '\0', got))
			return strdup(text);
		if (got == 0)
			break;
		n += got;
	}
	return NULL;
}
