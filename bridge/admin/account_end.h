/* SPDX-License-Identifier: BSD-3-Clause */
/* How a user's account ends: deleted, or its words and name taken out of what is stored. By an
 * administrator's command, or again by what the list of erasures says. Inside the engine's
 * transaction. */
#ifndef IM_BRIDGE_ACCOUNT_END_H
#define IM_BRIDGE_ACCOUNT_END_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc.h"
#include "common/limits.h"

/* A user without the directory's strings. */
struct account {
	uint64_t id;
	int64_t created_ms;
	bool disabled, deleted;
	char uid[IM_UID_MAX + 1];
};
struct account account_of(const struct directory_user *u);

/* Takes the user out of every group, marks him deleted, disconnects him. */
int account_delete(struct rpc_write *wr, const struct account *a) IM_MUST_CHECK;
/* From now on the user's words are to go; with hash (of n bytes) his name as well, which is his
 * number at once. He is deleted, or disabled and then stays so. asked_ms: when it was asked for
 * first. */
int account_erase(struct rpc_write *wr, const struct account *a, struct im_str hash,
	int64_t asked_ms, uint64_t *id_out) IM_MUST_CHECK;
/* Words of this user are being erased: he cannot come back before that is done. */
int account_busy(struct rpc_call *c, uint64_t user, bool *out) IM_MUST_CHECK;
/* His name is gone, and what he is called is no name to log in by. */
int account_nameless(struct rpc_call *c, uint64_t user, bool *out) IM_MUST_CHECK;

#endif
