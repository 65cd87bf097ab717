/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the coming and going of members: rights first, then one change for all who are concerned. A
 * repeat finds everything as it was asked for and changes nothing.
 */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/group_link.h"
#include "bridge/rpc/group_people.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/methods/rpc_user.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/quota.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_write.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define NOTE_MAX 256

static int check_limit(struct rpc_call *c, const struct group_ref *ref, size_t more)
{
	if (ref->row.members + more <= ref->row.member_limit)
		return IM_OK;
	return rpc_fail(c, IM_E_LIMIT_REACHED, "the group has %u members of at most %u",
		ref->row.members, ref->row.member_limit);
}

/* -- group.invite -- */

static int answer(struct rpc_call *c, bool changed, const struct group_people *people)
{
	im_buf_z(c->result, changed ? "{\"changed\":true" : "{\"changed\":false");
	group_people_put_refused(c->result, people);
	im_buf_c(c->result, '}');
	return IM_OK;
}

/* What a member's invitation writes into the conversation is his, as a message would be. */
static struct conv_ref conv_of(const struct group_ref *ref)
{
	return (struct conv_ref){.kind = IM_CONV_GROUP,
		.peer_id = ref->row.id,
		.role = ref->me.role,
		.slow_ms = ref->row.slow_ms};
}

static int write_invitation(
	struct rpc_write *wr, struct group_ref *ref, const struct group_people *people)
{
	struct rpc_call *c = &wr->call;
	const struct conv_ref conv = conv_of(ref);
	uint64_t seq;
	int rc = check_limit(c, ref, people->n);

	if (rc == IM_OK)
		rc = msg_may_send(c, &conv);
	if (rc == IM_OK)
		rc = quota_check(c, DIRECTORY_QUOTA_INVITATIONS, people->n);
	if (rc == IM_OK)
		rc = group_pay(wr, &ref->row, people->n);
	if (rc == IM_OK)
		rc = msg_pace(wr, &conv);
	if (rc == IM_OK)
		rc = group_write_people(group_ref_write(wr, ref), "invite", IM_STR(""), true,
			people->v, people->n, &seq);
	if (rc == IM_OK)
		rc = quota_count(c, DIRECTORY_QUOTA_INVITATIONS, people->n);
	return rc;
}

static int invite_people(struct rpc_write *wr, struct group_ref *ref, struct group_people *people)
{
	struct rpc_call *c = &wr->call;
	bool changed;
	int rc = group_people_keep(c, ref->row.id, false, people);

	if (rc == IM_OK)
		rc = group_people_consent(c, ref->row.id, ref->me.role, people);
	changed = people->n > 0;
	if (rc == IM_OK && changed)
		rc = write_invitation(wr, ref, people);
	return rc == IM_OK ? answer(c, changed, people) : rc;
}

static int invite_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct group_people people;
	int rc = group_ref_get(c, DIRECTORY_MEMBER, &ref);

	if (rc != IM_OK)
		return rc;
	if (ref.row.join_policy != DIRECTORY_JOIN_OPEN && ref.me.role < DIRECTORY_GROUP_ADMIN)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"only the owner and admins invite into this group; ask one of them");
	rc = group_people_get(wr, "members", c->user, &people);
	if (rc == IM_OK)
		rc = invite_people(wr, &ref, &people);
	group_people_clear(&people);
	return rc;
}

/* -- group.join -- */

struct asking {
	struct group_person admins[32]; /* enough to be heard; a group seldom has more */
	size_t n;
};

static int on_admin(void *arg, const struct directory_member *m)
{
	struct asking *a = arg;

	if (a->n == sizeof(a->admins) / sizeof(a->admins[0]))
		return RPC_PAGE_STOP;
	if (m->uid.n > IM_UID_MAX)
		return IM_OK;
	a->admins[a->n++] = group_person_of(m->user, m->uid, m->role);
	return IM_OK;
}

/* Those who have blocked the caller are not asked; the caller does not learn whether somebody was.
 */
static int find_admins(struct rpc_call *c, const struct group_ref *ref, struct asking *a)
{
	size_t kept = 0;
	bool blocked;
	int rc = directory_member_admins(c->dir, ref->row.id, on_admin, a);

	rc = rc == RPC_PAGE_STOP ? IM_OK : rc;
	for (size_t i = 0; rc == IM_OK && i < a->n; i++) {
		rc = directory_block_has(c->dir, a->admins[i].user, c->user, &blocked);
		if (rc == IM_OK && !blocked)
			a->admins[kept++] = a->admins[i];
	}
	a->n = kept;
	return rc;
}

