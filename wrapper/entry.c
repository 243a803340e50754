/*
 * The first instructions of the wrapper, before musl's own start.
 *
 * A program with file capabilities starts with AT_SECURE set, and under it musl opens /dev/null on
 * each of the descriptors 0 to 2 that is closed, and aborts where RLIMIT_NOFILE is under 3. The app
 * would inherit what it was not given. So AT_SECURE is cleared in the vector on the stack.
 * Nothing is lost: static musl looks at it for the locale and the time zone only, and the
 * wrapper uses neither. The kernel gives the app a vector of its own at the next execve.
 */
#include <elf.h>
#include <stddef.h>

void wrapper_clear_secure(size_t *stack);

/* stack: argc, argv..., NULL, envp..., NULL, pairs of type and value up to AT_NULL. No stack
 * protector: its canary does not exist yet. */
__attribute__((used, no_stack_protector)) void wrapper_clear_secure(size_t *stack)
{
	size_t *p = stack + 1 + stack[0] + 1;

	while (*p)
		p++;
	for (p++; p[0] != AT_NULL; p += 2)
		if (p[0] == AT_SECURE)
			p[1] = 0;
}

/* Calls it with the stack as the kernel left it, then goes on as if nothing had been. */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl wrapper_entry\n"
	".type wrapper_entry, @function\n"
	"wrapper_entry:\n"
	"	mov %rsp, %rdi\n"
	"	push %rdx\n"
	"	sub $8, %rsp\n"
	"	call wrapper_clear_secure\n"
	"	add $8, %rsp\n"
	"	pop %rdx\n"
	"	jmp _start\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl wrapper_entry\n"
	".type wrapper_entry, %function\n"
	"wrapper_entry:\n"
	"	mov x19, x0\n"
	"	mov x0, sp\n"
	"	bl wrapper_clear_secure\n"
	"	mov x0, x19\n"
	"	b _start\n");
#elif defined(__i386__)
__asm__(".text\n"
	".globl wrapper_entry\n"
	".type wrapper_entry, @function\n"
	"wrapper_entry:\n"
	"	mov %esp, %eax\n"
	"	sub $12, %esp\n"
	"	push %eax\n"
	"	call wrapper_clear_secure\n"
	"	add $16, %esp\n"
	"	jmp _start\n");
#else
#error "wrapper/entry.c has no entry for this machine yet"
#endif
