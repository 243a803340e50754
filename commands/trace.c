#include "trace/trace.h"

#include "base/cleanup.h"
#include "base/exit.h"
#include "base/intern.h"
#include "cli/app.h"
#include "cli/host.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "dpkg/owner.h"
#include "plan/stub.h"
#include "trace/record.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static bool want_digests, want_packages;
static const char *file;

static const struct command_option options[] = {
	OPTION(&file, "output", ARG_FILE, "FILE",
	       "write the report to FILE, and leave standard output to COMMAND", .letter = 'o'),
	FLAG(&want_digests, "digest", "also the SHA-256 of each file that is read or written"),
	FLAG(&want_packages, "packages",
	     "instead of processes, the packages that own the files that are read"),
	{0},
};

/* In the order of enum trace_kind. */
static const char *const kinds[TRACE_KINDS] = {
	"executed", "read",    "listed",  "examined", "missing", "denied",
	"wrote",    "created", "changed", "renamed",  "removed", "mapped",
};

/* -- processes -- */

/* An argument as a shell would read it. */
static void put_argument(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "%+,-./:=@_";

	if (*text && strspn(text, plain) == strlen(text)) {
		put_text("%s", text);
		return;
	}
	putchar('\'');
	for (const char *end; *(end = strchrnul(text, '\'')); text = end + 1)
		put_text("%.*s'\\''", (int)(end - text), text);
	put_text("%s'", text);
}

static void print_command(const struct trace_process *p)
{
	printf("  command    ");
	for (size_t at = 0; at < p->command_length; at += strlen(p->command + at) + 1) {
		if (at)
			putchar(' ');
		put_argument(p->command + at);
	}
	putchar('\n');
}

static void print_text_line(const char *name, const char *text)
{
	printf("  %-9s  ", name);
	put_text("%s", text);
	putchar('\n');
}

