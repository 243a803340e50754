/*
 * Licences: a short name of Debian's copyright-format 1.0, or an expression of such names, as an SPDX licence expression
 * (SPDX 2.3, annex D).
 *
 * | Debian writes                      | SPDX writes                          | because                                   |
 * |------------------------------------|--------------------------------------|-------------------------------------------|
 * | GPL-2+                             | GPL-2.0-or-later                     | a name of a table                         |
 * | gpl-2                              | GPL-2.0-only                         | Debian's names have no case               |
 * | Expat                              | MIT                                  |                                           |
 * | MIT, BSD, Artistic, public-domain  | nothing                              | several texts have such a name, or none   |
 * | A and B or C                       | A AND B OR C                         | "and" binds tighter in both               |
 * | A or B, and C                      | (A OR B) AND C                       | a comma binds less                        |
 * | A, B or C, and D                   | nothing                              | lists are not clear                       |
 * | GPL-2+ with Font exception         | GPL-2.0-or-later WITH Font-...-2.0   | the exception has one text                |
 * | GPL-2+ with OpenSSL exception      | nothing                              | each program words its own                |
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* *out, which the caller frees, is the expression, or NULL where it is not evident. -ENOMEM. */
int licence_expression(const char *debian, char **out, struct err *err);

/* Whether an expression is a single licence of the SPDX list. */
bool licence_is_single(const char *expression);
