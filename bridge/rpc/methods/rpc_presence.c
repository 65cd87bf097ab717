/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the answer about presence, from the directory's marks, and what a device says of itself.
 * Must not know how presence is told. */
#include "bridge/rpc/methods/methods.h"

#include "bridge/base/cost.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/presence_view.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_named.h"
#include "common/jsonw.h"
#include "common/limits.h"

static int put_user(struct rpc_call *c, struct im_str uid, struct im_buf *b)
{
	struct directory_user u;
	bool visible, gone;
	int state;
	int64_t seen_ms;
	int rc = rpc_user_past(c, uid, &u);

	if (rc != IM_OK)
		return rc;
	state = u.online;
	seen_ms = u.deleted ? 0 : u.seen_ms;
	gone = u.deleted;
	rc = presence_visible(c, u.id, gone, &visible);
	if (rc != IM_OK)
		return rc;
	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, uid);
	im_jsonw_member_str(
		b, "state", im_str(presence_state_name(visible ? state : PRESENCE_OFFLINE)));
	if (seen_ms > 0 && visible)
		im_jsonw_member_int(b, "seen", seen_ms);
	if (gone)
		im_buf_z(b, ",\"deleted\":true");
	im_buf_c(b, '}');
	return IM_OK;
}

static int get_call(struct rpc_read *rd)
{
	return rpc_named(&rd->call, "uids", "users", put_user);
}

/* Of the calling device, until it connects anew. Told to those who watch, as every change of
 * presence is; what the directory keeps of it follows with the telling. */
static int set_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct im_str word = rpc_str(c, "state");
	int state = presence_state_parse(word);
	bool changed;
	int rc;

	if (state <= PRESENCE_OFFLINE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.state is \"%.*s\"; give \"online\", \"away\" or \"suspended\"",
			IM_ARGS(word));
	/* However many watch; saying what is so already costs the same and is as seldom. */
	rc = rpc_pay(wr, COST_PRESENCE);
	if (rc != IM_OK)
		return rc;
	rc = presence_set(wr->presence, c->uid, c->device, state, c->now_ms, &changed);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"this device is not connected; connect, then say how present it is");
	return rc == IM_OK ? rpc_changed(c, changed) : rc;
}

static const struct rpc_param set_params[] = {
	{"state", RPC_STRING, true, 1, 16},
	{0},
};

static const struct rpc_param get_params[] = {
	{"uids", RPC_STRINGS, true, 1, IM_PAGE_MAX},
	{0},
};

const struct rpc_method rpc_presence_methods[] = {
	{"presence.get", RPC_READ, get_params, .read = get_call},
	{"presence.set", RPC_PRESENCE, set_params, .write = set_call},
	{0},
};
