/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on users. */
#ifndef IM_BRIDGE_ADMIN_USER_H
#define IM_BRIDGE_ADMIN_USER_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_user_commands[]; /* ends with name == NULL */

#endif
