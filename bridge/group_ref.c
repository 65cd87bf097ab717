/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks that the group methods share. Reads the directory only. */
#include "group_ref.h"

#include <stdlib.h>
#include <string.h>

#include "../common/ids.h"
#include "../common/jsonw.h"
#include "../common/limits.h"
#include "directory_user.h"
#include "group_change.h"
#include "rpc_args.h"

static int check_role(struct rpc_call *c, int least, struct group_ref *out)
{
	int rc = directory_member_get(c->dir, out->row.id, c->user, &out->me);

	out->member = rc == IM_OK;
	out->me.uid = IM_STR("");
	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	if (least == GROUP_REF_ANYBODY)
		return IM_OK;
	if (!out->member)
		return rpc_fail(c, IM_E_NOT_MEMBER, "you do not belong to \"%.*s\"; join it first",
			RPC_S(out->row.gid));
	if (out->me.role < least)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this is for %s of the group",
			least == DIRECTORY_OWNER ? "the owner" : "the owner and admins");
	return IM_OK;
}

int group_ref_get(struct rpc_call *c, int least, struct group_ref *out)
{
	struct im_str gid = rpc_str(c, "gid");
	int rc;

	memset(out, 0, sizeof(*out));
	if (!im_gid_valid(gid))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.gid is no group id; give 1 to 64 of A-Z a-z 0-9 _ . @ -");
	rc = directory_group_get(c->dir, gid, &out->row);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_UNKNOWN_GROUP, "there is no group \"%.*s\"", RPC_S(gid));
	if (rc != IM_OK)
		return rc;
	out->row.gid = gid;
	out->row.name = out->row.avatar = out->row.announcement = IM_STR("");
	out->write = (struct group_write){c->w, c->user, c->uid, gid, out->row.id};
	return check_role(c, least, out);
}

static bool named_before(const struct group_people *p, uint64_t user)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->v[i].user == user)
			return true;
	return false;
}

int group_people_get(
	struct rpc_call *c, const char *param, uint64_t except, struct group_people *out)
{
	size_t n = rpc_list_size(c, param);

	out->n = 0;
	out->v = calloc(n + 1, sizeof(*out->v));
	if (out->v == NULL)
		return IM_E_NOMEM;
	for (size_t i = 0; i < n; i++) {
		struct im_str uid = rpc_list_str(c, param, i);
		struct group_person *who = &out->v[out->n];
		int rc = rpc_user_id(c, uid, &who->user);

		if (rc != IM_OK)
			return rc;
		if (who->user == except || named_before(out, who->user))
			continue;
		memcpy(who->uid, uid.p, uid.n);
		who->uid[uid.n] = '\0';
		who->role = DIRECTORY_MEMBER;
		out->n++;
	}
	return IM_OK;
}

int group_people_keep(struct rpc_call *c, uint64_t group, bool member, struct group_people *p)
{
	struct directory_member m;
	size_t kept = 0;
	int rc;

	for (size_t i = 0; i < p->n; i++) {
		rc = directory_member_get(c->dir, group, p->v[i].user, &m);
		if (rc != IM_OK && rc != IM_E_NONE)
			return rc;
		if ((rc == IM_OK) != member)
			continue;
		p->v[kept] = p->v[i];
		p->v[kept++].role = rc == IM_OK ? m.role : DIRECTORY_MEMBER;
	}
	p->n = kept;
	return IM_OK;
}

void group_people_clear(struct group_people *p)
{
	free(p->v);
	p->v = NULL;
	p->n = 0;
}

static int count_group(void *arg, const struct directory_member *m)
{
	uint32_t *n = arg;

	(void)m;
	(*n)++;
	return IM_OK;
}

static int room_for_one(struct rpc_call *c, uint64_t user, bool *out)
{
	uint32_t n = 0;
	int rc = directory_user_groups(c->dir, user, count_group, &n);

	*out = c->set->groups_per_user_max == 0 || n < c->set->groups_per_user_max;
	return rc;
}

int group_self_may_come(struct rpc_call *c)
{
	bool room;
	int rc = room_for_one(c, c->user, &room);

	if (rc == IM_OK && !room)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"you belong to %u groups, which is the limit; leave one first",
			c->set->groups_per_user_max);
	return rc;
}

int group_people_may_come(struct rpc_call *c, const struct group_people *p)
{
	bool blocked, room;
	int rc = IM_OK;

	for (size_t i = 0; rc == IM_OK && i < p->n; i++) {
		rc = directory_block_has(c->dir, p->v[i].user, c->user, &blocked);
		if (rc == IM_OK && blocked)
			return rpc_fail(c, IM_E_BLOCKED,
				"\"%s\" has blocked you; leave this user out", p->v[i].uid);
		if (rc == IM_OK)
			rc = room_for_one(c, p->v[i].user, &room);
		if (rc == IM_OK && !room)
			return rpc_fail(c, IM_E_LIMIT_REACHED,
				"\"%s\" belongs to %u groups, which is the limit; leave this user "
				"out",
				p->v[i].uid, c->set->groups_per_user_max);
	}
	return rc;
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

int group_put(struct rpc_call *c, struct im_str gid)
{
	struct directory_group g;
	struct directory_member me;
	struct im_buf *b = c->result;
	int member, rc = directory_group_get(c->dir, gid, &g);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_E_INTERNAL : rc;
	im_buf_z(b, "\"group\":{\"gid\":");
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
	if (member == IM_OK) {
		im_buf_str(b, im_buf_view(&private));
		im_jsonw_member_str(b, "role", im_str(group_role_name(me.role)));
		if (me.muted_until_ms > c->now_ms)
			im_jsonw_member_int(b, "you_muted_until", me.muted_until_ms);
	}
	im_buf_c(b, '}');
	rc = b->failed || private.failed ? IM_E_NOMEM : IM_OK;
	im_buf_free(&private);
	return member == IM_OK || member == IM_E_NONE ? rc : member;
}
