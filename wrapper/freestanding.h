/* System calls for programs without a libc: the stub, and the bench's floor. A call returns the kernel's value, an error
 * as a negative errno. */
#pragma once

#include <sys/syscall.h>

#if defined(__x86_64__)
static inline long call(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;

	__asm__ volatile("syscall"
			 : "+a"(n)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return n;
}
#elif defined(__aarch64__)
static inline long call(long n, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}
#elif defined(__i386__)
static inline long call(long n, long a, long b, long c, long d, long e)
{
	__asm__ volatile("int $0x80" : "+a"(n) : "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return n;
}
#else
#error "wrapper/freestanding.h has no system call for this machine"
#endif

__attribute__((noreturn)) static inline void leave(long status)
{
	for (;;)
		call(SYS_exit_group, status, 0, 0, 0, 0);
}
