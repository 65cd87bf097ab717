/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on devices (client ids): whose one is, and taking one from its user. */
#ifndef IM_BRIDGE_ADMIN_DEVICE_H
#define IM_BRIDGE_ADMIN_DEVICE_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_device_commands[]; /* ends with name == NULL */

#endif
