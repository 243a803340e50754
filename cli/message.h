/* Messages on standard error. Each is one line, whatever the names in it hold. */
#pragma once

#include "base/err.h"

#include <stdarg.h>

/* "pinlib: TEXT", which with --json is also the "error" of the document; returns EXIT_FAIL. */
int failed(const struct err *err);
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A text after a prefix of the caller's. */
void put_message(const char *before, const char *text);
void put_message_args(const char *before, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

/* warn as a report_fn; ctx is not used. */
void warn_report(void *ctx, const char *text);
