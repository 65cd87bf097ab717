/* SPDX-License-Identifier: BSD-3-Clause */
/* What administrators' commands leave in the audit log (schema/audit.h), in the transaction of what
 * they change. Commands of the kind RPC_READ leave nothing. */
#ifndef IM_BRIDGE_AUDIT_H
#define IM_BRIDGE_AUDIT_H

#include "bridge/rpc/rpc.h"

/* A further thing to say of the command that is being carried out: `recallMessage` of whose. */
void audit_note(struct rpc_call *c, const char *member, struct im_str value);
/* The command is done, or was refused with this code. params: as they came, checked or not. */
int audit_command(struct rpc_call *c, struct im_str name, int code) IM_MUST_CHECK;

#endif
