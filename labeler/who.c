#include "labeler/who.h"

#include "base/array.h"
#include "base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

void who_free(struct who *who)
{
	free(who->program);
	who->program = NULL;
}

int who_open(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof path, "/proc/%d", pid);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void who_path(const char *task, const char *name, char path[WHO_PATH_MAX])
{
	snprintf(path, WHO_PATH_MAX, "%s/%s", task, name);
}

/* Reads up to size - 1 bytes of the file; -1 if it cannot be read. */
static ssize_t read_small(int dir, const char *task, const char *name, char *text, size_t size)
{
	char path[WHO_PATH_MAX];
	AUTO_FD int fd = -1;
	ssize_t n;

	who_path(task, name, path);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n >= 0)
		text[n] = '\0';
	return n;
}

/* The value of a line of /proc/PID/status. The process controls only its name in that file, and the kernel escapes
 * newlines in it. */
static const char *status_line(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? at + strlen(key) : "";
}

/* Without the newline that the kernel appends; the name can contain others. */
static void read_comm(int dir, const char *task, char name[WHO_NAME_MAX])
{
	ssize_t n = read_small(dir, task, "comm", name, WHO_NAME_MAX);

	if (n > 0 && name[n - 1] == '\n')
		name[n - 1] = '\0';
	else if (n < 0)
		name[0] = '\0';
}

int who_read(int dir, const char *task, struct who *out)
{
	unsigned int uid;
	char text[4096], state;
	int pid;

	read_comm(dir, task, out->name);
	/* status is read last: if the process has ended by now, the earlier files may have been empty. */
	if (read_small(dir, task, "status", text, sizeof text) <= 0 ||
	    sscanf(status_line(text, "\nState:"), " %c", &state) != 1 || state == 'Z' ||
	    state == 'X' || sscanf(status_line(text, "\nTgid:"), "%d", &pid) != 1 ||
	    sscanf(status_line(text, "\nUid:"), "%*u %u", &uid) != 1)
		return 0;
	out->pid = pid;
	out->uid = uid;
	return 1;
}

uint64_t who_capabilities(int dir, const char *task)
{
	char text[4096];
	uint64_t set;

	if (read_small(dir, task, "status", text, sizeof text) <= 0 ||
	    sscanf(status_line(text, "\nCapPrm:"), "%" SCNx64, &set) != 1)
		return 0;
	return set;
}

/* After its app was unwrapped, a process in the view runs a file whose mount is detached: the kernel shows the path of
 * that mount's root. */
static bool is_detached(const char *path)
{
	return strcmp(path, "/") == 0 || strcmp(path, "/ (deleted)") == 0;
}

int who_read_program(int dir, const char *task, char **program, struct err *err)
{
	char link[WHO_PATH_MAX], path[PATH_MAX];
	ssize_t n;

	who_path(task, "exe", link);
	n = readlinkat(dir, link, path, sizeof path - 1);
	if (n < 0)
		return 0;
	path[n] = '\0';
	if (is_detached(path))
		return 0;
	*program = strdup(path);
	return *program ? 0 : err_nomem(err);
}

/* -- in answers -- */

void who_put(FILE *answer, const struct who *who)
{
	survey_put_number(answer, (uint64_t)who->pid);
	survey_put_number(answer, who->uid);
	survey_put_text(answer, who->name);
	survey_put_text(answer, who->program);
}

int who_take(struct survey_answer *answer, struct who *out, struct err *err)
{
	const char *name, *program;

	out->pid = (pid_t)survey_take_number(answer);
	out->uid = (uid_t)survey_take_number(answer);
	name = survey_take_text(answer);
	snprintf(out->name, sizeof out->name, "%s", name ? name : "");
	program = survey_take_text(answer);
	out->program = program ? strdup(program) : NULL;
	return program && !out->program ? err_nomem(err) : 0;
}

/* -- processes that do not answer -- */

void whos_free(struct whos *silent)
{
	for (size_t i = 0; i < silent->count; i++)
		who_free(&silent->items[i]);
	free(silent->items);
	*silent = (struct whos){0};
}

static void ask_name(void *ctx, pid_t pid, FILE *answer)
{
	struct who who = {.pid = pid};
	AUTO_FD int dir = who_open(pid);

	(void)ctx;
	if (dir >= 0 && who_read(dir, ".", &who))
		who_put(answer, &who);
}

static int add_who(struct whos *out, struct who *who, struct err *err)
{
	if (ARRAY_GROW(out->items, out->count, err) < 0)
		return -ENOMEM;
	out->items[out->count++] = *who;
	*who = (struct who){0};
	return 0;
}

int whos_take(struct whos *whos, struct survey_answer *answer, struct err *err)
{
	CLEANUP(who_free) struct who who = {0};
	int r = who_take(answer, &who, err);

	return r < 0 ? r : add_who(whos, &who, err);
}

int whos_move(struct whos *to, struct whos *from, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->count; i++)
		r = add_who(to, &from->items[i], err);
	return r;
}

static int take_name(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	(void)pid;
	return whos_take(ctx, &(struct survey_answer){.at = text, .end = text + len}, err);
}

int silent_name(const struct pids *pids, struct whos *out, struct err *err)
{
	struct survey questions = {ask_name, take_name, out};
	AUTO_PIDS struct pids nameless = {0};
	int r = survey_all(&questions, pids, SURVEY_TABLES_MS, &nameless, err);

	for (size_t i = 0; r == 0 && i < nameless.count; i++)
		r = add_who(out, &(struct who){.pid = nameless.items[i]}, err);
	return r;
}
