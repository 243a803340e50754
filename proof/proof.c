#include "proof/proof.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/confine.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/unshare.h"
#include "proof/syscalls.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define NOBODY 65534
#define OUTPUT_MAX ((size_t)16 << 20)
/* Limits of the loader. Data that no memory backs yet counts (.bss), and so do libraries of
 * gigabytes. */
#define DATA_MAX ((rlim_t)4 << 30)
#define ADDRESSES_MAX ((rlim_t)16 << 30)
#define MISSING_MAX 4096	       /* further ones are dropped: each is compared with all */
#define STACK_SIZE ((size_t)512 << 10) /* the mount table is read on it */
#define OWN_MESSAGE '\1'	       /* begins a message of the child itself */

unsigned int proof_seconds = 30;

/* -- the loader's output -- */

void proof_free(struct proof *proof)
{
	for (size_t i = 0; i < proof->nloaded; i++) {
		free(proof->loaded[i].name);
		free(proof->loaded[i].path);
	}
	for (size_t i = 0; i < proof->nmissing; i++) {
		free(proof->missing[i].what);
		free(proof->missing[i].from);
		free(proof->missing[i].by);
	}
	free(proof->loaded);
	free(proof->missing);
	*proof = (struct proof){0};
}

/* Copies a part of a line; NULL stays NULL. */
static bool copy_piece(char **to, const char *from, size_t len)
{
	*to = from ? strndup(from, len) : NULL;
	return !from || *to;
}

static int add_loaded(struct proof *p, const char *name, size_t name_len, const char *path,
		      size_t path_len, struct err *err)
{
	struct loaded *l;

	if (ARRAY_GROW(p->loaded, p->nloaded, err) < 0)
		return -ENOMEM;
	l = &p->loaded[p->nloaded++];
	*l = (struct loaded){0};
	if (!copy_piece(&l->name, name, name_len) || !copy_piece(&l->path, path, path_len))
		return err_nomem(err);
	return 0;
}

struct line_piece {
	const char *at;
	size_t len;
};

static int add_pieces(struct proof *p, enum missing_kind kind, struct line_piece what,
		      struct line_piece from, struct line_piece by, struct err *err)
{
	struct missing *m;

	if (p->nmissing == MISSING_MAX)
		return 0;
	if (ARRAY_GROW(p->missing, p->nmissing, err) < 0)
		return -ENOMEM;
	m = &p->missing[p->nmissing++];
	*m = (struct missing){.kind = kind};
	if (!copy_piece(&m->what, what.at, what.len) || !copy_piece(&m->from, from.at, from.len) ||
	    !copy_piece(&m->by, by.at, by.len))
		return err_nomem(err);
	for (struct missing *o = p->missing; o < m; o++)
		if (o->kind == kind && string_equal(o->what, m->what) &&
		    string_equal(o->from, m->from) && string_equal(o->by, m->by)) {
			free(m->what);
			free(m->from);
			free(m->by);
			p->nmissing--;
			break;
		}
	return 0;
}

static struct line_piece whole_text(const char *text)
{
	return (struct line_piece){text, text ? strlen(text) : 0};
}

int proof_add_missing(struct proof *proof, enum missing_kind kind, const char *what,
		      const char *from, const char *by, struct err *err)
{
	return add_pieces(proof, kind, whole_text(what), whole_text(from), whole_text(by), err);
}

static struct line_piece upto(const char *start, const char *end)
{
	return (struct line_piece){start, (size_t)(end - start)};
}

/* "\tNAME => PATH (0x7f...)", "\tNAME => not found", "\tPATH (0x7f...)". */
static int parse_object(char *line, struct proof *p, struct err *err)
{
	char *arrow = strstr(line, " => "), *path = arrow ? arrow + 4 : line;
	char *end = strstr(path, " (0x");
	struct line_piece none = {0};

	if (arrow && strcmp(path, "not found") == 0)
		return add_pieces(p, MISSING_LIBRARY, upto(line, arrow), none, none, err);
	/* The vDSO is not a file; "statically linked" is not an object. */
	if (!end || !memchr(path, '/', (size_t)(end - path)))
		return 0;
	if (!arrow)
		arrow = end;
	return add_loaded(p, line, (size_t)(arrow - line), path, (size_t)(end - path), err);
}

