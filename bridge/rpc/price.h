/* SPDX-License-Identifier: BSD-3-Clause */
/* What reading requests cost: one table. Writing methods pay as they go, because what they cost is
 * known on the way (see rpc_pay). */
#ifndef IM_BRIDGE_PRICE_H
#define IM_BRIDGE_PRICE_H

#include <jansson.h>
#include <stdint.h>

#include "bridge/rpc/rpc.h"

/* In the units of cost.h; 0 for what costs no more than coming in. */
int64_t price_of(const struct rpc_method *m, const json_t *params);

#endif
