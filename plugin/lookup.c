/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory.db as the plugin sees it. Called by rights.c, auth.c, admit.c and the downlink. Decides
 * nothing.
 *
 * Cached members and relations are keyed by the `life` of what they belong to, so that forgetting a
 * user or a group makes them unreachable at once, however many there are.
 */
#include "plugin/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "plugin/lookup_handle.h"

struct cached_member {
	bool is_member;
	struct lookup_member m;
};

static bool make_caches(struct lookup *l)
{
	const struct im_sipkey *k = &l->key;

	l->users = lru_new(k, IM_CACHE_USERS, sizeof(struct lookup_user));
	l->absent_users = lru_new(k, IM_CACHE_ABSENT, sizeof(bool)); /* gone */
	l->groups = lru_new(k, IM_CACHE_GROUPS, sizeof(struct lookup_group));
	l->absent_groups = lru_new(k, IM_CACHE_ABSENT, 1);
	l->members = lru_new(k, IM_CACHE_MEMBERS, sizeof(struct cached_member));
	l->relations = lru_new(k, IM_CACHE_RELATIONS, sizeof(struct lookup_relation));
	l->devices = lru_new(k, IM_CACHE_DEVICES, sizeof(struct lookup_owned));
	l->pending = lru_new(k, IM_PENDING_USERS, sizeof(struct lookup_user));
	return l->users && l->absent_users && l->groups && l->absent_groups && l->members &&
	       l->relations && l->devices && l->pending;
}

int lookup_open(
	const char *data_dir, const struct im_sipkey *key, struct lookup **out, struct im_buf *why)
{
	struct lookup *l = calloc(1, sizeof(*l));
	int ret;

	if (!l)
		return IM_E_NOMEM;
	l->key = *key;
	l->generation = 1;
	l->data_dir = strdup(data_dir);
	ret = l->data_dir && make_caches(l) ? lookup_connect(l, true, why) : IM_E_NOMEM;
	if (ret)
		lookup_close(&l);
	*out = l;
	return ret;
}

void lookup_close(struct lookup **l)
{
	if (!*l)
		return;
	lookup_disconnect(*l);
	lru_free(&(*l)->users);
	lru_free(&(*l)->absent_users);
	lru_free(&(*l)->groups);
	lru_free(&(*l)->absent_groups);
	lru_free(&(*l)->members);
	lru_free(&(*l)->relations);
	lru_free(&(*l)->devices);
	lru_free(&(*l)->pending);
	free((*l)->data_dir);
	free(*l);
	*l = NULL;
}

/* ---- reading ---- */

void lookup_rest(struct lookup *l)
{
	lookup_view_end(l);
}

/* What the directory tells passwords by, of this user and no other. */
static uint64_t credential_of(const struct lookup *l, sqlite3_stmt *st)
{
	const int64_t of[2] = {sqldb_int(st, 0), sqldb_int(st, 9)};

	return sqldb_str(st, 4).n ? im_siphash(&l->key, of, sizeof(of)) : 0;
}

static int read_user(struct lookup *l, struct im_str uid, struct lookup_user *out)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_USER);
	struct im_str bind;
	int ret;

	sqldb_bind_text(st, 1, uid);
	ret = lookup_step(l, st);
	*out = (struct lookup_user){.gone = !ret && sqldb_int(st, 8)};
	if (out->gone) {
		sqldb_done(st);
		ret = IM_E_NONE;
	}
	if (ret)
		return ret;
	bind = sqldb_str(st, 10);
	*out = (struct lookup_user){
		.id = sqldb_int(st, 0),
		.life = ++l->lives,
		.role = (enum im_role)sqldb_int(st, 1),
		.disabled = sqldb_int(st, 2) != 0,
		.direct_policy = (enum im_direct_policy)sqldb_int(st, 3),
		.max_devices = sqldb_int(st, 5),
		.relations = sqldb_int(st, 6) != 0,
		.tokens_from_ms = sqldb_int(st, 7),
		.has_password = sqldb_str(st, 4).n > 0,
		.bind = bind.n ? im_siphash(&l->key, bind.p, bind.n) : 0,
		.credential = credential_of(l, st),
	};
	sqldb_done(st);
	return IM_OK;
}

