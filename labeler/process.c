#include "labeler/process.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

static void process_free(struct process *p)
{
	free(p->program);
	free(p->label);
	libraries_free(&p->libs);
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		process_free(&processes->items[i]);
	free(processes->items);
	*processes = (struct processes){0};
}

/* What one look at all processes carries along. */
struct look {
	struct tables *tables;
	struct places *places;
	struct processes found;
	pid_t *doubtful; /* processes whose label has to be vouched for */
	size_t ndoubtful;
};

static void look_end(struct look *l)
{
	tables_close(&l->tables);
	places_free(&l->places);
	processes_free(&l->found);
	free(l->doubtful);
}

/* -- facts -- */

/* The file's bytes up to its end or to size - 1; -1 if it cannot be read. */
static ssize_t read_small(const struct process_tables *t, const char *name, char *text, size_t size)
{
	char path[64];
	AUTO_FD int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "%s/%s", t->task, name);
	fd = openat(t->dir, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n >= 0)
		text[n] = '\0';
	return n;
}

/* Of a line of /proc/PID/status; the only text in it that the process controls is its name, in
 * which the kernel escapes newlines. */
static const char *status_line(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? at + strlen(key) : "";
}

/* 1, or 0 if it has ended. */
static int read_status(const struct process_tables *t, struct process *p)
{
	unsigned int uid;
	char text[4096], state;
	int pid;

	if (read_small(t, "status", text, sizeof text) <= 0 ||
	    sscanf(status_line(text, "\nState:"), " %c", &state) != 1 || state == 'Z' ||
	    state == 'X' || sscanf(status_line(text, "\nTgid:"), "%d", &pid) != 1 ||
	    sscanf(status_line(text, "\nUid:"), "%*u %u", &uid) != 1)
		return 0;
	p->pid = pid;
	p->uid = uid;
	return 1;
}

/* Everything up to the newline that the kernel adds: there can be more of them in it. */
static void read_name(const struct process_tables *t, char name[PROCESS_NAME_MAX])
{
	ssize_t n = read_small(t, "comm", name, PROCESS_NAME_MAX);

	if (n > 0 && name[n - 1] == '\n')
		name[n - 1] = '\0';
	else if (n < 0)
		name[0] = '\0';
}

/* Once its app is unwrapped, a process in the view runs a file whose mount has lost its place: the
 * kernel shows the mount's own root. */
static bool is_lost(const char *path)
{
	return strcmp(path, "/") == 0 || strcmp(path, "/ (deleted)") == 0;
}

static int read_program(const struct process_tables *t, char **program, struct err *err)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "%s/exe", t->task);
	n = readlinkat(t->dir, link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	if (is_lost(path))
		return 0;
	*program = strdup(path);
	return *program ? 0 : err_nomem(err);
}

/* -- labels -- */

static struct process *find(struct look *l, size_t first, const char *label)
{
	for (size_t i = first; i < l->found.count; i++)
		if (strcmp(l->found.items[i].label, label) == 0)
			return &l->found.items[i];
	return NULL;
}

static int new_process(struct look *l, const char *label, struct process **out, struct err *err)
{
	struct process *items =
		reallocarray(l->found.items, l->found.count + 1, sizeof *l->found.items);
	struct process p = {.trust = TRUST_NO};

	if (!items)
		return err_nomem(err);
	l->found.items = items;
	p.label = strdup(label);
	if (!p.label)
		return err_nomem(err);
	items[l->found.count] = p;
	*out = &items[l->found.count++];
	return 0;
}

/* Each label once, with the best that can be said of it: enum trust is sorted so. */
static int add_labels(struct look *l, const struct process_tables *t, size_t first, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->count; i++)
		for (size_t k = 0; r == 0 && k < t->views[i]->count; k++) {
			const struct overlay *o = &t->views[i]->overlays[k];
			struct process *p = find(l, first, o->label);
			enum trust trust = tables_trust(l->tables, t->views[i], o);

			if (!p)
				r = new_process(l, o->label, &p, err);
			if (r == 0 && trust < p->trust)
				p->trust = trust;
		}
	return r;
}

