#include "view/syscalls.h"

#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>

/* A list of what is refused, not of what is allowed: what loaders call differs from the one of 2014
 * to that of tomorrow. What takes a capability is refused by the kernel already. */
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

/* Those whose programs this kernel can run beside its own: a loader may be one of them. What is
 * none of them is killed. */
static const uint32_t beside[] = {
#if defined(__x86_64__)
	SCMP_ARCH_X86,
	SCMP_ARCH_X32,
#elif defined(__aarch64__)
	SCMP_ARCH_ARM,
#endif
	SCMP_ARCH_NATIVE,
};

static int fill(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		int r = seccomp_arch_add(filter, beside[i]);

		if (r < 0 && r != -EEXIST)
			return r;
	}
	for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
		int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i], 0);

		if (r < 0)
			return r;
	}
	return seccomp_load(filter);
}

int syscalls_deny(struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return err_nomem(err);
	r = fill(filter);
	seccomp_release(filter);
	return r < 0 ? err_sys(err, -r, "cannot load a system-call filter") : 0;
}
