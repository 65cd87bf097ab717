/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands by which announcements are made, followed and stopped. */
#ifndef IM_BRIDGE_ADMIN_ANNOUNCE_H
#define IM_BRIDGE_ADMIN_ANNOUNCE_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_announce_commands[]; /* ends with name == NULL */

#endif
