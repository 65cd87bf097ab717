/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands by which users' words and names are erased. */
#ifndef IM_BRIDGE_ADMIN_ERASE_H
#define IM_BRIDGE_ADMIN_ERASE_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_erase_commands[]; /* ends with name == NULL */

#endif