/* The last parenthesis of a line, "... (required by PATH)" after the words; NULL if it has none. */
static char *in_parentheses(char *line, const char *words, struct line_piece *out)
{
	char *start = NULL, *end = line + strlen(line);

	for (char *s = line; (s = strstr(s, words)); s++)
		start = s;
	if (!start || end[-1] != ')')
		return NULL;
	*out = upto(start + strlen(words), end - 1);
	return start;
}

static bool starts(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* "PROGRAM: PATH: version `V' not found (required by PATH)". */
static int parse_version(char *line, char *quote, struct proof *p, struct err *err)
{
	char *name = quote + strlen(": version `"), *end = strchr(name, '\'');
	struct line_piece by = {0}, from;
	char *start = line;

	for (char *s = line; (s = strstr(s, ": ")) && s < quote; s += 2)
		start = s + 2;
	from = upto(start, quote);
	if (!end || !in_parentheses(end, " (required by ", &by))
		return add_pieces(p, MISSING_OTHER, upto(line, line + strlen(line)),
				  (struct line_piece){0}, (struct line_piece){0}, err);
	return add_pieces(p, MISSING_VERSION, upto(name, end), from, by, err);
}

/* musl's: "Error loading shared library NAME: WHY (needed by PATH)" and
 * "Error relocating PATH: NAME: symbol not found". */
static int parse_musl(char *line, struct proof *p, struct err *err)
{
	static const char loading[] = "Error loading shared library ";
	static const char relocating[] = "Error relocating ";
	struct line_piece none = {0}, by = {0};
	char *colon = strstr(line, ": "), *end = colon ? strstr(colon + 2, ": ") : NULL;

	if (starts(line, loading) && colon) {
		in_parentheses(line, " (needed by ", &by);
		return add_pieces(p, MISSING_LIBRARY, upto(line + strlen(loading), colon), none, by,
				  err);
	}
	if (starts(line, relocating) && end)
		return add_pieces(p, MISSING_SYMBOL, upto(colon + 2, end), none,
				  upto(line + strlen(relocating), colon), err);
	return add_pieces(p, MISSING_OTHER, upto(line, line + strlen(line)), none, none, err);
}

/* Lines about things that the loader accepts. */
static bool is_harmless(const char *line)
{
	return strstr(line, ": no version information available (required by ") ||
	       strstr(line, ", consider re-linking") ||
	       (starts(line, "ERROR: ld.so: object ") && strstr(line, "ignored."));
}

static int parse_complaint(char *line, struct proof *p, struct err *err)
{
	static const char undefined[] = "undefined symbol: ", symbol[] = "symbol ";
	struct line_piece none = {0}, by = {0};
	char *end = in_parentheses(line, "\t(", &by), *quote = strstr(line, ": version `");
	char *undef = strstr(line, ", version "), *file = strstr(line, " not defined in file ");

	if (is_harmless(line))
		return 0;
	if (starts(line, undefined) && end)
		return add_pieces(p, MISSING_SYMBOL, upto(line + strlen(undefined), end), none, by,
				  err);
	if (starts(line, symbol) && undef && file && end) {
		char *from = file + strlen(" not defined in file ");
		char *with = strstr(from, " with link time reference");

		return add_pieces(p, MISSING_SYMBOL, upto(line + strlen(symbol), file),
				  with ? upto(from, with) : none, by, err);
	}
	if (quote)
		return parse_version(line, quote, p, err);
	return parse_musl(line, p, err);
}

/* Lines of LD_DEBUG=files, "   PID:\tfile=NAME [0];  needed by PATH [0]": only these name the object
 * that needs a missing library. */
static bool is_debug(const char *line, const char **text)
{
	const char *at = line + strspn(line, " ");
	size_t digits = strspn(at, "0123456789");

	*text = at + digits + 2;
	return at > line && digits > 0 && at[digits] == ':' && at[digits + 1] == '\t';
}

static int add_needer(const char *text, struct proof *p, struct err *err)
{
	const char *name, *end, *by, *by_end;

	if (!starts(text, "file="))
		return 0;
	name = text + strlen("file=");
	end = strstr(name, " [");
	by = strstr(name, ";  needed by ");
	if (!end || !by || end > by)
		return 0;
	by += strlen(";  needed by ");
	by_end = strrchr(by, '[');
	if (!by_end || by_end <= by + 1)
		return 0;
	for (size_t i = 0; i < p->nmissing; i++) {
		struct missing *m = &p->missing[i];

		if (m->kind != MISSING_LIBRARY || m->by ||
		    strlen(m->what) != (size_t)(end - name) ||
		    strncmp(m->what, name, (size_t)(end - name)) != 0)
			continue;
		if (!copy_piece(&m->by, by, (size_t)(by_end - 1 - by)))
			return err_nomem(err);
	}
	return 0;
}

static int by_kind(const void *a, const void *b)
{
	const struct missing *x = a, *y = b;
	int order = (int)x->kind - (int)y->kind;

	if (order == 0)
		order = strcmp(x->by ? x->by : "", y->by ? y->by : "");
	return order ? order : strcmp(x->what, y->what);
}

static int parse_line(char *line, struct proof *p, struct err *err)
{
	const char *text;

	if (!*line || is_debug(line, &text))
		return 0;
	return line[0] == '\t' ? parse_object(line + 1, p, err) : parse_complaint(line, p, err);
}

int proof_parse(char *text, struct proof *out, struct err *err)
{
	AUTO_PROOF struct proof p = {0};
	const char *debug;
	int r = 0;

	for (char *line = text, *end; r == 0 && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		r = parse_line(line, &p, err);
		*end = '\n';
	}
	for (char *line = text, *end; r == 0 && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (is_debug(line, &debug))
			r = add_needer(debug, &p, err);
		*end = '\n';
	}
	if (r < 0)
		return r;
	if (p.nmissing)
		qsort(p.missing, p.nmissing, sizeof *p.missing, by_kind);
	*out = p;
	p = (struct proof){0};
	return 0;
}

bool proof_lacks_library(const struct proof *proof)
{
	for (size_t i = 0; i < proof->nmissing; i++)
		if (proof->missing[i].kind == MISSING_LIBRARY ||
		    proof->missing[i].kind == MISSING_VERSION)
			return true;
	return false;
}

void proof_describe_missing(const struct missing *m, char *text, size_t size)
{
	const char *by = m->by ? m->by : "a loaded library";

	switch (m->kind) {
	case MISSING_LIBRARY:
		snprintf(text, size, "%s needs %s, which was not found", by, m->what);
		break;
	case MISSING_VERSION:
		snprintf(text, size, "%s needs the symbol version %s, which %s does not have", by,
			 m->what, m->from);
		break;
	case MISSING_SYMBOL:
		snprintf(text, size, "%s needs the symbol %s, which no loaded library defines", by,
			 m->what);
		break;
	case MISSING_OTHER:
		snprintf(text, size, "the loader reports: %s", m->what);
		break;
	}
}

/* -- the trace -- */

struct trace {
	const struct sysroot *sysroot;
	const char *interp, *object;
	bool needers; /* LD_DEBUG=files: a few lines more for each library */
	int output;
};

static int take_descriptors(int output)
{
	int null = open("/dev/null", O_RDONLY);

	if (null < 0 || dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
		return -1;
	return close_range(3, ~0u, 0);
}

/* Makes every mount of the namespace read-only. */
static int make_readonly(struct err *err)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "cannot make the mounts read-only");
	return 0;
}

