#include "labeler/live.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/paths.h"
#include "labeler/mount_tables.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->count; i++) {
		free(live->labels[i].label);
		who_free(&live->labels[i].first);
	}
	free(live->labels);
	whos_free(&live->launching);
	pids_free(&live->mute);
	whos_free(&live->silent);
	*live = (struct live){0};
}

/* -- labels -- */

struct label_search {
	struct live *live;
	struct mount_tables *tables; /* in a child */
	struct pids partial;	     /* processes whose tables could not be read */
};

static void label_search_end(struct label_search *f)
{
	mount_tables_close(&f->tables);
	pids_free(&f->partial);
}

static int add_label(struct live *live, const char *label, struct live_label **out, struct err *err)
{
	if (ARRAY_GROW(live->labels, live->count, err) < 0)
		return -ENOMEM;
	*out = &live->labels[live->count];
	**out = (struct live_label){.label = strdup(label)};
	if (!(*out)->label)
		return err_nomem(err);
	live->count++;
	return 0;
}

/* Counts a process for the label; who is NULL for a prepared view. The first process of a label takes who->program. */
static int count_label(struct live *live, const char *label, struct who *who, bool is_silent,
		       struct err *err)
{
	struct live_label *l = NULL;

	for (size_t i = 0; i < live->count && !l; i++)
		if (strcmp(live->labels[i].label, label) == 0)
			l = &live->labels[i];
	if (!l) {
		if (add_label(live, label, &l, err) < 0)
			return -ENOMEM;
		l->only_silent = is_silent;
	}
	l->only_silent = l->only_silent && is_silent;
	if (who && l->processes++ == 0) {
		l->first = *who;
		who->program = NULL;
	}
	return 0;
}

/* -- answers of a child -- */

static void answer_failed(FILE *answer, int failed, const char *why)
{
	survey_put_number(answer, (uint64_t)-failed);
	survey_put_text(answer, why);
}

static void answer_labels(const struct process_tables *p, FILE *answer)
{
	CLEANUP(who_free) struct who who = {.pid = p->pid};
	struct err ignored; /* then program stays NULL */

	if (p->count == 0)
		return;
	survey_put_number(answer, 0);
	who_read(p->dir, p->task, &who);
	who_read_program(p->dir, p->task, &who.program, &ignored);
	who_put(answer, &who);
	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < p->views[i]->count; k++)
			survey_put_text(answer, p->views[i]->overlays[k].label);
}

static void ask_labels(void *ctx, pid_t pid, FILE *answer)
{
	struct label_search *f = ctx;
	struct process_tables p = {0};
	struct err err;
	int r = f->tables ? 0 : mount_tables_open(&f->tables, &err);

	if (r == 0) {
		mount_tables_ours_only(f->tables);
		r = mount_tables_one(f->tables, pid, &p, &err);
	}
	if (r == 0)
		r = p.failed;
	if (r < 0 && r != -ESRCH)
		answer_failed(answer, r, err.text);
	else if (r == 0)
		answer_labels(&p, answer);
}

/* About a process that did not answer: only its mount table, which the kernel shows without waiting. */
static void ask_table(void *ctx, pid_t pid, FILE *answer)
{
	CLEANUP(mount_table_free) struct mount_table table = {0};
	struct who who = {.pid = pid};
	struct err err;
	AUTO_FD int dir = who_open(pid);
	int r;

	(void)ctx;
	if (dir < 0)
		return;
	r = mount_tables_read(dir, &table, &err);
	if (r < 0 || table.count)
		survey_put_number(answer, (uint64_t)-r);
	if (r < 0 || table.count == 0)
		return;
	who_read(dir, ".", &who);
	who_put(answer, &who);
	for (size_t i = 0; i < table.count; i++)
		survey_put_text(answer, table.overlays[i].label);
}

static int take_labels(struct label_search *f, struct survey_answer *a, bool is_silent,
		       struct err *err)
{
	CLEANUP(who_free) struct who who = {0};
	int r = who_take(a, &who, err);

	while (r == 0 && a->at < a->end) {
		const char *label = survey_take_text(a);

		r = label ? count_label(f->live, label, &who, is_silent, err)
			  : err_set(err, EBADMSG, "an answer of a child process is truncated");
	}
	return r;
}

static int take_answer(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	struct survey_answer a = {.at = text, .end = text + len};
	int failed = -(int)survey_take_number(&a);
	const char *why;

	(void)pid;
	if (failed == 0)
		return take_labels(ctx, &a, false, err);
	why = survey_take_text(&a);
	return err_set(err, -failed, "%s", why ? why : "");
}

static int take_table(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	struct survey_answer a = {.at = text, .end = text + len};
	struct label_search *f = ctx;

	if (survey_take_number(&a) != 0)
		return pids_add(&f->partial, pid, err);
	return take_labels(f, &a, true, err);
}

static int look_at_silent(struct label_search *f, const struct pids *silent, struct err *err)
{
	struct survey questions = {ask_table, take_table, f};
	int r = survey_all(&questions, silent, SURVEY_TABLES_MS, &f->partial, err);

	if (r == 0 && f->partial.count)
		f->live->is_partial = true;
	return r < 0 ? r : silent_name(silent, &f->live->silent, err);
}

