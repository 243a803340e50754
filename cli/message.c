#include "cli/message.h"

#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/terminal.h"

#include <string.h>

void put_message(const char *before, const char *text)
{
	AUTO_FREE char *copy = strdup(text);

	progress_hide();
	fprintf(stderr, "%s%s\n", before, copy ? printable(copy) : "out of memory");
}

int failed(const struct err *err)
{
	fflush(stdout);
	put_message("pinlib: ", err->text);
	json_fail(err->text);
	return EXIT_FAIL;
}

void put_message_args(const char *before, const char *fmt, va_list args)
{
	AUTO_FREE char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	put_message(before, text ? text : fmt);
}

void warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_message_args("pinlib: ", fmt, args);
	va_end(args);
}

void warn_report(void *ctx, const char *text)
{
	(void)ctx;
	warn("%s", text);
}
