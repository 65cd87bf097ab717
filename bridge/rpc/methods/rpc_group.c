/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns making, showing, changing and ending groups. Their members are rpc_member.c's. */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/directory/directory_group.h"
#include "bridge/rpc/group_link.h"
#include "bridge/rpc/group_people.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/quota.h"
#include "bridge/rpc/random_name.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_named.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_write.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define NAME_MAX_BYTES 128
#define AVATAR_MAX 1024
#define ANNOUNCEMENT_MAX 4096
#define SLOW_MAX_MS 3600000
#define RETENTION_MAX_DAYS 36500
#define RANDOM_GID_CHARS 13 /* of 32 each: 65 bits */

/* What the parameters say of a group; text with p == NULL and numbers < 0 are not said. */
struct wanted {
	struct im_str name, avatar, announcement;
	int kind, join, history;
	int64_t member_limit, slow_ms, retention_days;
};

static int take_choice(struct rpc_call *c, const char *param, int (*parse)(struct im_str),
	const char *choices, int *out)
{
	struct im_str s = rpc_str(c, param);

	*out = s.p ? parse(s) : -1;
	if (s.p != NULL && *out < 0)
		return rpc_fail(c, IM_E_INVALID_PARAMS, "params.%s is \"%.*s\"; give %s", param,
			IM_ARGS(rpc_clip(s, 64)), choices);
	return IM_OK;
}

static int take_wanted(struct rpc_call *c, struct wanted *out)
{
	int rc;

	out->name = rpc_str(c, "name");
	out->avatar = rpc_str(c, "avatar");
	out->announcement = rpc_str(c, "announcement");
	out->member_limit = rpc_int(c, "member_limit", -1);
	out->slow_ms = rpc_int(c, "slow_ms", -1);
	out->retention_days = rpc_int(c, "retention_days", -1);
	rc = take_choice(c, "kind", group_kind_parse, "\"group\" or \"room\"", &out->kind);
	if (rc == IM_OK)
		rc = take_choice(c, "join", group_join_parse,
			"\"open\", \"approval\" or \"invite\"", &out->join);
	if (rc == IM_OK)
		rc = take_choice(
			c, "history", group_history_parse, "\"join\" or \"all\"", &out->history);
	if (rc == IM_OK && out->member_limit > group_limit_max(c))
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"params.member_limit is %" PRId64 "; this server allows up to %u members",
			out->member_limit, group_limit_max(c));
	return rc;
}

/* The members of a change that say what differs from `now`. Returns false if nothing does. */
static bool put_differences(
	struct im_buf *b, const struct wanted *w, const struct directory_group *now)
{
	size_t before = b->n;

	if (w->name.p && !im_str_eq(w->name, now->name))
		im_jsonw_member_str(b, "name", w->name);
	if (w->avatar.p && !im_str_eq(w->avatar, now->avatar))
		im_jsonw_member_str(b, "avatar", w->avatar);
	if (w->announcement.p && !im_str_eq(w->announcement, now->announcement))
		im_jsonw_member_str(b, "announcement", w->announcement);
	if (w->join >= 0 && w->join != now->join_policy)
		im_jsonw_member_str(b, "join", im_str(group_join_name(w->join)));
	if (w->history >= 0 && w->history != now->history)
		im_jsonw_member_str(b, "history", im_str(group_history_name(w->history)));
	if (w->member_limit >= 0 && w->member_limit != now->member_limit)
		im_jsonw_member_int(b, "member_limit", w->member_limit);
	if (w->slow_ms >= 0 && w->slow_ms != now->slow_ms)
		im_jsonw_member_int(b, "slow_ms", w->slow_ms);
	if (w->retention_days >= 0 && w->retention_days != now->retention_days)
		im_jsonw_member_int(b, "retention_days", w->retention_days);
	return b->n > before;
}

/* -- group.create -- */

static int taken(struct rpc_call *c, struct im_str gid)
{
	/* The same words for one that is there, that was, and that is hidden from the caller. */
	return rpc_fail(c, IM_E_CONFLICT,
		"the name \"%.*s\" is or was a group's, differs from one in case alone, or is "
		"reserved; give another gid, or none",
		IM_ARGS(gid));
}

