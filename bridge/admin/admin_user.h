/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on users. */
#ifndef IM_BRIDGE_ADMIN_USER_H
#define IM_BRIDGE_ADMIN_USER_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_user_commands[]; /* ends with name == NULL */

#endif
