#include "base/caller.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *variable;
	bool is_number;
} claims[] = {
	{"SUDO_UID", true},
	{"SUDO_USER", false},
	{"DOAS_USER", false},
	{"PKEXEC_UID", true},
};

#define NCLAIMS (sizeof claims / sizeof *claims)

static bool parse_number(const char *text, uid_t *out)
{
	size_t len = strlen(text);
	unsigned long n;

	if (len == 0 || len > 10 || strspn(text, "0123456789") != len)
		return false;
	n = strtoul(text, NULL, 10);
	*out = (uid_t)n;
	return n < UINT32_MAX; /* which is (uid_t)-1, nobody's */
}

static int user_of_number(const char *variable, const char *text, struct caller *out,
			  const struct passwd **user, struct err *err)
{
	uid_t uid;

	if (!parse_number(text, &uid))
		return err_set(err, EINVAL, "%s is not a user's number: '%.64s'", variable, text);
	*user = getpwuid(uid);
	if (*user)
		return 0;
	*out = (struct caller){.uid = uid, .gid = getegid()};
	return err_set(err, ENOENT,
		       "there is no user %lu, whom %s names; without that variable this is root's",
		       (unsigned long)uid, variable);
}

static int user_of_name(const char *variable, const char *text, const struct passwd **user,
			struct err *err)
{
	*user = getpwnam(text);
	if (*user)
		return 0;
	return err_set(err, EINVAL,
		       "there is no user '%.64s', whom %s names; without that variable this is "
		       "root's",
		       text, variable);
}

static int take(struct caller *out, const struct passwd *user, struct err *err)
{
	if ((size_t)snprintf(out->name, sizeof out->name, "%s", user->pw_name) >=
		    sizeof out->name ||
	    (size_t)snprintf(out->home, sizeof out->home, "%s", user->pw_dir) >= sizeof out->home)
		return err_set(err, EINVAL,
			       "the name or the home directory of user %lu is too long",
			       (unsigned long)user->pw_uid);
	out->other = true;
	out->uid = user->pw_uid;
	out->gid = user->pw_gid;
	return 0;
}

int caller_find(struct caller *out, struct err *err)
{
	const char *first = NULL;

	*out = (struct caller){.uid = geteuid(), .gid = getegid()};
	if (geteuid() != 0)
		return 0;
	for (size_t i = 0; i < NCLAIMS; i++) {
		const char *variable = claims[i].variable, *text = getenv(variable);
		const struct passwd *user;
		int r;

		if (!text)
			continue;
		r = claims[i].is_number ? user_of_number(variable, text, out, &user, err)
					: user_of_name(variable, text, &user, err);
		if (r < 0)
			return r;
		if (user->pw_uid == 0)
			continue;
		if (first && user->pw_uid != out->uid)
			return err_set(
				err, EINVAL,
				"%s names the user %s, but %s names %s: unset the one that is "
				"wrong",
				first, out->name, variable, user->pw_name);
		r = take(out, user, err);
		if (r < 0)
			return r;
		first = first ? first : variable;
	}
	return 0;
}

int caller_become(const struct caller *c, struct err *err)
{
	static const char *const more[] = {"SUDO_GID", "SUDO_COMMAND", "SUDO_HOME"};

	if (!c->other)
		return 0;
	if (initgroups(c->name, c->gid) < 0 || setresgid(c->gid, c->gid, c->gid) < 0 ||
	    setresuid(c->uid, c->uid, c->uid) < 0)
		return err_sys(err, errno, "cannot become the user %s", c->name);
	if (setenv("HOME", c->home, 1) < 0 || setenv("USER", c->name, 1) < 0 ||
	    setenv("LOGNAME", c->name, 1) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < NCLAIMS; i++)
		unsetenv(claims[i].variable);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		unsetenv(more[i]);
	return 0;
}
