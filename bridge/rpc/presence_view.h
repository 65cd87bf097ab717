/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a caller sees how present somebody is. Who may not see a user sees it offline, so that
 * nobody learns from an answer that he is blocked. */
#ifndef IM_BRIDGE_PRESENCE_VIEW_H
#define IM_BRIDGE_PRESENCE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/rpc/rpc.h"

/* Asks the directory: strings that it has returned before are void. gone: the user was deleted. */
int presence_visible(struct rpc_call *c, uint64_t user, bool gone, bool *out) IM_MUST_CHECK;

#endif
