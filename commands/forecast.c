/*
 * apt's JSON hook (doc/json-hooks-protocol.md in apt's sources), which runs before apt asks for confirmation. apt
 * sends a greeting over a socket, and then the changes that it is about to make. The hook must never make apt
 * fail: apt complains about a hook that read the greeting and did not answer, but not about one that exited
 * before. So the last byte of the greeting stays unread until the answer is certain.
 */
#include "upgrade/forecast.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/paths.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "policy/policy.h"
#include "store/store.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HELLO_MAX (16u << 20)
#define MESSAGE_MAX (256u << 20)
#define METHOD "org.debian.apt.hooks.install."

/* Reads up to the second of the two newlines that end a message. That newline stays unread. */
static int read_hello(int fd, char **text, struct err *err)
{
	char part[4096];
	size_t len = 0, take;
	FILE *f = open_memstream(text, &len);
	bool ended = false, newline = false;
	ssize_t n = 0;

	if (!f)
		return err_nomem(err);
	for (size_t all = 0; !ended && all < HELLO_MAX; all += take) {
		n = recv(fd, part, sizeof part, MSG_PEEK);
		if (n <= 0)
			break;
		for (take = 0; take < (size_t)n && !ended; take++) {
			ended = newline && part[take] == '\n';
			newline = part[take] == '\n';
		}
		take -= ended;
		if (take && recv(fd, part, take, 0) != (ssize_t)take)
			break;
		fwrite(part, 1, take, f);
	}
	if (fclose(f) != 0)
		return err_nomem(err);
	return ended ? 0 : err_set(err, EPROTO, "apt's greeting is not complete");
}

/* *method is the moment to print at: after all of apt's lists, right before the question, if the protocol has this
 * moment. */
static int answer_hello(int fd, const char **method, struct err *err)
{
	static const char format[] =
		"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"version\":\"%s\"}}\n\n";
	AUTO_FREE char *hello = NULL;
	char answer[128];
	bool newer;
	int r;

	r = read_hello(fd, &hello, err);
	if (r < 0)
		return r;
	newer = strstr(hello, "\"0.2\"");
	if (!newer && !strstr(hello, "\"0.1\""))
		return err_set(err, EPROTO, "apt uses an unknown version of its hook protocol");
	*method = newer ? METHOD "statistics" : METHOD "pre-prompt";
	snprintf(answer, sizeof answer, format, newer ? "0.2" : "0.1");
	return file_write(fd, answer, strlen(answer), err);
}

/* The first message after the greeting; the one after it is a goodbye. */
static int read_message(int fd, char **data, const char **text, struct err *err)
{
	size_t len;
	char *end;
	int r = file_read(fd, MESSAGE_MAX, data, &len, err);

	if (r < 0)
		return r;
	*text = *data + strspn(*data, "\n");
	end = strstr(*text, "\n\n");
	if (end)
		*end = '\0';
	return 0;
}

static int foretell(const char *text, const char *method, char **line, struct err *err)
{
	AUTO_CHANGES struct changes changes = {0};
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_STORE struct store *store = NULL;
	struct err ignored;
	int r = changes_of_message(text, method, &changes, err);

	if (r < 0 || changes.count == 0)
		return r;
	r = policy_open(&policy, err);
	if (r < 0)
		return r;
	if (store_open(PINLIB_STORE, false, &store, &ignored) < 0)
		store = NULL;
	return forecast_line(policy, store, &changes, line, err);
}

static int talk_to_apt(int fd, char **line, struct err *err)
{
	AUTO_FREE char *data = NULL;
	const char *text = NULL, *method = NULL;
	int r = answer_hello(fd, &method, err);

	if (r == 0)
		r = read_message(fd, &data, &text, err);
	/* Messages of other moments, which may be long, are not parsed. */
	return r < 0 || !strstr(text, method) ? r : foretell(text, method, line, err);
}

static int run_forecast(int count, char **operands, struct err *err)
{
	const char *name = getenv("APT_HOOK_SOCKET");
	AUTO_FREE char *line = NULL;
	char *end;
	long fd = name && *name ? strtol(name, &end, 10) : -1;

	(void)count;
	(void)operands;
	if (fd < 0 || fd > INT_MAX || *end)
		return misused("only apt calls this hook: see 'pinlib keep'");
	if (talk_to_apt((int)fd, &line, err) < 0)
		warn("cannot tell which pinned programs apt is about to change: %s",
		     printable(err->text));
	else if (line)
		warn("%s", printable(line));
	return EXIT_OK;
}

const struct command command_forecast = {
	.name = "forecast",
	.summary = "Name the pinned programs that apt is about to change",
	.text = "apt calls it: see 'pinlib keep'.",
	.host = true,
	.run = run_forecast,
};