/* An ordinary user in a user namespace of their own cannot become anybody else; they lose their
 * capabilities there at the execve(2). */
static int become_nobody(struct err *err)
{
	if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
			       setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return err_sys(err, errno, "cannot give up privileges");
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		       ? err_sys(err, errno, "cannot give up privileges")
		       : 0;
}

/* The loader runs code of the libraries (IFUNC resolvers), so it keeps no rights. The change of uid
 * drops the capabilities. */
static int drop_rights(bool bare, struct err *err)
{
	int r = 0;

	if (confine_limit(RLIMIT_CORE, 0) < 0 || confine_limit(RLIMIT_CPU, proof_seconds) < 0 ||
	    confine_limit(RLIMIT_FSIZE, 0) < 0)
		return err_sys(err, errno, "cannot set limits");
	if (chdir("/") < 0)
		return err_sys(err, errno, "cannot enter /");
	if (!bare)
		r = make_readonly(err);
	if (r == 0)
		r = become_nobody(err);
	return r == 0 ? syscalls_deny(err) : r;
}

/* Whether an ordinary user may read the file. Changes only the effective ids, and restores them. */
static bool is_readable(const char *path)
{
	bool yes;

	if (geteuid() != 0)
		return access(path, R_OK) == 0;
	if (setegid(NOBODY) < 0 || seteuid(NOBODY) < 0)
		return false;
	yes = faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
	return seteuid(0) == 0 && setegid(0) == 0 && yes;
}

