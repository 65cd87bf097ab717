/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks that the group methods share. Reads the directory only. */
#include "bridge/rpc/group_ref.h"

#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/write/group_change.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

bool group_hidden(const struct rpc_call *c, const struct directory_group *g)
{
	return g->join_policy == DIRECTORY_JOIN_INVITE && !c->admin;
}

int group_unknown(struct rpc_call *c, struct im_str gid)
{
	return rpc_fail(c, IM_E_UNKNOWN_GROUP, "there is no group \"%.*s\"", IM_ARGS(gid));
}

int group_not_member(struct rpc_call *c, struct im_str gid)
{
	return rpc_fail(
		c, IM_E_NOT_MEMBER, "you do not belong to \"%.*s\"; join it first", IM_ARGS(gid));
}

int group_banned(struct rpc_call *c)
{
	return rpc_fail(
		c, IM_E_NOT_ALLOWED, "you are banned from this group; ask an admin to invite you");
}

static int check_role(struct rpc_call *c, int least, struct group_ref *out)
{
	int rc = directory_member_get(c->dir, out->row.id, c->user, &out->me);

	out->member = rc == IM_OK;
	out->me.uid = IM_STR("");
	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	if (!out->member && group_hidden(c, &out->row))
		return group_unknown(c, out->row.gid);
	if (least == GROUP_REF_ANYBODY)
		return IM_OK;
	if (!out->member)
		return group_not_member(c, out->row.gid);
	if (out->me.role < least)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this is for %s of the group",
			least == DIRECTORY_OWNER ? "the owner" : "the owner and admins");
	return IM_OK;
}

int group_ref_of(struct rpc_call *c, struct im_str gid, int least, struct group_ref *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	if (!im_gid_valid(gid))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"\"%.*s\" is no group id; give 1 to 64 of A-Z a-z 0-9 _ . @ -",
			IM_ARGS(rpc_clip(gid, 80)));
	rc = directory_group_get(c->dir, gid, &out->row);
	if (rc == IM_E_NONE)
		return group_unknown(c, gid);
	if (rc != IM_OK)
		return rc;
	out->row.gid = gid;
	out->row.name = out->row.avatar = out->row.announcement = IM_STR("");
	return check_role(c, least, out);
}

int group_ref_get(struct rpc_call *c, int least, struct group_ref *out)
{
	return group_ref_of(c, rpc_str(c, "gid"), least, out);
}

int group_ref_after(struct rpc_call *c, const char *param, struct im_str gid, uint64_t *id_out)
{
	struct directory_group g;
	struct directory_member m;
	int rc;

	*id_out = 0;
	if (gid.n == 0)
		return IM_OK;
	rc = directory_group_get(c->dir, gid, &g);
	*id_out = rc == IM_OK ? g.id : 0;
	if (rc == IM_OK)
		rc = directory_member_get(c->dir, *id_out, c->user, &m);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.%s names \"%.*s\", and you belong to no such group; give what the "
			"page before gave, or leave it out to begin",
			param, IM_ARGS(rpc_clip(gid, 80)));
	return rc;
}

struct group_write group_ref_write(const struct rpc_write *wr, const struct group_ref *ref)
{
	return (struct group_write){.w = wr->writer,
		.actor = wr->call.user,
		.actor_uid = wr->call.uid,
		.gid = ref->row.gid,
		.group = ref->row.id,
		.plain = !wr->call.by_operator &&
			 (!ref->member || ref->me.role == DIRECTORY_MEMBER)};
}

int group_self_may_come(struct rpc_call *c)
{
	bool full;
	int rc = directory_user_in_groups(c->dir, c->user, c->set->groups_per_user_max, &full);

	if (rc == IM_OK && full)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"you belong to %u groups, which is the limit; leave one first",
			c->set->groups_per_user_max);
	return rc;
}

int group_pay(struct rpc_write *wr, const struct directory_group *g, size_t people)
{
	return rpc_pay(wr, cost_members(g->members, g->kind == DIRECTORY_ROOM) +
				   COST_PERSON * (int64_t)people);
}

uint32_t group_limit_max(const struct rpc_call *c)
{
	uint32_t max = c->set->group_members_max;

	return max > 0 && max < IM_GROUP_MEMBERS_MAX ? max : IM_GROUP_MEMBERS_MAX;
}

static void put_private(struct im_buf *b, const struct directory_group *g)
{
	im_jsonw_member_str(b, "announcement", g->announcement);
	im_jsonw_member_str(b, "history", im_str(group_history_name(g->history)));
	im_jsonw_member_int(b, "member_limit", g->member_limit);
	im_jsonw_member_int(b, "muted_until", g->muted_until_ms);
	im_jsonw_member_int(b, "slow_ms", g->slow_ms);
	im_jsonw_member_int(b, "retention_days", g->retention_days);
	im_jsonw_member_int(b, "created", g->created_ms);
}

int group_put_object(struct rpc_call *c, struct im_str gid, struct im_buf *b)
{
	struct directory_group g;
	struct directory_member me;
	int member, rc = directory_group_get(c->dir, gid, &g);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_E_INTERNAL : rc;
	im_buf_z(b, "{\"gid\":");
	im_jsonw_str(b, gid);
	im_jsonw_member_str(b, "kind", im_str(group_kind_name(g.kind)));
	im_jsonw_member_str(b, "name", g.name);
	im_jsonw_member_str(b, "avatar", g.avatar);
	im_jsonw_member_str(b, "join", im_str(group_join_name(g.join_policy)));
	im_jsonw_member_int(b, "members", g.members);
	/* The row's strings end with the next call; what only members see is kept until it is
	 * known whether the caller is one. */
	struct im_buf private;
	im_buf_init(&private, 0);
	put_private(&private, &g);
	member = directory_member_get(c->dir, g.id, c->user, &me);
	if (member == IM_OK)
		im_buf_str(b, im_buf_view(&private));
	/* An administrator who makes it for somebody is not that member. */
	if (member == IM_OK && !c->by_operator) {
		im_jsonw_member_str(b, "role", im_str(group_role_name(me.role)));
		if (me.muted_until_ms > c->now_ms)
			im_jsonw_member_int(b, "you_muted_until", me.muted_until_ms);
	}
	im_buf_c(b, '}');
	rc = b->failed || private.failed ? IM_E_NOMEM : IM_OK;
	im_buf_free(&private);
	return member == IM_OK || member == IM_E_NONE ? rc : member;
}

int group_put(struct rpc_call *c, struct im_str gid)
{
	im_buf_z(c->result, "\"group\":");
	return group_put_object(c, gid, c->result);
}
