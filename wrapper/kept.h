/* Gives back to the app what the exec of the wrapper took from its caller (struct stub_kept). */
#pragma once

#include "base/err.h"
#include "plan/stub.h"

/* Without the capability, and before the app's filter. If the caller's parent died meanwhile, the process sends itself
 * the signal, as the kernel would have done. */
int kept_restore(const struct stub_kept *kept, struct err *err);
