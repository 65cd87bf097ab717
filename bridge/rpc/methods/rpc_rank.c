/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns roles, the handing over of a group, and muting. Coming and going is rpc_member.c's. */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/quota.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_write.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define MUTE_MAX_S (100LL * 366 * 86400)
#define SAME_END_MS 5000

/* The member that params.uid names. */
static int one_member(struct rpc_call *c, const struct group_ref *ref, struct group_person *who,
	struct directory_member *m)
{
	struct im_str uid = rpc_str(c, "uid");
	uint64_t user;
	int rc = rpc_user_id(c, uid, &user);

	if (rc != IM_OK)
		return rc;
	*who = group_person_of(user, uid, DIRECTORY_MEMBER);
	rc = directory_member_get(c->dir, ref->row.id, user, m);
	if (rc == IM_E_NONE)
		return rpc_fail(
			c, IM_E_NOT_MEMBER, "\"%.*s\" does not belong to the group", IM_ARGS(uid));
	if (rc != IM_OK)
		return rc;
	who->role = m->role;
	m->uid = IM_STR("");
	return IM_OK;
}

static int role_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct group_person who;
	struct directory_member m;
	int role = group_role_parse(rpc_str(c, "role"));
	uint64_t seq;
	int rc = group_ref_get(c, DIRECTORY_OWNER, &ref);

	if (rc == IM_OK && role != DIRECTORY_MEMBER && role != DIRECTORY_GROUP_ADMIN)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.role is \"%.*s\"; give \"admin\" or \"member\" (for a new owner: "
			"group.transfer)",
			IM_ARGS(rpc_str(c, "role")));
	if (rc == IM_OK)
		rc = one_member(c, &ref, &who, &m);
	if (rc == IM_OK && who.user == c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"you are the owner; hand the group over with group.transfer");
	if (rc != IM_OK || m.role == role)
		return rc == IM_OK ? rpc_changed(c, false) : rc;
	who.role = role;
	rc = group_pay(wr, &ref.row, 0);
	if (rc == IM_OK)
		rc = group_write_people(
			group_ref_write(wr, &ref), "role", IM_STR(""), true, &who, 1, &seq);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

/* A group is nothing that somebody may be given unasked: who gets it helps to run it already, or is
 * a contact, and has not blocked the giver. */
static int may_hand_over(struct rpc_call *c, const struct group_person *to, int role)
{
	bool blocked, contact = role == DIRECTORY_GROUP_ADMIN;
	int rc = directory_block_has(c->dir, to->user, c->user, &blocked);

	if (rc == IM_OK && blocked)
		return rpc_fail(
			c, IM_E_BLOCKED, "\"%s\" has blocked you; choose another member", to->uid);
	if (rc == IM_OK && !contact)
		rc = directory_contact_has(c->dir, to->user, c->user, &contact);
	if (rc == IM_OK && !contact)
		return rpc_fail(c, IM_E_CONTACTS_ONLY,
			"\"%s\" is neither an admin of the group nor a contact of yours; make one "
			"of them first",
			to->uid);
	return rc == IM_OK ? quota_check(c, DIRECTORY_QUOTA_INVITATIONS, 1) : rc;
}

static int transfer_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct group_person two[2];
	struct directory_member m;
	uint64_t seq;
	int rc = group_ref_get(c, DIRECTORY_MEMBER, &ref);

	if (rc == IM_OK)
		rc = one_member(c, &ref, &two[0], &m);
	/* A repeat: the caller is not the owner any more, the one who is named is. */
	if (rc == IM_OK && m.role == DIRECTORY_OWNER)
		return rpc_changed(c, false);
	if (rc == IM_OK)
		rc = group_ref_get(c, DIRECTORY_OWNER, &ref);
	if (rc == IM_OK)
		rc = may_hand_over(c, &two[0], m.role);
	if (rc == IM_OK)
		rc = group_pay(wr, &ref.row, 0);
	if (rc != IM_OK)
		return rc;
	two[0].role = DIRECTORY_OWNER;
	two[1] = group_person_of(c->user, c->uid, DIRECTORY_GROUP_ADMIN);
	rc = group_write_people(
		group_ref_write(wr, &ref), "transfer", IM_STR(""), true, two, 2, &seq);
	if (rc == IM_OK)
		rc = quota_count(c, DIRECTORY_QUOTA_INVITATIONS, 1);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

