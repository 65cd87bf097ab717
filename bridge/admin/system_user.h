/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The user by the name `system`, which nobody else can have: he says what the node says to its
 * users, has no login, and takes no messages.
 */
#ifndef IM_BRIDGE_SYSTEM_USER_H
#define IM_BRIDGE_SYSTEM_USER_H

#include <stdint.h>

#include "bridge/rpc/rpc.h"
#include "common/err.h"

#define SYSTEM_USER "system"

/* His number; 0: there is none yet. */
int system_user_id(struct directory *d, uint64_t *id_out) IM_MUST_CHECK;
/* The same; makes him, in the open transaction. CONFLICT: somebody of an earlier version is called
 * so. NOT_ALLOWED: he was deleted. */
int system_user_make(struct rpc_call *c, uint64_t *id_out) IM_MUST_CHECK;

#endif
