#include "labeler/process.h"

#include "base/array.h"
#include "base/cleanup.h"

#include <string.h>

static void process_free(struct process *p)
{
	who_free(&p->who);
	free(p->label);
	libraries_free(&p->libs);
}

void processes_free(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++)
		process_free(&processes->items[i]);
	free(processes->items);
	whos_free(&processes->silent);
	*processes = (struct processes){0};
}

bool process_is_stale(const struct process *p)
{
	if (p->libs.program_stale || p->app_stale)
		return true;
	for (size_t i = 0; i < p->libs.count; i++)
		if (p->libs.items[i].stale)
			return true;
	return false;
}

/* The state of one search. Children work on copies. */
struct process_search {
	struct mount_tables *tables; /* in a child */
	struct inode_cache inodes;
	struct processes found;
	struct believed *believed; /* overlays of all trusted tables */
	struct pids doubtful;	   /* processes with labels that a trusted table must confirm */
	bool vouched;		   /* all trusted tables are known */
	int failed;		   /* why the tables of the last such process cannot be read */
	struct err why;
};

static void process_search_end(struct process_search *l)
{
	mount_tables_close(&l->tables);
	inode_cache_free(&l->inodes);
	processes_free(&l->found);
	pids_free(&l->doubtful);
	while (l->believed) {
		struct believed *b = l->believed;

		l->believed = b->next;
		free(b->label);
		free(b);
	}
}

/* -- labels -- */

static struct process *find_label(struct process_search *l, size_t first, const char *label)
{
	for (size_t i = first; i < l->found.count; i++)
		if (strcmp(l->found.items[i].label, label) == 0)
			return &l->found.items[i];
	return NULL;
}

static int new_process(struct process_search *l, const char *label, struct process **out,
		       struct err *err)
{
	struct process p = {.trust = TRUST_NO};

	if (ARRAY_GROW(l->found.items, l->found.count, err) < 0)
		return -ENOMEM;
	p.label = strdup(label);
	if (!p.label)
		return err_nomem(err);
	*out = &l->found.items[l->found.count++];
	**out = p;
	return 0;
}

/* Each label once, with the best trust of its overlays. */
static int add_labels(struct process_search *l, const struct process_tables *t, size_t first,
		      struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->count; i++)
		for (size_t k = 0; r == 0 && k < t->views[i]->count; k++) {
			const struct overlay *o = &t->views[i]->overlays[k];
			struct process *p = find_label(l, first, o->label);
			enum trust trust = mount_tables_trust(l->tables, t->views[i], o);

			if (!p)
				r = new_process(l, o->label, &p, err);
			if (r == 0 && trust < p->trust)
				p->trust = trust;
			if (r == 0)
				p->app_stale |= t->views[i]->app_replaced;
		}
	return r;
}

/* 1, or 0 if the process has ended. */
static int add_facts(struct process_search *l, const struct process_tables *t, struct process *p,
		     struct err *err)
{
	int r;

	r = who_read_program(t->dir, t->task, &p->who.program, err);
	if (r < 0)
		return r;
	if (p->trust != TRUST_NO) {
		p->libs_failed =
			libraries_read(l->tables, t, p->who.program, &l->inodes, &p->libs, err);
		if (p->libs_failed == -ENOMEM)
			return -ENOMEM;
	}
	return who_read(t->dir, t->task, &p->who);
}

static int add_process(struct process_search *l, const struct process_tables *t, struct err *err)
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

static bool is_doubtful(const struct process_tables *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->views[i]->trust == TRUST_NO)
			return true;
	return false;
}

/* -- a child's answer -- */

enum process_answer { FOUND, FAILED, DOUBTFUL };

/* The overlays that confirm other processes' labels: each trusted table once. */
static void answer_believed(FILE *answer, const struct process_tables *t)
{
	for (size_t i = 0; i < t->count; i++) {
		struct mount_table *table = t->views[i];

		for (size_t k = 0; k < table->count && table->trust == TRUST_YES && !table->told;
		     k++) {
			survey_put_number(answer, table->overlays[k].dev);
			survey_put_text(answer, table->overlays[k].label);
		}
		table->told = true;
	}
	survey_put_number(answer, 0);
	survey_put_text(answer, NULL);
}