/* A repeat of the creation (QoS 1) finds its own group, its people in it but for those who stay
 * out; anything else meets a taken name. */
static int meet_people(struct rpc_write *wr, struct im_str gid, uint64_t group)
{
	struct rpc_call *c = &wr->call;
	struct group_people people;
	int rc = group_people_get(wr, "members", c->user, &people);

	if (rc == IM_OK)
		rc = group_people_keep(c, group, false, &people);
	if (rc == IM_OK)
		rc = group_people_consent(c, 0, DIRECTORY_OWNER, &people);
	if (rc == IM_OK && people.n > 0)
		rc = taken(c, gid);
	/* An administrator need not be told of the group to know that it is there. */
	if (rc == IM_OK && c->by_operator) {
		rc = rpc_changed(c, false);
	} else if (rc == IM_OK) {
		im_buf_c(c->result, '{');
		rc = group_put(c, gid);
		im_buf_z(c->result, ",\"changed\":false");
		group_people_put_refused(c->result, &people);
		im_buf_c(c->result, '}');
	}
	group_people_clear(&people);
	return rc;
}

static int meet_existing(struct rpc_write *wr, struct im_str gid, const struct directory_group *row,
	const struct wanted *w)
{
	struct rpc_call *c = &wr->call;
	struct directory_member m;
	struct im_buf scratch;
	uint64_t group = row->id;
	bool same = w->kind < 0 || w->kind == row->kind;
	int rc;

	im_buf_init(&scratch, 0);
	same = !put_differences(&scratch, w, row) && same;
	im_buf_free(&scratch);
	rc = directory_member_get(c->dir, group, c->user, &m);
	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	if (rc == IM_E_NONE || m.role != DIRECTORY_OWNER || !same)
		return taken(c, gid);
	return meet_people(wr, gid, group);
}

static void put_creation(struct rpc_call *c, struct im_buf *b, struct im_str gid,
	const struct wanted *w, const struct group_people *people)
{
	group_change_begin(b, "create", c->uid);
	im_jsonw_member_str(b, "gid", gid);
	im_jsonw_member_str(b, "kind", im_str(group_kind_name(w->kind)));
	im_jsonw_member_str(b, "name", w->name.p ? w->name : gid);
	im_jsonw_member_str(b, "avatar", w->avatar);
	im_jsonw_member_str(b, "announcement", w->announcement);
	im_jsonw_member_str(
		b, "join", im_str(group_join_name(w->join < 0 ? DIRECTORY_JOIN_INVITE : w->join)));
	im_jsonw_member_str(
		b, "history", im_str(group_history_name(w->history < 0 ? 1 : w->history)));
	im_jsonw_member_int(b, "member_limit",
		w->member_limit < 0 ? (int64_t)group_limit_max(c) : w->member_limit);
	group_change_members_begin(b);
	group_change_member(b, c->uid, c->user, DIRECTORY_OWNER);
	for (size_t i = 0; i < people->n; i++)
		group_change_member(
			b, im_str(people->v[i].uid), people->v[i].user, DIRECTORY_MEMBER);
	group_change_members_end(b);
	im_buf_c(b, '}');
}

static int write_group(struct rpc_write *wr, struct im_str gid, const struct wanted *w,
	const struct group_people *people)
{
	struct rpc_call *c = &wr->call;
	struct group_write write = {wr->writer, c->user, c->uid, gid, 0, false};
	struct im_buf json;
	uint64_t seq;
	int rc;

	im_buf_init(&json, 0);
	put_creation(c, &json, gid, w, people);
	rc = json.failed ? IM_E_NOMEM : group_write_change(write, im_buf_view(&json), &seq);
	im_buf_free(&json);
	if (rc == IM_OK)
		rc = quota_count(c, DIRECTORY_QUOTA_GROUPS, 1);
	if (rc == IM_OK)
		rc = quota_count(c, DIRECTORY_QUOTA_INVITATIONS, people->n);
	if (rc != IM_OK)
		return rc;
	im_buf_c(c->result, '{');
	rc = group_put(c, gid);
	im_buf_printf(c->result, ",\"changed\":true,\"seq\":%" PRIu64, seq);
	group_people_put_refused(c->result, people);
	im_buf_c(c->result, '}');
	return rc;
}

