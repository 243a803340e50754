#include "wrapper/filter.h"

#include "base/kernel.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

/* SPEC_ALLOW: before Linux 5.16 any filter also turned off speculation, which would slow the whole program down. */
static long load_program(const struct sock_fprog *program)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		       program, 0, 0, 0);
}

int filter_load(const struct plan *plan, struct err *err)
{
	struct sock_fprog program = {.filter = (struct sock_filter *)plan->filter};

	if (!plan->filter)
		return 0;
	/* The same registers, but a length that the kernel refuses: if this call succeeds, a filter of the caller's
	 * faked it (see namespace_refused). */
	if (load_program(&program) == 0)
		return err_set(err, EPERM,
			       "a system-call filter that this process inherited fakes seccomp(2)");
	program.len = (unsigned short)plan->filter_ops; /* PLAN_FILTER_MAX at most */
	if (load_program(&program) != 0)
		return err_sys(err, errno, "cannot load its system-call filter");
	return 0;
}

bool filter_hides_mounts(void)
{
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != SECCOMP_MODE_FILTER)
		return false;
	/* The kernel checks these arguments before it checks the caller's rights. */
	return sys_mount_setattr(-1, "", ~0u, NULL, 0) == 0 || errno != EINVAL ||
	       sys_open_tree(-1, "", ~0u) >= 0 || errno != EINVAL ||
	       sys_mount(NULL, "", NULL, 0, NULL) == 0 || errno != ENOENT ||
	       syscall(SYS_umount2, "", ~0u) == 0 || errno != EINVAL;
}
