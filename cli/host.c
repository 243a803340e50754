#include "cli/host.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "host/mounted.h"
#include "plan/stub.h"

#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define ARGS_MAX 5 /* before the command */

/* The attributes of this process that the exec of the wrapper takes away. One that cannot be read is not handed over. */
static void read_kept(struct stub_kept *out)
{
	struct rlimit stack;
	int signal = 0, bits = personality(0xffffffff);

	*out = (struct stub_kept){.parent = (uint64_t)getppid()};
	if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur > STUB_STACK_KEPT)
		out->stack = stack.rlim_cur;
	if (bits > 0)
		out->personality = (uint64_t)bits & STUB_PERSONALITY;
	if (prctl(PR_GET_PDEATHSIG, &signal) == 0)
		out->signal = (uint64_t)signal;
}

/* app: NULL for the live system. */
static int execute_wrapper(const char *app, char **argv, struct err *err)
{
	char kept[sizeof STUB_KEPT + STUB_KEPT_MAX] = STUB_KEPT;
	AUTO_FREE char **args = NULL;
	struct stub_kept attributes;
	size_t n = 0, before = 0;

	while (argv[n])
		n++;
	args = calloc(ARGS_MAX + n + 1, sizeof *args);
	if (!args)
		return err_nomem(err);
	read_kept(&attributes);
	args[before++] = (char *)PINLIB_WRAPPER;
	args[before++] = (char *)(app ? STUB_IN : STUB_HOST);
	if (app)
		args[before++] = (char *)app;
	if (stub_format_kept(&attributes, kept + strlen(STUB_KEPT)))
		args[before++] = kept;
	args[before++] = (char *)"--";
	memcpy(args + before, argv, n * sizeof *args);
	execv(PINLIB_WRAPPER, args);
	return err_sys(err, errno, "cannot run %s ('pinlib doctor' checks it)", PINLIB_WRAPPER);
}

int host_execute(char **argv, struct err *err)
{
	return execute_wrapper(NULL, argv, err);
}

int host_execute_in(const char *app, char **argv, struct err *err)
{
	return execute_wrapper(app, argv, err);
}

int host_return(char **argv, struct err *err)
{
	int r = mounted_in_view(err);

	if (r <= 0)
		return r;
	if (getenv("PINLIB_LEFT_VIEW"))
		return err_set(err, EPERM,
			       "this command must run outside of views, and %s could not leave "
			       "this one; run it from another terminal",
			       PINLIB_WRAPPER);
	setenv("PINLIB_LEFT_VIEW", "1", 1);
	return host_execute(argv, err);
}
