/* Reads plans (plan/format.h). Allocates nothing and uses only libc, since the wrapper is linked with it. */
#pragma once

#include "base/cover.h"
#include "base/err.h"
#include "plan/format.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A validated plan. Its pointers point into the buffer that was parsed, and are valid as long as that. */
struct plan {
	enum plan_kind kind;
	enum plan_on_failure on_failure;
	uint64_t generation;
	const char *app;
	const char *real;
	const char *program; /* equals real unless a pinned version supplies the program */
	const char *at;	     /* equals app unless `set --as` shows a program of another path */
	const char *label;
	size_t ncovers;
	struct cover covers[PLAN_COVERS_MAX];
	const struct sock_filter *filter; /* NULL: none */
	size_t filter_ops;
	const struct plan_seal *seal; /* NULL: the app has a view */
};

/* Whether a pinned version supplies the program, and not the live system. */
bool plan_is_supplied(const struct plan *plan);

/* The name of an app's plan file. -ENAMETOOLONG if it is longer than NAME_MAX (app paths from some 240 bytes on),
 * -EINVAL if app is not an absolute path. */
int plan_file_name(const char *app, char name[NAME_MAX + 1], struct err *err);

/* Validates len bytes at data, aligned to 8 bytes; every offset passes through the same check. -EBADMSG: a damaged plan,
 * or no plan; -EPROTO: another format than PLAN_VERSION. */
int plan_parse(const void *data, size_t len, struct plan *plan, struct err *err);

/* A plan with its buffer. */
struct plan_file {
	struct plan plan;
	_Alignas(8) char data[PLAN_SIZE_MAX];
};

/* Reads and parses the plan of app in the directory dir. Checks through the descriptors of dir and plan that only root
 * can write them, that the plan is a regular file, and that it is for this app. root: root's user number as it appears
 * in this user namespace. -ENOENT, without a text worth printing, if app has no plan or dir does not exist; -EPERM if
 * another user could have written the plan; where the kernel refuses to open it, -EACCES. */
int plan_load(const char *dir, const char *app, uid_t root, struct plan_file *out, struct err *err);

/* The checksum of the file, with its crc field taken as 0. */
uint32_t plan_crc(const void *data, size_t len);
