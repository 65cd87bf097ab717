/* SPDX-License-Identifier: BSD-3-Clause */
/* `contact.request`, `accept`, `reject`, `remove`, `update`, `list`: who knows whom. */
#ifndef IM_BRIDGE_RPC_CONTACT_H
#define IM_BRIDGE_RPC_CONTACT_H

#include "bridge/rpc/rpc.h"

/* A user is going to be deleted: whoever has it as a contact, or a request from or to it, is told
 * and has it no more. For administration; to be called before the user's rows go. */
int contact_forget_user(struct rpc_write *wr, uint64_t user, struct im_str uid) IM_MUST_CHECK;

#endif
