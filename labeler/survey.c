#include "labeler/survey.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#define CHILDREN_MAX 1024
#define TICK_MS 10
#define SLOW_MS 50 /* a child that is at one process for so long hangs */
#define PART_MAX 32768

/* -- lists of processes -- */

void pids_free(struct pids *pids)
{
	free(pids->items);
	*pids = (struct pids){0};
}

int pids_add(struct pids *pids, pid_t pid, struct err *err)
{
	if (ARRAY_GROW(pids->items, pids->count, err) < 0)
		return -ENOMEM;
	pids->items[pids->count++] = pid;
	return 0;
}

static int compare_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void pids_sort(struct pids *pids)
{
	if (pids->count)
		qsort(pids->items, pids->count, sizeof *pids->items, compare_pid);
}

void pids_leave_out(struct pids *pids, const struct pids *others)
{
	size_t kept = 0;

	for (size_t i = 0, k = 0; i < pids->count; i++) {
		while (k < others->count && others->items[k] < pids->items[i])
			k++;
		if (k == others->count || others->items[k] != pids->items[i])
			pids->items[kept++] = pids->items[i];
	}
	pids->count = kept;
}

int pids_all(struct pids *out, struct err *err)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	struct dirent *d;

	if (!proc)
		return err_sys(err, errno, "cannot read /proc");
	for (errno = 0; (d = readdir(proc)); errno = 0)
		if (isdigit((unsigned char)d->d_name[0]) &&
		    pids_add(out, (pid_t)strtol(d->d_name, NULL, 10), err) < 0)
			return -ENOMEM;
	/* With an incomplete list, a view in use would look unused. */
	if (errno)
		return err_sys(err, errno, "cannot read /proc");
	pids_sort(out);
	return 0;
}

/* -- answers -- */

void survey_put_number(FILE *answer, uint64_t number)
{
	fwrite(&number, sizeof number, 1, answer);
}

void survey_put_text(FILE *answer, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;

	survey_put_number(answer, size);
	if (text)
		fwrite(text, 1, size, answer);
}

static const char *take_bytes(struct survey_answer *a, size_t size)
{
	const char *at = a->at;

	if (a->broken || (size_t)(a->end - a->at) < size) {
		a->broken = true;
		return NULL;
	}
	a->at += size;
	return at;
}

uint64_t survey_take_number(struct survey_answer *answer)
{
	uint64_t number = 0;
	const char *at = take_bytes(answer, sizeof number);

	if (at)
		memcpy(&number, at, sizeof number);
	return number;
}

const char *survey_take_text(struct survey_answer *answer)
{
	uint64_t size = survey_take_number(answer);
	const char *text = size ? take_bytes(answer, size) : NULL;

	if (text && text[size - 1] != '\0')
		answer->broken = true;
	return answer->broken ? NULL : text;
}

/* -- the child -- */

/* Memory that caller and children share: the index of the next process, the index at which each child is (the number of
 * processes when it is done), and which processes have answered. */
struct survey_board {
	atomic_size_t next;
	atomic_size_t at[CHILDREN_MAX];
	atomic_bool answered[];
};

/* An answer is sent in parts, one packet each. */
struct answer_part {
	uint32_t child, is_last;
	uint64_t index;
};

static bool send_answer(int socket, struct answer_part part, const char *text, size_t len)
{
	do {
		size_t n = len < PART_MAX ? len : PART_MAX;
		struct iovec parts[] = {{&part, sizeof part}, {(void *)(uintptr_t)text, n}};
		struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

		part.is_last = n == len;
		if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
			return false;
		text += n;
		len -= n;
	} while (!part.is_last);
	return true;
}

static bool answer_one(const struct survey *q, pid_t pid, int socket, struct answer_part part)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *answer = open_memstream(&text, &len);

	if (!answer)
		return false;
	q->ask(q->ctx, pid, answer);
	return fclose(answer) == 0 && (len == 0 || send_answer(socket, part, text, len));
}

