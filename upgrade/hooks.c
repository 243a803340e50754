#include "upgrade/hooks.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"

#include <fcntl.h>
#include <string.h>

#define HOOK_MAX (1u << 20)
/* What means something else to a shell, or in one of the files. */
#define ODD " \t\n\"'$`\\;&|()<>{}[]*?!#%~^"
/* Where nothing was ever pinned, a shell alone finds that out. */
#define PROMPT "[ ! -e " PINLIB_POLICY " ] || [ ! -x %s ] || %s forecast || true"

int hooks_self(char self[PATH_MAX], struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);

	if (n < 0)
		return err_sys(err, errno, "cannot tell the path of pinlib");
	self[n] = '\0';
	return 0;
}

/* HOOK_STOPS alone stops apt and dpkg, and that comes with keep-strict alone: pinlib may be gone, be
 * killed, or not start in a view. */
static char *text_for_apt(const char *self)
{
	char *text;
	int n = asprintf(&text,
			 "// 'pinlib keep enable' made this; 'pinlib keep disable' removes it.\n"
			 "DPkg::Pre-Install-Pkgs { \"%s keep hook apt || test $? -ne %d\"; };\n"
			 "DPkg::Tools::Options::%s::Version \"3\";\n"
			 "AptCli::Hooks::Install { \"" PROMPT "\"; };\n"
			 "AptCli::Hooks::Upgrade { \"" PROMPT "\"; };\n",
			 self, HOOK_STOPS, self, self, self, self, self);

	return n < 0 ? NULL : text;
}

/* Who cannot change the packages of this system changes others, of a root of their own, or none. */
static char *text_for_dpkg(const char *self)
{
	char *text;
	int n = asprintf(&text,
			 "# 'pinlib keep enable' made this; 'pinlib keep disable' removes it.\n"
			 "pre-invoke=[ -n \"$DPKG_FRONTEND_LOCKED\" ] || [ ! -w /var/lib/dpkg ] "
			 "|| [ ! -x %s ] || %s keep hook dpkg || test $? -ne %d\n",
			 self, self, HOOK_STOPS);

	return n < 0 ? NULL : text;
}

static int texts(char **apt, char **dpkg, struct err *err)
{
	char self[PATH_MAX];
	int r = hooks_self(self, err);

	if (r < 0)
		return r;
	if (strpbrk(self, ODD))
		return err_set(err, EINVAL, "%s is no path for a hook", self);
	*apt = text_for_apt(self);
	*dpkg = text_for_dpkg(self);
	return *apt && *dpkg ? 0 : err_nomem(err);
}

static bool has_directory(const char *path)
{
	char dir[PATH_MAX];

	path_dir(path, dir);
	return access(dir, F_OK) == 0;
}

static int publish(const char *path, const char *text, struct err *err)
{
	if (!has_directory(path))
		return 0;
	return file_publish(AT_FDCWD, path, text, strlen(text), 0644, err);
}

int hooks_enable(struct err *err)
{
	AUTO_FREE char *apt = NULL, *dpkg = NULL;
	int r = texts(&apt, &dpkg, err);

	if (r == 0)
		r = publish(HOOKS_APT, apt, err);
	return r < 0 ? r : publish(HOOKS_DPKG, dpkg, err);
}

int hooks_disable(struct err *err)
{
	if (unlink(HOOKS_APT) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove " HOOKS_APT);
	if (unlink(HOOKS_DPKG) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove " HOOKS_DPKG);
	return 0;
}

static int look(const char *path, const char *wanted, enum hook_state *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, path, HOOK_MAX, &text, &len, err);

	if (r == -ENOENT)
		*out = has_directory(path) ? HOOK_NONE : HOOK_NOWHERE;
	else if (r == 0)
		*out = strcmp(text, wanted) == 0 ? HOOK_ENABLED : HOOK_OTHER;
	return r == -ENOENT ? 0 : r;
}

int hooks_look(struct hooks *out, struct err *err)
{
	AUTO_FREE char *apt = NULL, *dpkg = NULL;
	int r = texts(&apt, &dpkg, err);

	if (r == 0)
		r = look(HOOKS_APT, apt, &out->apt, err);
	return r < 0 ? r : look(HOOKS_DPKG, dpkg, &out->dpkg, err);
}
