/*
 * Measures launches: starts programs in turns and prints the time of each, as JSON.
 *
 *	runner [-n ROUNDS] [-b BLOCK] [-j JOBS] [-c CPU] [-u UID] [-w WARM] \
 *		-- NAME [VAR=VALUE]... PROGRAM [ARG...] [-- NAME ...]...
 *
 * In each round every side has its turn, in an order shuffled anew, and is launched BLOCK times; so
 * a disturbance hits all sides alike, and nobody always follows the same neighbour. JOBS processes
 * do that at the same time (launches at once), each turn begun together. No code runs between the
 * clock and the program: vfork, execve, wait4, with descriptors 0 to 2 on /dev/null, by an ordinary
 * user (UID) if asked.
 *
 * A program that fails ends it all: a launch that did nothing is quick.
 *
 * Time is in microseconds, from before vfork to after wait4, by CLOCK_MONOTONIC. "cpu" is user and
 * system time of the program and the children that it waited for, by wait4. "rate" is launches a
 * second of all jobs together, while they all run. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIDES_MAX 32

struct side {
	const char *name;
	char **argv;
	char **envp;
};

/* In nanoseconds: the time of a launch, and the CPU time in it. */
struct sample {
	int64_t wall;
	int64_t cpu;
};

static struct {
	long rounds, block, jobs, warm;
	int cpu; /* -1: any */
	long uid;
	uint64_t seed;
	struct side sides[SIDES_MAX];
	size_t nsides;
} conf = {.rounds = 500, .block = 1, .jobs = 1, .warm = 20, .cpu = -1, .uid = -1, .seed = 1};

/* Shared by the jobs: [side][job][launch], and [side][job], the time of its turns together. */
static struct sample *samples;
static int64_t *turns;
static pthread_barrier_t *together;

static long launches(void)
{
	return conf.rounds * conf.block;
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t nanoseconds(const struct timeval *t)
{
	return t->tv_sec * INT64_C(1000000000) + t->tv_usec * INT64_C(1000);
}

/* xorshift64*: the same order in every job. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

static void shuffle(size_t *order, uint64_t *state)
{
	for (size_t i = conf.nsides; i-- > 1;) {
		size_t k = next_random(state) % (i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
}

static struct sample launch(const struct side *side)
{
	struct sample s;
	struct rusage used;
	int status;
	int64_t start = now();
	pid_t pid = vfork();

	if (pid == 0) {
		execve(side->argv[0], side->argv, side->envp);
		_exit(127);
	}
	if (pid < 0)
		err(1, "vfork");
	while (wait4(pid, &status, 0, &used) < 0)
		if (errno != EINTR)
			err(1, "wait4");
	s.wall = now() - start;
	s.cpu = nanoseconds(&used.ru_utime) + nanoseconds(&used.ru_stime);
	if (status != 0)
		errx(1, "%s: %s %d", side->name, WIFEXITED(status) ? "exit status" : "signal",
		     WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return s;
}

static void meet(void)
{
	int r;

	if (conf.jobs == 1)
		return;
	r = pthread_barrier_wait(together);
	if (r != 0 && r != PTHREAD_BARRIER_SERIAL_THREAD)
		errx(1, "pthread_barrier_wait: %s", strerror(r));
}

static void take_turn(size_t side, long job, long round)
{
	size_t at = side * (size_t)conf.jobs + (size_t)job;
	int64_t start;

	meet();
	start = now();
	for (long i = 0; i < conf.block; i++) {
		struct sample s = launch(&conf.sides[side]);

		samples[at * (size_t)launches() + (size_t)(round * conf.block + i)] = s;
	}
	turns[at] += now() - start;
}

static void work(long job)
{
	uint64_t state = conf.seed;
	size_t order[SIDES_MAX];

	for (size_t i = 0; i < conf.nsides; i++) {
		order[i] = i;
		for (long k = 0; k < conf.warm; k++)
			launch(&conf.sides[i]);
	}
	for (long round = 0; round < conf.rounds; round++) {
		shuffle(order, &state);
		for (size_t i = 0; i < conf.nsides; i++)
			take_turn(order[i], job, round);
	}
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static void prepare(void)
{
	size_t per_side = (size_t)conf.jobs, all = conf.nsides * per_side;
	pthread_barrierattr_t attr;

	samples = shared(all * (size_t)launches() * sizeof *samples);
	/* Page faults belong to nobody's launch. */
	memset(samples, 1, all * (size_t)launches() * sizeof *samples);
	turns = shared(all * sizeof *turns);
	together = shared(sizeof *together);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (pthread_barrier_init(together, &attr, (unsigned)conf.jobs) != 0)
		errx(1, "pthread_barrier_init");
}

/* Sets the user and the processor of the programs, and their standard descriptors. */
static void settle(void)
{
	cpu_set_t set;
	int null;

	CPU_ZERO(&set);
	if (conf.cpu >= 0) {
		CPU_SET((size_t)conf.cpu, &set);
		if (sched_setaffinity(0, sizeof set, &set) < 0)
			err(1, "sched_setaffinity");
	}
	if (conf.uid >= 0) {
		gid_t gid = (gid_t)conf.uid;

		if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
		    setresuid((uid_t)conf.uid, (uid_t)conf.uid, (uid_t)conf.uid) < 0)
			err(1, "cannot become user %ld", conf.uid);
	}
	null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		err(1, "/dev/null");
	if (null > 2)
		close(null);
}

