#include "labeler/objects.h"

#include "base/array.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "labeler/mount_tables.h"
#include "plan/format.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DELETED " (deleted)"

void object_user_free(struct object_user *user)
{
	who_free(&user->who);
	free(user->objects.items);
	free(user->app);
	strings_free(&user->sets);
	*user = (struct object_user){0};
}
#define AUTO_OBJECT_USER CLEANUP(object_user_free)

/* -- maps -- */

/* Drops repeated ones when the limit is reached; false: there are more. */
static bool has_room(struct object_user *u)
{
	if (u->objects.count < 2 * OBJECTS_MAX)
		return true;
	digests_sort(&u->objects);
	return u->objects.count <= OBJECTS_MAX;
}

static int add_object(struct object_user *u, const struct digest *d, struct err *err)
{
	struct digests *all = &u->objects;

	/* A file's segments are consecutive. */
	if (all->count && digest_equal(&all->items[all->count - 1], d))
		return 0;
	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	all->items[all->count++] = *d;
	return 0;
}

static void cut_objects(struct object_user *u)
{
	digests_sort(&u->objects);
	if (u->objects.count <= OBJECTS_MAX)
		return;
	u->objects.count = OBJECTS_MAX;
	u->cut = true;
}

/* Returns the number of lines, or a negative error. */
static long read_lines(FILE *maps, struct object_user *u, struct err *err)
{
	AUTO_FREE char *line = NULL;
	size_t room = 0;
	struct digest d;
	ssize_t len;
	long lines = 0;
	int r = 0;

	errno = 0;
	for (; r == 0 && (len = getline(&line, &room, maps)) > 0; lines++) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (path_ends(line, DELETED))
			line[strlen(line) - strlen(DELETED)] = '\0';
		if (object_of_path(line, &d))
			r = has_room(u) ? add_object(u, &d, err) : 1;
		errno = 0;
	}
	if (r < 0 || (ferror(maps) && errno != ESRCH))
		return r < 0 ? r : err_sys(err, errno, "cannot read the maps of the process");
	cut_objects(u);
	return lines;
}

/* Returns the number of lines: 0 for a thread without memory. */
static long read_maps(int dir, const char *task, struct object_user *u, struct err *err)
{
	char path[WHO_PATH_MAX], buffer[MOUNT_TABLES_BUFFER];
	AUTO_FILE FILE *maps = NULL;

	who_path(task, "maps", path);
	maps = file_stream_at(dir, path);
	if (!maps)
		return errno == ENOENT || errno == ESRCH
			       ? 0
			       : err_sys(err, errno, "cannot read the maps of the process");
	setvbuf(maps, buffer, _IOFBF, sizeof buffer);
	return read_lines(maps, u, err);
}

/* The maps of a process whose first thread has ended are empty: then other threads have them. task gets the thread. 0:
 * there are no maps. */
static long read_any_maps(int dir, char task[32], struct object_user *u, struct err *err)
{
	long lines = read_maps(dir, strcpy(task, "."), u, err);
	AUTO_DIR DIR *threads = NULL;
	struct dirent *d;
	int fd;

	if (lines != 0)
		return lines;
	fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	threads = fd < 0 ? NULL : fdopendir(fd);
	if (!threads) {
		cleanup_fd(&fd);
		return 0;
	}
	while (lines == 0 && (d = readdir(threads)))
		if (isdigit((unsigned char)d->d_name[0])) {
			snprintf(task, 32, "task/%.20s", d->d_name);
			lines = read_maps(dir, task, u, err);
		}
	return lines;
}

/* -- the program -- */

#define END_MAX (16 << 10) /* the mark and some of the names before it */
#define SETS_MAX 64

