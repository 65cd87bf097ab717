/* SPDX-License-Identifier: BSD-3-Clause */
/* What one user may do within a day, where the server's word is not right: `setUserQuota`. */
#ifndef IM_BRIDGE_ADMIN_QUOTA_H
#define IM_BRIDGE_ADMIN_QUOTA_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_quota_commands[]; /* ends with name == NULL */

#endif
