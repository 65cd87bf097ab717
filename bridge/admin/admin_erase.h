/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands by which users' words and names are erased. */
#ifndef IM_BRIDGE_ADMIN_ERASE_H
#define IM_BRIDGE_ADMIN_ERASE_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_erase_commands[]; /* ends with name == NULL */

#endif