static int add_facts(struct look *l, const struct process_tables *t, struct process *p,
		     struct err *err)
{
	int r;

	if (p->trust != TRUST_NO) {
		p->libs_failed = libraries_read(l->tables, t, &l->places, &p->libs, err);
		if (p->libs_failed == -ENOMEM)
			return -ENOMEM;
	}
	read_name(t, p->name);
	r = read_program(t, &p->program, err);
	/* Last of all: who has ended by now may have shown nothing of what was asked before. */
	return r < 0 ? r : read_status(t, p);
}

static int add_process(struct look *l, const struct process_tables *t, struct err *err)
{
	size_t first = l->found.count;
	int r = add_labels(l, t, first, err);

	for (size_t i = first; r == 0 && i < l->found.count;) {
		r = add_facts(l, t, &l->found.items[i], err);
		if (r > 0) {
			r = 0;
			i++;
		} else if (r == 0) {
			process_free(&l->found.items[i]);
			l->found.items[i] = l->found.items[--l->found.count];
		}
	}
	return r;
}

static int doubt(struct look *l, pid_t pid, struct err *err)
{
	pid_t *more = reallocarray(l->doubtful, l->ndoubtful + 1, sizeof *more);

	if (!more)
		return err_nomem(err);
	l->doubtful = more;
	more[l->ndoubtful++] = pid;
	return 0;
}

static bool is_doubtful(const struct process_tables *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->views[i]->trust == TRUST_NO)
			return true;
	return false;
}

/* -- all -- */

static int compare_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid)
				: strcmp(x->label, y->label);
}

/* Those that another one has to vouch for come when all tables are known. */
static int read_doubtful(struct look *l, struct err *err)
{
	struct process_tables t;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->ndoubtful; i++) {
		r = tables_one(l->tables, l->doubtful[i], &t, err);
		if (r == 0)
			r = add_process(l, &t, err);
		else if (r == -ESRCH)
			r = 0;
	}
	return r;
}

static int read_all(struct look *l, struct err *err)
{
	struct process_tables t;
	int r;

	while ((r = tables_next(l->tables, &t, err)) > 0) {
		if (t.failed == -ENOMEM)
			return t.failed;
		l->found.unreadable += t.failed < 0;
		r = is_doubtful(&t) ? doubt(l, t.pid, err) : add_process(l, &t, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : read_doubtful(l, err);
}

static void take(struct look *l, struct processes *out)
{
	l->found.hidden = tables_hidden(l->tables);
	if (l->found.count)
		qsort(l->found.items, l->found.count, sizeof *l->found.items, compare_pid);
	*out = l->found;
	l->found = (struct processes){0};
}

int processes_read(struct processes *out, struct err *err)
{
	CLEANUP(look_end) struct look l = {0};
	int r = tables_open(&l.tables, err);

	if (r == 0)
		r = read_all(&l, err);
	if (r == 0)
		take(&l, out);
	return r;
}

/* For what cannot be believed by itself all other tables have to be known. */
static int read_others(struct look *l, struct err *err)
{
	struct process_tables t;
	int r;

	while ((r = tables_next(l->tables, &t, err)) > 0)
		if (t.failed == -ENOMEM)
			return t.failed;
	return r;
}

int processes_read_one(pid_t pid, struct processes *out, struct err *err)
{
	CLEANUP(look_end) struct look l = {0};
	struct process_tables t;
	int r = tables_open(&l.tables, err);

	if (r == 0)
		r = tables_one(l.tables, pid, &t, err);
	if (r == 0 && is_doubtful(&t)) {
		r = read_others(&l, err);
		if (r == 0)
			r = tables_one(l.tables, pid, &t, err);
	}
	if (r == 0)
		r = t.failed;
	if (r == 0)
		r = add_process(&l, &t, err);
	if (r == 0)
		take(&l, out);
	return r;
}
