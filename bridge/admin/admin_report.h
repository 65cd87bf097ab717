/* SPDX-License-Identifier: BSD-3-Clause */
/* The admin commands on reported messages: list, close. */
#ifndef IM_BRIDGE_ADMIN_REPORT_H
#define IM_BRIDGE_ADMIN_REPORT_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method admin_report_commands[]; /* ends with name == NULL */

#endif
