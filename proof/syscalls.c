#include "proof/syscalls.h"

#include "policy/filter.h"

#include <stddef.h>

/* A list of refused calls and not of allowed ones: loaders from 2014 on make different calls, and
 * future loaders will make others. Calls that need a capability fail in the kernel already. */
static const int denied[] = {
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(clone),
	SCMP_SYS(clone3),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(socket),
	SCMP_SYS(socketpair),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(fsopen),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(keyctl),
	SCMP_SYS(memfd_create),
	SCMP_SYS(fanotify_init),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(splice),
	SCMP_SYS(vmsplice),
	SCMP_SYS(tee),
};

static int load_filter(scmp_filter_ctx filter)
{
	int r = filter_add_architectures(filter); /* a loader may be for any of them */

	for (size_t i = 0; r == 0 && i < sizeof denied / sizeof *denied; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);
	return r < 0 ? r : seccomp_load(filter);
}

int syscalls_deny(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return err_nomem(err);
	r = load_filter(filter);
	seccomp_release(filter);
	return r < 0 ? err_sys(err, -r, "cannot load a system-call filter") : 0;
}
