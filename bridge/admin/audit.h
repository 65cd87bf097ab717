/* SPDX-License-Identifier: BSD-3-Clause */
/* What administrators' commands leave in the audit log (schema/audit.h), in the transaction of what
 * they change. Commands of the kind ADMIN_LOOK leave nothing. */
#ifndef IM_BRIDGE_AUDIT_H
#define IM_BRIDGE_AUDIT_H

#include "bridge/admin/command.h"

/* A further thing to say of the command that is being carried out: `recallMessage` of whose. */
void audit_note(struct admin_call *ac, const char *member, struct im_str value);
/* The command is done, or was refused with this code. params: as they came, checked or not. */
int audit_command(struct admin_call *ac, struct im_str name, int code) IM_MUST_CHECK;

#endif