/* A child that is left behind must block nobody: it keeps no lock, no pipe and no terminal. */
static int keep_alone(int socket)
{
	int kept;

	kept = fcntl(socket, F_DUPFD_CLOEXEC, 3);
	if (kept < 0)
		return -1;
	if (kept != 3 && dup3(kept, 3, O_CLOEXEC) < 0)
		return -1;
	syscall(SYS_close_range, 4U, ~0U, 0U);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	return open("/dev/null", O_RDWR) == 0 && dup(0) == 1 && dup(0) == 2 ? 3 : -1;
}

static void run_child(const struct survey *q, const struct pids *of, struct survey_board *board,
		      uint32_t self, int socket)
{
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	socket = keep_alone(socket);
	while (socket >= 0 && (i = atomic_fetch_add(&board->next, 1)) < of->count) {
		atomic_store(&board->at[self], i);
		if (!answer_one(q, of->items[i], socket,
				(struct answer_part){.child = self, .index = i}))
			break; /* this process counts as silent */
		atomic_store(&board->answered[i], true);
	}
	atomic_store(&board->at[self], of->count);
	/* An empty answer wakes the caller. */
	send_answer(socket, (struct answer_part){.child = self, .index = of->count}, "", 0);
	_exit(0);
}

/* -- the caller -- */

struct survey_child {
	pid_t pid;
	size_t at;     /* the index at which it was last seen, and since when */
	int64_t since; /* in milliseconds */
	char *text;    /* the parts of its answer so far */
	size_t len;
};

struct survey_round {
	const struct survey *questions;
	const struct pids *of;
	struct survey_board *board;
	int sockets[2]; /* ours, and the children's */
	struct survey_child *children;
	size_t nchildren;
};

static size_t board_size(const struct survey_round *r)
{
	return sizeof *r->board + r->of->count * sizeof *r->board->answered;
}

static int round_begin(struct survey_round *r, struct err *err)
{
	void *board = mmap(NULL, board_size(r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			   -1, 0);

	if (board == MAP_FAILED)
		return err_nomem(err);
	r->board = board;
	r->children = calloc(CHILDREN_MAX, sizeof *r->children);
	if (!r->children)
		return err_nomem(err);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->sockets) < 0)
		return err_sys(err, errno, "cannot create a pair of sockets");
	return 0;
}

#define REAP_MS 20

