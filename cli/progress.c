#include "cli/progress.h"

#include "base/progress.h"
#include "cli/size.h"
#include "cli/terminal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FIRST_MS 1000
#define NEXT_MS 200
#define CLEAR "\r\033[K"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static bool shown; /* the line is on the terminal */
static bool rest;  /* something was printed since the last tick */
static bool over;
static bool running;
static pthread_t ticker;
static int terminal = 2;

/* apt and dpkg set one of these for the hooks and scripts that they run. */
static bool in_hook(void)
{
	static const char *const names[] = {"APT_HOOK_INFO_FD", "DPKG_HOOK_ACTION",
					    "DPKG_RUNNING_VERSION", "DPKG_MAINTSCRIPT_NAME"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (getenv(names[i]))
			return true;
	return false;
}

static bool wanted(void)
{
	const char *term = getenv("TERM");

	return isatty(1) && isatty(2) && term && *term && strcmp(term, "dumb") != 0 && !in_hook();
}

/* A stopped terminal (^S) must not stop the command, which may hold the lock. Nor must one that takes half a line:
 * root writes through a non-blocking descriptor. */
static void write_line(const char *text)
{
	struct pollfd out = {.fd = terminal, .events = POLLOUT};
	ssize_t ignored;

	if (poll(&out, 1, 0) != 1 || !(out.revents & POLLOUT))
		return;
	ignored = write(terminal, text, strlen(text));
	(void)ignored;
}

static void amount(const struct progress *p, char *text, size_t size)
{
	char done[32], total[32];

	if (p->unit == PROGRESS_BYTES) {
		human_size(p->done, done);
		human_size(p->total, total);
	} else {
		snprintf(done, sizeof done, "%" PRIu64, p->done);
		snprintf(total, sizeof total, "%" PRIu64, p->total);
	}
	if (p->total && p->done <= p->total)
		snprintf(text, size, ": %s of %s, %d%%", done, total,
			 (int)((double)p->done * 100 / (double)p->total));
	else if (p->done)
		snprintf(text, size, ": %s", done);
	else
		text[0] = '\0';
}

/* One column stays free: some terminals wrap after writing the last one. */
static void draw(void)
{
	struct progress p = progress_now();
	char count[96], text[192], line[256];
	int columns = terminal_columns(2);

	if (!p.what || tcgetpgrp(2) != getpgrp())
		return;
	amount(&p, count, sizeof count);
	snprintf(text, sizeof text, "pinlib: %s%s", p.what, count);
	snprintf(line, sizeof line, CLEAR "%.*s", columns > 1 ? columns - 1 : 1, text);
	write_line(line);
	shown = true;
}

static void clear(void)
{
	if (shown)
		write_line(CLEAR);
	shown = false;
}

static void until(int ms, struct timespec *out)
{
	clock_gettime(CLOCK_REALTIME, out);
	out->tv_nsec += (long)(ms % 1000) * 1000000;
	out->tv_sec += ms / 1000 + out->tv_nsec / 1000000000;
	out->tv_nsec %= 1000000000;
}

static void *tick(void *ctx)
{
	struct timespec next;

	(void)ctx;
	pthread_mutex_lock(&lock);
	for (until(FIRST_MS, &next); !over; until(NEXT_MS, &next)) {
		while (!over && pthread_cond_timedwait(&ended, &lock, &next) == 0)
			;
		if (!over && !rest)
			draw();
		rest = false;
	}
	clear();
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void stop(void)
{
	pthread_mutex_lock(&lock);
	over = true;
	pthread_cond_signal(&ended);
	pthread_mutex_unlock(&lock);
	pthread_join(ticker, NULL);
}

void progress_show(void)
{
	sigset_t all, before;
	int own;

	if (running || !wanted())
		return;
	/* O_NONBLOCK belongs to the open file description, which descriptor 2 shares with the caller: open a new
	 * one. Root can open every terminal, and only root holds the lock. */
	own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own < 0 && geteuid() == 0)
		return;
	terminal = own < 0 ? 2 : own;
	/* The main thread handles signals. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	running = pthread_create(&ticker, NULL, tick, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (running)
		atexit(stop);
}

void progress_hide(void)
{
	if (!running)
		return;
	pthread_mutex_lock(&lock);
	clear();
	rest = true;
	pthread_mutex_unlock(&lock);
}
