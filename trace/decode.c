#include "trace/decode.h"

#include "base/cleanup.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* -- paths -- */

/* Removes "//", "/./" and "/" at the end, in place. */
static void tidy_path(char *path)
{
	char *out = path;

	for (const char *in = path; *in;) {
		const char *end = in + 1 + strcspn(in + 1, "/");
		size_t len = (size_t)(end - in);

		if (!(*in == '/' && (len == 1 || (len == 2 && in[1] == '.')))) {
			memmove(out, in, len);
			out += len;
		}
		in = end;
	}
	if (out == path && *path == '/')
		out++;
	*out = '\0';
}

/* Where a descriptor, or AT_FDCWD, leads. */
static bool base_of(pid_t tid, int fd, char base[PATH_MAX])
{
	char name[32] = "cwd";

	if (fd != AT_FDCWD)
		snprintf(name, sizeof name, "fd/%d", fd);
	return tracee_link(tid, name, base);
}

/* The absolute path of a name, which the caller frees. NULL: out of memory, or the descriptor leads nowhere. */
static char *whole_path(const struct tracee_thread *thread, int at, const char *name)
{
	const char *root = thread->process->root;
	char base[PATH_MAX], *path = NULL;

	if (name[0] == '/')
		snprintf(base, sizeof base, "%s", root ? root : "");
	else if (!base_of(thread->tid, at, base))
		return NULL;
	if (asprintf(&path, "%s/%s", base, name) < 0)
		return NULL;
	tidy_path(path);
	return path;
}

/* The path of a UNIX socket; NULL: another family, or no path. */
static char *socket_path(const struct tracee_thread *thread, uint64_t address, uint64_t length)
{
	struct sockaddr_un name = {0};
	size_t size = length < sizeof name ? (size_t)length : sizeof name;
	char text[sizeof name.sun_path + 1] = "";

	size = tracee_memory(thread->tid, address, &name, size);
	if (size <= offsetof(struct sockaddr_un, sun_path) || name.sun_family != AF_UNIX)
		return NULL;
	memcpy(text, name.sun_path, sizeof name.sun_path);
	return text[0] ? whole_path(thread, AT_FDCWD, text) : NULL;
}

/* -- the beginning of a call -- */

static const uint64_t *args_of(const struct __ptrace_syscall_info *info)
{
	return info->op == PTRACE_SYSCALL_INFO_SECCOMP ? (const uint64_t *)info->seccomp.args
						       : (const uint64_t *)info->entry.args;
}

static uint64_t number_of(const struct __ptrace_syscall_info *info)
{
	return info->op == PTRACE_SYSCALL_INFO_SECCOMP ? info->seccomp.nr : info->entry.nr;
}

/* One of the call's two paths. */
static char *named_path(const struct tracee_thread *thread, const struct file_call *call, int at,
			int path, const uint64_t *args)
{
	int fd = at < 0 ? AT_FDCWD : (int)args[at];
	AUTO_FREE char *name = NULL;
	char base[PATH_MAX];

	if (call->socket)
		return socket_path(thread, args[path], args[call->more]);
	if (path >= 0 && args[path])
		name = tracee_text(thread->tid, args[path]);
	if (name && *name)
		return whole_path(thread, fd, name);
	/* A descriptor alone: fchmod(2), utimensat(2) without a path, fchownat(2) with AT_EMPTY_PATH. */
	if (call->kind != CALL_CHANGE || (path >= 0 && args[path] && !name) ||
	    !base_of(thread->tid, fd, base))
		return NULL;
	return base[0] == '/' ? strdup(base) : NULL;
}

static uint64_t open_flags(const struct tracee_thread *thread, const struct file_call *call,
			   const uint64_t *args)
{
	struct open_how how = {0};

	if (call->more == FLAGS_CREAT)
		return O_CREAT | O_WRONLY | O_TRUNC;
	if (call->more == FLAGS_HOW) {
		tracee_memory(thread->tid, args[2], &how, sizeof how);
		return how.flags;
	}
	return args[call->more];
}

/* Notes facts that later show whether the call created its file. Times of files are as coarse as the kernel's tick, so a file
 * that is older by less than that must be known from its name. RESOLVE_CACHED asks no file system, which could wait. */
static void note_before_creation(struct file_call_begun *begun)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_CACHED};
	AUTO_FD int fd = (int)syscall(SYS_openat2, AT_FDCWD, begun->path, &how, sizeof how);

	begun->existed = fd >= 0;
	clock_gettime(CLOCK_REALTIME_COARSE, &begun->when);
}

static int report(const struct trace_consumer *c, struct tracee_thread *thread,
		  struct trace_event event, struct err *err)
{
	event.thread = thread->tid;
	return c->file ? c->file(c->ctx, &thread->process->seen, &event, err) : 0;
}

