/*
 * Errors carry their story up. A function that can fail returns 0 or a negative errno and, when it
 * fails, has filled the caller's struct err; only cli/ and wrapper/main.c print it.
 *
 *	if (fd < 0)
 *		return err_sys(err, errno, "cannot open %s", path);
 *	...
 *	r = plan_read(...);
 *	if (r < 0)
 *		return err_wrap(err, r, "cannot use the plan of %s", app);
 *
 * gives "cannot use the plan of /usr/bin/foo: cannot open /var/...: Permission denied".
 * A struct err is never NULL. Texts that do not fit are cut.
 */
#pragma once

#include <errno.h>

#define ERR_TEXT_MAX 1024

struct err {
	char text[ERR_TEXT_MAX];
};

/* Sets the text; returns -errnum (errnum is positive). */
int err_set(struct err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, then ": " and what errno(3) calls errnum. */
int err_sys(struct err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "... : " before the text that is there; returns r, the negative error that is handed up. */
int err_wrap(struct err *err, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Out of memory: "out of memory", -ENOMEM. */
int err_nomem(struct err *err);
