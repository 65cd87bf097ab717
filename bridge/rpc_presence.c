/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the answer about presence, from the directory's marks. Reads only. */
#include "rpc_presence.h"

#include "../common/jsonw.h"
#include "../common/limits.h"
#include "directory_user.h"
#include "rpc_args.h"

static int put_user(struct rpc_call *c, struct im_str uid)
{
	struct directory_user u;
	bool blocked, online;
	int64_t seen_ms;
	int rc = rpc_user(c, uid, &u);

	if (rc != IM_OK)
		return rc;
	online = u.online;
	seen_ms = u.seen_ms;
	/* Who has blocked the caller is offline to the caller. */
	rc = directory_block_has(c->dir, u.id, c->user, &blocked);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"uid\":");
	im_jsonw_str(c->result, uid);
	im_jsonw_member_str(
		c->result, "state", online && !blocked ? IM_STR("online") : IM_STR("offline"));
	if (seen_ms > 0 && !blocked)
		im_jsonw_member_int(c->result, "seen", seen_ms);
	im_buf_c(c->result, '}');
	return IM_OK;
}

static int get_call(struct rpc_call *c)
{
	size_t n = rpc_list_size(c, "uids");
	int rc = IM_OK;

	im_buf_z(c->result, "{\"users\":[");
	for (size_t i = 0; rc == IM_OK && i < n; i++) {
		if (i > 0)
			im_buf_c(c->result, ',');
		rc = put_user(c, rpc_list_str(c, "uids", i));
	}
	im_buf_z(c->result, "]}");
	return rc != IM_OK ? rc : c->result->failed ? IM_E_NOMEM : IM_OK;
}

static const struct rpc_param get_params[] = {
	{"uids", RPC_STRINGS, true, 1, IM_PAGE_MAX},
	{0},
};

const struct rpc_method rpc_presence_methods[] = {
	{"presence.get", RPC_READ, get_params, get_call},
	{0},
};
