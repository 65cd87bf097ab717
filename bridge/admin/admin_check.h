/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin command that shows what earlier versions let happen to names. */
#ifndef IM_BRIDGE_ADMIN_CHECK_H
#define IM_BRIDGE_ADMIN_CHECK_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_check_commands[]; /* ends with name == NULL */

#endif
