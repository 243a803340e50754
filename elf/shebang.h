/* The first line of a script: which program it makes the kernel start (execve(2), "Interpreter
 * scripts"; env(1) for "#!/usr/bin/env NAME"). */
#pragma once

#include "base/err.h"
#include "base/sysroot.h"

#include <limits.h>
#include <stddef.h>

/* Interpreters of one program that may be scripts themselves; the kernel takes no more. */
#define SHEBANG_DEPTH_MAX 5

/* The words of the line that matter; line is what follows "#!" (elf_info.shebang; NULL is -ENOEXEC). started gets the
 * program that the kernel starts, word the program that runs the script: in "env [-S] [VAR=x] NAME" that is NAME, which may
 * have no '/'; elsewhere both are the same. Where wrapping put pinlib's stub before the script's own interpreter, it is the
 * latter. */
int shebang_words(const char *line, char started[PATH_MAX], char word[PATH_MAX], struct err *err);

/* The directories of the standard PATH, in which env(1) looks for NAME; NULL after the last. */
const char *shebang_dir(size_t n);

/* out gets the program that runs the script, a NAME from the standard PATH of the view that sysroot describes; started, which
 * may be NULL, is as above. */
int shebang_interpreter(const char *line, const struct sysroot *sysroot, char started[PATH_MAX],
			char out[PATH_MAX], struct err *err);