static void status_text(int status, char *text, size_t size)
{
	if (status == TRACE_REPLACED)
		snprintf(text, size, "executed another program");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

static void print_use(const struct recorded *use)
{
	char hex[DIGEST_HEX];

	printf("  %-9s  ", kinds[use->kind]);
	put_text("%s", use->path);
	if (use->to)
		put_text(" -> %s", use->to);
	else if (use->file && strcmp(use->file, use->path) != 0)
		put_text(" (%s)", use->file);
	if (use->has_digest) {
		digest_hex(&use->digest, hex);
		printf("  sha256:%s", hex);
	}
	putchar('\n');
}

static void print_record(const struct record *record)
{
	const struct trace_process *p = record->process;
	time_t began = record->began;
	char text[128];
	struct tm tm;

	if (record->count == 0 && record->status == TRACE_REPLACED)
		return; /* a new process that only executes its program */
	printf("process %d, child of %d: ", p->pid, p->parent);
	put_text("%s", p->program);
	putchar('\n');
	print_command(p);
	print_text_line("directory", p->directory);
	if (localtime_r(&began, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm))
		print_text_line("began", text);
	for (int kind = 0; kind < TRACE_KINDS; kind++)
		for (size_t i = 0; i < record->count; i++)
			if ((int)record->items[i].kind == kind)
				print_use(&record->items[i]);
	if (record->left_out)
		printf("  and %zu more, beyond the memory for one run\n", record->left_out);
	status_text(record->status, text, sizeof text);
	print_text_line("ended", text);
	putchar('\n');
}

static bool is_utf8(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len = strlen(text);
	uint32_t c;
	int n = 0;

	for (; len && (n = utf8_at(p, len, &c)) > 0; len -= (size_t)n)
		p += n;
	return len == 0;
}

/* JSON strings hold no arbitrary bytes, so two such paths could look the same. */
static void json_bytes(const char *key, const char *text)
{
	AUTO_FREE char *hex = calloc(2 * strlen(text) + 1, 1);

	for (size_t i = 0; hex && text[i]; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
	json_string(key, hex);
}

static void json_use(const struct recorded *use)
{
	json_open(NULL, '{');
	json_string("path", use->path);
	if (!is_utf8(use->path))
		json_bytes("path_bytes", use->path);
	if (use->kind == TRACE_RENAMED)
		json_string("to", use->to);
	else
		json_string("file", use->file);
	if (use->has_digest)
		json_digest("digest", &use->digest);
	json_close();
}

static void json_process(const struct record *record)
{
	const struct trace_process *p = record->process;
	char status[128];

	status_text(record->status, status, sizeof status);
	json_open(NULL, '{');
	json_members("pid %lld start %lld parent %lld began %lld program %s directory %s",
		     (long long)p->pid, (long long)p->start, (long long)p->parent,
		     (long long)record->began, p->program, p->directory);
	json_open("command", '[');
	for (size_t at = 0; at < p->command_length; at += strlen(p->command + at) + 1)
		json_string(NULL, p->command + at);
	json_close();
	for (int kind = 0; kind < TRACE_MAPPED; kind++) {
		json_open(kinds[kind], '[');
		for (size_t i = 0; i < record->count; i++)
			if ((int)record->items[i].kind == kind)
				json_use(&record->items[i]);
		json_close();
	}
	json_members("left_out %lld ended %s", (long long)record->left_out, status);
	json_close();
}

/* The document begins with the first record: a command that cannot be executed prints nothing. */
static bool document;

static void begin_document(void)
{
	if (document)
		return;
	document = true;
	json_stream();
	json_open(NULL, '{');
	json_open(want_packages ? "packages" : "processes", '[');
}

static int report_process(void *ctx, const struct record *record, struct err *err)
{
	(void)ctx;
	(void)err;
	begin_document();
	if (want_json)
		json_process(record);
	else
		print_record(record);
	return 0;
}

/* -- packages -- */

struct read_files {
	struct intern files; /* without links */
	size_t cost, left_out;
};

static int note_read(void *ctx, struct trace_process *process, const struct trace_event *e,
		     struct err *err)
{
	struct read_files *read = ctx;
	size_t before = read->files.count, number;
	int r;

	(void)process;
	if ((e->kind != TRACE_READ && e->kind != TRACE_EXECUTED) || !e->file || e->file[0] != '/')
		return 0;
	if (read->cost > RECORD_MAX) {
		read->left_out++;
		return 0;
	}
	r = intern_add(&read->files, e->file, &number, err);
	if (r == 0 && read->files.count > before)
		read->cost += strlen(e->file) + 64;
	return r;
}

static const struct packages *sorted_by; /* for by_owner */

struct owned_file {
	const char *path;
	size_t owner; /* OWNER_NONE: last */
};

static int by_owner(const void *a, const void *b)
{
	const struct owned_file *x = a, *y = b;
	int r;

	if (x->owner == OWNER_NONE || y->owner == OWNER_NONE || x->owner == y->owner)
		r = (x->owner > y->owner) - (x->owner < y->owner);
	else
		r = strcmp(sorted_by->items[x->owner].query, sorted_by->items[y->owner].query);
	return r ? r : strcmp(x->path, y->path);
}

static void print_owner(const struct package *package, const struct owned_file *files, size_t n)
{
	if (package)
		print_line("%s %s", package->query, package->version);
	else
		print_line("no package");
	json_open(NULL, '{');
	json_members("name %s version %s arch %s", package ? package->name : NULL,
		     package ? package->version : NULL, package ? package->arch : NULL);
	json_open("files", '[');
	for (size_t i = 0; i < n; i++) {
		json_string(NULL, files[i].path);
		if (!want_json) {
			put_text("  %s", files[i].path);
			putchar('\n');
		}
	}
	json_close();
	json_close();
}

static int print_owners(struct read_files *read, struct err *err)
{
	AUTO_FREE struct owned_file *files = calloc(read->files.count + 1, sizeof *files);
	AUTO_PACKAGES struct packages packages = {0};
	size_t n = read->files.count, last = 0;
	AUTO_FREE size_t *of = NULL;
	int r;

	if (!files)
		return err_nomem(err);
	r = packages_owning((const char *const *)read->files.items, n, &packages, &of, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		files[i] = (struct owned_file){read->files.items[i], of[i]};
	sorted_by = &packages;
	qsort(files, n, sizeof *files, by_owner);
	for (size_t i = 1; i <= n; i++) {
		size_t owner = files[last].owner;

		if (i < n && files[i].owner == owner)
			continue;
		print_owner(owner == OWNER_NONE ? NULL : &packages.items[owner], files + last,
			    i - last);
		last = i;
	}
	if (read->left_out)
		warn("note: %zu more files were read than fit into the memory for one run",
		     read->left_out);
	return 0;
}

/* -- the run -- */

struct traced_command {
	char **argv;
	int output; /* for its standard output */
};

static int execute_traced(void *ctx, struct err *err)
{
	const struct traced_command *command = ctx;

	if (dup2(command->output, STDOUT_FILENO) < 0)
		return err_sys(err, errno, "cannot use standard output");
	execvp(command->argv[0], command->argv);
	return err_sys(err, errno, "cannot execute %s", command->argv[0]);
}

static void say_left(size_t processes)
{
	if (processes == 1)
		warn("note: COMMAND has ended, but 1 process that it started still runs; the trace "
		     "ends with it, and an interrupt kills it");
	else
		warn("note: COMMAND has ended, but %zu processes that it started still run; the "
		     "trace ends with the last, and an interrupt kills them",
		     processes);
}

static int trace_packages(struct traced_command *command, struct trace_result *result,
			  struct err *err)
{
	struct read_files read = {0};
	const struct trace_consumer consumer = {.file = note_read, .ctx = &read};
	int r;

	intern_begin(&read.files);
	r = trace_run(TRACE_FILTERED, execute_traced, command, &consumer, say_left, result, err);
	if (r == 0) {
		begin_document();
		r = print_owners(&read, err);
	}
	intern_free(&read.files);
	return r;
}

static int trace_processes(struct traced_command *command, struct trace_result *result,
			   struct err *err)
{
	AUTO_RECORDER struct recorder *recorder =
		recorder_begin(want_digests, report_process, NULL);
	struct trace_consumer consumer;

	if (!recorder)
		return err_nomem(err);
	recorder_consumer(recorder, &consumer);
	return trace_run(TRACE_FILTERED, execute_traced, command, &consumer, say_left, result, err);
}

static void end_document(const struct trace_result *result)
{
	json_close();
	json_number("status", WIFSIGNALED(result->status) ? 128 + WTERMSIG(result->status)
							  : WEXITSTATUS(result->status));
	json_close();
}

/* Ends as the command has ended, by a signal too, as if the shell had run it alone. */
static int end_like(int status)
{
	int sig = WTERMSIG(status);

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* the core is the command's */
	signal(sig, SIG_DFL);
	raise(sig);
	return 128 + sig;
}

/* From now on standard output is pinlib's own again, also for an error. */
static void leave_file(int stdout_before)
{
	fflush(stdout);
	json_drop();
	dup2(stdout_before, STDOUT_FILENO);
}

/* Without --output the report is standard output, and the command's standard output becomes standard error. */
static int trace_command(char **argv, const struct output *out, int *status, struct err *err)
{
	AUTO_FD int stdout_before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	struct traced_command command = {argv, STDERR_FILENO};
	struct trace_result result;
	int r;

	if (out->fd >= 0 && !out->standard) {
		if (stdout_before < 0 || dup2(out->fd, STDOUT_FILENO) < 0)
			return err_sys(err, errno, "cannot write to %s", file);
		command.output = stdout_before;
	}
	r = want_packages ? trace_packages(&command, &result, err)
			  : trace_processes(&command, &result, err);
	if (r == 0) {
		end_document(&result);
		*status = result.status;
	}
	if (r == 0 && fflush(stdout) != 0)
		r = err_sys(err, errno, "cannot write the report");
	if (command.output == stdout_before)
		leave_file(stdout_before);
	if (r < 0 && result.not_executed) {
		failed(err);
		*status = r == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
		return 1;
	}
	return r;
}

static size_t add_options(char **args)
{
	size_t n = 0;

	if (want_json)
		args[n++] = (char *)"--json";
	if (want_digests)
		args[n++] = (char *)"--digest";
	if (want_packages)
		args[n++] = (char *)"--packages";
	if (file) {
		args[n++] = (char *)"--output";
		args[n++] = (char *)file;
	}
	args[n++] = (char *)"--";
	return n;
}

/* This command line again, in the view of app. */
static int trace_inside(const char *app, char **argv, struct err *err)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	AUTO_FREE char **args = NULL;
	size_t n = 2, count = 0;

	if (len < 0)
		return err_sys(err, errno, "cannot find pinlib's own program");
	self[len] = '\0';
	while (argv[count])
		count++;
	args = calloc(count + 9, sizeof *args);
	if (!args)
		return err_nomem(err);
	args[0] = self;
	args[1] = (char *)"trace";
	n += add_options(args + n);
	memcpy(args + n, argv, count * sizeof *args);
	return host_execute_in(app, args, err);
}

/* A user's tracer takes the wrapper's capability away (ptrace(2)): so a pinned program is traced from inside its view
 * (DESIGN.md, trace-in-view). Returns only if argv[0] is no pinned program, or after an error. */
static int enter_view(char **argv, struct err *err)
{
	char path[PATH_MAX], app[PATH_MAX];
	enum stub_form form;

	if (geteuid() == 0 || find_app(argv[0], path, err) < 0)
		return 0;
	form = stub_read(path, app);
	return form == STUB_ELF || form == STUB_SCRIPT ? trace_inside(app, argv, err) : 0;
}

static int run_trace(int count, char **operands, struct err *err)
{
	AUTO_OUTPUT struct output out = OUTPUT_NONE;
	int status = 0, r;

	(void)count;
	if (want_packages && want_digests)
		return misused("--packages and --digest exclude each other");
	r = enter_view(operands, err);
	if (r == 0 && file)
		r = output_begin(file, &out, err);
	if (r == 0)
		r = trace_command(operands, &out, &status, err);
	if (r > 0)
		return status;
	if (r == 0 && file)
		r = output_finish(&out, file, err);
	if (r < 0)
		return EXIT_ERR;
	output_end(&out);
	return end_like(status);
}

const struct command command_trace = {
	.name = "trace",
	.group = GROUP_RUN,
	.summary = "Run a command and report the files that it uses",
	.text = "For each process: its number, parent, program, arguments and directory, and each "
		"path that it read, listed, examined, looked for in vain, wrote, created, changed, "
		"renamed or removed. Every user can do this. Without --output the report is "
		"standard output, and that of COMMAND becomes standard error. The exit status is "
		"that of COMMAND.",
	.options = options,
	.operands = {{.name = "COMMAND", .kind = ARG_COMMAND},
		     {.name = "ARGUMENT", .kind = ARG_FILE, .optional = true, .repeats = true}},
	.in_order = true,
	.json = true,
	.failure = EXIT_OWN,
	.run = run_trace,
};