static void answer_process(FILE *answer, const struct process *p)
{
	who_put(answer, &p->who);
	survey_put_text(answer, p->label);
	survey_put_number(answer, p->trust);
	survey_put_number(answer, (uint64_t)-p->libs_failed);
	survey_put_number(answer, (uint64_t)p->app_stale | (uint64_t)p->libs.program_stale << 1);
	survey_put_number(answer, p->libs.count);
	for (size_t i = 0; i < p->libs.count; i++) {
		const struct library *lib = &p->libs.items[i];

		survey_put_text(answer, lib->path);
		survey_put_number(answer, lib->ino);
		survey_put_number(answer, (uint64_t)lib->pinned | (uint64_t)lib->stale << 1 |
						  (uint64_t)lib->copy << 2);
	}
}

static void answer_failed(FILE *answer, int failed, const struct err *why)
{
	survey_put_number(answer, FAILED);
	survey_put_number(answer, (uint64_t)-failed);
	survey_put_text(answer, why->text);
}

static void answer_found(struct process_search *l, const struct process_tables *t, FILE *answer)
{
	struct err err;
	int r = add_process(l, t, &err);

	if (r < 0) {
		answer_failed(answer, r, &err);
	} else if (l->found.count) {
		survey_put_number(answer, FOUND);
		answer_believed(answer, t);
		survey_put_number(answer, l->found.count);
		for (size_t i = 0; i < l->found.count; i++)
			answer_process(answer, &l->found.items[i]);
	}
	processes_free(&l->found);
}

static void ask_process(void *ctx, pid_t pid, FILE *answer)
{
	struct process_search *l = ctx;
	struct process_tables t;
	struct err err;
	int r = 0;

	if (!l->tables) { /* the child's first question: its copy of found is the caller's */
		l->found = (struct processes){0};
		r = mount_tables_open(&l->tables, &err);
	}
	if (r == 0) {
		mount_tables_believe(l->tables, l->believed);
		r = mount_tables_one(l->tables, pid, &t, &err);
	}
	if (r == 0)
		r = t.failed;
	if (r < 0 && r != -ESRCH)
		answer_failed(answer, r, &err);
	else if (r == 0 && is_doubtful(&t) && !l->vouched)
		survey_put_number(answer, DOUBTFUL), answer_believed(answer, &t);
	else if (r == 0)
		answer_found(l, &t, answer);
}

/* -- the caller takes answers -- */

static int take_library(struct survey_answer *a, struct libraries *libs, struct err *err)
{
	const char *path = survey_take_text(a);
	struct library lib = {.ino = survey_take_number(a)};
	uint64_t flags = survey_take_number(a);

	if (a->broken || !path)
		return err_set(err, EBADMSG, "an answer of a child process is truncated");
	lib.pinned = flags & 1;
	lib.stale = flags & 2;
	lib.copy = flags & 4;
	lib.path = strdup(path);
	if (!lib.path)
		return err_nomem(err);
	libs->items[libs->count++] = lib;
	return 0;
}

static int take_process(struct process_search *l, struct survey_answer *a, struct err *err)
{
	struct process *p;
	const char *label;
	uint64_t stale, libs;
	int r;

	if (ARRAY_GROW(l->found.items, l->found.count, err) < 0)
		return -ENOMEM;
	p = &l->found.items[l->found.count++];
	*p = (struct process){0};
	r = who_take(a, &p->who, err);
	label = survey_take_text(a);
	p->label = strdup(label ? label : "");
	p->trust = (enum trust)survey_take_number(a);
	p->libs_failed = -(int)survey_take_number(a);
	stale = survey_take_number(a);
	p->app_stale = stale & 1;
	p->libs.program_stale = stale & 2;
	libs = survey_take_number(a);
	if (a->broken || libs > LIBRARIES_MAX)
		return err_set(err, EBADMSG, "an answer of a child process is truncated");
	p->libs.items = calloc(libs + 1, sizeof *p->libs.items);
	if (r < 0 || !p->label || !p->libs.items)
		return err_nomem(err);
	while (r == 0 && libs-- > 0)
		r = take_library(a, &p->libs, err);
	return r;
}

static int take_believed(struct process_search *l, struct survey_answer *a, struct err *err)
{
	dev_t dev = survey_take_number(a);
	const char *label = survey_take_text(a);

	for (; label; dev = survey_take_number(a), label = survey_take_text(a)) {
		struct believed *b = calloc(1, sizeof *b);

		if (!b)
			return err_nomem(err);
		*b = (struct believed){dev, strdup(label), l->believed};
		l->believed = b;
		if (!b->label)
			return err_nomem(err);
	}
	return 0;
}

static int take_found(struct process_search *l, struct survey_answer *a, struct err *err)
{
	int r = take_believed(l, a, err);

	for (uint64_t n = survey_take_number(a); r == 0 && n > 0; n--)
		r = take_process(l, a, err);
	return r;
}