/* A call about a descriptor alone. */
static int report_descriptor(const struct trace_consumer *c, struct tracee_thread *thread, int fd,
			     enum trace_kind kind, struct err *err)
{
	char path[PATH_MAX];

	if (fd < 0 || !base_of(thread->tid, fd, path) || path[0] != '/')
		return 0;
	return report(c, thread,
		      (struct trace_event){.kind = kind, .path = path, .file = path, .fd = fd},
		      err);
}

/* args[3] are mmap's flags on all architectures. */
static int report_at_once(const struct trace_consumer *c, struct tracee_thread *thread,
			  const struct file_call *call, const uint64_t *args, struct err *err)
{
	if (call->kind == CALL_LIST)
		return report_descriptor(c, thread, (int)args[0], TRACE_LISTED, err);
	if (args[3] & MAP_ANONYMOUS)
		return 0;
	return report_descriptor(c, thread, (int)args[call->more], TRACE_MAPPED, err);
}

int decode_begin(const struct trace_consumer *c, struct tracee_thread *thread,
		 const struct __ptrace_syscall_info *info, struct err *err)
{
	const struct file_call *call = calls_find(info->arch, number_of(info));
	const uint64_t *args = args_of(info);
	struct file_call_begun *begun = &thread->begun;

	call_end(begun);
	if (!call)
		return 0;
	if (call->kind == CALL_LIST || call->kind == CALL_MAP)
		return report_at_once(c, thread, call, args, err);
	begun->path = named_path(thread, call, call->at, call->path, args);
	if (!begun->path)
		return 0;
	if (call->to >= 0)
		begun->to = named_path(thread, call, call->to_at, call->to, args);
	if (call->kind == CALL_OPEN)
		begun->flags = open_flags(thread, call, args);
	if (begun->flags & O_CREAT)
		note_before_creation(begun);
	begun->call = call;
	return 1;
}

/* -- its end -- */

/* The file of a descriptor, as the kernel has it in memory: a FUSE server, which might never answer, is not asked. */
static bool stat_descriptor(pid_t tid, int fd, struct statx *out)
{
	char link[64];

	snprintf(link, sizeof link, "/proc/%d/fd/%d", tid, fd);
	return statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME, out) == 0;
}

static struct stat stat_of(const struct statx *x)
{
	return (struct stat){
		.st_dev = makedev(x->stx_dev_major, x->stx_dev_minor),
		.st_ino = x->stx_ino,
		.st_mode = x->stx_mode,
		.st_uid = x->stx_uid,
		.st_size = (off_t)x->stx_size,
		.st_ctim = {x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec},
		.st_mtim = {x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec},
	};
}

static bool is_since(const struct statx_timestamp *t, const struct timespec *when)
{
	return t->tv_sec > when->tv_sec ||
	       (t->tv_sec == when->tv_sec && t->tv_nsec >= (uint32_t)when->tv_nsec);
}

/* Whether the call created the file. Without a time of birth the last access tells, since an open(2) that truncates
 * changes the others. */
static bool is_created(const struct file_call_begun *begun, const struct statx *x)
{
	if (!(begun->flags & O_CREAT) || begun->existed)
		return false;
	if (begun->flags & O_EXCL)
		return true;
	return is_since(x->stx_mask & STATX_BTIME ? &x->stx_btime : &x->stx_atime, &begun->when);
}

static int report_opened(const struct trace_consumer *c, struct tracee_thread *thread, int fd,
			 struct err *err)
{
	const struct file_call_begun *begun = &thread->begun;
	uint64_t access = begun->flags & O_ACCMODE;
	struct trace_event e = {.path = begun->path, .fd = fd};
	struct statx x = {0};
	char file[PATH_MAX];
	struct stat st;
	bool writes;
	int r = 0;

	if (!base_of(thread->tid, fd, file) || !stat_descriptor(thread->tid, fd, &x))
		return 0;
	st = stat_of(&x);
	e.file = file;
	e.st = &st;
	e.kind = TRACE_EXAMINED;
	if (begun->flags & O_PATH || S_ISDIR(st.st_mode) || (begun->flags & O_TMPFILE) == O_TMPFILE)
		return report(c, thread, e, err);
	writes = access != O_RDONLY || begun->flags & O_TRUNC;
	e.kind = is_created(begun, &x) ? TRACE_CREATED : TRACE_WROTE;
	if (writes || e.kind == TRACE_CREATED)
		r = report(c, thread, e, err);
	if (r < 0 || access == O_WRONLY || (writes && e.kind == TRACE_CREATED))
		return r;
	e.kind = TRACE_READ;
	return report(c, thread, e, err);
}