static int create_group(struct rpc_write *wr, struct im_str gid, const struct wanted *w,
	struct group_people *people)
{
	struct rpc_call *c = &wr->call;
	const struct directory_group size = {.kind = w->kind, .members = (uint32_t)people->n + 1};
	int rc = group_people_consent(c, 0, DIRECTORY_OWNER, people);

	if (rc == IM_OK && w->member_limit >= 0 && people->n + 1 > (uint64_t)w->member_limit)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"%zu members and you are more than params.member_limit, %" PRId64,
			people->n, w->member_limit);
	if (rc == IM_OK)
		rc = quota_check(c, DIRECTORY_QUOTA_INVITATIONS, people->n);
	if (rc == IM_OK)
		rc = group_pay(wr, &size, people->n);
	return rc == IM_OK ? write_group(wr, gid, w, people) : rc;
}

/* What can be refused at once is, before anybody of the list is looked up. */
static int create_or_meet(struct rpc_write *wr, struct im_str gid, const struct wanted *w)
{
	struct rpc_call *c = &wr->call;
	struct group_people people;
	struct directory_group row;
	int rc = directory_group_get(c->dir, gid, &row);

	if (rc == IM_OK)
		return meet_existing(wr, gid, &row, w);
	if (rc == IM_E_NONE)
		rc = directory_group_nameable(c->dir, gid);
	if (rc == IM_E_EXISTS)
		return taken(c, gid);
	if (rc == IM_OK)
		rc = group_self_may_come(c);
	if (rc == IM_OK)
		rc = quota_check(c, DIRECTORY_QUOTA_GROUPS, 1);
	if (rc != IM_OK)
		return rc;
	rc = group_people_get(wr, "members", c->user, &people);
	if (rc == IM_OK)
		rc = create_group(wr, gid, w, &people);
	group_people_clear(&people);
	return rc;
}

static int create_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	char random[RANDOM_GID_CHARS + 1];
	struct im_str gid = rpc_str(c, "gid");
	struct wanted w;
	int rc = take_wanted(c, &w);

	if (rc != IM_OK)
		return rc;
	if (gid.p == NULL) {
		rc = random_name(random, RANDOM_GID_CHARS);
		gid = im_str(random);
	} else if (!im_gid_valid(gid)) {
		rc = rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.gid is no group id; give 1 to 64 of A-Z a-z 0-9 _ . @ -");
	}
	return rc == IM_OK ? create_or_meet(wr, gid, &w) : rc;
}

/* -- the others -- */

/* One that the caller may not know of is not there. */
static int put_one(struct rpc_call *c, struct im_str gid, struct im_buf *b)
{
	struct group_ref ref;
	int rc = group_ref_of(c, gid, GROUP_REF_ANYBODY, &ref);

	return rc == IM_OK ? group_put_object(c, gid, b) : rc;
}

static int get_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct group_by_link g;
	int rc;

	if (rpc_has(c, "gid") + rpc_has(c, "gids") + rpc_has(c, "link") != 1)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"give one of params.gid, params.gids, an array of up to %d, and "
			"params.link",
			IM_NAMED_MAX);
	if (rpc_has(c, "gids"))
		return rpc_named(c, "gids", "groups", put_one);
	rc = group_by_link(c, &g);
	if (rc != IM_OK)
		return rc;
	im_buf_c(c->result, '{');
	rc = group_put(c, g.ref.row.gid);
	im_buf_c(c->result, '}');
	return rc;
}

static int update_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	struct directory_group now;
	struct wanted w;
	struct im_buf json;
	uint64_t seq;
	bool changed = false;
	int rc = take_wanted(c, &w);

	if (rc == IM_OK)
		rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);
	if (rc == IM_OK)
		rc = directory_group_by_id(c->dir, ref.row.id, &now);
	if (rc != IM_OK)
		return rc;
	im_buf_init(&json, 0);
	group_change_begin(&json, "update", c->uid);
	changed = put_differences(&json, &w, &now);
	im_buf_c(&json, '}');
	if (json.failed)
		rc = IM_E_NOMEM;
	else if (changed)
		rc = group_pay(wr, &now, 0);
	if (rc == IM_OK && changed)
		rc = group_write_change(group_ref_write(wr, &ref), im_buf_view(&json), &seq);
	im_buf_free(&json);
	return rc == IM_OK ? rpc_changed(c, changed) : rc;
}

