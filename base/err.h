/*
 * Error texts. A function that can fail returns 0 or a negative errno, and after a failure the caller's struct err holds
 * the text. Each level may prepend its own context; only cli/ and wrapper/main.c print the text.
 *
 *	if (fd < 0)
 *		return err_sys(err, errno, "cannot open %s", path);
 *	...
 *	r = plan_load(...);
 *	if (r < 0)
 *		return err_wrap(err, r, "cannot use the plan of %s", app);
 *
 * gives "cannot use the plan of /usr/bin/foo: cannot open /var/...: Permission denied".
 * A struct err is never NULL. A text that does not fit is truncated.
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

/* As err_set, then ": " and the strerror(3) of errnum. */
int err_sys(struct err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the new text and ": " before the present one; returns r, the negative error. */
int err_wrap(struct err *err, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "out of memory"; returns -ENOMEM. */
int err_nomem(struct err *err);