static int copy_content(int from, int to, struct err *err)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, (size_t)1 << 30)) > 0)
		;
	if (n < 0 || fchmod(to, 0755) < 0)
		return err_sys(err, errno, "cannot copy the file");
	return 0;
}

/* Makes the file of the tmpfs top a mount of its own. Before Linux 6.15 the kernel refuses that for a
 * tmpfs that is mounted nowhere (EINVAL): so it is mounted on dir for a moment, in the namespace of
 * this process. */
static int pick_up_copy(int top, const char *dir, struct err *err)
{
	int r = mount_put_down(top, dir, err), fd;

	if (r < 0)
		return r;
	fd = sys_open_tree(top, "copy", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		r = err_sys(err, errno, "cannot create a mount of a copy");
	if (sys_umount(dir) < 0)
		r = err_sys(err, errno, "cannot unmount a copy from %s", dir);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* Covers a program that not everybody may read (mode 0750, say) with a copy for everybody, on a tmpfs
 * that ends with this process. */
static int show_copy(const char *path, struct err *err)
{
	AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
	AUTO_FD int fs = sys_fsopen("tmpfs"), top = -1, file = -1;
	char dir[PATH_MAX];

	path_dir(path, dir);
	if (from < 0)
		return err_sys(err, errno, "cannot open %s", path);
	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return err_sys(err, errno, "cannot create a tmpfs");
	top = sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (top < 0)
		return err_sys(err, errno, "cannot mount a tmpfs");
	to = openat(top, "copy", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (to < 0)
		return err_sys(err, errno, "cannot copy %s", path);
	if (copy_content(from, to, err) < 0)
		return err_wrap(err, -EIO, "%s", path);
	file = pick_up_copy(top, dir, err);
	if (file < 0)
		return err_wrap(err, file, "%s", path);
	return mount_put_down(file, path, err);
}

/* Whether root can make a mount namespace of its own: not without CAP_SYS_ADMIN, nor in a chroot whose root is no mount. */
static bool can_unshare(void)
{
	cap_t caps = cap_get_proc();
	cap_flag_value_t value = CAP_CLEAR;

	if (caps)
		cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value);
	cap_free(caps);
	return value == CAP_SET && mount_is_root("/");
}

/* Where there is nothing to mount an ordinary user's loader needs no namespace: the user could run it on these files anyway.
 * That of root in a container or chroot without mounts gets none, and is nobody all the same. */
static bool is_bare(const struct trace *t)
{
	return t->sysroot->ncovers == 0 &&
	       (geteuid() != 0 ? !t->sysroot->app : t->sysroot->objects && !can_unshare());
}

/* The program where the loader can read it. */
static const char *object_file(const struct trace *t, bool bare)
{
	const struct sysroot *s = t->sysroot;

	return bare && s->app && strcmp(t->object, s->app) == 0 ? s->real : t->object;
}

static int exec_loader(const struct trace *t, struct err *err)
{
	/* musl's loader has --list; that of glibc came with 2.27 and reports less than the
	 * variables do. */
	const bool musl = starts(path_base(t->interp), "ld-musl-");
	const bool bare = is_bare(t);
	const char *object = object_file(t, bare);
	char *const argv[] = {(char *)t->interp, musl ? "--list" : (char *)object,
			      musl ? (char *)object : NULL, NULL};
	char *const envp[] = {"LD_TRACE_LOADED_OBJECTS=1", "LD_WARN=1", "LD_BIND_NOW=1",
			      t->needers ? "LD_DEBUG=files" : NULL, NULL};
	char *const none[] = {NULL};
	int r = bare ? 0 : unshare_sysroot(t->sysroot, err);

	if (r == 0 && !bare && !is_readable(t->object))
		r = show_copy(t->object, err);
	if (r == 0)
		r = drop_rights(bare, err);
	if (r < 0)
		return r;
	if (access(object, R_OK) < 0)
		return err_sys(err, errno,
			       "%s: the test runs as an ordinary user, who cannot read the file",
			       t->object);
	if (access(t->interp, X_OK) < 0)
		return err_sys(err, errno, "cannot run the loader %s", t->interp);
	/* Last: a sanitizer needs more memory than that, also to report an error. */
	if (confine_limit(RLIMIT_DATA, DATA_MAX) < 0 || confine_limit(RLIMIT_AS, ADDRESSES_MAX) < 0)
		return err_sys(err, errno, "cannot set limits");
	execve(t->interp, argv, musl ? none : envp);
	return err_sys(err, errno, "cannot run the loader %s", t->interp);
}

static int run_child(void *arg)
{
	const struct trace *t = arg;
	struct err err = {0};
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || take_descriptors(t->output) < 0)
		_exit(1);
	r = exec_loader(t, &err);
	dprintf(1, "%c%d %s", OWN_MESSAGE, -r, err.text);
	_exit(1);
}

static int start_child(struct trace *t, pid_t *pid, struct err *err)
{
	AUTO_FREE char *stack = malloc(STACK_SIZE);

	if (!stack)
		return err_nomem(err);
	/* Everything that the child starts ends with its process namespace. The child has a copy of
	 * the stack. */
	*pid = clone(run_child, stack + STACK_SIZE,
		     is_bare(t) ? SIGCHLD : CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | SIGCHLD,
		     t);
	return *pid < 0 ? err_sys(err, errno, "cannot start a process to test the view") : 0;
}

/* Reads to the end, or until the time is over. *text ends in a newline and a NUL. */
static int read_output(int fd, char **text, struct err *err)
{
	const int64_t end = clock_ms() + (int64_t)proof_seconds * 1000;
	AUTO_FREE char *data = malloc(OUTPUT_MAX + 2);
	size_t len = 0;

	if (!data)
		return err_nomem(err);
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - clock_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return err_set(err, ETIMEDOUT, "the loader took longer than %u seconds",
				       proof_seconds);
		n = read(fd, data + len, OUTPUT_MAX - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read the output of the loader");
		if (n == 0)
			break;
		len += (size_t)n;
		if (len == OUTPUT_MAX)
			return err_set(err, EFBIG, "the loader printed more than %zu bytes",
				       OUTPUT_MAX);
	}
	data[len] = '\n';
	data[len + 1] = '\0';
	*text = data;
	data = NULL;
	return 0;
}

/* Whether the loader answered at all. Where libraries are missing, glibc's exit status is 0 and musl's
 * 127. */
static int check_exit(const char *text, int status, struct err *err)
{
	if (text[0] == OWN_MESSAGE) {
		char *message;
		long errnum = strtol(text + 1, &message, 10);

		return err_set(err, errnum > 0 && errnum < 4096 ? (int)errnum : EIO, "%.*s",
			       (int)strcspn(message + 1, "\n"), message + 1);
	}
	if (WIFSIGNALED(status))
		return err_set(err, ECANCELED, "the loader was killed by signal %d (%s)",
			       WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (text[strspn(text, "\n")] == '\0')
		return err_set(err, ECANCELED, "the loader printed nothing (exit status %d)",
			       WEXITSTATUS(status));
	return 0;
}

static int run_trace(struct trace *t, char **text, struct err *err)
{
	AUTO_FD int read_end = -1;
	AUTO_FD int write_end = -1;
	int pipes[2], status = 0, r;
	pid_t pid = -1;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "cannot create a pipe");
	read_end = pipes[0];
	write_end = pipes[1];
	t->output = write_end;
	r = start_child(t, &pid, err);
	if (r < 0)
		return r;
	close(write_end);
	write_end = -1;
	r = read_output(read_end, text, err);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, errno, "cannot wait for the loader");
	return r < 0 ? r : check_exit(*text, status, err);
}

static int trace_and_parse(struct trace *t, struct proof *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = run_trace(t, &text, err);

	return r < 0 ? r : proof_parse(text, out, err);
}

static bool lacks_needer(const struct proof *p)
{
	for (size_t i = 0; i < p->nmissing; i++)
		if (p->missing[i].kind == MISSING_LIBRARY && !p->missing[i].by)
			return true;
	return false;
}

int proof_run(const struct sysroot *sysroot, const char *interp, const char *object,
	      struct proof *out, struct err *err)
{
	struct trace t = {.sysroot = sysroot, .interp = interp, .object = object};
	int r = trace_and_parse(&t, out, err);

	if (r < 0 || !lacks_needer(out))
		return r;
	proof_free(out);
	t.needers = true;
	return trace_and_parse(&t, out, err);
}
