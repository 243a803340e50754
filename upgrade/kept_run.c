#include "upgrade/kept_run.h"

#include "base/caller.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/paths.h"
#include "plan/read.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define HEADER "pinlib-run\t1"
#define RUN_FILE_MAX (4u << 20)
#define LOOK_MS 100 /* a child of the command may hold its output open */

unsigned int kept_run_seconds = 30;

void kept_run_free(struct kept_run *run)
{
	strings_free(&run->command);
	free(run->output);
	*run = (struct kept_run){0};
}

/* -- running -- */

struct command_run {
	const struct strings *command;
	struct caller caller;
	const char *home;
	int output,
		failure; /* write ends; the second gets errno if the command cannot be executed */
};

static int set_environment(const struct command_run *c)
{
	if (clearenv() != 0)
		return -1;
	return setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1) |
	       setenv("LC_ALL", "C.UTF-8", 1) | setenv("TERM", "dumb", 1) |
	       setenv("HOME", c->home, 1);
}

_Noreturn static void execute_command(const struct command_run *c)
{
	AUTO_FREE char **argv = calloc(c->command->count + 1, sizeof *argv);
	struct err ignored;
	int null = open("/dev/null", O_RDONLY);

	if (argv && null >= 0 && setsid() >= 0 && dup2(null, 0) == 0 && dup2(c->output, 1) == 1 &&
	    dup2(c->output, 2) == 2 && chdir("/") == 0 && set_environment(c) == 0 &&
	    caller_become(&c->caller, &ignored) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0) {
		memcpy(argv, c->command->items, c->command->count * sizeof *argv);
		umask(022);
		execvp(argv[0], argv);
	}
	if (write(c->failure, &errno, sizeof errno) < 0)
		_exit(126);
	_exit(127);
}

static int find_user(uid_t user, struct command_run *c, struct err *err)
{
	const struct passwd *entry = getpwuid(user);

	if (!entry)
		return err_set(err, ENOENT, "there is no user %lu, who kept the command",
			       (unsigned long)user);
	snprintf(c->caller.name, sizeof c->caller.name, "%s", entry->pw_name);
	snprintf(c->caller.home, sizeof c->caller.home, "%s", entry->pw_dir);
	c->caller.other = user != geteuid();
	c->caller.uid = user;
	c->caller.gid = entry->pw_gid;
	c->home = c->caller.home;
	return 0;
}

static int take_output(struct kept_run *run, struct digest_stream *s, const char *data, size_t n,
		       struct err *err)
{
	size_t room = KEPT_OUTPUT_MAX - run->len;
	int r = digest_update(s, data, n, err);

	memcpy(run->output + run->len, data, n < room ? n : room);
	run->len += n < room ? n : room;
	run->size += n;
	return r;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid;
}

/* Reads until all writers have closed the output, or the command has ended and nothing more comes. */
static int read_all_output(struct kept_run *run, int fd, pid_t pid, struct digest_stream *s,
			   struct err *err)
{
	const int64_t end = clock_ms() + (int64_t)kept_run_seconds * 1000;
	char data[16384];
	int r = 0;

	while (r == 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		bool ended = has_ended(pid);
		ssize_t n;

		if (clock_ms() > end)
			return err_set(err, ETIMEDOUT, "%s took longer than %u seconds",
				       run->command.items[0], kept_run_seconds);
		if (poll(&p, 1, LOOK_MS) <= 0) {
			if (ended)
				return 0;
			continue;
		}
		n = read(fd, data, sizeof data);
		if (n <= 0)
			return n < 0 ? err_sys(err, errno, "cannot read the output of %s",
					       run->command.items[0])
				     : 0;
		r = take_output(run, s, data, (size_t)n, err);
	}
	return r;
}

/* The command may have closed its output and still run. */
static int await_end(struct kept_run *run, pid_t pid, struct err *err)
{
	const int64_t end = clock_ms() + (int64_t)kept_run_seconds * 1000;

	while (!has_ended(pid)) {
		if (clock_ms() > end)
			return err_set(err, ETIMEDOUT, "%s took longer than %u seconds",
				       run->command.items[0], kept_run_seconds);
		poll(NULL, 0, LOOK_MS / 10);
	}
	return 0;
}

static int watch_command(struct kept_run *run, int output, int failure, pid_t pid, struct err *err)
{
	CLEANUP(digest_abandon) struct digest_stream *s = digest_begin();
	int status = 0, error = 0, r = s ? 0 : err_nomem(err);

	if (r == 0)
		r = read_all_output(run, output, pid, s, err);
	if (r == 0)
		r = await_end(run, pid, err);
	kill(-pid, SIGKILL); /* and the processes that it left */
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (read(failure, &error, sizeof error) == sizeof error)
		return err_sys(err, error, "cannot execute %s", run->command.items[0]);
	run->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return digest_end(&s, &run->digest, err);
}

