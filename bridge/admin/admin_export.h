/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IM_BRIDGE_ADMIN_EXPORT_H
#define IM_BRIDGE_ADMIN_EXPORT_H

#include "bridge/admin/command.h"

/* Ends with name == NULL. */
extern const struct admin_command admin_export_commands[];

#endif