/* One job that fails would leave the others waiting for it. */
static void stop_all(int status, void *unused)
{
	(void)unused;
	if (status != 0)
		kill(0, SIGKILL);
}

/* All jobs are processes of their own: vfork of a thread stops only that thread, but the kernel
 * has more to do for a process with threads. */
static void run_jobs(void)
{
	if (conf.jobs > 1 && (setpgid(0, 0) < 0 || on_exit(stop_all, NULL) != 0))
		err(1, "setpgid");
	for (long job = 1; job < conf.jobs; job++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			work(job);
			_exit(0);
		}
	}
	work(0);
	while (wait(NULL) > 0)
		;
}

/* -- the report -- */

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double microseconds(const int64_t *sorted, size_t n, double part)
{
	return (double)sorted[(size_t)((double)(n - 1) * part + 0.5)] / 1000;
}

static void report_side(FILE *out, size_t side)
{
	size_t n = (size_t)(launches() * conf.jobs);
	const struct sample *s = samples + side * n;
	int64_t *wall = calloc(n, sizeof *wall), *cpu = calloc(n, sizeof *cpu);
	double rate = 0;

	if (!wall || !cpu)
		err(1, "calloc");
	for (size_t i = 0; i < n; i++) {
		wall[i] = s[i].wall;
		cpu[i] = s[i].cpu;
	}
	for (long job = 0; job < conf.jobs; job++)
		rate += (double)launches() * 1e9 /
			(double)turns[side * (size_t)conf.jobs + (size_t)job];
	qsort(wall, n, sizeof *wall, compare);
	qsort(cpu, n, sizeof *cpu, compare);
	fprintf(out,
		"{\"name\": \"%s\", \"n\": %zu, \"min\": %.1f, \"p10\": %.1f, \"q1\": %.1f, "
		"\"median\": %.1f, \"q3\": %.1f, \"p90\": %.1f, \"cpu\": %.1f, \"rate\": %.1f}",
		conf.sides[side].name, n, microseconds(wall, n, 0), microseconds(wall, n, 0.1),
		microseconds(wall, n, 0.25), microseconds(wall, n, 0.5),
		microseconds(wall, n, 0.75), microseconds(wall, n, 0.9), microseconds(cpu, n, 0.5),
		rate);
	free(wall);
	free(cpu);
}

static void report(FILE *out)
{
	fprintf(out, "[");
	for (size_t i = 0; i < conf.nsides; i++) {
		fprintf(out, i ? ",\n " : "");
		report_side(out, i);
	}
	fprintf(out, "]\n");
	if (fclose(out) != 0)
		err(1, "cannot write the report");
}

/* -- the command line -- */

/* The caller's environment with the side's variables; the side's program follows. */
static char **read_environment(char ***arg)
{
	extern char **environ;
	char **env;
	size_t have = 0, n = 0;

	while (environ[have])
		have++;
	while ((*arg)[n] && strchr((*arg)[n], '=') && (*arg)[n][0] != '/')
		n++;
	env = calloc(have + n + 1, sizeof *env);
	if (!env)
		err(1, "calloc");
	memcpy(env, *arg, n * sizeof *env);
	memcpy(env + n, environ, have * sizeof *env);
	*arg += n;
	return env;
}

/* Each side ends at the "--" of the next. Programs that need one for themselves get
 * it as "---". */
static void read_sides(char **arg)
{
	while (*arg) {
		struct side *side = &conf.sides[conf.nsides++];

		if (conf.nsides > SIDES_MAX || !arg[0] || !arg[1])
			errx(1, "a side is NAME [VAR=VALUE]... PROGRAM [ARG...]; %d at most",
			     SIDES_MAX);
		side->name = *arg++;
		side->envp = read_environment(&arg);
		side->argv = arg;
		if (!*arg || **arg != '/')
			errx(1, "%s: the program's full path is missing", side->name);
		for (; *arg && strcmp(*arg, "--") != 0; arg++)
			if (strcmp(*arg, "---") == 0)
				*arg = *arg + 1;
		if (*arg)
			*arg++ = NULL;
	}
}

static long number(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (*end || n < 0)
		errx(1, "%s is no number", s);
	return n;
}

int main(int argc, char **argv)
{
	FILE *out;
	int fd, c;

	while ((c = getopt(argc, argv, "+n:b:j:c:u:w:s:")) != -1) {
		switch (c) {
		case 'n':
			conf.rounds = number(optarg);
			break;
		case 'b':
			conf.block = number(optarg);
			break;
		case 'j':
			conf.jobs = number(optarg);
			break;
		case 'c':
			conf.cpu = (int)number(optarg);
			break;
		case 'u':
			conf.uid = number(optarg);
			break;
		case 'w':
			conf.warm = number(optarg);
			break;
		case 's':
			conf.seed = (uint64_t)number(optarg) | 1;
			break;
		default:
			return 2;
		}
	}
	read_sides(argv + optind);
	if (!conf.nsides || !launches() || !conf.jobs)
		errx(1, "nothing to do");
	fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		err(1, "stdout");
	prepare();
	settle();
	run_jobs();
	report(out);
	return 0;
}
