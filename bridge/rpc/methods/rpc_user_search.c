/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the search for users. It walks the people whom the caller can list anyway, contacts first,
 * then the members of one group after the other, a bounded number of them a page: so nothing in an
 * answer, `more` and `next` included, speaks of anybody else. Reads only.
 */
#include "bridge/rpc/methods/methods.h"

#include <string.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/methods/rpc_user.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/search/search_tokens.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define QUERY_MAX IM_NICK_MAX
#define BEGINNING "/" /* the page goes on with the first contact */

struct hunt {
	struct rpc_call *c;
	struct rpc_page page; /* its limit: whom it looks at */
	uint32_t shown, limit;
	struct im_str q;
	struct im_buf begin, nick; /* folded */
	struct im_buf key;
	/* the group in hand; 0: contacts */
	uint64_t group;
	char gid[IM_GID_MAX];
	size_t gid_n;
};

/* Where a page goes on: behind a contact, or behind a member of a group. */
static struct im_str key_of(struct hunt *h, struct im_str uid)
{
	im_buf_reset(&h->key);
	if (h->group) {
		im_buf_put(&h->key, h->gid, h->gid_n);
		im_buf_c(&h->key, '/');
	}
	im_buf_str(&h->key, uid);
	return im_buf_view(&h->key);
}

static bool begins_so(struct hunt *h, struct im_str nick)
{
	im_buf_reset(&h->nick);
	search_fold(nick, &h->nick);
	return h->nick.n >= h->begin.n && memcmp(h->nick.p, h->begin.p, h->begin.n) == 0;
}

/* Nobody finds himself, nor whom he has blocked or who has blocked him. */
static int may_find(struct hunt *h, const struct directory_user *u, bool *out)
{
	bool blocked = false;
	int rc = u->id == h->c->user
			 ? IM_OK
			 : directory_block_between(h->c->dir, h->c->user, u->id, &blocked);

	*out = rc == IM_OK && u->id != h->c->user && !blocked && u->role != IM_ROLE_DEVICE;
	return rc;
}

/* Was shown before, or passed over, as a contact or as a member of an earlier group. */
static int seen_before(struct hunt *h, const struct directory_user *u, bool *out)
{
	int rc;

	*out = false;
	if (h->group == 0)
		return IM_OK;
	rc = directory_contact_has(h->c->dir, h->c->user, u->id, out);
	if (rc == IM_OK && !*out)
		rc = directory_member_shared(h->c->dir, h->c->user, u->id, h->group, out);
	return rc;
}

static void put(struct hunt *h, const struct directory_user *u)
{
	struct im_buf *b = &h->page.one;

	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, u->uid);
	user_put_shown(b, u->nick, u->avatar, u->rev);
	im_buf_c(b, '}');
}

static int show(struct hunt *h, const struct directory_user *u)
{
	int rc;

	if (h->shown == h->limit) {
		h->page.more = true;
		return RPC_PAGE_STOP;
	}
	put(h, u);
	rc = rpc_page_add(&h->page, key_of(h, u->uid));
	h->shown += rc == IM_OK;
	return rc;
}

static int on_person(void *arg, const struct directory_user *u)
{
	struct hunt *h = arg;
	bool wanted = begins_so(h, u->nick) && !im_str_eq(u->uid, h->q), before = false;
	int rc = h->nick.failed ? IM_E_NOMEM : IM_OK;

	if (rc == IM_OK && wanted)
		rc = may_find(h, u, &wanted);
	if (rc == IM_OK && wanted)
		rc = seen_before(h, u, &before);
	if (rc != IM_OK)
		return rc;
	return wanted && !before ? show(h, u) : rpc_page_skip(&h->page, key_of(h, u->uid));
}

static uint32_t left(const struct hunt *h)
{
	return h->page.limit - h->page.count + 1;
}

static int on_group(void *arg, const struct directory_group *g, int role)
{
	struct hunt *h = arg;

	(void)role;
	/* The audience of a room is nobody's acquaintance. */
	if (g->kind == DIRECTORY_ROOM)
		return IM_OK;
	h->group = g->id;
	h->gid_n = g->gid.n;
	memcpy(h->gid, g->gid.p, g->gid.n);
	return directory_member_people(h->c->dir, g->id, IM_STR(""), left(h), on_person, h);
}

