/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns who may recall a message, and for how long. What a recall writes is recall.c's. */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_group.h"
#include "bridge/message/meta.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/recall.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonscan.h"
#include "common/limits.h"

static int may_recall(struct rpc_call *c, const struct conv_ref *ref, const struct msg_target *t)
{
	if (ref->kind == IM_CONV_GROUP && ref->role >= DIRECTORY_GROUP_ADMIN)
		return IM_OK;
	if (t->m.sender != c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"only the sender recalls a message (in groups the admins too)");
	return msg_in_time(c, t);
}

/* In a group everybody is told, and each edit is written again. */
static int pay(struct rpc_write *wr, const struct conv_ref *ref, const struct msg_target *t)
{
	int64_t edits = im_json_number_in(meta_get(t->m.meta, "edited"), "count");
	int rc = rpc_pay(wr, COST_MESSAGE * edits);

	return rc == IM_OK ? msg_pay(wr, ref, 0) : rc;
}

static int recall(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t)
{
	struct rpc_call *c = &wr->call;
	struct recall r = {.conv = ref->conv, .by = c->uid};
	uint64_t seq;
	int rc = pay(wr, ref, t);

	if (rc != IM_OK)
		return rc;
	msg_from_caller(wr, ref, &r.say);
	rc = recall_write(wr, &r, t, &seq);
	return rc == IM_OK ? msg_put_seq(c, seq, true) : rc;
}

/* Who was blocked takes nothing back either: what was said stays for who was told it. */
static int may_reach(struct rpc_call *c, const struct conv_ref *ref)
{
	return ref->kind == IM_CONV_USER ? msg_not_blocked(c, ref->peer_id) : IM_OK;
}

static int take_back(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t)
{
	struct rpc_call *c = &wr->call;
	int rc;

	if (t->m.recalled)
		return rpc_changed(c, false);
	rc = may_recall(c, ref, t);
	if (rc == IM_OK)
		rc = may_reach(c, ref);
	return rc == IM_OK ? recall(wr, ref, t) : rc;
}

static int recall_call(struct rpc_write *wr)
{
	return msg_target_call(wr, take_back);
}

static const struct rpc_param recall_params[] = {MSG_TARGET_PARAMS, {0}};

const struct rpc_method rpc_recall_methods[] = {
	{"msg.recall", RPC_LOG, recall_params, .write = recall_call},
	{0},
};