/* Asks those who can invite; they answer with group.invite, or not at all. */
static int ask_admins(struct rpc_write *wr, const struct group_ref *ref)
{
	struct rpc_call *c = &wr->call;
	struct asking a = {.n = 0};
	struct event e;
	int rc = find_admins(c, ref, &a);

	if (rc == IM_OK)
		rc = rpc_pay(wr, COST_PERSON * (int64_t)a.n);
	if (rc == IM_OK)
		rc = quota_request(c, DIRECTORY_QUOTA_GROUP, ref->row.id);
	if (rc != IM_OK)
		return rc;
	event_group_request(&e, ref->row.gid, c->uid, rpc_str(c, "note"));
	for (size_t i = 0; rc == IM_OK && i < a.n; i++)
		rc = writer_event(wr->writer, a.admins[i].user, im_str(a.admins[i].uid), &e);
	event_clear(&e);
	if (rc == IM_OK)
		im_buf_z(c->result, "{\"changed\":false,\"pending\":true}");
	return rc;
}

/* How somebody has come who has come by a link: `,"link":".."`. */
static struct im_str put_link(struct im_buf *b, const struct group_by_link *g)
{
	if (g->used)
		im_jsonw_member_str(b, "link", (struct im_str){g->name, sizeof(g->name)});
	return im_buf_view(b);
}

/* A mute or slow mode keeps nobody out, nor in. */
static int may_come_again(struct rpc_call *c, const struct group_ref *ref)
{
	int rc = quota_coming(c, c->user, ref->row.id);

	if (rc == IM_E_RATE_LIMITED)
		return rpc_fail(c, rc,
			"you have come into this group %d times within a day; ask its owner or an "
			"admin to invite you, or try again tomorrow",
			IM_COMINGS_PER_DAY);
	return rc;
}

static int join_group(struct rpc_write *wr, const struct group_by_link *g)
{
	struct rpc_call *c = &wr->call;
	const struct group_ref *ref = &g->ref;
	struct group_person me = group_person_of(c->user, c->uid, DIRECTORY_MEMBER);
	struct im_buf more;
	uint64_t seq;
	bool banned;
	int rc = directory_ban_has(c->dir, ref->row.id, c->user, &banned);

	if (rc == IM_OK && banned)
		return group_banned(c);
	if (rc == IM_OK)
		rc = check_limit(c, ref, 1);
	if (rc == IM_OK)
		rc = group_self_may_come(c);
	if (rc == IM_OK && !g->used && ref->row.join_policy == DIRECTORY_JOIN_APPROVAL)
		return ask_admins(wr, ref);
	if (rc == IM_OK)
		rc = may_come_again(c, ref);
	if (rc == IM_OK)
		rc = group_pay(wr, &ref->row, 1);
	if (rc != IM_OK)
		return rc;
	im_buf_init(&more, 0);
	rc = group_write_people(
		group_ref_write(wr, ref), "join", put_link(&more, g), true, &me, 1, &seq);
	im_buf_free(&more);
	if (rc != IM_OK)
		return rc;
	im_buf_printf(c->result, "{\"changed\":true,\"seq\":%" PRIu64 "}", seq);
	return IM_OK;
}

static int join_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_by_link g;
	int rc = group_by_link(c, &g);

	if (rc != IM_OK)
		return rc;
	if (g.ref.member)
		return rpc_changed(c, false);
	/* An administrator of the node sees it, and still does not come in by itself. */
	if (!g.used && g.ref.row.join_policy == DIRECTORY_JOIN_INVITE)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"this group is joined by invitation; ask an admin for one");
	return join_group(wr, &g);
}

/* -- group.leave, group.kick -- */

static int leave_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct group_person me = group_person_of(c->user, c->uid, DIRECTORY_MEMBER);
	uint64_t seq;
	int rc = group_ref_get(c, GROUP_REF_ANYBODY, &ref);

	/* Who has left and says so again must be answered as one who was never there. */
	if (rc == IM_E_UNKNOWN_GROUP || (rc == IM_OK && !ref.member))
		return rpc_changed(c, false);
	if (rc == IM_OK && ref.me.role == DIRECTORY_OWNER && ref.row.members > 1)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"you own this group; group.transfer it first, or group.dismiss it");
	if (rc == IM_OK)
		rc = group_pay(wr, &ref.row, 1);
	if (rc != IM_OK)
		return rc;
	if (ref.me.role == DIRECTORY_OWNER)
		rc = group_write_dismiss(group_ref_write(wr, &ref), false, &seq);
	else
		rc = group_write_people(
			group_ref_write(wr, &ref), "leave", IM_STR(""), false, &me, 1, &seq);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

/* Who is to go: members, and with a ban those too who are none and not banned yet. */
static int keep_kicked(
	struct rpc_call *c, const struct group_ref *ref, bool ban, struct group_people *people)
{
	struct directory_member m;
	bool banned;
	size_t kept = 0;
	int rc;

