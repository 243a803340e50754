#include "labeler/live.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "labeler/mount_tables.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <search.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>

void live_free(struct live *live)
{
	for (size_t i = 0; i < live->count; i++) {
		free(live->labels[i].label);
		who_free(&live->labels[i].first);
	}
	for (size_t i = 0; i < live->nlaunching; i++)
		who_free(&live->launching[i]);
	free(live->labels);
	free(live->launching);
	pids_free(&live->mute);
	silent_free(&live->silent);
	*live = (struct live){0};
}

/* -- labels -- */

/* What is found, and a tree of it (tsearch(3)): there can be many. */
struct finding {
	struct live *live;
	void *by_label;		     /* of struct node */
	struct mount_tables *tables; /* in a child */
	struct pids partial;	     /* processes whose tables could not be read */
};

struct node {
	const char *label;
	size_t index;
};

static void finding_end(struct finding *f)
{
	tdestroy(f->by_label, free);
	mount_tables_close(&f->tables);
	pids_free(&f->partial);
}

static int compare_label(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->label, ((const struct node *)b)->label);
}

static int remember(struct finding *f, size_t index, struct err *err)
{
	struct node *node = malloc(sizeof *node);

	if (!node)
		return err_nomem(err);
	*node = (struct node){f->live->labels[index].label, index};
	if (tsearch(node, &f->by_label, compare_label))
		return 0;
	free(node);
	return err_nomem(err);
}

static int add_label(struct finding *f, const char *label, struct live_label **out, struct err *err)
{
	struct live_label *more = reallocarray(f->live->labels, f->live->count + 1, sizeof *more);

	if (!more)
		return err_nomem(err);
	f->live->labels = more;
	more[f->live->count] = (struct live_label){.label = strdup(label)};
	if (!more[f->live->count].label)
		return err_nomem(err);
	*out = &more[f->live->count++];
	return remember(f, f->live->count - 1, err);
}

/* Of the process who, NULL for what stands ready. *who is emptied if it is the first. */
static int add(struct finding *f, const char *label, struct who *who, bool is_silent,
	       struct err *err)
{
	struct node key = {.label = label}, **found = tfind(&key, &f->by_label, compare_label);
	struct live_label *l = found ? &f->live->labels[(*found)->index] : NULL;
	int r = 0;

	if (!l) {
		r = add_label(f, label, &l, err);
		if (r < 0)
			return r;
		l->only_silent = is_silent;
	}
	l->only_silent = l->only_silent && is_silent;
	if (who && l->processes++ == 0) {
		l->first = *who;
		who->program = NULL;
	}
	return r;
}

/* -- what a child answers -- */

static void answer_failed(FILE *answer, int failed, const char *why)
{
	survey_put_number(answer, (uint64_t)-failed);
	survey_put_text(answer, why);
}

