#include "policy/filter.h"

#include "base/file.h"

#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const uint32_t architectures[] = {
#if defined(__x86_64__) || defined(__i386__)
	SCMP_ARCH_X86_64,
	SCMP_ARCH_X86,
	SCMP_ARCH_X32,
#elif defined(__aarch64__)
	SCMP_ARCH_ARM,
#endif
	SCMP_ARCH_NATIVE,
};

void filter_rules_free(struct filter_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		free(rules->items[i].call);
	free(rules->items);
	*rules = (struct filter_rules){0};
}

bool filter_has_call(const char *call)
{
	return seccomp_syscall_resolve_name(call) != __NR_SCMP_ERROR;
}

bool filter_sees_arguments(const char *call)
{
	int number = seccomp_syscall_resolve_name_rewrite(SCMP_ARCH_X86, call);

	return number != seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, "socketcall") &&
	       number != seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86, "ipc");
}

int filter_add_architectures(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
		int r = seccomp_arch_add(filter, architectures[i]);

		if (r < 0 && r != -EEXIST)
			return r;
	}
	return 0;
}

static void filter_release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static int set_attributes(scmp_filter_ctx filter, struct err *err)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0) /* a binary tree: DESIGN.md, filter-binary-tree */
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0) /* before the rules, so that libseccomp adds each to all of them */
		r = filter_add_architectures(filter);
	return r < 0 ? err_sys(err, -r, "libseccomp cannot begin a filter") : 0;
}

static int add_rules(scmp_filter_ctx filter, const struct filter_rules *rules, struct err *err)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct filter_rule *rule = &rules->items[i];
		int r;

		if (rule->action == rules->otherwise)
			continue; /* libseccomp refuses a rule that changes nothing */
		r = seccomp_rule_add_array(filter, rule->action,
					   seccomp_syscall_resolve_name(rule->call),
					   rule->conditional, &rule->condition);
		if (r < 0)
			return err_sys(err, EINVAL, "libseccomp cannot filter %s (%s)", rule->call,
				       strerror(-r));
	}
	return 0;
}

/* libseccomp writes the filter to a descriptor. */
static int export_filter(scmp_filter_ctx filter, void **data, size_t *size, struct err *err)
{
	AUTO_FD int fd = memfd_create("filter", MFD_CLOEXEC);
	AUTO_FREE char *bytes = NULL;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create a file in memory");
	r = seccomp_export_bpf(filter, fd);
	if (r < 0)
		return err_sys(err, -r, "libseccomp cannot compile the filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "cannot read the compiled filter");
	r = file_read(fd, 1 << 24, &bytes, size, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the compiled filter");
	if (*size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return err_set(err, E2BIG,
			       "the filter has %zu instructions, but the kernel takes %d at most",
			       *size / sizeof(struct sock_filter), BPF_MAXINSNS);
	*data = bytes;
	bytes = NULL;
	return 0;
}

int filter_compile(const struct filter_rules *rules, void **filter, size_t *size, struct err *err)
{
	CLEANUP(filter_release) scmp_filter_ctx f = seccomp_init(rules->otherwise);
	int r;

	if (!f)
		return err_nomem(err);
	r = set_attributes(f, err);
	if (r == 0)
		r = add_rules(f, rules, err);
	return r < 0 ? r : export_filter(f, filter, size, err);
}
