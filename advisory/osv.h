/* Records of the OSV schema (https://ossf.github.io/osv-schema/), one at a time, in a confined process. */
#pragma once

#include "advisory/advice.h"
#include "advisory/judged.h"

#include <stddef.h>

/* Longer records are refused. */
#define OSV_RECORD_MAX ((size_t)16 << 20)

struct osv;

/* Before the process is confined; NULL: out of memory. */
struct osv *osv_new(const struct judged_index *index);
void osv_free(struct osv **osv);

/* Sends the hits of one record, and a problem if it is not one or cannot be judged. Returns its time of modification,
 * INT64_MIN: none. text has len bytes and a NUL; member is its name, for messages. */
int64_t osv_judge(struct osv *osv, const char *text, size_t len, const char *member);

/* Sends a RELEASE for each release of Debian that a record told of. */
void osv_tell_releases(const struct osv *osv);
