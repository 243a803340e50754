/*
 * The first instructions of the wrapper, before musl's start-up code.
 *
 * A program with file capabilities starts with AT_SECURE set. Then musl opens /dev/null for each closed descriptor from
 * 0 to 2, which the app would inherit, and aborts if RLIMIT_NOFILE is below 3. So this code clears AT_SECURE in the
 * auxiliary vector on the stack. Nothing is lost: static musl otherwise uses AT_SECURE only for the locale and the time
 * zone, which the wrapper does not use. The kernel gives the app its own vector at the next execve(2).
 */
#include <elf.h>
#include <stddef.h>

void wrapper_clear_secure(size_t *stack);

/* stack: argc, argv..., NULL, envp..., NULL, pairs of type and value up to AT_NULL. Without stack protector, whose
 * canary does not exist yet. */
__attribute__((used, no_stack_protector)) void wrapper_clear_secure(size_t *stack)
{
	size_t *p = stack + 1 + stack[0] + 1;

	while (*p)
		p++;
	for (p++; p[0] != AT_NULL; p += 2)
		if (p[0] == AT_SECURE)
			p[1] = 0;
}

/* Calls it with the stack as the kernel left it, then jumps to musl's start. */
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
#error "wrapper/entry.c has no entry code for this machine"
#endif