int lookup_user(struct lookup *l, struct im_str uid, struct lookup_user *out)
{
	struct lookup_user *u = lru_get(l->users, uid.p, uid.n);
	bool *gone;
	int ret;

	if (!u && lru_count(l->pending))
		u = lru_get(l->pending, uid.p, uid.n);
	if (u) {
		*out = *u;
		return IM_OK;
	}
	gone = lru_get(l->absent_users, uid.p, uid.n);
	if (gone) {
		*out = (struct lookup_user){.gone = *gone};
		return IM_E_NONE;
	}
	ret = read_user(l, uid, out);
	if (ret == IM_E_NONE) {
		gone = lru_put(l->absent_users, uid.p, uid.n);
		if (gone)
			*gone = out->gone;
	}
	if (ret)
		return ret;
	u = lru_put(l->users, uid.p, uid.n);
	if (u)
		*u = *out;
	return IM_OK;
}

int lookup_password(
	struct lookup *l, struct im_str uid, struct im_buf *stored, struct im_rehash *which_out)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_PASSWORD);
	struct im_str s;
	int ret;

	sqldb_bind_text(st, 1, uid);
	ret = lookup_step(l, st);
	if (ret)
		return ret;
	s = sqldb_str(st, 0);
	im_buf_str(stored, s);
	ret = s.n ? IM_OK : IM_E_NONE;
	*which_out = (struct im_rehash){sqldb_id(st, 1), sqldb_int(st, 2), sqldb_id(st, 3)};
	sqldb_done(st);
	return stored->failed ? IM_E_NOMEM : ret;
}

void lookup_password_cost(struct lookup *l, struct im_phc_cost *out)
{
	sqlite3_stmt *st = lookup_statement(l, LOOKUP_PASSWORD_COST);
	int64_t memory_kib = 0, passes = 0;

	if (lookup_step(l, st) == IM_OK) {
		memory_kib = sqldb_int(st, 0);
		passes = sqldb_int(st, 1);
		sqldb_done(st);
	}
	if (memory_kib < 8 || memory_kib > IM_PHC_MEMORY_KIB_MAX || passes < 1 ||
		passes > IM_PHC_PASSES_MAX) {
		memory_kib = IM_PHC_MEMORY_KIB;
		passes = IM_PHC_PASSES;
	}
	*out = (struct im_phc_cost){(uint32_t)memory_kib, (uint32_t)passes, 1};
}

int lookup_group(struct lookup *l, struct im_str gid, struct lookup_group *out)
{
	struct lookup_group *g = lru_get(l->groups, gid.p, gid.n);
	sqlite3_stmt *st;
	int ret;

	if (g) {
		*out = *g;
		return IM_OK;
	}
	if (lru_get(l->absent_groups, gid.p, gid.n))
		return IM_E_NONE;
	st = lookup_statement(l, LOOKUP_GROUP);
	sqldb_bind_text(st, 1, gid);
	ret = lookup_step(l, st);
	if (ret == IM_E_NONE)
		(void)lru_put(l->absent_groups, gid.p, gid.n);
	if (ret)
		return ret;
	*out = (struct lookup_group){
		.id = sqldb_int(st, 0),
		.life = ++l->lives,
		.room = sqldb_int(st, 1) == 1,
		.muted_until_ms = sqldb_int(st, 2),
		.hidden = sqldb_int(st, 3) == 2,
	};
	sqldb_done(st);
	g = lru_put(l->groups, gid.p, gid.n);
	if (g)
		*g = *out;
	return IM_OK;
}

struct member_key {
	uint64_t life;
	char uid[IM_UID_MAX];
};

static size_t member_key(struct member_key *k, uint64_t life, struct im_str uid)
{
	size_t n = uid.n < sizeof(k->uid) ? uid.n : sizeof(k->uid);

	k->life = life;
	memcpy(k->uid, uid.p, n);
	return offsetof(struct member_key, uid) + n;
}

int lookup_member(struct lookup *l, const struct lookup_group *g, struct im_str uid,
	const struct lookup_user *u, struct lookup_member *out)
{
	struct cached_member read = {0}, *c;
	struct member_key key;
	size_t key_n = member_key(&key, g->life, uid);
	sqlite3_stmt *st;
	int ret;

	c = lru_get(l->members, &key, key_n);
	if (c) {
		*out = c->m;
		return c->is_member ? IM_OK : IM_E_NONE;
	}
	st = lookup_statement(l, LOOKUP_MEMBER);
	sqldb_bind_int(st, 1, g->id);
	sqldb_bind_text(st, 2, uid);
	sqldb_bind_int(st, 3, u->id);
	ret = lookup_step(l, st);
	if (ret == IM_E_IO)
		return ret;
	if (!ret) {
		read.is_member = true;
		read.m.role = (enum im_group_role)sqldb_int(st, 0);
		read.m.muted_until_ms = sqldb_int(st, 1);
		sqldb_done(st);
	}
	*out = read.m;
	c = lru_put(l->members, &key, key_n);
	if (c)
		*c = read;
	return ret;
}

