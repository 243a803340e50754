/* Reading plans. This and what it includes is all of pinlib that the wrapper is linked with:
 * no allocation, no library but libc. */
#pragma once

#include "base/cover.h"
#include "base/err.h"
#include "plan/format.h"

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/* A validated plan. The pointers point into the buffer that was parsed and live as long. */
struct plan {
	enum plan_kind kind;
	enum plan_on_failure on_failure;
	uint32_t version; /* of the format that was read; plan_encode writes PLAN_VERSION */
	uint64_t generation;
	const char *app;
	const char *real;
	const char *label;
	size_t ncovers;
	struct cover covers[PLAN_COVERS_MAX];
	const struct sock_filter *filter; /* NULL: none */
	size_t filter_ops;
};

/* The file name of an app's plan. -ENAMETOOLONG if it has no room in a file name (app paths of
 * some 240 bytes), -EINVAL if app is not an absolute path. */
int plan_file_name(const char *app, char name[NAME_MAX + 1], struct err *err);

/* Decides whether len bytes at data are a plan; every offset passes through one check. data needs
 * 8-byte alignment. -EBADMSG: damaged or not a plan; -EPROTO: made by another version of pinlib,
 * and not one that is still read. */
int plan_parse(const void *data, size_t len, struct plan *plan, struct err *err);

/* A plan with the bytes it points into. */
struct plan_file {
	struct plan plan;
	_Alignas(8) char data[PLAN_SIZE_MAX];
};

/* Opens dir, checks through the descriptor that it is root's (user number root: 0, but for what
 * a user namespace makes of it) and that nobody else can write it, the same for the app's plan in
 * it (which must be a regular file), reads it into memory, parses it, and checks that it is the
 * plan of app. -ENOENT, with no text worth printing, if app has no plan (or dir does not exist);
 * -EPERM if somebody else could have written it. */
int plan_load(const char *dir, const char *app, uid_t root, struct plan_file *out, struct err *err);

/* The checksum of the format, with the crc field taken as 0. */
uint32_t plan_crc(const void *data, size_t len);
