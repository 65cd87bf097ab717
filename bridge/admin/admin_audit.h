/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin command that shows the audit log. */
#ifndef IM_BRIDGE_ADMIN_AUDIT_H
#define IM_BRIDGE_ADMIN_AUDIT_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_audit_commands[]; /* ends with name == NULL */

#endif
