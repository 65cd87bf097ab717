/* SPDX-License-Identifier: BSD-3-Clause */
/* The method by which a member reports a message to the administrators: msg.report. */
#ifndef IM_BRIDGE_RPC_REPORT_H
#define IM_BRIDGE_RPC_REPORT_H

#include "bridge/rpc/rpc.h"

extern const struct rpc_method rpc_report_methods[]; /* ends with name == NULL */

#endif
