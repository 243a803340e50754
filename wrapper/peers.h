/*
 * Mount propagation of a caller who may mount (mount_namespaces(7)): what the app mounts has to reach the caller's
 * namespace, and nothing that the wrapper mounts or unmounts may.
 *
 * A new namespace's mounts are peers of the caller's. The wrapper mounts and unmounts at a few places only: covered
 * directories, the app's path, its own directory, the mounts of an inherited view. So it takes the mounts on the way
 * to these places out of their peer groups, reads in the mount table that none of them is shared now, builds the view,
 * and then puts each into its group again (MOVE_MOUNT_SET_GROUP, Linux 5.15). The view's own mounts stay private. All
 * other mounts stay peers throughout.
 *
 *	caller's /   shared:1  ---------------------------------------  shared:1
 *	view's   /   shared:1 --peers_part--> private --the view's mounts--> peers_join--> shared:1
 *
 * Each function needs CAP_SYS_ADMIN in the effective set. Allocates nothing.
 */
#pragma once

#include "base/err.h"
#include "plan/read.h"
#include "wrapper/mounts.h"

#include <stdbool.h>

/* The descriptors that are open from peers_remember to peers_join. */
#define PEERS_DESCRIPTORS 2

/* Before unshare(2): remembers the caller's mounts. Returns false if the kernel is too old, if the caller may not mount
 * in this namespace, or without /proc. */
bool peers_remember(void);

/* After unshare(2): returns true once no mount on the way to a place of the plan (may be NULL) or of the inherited view
 * is shared, and none will be. False if that cannot be reached, because another mount hides such a mount, or because
 * there is no mount table: then all are peers, as after unshare(2). */
bool peers_part(const struct plan *plan, const struct mounts *mounts);

/* Puts the mounts that peers_part took out into their peer groups again, if it took any; the last step of building a
 * view. A mount that the caller has private stays private. */
int peers_join(struct err *err);
