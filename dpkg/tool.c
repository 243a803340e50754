#include "dpkg/tool.h"

#include "base/run.h"

#include <string.h>
#include <unistd.h>

bool dpkg_present(void)
{
	return access("/usr/bin/dpkg-query", X_OK) == 0;
}

/* Takes the prefix off the text, if the text begins with it. */
static bool cut_prefix(char *text, const char *prefix, const char *colon)
{
	size_t len = strlen(prefix);

	if (strncmp(text, prefix, len) != 0 || strncmp(text + len, colon, strlen(colon)) != 0)
		return false;
	memmove(text, text + len + strlen(colon), strlen(text + len + strlen(colon)) + 1);
	return true;
}

/* run_read has joined the lines by blanks. "W: a E: b E: c" becomes "b; c". */
static void join_errors(char *text)
{
	const char *first = strncmp(text, "E: ", 3) == 0 ? text : strstr(text, " E: ");
	char *next;

	if (!first)
		return;
	first = strstr(first, "E: ") + 3;
	memmove(text, first, strlen(first) + 1);
	while ((next = strstr(text, " E: "))) {
		memcpy(next, "; ", 2);
		memmove(next + 2, next + 4, strlen(next + 4) + 1);
	}
}

void tool_message(const char *program, struct err *err)
{
	static const char *const words[] = {"error", "unrecoverable fatal error, aborting"};
	char *text = err->text, *blanks;

	join_errors(text);
	cut_prefix(text, program, ": ");
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		cut_prefix(text, words[i], ": ");
	while ((blanks = strstr(text, "  ")))
		memmove(blanks, blanks + 1, strlen(blanks));
	if (*text == ' ')
		memmove(text, text + 1, strlen(text));
}

int dpkg_ask(const char *const argv[], char **text, struct err *err)
{
	int r = run_read(argv, NULL, DPKG_ANSWER_MAX, text, err);

	if (r > 0)
		tool_message(argv[0], err);
	if (r <= 1)
		return r;
	if (!err->text[0])
		return err_set(err, EIO, "%s %s failed with status %d", argv[0], argv[1], r);
	return err_wrap(err, -EIO, "%s %s failed", argv[0], argv[1]);
}
