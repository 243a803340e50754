#include "cli/caller.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int caller_find(struct caller *out, struct err *err)
{
	const char *text = getenv("SUDO_UID");
	const struct passwd *user;
	unsigned long uid;
	char *end;

	*out = (struct caller){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0 || !text)
		return 0;
	errno = 0;
	uid = strtoul(text, &end, 10);
	if (errno || !*text || *end || (uid_t)uid != uid || (uid_t)uid == (uid_t)-1)
		return err_set(err, EINVAL, "SUDO_UID is no user: %.64s", text);
	if (uid == 0)
		return 0;
	user = getpwuid((uid_t)uid);
	if (!user)
		return err_set(err, EINVAL, "there is no user %lu, whom SUDO_UID names", uid);
	out->other = true;
	out->uid = user->pw_uid;
	out->gid = user->pw_gid;
	snprintf(out->name, sizeof out->name, "%s", user->pw_name);
	snprintf(out->home, sizeof out->home, "%s", user->pw_dir);
	return 0;
}

int caller_become(const struct caller *c, struct err *err)
{
	static const char *const sudos[] = {"SUDO_UID", "SUDO_GID", "SUDO_USER", "SUDO_COMMAND",
					    "SUDO_HOME"};

	if (!c->other)
		return 0;
	if (initgroups(c->name, c->gid) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
	    setresuid(c->uid, c->uid, c->uid) < 0)
		return err_sys(err, errno, "cannot become the user %s", c->name);
	if (setenv("HOME", c->home, 1) < 0 || setenv("USER", c->name, 1) < 0 ||
	    setenv("LOGNAME", c->name, 1) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < sizeof sudos / sizeof *sudos; i++)
		unsetenv(sudos[i]);
	return 0;
}
