/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the caches: users by name, groups by name, what stands between two of them (a block, a
 * contact, a membership), and when members of groups in slow mode wrote last. Unknown names are not
 * cached: they would let one client push everybody else out.
 */
#include "bridge/directory/rights.h"

#include <stdlib.h>

#include "bridge/base/assoc.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "common/limits.h"

struct rights {
	struct directory *d;
	struct im_sipkey key;
	enum im_direct_policy server;
	struct assoc *users, *groups, *pairs, *paced;
};

struct user_entry {
	char uid[IM_UID_MAX];
	uint8_t n;
	struct rights_user u;
};

struct group_entry {
	char gid[IM_GID_MAX];
	uint8_t n;
	struct rights_group g;
};

struct pace_entry {
	uint64_t group, user;
	int64_t last_ms;
};

enum pair_kind { PAIR_DIRECT, PAIR_MEMBER };

struct pair_entry {
	uint64_t key[3]; /* kind; sender and receiver, or group and user */
	int64_t muted_until_ms;
	int role;              /* -1: no member */
	bool blocked, contact; /* what the receiver has made of the sender */
};

struct rights *rights_new(struct directory *d, const struct im_sipkey *key)
{
	struct rights *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->d = d;
	r->key = *key;
	r->users = assoc_new(IM_CACHED_USERS, sizeof(struct user_entry));
	r->groups = assoc_new(IM_CACHED_GROUPS, sizeof(struct group_entry));
	r->pairs = assoc_new(IM_CACHED_RIGHTS, sizeof(struct pair_entry));
	r->paced = assoc_new(IM_CACHED_PACED, sizeof(struct pace_entry));
	if (!r->users || !r->groups || !r->pairs || !r->paced)
		rights_free(&r);
	return r;
}

void rights_free(struct rights **r)
{
	if (!*r)
		return;
	assoc_free(&(*r)->users);
	assoc_free(&(*r)->groups);
	assoc_free(&(*r)->pairs);
	assoc_free(&(*r)->paced);
	free(*r);
	*r = NULL;
}

void rights_set_direct_policy(struct rights *r, enum im_direct_policy server)
{
	r->server = server;
}

static uint64_t name_hash(const struct rights *r, struct im_str s)
{
	return im_siphash(&r->key, s.p, s.n);
}

int rights_user(struct rights *r, struct im_str uid, struct rights_user *out)
{
	uint64_t hash = name_hash(r, uid);
	struct user_entry *e = assoc_get(r->users, hash);
	struct directory_user u;
	int rc;

	if (e && im_str_eq((struct im_str){e->uid, e->n}, uid)) {
		*out = e->u;
		return IM_OK;
	}
	*out = (struct rights_user){0};
	if (uid.n == 0 || uid.n > IM_UID_MAX)
		return IM_E_UNKNOWN_USER;
	rc = directory_user_last(r->d, uid, &u);
	out->gone = !rc && u.deleted;
	if (rc || u.deleted)
		return rc == IM_E_NONE || !rc ? IM_E_UNKNOWN_USER : rc;
	e = assoc_put(r->users, hash);
	memcpy(e->uid, uid.p, uid.n);
	e->n = (uint8_t)uid.n;
	e->u = (struct rights_user){
		.id = u.id,
		.role = u.role,
		.disabled = u.disabled,
		.policy = u.direct_policy,
	};
	*out = e->u;
	return IM_OK;
}

int rights_group(struct rights *r, struct im_str gid, struct rights_group *out)
{
	uint64_t hash = name_hash(r, gid);
	struct group_entry *e = assoc_get(r->groups, hash);
	struct directory_group g;
	int rc;

	if (e && im_str_eq((struct im_str){e->gid, e->n}, gid)) {
		*out = e->g;
		return IM_OK;
	}
	*out = (struct rights_group){0};
	if (gid.n == 0 || gid.n > IM_GID_MAX)
		return IM_E_UNKNOWN_GROUP;
	rc = directory_group_get(r->d, gid, &g);
	if (rc)
		return rc == IM_E_NONE ? IM_E_UNKNOWN_GROUP : rc;
	e = assoc_put(r->groups, hash);
	memcpy(e->gid, gid.p, gid.n);
	e->n = (uint8_t)gid.n;
	e->g = (struct rights_group){g.id, g.kind, g.join_policy == DIRECTORY_JOIN_INVITE,
		g.members, g.muted_until_ms, g.slow_ms};
	*out = e->g;
	return IM_OK;
}

static int load_direct(struct rights *r, struct pair_entry *e)
{
	int rc = directory_block_has(r->d, e->key[2], e->key[1], &e->blocked);

	return rc ? rc : directory_contact_has(r->d, e->key[2], e->key[1], &e->contact);
}

