/* SPDX-License-Identifier: BSD-3-Clause */
/* What the client ids of a device account begin with: `setUserBind`. */
#ifndef IM_BRIDGE_ADMIN_BIND_H
#define IM_BRIDGE_ADMIN_BIND_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_bind_commands[]; /* ends with name == NULL */

#endif
