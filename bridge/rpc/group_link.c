/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what a link lets its holder see. Called by the methods that take one. A guess costs a look
 * into an index, and what it tells is always the same. */
#include "bridge/rpc/group_link.h"

#include <string.h>

#include <openssl/evp.h>

#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_link.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc_args.h"

int group_link_hash(struct im_str secret, char out[GROUP_LINK_HASH])
{
	return EVP_Digest(secret.p, secret.n, (unsigned char *)out, NULL, EVP_sha256(), NULL) == 1
		       ? IM_OK
		       : IM_E_NOMEM;
}

static int find(struct rpc_call *c, struct directory_link *out)
{
	char hash[GROUP_LINK_HASH];
	int rc = group_link_hash(rpc_str(c, "link"), hash);

	return rc == IM_OK ? directory_link_get(
				     c->dir, (struct im_str){hash, sizeof(hash)}, c->now_ms, out)
			   : rc;
}

/* Who runs the group no longer has no links into it either. */
static int check_maker(struct rpc_call *c, const struct directory_link *l)
{
	struct directory_member m;
	struct directory_user u = {.id = 0};
	int rc = directory_member_get(c->dir, l->group, l->user, &m);

	if (rc == IM_OK && m.role < DIRECTORY_GROUP_ADMIN)
		return IM_E_NONE;
	if (rc == IM_OK)
		rc = directory_user_by_id(c->dir, l->user, &u);
	return rc == IM_OK && (u.disabled || u.deleted) ? IM_E_NONE : rc;
}

static int take_group(struct rpc_call *c, uint64_t group, struct group_by_link *out)
{
	struct directory_group *row = &out->ref.row;
	int rc = directory_group_by_id(c->dir, group, row);

	if (rc != IM_OK)
		return rc;
	if (row->dismissed || row->gid.n > sizeof(out->gid))
		return IM_E_NONE;
	memcpy(out->gid, row->gid.p, row->gid.n);
	row->gid.p = out->gid;
	row->name = row->avatar = row->announcement = IM_STR("");
	rc = directory_member_get(c->dir, group, c->user, &out->ref.me);
	out->ref.me.uid = IM_STR("");
	out->ref.member = rc == IM_OK;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int by_link(struct rpc_call *c, struct group_by_link *out)
{
	struct directory_link l;
	bool banned = false;
	int rc = find(c, &l);

	out->used = true;
	if (rc == IM_OK && l.name.n != sizeof(out->name))
		rc = IM_E_NONE;
	if (rc == IM_OK) {
		memcpy(out->name, l.name.p, sizeof(out->name));
		rc = check_maker(c, &l);
	}
	if (rc == IM_OK)
		rc = take_group(c, l.group, out);
	if (rc == IM_OK)
		rc = directory_ban_has(c->dir, l.group, c->user, &banned);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_UNKNOWN_GROUP,
			"there is no such link, or it has ended; ask for another one");
	return rc == IM_OK && banned ? group_banned(c) : rc;
}

int group_by_link(struct rpc_call *c, struct group_by_link *out)
{
	memset(out, 0, sizeof(*out));
	if (rpc_has(c, "gid") == rpc_has(c, "link"))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"a group is named by params.gid or by params.link; give one of them");
	return rpc_has(c, "link") ? by_link(c, out)
				  : group_ref_get(c, GROUP_REF_ANYBODY, &out->ref);
}