/* Who has exactly this name, wherever he is; told by the first page. */
static int find_uid(struct hunt *h)
{
	struct directory_user u;
	bool found;
	int rc = im_uid_valid(h->q) ? directory_user_get(h->c->dir, h->q, &u) : IM_E_NONE;

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	put(h, &u);
	rc = may_find(h, &u, &found);
	if (rc == IM_OK && found) {
		rc = rpc_page_add(&h->page, IM_STR(BEGINNING));
		h->shown++;
	}
	im_buf_reset(&h->page.one);
	return rc;
}

struct place {
	uint64_t contact;       /* go on behind this one, */
	struct im_str gid, uid; /* or, if gid.n > 0, behind this member */
	uint64_t group;
};

static int take_place(struct rpc_call *c, struct place *out)
{
	struct im_str next = rpc_str(c, "next");
	const char *slash = next.n ? memchr(next.p, '/', next.n) : NULL;

	*out = (struct place){0};
	if (im_str_eqz(next, BEGINNING))
		return IM_OK;
	if (slash == NULL)
		return rpc_after_user(c, "next", &out->contact);
	out->gid = (struct im_str){next.p, (size_t)(slash - next.p)};
	out->uid = (struct im_str){slash + 1, next.n - out->gid.n - 1};
	if (!im_gid_valid(out->gid) || !im_uid_valid(out->uid))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.next is none that user.search gave; leave it out to begin");
	return group_ref_after(c, "next", out->gid, &out->group);
}

/* The rest of the group in which the page before has ended. */
static int go_on(struct hunt *h, const struct place *from)
{
	h->group = from->group;
	h->gid_n = from->gid.n;
	memcpy(h->gid, from->gid.p, from->gid.n);
	return directory_member_people(h->c->dir, h->group, from->uid, left(h), on_person, h);
}

static int find_nicks(struct hunt *h, const struct place *from)
{
	int rc;

	if (from->group)
		rc = go_on(h, from);
	else
		rc = directory_contact_people(
			h->c->dir, h->c->user, from->contact, left(h), on_person, h);
	if (rc == IM_OK)
		rc = directory_memberships(
			h->c->dir, h->c->user, from->group, UINT32_MAX, on_group, h);
	return rc;
}

static int find(struct hunt *h)
{
	struct rpc_call *c = h->c;
	struct place from = {0};
	int rc = take_place(c, &from);

	search_fold(h->q, &h->begin);
	if (rc == IM_OK && h->begin.failed)
		rc = IM_E_NOMEM;
	if (rc == IM_OK && h->begin.n == 0)
		rc = rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.q holds nothing that a name begins with; give a user id, or how a "
			"nick begins");
	if (rc != IM_OK)
		return rc;
	rpc_page_begin(
		&h->page, c->result, "users", h->limit * USER_SEARCH_PEOPLE, rpc_page_bytes(c));
	if (!rpc_has(c, "next"))
		rc = find_uid(h);
	if (rc == IM_OK && c->set->user_search == USER_SEARCH_NICK)
		rc = find_nicks(h, &from);
	return rpc_page_end(&h->page, rc);
}

static int search_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct hunt h = {.c = c, .limit = rpc_limit(c), .q = rpc_str(c, "q")};
	int rc;

	if (c->set->user_search == USER_SEARCH_OFF)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"this server searches for nobody; ask user.get for a user id");
	rc = directory_view_begin(c->dir);
	if (rc != IM_OK)
		return rc;
	im_buf_init(&h.begin, 0);
	im_buf_init(&h.nick, 0);
	im_buf_init(&h.key, 0);
	rc = find(&h);
	directory_view_end(c->dir);
	im_buf_free(&h.begin);
	im_buf_free(&h.nick);
	im_buf_free(&h.key);
	return rc;
}

static const struct rpc_param search_params[] = {
	{"q", RPC_STRING, true, 1, QUERY_MAX},
	{"limit", RPC_INTEGER, false, 1, USER_SEARCH_MAX},
	{"next", RPC_STRING, false, 1, IM_GID_MAX + 1 + IM_UID_MAX},
	{0},
};

const struct rpc_method rpc_user_search_methods[] = {
	{"user.search", RPC_READ, search_params, .read = search_call},
	{0},
};
