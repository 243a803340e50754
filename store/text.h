/*
 * The form of names, paths and link targets. Everything that comes into the store, and everything
 * that is read back from it, passes these functions. The _fault functions return NULL, or the fault
 * as the end of a sentence about the text ("has a control character").
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

const char *text_fault(const char *s);	       /* UTF-8 without control characters, not empty */
const char *text_label_fault(const char *s);   /* a library's name */
const char *text_version_fault(const char *s); /* a library's version */
const char *text_arch_fault(const char *s);

/* Absolute and normalised, components of 1 to 255 bytes, PATH_MAX in all, no ".wh." (an overlay's
 * whiteout to some tools). */
const char *text_path_fault(const char *path);

/* The target of the link at path: relative or absolute, but not above the root. */
const char *text_target_fault(const char *path, const char *target);

/* Writes the absolute path of an archive's member or a tree's file: "/usr/lib" for "./usr//lib/",
 * "/" for "./". Returns NULL, and then out has no text_path_fault or is "/"; else the fault. */
const char *text_member_path(const char *member, char out[PATH_MAX]);

/* A file's time: whole seconds since 1970, from 1901 to 2446, as ext4 can keep it. Reads decimal digits
 * without leading zeros, after a "-" before 1970. */
#define TIME_EARLIEST (-(INT64_C(1) << 31))
#define TIME_LATEST ((INT64_C(1) << 34) - (INT64_C(1) << 31) - 1)
bool text_time(const char *s, int64_t *out);
int64_t text_time_near(int64_t time); /* the nearest one within that range */

/* A foreign text for an error message: shortened, with control characters and broken UTF-8 as \xNN.
 * Returns buf. */
#define TEXT_SHOWN 256
const char *text_shown(const char *s, char buf[TEXT_SHOWN]);