/* Reaps the children that end within REAP_MS; init reaps the others later. */
static void reap_children(struct survey_round *r)
{
	size_t left = 1;

	for (unsigned int ms = 0; left && ms < REAP_MS; ms++) {
		left = 0;
		for (size_t i = 0; i < r->nchildren; i++) {
			pid_t *pid = &r->children[i].pid;

			if (*pid && waitpid(*pid, NULL, WNOHANG) != 0)
				*pid = 0;
			left += *pid != 0;
		}
		if (left)
			nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
}

/* Children that still work hang. Nobody waits for them, as the kernel may not let them die yet. Children that are done
 * can hang, too, when they close the last descriptor of a namespace with a user's file systems. */
static void round_end(struct survey_round *r)
{
	for (size_t i = 0; i < r->nchildren; i++)
		if (atomic_load(&r->board->at[i]) < r->of->count)
			kill(r->children[i].pid, SIGKILL);
	reap_children(r);
	for (size_t i = 0; i < r->nchildren; i++)
		free(r->children[i].text);
	cleanup_fd(&r->sockets[0]);
	cleanup_fd(&r->sockets[1]);
	free(r->children);
	if (r->board)
		munmap(r->board, board_size(r));
}

static int add_child(struct survey_round *r, struct err *err)
{
	struct survey_child *c = &r->children[r->nchildren];

	atomic_store(&r->board->at[r->nchildren], 0);
	c->pid = fork();
	if (c->pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (c->pid == 0)
		run_child(r->questions, r->of, r->board, (uint32_t)r->nchildren, r->sockets[1]);
	c->since = clock_ms();
	r->nchildren++;
	return 0;
}

static int add_part(struct survey_round *r, const struct answer_part *part, const char *text,
		    size_t len, struct err *err)
{
	struct survey_child *c = &r->children[part->child];
	char *more = realloc(c->text, c->len + len + 1);
	int result;

	if (!more)
		return err_nomem(err);
	c->text = more;
	memcpy(c->text + c->len, text, len);
	c->len += len;
	if (!part->is_last)
		return 0;
	result = r->questions->take(r->questions->ctx, r->of->items[part->index], c->text, c->len,
				    err);
	c->len = 0;
	return result;
}

/* Reads all packets that have arrived. */
static int receive_parts(struct survey_round *r, struct err *err)
{
	char text[PART_MAX];
	struct answer_part part;
	struct iovec parts[] = {{&part, sizeof part}, {text, sizeof text}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n;
	int result = 0;

	while (result == 0 && (n = recvmsg(r->sockets[0], &message, MSG_DONTWAIT)) > 0) {
		if ((size_t)n < sizeof part || part.child >= r->nchildren ||
		    part.index > r->of->count)
			return err_set(err, EBADMSG, "an answer of a child process is malformed");
		if (part.index < r->of->count)
			result = add_part(r, &part, text, (size_t)n - sizeof part, err);
	}
	return result;
}

/* The number of children that have been at the same process for ms milliseconds; *busy: the number that work at all. */
static size_t count_slow(struct survey_round *r, int64_t now, int64_t ms, size_t *busy)
{
	size_t slow = 0;

	*busy = 0;
	for (size_t i = 0; i < r->nchildren; i++) {
		struct survey_child *c = &r->children[i];
		size_t at = atomic_load(&r->board->at[i]);

		if (at != c->at) {
			c->at = at;
			c->since = now;
		}
		*busy += at < r->of->count;
		slow += at < r->of->count && now - c->since >= ms;
	}
	return slow;
}

/* Starts three times as many again, when all children hang and processes are left to ask about. */
static void add_children(struct survey_round *r, size_t slow)
{
	struct err ignored; /* then it is as if the new child hung, too */
	size_t before = r->nchildren;

	for (size_t i = 0; i < slow && before + i < CHILDREN_MAX; i++)
		if (atomic_load(&r->board->next) >= r->of->count || add_child(r, &ignored) < 0)
			return;
}

static bool is_over(const struct survey_round *r, size_t busy)
{
	return busy == 0 && atomic_load(&r->board->next) >= r->of->count;
}

static int wait_for_answers(struct survey_round *r, unsigned int ms, struct err *err)
{
	int64_t last = clock_ms(), stuck = 0;
	int result = add_child(r, err);

	while (result == 0 && stuck < ms) {
		struct pollfd in = {.fd = r->sockets[0], .events = POLLIN};
		int64_t now;
		size_t busy, slow;

		poll(&in, 1, TICK_MS);
		now = clock_ms();
		/* Counted before packets are read: a child that is done by then has sent all its packets. */
		slow = count_slow(r, now, SLOW_MS, &busy);
		result = receive_parts(r, err);
		if (result < 0 || is_over(r, busy))
			break;
		if (slow == busy)
			add_children(r, slow ? 3 * slow : 1);
		stuck += slow ? now - last : 0;
		last = now;
	}
	return result;
}

int survey_all(const struct survey *questions, const struct pids *of, unsigned int ms,
	       struct pids *silent, struct err *err)
{
	CLEANUP(round_end)
	struct survey_round r = {.questions = questions, .of = of, .sockets = {-1, -1}};
	int result = of->count ? round_begin(&r, err) : 0;

	if (result == 0 && of->count)
		result = wait_for_answers(&r, ms, err);
	for (size_t i = 0; result == 0 && i < of->count; i++)
		if (!atomic_load(&r.board->answered[i]))
			result = pids_add(silent, of->items[i], err);
	return result;
}
