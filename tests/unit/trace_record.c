/* Records of traced runs: each use once, digests, bounds, and the files of calls in all their forms. */
#include "base/path.h"
#include "tests/unit/loader_help.h"
#include "trace/calls.h"
#include "trace/record.h"
#include "trace/trace.h"

#include <linux/audit.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int start(void *ctx, struct err *e)
{
	execl("/bin/sh", "sh", "-c", (const char *)ctx, (char *)NULL);
	return err_sys(e, errno, "sh");
}

/* The uses of all images, as "KIND PATH" lines with what follows. */
static struct strings uses;
static size_t images, replaced, left_out;
static int last_status;

static int keep_record(void *ctx, const struct record *record, struct err *e)
{
	(void)ctx;
	images++;
	replaced += record->status == TRACE_REPLACED;
	last_status = record->status;
	left_out += record->left_out;
	CHECK(record->process->pid > 0 && record->process->start > 0);
	for (size_t i = 0; i < record->count; i++) {
		const struct recorded *use = &record->items[i];

		if (strings_addf(&uses, e, "%d %s%s%s%s", use->kind, use->path,
				 use->to ? " -> " : "", use->to ? use->to : "",
				 use->has_digest ? " digest" : "") < 0)
			return -ENOMEM;
	}
	return 0;
}

static void record_of(enum trace_way way, bool digests, const char *text)
{
	struct recorder *recorder = recorder_begin(digests, keep_record, NULL);
	struct trace_consumer consumer;
	struct trace_result result;

	strings_free(&uses);
	uses = (struct strings){0};
	images = replaced = left_out = 0;
	recorder_consumer(recorder, &consumer);
	MUST(trace_run(way, start, (char *)text, &consumer, NULL, &result, &err) == 0);
	CHECK(result.run_on == 0 && !result.not_executed);
	CHECK(WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0);
	recorder_end(&recorder);
}

static size_t used(enum trace_kind kind, const char *name, const char *more)
{
	char text[2 * PATH_MAX];
	size_t n = 0;

	snprintf(text, sizeof text, "%d %s%s", kind, in(name), more);
	for (size_t i = 0; i < uses.count; i++)
		n += strcmp(uses.items[i], text) == 0;
	return n;
}

/* Both ways of tracing see the same. */
static void each_use(enum trace_way way)
{
	char moved[PATH_MAX + 16];

	put_text("data", "data");
	record_of(
		way, true,
		"set -e; /bin/cat data data ./data .//./data >/dev/null; : >new; mv new newer;"
		"rm newer; mkdir d; rmdir d/; ln -s data l; rm l; chmod 600 data; ls . >/dev/null;"
		"! cat gone 2>/dev/null; echo x >>data; test -e data/none || true");
	snprintf(moved, sizeof moved, " -> %s", in("newer"));
	CHECK(used(TRACE_READ, "data", " digest") == 1);
	CHECK(used(TRACE_CREATED, "new", "") + used(TRACE_CREATED, "new", " digest") == 1);
	CHECK(used(TRACE_RENAMED, "new", moved) == 1);
	CHECK(used(TRACE_REMOVED, "newer", "") == 1);
	CHECK(used(TRACE_CREATED, "d", "") == 1 && used(TRACE_REMOVED, "d", "") == 1);
	CHECK(used(TRACE_CREATED, "l", "") == 1 && used(TRACE_REMOVED, "l", "") == 1);
	CHECK(used(TRACE_CHANGED, "data", "") == 1);
	CHECK(used(TRACE_MISSING, "gone", "") == 1 && used(TRACE_MISSING, "data/none", "") == 1);
	CHECK(used(TRACE_WROTE, "data", " digest") == 1);
	CHECK(used(TRACE_LISTED, "", "") + used(TRACE_LISTED, ".", "") <= 1);
	CHECK(images > 6 && replaced >= 6 && last_status == 0);
	CHECK(left_out == 0);
	sh("rm data");
}

static int count_events(void *ctx, struct trace_process *process, const struct trace_event *e,
			struct err *er)
{
	(void)er;
	CHECK(process && e->path[0]);
	*(size_t *)ctx += 1;
	return *(size_t *)ctx == 3 ? -EFBIG : 0;
}

/* A consumer's error ends the program, too. */
static void failing_consumer(void)
{
	size_t events = 0;
	const struct trace_consumer consumer = {.file = count_events, .ctx = &events};
	struct trace_result result;

	CHECK(trace_run(TRACE_FILTERED, start, (char *)"sleep 60; echo >over", &consumer, NULL,
			&result, &err) == -EFBIG);
	CHECK(events == 3 && access("over", F_OK) != 0);
	CHECK(waitpid(-1, NULL, WNOHANG) <= 0);
}

/* A record that reaches its bound counts, and the program goes on. */
static void bounded(void)
{
	struct recorder *recorder = recorder_begin(false, keep_record, NULL);
	struct trace_process process = {.pid = 1, .start = 1};
	struct trace_consumer c;
	char *path = malloc(PATH_MAX);

	MUST(path);
	recorder_consumer(recorder, &c);
	left_out = 0;
	strings_free(&uses);
	uses = (struct strings){0};
	CHECK(c.begin(c.ctx, &process, &err) == 0);
	memset(path, 'x', PATH_MAX);
	path[0] = '/';
	path[PATH_MAX - 1] = '\0';
	for (size_t i = 0; i < RECORD_MAX / PATH_MAX; i++) {
		snprintf(path + 1, 16, "%014zu", i);
		path[15] = 'x';
		MUST(c.file(c.ctx, &process,
			    &(struct trace_event){.kind = TRACE_MISSING, .path = path, .fd = -1},
			    &err) == 0);
	}
	CHECK(c.end(c.ctx, &process, 0, &err) == 0);
	CHECK(left_out > 0 && uses.count > 0);
	CHECK(uses.count + left_out == RECORD_MAX / PATH_MAX);
	recorder_end(&recorder);
	free(path);
}

/* Each architecture has numbers of its own. */
static void numbers(void)
{
	MUST(calls_prepare(&err) == 0);
#ifdef __x86_64__
	CHECK_STR(calls_find(AUDIT_ARCH_X86_64, SYS_openat)->name, "openat");
	CHECK_STR(calls_find(AUDIT_ARCH_X86_64, 0x40000000 | SYS_openat)->name, "openat");
	CHECK_STR(calls_find(AUDIT_ARCH_I386, 5)->name, "open");
	CHECK(calls_find(AUDIT_ARCH_I386, 90) == NULL); /* the old mmap(2) */
	CHECK_STR(calls_find(AUDIT_ARCH_I386, 192)->name, "mmap2");
	CHECK(calls_find(AUDIT_ARCH_X86_64, SYS_read) == NULL);
	CHECK(calls_find(AUDIT_ARCH_ARM, 5) == NULL);
#endif
}

int main(void)
{
	scratch_make();
	numbers();
	each_use(TRACE_ALL_CALLS);
	each_use(TRACE_FILTERED);
	failing_consumer();
	bounded();
	strings_free(&uses);
	scratch_remove();
	return test_end();
}