static int64_t muted_until(const struct rpc_call *c)
{
	int64_t seconds = rpc_int(c, "seconds", -1);

	if (seconds == 0)
		return 0;
	return seconds < 0 ? GROUP_MUTED_FOREVER : c->now_ms + seconds * 1000;
}

/* A repeat of the request comes a moment later and means the same end. */
static bool same_end(int64_t a, int64_t b)
{
	return a == b || (a > 0 && b > 0 && llabs(a - b) < SAME_END_MS);
}

static int mute_all(struct rpc_write *wr, struct group_ref *ref, int64_t until)
{
	struct rpc_call *c = &wr->call;
	struct im_buf json;
	uint64_t seq;
	int rc;

	if (same_end(ref->row.muted_until_ms, until))
		return rpc_changed(c, false);
	im_buf_init(&json, 0);
	group_change_begin(&json, "mute", c->uid);
	im_jsonw_member_int(&json, "until", until);
	im_buf_c(&json, '}');
	rc = json.failed ? IM_E_NOMEM : group_pay(wr, &ref->row, 0);
	if (rc == IM_OK)
		rc = group_write_change(group_ref_write(wr, ref), im_buf_view(&json), &seq);
	im_buf_free(&json);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

/* A member; or one who was muted and has left since, or was deleted, which a mute outlives. */
static int muted_one(struct rpc_call *c, const struct group_ref *ref, struct group_person *who,
	struct directory_member *m)
{
	struct im_str uid = rpc_str(c, "uid");
	int64_t until_ms = 0;
	struct directory_user u;
	uint64_t user = 0;
	int rc = one_member(c, ref, who, m), found;

	if (rc != IM_E_NOT_MEMBER && rc != IM_E_UNKNOWN_USER)
		return rc;
	found = directory_user_last(c->dir, uid, &u);
	if (found == IM_OK) {
		user = u.id;
		found = directory_mute_get(c->dir, ref->row.id, user, &until_ms);
	}
	if (found != IM_OK && found != IM_E_NONE)
		return found;
	if (until_ms <= c->now_ms)
		return rc;
	*m = (struct directory_member){.role = DIRECTORY_MEMBER, .muted_until_ms = until_ms};
	*who = group_person_of(user, uid, DIRECTORY_MEMBER);
	return IM_OK;
}

static int mute_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct group_person who;
	struct directory_member m;
	char until_text[40];
	int64_t until = muted_until(c);
	uint64_t seq;
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	if (rc != IM_OK)
		return rc;
	if (!rpc_has(c, "uid"))
		return mute_all(wr, &ref, until);
	rc = muted_one(c, &ref, &who, &m);
	if (rc == IM_OK && m.role >= ref.me.role)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "\"%s\" is the group's %s, as high as you",
			who.uid, group_role_name(m.role));
	if (rc != IM_OK || same_end(m.muted_until_ms, until))
		return rc == IM_OK ? rpc_changed(c, false) : rc;
	snprintf(until_text, sizeof(until_text), ",\"until\":%" PRId64, until);
	rc = group_pay(wr, &ref.row, 0);
	if (rc == IM_OK)
		rc = group_write_people(group_ref_write(wr, &ref), "mute", im_str(until_text),
			false, &who, 1, &seq);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

static const struct rpc_param role_params[] = {
	GROUP_REF_PARAM,
	{"uid", RPC_STRING, true, 1, IM_UID_MAX},
	{"role", RPC_STRING, true, 1, 16},
	{0},
};
static const struct rpc_param transfer_params[] = {
	GROUP_REF_PARAM,
	{"uid", RPC_STRING, true, 1, IM_UID_MAX},
	{0},
};
static const struct rpc_param mute_params[] = {
	GROUP_REF_PARAM,
	{"uid", RPC_STRING, false, 1, IM_UID_MAX},
	{"seconds", RPC_INTEGER, false, 0, MUTE_MAX_S},
	{0},
};

const struct rpc_method rpc_rank_methods[] = {
	{"group.role", RPC_LOG, role_params, .write = role_call},
	{"group.transfer", RPC_LOG, transfer_params, .write = transfer_call},
	{"group.mute", RPC_LOG, mute_params, .write = mute_call},
	{0},
};
