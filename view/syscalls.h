/* What no loader needs, refused to code that runs in its place. */
#pragma once

#include "base/err.h"

/* Gives the calling process, which has no_new_privs, and all that it executes a system-call filter
 * that answers EPERM: no other process, socket, namespace or mount, no look into others, and none
 * of the kernel's large machines (bpf, io_uring, ...). Loaders of every age go on without it. */
int syscalls_deny(struct err *err);
