#include "trace/calls.h"

#include "base/cleanup.h"
#include "policy/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rows of the table: one path from the working directory, one from a descriptor, a descriptor alone. */
/* Versions of clang-format differ about braces in a macro. */
/* clang-format off */
#define PATH(NAME, KIND) {NAME, KIND, -1, 0, -1, -1, -1, false}
#define AT(NAME, KIND) {NAME, KIND, 0, 1, -1, -1, -1, false}
#define DESCRIPTOR(NAME, KIND) {NAME, KIND, 0, -1, -1, -1, -1, false}
#define SOCKET(NAME, KIND) {NAME, KIND, -1, 1, -1, -1, 2, true}
/* clang-format on */

static const struct file_call table[] = {
	{"open", CALL_OPEN, -1, 0, -1, -1, 1, false},
	{"openat", CALL_OPEN, 0, 1, -1, -1, 2, false},
	{"openat2", CALL_OPEN, 0, 1, -1, -1, FLAGS_HOW, false},
	{"creat", CALL_OPEN, -1, 0, -1, -1, FLAGS_CREAT, false},
	PATH("stat", CALL_LOOK),
	PATH("stat64", CALL_LOOK),
	PATH("lstat", CALL_LOOK),
	PATH("lstat64", CALL_LOOK),
	AT("newfstatat", CALL_LOOK),
	AT("fstatat64", CALL_LOOK),
	AT("statx", CALL_LOOK),
	PATH("access", CALL_LOOK),
	AT("faccessat", CALL_LOOK),
	AT("faccessat2", CALL_LOOK),
	PATH("statfs", CALL_LOOK),
	PATH("statfs64", CALL_LOOK),
	PATH("getxattr", CALL_LOOK),
	PATH("lgetxattr", CALL_LOOK),
	PATH("listxattr", CALL_LOOK),
	PATH("llistxattr", CALL_LOOK),
	AT("getxattrat", CALL_LOOK),
	AT("listxattrat", CALL_LOOK),
	AT("name_to_handle_at", CALL_LOOK),
	{"inotify_add_watch", CALL_LOOK, -1, 1, -1, -1, -1, false},
	PATH("chdir", CALL_LOOK),
	SOCKET("connect", CALL_LOOK),
	PATH("readlink", CALL_READ_LINK),
	AT("readlinkat", CALL_READ_LINK),
	PATH("execve", CALL_EXECUTE),
	AT("execveat", CALL_EXECUTE),
	{"rename", CALL_RENAME, -1, 0, -1, 1, -1, false},
	{"renameat", CALL_RENAME, 0, 1, 2, 3, -1, false},
	{"renameat2", CALL_RENAME, 0, 1, 2, 3, -1, false},
	/* Their first path exists already, or is only the text of a link. */
	{"link", CALL_CREATE, -1, 1, -1, -1, -1, false},
	{"linkat", CALL_CREATE, 2, 3, -1, -1, -1, false},
	{"symlink", CALL_CREATE, -1, 1, -1, -1, -1, false},
	{"symlinkat", CALL_CREATE, 1, 2, -1, -1, -1, false},
	PATH("mkdir", CALL_CREATE),
	AT("mkdirat", CALL_CREATE),
	PATH("mknod", CALL_CREATE),
	AT("mknodat", CALL_CREATE),
	SOCKET("bind", CALL_CREATE),
	PATH("unlink", CALL_REMOVE),
	AT("unlinkat", CALL_REMOVE),
	PATH("rmdir", CALL_REMOVE),
	PATH("truncate", CALL_WRITE),
	PATH("truncate64", CALL_WRITE),
	PATH("chmod", CALL_CHANGE),
	AT("fchmodat", CALL_CHANGE),
	AT("fchmodat2", CALL_CHANGE),
	DESCRIPTOR("fchmod", CALL_CHANGE),
	PATH("chown", CALL_CHANGE),
	PATH("chown32", CALL_CHANGE),
	PATH("lchown", CALL_CHANGE),
	PATH("lchown32", CALL_CHANGE),
	AT("fchownat", CALL_CHANGE),
	DESCRIPTOR("fchown", CALL_CHANGE),
	DESCRIPTOR("fchown32", CALL_CHANGE),
	PATH("utime", CALL_CHANGE),
	PATH("utimes", CALL_CHANGE),
	AT("futimesat", CALL_CHANGE),
	AT("utimensat", CALL_CHANGE),
	AT("utimensat_time64", CALL_CHANGE),
	PATH("setxattr", CALL_CHANGE),
	PATH("lsetxattr", CALL_CHANGE),
	DESCRIPTOR("fsetxattr", CALL_CHANGE),
	AT("setxattrat", CALL_CHANGE),
	PATH("removexattr", CALL_CHANGE),
	PATH("lremovexattr", CALL_CHANGE),
	DESCRIPTOR("fremovexattr", CALL_CHANGE),
	AT("removexattrat", CALL_CHANGE),
	DESCRIPTOR("getdents", CALL_LIST),
	DESCRIPTOR("getdents64", CALL_LIST),
	PATH("chroot", CALL_ROOT),
	PATH("pivot_root", CALL_ROOT),
	{"mmap", CALL_MAP, -1, -1, -1, -1, 4, false},
	{"mmap2", CALL_MAP, -1, -1, -1, -1, 4, false},
};
#define CALLS (sizeof table / sizeof *table)