int lookup_relation(struct lookup *l, const struct lookup_user *owner,
	const struct lookup_user *peer, struct lookup_relation *out)
{
	const uint64_t key[2] = {owner->life, peer->life};
	struct lookup_relation *c;
	sqlite3_stmt *st;
	int ret;

	*out = (struct lookup_relation){0};
	if (!owner->relations)
		return IM_OK;
	c = lru_get(l->relations, key, sizeof(key));
	if (c) {
		*out = *c;
		return IM_OK;
	}
	st = lookup_statement(l, LOOKUP_RELATION);
	sqldb_bind_int(st, 1, owner->id);
	sqldb_bind_int(st, 2, peer->id);
	ret = lookup_step(l, st);
	if (ret)
		return IM_E_IO;
	out->blocked = sqldb_int(st, 0);
	out->contact = sqldb_int(st, 1);
	sqldb_done(st);
	c = lru_put(l->relations, key, sizeof(key));
	if (c)
		*c = *out;
	return IM_OK;
}

/* ---- forgetting ---- */

int lookup_user_pending(struct lookup *l, struct im_str uid)
{
	struct lookup_user *u;

	if (lru_count(l->pending) >= IM_PENDING_USERS)
		return IM_E_FULL;
	u = lru_put(l->pending, uid.p, uid.n);
	if (!u)
		return IM_E_NOMEM;
	if (!u->life)
		u->life = ++l->lives;
	l->generation++;
	lru_del(l->absent_users, uid.p, uid.n);
	return IM_OK;
}

void lookup_forget_user(struct lookup *l, struct im_str uid)
{
	struct lookup_user u;

	lookup_rest(l);
	l->generation++;
	lru_del(l->users, uid.p, uid.n);
	lru_del(l->absent_users, uid.p, uid.n);
	if (lru_get(l->pending, uid.p, uid.n) && read_user(l, uid, &u) == IM_OK)
		lru_del(l->pending, uid.p, uid.n);
}

void lookup_forget_group(struct lookup *l, struct im_str gid)
{
	lookup_rest(l);
	lru_del(l->groups, gid.p, gid.n);
	lru_del(l->absent_groups, gid.p, gid.n);
}

void lookup_forget_member(struct lookup *l, struct im_str gid, struct im_str uid)
{
	const struct lookup_group *g = lru_get(l->groups, gid.p, gid.n);
	struct member_key key;

	lookup_rest(l);
	if (g)
		lru_del(l->members, &key, member_key(&key, g->life, uid));
}

void lookup_forget_all(struct lookup *l)
{
	struct im_buf why;

	lookup_rest(l);
	l->generation++;
	lru_clear(l->users);
	lru_clear(l->absent_users);
	lru_clear(l->groups);
	lru_clear(l->absent_groups);
	lru_clear(l->members);
	lru_clear(l->relations);
	lru_clear(l->devices);
	if (!lookup_replaced(l))
		return;
	im_buf_init(&why, 0);
	lookup_disconnect(l);
	if (lookup_connect(l, false, &why)) {
		l->errors++;
		snprintf(l->error, sizeof(l->error), "%.*s", IM_ARGS(why));
	}
	im_buf_free(&why);
}

uint64_t lookup_generation(const struct lookup *l)
{
	return l->generation;
}

bool lookup_changed(struct lookup *l)
{
	sqlite3_stmt *st;
	int64_t version;

	lookup_rest(l);
	st = l->q.db ? sqldb_get(&l->q, LOOKUP_CHANGED) : NULL;
	if (lookup_step(l, st))
		return false;
	version = sqldb_int(st, 0);
	sqldb_done(st);
	lookup_rest(l);
	if (version == l->version)
		return false;
	l->version = version;
	return true;
}

const char *lookup_error(const struct lookup *l)
{
	return l->error;
}

uint64_t lookup_errors(const struct lookup *l)
{
	return l->errors;
}

uint64_t lookup_reads(const struct lookup *l)
{
	return l->reads;
}
