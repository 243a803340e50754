#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append_text(struct err *err, const char *s)
{
	size_t used = strlen(err->text);

	snprintf(err->text + used, sizeof err->text - used, "%s", s);
}

int err_set(struct err *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return -errnum;
}

int err_sys(struct err *err, int errnum, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	append_text(err, ": ");
	append_text(err, strerror(errnum));
	return -errnum;
}

int err_wrap(struct err *err, int r, const char *fmt, ...)
{
	struct err inner = *err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	append_text(err, ": ");
	append_text(err, inner.text);
	return r;
}

int err_nomem(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}