/* The process that systemd starts next will use these views. */
static int add_ready(struct label_search *f, struct err *err)
{
	AUTO_MOUNT_TABLE struct mount_table table = {0};
	int r = mount_tables_ready(&table, err);

	for (size_t i = 0; r == 0 && i < table.count; i++)
		r = count_label(f->live, table.overlays[i].label, NULL, false, err);
	return r;
}

/* If /proc were empty or left out processes, this would look like a machine on which no view is in use. */
static int check_proc(struct err *err)
{
	AUTO_MOUNT_TABLES struct mount_tables *tables = NULL;
	int r = mount_tables_open(&tables, err);

	if (r == 0 && mount_tables_hidden(tables))
		return err_set(err, EACCES, "/proc hides processes from this user");
	return r;
}

int live_labels(struct live *out, struct err *err)
{
	CLEANUP(label_search_end) struct label_search f = {.live = out};
	struct survey questions = {ask_labels, take_answer, &f};
	AUTO_PIDS struct pids all = {0};
	int r = check_proc(err);

	if (r == 0)
		r = pids_all(&all, err);
	if (r == 0) {
		pids_leave_out(&all, &out->mute);
		r = survey_all(&questions, &all, SURVEY_MS, &out->mute, err);
	}
	if (r == 0)
		r = look_at_silent(&f, &out->mute, err);
	return r < 0 ? r : add_ready(&f, err);
}

/* -- launches in progress -- */

/* Whether the process runs the wrapper, by any of its names, or one that an upgrade has just replaced. Never asks the
 * program's file system: it may be a user's, and never answer. */
static bool runs_wrapper(int dir, const struct statx *wrapper)
{
	static const char name[] = PINLIB_WRAPPER;
	char text[sizeof name];
	struct statx stx;
	ssize_t n = readlinkat(dir, "exe", text, sizeof text);

	if (n < 0)
		return false;
	/* text has room for one more byte: after the whole name only " (deleted)" can follow. */
	if ((size_t)n >= sizeof name - 1 && memcmp(text, name, sizeof name - 1) == 0 &&
	    ((size_t)n == sizeof name - 1 || text[n - 1] == ' '))
		return true;
	return statx(dir, "exe", AT_STATX_DONT_SYNC, STATX_INO, &stx) == 0 &&
	       stx.stx_ino == wrapper->stx_ino && stx.stx_dev_major == wrapper->stx_dev_major &&
	       stx.stx_dev_minor == wrapper->stx_dev_minor;
}

/* A user can choose the path and the device number of a program: they can bind it over the wrapper in their own
 * namespace, or put it on their own file system. But they cannot get the capability in a user namespace of root's, and
 * without it no process mounts a view. */
static bool may_mount(int dir)
{
	return who_capabilities(dir, ".") & 1ULL << CAP_SYS_ADMIN && mount_tables_is_roots(dir);
}

struct launches {
	struct statx wrapper;
	struct live *live;
};

static void ask_launch(void *ctx, pid_t pid, FILE *answer)
{
	const struct launches *launches = ctx;
	CLEANUP(who_free) struct who who = {.pid = pid};
	struct err ignored; /* then program stays NULL */
	AUTO_FD int dir = who_open(pid);

	if (dir < 0 || !runs_wrapper(dir, &launches->wrapper) || !may_mount(dir) ||
	    !who_read(dir, ".", &who))
		return;
	who_read_program(dir, ".", &who.program, &ignored);
	who_put(answer, &who);
}

static int take_launch(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	struct launches *launches = ctx;

	(void)pid;
	return whos_take(&launches->live->launching,
			 &(struct survey_answer){.at = text, .end = text + len}, err);
}

/* Moves the launches from live to out, to ask about them again. */
static int move_launches(struct live *live, struct pids *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < live->launching.count; i++)
		r = pids_add(out, live->launching.items[i].pid, err);
	whos_free(&live->launching);
	return r;
}

#define LOOK_MS 5

int live_launches(unsigned int milliseconds, struct live *out, struct err *err)
{
	struct launches launches = {.live = out};
	struct survey questions = {ask_launch, take_launch, &launches};
	AUTO_PIDS struct pids all = {0};
	size_t mute;
	int r;

	if (statx(AT_FDCWD, PINLIB_WRAPPER, 0, STATX_INO, &launches.wrapper) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot stat %s", PINLIB_WRAPPER);
	r = pids_all(&all, err);
	if (r == 0)
		r = survey_all(&questions, &all, SURVEY_MS, &out->mute, err);
	mute = out->mute.count;
	/* Once one of them does not answer, do not ask again. */
	for (unsigned int ms = 0;
	     r == 0 && ms < milliseconds && out->launching.count && out->mute.count == mute;
	     ms += LOOK_MS) {
		AUTO_PIDS struct pids left = {0};

		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
		r = move_launches(out, &left, err);
		if (r == 0)
			r = survey_all(&questions, &left, SURVEY_MS, &out->mute, err);
	}
	pids_sort(&out->mute);
	return r;
}

int live_in_view(struct err *err)
{
	AUTO_MOUNT_TABLES struct mount_tables *tables = NULL;
	struct process_tables p = {0};
	int r = mount_tables_open(&tables, err);

	if (r == 0)
		r = mount_tables_one(tables, 0, &p, err);
	if (r == 0)
		r = p.failed;
	return r < 0 ? r : p.count > 0;
}
