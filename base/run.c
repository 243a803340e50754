#include "base/run.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* In the child, between fork and exec. Never returns. */
static void execute_child(const char *const argv[], const char *cwd, int out, int log)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0)
		_exit(127);
	if (cwd && chdir(cwd) < 0)
		_exit(127);
	setenv("PATH", SYSTEM_PATH, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* A memory file for standard error. A second pipe would have to be read at the same time as the first. */
static int log_file(void)
{
	return memfd_create("log", MFD_CLOEXEC); /* /tmp may be full */
}

static void keep_log(int log, struct err *err)
{
	ssize_t n = pread(log, err->text, sizeof err->text - 1, 0);

	err->text[n > 0 ? n : 0] = '\0';
	for (n = (ssize_t)strlen(err->text); n > 0 && err->text[n - 1] == '\n'; n--)
		err->text[n - 1] = '\0';
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
}

static int reap(pid_t pid, const char *name, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for %s", name);
	if (WIFSIGNALED(status))
		return err_set(err, EINTR, "%s was killed by signal %d", name, WTERMSIG(status));
	return WEXITSTATUS(status);
}

int run_read(const char *const argv[], const char *cwd, size_t max, char **out, struct err *err)
{
	AUTO_FD int read_end = -1, write_end = -1, log = log_file();
	AUTO_FREE char *data = NULL;
	size_t len = 0;
	int pipes[2], r, status;
	pid_t pid;

	if (log < 0)
		return err_sys(err, errno, "cannot create a file in memory");
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	read_end = pipes[0];
	write_end = pipes[1];
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "cannot start %s", argv[0]);
	if (pid == 0)
		execute_child(argv, cwd, write_end, log);
	close(write_end);
	write_end = -1;
	r = file_read(read_end, max, &data, &len, err);
	if (r < 0)
		kill(pid, SIGKILL);
	status = reap(pid, argv[0], err);
	if (r < 0)
		return err_wrap(err, r, "%s", argv[0]);
	if (status < 0)
		return status;
	keep_log(log, err);
	if (status == 127 && !err->text[0])
		return err_set(err, ENOENT, "cannot run %s: is it installed?", argv[0]);
	if (out) {
		*out = data;
		data = NULL;
	}
	return status;
}
