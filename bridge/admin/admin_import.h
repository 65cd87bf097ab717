/* SPDX-License-Identifier: BSD-3-Clause */
/* Making many users at once, with passwords that are hashed already. */
#ifndef IM_BRIDGE_ADMIN_IMPORT_H
#define IM_BRIDGE_ADMIN_IMPORT_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_import_commands[];

#endif