/* The names stand before the mark: PINLIB_LAYERS/ID/0/SONAME. */
static int find_sets(const char *end, size_t len, struct strings *sets, struct err *err)
{
	static const char layers[] = PINLIB_LAYERS "/";
	const size_t before = sizeof layers - 1;
	const char *at = end;
	char id[LAYER_ID];
	int r = 0;

	while (r == 0 && sets->count < SETS_MAX &&
	       (at = memmem(at, (size_t)(end + len - at), layers, before))) {
		at += before;
		if ((size_t)(end + len - at) < sizeof id)
			break;
		snprintf(id, sizeof id, "%.*s", LAYER_ID - 1, at);
		if (layer_is_id(id) && at[LAYER_ID - 1] == '/')
			r = strings_add_once(sets, id, err);
	}
	return r;
}

static int take_mark(const char *end, size_t len, struct object_user *u, struct err *err)
{
	const char *text = len > 1 && end[len - 1] == '\0' ? memrchr(end, '\0', len - 1) : NULL;

	if (!text || strncmp(text + 1, SEALED_MARK, strlen(SEALED_MARK)) != 0)
		return 0;
	u->app = strdup(text + 1 + strlen(SEALED_MARK));
	return u->app ? find_sets(end, len, &u->sets, err) : err_nomem(err);
}

/* Only bytes are compared: nobody parses the file of a stranger. */
static int read_program(int dir, const char *task, struct object_user *u, struct err *err)
{
	AUTO_FREE char *end = malloc(END_MAX);
	char path[WHO_PATH_MAX];
	AUTO_FD int fd = -1;
	struct stat st;
	ssize_t n;

	if (!end)
		return err_nomem(err);
	who_path(task, "exe", path);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	n = pread(fd, end, END_MAX, st.st_size > END_MAX ? st.st_size - END_MAX : 0);
	return n > 0 ? take_mark(end, (size_t)n, u, err) : 0;
}

static int read_link(int dir, const char *task, struct object_user *u, struct err *err)
{
	int r = who_read_program(dir, task, &u->who.program, err);

	if (r == 0 && u->who.program && path_ends(u->who.program, DELETED)) {
		u->deleted = true;
		u->who.program[strlen(u->who.program) - strlen(DELETED)] = '\0';
	}
	return r;
}

/* -- a child's answer -- */

/* Returns 1 if it uses objects, or may do so yet; 0 if not, or if it has ended. */
static int read_user(int dir, struct object_user *u, struct err *err)
{
	char task[32];
	long lines = read_any_maps(dir, task, u, err);
	int r;

	if (lines <= 0)
		return (int)lines;
	r = read_link(dir, task, u, err);
	if (r == 0 && (u->objects.count || u->deleted))
		r = read_program(dir, task, u, err);
	if (r < 0 || (u->objects.count == 0 && u->sets.count == 0))
		return r;
	return who_read(dir, task, &u->who);
}

static void put_user(FILE *answer, const struct object_user *u)
{
	survey_put_number(answer, 0);
	who_put(answer, &u->who);
	survey_put_number(answer, (uint64_t)u->deleted | (uint64_t)u->cut << 1);
	survey_put_text(answer, u->app);
	survey_put_number(answer, u->sets.count);
	for (size_t i = 0; i < u->sets.count; i++)
		survey_put_text(answer, u->sets.items[i]);
	survey_put_number(answer, u->objects.count);
	if (u->objects.count)
		fwrite(u->objects.items, sizeof *u->objects.items, u->objects.count, answer);
}

static void ask_user(void *ctx, pid_t pid, FILE *answer)
{
	AUTO_OBJECT_USER struct object_user user = {.who.pid = pid};
	AUTO_FD int dir = who_open(pid);
	struct err err;
	int r;

	(void)ctx;
	if (dir < 0)
		return;
	r = read_user(dir, &user, &err);
	if (r < 0)
		survey_put_number(answer, (uint64_t)-r);
	else if (r > 0)
		put_user(answer, &user);
}

/* -- the caller -- */

struct user_search {
	object_user_fn *take;
	void *ctx;
	struct unread *unread;
};