static int start_and_watch(struct command_run *c, struct kept_run *run, struct err *err)
{
	AUTO_FD int output = -1, ours = -1, failure = -1, failed = -1;
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	ours = ends[0];
	output = c->output = ends[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	failed = ends[0];
	failure = c->failure = ends[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start a process");
	if (pid == 0)
		execute_command(c);
	close(output);
	close(failure);
	output = failure = -1;
	return watch_command(run, ours, failed, pid, err);
}

int kept_run_make(const struct strings *command, uid_t user, struct kept_run *out, struct err *err)
{
	AUTO_KEPT_RUN struct kept_run run = {.user = user};
	struct command_run c = {.command = command};
	int r = find_user(user, &c, err);

	for (size_t i = 0; r == 0 && i < command->count; i++)
		r = strings_add(&run.command, command->items[i], err);
	if (r < 0)
		return r;
	run.output = calloc(1, KEPT_OUTPUT_MAX + 1);
	if (!run.output)
		return err_nomem(err);
	r = start_and_watch(&c, &run, err);
	if (r < 0)
		return r;
	*out = run;
	run = (struct kept_run){0};
	return 0;
}

/* -- comparing -- */

bool kept_run_is_same(const struct kept_run *a, const struct kept_run *b)
{
	return a->status == b->status && digest_equal(&a->digest, &b->digest);
}

static char *copy_line(const char *from, const char *end)
{
	const char *stop = from < end ? memchr(from, '\n', (size_t)(end - from)) : NULL;

	return strndup(from, (size_t)((stop ? stop : end) - from));
}

size_t kept_run_difference(const struct kept_run *a, const struct kept_run *b, char **of_a,
			   char **of_b)
{
	size_t at = 0, start = 0, line = 1;

	*of_a = *of_b = NULL;
	while (at < a->len && at < b->len && a->output[at] == b->output[at])
		if (a->output[at++] == '\n') {
			start = at;
			line++;
		}
	if (at == a->len && at == b->len)
		return 0;
	*of_a = copy_line(a->output + start, a->output + a->len);
	*of_b = copy_line(b->output + start, b->output + b->len);
	return line;
}

/* -- the file -- */

static int run_path(const char *app, char path[PATH_MAX], struct err *err)
{
	char name[NAME_MAX + 1];
	int r = plan_file_name(app, name, err);

	if (r == 0)
		snprintf(path, PATH_MAX, PINLIB_RUNS "/%s", name);
	return r;
}

static bool parse_run_number(const char *text, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && errno == 0 && *out <= most;
}

static bool is_key(const char *line, size_t len, const char *key)
{
	return len == strlen(key) && memcmp(line, key, len) == 0;
}

static bool parse_run_line(struct kept_run *run, const char *line)
{
	const char *value = strchr(line, '\t');
	size_t len = value ? (size_t)(value - line) : 0;
	struct err ignored;
	uint64_t number;

	if (!value++)
		return false;
	if (is_key(line, len, "argument"))
		return strings_add(&run->command, value, &ignored) == 0;
	if (is_key(line, len, "digest"))
		return digest_parse(value, &run->digest);
	if (is_key(line, len, "size"))
		return parse_run_number(value, UINT64_MAX, &run->size);
	if (is_key(line, len, "status") && parse_run_number(value, 255, &number))
		return run->status = (int)number, true;
	if (is_key(line, len, "user") && parse_run_number(value, UINT32_MAX - 1, &number))
		return run->user = (uid_t)number, true;
	return false;
}

/* Cuts text up. */
static bool parse_run(char *text, size_t len, struct kept_run *run)
{
	char *rest = text, *line = strsep(&rest, "\n");

	if (strcmp(line, HEADER) != 0)
		return false;
	while ((line = rest ? strsep(&rest, "\n") : NULL) && strcmp(line, "output") != 0)
		if (!parse_run_line(run, line))
			return false;
	if (!line || !rest || run->command.count == 0)
		return false;
	run->len = len - (size_t)(rest - text);
	run->output = calloc(1, run->len + 1);
	if (run->output)
		memcpy(run->output, rest, run->len);
	return run->output && run->len <= KEPT_OUTPUT_MAX;
}

int kept_run_read(const char *app, struct kept_run *out, struct err *err)
{
	AUTO_KEPT_RUN struct kept_run run = {0};
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t len;
	int r = run_path(app, path, err);

	if (r == 0)
		r = file_read_at(AT_FDCWD, path, RUN_FILE_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (!parse_run(text, len, &run))
		return err_set(err, EBADMSG,
			       "%s is damaged; 'pinlib check --run %s -- COMMAND' writes it anew",
			       path, app);
	*out = run;
	run = (struct kept_run){0};
	return 0;
}

static int write_text(const struct kept_run *run, FILE *f)
{
	char hex[DIGEST_HEX];

	digest_hex(&run->digest, hex);
	fprintf(f, HEADER "\nuser\t%lu\nstatus\t%d\nsize\t%llu\ndigest\t%s\n",
		(unsigned long)run->user, run->status, (unsigned long long)run->size, hex);
	for (size_t i = 0; i < run->command.count; i++)
		fprintf(f, "argument\t%s\n", run->command.items[i]);
	fputs("output\n", f);
	fwrite(run->output, 1, run->len, f);
	return fclose(f);
}

int kept_run_write(const char *app, const struct kept_run *run, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	size_t len = 0;
	FILE *f;
	int r = run_path(app, path, err);

	for (size_t i = 0; r == 0 && i < run->command.count; i++)
		if (strchr(run->command.items[i], '\n'))
			r = err_set(err, EINVAL, "an argument has a line break; use a script");
	if (r == 0)
		r = file_mkdirs(PINLIB_RUNS, err);
	if (r < 0)
		return r;
	f = open_memstream(&text, &len);
	if (!f || write_text(run, f) != 0)
		return err_nomem(err);
	return file_publish(AT_FDCWD, path, text, len, 0600, err);
}

int kept_run_remove(const char *app, struct err *err)
{
	char path[PATH_MAX];
	int r = run_path(app, path, err);

	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", path);
	return r;
}
