#include "cli/message.h"

#include "base/cleanup.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "cli/terminal.h"

#include <stdarg.h>
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
	return EXIT_FAIL;
}

void warn(const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	put_message("pinlib: ", text ? text : fmt);
}

void warn_report(void *ctx, const char *text)
{
	(void)ctx;
	warn("%s", text);
}
