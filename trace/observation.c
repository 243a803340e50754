#include "trace/observation.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/intern.h"
#include "base/path.h"
#include "elf/readers.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that was examined already, so that its next mapping only costs a comparison. */
struct known_file {
	dev_t dev;
	ino_t ino;
	struct timespec ctime;
	bool live;
	enum { UNKNOWN, LIBRARY, OTHER } kind; /* known once it was mapped */
	char *path;
};

struct observer {
	struct observation o;
	struct intern pairs;   /* of path and program, and which list they are in */
	struct intern written; /* by any of the processes */
	struct known_file *known;
	size_t nknown;
	struct err *err;
};

static void observed_free(struct observed *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(items[i].path);
		free(items[i].exe);
	}
	free(items);
}

void observation_free(struct observation *o)
{
	observed_free(o->items, o->count);
	observed_free(o->opened, o->nopened);
	*o = (struct observation){0};
}

static void observer_free(struct observer *w)
{
	observation_free(&w->o);
	intern_free(&w->pairs);
	intern_free(&w->written);
	for (size_t i = 0; i < w->nknown; i++)
		free(w->known[i].path);
	free(w->known);
}

/* -- mapped files -- */

/* Whether a loader would load it: an ELF file that is a shared object and not a program. */
static bool is_shared_object(int fd)
{
	AUTO_ELF struct elf elf = {0};
	struct err ignored;
	bool is_elf;

	return readers_read(fd, &elf, &is_elf, &ignored) == 0 && is_elf && elf.shared &&
	       elf.dynamic && (!elf.interp || elf.soname);
}

/* Opens path without side effects: the traced program may change it at any time, and a device must not be opened. */
static int open_regular(const char *path, struct stat *st)
{
	AUTO_FD int at = open(path, O_PATH | O_CLOEXEC);
	char self[64];

	if (at < 0 || fstat(at, st) < 0 || !S_ISREG(st->st_mode))
		return -1;
	snprintf(self, sizeof self, "/proc/self/fd/%d", at);
	return open(self, O_RDONLY | O_CLOEXEC);
}

/* Whether the live system has the same file at path. In a view the file may differ; if it is the same, it is under an
 * overlay and has another device number, so the content decides. */
static bool is_live(int fd, const struct stat *st, const char *path)
{
	struct digest seen, there;
	struct err ignored;
	struct stat now;
	AUTO_FD int live = open_regular(path, &now);

	if (live < 0)
		return false;
	if (now.st_dev == st->st_dev && now.st_ino == st->st_ino)
		return true;
	return now.st_size == st->st_size && digest_fd(fd, &seen, &ignored) == 0 &&
	       digest_fd(live, &there, &ignored) == 0 && digest_equal(&seen, &there);
}

static struct known_file *find_known(const struct observer *w, const struct stat *st)
{
	for (size_t i = w->nknown; i-- > 0;) {
		struct known_file *k = &w->known[i];

		if (k->dev == st->st_dev && k->ino == st->st_ino &&
		    k->ctime.tv_sec == st->st_ctim.tv_sec &&
		    k->ctime.tv_nsec == st->st_ctim.tv_nsec)
			return k;
	}
	return NULL;
}

/* Examines a file for the first time. NULL: out of memory. */
static struct known_file *examine(struct observer *w, int fd, const char *path,
				  const struct stat *st)
{
	struct known_file *k;

	if (ARRAY_GROW(w->known, w->nknown, w->err) < 0)
		return NULL;
	k = &w->known[w->nknown];
	*k = (struct known_file){st->st_dev, st->st_ino, st->st_ctim, false, UNKNOWN, strdup(path)};
	if (!k->path)
		return NULL;
	w->nknown++;
	k->live = path[0] == '/' && !path_ends(path, " (deleted)") && is_live(fd, st, path);
	return k;
}

static bool is_library(struct known_file *k, int fd)
{
	if (k->kind == UNKNOWN)
		k->kind = k->path[0] == '/' && !path_ends(k->path, " (deleted)") &&
					  is_shared_object(fd)
				  ? LIBRARY
				  : OTHER;
	return k->kind == LIBRARY;
}

