/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the lists of bans and mutes for those who run a group, and the lifting of bans. How they
 * begin is rpc_member.c's and rpc_rank.c's, as is the lifting of mutes. */
#include "bridge/rpc/methods/rpc_ban.h"

#include "bridge/directory/directory_ban.h"
#include "bridge/directory/directory_group.h"
#include "bridge/rpc/group_people.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/write/group_write.h"
#include "common/jsonw.h"
#include "common/limits.h"

struct listing {
	struct rpc_page page;
	const char *member; /* what the time means */
	int64_t over_ms;    /* what ended by then is not shown */
};

static int on_kept(void *arg, const struct directory_kept *k)
{
	struct listing *l = arg;
	struct im_buf *b = &l->page.one;

	if (k->ms <= l->over_ms)
		return rpc_page_skip(&l->page, k->uid);
	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, k->uid);
	im_jsonw_member_int(b, l->member, k->ms);
	im_buf_z(b, k->deleted ? ",\"deleted\":true}" : "}");
	return rpc_page_add(&l->page, k->uid);
}

typedef int (*list_fn)(struct directory *d, uint64_t group, uint64_t after, uint32_t limit,
	directory_kept_fn fn, void *arg);

static int list(struct rpc_call *c, const char *name, list_fn fn, struct listing *l)
{
	struct group_ref ref;
	uint64_t after;
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	if (rc == IM_OK)
		rc = rpc_after_user(c, "next", &after);
	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&l->page, c->result, name, rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(&l->page, fn(c->dir, ref.row.id, after, l->page.limit + 1, on_kept, l));
}

static int bans_call(struct rpc_read *rd)
{
	struct listing l = {.member = "since", .over_ms = -1};

	return list(&rd->call, "bans", directory_ban_list, &l);
}

static int mutes_call(struct rpc_read *rd)
{
	struct listing l = {.member = "muted_until", .over_ms = rd->call.now_ms};

	return list(&rd->call, "mutes", directory_muted_list, &l);
}

/* -- group.unban -- */

/* Leaves only those who are banned. */
static int keep_banned(struct rpc_call *c, uint64_t group, struct group_people *p)
{
	size_t kept = 0;
	bool banned;
	int rc = IM_OK;

	for (size_t i = 0; rc == IM_OK && i < p->n; i++) {
		rc = directory_ban_has(c->dir, group, p->v[i].user, &banned);
		if (rc == IM_OK && banned)
			p->v[kept++] = p->v[i];
	}
	p->n = kept;
	return rc;
}

int group_unban(struct rpc_write *wr, struct group_ref *ref)
{
	struct rpc_call *c = &wr->call;
	struct group_people people;
	uint64_t seq;
	int rc = group_people_get_past(wr, "members", &people);

	if (rc == IM_OK)
		rc = keep_banned(c, ref->row.id, &people);
	if (rc == IM_OK && people.n > 0)
		rc = group_pay(wr, &ref->row, people.n);
	if (rc == IM_OK && people.n > 0)
		rc = group_write_people(group_ref_write(wr, ref), "unban", IM_STR(""), false,
			people.v, people.n, &seq);
	if (rc == IM_OK)
		rc = rpc_changed(c, people.n > 0);
	group_people_clear(&people);
	return rc;
}

static int unban_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct group_ref ref;
	int rc = group_ref_get(c, DIRECTORY_GROUP_ADMIN, &ref);

	return rc == IM_OK ? group_unban(wr, &ref) : rc;
}

static const struct rpc_param list_params[] = {
	GROUP_REF_PARAM,
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, IM_UID_MAX},
	{0},
};
static const struct rpc_param unban_params[] = {
	GROUP_REF_PARAM,
	{"members", RPC_STRINGS, true, 1, IM_INVITE_MAX},
	{0},
};

const struct rpc_method rpc_ban_methods[] = {
	{"group.bans", RPC_READ, list_params, .read = bans_call},
	{"group.mutes", RPC_READ, list_params, .read = mutes_call},
	{"group.unban", RPC_LOG, unban_params, .write = unban_call},
	{0},
};
