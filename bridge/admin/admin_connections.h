/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin command that says which of a user's devices are connected, and at which broker. */
#ifndef IM_BRIDGE_ADMIN_CONNECTIONS_H
#define IM_BRIDGE_ADMIN_CONNECTIONS_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_connections_commands[]; /* ends with name == NULL */

#endif
