/* The first line of a script: which program it makes the kernel start (execve(2), "Interpreter
 * scripts"; env(1) for "#!/usr/bin/env NAME"). */
#pragma once

#include "base/err.h"
#include "base/sysroot.h"

#include <limits.h>
#include <stdbool.h>

/* Interpreters of one program that may be scripts themselves; the kernel takes no more. */
#define SHEBANG_DEPTH_MAX 5

/* Whether an executable program is at path. */
typedef bool shebang_has_fn(const void *ctx, const char *path);

/* A shebang_has_fn; ctx is a struct sysroot, whose view is looked into, or NULL. */
bool shebang_has(const void *sysroot, const char *path);

/* line is what follows "#!" (elf_info.shebang; NULL is -ENOEXEC). out gets the program that runs the
 * script. "env [-S] [VAR=x] NAME" means NAME, found in the standard PATH by has. Where wrapping put
 * pinlib's stub before the script's own interpreter, out is the latter. started (may be NULL) gets
 * what the kernel starts: env itself. */
int shebang_interpreter(const char *line, shebang_has_fn *has, const void *ctx,
			char started[PATH_MAX], char out[PATH_MAX], struct err *err);