static int on_end(void *arg, const struct store_msg *m)
{
	uint64_t *sender = arg;

	*sender = m->sender;
	return IM_OK;
}

/* A repeat does not find the group any more; the end of its conversation says who has dismissed it.
 */
static int dismissed_before(struct rpc_write *wr, uint64_t *group_out, bool *out)
{
	struct rpc_call *c = &wr->call;
	struct directory_group row;
	struct store_head head;
	uint64_t conv, sender = 0;
	int rc = directory_group_gone(c->dir, rpc_str(c, "gid"), &row);

	*group_out = row.id;
	if (rc == IM_OK)
		rc = writer_conv(wr->writer, IM_CONV_GROUP, row.id, 0, false, &conv);
	if (rc == IM_OK)
		rc = writer_head(wr->writer, conv, &head);
	if (rc == IM_OK)
		rc = writer_message(wr->writer, conv, head.seq, on_end, &sender);
	*out = sender == c->user;
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* Who has dismissed a group may still have its messages erased. */
static int dismiss_again(struct rpc_write *wr, bool *done_out)
{
	struct rpc_call *c = &wr->call;
	uint64_t group = 0;
	int rc = dismissed_before(wr, &group, done_out);

	if (rc != IM_OK || !*done_out)
		return rc;
	rc = rpc_bool(c, "erase", false) ? directory_group_erase(c->dir, group) : IM_E_NONE;
	return rc == IM_OK || rc == IM_E_NONE ? rpc_changed(c, rc == IM_OK) : rc;
}

static int dismiss_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	uint64_t seq;
	bool done = false;
	int rc = group_ref_get(c, DIRECTORY_OWNER, &ref);

	if (rc == IM_E_UNKNOWN_GROUP) {
		int again = dismiss_again(wr, &done);

		return again != IM_OK || done ? again : rc;
	}
	/* The message and the event. */
	if (rc == IM_OK)
		rc = group_pay(wr, &ref.row, ref.row.kind == DIRECTORY_ROOM ? 0 : ref.row.members);
	if (rc == IM_OK)
		rc = group_write_dismiss(
			group_ref_write(wr, &ref), rpc_bool(c, "erase", false), &seq);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

#define PROFILE_PARAMS                                                                            \
	{"name", RPC_LINE, false, 0, NAME_MAX_BYTES}, {"avatar", RPC_LINE, false, 0, AVATAR_MAX}, \
		{"announcement", RPC_LINE, false, 0, ANNOUNCEMENT_MAX},                           \
		{"join", RPC_STRING, false, 1, 16}, {"history", RPC_STRING, false, 1, 16},        \
	{                                                                                         \
		"member_limit", RPC_INTEGER, false, 1, IM_GROUP_MEMBERS_MAX                       \
	}

static const struct rpc_param create_params[] = {
	{"gid", RPC_STRING, false, 1, IM_GID_MAX},
	{"kind", RPC_STRING, false, 1, 16},
	PROFILE_PARAMS,
	{"members", RPC_STRINGS, false, 0, IM_INVITE_MAX},
	{0},
};

static const struct rpc_param update_params[] = {
	GROUP_REF_PARAM,
	PROFILE_PARAMS,
	{"slow_ms", RPC_INTEGER, false, 0, SLOW_MAX_MS},
	{"retention_days", RPC_INTEGER, false, 0, RETENTION_MAX_DAYS},
	{0},
};

static const struct rpc_param get_params[] = {
	GROUP_BY_LINK_PARAMS,
	{"gids", RPC_STRINGS, false, 1, IM_NAMED_MAX},
	{0},
};

static const struct rpc_param dismiss_params[] = {
	GROUP_REF_PARAM,
	{"erase", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct rpc_method rpc_group_methods[] = {
	{"group.create", RPC_LOG, create_params, .write = create_call},
	{"group.get", RPC_READ, get_params, .read = get_call},
	{"group.update", RPC_LOG, update_params, .write = update_call},
	{"group.dismiss", RPC_LOG, dismiss_params, .write = dismiss_call},
	{0},
};
