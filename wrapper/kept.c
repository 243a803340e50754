#include "wrapper/kept.h"

#include <signal.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* The kernel lowered the soft limit; the hard one is as it was, and bounds what a forged number can set. */
static int restore_stack(uint64_t soft, struct err *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_STACK, &limit) < 0)
		return err_sys(err, errno, "cannot read the limit of the stack");
	limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
	if (setrlimit(RLIMIT_STACK, &limit) < 0)
		return err_sys(err, errno, "cannot restore the limit of the stack");
	return 0;
}

static int restore_signal(const struct stub_kept *kept, struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, kept->signal, 0, 0, 0) < 0)
		return err_sys(err, errno, "cannot restore the signal on the parent's death");
	if ((uint64_t)getppid() != kept->parent && kill(getpid(), (int)kept->signal) < 0)
		return err_sys(err, errno, "cannot send the signal on the parent's death");
	return 0;
}

int kept_restore(const struct stub_kept *kept, struct err *err)
{
	unsigned long bits = kept->personality & STUB_PERSONALITY;
	int now, r = kept->stack ? restore_stack(kept->stack, err) : 0;

	if (r == 0 && bits) {
		now = personality(0xffffffff);
		if (now < 0 || personality((unsigned int)now | bits) < 0)
			r = err_sys(err, errno, "cannot restore the personality");
	}
	return r == 0 && kept->signal ? restore_signal(kept, err) : r;
}
