/*
 * What a program loads late, by dlopen(3): drivers and plugins. The loader's trace says nothing of
 * them, but for many it is known where they lie: NSS modules that nsswitch.conf(5) names, PAM's,
 * GL and Vulkan drivers, plugins of GTK, GIO and Qt, extension modules of Python and Perl. (gconv
 * modules need nothing but glibc, which is one piece: view/glibc.h.)
 */
#pragma once

#include "base/err.h"
#include "base/strings.h"
#include "loader/closure.h"
#include "view/verdict.h"

/* closure is the app's in its view, by closure_read, whose scan is used on. Each module that the
 * app may load and that needs a pinned library is looked at: what it misses in the view, and has on
 * the live system, is a remark. */
int dlopen_check(const struct closure *closure, struct strings *remarks, struct err *err);