static int report_failed(const struct trace_consumer *c, struct tracee_thread *thread,
			 int64_t result, struct err *err)
{
	const struct file_call_begun *begun = &thread->begun;
	struct trace_event e = {.path = begun->path, .fd = -1};

	switch (-result) {
	case ENOENT:
	case ENOTDIR:
		e.kind = TRACE_MISSING;
		break;
	case EACCES:
	case EPERM:
	case EROFS:
		e.kind = TRACE_DENIED;
		break;
	case EEXIST:	   /* mkdir(2), open(2) with O_EXCL */
	case EINVAL:	   /* readlink(2) of a file that is no link */
	case ENODATA:	   /* getxattr(2) */
	case EINPROGRESS:  /* connect(2) */
	case ECONNREFUSED: /* a socket that nobody listens at */
		if (-result == EINVAL && begun->call->kind != CALL_READ_LINK)
			return 0;
		e.kind = TRACE_EXAMINED;
		break;
	default:
		return 0;
	}
	return report(c, thread, e, err);
}

static enum trace_kind kind_of(enum file_call_kind kind)
{
	switch (kind) {
	case CALL_RENAME:
		return TRACE_RENAMED;
	case CALL_CREATE:
		return TRACE_CREATED;
	case CALL_REMOVE:
		return TRACE_REMOVED;
	case CALL_WRITE:
		return TRACE_WROTE;
	case CALL_CHANGE:
		return TRACE_CHANGED;
	default:
		return TRACE_EXAMINED;
	}
}

static int report_result(const struct trace_consumer *c, struct tracee_thread *thread,
			 int64_t result, struct err *err)
{
	const struct file_call_begun *begun = &thread->begun;
	struct trace_event e = {.path = begun->path, .to = begun->to, .fd = -1};

	if (result < 0)
		return report_failed(c, thread, result, err);
	if (begun->call->kind == CALL_EXECUTE)
		return 0; /* decode_executed */
	if (begun->call->kind == CALL_OPEN)
		return report_opened(c, thread, (int)result, err);
	e.kind = kind_of(begun->call->kind);
	if (e.kind == TRACE_RENAMED && !e.to)
		return 0;
	return report(c, thread, e, err);
}

int decode_end(const struct trace_consumer *c, struct tracee_thread *thread,
	       const struct __ptrace_syscall_info *info, struct err *err)
{
	int r = 0;

	if (!thread->begun.call)
		return 0;
	r = report_result(c, thread, info->exit.rval, err);
	if (thread->begun.call->kind == CALL_ROOT)
		tracee_read_root(thread->process);
	call_end(&thread->begun);
	return r;
}

/* -- a new image -- */

/* The first mapped file: the program, since the kernel maps its loader above it. */
static uint64_t program_start(pid_t tid)
{
	AUTO_FILE FILE *f = NULL;
	uint64_t start = 0;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/maps", tid);
	f = fopen(path, "re");
	return f && fscanf(f, "%" SCNx64 "-", &start) == 1 ? start : 0;
}

/* The text of PT_INTERP, from the program in memory (elf(5)). Both are in the first segment of any usual program. */
static char *loader_name(pid_t tid)
{
	uint64_t start = program_start(tid), table;
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr wide;
		Elf32_Ehdr narrow;
	} head = {0};
	bool wide;

	if (!start || tracee_memory(tid, start, &head, sizeof head) < sizeof head.narrow ||
	    memcmp(head.ident, ELFMAG, SELFMAG) != 0)
		return NULL;
	wide = head.ident[EI_CLASS] == ELFCLASS64;
	table = start + (wide ? head.wide.e_phoff : head.narrow.e_phoff);
	for (int i = 0; i < (wide ? head.wide.e_phnum : head.narrow.e_phnum) && i < 64; i++) {
		union {
			Elf64_Phdr wide;
			Elf32_Phdr narrow;
		} segment = {0};
		size_t size = wide ? sizeof segment.wide : sizeof segment.narrow;

		if (tracee_memory(tid, table + (uint64_t)i * size, &segment, size) < size)
			return NULL;
		if (segment.wide.p_type == PT_INTERP) /* in both the first field */
			return tracee_text(tid, start + (wide ? segment.wide.p_offset
							      : segment.narrow.p_offset));
	}
	return NULL;
}

/* The kernel itself opens a program's loader, so no call names it. */
static int report_loader(const struct trace_consumer *c, struct tracee_thread *thread,
			 struct err *err)
{
	AUTO_FREE char *name = loader_name(thread->tid);
	AUTO_FREE char *path = name && *name ? whole_path(thread, AT_FDCWD, name) : NULL;

	if (!path)
		return 0;
	return report(c, thread, (struct trace_event){.kind = TRACE_READ, .path = path, .fd = -1},
		      err);
}

int decode_executed(const struct trace_consumer *c, struct tracee_thread *thread, struct err *err)
{
	const char *program = thread->process->seen.program;
	const char *path = thread->begun.path;
	int r = report(c, thread,
		       (struct trace_event){.kind = TRACE_EXECUTED,
					    .path = path ? path : program,
					    .file = program,
					    .fd = -1},
		       err);

	return r < 0 ? r : report_loader(c, thread, err);
}
