/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of the groups that a user belongs to. Reads only; what a group shows beyond a line
 * of that list is rpc_group.c's. */
#include "bridge/rpc/methods/methods.h"

#include "bridge/directory/directory_group.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/write/group_change.h"
#include "common/jsonw.h"
#include "common/limits.h"

static int on_group(void *arg, const struct directory_group *g, int role)
{
	struct rpc_page *p = arg;

	im_buf_z(&p->one, "{\"gid\":");
	im_jsonw_str(&p->one, g->gid);
	im_jsonw_member_str(&p->one, "kind", im_str(group_kind_name(g->kind)));
	im_jsonw_member_str(&p->one, "name", g->name);
	im_jsonw_member_str(&p->one, "avatar", g->avatar);
	im_jsonw_member_int(&p->one, "members", g->members);
	im_jsonw_member_str(&p->one, "role", im_str(group_role_name(role)));
	im_buf_c(&p->one, '}');
	return rpc_page_add(p, g->gid);
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct rpc_page page;
	uint64_t after;
	int rc = group_ref_after(c, "next", rpc_str(c, "next"), &after);

	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&page, c->result, "groups", rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(&page,
		directory_memberships(c->dir, c->user, after, page.limit + 1, on_group, &page));
}

static const struct rpc_param list_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, IM_GID_MAX},
	{0},
};

const struct rpc_method rpc_group_list_methods[] = {
	{"group.list", RPC_READ, list_params, .read = list_call},
	{0},
};
