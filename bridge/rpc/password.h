/* SPDX-License-Identifier: BSD-3-Clause */
/* What new passwords cost, and a hash of one with a fresh salt from the kernel, for whoever sets
 * one.
 */
#ifndef IM_BRIDGE_PASSWORD_H
#define IM_BRIDGE_PASSWORD_H

#include "bridge/directory/directory.h"
#include "bridge/rpc/rpc.h"
#include "common/err.h"
#include "common/pwhash.h"
#include "common/str.h"

/* About how long the engine's thread is busy with hashing one that is stored, and one that is new.
 */
int64_t password_change_ms(const struct rpc_settings *set, struct im_str stored);
/* Whether a look at this one would hold up that thread. */
bool password_holds_up(const struct rpc_settings *set, struct im_str stored);
/* Costs what the settings ask for (about 15 ms). IM_E_IO: no randomness; IM_E_NOMEM. */
int password_hash(const struct rpc_settings *set, struct im_str password,
	char phc_out[IM_PHC_MAX]) IM_MUST_CHECK;
/* Writes to the directory, in a transaction of its own, what that costs, unless it is there
 * already: the plugin spends as much on users who do not exist. */
int password_announce(struct directory *d, const struct rpc_settings *set) IM_MUST_CHECK;

#endif
