/* How apt and dpkg call pinlib. */
#include "base/cleanup.h"
#include "doctor/check.h"
#include "dpkg/package.h"
#include "host/wrap.h"
#include "upgrade/hooks.h"

#include <string.h>

static const char enable[] = "pinlib keep enable";

static bool is_there(enum hook_state state)
{
	return state == HOOK_ENABLED || state == HOOK_OTHER;
}

int check_hooks(struct checkup *p, struct err *err)
{
	struct hooks h;
	int r = hooks_read(&h, err);

	if (r < 0)
		return r;
	if (h.apt == HOOK_OTHER || h.dpkg == HOOK_OTHER)
		check_note(p, enable,
			   "%s is not what this pinlib would write: it was edited, or calls "
			   "another one",
			   h.apt == HOOK_OTHER ? HOOKS_APT : HOOKS_DPKG);
	if (!is_there(h.apt) && !is_there(h.dpkg))
		check_well(p, "pinlib keep is not enabled: nothing is kept before upgrades");
	else if (h.apt == HOOK_NONE || h.dpkg == HOOK_NONE)
		check_note(p, enable, "what is upgraded is kept for %s only",
			   h.apt == HOOK_NONE ? "dpkg without apt" : "apt");
	else if (h.apt != HOOK_OTHER && h.dpkg != HOOK_OTHER)
		check_well(p, "apt and dpkg call pinlib before packages change");
	return 0;
}

static int is_packaged(const char *self, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = DPKG_SAYS_OF(&self, 1);

	return divert_owned(&says, self, err);
}

/* Of the package that this pinlib belongs to. */
int check_trigger(struct checkup *p, struct err *err)
{
	char self[PATH_MAX];
	int r = hooks_self(self, err);

	if (r == 0)
		r = is_packaged(self, err);
	if (r < 0)
		return r;
	if (r == 0) {
		check_well(p,
			   "%s is no package's: 'pinlib refresh' after upgrades is yours to call",
			   self);
		return 0;
	}
	r = package_has_trigger("pinlib", "interest-noawait /usr/lib", err);
	if (r < 0)
		return r;
	if (r == 1)
		check_well(p, "dpkg calls pinlib after packages changed");
	else
		check_fault(p, "install pinlib again",
			    "dpkg does not call pinlib after packages changed: its package has no "
			    "triggers");
	return 0;
}
