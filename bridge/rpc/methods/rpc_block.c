/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the changing and listing of blocks; the plugin and intake enforce them. */
#include "bridge/rpc/methods/methods.h"

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/methods/rpc_user.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"

static int tell(struct rpc_write *wr, struct im_str uid, bool blocked)
{
	struct rpc_call *c = &wr->call;
	struct event e;
	int rc;

	event_block(&e, uid, blocked);
	rc = writer_event(wr->writer, c->user, c->uid, &e);
	event_clear(&e);
	return rc;
}

static int change(struct rpc_write *wr, bool block)
{
	struct rpc_call *c = &wr->call;
	struct im_str uid = rpc_str(c, "uid");
	struct directory_user u;
	uint64_t peer;
	bool has;
	/* A block outlives the account, and who has made it can take it back. */
	int rc = block ? rpc_user(c, uid, &u) : rpc_user_past(c, uid, &u);

	if (rc != IM_OK)
		return rc;
	peer = u.id;
	if (peer == c->user)
		return rpc_fail(
			c, IM_E_INVALID_PARAMS, "params.uid is yourself; give another user's id");
	rc = directory_block_has(c->dir, c->user, peer, &has);
	if (rc != IM_OK || has == block)
		return rc == IM_OK ? rpc_changed(c, false) : rc;
	rc = block ? directory_block_add(c->dir, c->user, peer, c->now_ms)
		   : directory_block_remove(c->dir, c->user, peer);
	if (rc == IM_OK)
		rc = tell(wr, uid, block);
	if (rc != IM_OK)
		return rc;
	/* The plugin may know the pair from either side. */
	effects_forget_user(writer_effects(wr->writer), c->uid);
	effects_forget_user(writer_effects(wr->writer), uid);
	return rpc_changed(c, true);
}

static int add_call(struct rpc_write *wr)
{
	return change(wr, true);
}

static int remove_call(struct rpc_write *wr)
{
	return change(wr, false);
}

static int on_blocked(void *arg, const struct directory_user *u)
{
	struct rpc_page *p = arg;

	im_buf_z(&p->one, "{\"uid\":");
	im_jsonw_str(&p->one, u->uid);
	user_put_shown(&p->one, u->nick, u->avatar, u->rev);
	im_buf_z(&p->one, u->deleted ? ",\"deleted\":true}" : "}");
	return rpc_page_add(p, u->uid);
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct rpc_page page;
	uint64_t after;
	int rc = rpc_after_user(c, "next", &after);

	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&page, c->result, "blocks", rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(&page,
		directory_block_list(c->dir, c->user, after, page.limit + 1, on_blocked, &page));
}

static const struct rpc_param one_params[] = {
	{"uid", RPC_STRING, true, 1, IM_UID_MAX},
	{0},
};

static const struct rpc_param list_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, IM_UID_MAX},
	{0},
};

const struct rpc_method rpc_block_methods[] = {
	{"block.add", RPC_DIRECTORY, one_params, .write = add_call},
	{"block.remove", RPC_DIRECTORY, one_params, .write = remove_call},
	{"block.list", RPC_READ, list_params, .read = list_call},
	{0},
};
