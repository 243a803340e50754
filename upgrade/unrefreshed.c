#include "upgrade/unrefreshed.h"

#include "base/lines.h"
#include "base/paths.h"

#include <unistd.h>

#define UNREFRESHED_MAX (256u << 20)

int unrefreshed_read(struct strings *out, bool *all, struct err *err)
{
	*all = access(PINLIB_REFRESH_DUE, F_OK) == 0;
	return lines_read(PINLIB_UNREFRESHED, UNREFRESHED_MAX, out, err);
}

int unrefreshed_write(const struct strings *apps, struct err *err)
{
	return lines_publish(PINLIB_UNREFRESHED, apps, 0644, err);
}

int unrefreshed_begun(struct err *err)
{
	if (unlink(PINLIB_REFRESH_DUE) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", PINLIB_REFRESH_DUE);
	return 0;
}
