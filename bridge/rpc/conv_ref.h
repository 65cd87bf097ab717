/* SPDX-License-Identifier: BSD-3-Clause */
/* A conversation as a caller named it ("u/bob", "g/team"), found and checked: does the peer exist,
 * does the caller belong to the group, from where on may it be seen. */
#ifndef IM_BRIDGE_CONV_REF_H
#define IM_BRIDGE_CONV_REF_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/rpc/rpc.h"
#include "common/ids.h"

struct conv_ref {
	enum im_conv_kind kind;
	struct im_str name; /* borrowed from the parameters */
	struct im_str peer; /* uid or gid */
	uint64_t peer_id;   /* user or group */
	bool peer_gone;     /* a deleted user: what was said can be read */
	bool peer_deaf;     /* he takes nothing from anybody (IM_DIRECT_NOBODY) */
	uint64_t a, b;      /* as the log names it */
	uint64_t conv;      /* 0: nothing was ever sent in it, or set */
	/* groups */
	int group_kind, role;
	uint32_t members;
	int64_t slow_ms; /* least time between two messages of a plain member */
	bool history_all;
	uint64_t joined_seq;
};

/* Looks up the conversation named by this parameter; in a writing call as the transaction sees it,
 * which does not create it. Wire codes: INVALID_PARAMS, UNKNOWN_USER, UNKNOWN_GROUP (also a hidden
 * one that is not the caller's), NOT_MEMBER. */
int conv_ref_read(struct rpc_read *rd, const char *param, struct conv_ref *out) IM_MUST_CHECK;
int conv_ref_write(struct rpc_write *wr, const char *param, struct conv_ref *out) IM_MUST_CHECK;
/* What the caller keeps about it (all zero if nothing; draft copied nowhere: valid until the next
 * call on the directory). */
int conv_ref_user(struct rpc_call *c, const struct conv_ref *ref,
	struct directory_conv_user *out) IM_MUST_CHECK;
/* Messages with seq <= *out are not the caller's to see (view_floor). */
int conv_ref_floor(struct rpc_call *c, const struct conv_ref *ref, uint64_t *out) IM_MUST_CHECK;
/* Its newest message; seq 0: none. */
int conv_ref_read_head(
	struct rpc_read *rd, const struct conv_ref *ref, struct store_head *out) IM_MUST_CHECK;
int conv_ref_write_head(
	struct rpc_write *wr, const struct conv_ref *ref, struct store_head *out) IM_MUST_CHECK;

#endif
