#include "upgrade/hooks.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"

#include <fcntl.h>
#include <string.h>

#define HOOK_MAX (1u << 20)
/* Characters with a meaning of their own in a shell or in one of the files. */
#define SPECIAL " \t\n\"'$`\\;&|()<>{}[]*?!#%~^"
/* Where nothing was ever pinned, the shell finds this out without starting pinlib. */
#define FORECAST "[ ! -e " PINLIB_POLICY " ] || [ ! -x %s ] || %s forecast || true"

int hooks_self(char self[PATH_MAX], struct err *err)
{
	ssize_t n = readlink("/proc/self/exe", self, PATH_MAX - 1);

	if (n < 0)
		return err_sys(err, errno, "cannot read the path of pinlib");
	self[n] = '\0';
	return 0;
}

/* Only HOOK_STOPS stops apt and dpkg, and only with keep-strict does pinlib return it: a pinlib
 * that is gone, is killed, or cannot start in a view must not. */
static char *text_for_apt(const char *self)
{
	char *text;
	int n = asprintf(&text,
			 "// 'pinlib keep enable' made this; 'pinlib keep disable' removes it.\n"
			 "DPkg::Pre-Install-Pkgs { \"%s keep hook apt || test $? -ne %d\"; };\n"
			 "DPkg::Tools::Options::%s::Version \"3\";\n"
			 "AptCli::Hooks::Install { \"" FORECAST "\"; };\n"
			 "AptCli::Hooks::Upgrade { \"" FORECAST "\"; };\n",
			 self, HOOK_STOPS, self, self, self, self, self);

	return n < 0 ? NULL : text;
}

/* A user who cannot write the database of this system changes the packages of another root, or
 * none. After its work dpkg has recorded the state of all packages (DESIGN.md, refresh-after-dpkg). */
static char *text_for_dpkg(const char *self)
{
	char *text;
	int n = asprintf(
		&text,
		"# 'pinlib keep enable' made this; 'pinlib keep disable' removes it.\n"
		"pre-invoke=[ -n \"$DPKG_FRONTEND_LOCKED\" ] || [ ! -w /var/lib/dpkg ] "
		"|| [ ! -x %s ] || %s keep hook dpkg || test $? -ne %d\n"
		"post-invoke=[ ! -e " PINLIB_REFRESH_DUE " ] && [ ! -e " PINLIB_UNREFRESHED
		" ] || [ ! -w /var/lib/dpkg ] || [ ! -x %s ] || %s refresh --due || true\n",
		self, self, HOOK_STOPS, self, self);

	return n < 0 ? NULL : text;
}

static int hook_texts(char **apt, char **dpkg, struct err *err)
{
	char self[PATH_MAX];
	int r = hooks_self(self, err);

	if (r < 0)
		return r;
	if (strpbrk(self, SPECIAL))
		return err_set(err, EINVAL,
			       "%s cannot be called from a hook: its path has special characters",
			       self);
	*apt = text_for_apt(self);
	*dpkg = text_for_dpkg(self);
	return *apt && *dpkg ? 0 : err_nomem(err);
}

static bool dir_exists(const char *path)
{
	char dir[PATH_MAX];

	path_dir(path, dir);
	return access(dir, F_OK) == 0;
}

static int write_hook(const char *path, const char *text, struct err *err)
{
	if (!dir_exists(path))
		return 0;
	return file_publish(AT_FDCWD, path, text, strlen(text), 0644, err);
}

int hooks_enable(struct err *err)
{
	AUTO_FREE char *apt = NULL, *dpkg = NULL;
	int r = hook_texts(&apt, &dpkg, err);

	if (r == 0)
		r = write_hook(HOOKS_APT, apt, err);
	return r < 0 ? r : write_hook(HOOKS_DPKG, dpkg, err);
}

int hooks_disable(struct err *err)
{
	if (unlink(HOOKS_APT) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove " HOOKS_APT);
	if (unlink(HOOKS_DPKG) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove " HOOKS_DPKG);
	return 0;
}

static int read_hook(const char *path, const char *wanted, enum hook_state *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len;
	int r = file_read_at(AT_FDCWD, path, HOOK_MAX, &text, &len, err);

	if (r == -ENOENT)
		*out = dir_exists(path) ? HOOK_NONE : HOOK_NOWHERE;
	else if (r == 0)
		*out = strcmp(text, wanted) == 0 ? HOOK_ENABLED : HOOK_OTHER;
	return r == -ENOENT ? 0 : r;
}

int hooks_read(struct hooks *out, struct err *err)
{
	AUTO_FREE char *apt = NULL, *dpkg = NULL;
	int r = hook_texts(&apt, &dpkg, err);

	if (r == 0)
		r = read_hook(HOOKS_APT, apt, &out->apt, err);
	return r < 0 ? r : read_hook(HOOKS_DPKG, dpkg, &out->dpkg, err);
}
