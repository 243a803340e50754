/*
 * Modules that a program loads later, by dlopen(3): drivers and plugins. The loader's trace does not
 * show them, but for many the directory is known: NSS modules that nsswitch.conf(5) names, PAM's, GL
 * and Vulkan drivers, plugins of GTK, GIO and Qt, extensions of Python and Perl. (gconv modules need
 * only glibc, which is one piece: view/glibc.h.)
 */
#pragma once

#include "base/cleanup.h"
#include "base/err.h"
#include "base/strings.h"
#include "loader/closure.h"

/* Checks each module that the app may load and that needs a pinned library. If the module lacks
 * something in the view but not on the live system, that is a remark. closure is the app's in its
 * view, and closure->own the ldview that read it. */
int dlopen_check(const struct closure *closure, struct strings *remarks, struct err *err);