static int take_answer(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	struct survey_answer a = {.at = text, .end = text + len};
	struct process_search *l = ctx;
	const char *why;

	switch (survey_take_number(&a)) {
	case FOUND:
		return take_found(l, &a, err);
	case DOUBTFUL:
		return pids_add(&l->doubtful, pid, err) < 0 ? -ENOMEM : take_believed(l, &a, err);
	case FAILED:
		l->failed = -(int)survey_take_number(&a);
		why = survey_take_text(&a);
		err_set(&l->why, -l->failed, "%s", why ? why : "");
		l->found.unreadable++;
		if (l->failed == -ENOMEM)
			*err = l->why;
		return l->failed == -ENOMEM ? -ENOMEM : 0;
	default:
		return 0;
	}
}

/* -- all processes -- */

static int process_order(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return x->who.pid != y->who.pid ? (x->who.pid > y->who.pid) - (x->who.pid < y->who.pid)
					: strcmp(x->label, y->label);
}

/* Asks about the processes in of, and then again about those whose labels are doubtful. */
static int search_all(struct process_search *l, const struct pids *of, struct pids *silent,
		      struct err *err)
{
	struct survey questions = {ask_process, take_answer, l};
	int r = survey_all(&questions, of, SURVEY_MS, silent, err);

	l->vouched = true;
	if (r == 0)
		r = survey_all(&questions, &l->doubtful, SURVEY_MS, silent, err);
	return r;
}

static int finish_search(struct process_search *l, struct processes *out, struct err *err)
{
	AUTO_MOUNT_TABLES struct mount_tables *tables = NULL;
	int r = mount_tables_open(&tables, err);

	if (r < 0)
		return r;
	l->found.hidden = mount_tables_hidden(tables);
	if (l->found.count)
		qsort(l->found.items, l->found.count, sizeof *l->found.items, process_order);
	*out = l->found;
	l->found = (struct processes){0};
	return 0;
}

int processes_read(struct processes *out, struct err *err)
{
	CLEANUP(process_search_end) struct process_search l = {0};
	AUTO_PIDS struct pids all = {0};
	AUTO_PIDS struct pids silent = {0};
	int r = pids_all(&all, err);

	if (r == 0)
		r = search_all(&l, &all, &silent, err);
	if (r == 0)
		r = silent_name(&silent, &l.found.silent, err);
	return r < 0 ? r : finish_search(&l, out, err);
}

/* Reads the tables of all processes, to confirm the doubtful labels of one. */
static int read_believed(struct process_search *l, struct err *err)
{
	struct survey questions = {ask_process, take_answer, l};
	AUTO_PIDS struct pids all = {0};
	AUTO_PIDS struct pids ignored = {0};
	struct pids one = l->doubtful;
	int r = pids_all(&all, err);

	l->doubtful = (struct pids){0};
	if (r == 0)
		r = survey_all(&questions, &all, SURVEY_MS, &ignored, err);
	processes_free(&l->found);
	pids_free(&l->doubtful);
	l->doubtful = one;
	l->failed = 0;
	return r;
}

static int search_one(struct process_search *l, pid_t pid, struct pids *silent, struct err *err)
{
	struct survey questions = {ask_process, take_answer, l};
	int r = survey_all(&questions, &(struct pids){&pid, 1}, SURVEY_MS, silent, err);

	if (r < 0 || l->doubtful.count == 0)
		return r;
	r = read_believed(l, err);
	l->vouched = true;
	return r < 0 ? r : survey_all(&questions, &l->doubtful, SURVEY_MS, silent, err);
}

static int check_exists(pid_t pid, struct err *err)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d", pid);
	return access(path, F_OK) < 0 && errno == ENOENT
		       ? err_set(err, ESRCH, "there is no process %d", pid)
		       : 0;
}

int processes_read_one(pid_t pid, struct processes *out, struct err *err)
{
	CLEANUP(process_search_end) struct process_search l = {0};
	AUTO_PIDS struct pids silent = {0};
	int r = check_exists(pid, err);

	if (r == 0)
		r = search_one(&l, pid, &silent, err);
	if (r == 0 && silent.count)
		return err_set(err, ETIMEDOUT,
			       "process %d does not answer: its user is blocking its execve(2)",
			       pid);
	if (r == 0 && l.failed) {
		*err = l.why;
		return l.failed;
	}
	return r < 0 ? r : finish_search(&l, out, err);
}