static void answer_labels(const struct process_tables *p, FILE *answer)
{
	CLEANUP(who_free) struct who who = {.pid = p->pid};
	struct err ignored; /* then it has no program's name */

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
	struct finding *f = ctx;
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

/* Of a process that did not answer: only what its table shows, for which the kernel does not wait. */
static void ask_table(void *ctx, pid_t pid, FILE *answer)
{
	CLEANUP(mount_table_free) struct mount_table table = {0};
	struct who who = {.pid = pid};
	struct err err;
	AUTO_FD int dir = -1;
	char path[32];
	int r;

	(void)ctx;
	snprintf(path, sizeof path, "/proc/%d", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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

static int take_labels(struct finding *f, struct survey_answer *a, bool is_silent, struct err *err)
{
	CLEANUP(who_free) struct who who = {0};
	int r = who_take(a, &who, err);

	while (r == 0 && a->at < a->end) {
		const char *label = survey_take_text(a);

		r = label ? add(f, label, &who, is_silent, err)
			  : err_set(err, EBADMSG, "an answer breaks off");
	}
	return r;
}

static int take(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
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
	struct finding *f = ctx;

	if (survey_take_number(&a) != 0)
		return pids_add(&f->partial, pid, err);
	return take_labels(f, &a, true, err);
}

static int look_at_silent(struct finding *f, const struct pids *silent, struct err *err)
{
	struct survey questions = {ask_table, take_table, f};
	int r = survey_all(&questions, silent, SURVEY_TABLES_MS, &f->partial, err);

	if (r == 0 && f->partial.count)
		f->live->is_partial = true;
	return r < 0 ? r : silent_name(silent, &f->live->silent, err);
}

/* What stands ready for a service is read by what systemd starts next. */
static int add_ready(struct finding *f, struct err *err)
{
	AUTO_MOUNT_TABLE struct mount_table table = {0};
	int r = mount_tables_ready(&table, err);

	for (size_t i = 0; r == 0 && i < table.count; i++)
		r = add(f, table.overlays[i].label, NULL, false, err);
	return r;
}

/* An empty directory, or one that leaves processes out, would look like a machine on which nothing runs. */
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
	CLEANUP(finding_end) struct finding f = {.live = out};
	struct survey questions = {ask_labels, take, &f};
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

/* -- launches under way -- */

/* Whether the process runs the wrapper, under any of its names or one that was just replaced. Nothing
 * is asked of the file system it is on, which may be a user's own and never answer. */
static bool runs_wrapper(int dir, const struct statx *wrapper)
{
	static const char name[] = PINLIB_WRAPPER;
	char text[sizeof name];
	struct statx stx;
	ssize_t n = readlinkat(dir, "exe", text, sizeof text);

	if (n < 0)
		return false;
	/* One byte more fits: what follows a whole name is " (deleted)". */
	if ((size_t)n >= sizeof name - 1 && memcmp(text, name, sizeof name - 1) == 0 &&
	    ((size_t)n == sizeof name - 1 || text[n - 1] == ' '))
		return true;
	return statx(dir, "exe", AT_STATX_DONT_SYNC, STATX_INO, &stx) == 0 &&
	       stx.stx_ino == wrapper->stx_ino && stx.stx_dev_major == wrapper->stx_dev_major &&
	       stx.stx_dev_minor == wrapper->stx_dev_minor;
}

/* A name and a place on a file system are a user's to choose: a program bound over the wrapper in a namespace of
 * theirs, one on a file system of theirs. What they cannot have is the capability, in a user namespace that root
 * made; and without it nothing is mounted. */
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
	struct err ignored; /* then it has no program's name */
	AUTO_FD int dir = -1;
	char path[32];

	snprintf(path, sizeof path, "/proc/%d", pid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || !runs_wrapper(dir, &launches->wrapper) || !may_mount(dir) ||
	    !who_read(dir, ".", &who))
		return;
	who_read_program(dir, ".", &who.program, &ignored);
	who_put(answer, &who);
}

static int take_launch(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	struct live *live = ((struct launches *)ctx)->live;
	struct survey_answer a = {.at = text, .end = text + len};
	struct who *more;

	(void)pid;
	more = reallocarray(live->launching, live->nlaunching + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	live->launching = more;
	more[live->nlaunching] = (struct who){0};
	return who_take(&a, &more[live->nlaunching++], err);
}

/* Takes the launches out of live: to be asked again. */
static int take_pids(struct live *live, struct pids *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < live->nlaunching; i++) {
		if (r == 0)
			r = pids_add(out, live->launching[i].pid, err);
		who_free(&live->launching[i]);
	}
	live->nlaunching = 0;
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
	/* When they begin not to answer, one look was enough. */
	for (unsigned int ms = 0;
	     r == 0 && ms < milliseconds && out->nlaunching && out->mute.count == mute;
	     ms += LOOK_MS) {
		AUTO_PIDS struct pids left = {0};

		nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000}, NULL);
		r = take_pids(out, &left, err);
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
