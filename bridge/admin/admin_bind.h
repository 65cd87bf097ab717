/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client ids of a device account begin with: `setUserBind`. */
#ifndef IM_BRIDGE_ADMIN_BIND_H
#define IM_BRIDGE_ADMIN_BIND_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_bind_commands[]; /* ends with name == NULL */
/* Appends the pattern as JSON, "none" if there is none. */
int admin_bind_put(struct directory *d, uint64_t user, struct im_buf *out) IM_MUST_CHECK;

/* Whether the broker's plugin knows device accounts, or refuses for it: one of the version before
 * would let them in as people, and their ids go to others. */
int admin_bind_known(struct admin_call *ac) IM_MUST_CHECK;

#endif