/* Whether path and exe are new in the list. */
static int is_new_pair(struct observer *w, char list, const char *path, const char *exe, bool *new)
{
	AUTO_FREE char *text = NULL;
	size_t before = w->pairs.count, number;
	int r;

	if (asprintf(&text, "%c%s//%s", list, path, exe) < 0) /* no path has "//" */
		return err_nomem(w->err);
	r = intern_add(&w->pairs, text, &number, w->err);
	*new = number == before;
	return r;
}

static int add_observed(struct observer *w, char list, struct observed **items, size_t *count,
			const struct known_file *k, const char *exe)
{
	struct observed *s;
	bool new = false;
	int r = is_new_pair(w, list, k->path, exe, &new);

	if (r < 0 || !new)
		return r;
	if (ARRAY_GROW(*items, *count, w->err) < 0)
		return -ENOMEM;
	s = &(*items)[(*count)++];
	*s = (struct observed){strdup(k->path), strdup(exe), k->live};
	return s->path && s->exe ? 0 : err_nomem(w->err);
}

/* -- events -- */

/* Directories whose files belong to the machine's state or to a user, not to a program. */
static bool is_program_data(const char *path)
{
	static const char *const others[] = {"/proc", "/sys",  "/dev", "/run",
					     "/tmp",  "/home", "/root"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (path_below(path, others[i]))
			return false;
	return path[0] == '/';
}

/* The thread is stopped in its system call, so the descriptor is of the file that it uses. */
static int examine_file(struct observer *w, const struct trace_process *process,
			const struct trace_event *e)
{
	struct known_file *k;
	char link[64];
	struct stat st;
	AUTO_FD int fd = -1;

	snprintf(link, sizeof link, "/proc/%d/fd/%d", e->thread, e->fd);
	fd = open_regular(link, &st);
	if (fd < 0)
		return 0;
	k = find_known(w, &st);
	if (!k)
		k = examine(w, fd, e->file, &st);
	if (!k)
		return err_nomem(w->err);
	if (e->kind == TRACE_READ)
		return add_observed(w, 'o', &w->o.opened, &w->o.nopened, k, process->program);
	return is_library(k, fd)
		       ? add_observed(w, 'm', &w->o.items, &w->o.count, k, process->program)
		       : 0;
}

static int note_written(struct observer *w, const char *path)
{
	size_t number;

	return path && is_program_data(path) ? intern_add(&w->written, path, &number, w->err) : 0;
}

static int observe_file(void *ctx, struct trace_process *process, const struct trace_event *e,
			struct err *err)
{
	struct observer *w = ctx;

	(void)err; /* is w's, too */
	switch (e->kind) {
	case TRACE_MAPPED:
		return examine_file(w, process, e);
	case TRACE_READ:
		return e->fd >= 0 && is_program_data(e->file) ? examine_file(w, process, e) : 0;
	case TRACE_WROTE:
	case TRACE_CREATED:
		return note_written(w, e->file);
	case TRACE_RENAMED:
		return note_written(w, e->to);
	default:
		return 0;
	}
}

/* A file that the program writes is its state, whoever reads it. */
static int drop_written(struct observer *w)
{
	size_t kept = 0, count = w->o.nopened, written = w->written.count, number;

	for (size_t i = 0; i < count; i++) {
		struct observed *s = &w->o.opened[i];
		int r = intern_add(&w->written, s->path, &number, w->err);

		if (r < 0)
			return r;
		if (number >= written) { /* it was not among them */
			struct observed other = w->o.opened[kept];

			w->o.opened[kept++] = *s;
			*s = other;
		}
	}
	for (size_t i = kept; i < count; i++) {
		free(w->o.opened[i].path);
		free(w->o.opened[i].exe);
	}
	w->o.nopened = kept;
	return 0;
}

int observation_run(start_fn *start, void *ctx, struct observation *out, struct err *err)
{
	CLEANUP(observer_free) struct observer w = {.err = err};
	const struct trace_consumer consumer = {.file = observe_file, .ctx = &w};
	struct trace_result result;
	int r;

	intern_begin(&w.pairs);
	intern_begin(&w.written);
	r = trace_run(TRACE_ALL_CALLS, start, ctx, &consumer, NULL, &result, err);
	if (r == 0)
		r = drop_written(&w);
	if (r < 0)
		return r;
	w.o.status = result.status;
	w.o.run_on = result.run_on;
	*out = w.o;
	w.o = (struct observation){0};
	return 0;
}
