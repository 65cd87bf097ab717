/* SPDX-License-Identifier: BSD-3-Clause */
/* `contact.request`, `accept`, `reject`, `remove`, `update`, `list`: who knows whom. */
#ifndef IM_BRIDGE_RPC_CONTACT_H
#define IM_BRIDGE_RPC_CONTACT_H

#include "rpc.h"

extern const struct rpc_method rpc_contact_methods[]; /* ends with name == NULL */

#endif
