#include "policy/filter.h"

#include "base/file.h"

#include <linux/filter.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Which programs a kernel runs besides its own: on x86 each kind of process can make the calls of
 * the two others too. */
static const struct family {
	uint32_t native;
	uint32_t others[2];
} families[] = {
	{SCMP_ARCH_X86_64, {SCMP_ARCH_X86, SCMP_ARCH_X32}},
	{SCMP_ARCH_X86, {SCMP_ARCH_X86_64, SCMP_ARCH_X32}},
	{SCMP_ARCH_AARCH64, {SCMP_ARCH_ARM, 0}},
};

static const struct family *family(void)
{
	uint32_t native = seccomp_arch_native();

	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (families[i].native == native)
			return &families[i];
	return NULL;
}

bool action_equal(const struct action *a, const struct action *b)
{
	return a->kind == b->kind && (a->kind != ACTION_ERRNO || a->errnum == b->errnum);
}

void rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		free(rules->items[i].call);
	free(rules->items);
	for (size_t i = 0; i < rules->nfiles; i++)
		free(rules->files[i]);
	free(rules->files);
	*rules = (struct rules){0};
}

bool filter_knows(const char *call)
{
	return seccomp_syscall_resolve_name(call) != __NR_SCMP_ERROR;
}

static bool is_multiplexed(uint32_t arch, const char *call)
{
	static const char *const by[] = {"socketcall", "ipc"};
	int number = seccomp_syscall_resolve_name_rewrite(arch, call);

	for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
		int one = seccomp_syscall_resolve_name_arch(arch, by[i]);

		if (one >= 0 && number == one && strcmp(call, by[i]) != 0)
			return true;
	}
	return false;
}

bool filter_sees_arguments(const char *call)
{
	const struct family *f = family();

	if (is_multiplexed(SCMP_ARCH_NATIVE, call))
		return false;
	for (size_t i = 0; f && i < 2; i++)
		if (f->others[i] && is_multiplexed(f->others[i], call))
			return false;
	return true;
}

static void release(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

static uint32_t code_of(const struct action *action)
{
	switch (action->kind) {
	case ACTION_ALLOW:
		return SCMP_ACT_ALLOW;
	case ACTION_ERRNO:
		return SCMP_ACT_ERRNO((uint32_t)action->errnum);
	case ACTION_KILL:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static int prepare(scmp_filter_ctx filter, struct err *err)
{
	const struct family *f = family();
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (r == 0) /* a binary tree: DESIGN.md, filter-binary-tree */
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	/* Before the rules, so that each goes to all of them. */
	for (size_t i = 0; r == 0 && f && i < 2; i++)
		if (f->others[i])
			r = seccomp_arch_add(filter, f->others[i]);
	return r < 0 ? err_sys(err, -r, "libseccomp cannot begin a filter") : 0;
}

static int add_rules(scmp_filter_ctx filter, const struct rules *rules, struct err *err)
{
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];
		int number = seccomp_syscall_resolve_name(rule->call), r;

		if (action_equal(&rule->action, &rules->otherwise))
			continue; /* libseccomp refuses what would change nothing */
		r = seccomp_rule_add_array(filter, code_of(&rule->action), number,
					   rule->nconditions, rule->conditions);
		if (r < 0)
			return err_sys(err, EINVAL, "%s:%u: libseccomp has no filter for %s (%s)",
				       rule->file, rule->line, rule->call, strerror(-r));
	}
	return 0;
}

/* libseccomp writes to a descriptor. */
static int take_out(scmp_filter_ctx filter, void **data, size_t *size, struct err *err)
{
	AUTO_FD int fd = memfd_create("filter", MFD_CLOEXEC);
	AUTO_FREE char *bytes = NULL;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot make a file in memory");
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
			       "it compiles to %zu instructions, but the kernel takes %d at most",
			       *size / sizeof(struct sock_filter), BPF_MAXINSNS);
	*data = bytes;
	bytes = NULL;
	return 0;
}

int filter_compile(const struct rules *rules, void **filter, size_t *size, struct err *err)
{
	CLEANUP(release) scmp_filter_ctx f = seccomp_init(code_of(&rules->otherwise));
	int r;

	if (!f)
		return err_nomem(err);
	r = prepare(f, err);
	if (r == 0)
		r = add_rules(f, rules, err);
	return r < 0 ? r : take_out(f, filter, size, err);
}
