/*
 * The floor: the work that no design of a private view can avoid, and nothing else. Beside the
 * wrapper, it shows the kernel's part of a launch.
 *
 *	floor STEPS [TARGET OPTIONS]... -- PROGRAM [ARG...]
 *
 * STEPS "us": unshare, propagation, an overlay with these mount options on each target, execve:
 * four system calls for one cover. With "u", or "" and no targets, it does less, to show the cost
 * of each. No libc, no start-up, nothing checked: it is safe for nobody, needs a file capability
 * (cap_sys_admin=ep, which the execve drops by itself) and is never installed.
 *
 * mount(2) takes three calls fewer than fsopen, fsconfig, fsmount and move_mount, and does the
 * same.
 */
#include "wrapper/freestanding.h"

#include <linux/mount.h>
#include <sched.h>
#include <stddef.h>

/* The kernel's stack: argc, argv..., NULL, envp..., NULL. */
__attribute__((noreturn)) void floor_main(long *stack);

#if defined(__x86_64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call floor_main\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n"
	"	mov x0, sp\n"
	"	bl floor_main\n");
#else
#error "tests/bench/floor.c has no system call for this machine yet"
#endif

static void must(long result, long status)
{
	if (result < 0)
		leave(status);
}

void floor_main(long *stack)
{
	long argc = stack[0];
	char **argv = (char **)(stack + 1), **envp = argv + argc + 1, **arg = argv + 2;

	if (argc < 4)
		leave(100);
	if (argv[1][0])
		must(call(SYS_unshare, CLONE_NEWNS, 0, 0, 0, 0), 101);
	if (argv[1][0] && argv[1][1])
		must(call(SYS_mount, 0, (long)"/", 0, MS_REC | MS_SLAVE, 0), 102);
	for (; *arg && arg[0][0] == '/'; arg += 2)
		must(call(SYS_mount, (long)"floor", (long)arg[0], (long)"overlay",
			  MS_RDONLY | MS_NOSUID | MS_NODEV, (long)arg[1]),
		     103);
	if (!*arg || !arg[1])
		leave(104);
	call(SYS_execve, (long)arg[1], (long)(arg + 1), (long)envp, 0, 0);
	leave(105);
}