static int take_user(struct survey_answer *a, struct object_user *u, struct err *err)
{
	int r = who_take(a, &u->who, err);
	uint64_t flags = survey_take_number(a), count;
	const char *app = survey_take_text(a);
	size_t size;

	u->deleted = flags & 1;
	u->cut = flags & 2;
	u->app = app ? strdup(app) : NULL;
	if (r == 0 && app && !u->app)
		r = err_nomem(err);
	for (count = survey_take_number(a); r == 0 && count > 0 && !a->broken; count--) {
		const char *id = survey_take_text(a);

		r = strings_add(&u->sets, id ? id : "", err);
	}
	count = survey_take_number(a);
	size = count * sizeof *u->objects.items;
	if (r < 0)
		return r;
	if (a->broken || count > OBJECTS_MAX || (size_t)(a->end - a->at) != size)
		return err_set(err, EBADMSG, "an answer of a child process is truncated");
	u->objects.items = malloc(size + 1);
	if (!u->objects.items)
		return err_nomem(err);
	memcpy(u->objects.items, a->at, size);
	u->objects.count = count;
	return 0;
}

static int take_answer(void *ctx, pid_t pid, const char *text, size_t len, struct err *err)
{
	struct survey_answer a = {.at = text, .end = text + len};
	AUTO_OBJECT_USER struct object_user user = {0};
	struct user_search *s = ctx;
	int r, failed = -(int)survey_take_number(&a);

	if (failed == -ENOMEM)
		return err_nomem(err);
	if (failed < 0) {
		s->unread->hidden++;
		s->unread->first = pid;
		return 0;
	}
	r = take_user(&a, &user, err);
	return r < 0 ? r : s->take(s->ctx, &user, err);
}

int object_users_each(const struct pids *of, object_user_fn *take, void *ctx, struct unread *unread,
		      struct err *err)
{
	struct user_search s = {take, ctx, unread};
	struct survey questions = {ask_user, take_answer, &s};
	struct digest ignored;

	object_of_path("", &ignored); /* finds the directory once, and not in each child */
	return survey_all(&questions, of, SURVEY_MS, &unread->silent, err);
}

/* -- all of them -- */

void object_users_free(struct object_users *users)
{
	for (size_t i = 0; i < users->count; i++)
		object_user_free(&users->items[i]);
	free(users->items);
	whos_free(&users->silent);
	*users = (struct object_users){0};
}

struct users_list {
	struct object_users *users;
	size_t objects;
};

static int list_user(void *ctx, struct object_user *user, struct err *err)
{
	struct users_list *l = ctx;
	struct object_users *all = l->users;

	if (user->objects.count == 0)
		return 0;
	if (l->objects + user->objects.count > OBJECTS_ALL_MAX) {
		user->objects.count = 0;
		user->cut = true;
	}
	l->objects += user->objects.count;
	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	all->items[all->count++] = *user;
	*user = (struct object_user){0};
	return 0;
}

static int user_order(const void *a, const void *b)
{
	const struct object_user *x = a, *y = b;

	return (x->who.pid > y->who.pid) - (x->who.pid < y->who.pid);
}

static int choose_processes(pid_t pid, const struct whos *silent, struct pids *out, struct err *err)
{
	AUTO_PIDS struct pids without = {0};
	int r = pid ? pids_add(out, pid, err) : pids_all(out, err);

	for (size_t i = 0; r == 0 && i < silent->count; i++)
		r = pids_add(&without, silent->items[i].pid, err);
	if (r == 0) {
		pids_sort(&without);
		pids_leave_out(out, &without);
	}
	return r;
}

int object_users_read(pid_t pid, const struct whos *silent, struct object_users *out,
		      struct err *err)
{
	struct users_list list = {.users = out};
	struct unread unread = {0};
	AUTO_PIDS struct pids of = {0};
	int r = choose_processes(pid, silent, &of, err);

	if (r == 0)
		r = object_users_each(&of, list_user, &list, &unread, err);
	if (r == 0)
		r = silent_name(&unread.silent, &out->silent, err);
	pids_free(&unread.silent);
	out->hidden = unread.hidden;
	if (out->count)
		qsort(out->items, out->count, sizeof *out->items, user_order);
	return r;
}
