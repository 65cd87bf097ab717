/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from a conversation's name to its ids and the caller's place in it. Called by
 * handlers; must not know what they do with it. */
#include "bridge/rpc/conv_ref.h"

#include <string.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/view.h"

static int find_group(struct rpc_call *c, struct conv_ref *out)
{
	struct directory_group g;
	struct directory_member m;
	int rc = directory_group_get(c->dir, out->peer, &g);

	if (rc == IM_E_NONE)
		return group_unknown(c, out->peer);
	if (rc != IM_OK)
		return rc;
	out->members = g.members;
	out->slow_ms = g.slow_ms;
	out->peer_id = out->a = g.id;
	out->group_kind = g.kind;
	out->history_all = g.history != 0;
	rc = directory_member_get(c->dir, out->peer_id, c->user, &m);
	if (rc == IM_E_NONE)
		return group_hidden(c, &g) ? group_unknown(c, out->peer)
					   : group_not_member(c, out->peer);
	if (rc != IM_OK)
		return rc;
	out->role = m.role;
	out->joined_seq = m.joined_seq;
	return IM_OK;
}

static int find_user(struct rpc_call *c, struct conv_ref *out)
{
	struct directory_user u;
	int rc = directory_user_last(c->dir, out->peer, &u);

	if (rc == IM_E_NONE)
		return rpc_fail(
			c, IM_E_UNKNOWN_USER, "there is no user \"%.*s\"", IM_ARGS(out->peer));
	if (rc != IM_OK)
		return rc;
	out->peer_id = u.id;
	out->peer_gone = u.deleted;
	out->peer_deaf = u.direct_policy == IM_DIRECT_NOBODY;
	out->a = out->peer_id < c->user ? out->peer_id : c->user;
	out->b = out->peer_id < c->user ? c->user : out->peer_id;
	out->history_all = true;
	return IM_OK;
}

static int find(struct rpc_call *c, const char *param, struct conv_ref *out)
{
	memset(out, 0, sizeof(*out));
	out->name = rpc_str(c, param);
	if (!im_conv_parse(out->name, &out->kind, &out->peer))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.%s is no conversation; give \"u/{uid}\" or \"g/{gid}\"", param);
	return out->kind == IM_CONV_GROUP ? find_group(c, out) : find_user(c, out);
}

/* Nothing was ever sent in it, or set. */
static int or_none(int rc, struct conv_ref *out)
{
	if (rc != IM_E_NONE)
		return rc;
	out->conv = 0;
	return IM_OK;
}

int conv_ref_read(struct rpc_read *rd, const char *param, struct conv_ref *out)
{
	int rc = find(&rd->call, param, out);

	return rc == IM_OK ? or_none(rd->backend->find_conv(
					     rd->log, out->kind, out->a, out->b, &out->conv),
				     out)
			   : rc;
}

int conv_ref_write(struct rpc_write *wr, const char *param, struct conv_ref *out)
{
	int rc = find(&wr->call, param, out);

	return rc == IM_OK ? or_none(writer_conv(wr->writer, out->kind, out->a, out->b, false,
					     &out->conv),
				     out)
			   : rc;
}

int conv_ref_user(struct rpc_call *c, const struct conv_ref *ref, struct directory_conv_user *out)
{
	memset(out, 0, sizeof(*out));
	out->user = c->user;
	out->conv = ref->conv;
	return ref->conv ? directory_conv_get(c->dir, c->user, ref->conv, out) : IM_OK;
}

int conv_ref_floor(struct rpc_call *c, const struct conv_ref *ref, uint64_t *out)
{
	struct directory_conv_user mine;
	int rc = conv_ref_user(c, ref, &mine);

	*out = view_floor(ref->history_all, ref->joined_seq, mine.cleared_to);
	return rc;
}

int conv_ref_read_head(struct rpc_read *rd, const struct conv_ref *ref, struct store_head *out)
{
	*out = (struct store_head){0};
	return ref->conv ? rd->backend->read_head(rd->log, ref->conv, out) : IM_OK;
}

int conv_ref_write_head(struct rpc_write *wr, const struct conv_ref *ref, struct store_head *out)
{
	*out = (struct store_head){0};
	return ref->conv ? writer_head(wr->writer, ref->conv, out) : IM_OK;
}
