/* A script whose owner, who need not be root, changes it while it is looked at. */
#include "host/wrap.h"

#include "base/file.h"
#include "base/paths.h"
#include "tests/unit/child.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>

#define LOOKS 3000

static char dir[] = "/tmp/policy_wrap.XXXXXX";
static char app[64], real[64]; /* DIR/tool, DIR/.pinlib/tool */

static const char script[] = "#!/bin/sh\n";

static void write_whole(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	MUST(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

/* The original is a script every other time, and empty otherwise. */
static void flicker(void)
{
	int fd = open(real, O_WRONLY | O_CLOEXEC);

	MUST(fd >= 0);
	if (fork() != 0)
		return;
	MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	for (;;) {
		MUST(ftruncate(fd, 0) == 0);
		MUST(pwrite(fd, script, strlen(script), 0) == (ssize_t)strlen(script));
	}
}

int main(void)
{
	struct err err;
	char stub[256];
	struct stat st;
	pid_t pid;
	int odd = 0;

	MUST(mkdtemp(dir) && chmod(dir, 0755) == 0);
	snprintf(real, sizeof real, "%s/.pinlib", dir);
	MUST(mkdir(real, 0755) == 0);
	snprintf(real, sizeof real, "%s/.pinlib/tool", dir);
	snprintf(app, sizeof app, "%s/tool", dir);
	write_whole(real, script);
	snprintf(stub, sizeof stub, "#!" PINLIB_STUB " refuse:%s /bin/sh\n", app);
	write_whole(app, stub);
	MUST(stat(real, &st) == 0);
	MUST(utimensat(AT_FDCWD, app, (struct timespec[]){st.st_atim, st.st_mtim}, 0) == 0);
	CHECK(wrap_check(app, &err) == 0);
	MUST(chmod(app, 0755) == 0);
	CHECK(wrap_check(app, &err) == -ESTALE);
	MUST(chmod(real, 0755) == 0);
	pid = start(flicker);
	for (int i = 0; i < LOOKS; i++) {
		int r = wrap_check(app, &err);

		odd += r != 0 && r != -ESTALE;
	}
	stop(pid);
	CHECK(odd == 0);
	MUST(file_remove_tree(AT_FDCWD, dir, &err) == 0);
	return test_end();
}
