/*
 * What names, paths and link targets may look like. All that comes into the store and all that is
 * read back from it passes here. Each function returns NULL, or what is wrong, as the end of a
 * sentence about it ("has a control character").
 */
#pragma once

#include <limits.h>
#include <stddef.h>

const char *text_fault(const char *s);	       /* UTF-8 without control characters, not empty */
const char *text_label_fault(const char *s);   /* a library's name */
const char *text_version_fault(const char *s); /* a library's version */
const char *text_arch_fault(const char *s);

/* Absolute and normalised, components of 1 to 255 bytes, PATH_MAX in all, no ".wh." (an overlay's
 * whiteout to some tools). */
const char *text_path_fault(const char *path);

/* A link's target, seen from the link's path: relative or absolute, but not above the root. */
const char *text_target_fault(const char *path, const char *target);

/* The path that an archive member or a tree's file stands for: "./usr//lib/" is "/usr/lib", "./"
 * is "/". out is text_path_fault-free (or "/") if NULL is returned. */
const char *text_member_path(const char *member, char out[PATH_MAX]);

/* For error texts: what came from outside, cut, with control characters and broken UTF-8 as \xNN.
 */
#define TEXT_SHOWN 256
const char *text_shown(const char *s, char buf[TEXT_SHOWN]);