/* As the kernel numbers the architecture, and as libseccomp does. */
static const struct {
	uint32_t audit, seccomp;
} architectures[] = {
#if defined(__x86_64__)
	{AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64},
	{AUDIT_ARCH_X86_64, SCMP_ARCH_X32}, /* numbers with a bit of their own */
	{AUDIT_ARCH_I386, SCMP_ARCH_X86},
#elif defined(__aarch64__)
	{AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64},
	{AUDIT_ARCH_ARM, SCMP_ARCH_ARM},
#else
	{SCMP_ARCH_NATIVE, SCMP_ARCH_NATIVE}, /* see calls_prepare */
#endif
};
#define ARCHITECTURES (sizeof architectures / sizeof *architectures)

static struct numbered {
	uint64_t key; /* architecture and number */
	const struct file_call *call;
} numbered[CALLS * ARCHITECTURES];
static size_t nnumbered;

static uint64_t key_of(uint32_t arch, uint64_t number)
{
	return (uint64_t)arch << 32 | (uint32_t)number;
}

static int by_key(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void add_numbers(uint32_t audit, uint32_t arch)
{
	bool old_mmap = seccomp_syscall_resolve_name_arch(arch, "mmap2") >= 0;

	for (size_t i = 0; i < CALLS; i++) {
		int number = seccomp_syscall_resolve_name_arch(arch, table[i].name);

		/* Negative: the architecture has no such call. The old mmap(2) takes a struct, and programs use mmap2. */
		if (number >= 0 && !(old_mmap && strcmp(table[i].name, "mmap") == 0))
			numbered[nnumbered++] =
				(struct numbered){key_of(audit, (uint64_t)number), &table[i]};
	}
}

int calls_prepare(struct err *err)
{
	nnumbered = 0;
	for (size_t a = 0; a < ARCHITECTURES; a++) {
		uint32_t audit = architectures[a].audit;

		if (audit == SCMP_ARCH_NATIVE)
			audit = seccomp_arch_native(); /* the kernel's own number */
		add_numbers(audit, architectures[a].seccomp);
	}
	qsort(numbered, nnumbered, sizeof *numbered, by_key);
	return nnumbered ? 0 : err_set(err, ENOSYS, "unknown architecture");
}

const struct file_call *calls_find(uint32_t arch, uint64_t number)
{
	const struct numbered wanted = {.key = key_of(arch, number)};
	const struct numbered *found =
		bsearch(&wanted, numbered, nnumbered, sizeof *numbered, by_key);

	return found ? found->call : NULL;
}

/* -- the filter -- */

bool calls_can_filter(void)
{
	uint32_t action = SECCOMP_RET_TRACE;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

static void filter_end(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static bool has_sys_admin(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (caps)
		cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET;
}

static int prepare_filter(scmp_filter_ctx filter)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, !has_sys_admin());

	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Before Linux 5.16 a filter slows the processor down without it. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	return r < 0 ? r : filter_add_architectures(filter);
}

int calls_load_filter(struct err *err)
{
	CLEANUP(filter_end) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return err_nomem(err);
	r = prepare_filter(filter);
	for (size_t i = 0; r == 0 && i < CALLS; i++) {
		int number = seccomp_syscall_resolve_name(table[i].name);

		if (table[i].kind != CALL_MAP && number != __NR_SCMP_ERROR)
			r = seccomp_rule_add(filter, SCMP_ACT_TRACE(0), number, 0);
	}
	if (r == 0)
		r = seccomp_load(filter);
	return r < 0 ? err_sys(err, -r, "cannot load the filter of system calls") : 0;
}