static int load_member(struct rights *r, struct pair_entry *e)
{
	struct directory_member m;
	int rc = directory_member_get(r->d, e->key[1], e->key[2], &m);

	e->role = rc ? -1 : m.role;
	e->muted_until_ms = rc ? 0 : m.muted_until_ms;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int pair(struct rights *r, enum pair_kind kind, uint64_t a, uint64_t b,
	const struct pair_entry **out)
{
	struct pair_entry fresh = {.key = {kind, a, b}};
	uint64_t hash = im_siphash(&r->key, fresh.key, sizeof(fresh.key));
	struct pair_entry *e = assoc_get(r->pairs, hash);
	int rc;

	*out = e;
	if (e && memcmp(e->key, fresh.key, sizeof(fresh.key)) == 0)
		return IM_OK;
	rc = kind == PAIR_DIRECT ? load_direct(r, &fresh) : load_member(r, &fresh);
	if (rc)
		return rc;
	*out = e = assoc_put(r->pairs, hash);
	*e = fresh;
	return IM_OK;
}

int rights_direct(struct rights *r, const struct rights_user *from, const struct rights_user *to,
	bool addressed, struct im_buf *why)
{
	struct im_may_direct f = {
		.self = from->id == to->id,
		.addressed = addressed,
		.role = to->role,
		.exists = to->id != 0,
		.gone = to->gone,
		.theirs = to->policy,
		.server = r->server,
	};
	const struct pair_entry *e;
	int rc;

	if (f.exists && !f.self) {
		rc = pair(r, PAIR_DIRECT, from->id, to->id, &e);
		if (rc)
			return rc;
		f.blocked = e->blocked;
		f.contact = e->contact;
	}
	return im_may_direct(&f, why);
}

int rights_read(struct directory *d, uint64_t from, uint64_t to, struct im_may_direct *f)
{
	struct directory_user u = {0};
	int rc = directory_user_by_id(d, to, &u);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	f->self = from == to;
	f->exists = rc == IM_OK && !u.deleted;
	f->role = u.role;
	f->gone = u.deleted;
	f->theirs = u.direct_policy;
	rc = directory_block_has(d, to, from, &f->blocked);
	if (rc == IM_OK && im_direct_policy_of(f) == IM_DIRECT_CONTACTS)
		rc = directory_contact_has(d, to, from, &f->contact);
	return rc;
}

int rights_send(struct rights *r, const struct rights_group *g, const struct rights_user *from,
	int64_t now_ms, int *role_out, struct im_buf *why)
{
	struct im_may_group f = {
		.exists = g->id != 0,
		.hidden = g->hidden,
		.group_muted_until_ms = g->muted_until_ms,
		.now_ms = now_ms,
	};
	const struct pair_entry *e = NULL;
	int rc = f.exists ? pair(r, PAIR_MEMBER, g->id, from->id, &e) : IM_OK;

	if (rc)
		return rc;
	if (e && e->role >= 0) {
		f.member = true;
		f.role = (enum im_group_role)e->role;
		f.member_muted_until_ms = e->muted_until_ms;
		*role_out = e->role;
	}
	return im_may_group(&f, why);
}

int rights_mention(struct rights *r, const struct rights_group *g, const struct rights_user *from,
	struct im_str uid, uint64_t *id_out)
{
	const struct pair_entry *e;
	struct rights_user u;
	int rc = rights_user(r, uid, &u);

	*id_out = u.id;
	if (rc)
		return rc == IM_E_UNKNOWN_USER ? IM_E_NOT_MEMBER : rc;
	rc = pair(r, PAIR_MEMBER, g->id, u.id, &e);
	if (rc || e->role < 0)
		return rc ? rc : IM_E_NOT_MEMBER;
	rc = pair(r, PAIR_DIRECT, from->id, u.id, &e);
	if (rc)
		return rc;
	return e->blocked ? IM_E_BLOCKED : IM_OK;
}

int rights_pace(struct rights *r, const struct rights_group *g, uint64_t user, int64_t now_ms)
{
	struct pace_entry key = {g->id, user, 0};
	uint64_t hash = im_siphash(&r->key, &key, sizeof(key));
	struct pace_entry *e = assoc_get(r->paced, hash);

	if (e && (e->group != g->id || e->user != user))
		e = NULL;
	/* A clock that was set back must not silence anybody. */
	if (e && now_ms >= e->last_ms && now_ms - e->last_ms < g->slow_ms)
		return IM_E_RATE_LIMITED;
	e = assoc_change(r->paced, hash);
	*e = (struct pace_entry){g->id, user, now_ms};
	return IM_OK;
}

void rights_forget(void *arg, struct im_str uid, struct im_str gid)
{
	struct rights *r = arg;

	if (gid.n)
		assoc_drop(r->groups, name_hash(r, gid));
	else
		assoc_drop(r->users, name_hash(r, uid));
	/* Pairs are not found by one of their names; they are cheap to read again. */
	assoc_clear(r->pairs);
}

static void committed(void *arg)
{
	struct rights *r = arg;

	assoc_keep(r->paced);
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct rights *r = arg;

	(void)first;
	/* Messages that have used time up come again, unless they are stored. */
	if (logged)
		assoc_keep(r->paced);
	else
		assoc_undo(r->paced);
}

void rights_clear(struct rights *r)
{
	assoc_clear(r->users);
	assoc_clear(r->groups);
	assoc_clear(r->pairs);
}

static void forget(void *arg)
{
	rights_clear(arg);
}

struct tx_part rights_part(struct rights *r)
{
	return (struct tx_part){
		.commit = committed, .rollback = rolled_back, .forget = forget, .arg = r};
}
