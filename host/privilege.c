#include "host/privilege.h"

#include "base/cleanup.h"
#include "base/mount.h"
#include "base/paths.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/statvfs.h>

/* The number in a line of /proc/PID/status; false: there is no such line. */
static bool status_number(const char *file, const char *name, int base, unsigned long long *number)
{
	AUTO_FILE FILE *f = fopen(file, "re");
	size_t len = strlen(name);
	char line[256];

	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, name, len) == 0 && line[len] == ':') {
			*number = strtoull(line + len + 1, NULL, base);
			return true;
		}
	return false;
}

bool privilege_is_bounded(const char *status)
{
	unsigned long long set;

	return status_number(status, "CapBnd", 16, &set) && !(set >> CAP_SYS_ADMIN & 1);
}

bool privilege_is_frozen(const char *status)
{
	unsigned long long on;

	return status_number(status, "NoNewPrivs", 10, &on) && on;
}

int privilege_of_wrapper(char **text, struct err *err)
{
	cap_t caps = cap_get_file(PINLIB_WRAPPER);
	char *found;

	if (!caps)
		return err_sys(err, errno, "cannot read the capabilities of %s", PINLIB_WRAPPER);
	found = cap_to_text(caps, NULL);
	*text = found ? strdup(found) : NULL;
	cap_free(found);
	cap_free(caps);
	return *text ? 0 : err_nomem(err);
}

int privilege_check(struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct statvfs fs;
	int r = privilege_of_wrapper(&text, err);

	if (r == -ENODATA || r == -ENOTSUP || (r == 0 && strcmp(text, PRIVILEGE_WRAPPER) != 0))
		return err_set(err, EPERM,
			       "%s does not have the file capability " PRIVILEGE_WRAPPER,
			       PINLIB_WRAPPER);
	if (r < 0)
		return r;
	if (statvfs(PINLIB_WRAPPER, &fs) == 0 && fs.f_flag & ST_NOSUID)
		return err_set(err, EPERM, "the mount of %s is nosuid", PINLIB_WRAPPER);
	if (!mount_is_root("/"))
		return err_set(
			err, EPERM,
			"this is a chroot whose root directory is not a mount point; make it one "
			"with 'mount --bind DIR DIR' before chroot(8)");
	if (privilege_is_frozen("/proc/1/status"))
		return err_set(err, EPERM, "no_new_privs is set for all processes");
	if (privilege_is_bounded("/proc/1/status"))
		return err_set(err, EPERM,
			       "the capability bounding set of all processes lacks CAP_SYS_ADMIN");
	return 0;
}