	for (size_t i = 0; i < people->n; i++) {
		struct group_person *who = &people->v[i];

		rc = directory_member_get(c->dir, ref->row.id, who->user, &m);
		if (rc == IM_OK && m.role >= ref->me.role)
			return rpc_fail(c, IM_E_NOT_ALLOWED,
				"\"%s\" is the group's %s, as high as you; the owner can remove "
				"admins",
				who->uid, group_role_name(m.role));
		who->role = rc == IM_OK ? m.role : -1;
		if (rc == IM_E_NONE && ban) {
			rc = directory_ban_has(c->dir, ref->row.id, who->user, &banned);
			if (rc == IM_OK && banned)
				continue;
		}
		if (rc == IM_E_NONE)
			continue;
		if (rc != IM_OK)
			return rc;
		people->v[kept++] = *who;
	}
	people->n = kept;
	return IM_OK;
}

static int room_for_bans(struct rpc_call *c, const struct group_ref *ref, size_t n)
{
	bool full = false;
	int rc = n < IM_BANS_MAX ? directory_ban_count_is(c->dir, ref->row.id,
					   IM_BANS_MAX + 1 - (uint32_t)n, &full)
				 : IM_OK;

	if (rc == IM_OK && full)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"this group has as many bans as it may, %d; lift some with group.unban",
			IM_BANS_MAX);
	return rc;
}

static int kick_people(struct rpc_write *wr, struct group_ref *ref, struct group_people *people)
{
	struct rpc_call *c = &wr->call;
	bool ban = rpc_bool(c, "ban", false);
	uint64_t seq;
	int rc = keep_kicked(c, ref, ban, people);

	if (rc == IM_OK && people->n == 0)
		return rpc_changed(c, false);
	if (rc == IM_OK && ban)
		rc = room_for_bans(c, ref, people->n);
	if (rc == IM_OK)
		rc = group_pay(wr, &ref->row, people->n);
	if (rc == IM_OK)
		rc = group_write_people(group_ref_write(wr, ref), "kick",
			ban ? IM_STR(",\"ban\":true") : IM_STR(""), false, people->v, people->n,
			&seq);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

static int kick_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct group_people people;
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	if (rc != IM_OK)
		return rc;
	for (size_t i = 0; i < rpc_list_size(c, "members"); i++)
		if (im_str_eq(rpc_list_str(c, "members", i), c->uid))
			return rpc_fail(c, IM_E_INVALID_PARAMS,
				"params.members names yourself; use group.leave");
	rc = group_people_get(wr, "members", c->user, &people);
	if (rc == IM_OK)
		rc = kick_people(wr, &ref, &people);
	group_people_clear(&people);
	return rc;
}

/* -- group.members -- */

struct listing {
	struct rpc_page page;
	struct rpc_call *c;
};

static int on_member(void *arg, const struct directory_member *m)
{
	struct listing *l = arg;
	struct im_buf *b = &l->page.one;
	struct directory_user u;
	int rc = directory_user_by_id(l->c->dir, m->user, &u);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, m->uid);
	user_put_shown(b, u.nick, u.avatar, u.rev);
	im_jsonw_member_str(b, "role", im_str(group_role_name(m->role)));
	im_jsonw_member_int(b, "joined", m->joined_ms);
	if (m->muted_until_ms > l->c->now_ms)
		im_jsonw_member_int(b, "muted_until", m->muted_until_ms);
	im_buf_c(b, '}');
	return rpc_page_add(&l->page, m->uid);
}

static int members_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct listing l = {.c = c};
	struct group_ref ref;
	int rc = group_ref_get(c, DIRECTORY_MEMBER, &ref);

	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&l.page, c->result, "members", rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(&l.page, directory_member_list(c->dir, ref.row.id, rpc_str(c, "next"),
					     l.page.limit + 1, on_member, &l));
}

static const struct rpc_param invite_params[] = {
	GROUP_REF_PARAM,
	{"members", RPC_STRINGS, true, 1, IM_INVITE_MAX},
	{0},
};
static const struct rpc_param kick_params[] = {
	GROUP_REF_PARAM,
	{"members", RPC_STRINGS, true, 1, IM_INVITE_MAX},
	{"ban", RPC_BOOLEAN, false, 0, 0},
	{0},
};
static const struct rpc_param join_params[] = {
	GROUP_BY_LINK_PARAMS,
	{"note", RPC_NOTE, false, 0, NOTE_MAX},
	{0},
};
static const struct rpc_param gid_params[] = {GROUP_REF_PARAM, {0}};
static const struct rpc_param members_params[] = {
	GROUP_REF_PARAM,
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, IM_UID_MAX},
	{0},
};

const struct rpc_method rpc_member_methods[] = {
	{"group.invite", RPC_LOG, invite_params, .write = invite_call},
	{"group.join", RPC_LOG, join_params, .write = join_call},
	{"group.leave", RPC_LOG, gid_params, .write = leave_call},
	{"group.kick", RPC_LOG, kick_params, .write = kick_call},
	{"group.members", RPC_READ, members_params, .read = members_call},
	{0},
};
