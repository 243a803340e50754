#include "seal/home.h"

#include "base/path.h"
#include "base/paths.h"
#include "base/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int find_user_state(char out[PATH_MAX], struct err *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char text[PATH_MAX];
	int n;

	if (data && data[0] == '/')
		n = snprintf(text, sizeof text, "%s/pinlib", data);
	else if (home && home[0] == '/')
		n = snprintf(text, sizeof text, "%s/.local/share/pinlib", home);
	else
		return err_set(err, EINVAL,
			       "neither XDG_DATA_HOME nor HOME is the full path of a directory");
	if (n < 0 || (size_t)n >= sizeof text)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", text);
	return path_normalise(text, out, err);
}

/* HOME may be another user's, as after su(1): they could lead what root writes and removes to other places. */
static int refuse_others(const char *state, struct err *err)
{
	struct trusted known = {0};
	char dir[PATH_MAX];
	struct stat st;

	if (geteuid() != 0)
		return 0;
	snprintf(dir, sizeof dir, "%s", state);
	while (lstat(dir, &st) < 0 && errno == ENOENT && strrchr(dir, '/') > dir)
		*strrchr(dir, '/') = '\0';
	return trust_dir(&known, dir, err)
		       ? 0
		       : err_wrap(err, -EPERM,
				  "root cannot use %s as its own store (without --user it uses "
				  "the machine's)",
				  state);
}

int home_find(bool user, struct home *out, struct err *err)
{
	int r = 0;

	*out = (struct home){.user = user};
	if (user)
		r = find_user_state(out->state, err);
	else
		snprintf(out->state, sizeof out->state, "%s", PINLIB_STATE);
	if (r == 0 && user)
		r = refuse_others(out->state, err);
	if (r == 0)
		r = path_join(out->state, "store", out->store, err);
	if (r == 0)
		r = path_join(out->state, "layers", out->layers, err);
	return r < 0 ? r : path_join(out->state, "sealed", out->sealed, err);
}

int home_objects(const struct home *home, char objects[PATH_MAX], struct err *err)
{
	char path[PATH_MAX];
	int r = path_join(home->store, "objects", path, err);

	if (r == 0 && !realpath(path, objects))
		r = err_sys(err, errno, "cannot open %s", path);
	return r;
}
