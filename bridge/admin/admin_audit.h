/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin command that shows the audit log. */
#ifndef IM_BRIDGE_ADMIN_AUDIT_H
#define IM_BRIDGE_ADMIN_AUDIT_H

#include "bridge/admin/command.h"

extern const struct admin_command admin_audit_commands[]; /* ends with name == NULL */

#endif
