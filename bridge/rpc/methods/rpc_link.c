/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the making, listing and revoking of links into a group. How somebody comes in by one is
 * rpc_member.c's, what it lets him see group_link.c's. */
#include "bridge/rpc/methods/methods.h"

#include "bridge/base/cost.h"
#include "bridge/directory/directory_link.h"
#include "bridge/rpc/group_link.h"
#include "bridge/rpc/random_name.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"

/* -- group.link -- */

static int check_count(struct rpc_call *c, uint64_t group)
{
	uint64_t n;
	int rc = directory_link_count(c->dir, group, c->now_ms, &n);

	if (rc == IM_OK && n >= IM_LINKS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"this group has as many links as it may, %d; end some with group.unlink",
			IM_LINKS_MAX);
	return rc;
}

static int make(struct rpc_call *c, const struct group_ref *ref)
{
	char secret[GROUP_LINK_CHARS + 1], name[GROUP_LINK_NAME + 1], hash[GROUP_LINK_HASH];
	struct directory_link l = {.hash = {hash, sizeof(hash)},
		.name = {name, GROUP_LINK_NAME},
		.group = ref->row.id,
		.user = c->user,
		.created_ms = c->now_ms,
		.expires_ms = c->now_ms + 1000 * rpc_int(c, "seconds", IM_LINK_SECONDS_DEFAULT),
		.uses = (uint32_t)rpc_int(c, "uses", IM_LINK_USES_DEFAULT)};
	int rc = random_name(secret, GROUP_LINK_CHARS);

	if (rc == IM_OK)
		rc = random_name(name, GROUP_LINK_NAME);
	if (rc == IM_OK)
		rc = group_link_hash(im_str(secret), hash);
	if (rc == IM_OK)
		rc = directory_link_add(c->dir, &l);
	if (rc != IM_OK)
		return rc;
	im_buf_printf(c->result, "{\"link\":\"%s\",\"id\":\"%s\"", secret, name);
	im_jsonw_member_int(c->result, "uses", l.uses);
	im_jsonw_member_int(c->result, "expires", l.expires_ms);
	im_buf_c(c->result, '}');
	return IM_OK;
}

static int link_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	if (rc == IM_OK)
		rc = check_count(c, ref.row.id);
	if (rc == IM_OK)
		rc = rpc_pay(wr, COST_PERSON);
	return rc == IM_OK ? make(c, &ref) : rc;
}

/* -- group.unlink -- */

static int unlink_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	if (rc == IM_OK)
		rc = directory_link_remove(c->dir, ref.row.id, rpc_str(c, "id"));
	return rc == IM_OK || rc == IM_E_NONE ? rpc_changed(c, rc == IM_OK) : rc;
}

/* -- group.links -- */

struct listing {
	struct rpc_page page;
	struct rpc_read *rd;
};

static int on_link(void *arg, const struct directory_link *l)
{
	struct listing *list = arg;
	struct im_buf *b = &list->page.one;
	struct im_str by;
	int rc = names_user(list->rd->names, l->user, &by);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	im_buf_z(b, "{\"id\":");
	im_jsonw_str(b, l->name);
	im_jsonw_member_str(b, "by", by);
	im_jsonw_member_int(b, "created", l->created_ms);
	im_jsonw_member_int(b, "expires", l->expires_ms);
	im_jsonw_member_int(b, "uses", l->uses);
	im_jsonw_member_int(b, "left", l->uses_left);
	im_buf_c(b, '}');
	return rpc_page_add(&list->page, l->name);
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct listing l = {.rd = rd};
	struct group_ref ref;
	struct im_str after = rpc_str(c, "next");
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&l.page, c->result, "links", rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(
		&l.page, directory_link_list(c->dir, ref.row.id, c->now_ms,
				 after.p ? after : IM_STR(""), l.page.limit + 1, on_link, &l));
}

static const struct rpc_param link_params[] = {
	GROUP_REF_PARAM,
	{"uses", RPC_INTEGER, false, 1, IM_LINK_USES_MAX},
	{"seconds", RPC_INTEGER, false, 1, IM_LINK_SECONDS_MAX},
	{0},
};
static const struct rpc_param unlink_params[] = {
	GROUP_REF_PARAM,
	{"id", RPC_STRING, true, 1, GROUP_LINK_NAME},
	{0},
};
static const struct rpc_param list_params[] = {
	GROUP_REF_PARAM,
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, GROUP_LINK_NAME},
	{0},
};

const struct rpc_method rpc_link_methods[] = {
	{"group.link", RPC_DIRECTORY, link_params, .write = link_call},
	{"group.unlink", RPC_DIRECTORY, unlink_params, .write = unlink_call},
	{"group.links", RPC_READ, list_params, .read = list_call},
	{0},
};
