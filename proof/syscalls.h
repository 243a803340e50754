/* Refuses the system calls that no loader makes to code that runs in a loader's place. */
#pragma once

#include "base/err.h"

/* Gives the calling process, which has no_new_privs, and every program that it executes a filter
 * that answers EPERM to calls for other processes, sockets, namespaces, mounts and large parts of
 * the kernel (bpf, io_uring, ...). Loaders of every age work under it. */
int syscalls_deny(struct err *err);
