#include "dpkg/tool.h"

#include "base/run.h"

#include <unistd.h>

bool dpkg_present(void)
{
	return access("/usr/bin/dpkg-query", X_OK) == 0;
}

int dpkg_ask(const char *const argv[], char **text, struct err *err)
{
	int r = run_read(argv, NULL, DPKG_ANSWER_MAX, text, err);

	if (r <= 1)
		return r;
	if (!err->text[0])
		return err_set(err, EIO, "%s %s failed with status %d", argv[0], argv[1], r);
	return err_wrap(err, -EIO, "%s %s failed", argv[0], argv[1]);
}
