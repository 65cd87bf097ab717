/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin command that shows what earlier versions let happen to names. */
#ifndef IM_BRIDGE_ADMIN_CHECK_H
#define IM_BRIDGE_ADMIN_CHECK_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_check_commands[]; /* ends with name == NULL */

#endif
