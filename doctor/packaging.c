/* How apt and dpkg call pinlib. */
#include "base/cleanup.h"
#include "doctor/check.h"
#include "dpkg/package.h"
#include "host/wrap.h"
#include "upgrade/hooks.h"

static const char enable[] = "pinlib keep enable";

static bool has_hook(enum hook_state state)
{
	return state == HOOK_ENABLED || state == HOOK_OTHER;
}

int check_hooks(struct checkup *c, struct err *err)
{
	struct hooks h;
	int r = hooks_read(&h, err);

	if (r < 0)
		return r;
	if (h.apt == HOOK_OTHER || h.dpkg == HOOK_OTHER)
		check_note(c, enable, "%s was edited, or calls another pinlib",
			   h.apt == HOOK_OTHER ? HOOKS_APT : HOOKS_DPKG);
	if (!has_hook(h.apt) && !has_hook(h.dpkg))
		check_well(c, "pinlib keep is not enabled: no libraries are kept before upgrades");
	else if (h.apt == HOOK_NONE || h.dpkg == HOOK_NONE)
		check_note(c, enable, "pinlib keeps libraries for %s only",
			   h.apt == HOOK_NONE ? "dpkg without apt" : "apt");
	else if (h.apt != HOOK_OTHER && h.dpkg != HOOK_OTHER)
		check_well(c, "apt and dpkg call pinlib before packages change");
	return 0;
}

static int is_packaged(const char *self, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&self, 1);

	return divert_owned(&says, self, err);
}

int check_trigger(struct checkup *c, struct err *err)
{
	char self[PATH_MAX];
	int r = hooks_self(self, err);

	if (r == 0)
		r = is_packaged(self, err);
	if (r < 0)
		return r;
	if (r == 0) {
		check_well(c,
			   "%s was not installed by a package: run 'pinlib doctor --repair' after "
			   "upgrades yourself",
			   self);
		return 0;
	}
	r = package_has_trigger("pinlib", "interest-noawait /usr/lib", err);
	if (r < 0)
		return r;
	if (r == 1)
		check_well(c, "dpkg calls pinlib after packages change");
	else
		check_fault(
			c, "install pinlib again (apt install --reinstall pinlib)",
			"dpkg does not call pinlib after packages change: the installed package "
			"has no triggers");
	return 0;
}
