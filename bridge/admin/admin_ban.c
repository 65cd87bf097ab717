/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the lists of bans and mutes that administrators see, and the lifting of both. */
#include "bridge/admin/admin_ban.h"

#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_group.h"
#include "bridge/rpc/group_people.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/methods/rpc_ban.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/write/group_write.h"
#include "common/jsonw.h"
#include "common/limits.h"

struct kept {
	struct rpc_page page;
	const char *time; /* what the time means */
	int64_t over_ms;  /* what ended by then is not shown */
};

static int on_kept(void *arg, const struct directory_kept *k)
{
	struct kept *l = arg;

	if (k->ms <= l->over_ms)
		return rpc_page_skip(&l->page, k->uid);
	im_buf_z(&l->page.one, "{\"username\":");
	im_jsonw_str(&l->page.one, k->uid);
	im_jsonw_member_int(&l->page.one, l->time, k->ms);
	im_buf_printf(&l->page.one, ",\"deleted\":%s}", k->deleted ? "true" : "false");
	return rpc_page_add(&l->page, k->uid);
}

typedef int (*list_fn)(struct directory *d, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg);

static int list(struct rpc_call *c, const char *name, list_fn fn, struct kept *l)
{
	struct group_ref ref;
	uint64_t after;
	int rc = group_ref_get(c, GROUP_REF_ANYBODY, &ref);

	if (rc == IM_OK)
		rc = rpc_after_user(c, "after", &after);
	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&l->page, c->result, name, (uint32_t)rpc_int(c, "limit", ADMIN_LIST_MAX),
		ADMIN_LIST_BYTES_MAX);
	return rpc_page_end(&l->page, fn(c->dir, ref.row.id, after, l->page.limit + 1, on_kept, l));
}

static int list_bans(struct admin_call *ac)
{
	struct kept l = {.time = "since_ms", .over_ms = -1};

	return list(&ac->write.call, "bans", directory_ban_list, &l);
}

static int list_mutes(struct admin_call *ac)
{
	struct kept l = {.time = "until_ms", .over_ms = ac->write.call.now_ms};

	return list(&ac->write.call, "mutes", directory_muted_list, &l);
}

static int unban(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct group_ref ref;
	int rc = group_ref_get(c, GROUP_REF_ANYBODY, &ref);

	return rc == IM_OK ? group_unban(&ac->write, &ref) : rc;
}

/* Of those named who are muted; members and others. */
static int keep_muted(struct rpc_call *c, uint64_t group, struct group_people *p)
{
	struct directory_member m;
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		int64_t until_ms = 0;
		int rc = directory_member_get(c->dir, group, p->v[i].user, &m);

		if (rc == IM_OK)
			until_ms = m.muted_until_ms;
		else if (rc == IM_E_NONE)
			rc = directory_mute_get(c->dir, group, p->v[i].user, &until_ms);
		if (rc != IM_OK)
			return rc;
		if (until_ms > c->now_ms)
			p->v[kept++] = p->v[i];
	}
	p->n = kept;
	return IM_OK;
}

static int unmute(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct group_ref ref;
	struct group_people people = {0};
	uint64_t seq;
	int rc = group_ref_get(c, GROUP_REF_ANYBODY, &ref);

	if (rc == IM_OK)
		rc = group_people_get_past(&ac->write, "members", &people);
	if (rc == IM_OK)
		rc = keep_muted(c, ref.row.id, &people);
	if (rc == IM_OK && people.n > 0)
		rc = group_write_people(group_ref_write(&ac->write, &ref), "mute",
			IM_STR(",\"until\":0"), false, people.v, people.n, &seq);
	if (rc == IM_OK)
		rc = rpc_changed(c, people.n > 0);
	group_people_clear(&people);
	return rc;
}

static const struct rpc_param list_params[] = {
	GROUP_REF_PARAM,
	{"after", RPC_STRING, false, 0, IM_UID_MAX},
	{"limit", RPC_INTEGER, false, 1, ADMIN_LIST_MAX},
	{0},
};
static const struct rpc_param members_params[] = {
	GROUP_REF_PARAM,
	{"members", RPC_STRINGS, true, 1, IM_INVITE_MAX},
	{0},
};

const struct admin_command admin_ban_commands[] = {
	{"listGroupBans", ADMIN_LOOK, list_params, list_bans},
	{"listGroupMutes", ADMIN_LOOK, list_params, list_mutes},
	{"unbanGroupMember", ADMIN_CHANGE, members_params, unban},
	{"unmuteGroupMember", ADMIN_CHANGE, members_params, unmute},
	{0},
};
