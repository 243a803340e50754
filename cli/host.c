#include "cli/host.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "host/mounted.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int host_execute(char **argv, struct err *err)
{
	AUTO_FREE char **args = NULL;
	size_t n = 0;

	while (argv[n])
		n++;
	args = calloc(n + 4, sizeof *args);
	if (!args)
		return err_nomem(err);
	args[0] = (char *)PINLIB_WRAPPER;
	args[1] = (char *)"--host";
	args[2] = (char *)"--";
	memcpy(args + 3, argv, n * sizeof *args);
	execv(PINLIB_WRAPPER, args);
	return err_sys(err, errno, "cannot run %s ('pinlib doctor' checks it)", PINLIB_WRAPPER);
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
