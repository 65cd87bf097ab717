/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the answer about presence, from the directory's marks. Reads only. */
#include "rpc_presence.h"

#include "../common/jsonw.h"
#include "../common/limits.h"
#include "directory_user.h"
#include "rpc_args.h"

/* Who may not see a user sees it offline; who has blocked the caller is not to be seen either. */
static int may_see(struct rpc_call *c, uint64_t user, bool *out)
{
	bool blocked = false;
	int rc;

	*out = user == c->user;
	if (*out || c->set->presence_policy == 2)
		return IM_OK;
	rc = directory_block_has(c->dir, user, c->user, &blocked);
	*out = !blocked;
	if (rc == IM_OK && !blocked && c->set->presence_policy == 1)
		rc = directory_contact_has(c->dir, user, c->user, out);
	return rc;
}

static int put_user(struct rpc_call *c, struct im_str uid)
{
	struct directory_user u;
	bool visible, online;
	int64_t seen_ms;
	int rc = rpc_user(c, uid, &u);

	if (rc != IM_OK)
		return rc;
	online = u.online;
	seen_ms = u.seen_ms;
	rc = may_see(c, u.id, &visible);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"uid\":");
	im_jsonw_str(c->result, uid);
	im_jsonw_member_str(
		c->result, "state", online && visible ? IM_STR("online") : IM_STR("offline"));
	if (seen_ms > 0 && visible)
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
