/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * directory.db as the plugin sees it. Called by acl.c, auth.c, admit.c and the downlink. Never
 * writes, never waits longer than BUSY_MS for the database, decides nothing.
 *
 * Cached members and relations are keyed by the `life` of what they belong to, so that forgetting a
 * user or a group makes them unreachable at once, however many there are.
 */
#include "plugin/lookup_handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/limits.h"
#include "schema/migrations.h"

/* Readers of a WAL database wait only while another process recovers or replaces the log. */
#define BUSY_MS 25
/* 16 MiB: the names of half a million users. */
#define CACHE "PRAGMA cache_size = -16384"

static const char *const sql[STATEMENTS] = {
	[ST_USER] = "SELECT id, role, disabled, direct_policy, password,"
		    " coalesce(max_devices, -1),"
		    " EXISTS(SELECT 1 FROM block WHERE owner = user.id)"
		    " OR EXISTS(SELECT 1 FROM contact WHERE owner = user.id),"
		    " tokens_from_ms, deleted"
		    " FROM user WHERE uid = ?1 ORDER BY deleted, id DESC LIMIT 1",
	[ST_PASSWORD] = "SELECT password FROM user WHERE uid = ?1 AND deleted = 0",
	[ST_PASSWORD_COST] = "SELECT (SELECT value FROM meta WHERE key = 'password_memory_kib'),"
			     " (SELECT value FROM meta WHERE key = 'password_passes')",
	[ST_GROUP] = "SELECT id, kind, muted_until_ms, join_policy FROM grp"
		     " WHERE gid = ?1 AND dismissed = 0",
	[ST_MEMBER] = "SELECT role, muted_until_ms FROM member"
		      " WHERE grp = ?1 AND uid = ?2 AND user = ?3",
	[ST_RELATION] =
		"SELECT EXISTS(SELECT 1 FROM block WHERE owner = ?1 AND peer = ?2),"
		" EXISTS(SELECT 1 FROM contact WHERE owner = ?1 AND peer = ?2 AND state = 3)",
	[ST_DEVICE] = "SELECT user, kept_ms > 0, 0 FROM device WHERE device = ?1"
		      " UNION ALL SELECT user, 1, 1 FROM device_mark WHERE device = ?1",
	[ST_KEPT] = "SELECT (SELECT count(*) FROM device WHERE user = ?1 AND kept_ms > ?2)"
		    " + (SELECT count(*) FROM device_mark WHERE user = ?1 AND kept_ms > ?2)",
	[ST_META] = "SELECT value FROM meta WHERE key = ?1",
	[ST_CHANGED] = "PRAGMA data_version",
	[ST_BEGIN] = "BEGIN",
	[ST_END] = "COMMIT",
};

struct cached_member {
	bool is_member;
	struct lookup_member m;
};

static void close_db(struct lookup *l)
{
	int i;

	for (i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(l->st[i]);
		l->st[i] = NULL;
	}
	accounts_close(&l->accounts);
	sqlite3_close(l->db);
	l->db = NULL;
	l->viewing = false;
}

static int open_failed(struct lookup *l, struct im_buf *why)
{
	im_buf_printf(why,
		"%s cannot be opened: %s; start im-bridge (or run imctl) once with the same "
		"data_dir, it creates the database, and let the broker's user read it",
		l->path, l->db ? sqlite3_errmsg(l->db) : "out of memory");
	return IM_E_IO;
}

static int open_db(struct lookup *l, struct im_buf *why)
{
	struct stat s;
	int ret, i;

	if (sqlite3_open_v2(l->path, &l->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL))
		return open_failed(l, why);
	sqlite3_busy_timeout(l->db, BUSY_MS);
	if (sqlite3_exec(l->db, CACHE, NULL, NULL, NULL))
		return open_failed(l, why);
	ret = migrate_check(l->db, schema_migrations, "directory", why);
	if (ret)
		return ret;
	for (i = 0; i < STATEMENTS; i++) {
		if (sqlite3_prepare_v3(
			    l->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &l->st[i], NULL))
			return open_failed(l, why);
	}
	l->accounts = accounts_open(l->db, l->data_dir);
	if (!l->accounts)
		return open_failed(l, why);
	if (stat(l->path, &s) == 0) {
		l->inode = s.st_ino;
		l->device = s.st_dev;
	}
	return IM_OK;
}

static bool make_caches(struct lookup *l)
{
	const struct im_sipkey *k = &l->key;

	l->users = lru_new(k, IM_CACHE_USERS, sizeof(struct lookup_user));
	l->absent_users = lru_new(k, IM_CACHE_ABSENT, sizeof(bool)); /* gone */
	l->groups = lru_new(k, IM_CACHE_GROUPS, sizeof(struct lookup_group));
	l->absent_groups = lru_new(k, IM_CACHE_ABSENT, 1);
	l->members = lru_new(k, IM_CACHE_MEMBERS, sizeof(struct cached_member));
	l->relations = lru_new(k, IM_CACHE_RELATIONS, sizeof(struct lookup_relation));
	l->devices = lru_new(k, IM_CACHE_DEVICES, sizeof(bool));
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
	if (asprintf(&l->path, "%s/directory.db", data_dir) < 0)
		l->path = NULL;
	l->data_dir = strdup(data_dir);
	ret = l->path && l->data_dir && make_caches(l) ? open_db(l, why) : IM_E_NOMEM;
	if (ret)
		lookup_close(&l);
	*out = l;
	return ret;
}

void lookup_close(struct lookup **l)
{
	if (!*l)
		return;
	close_db(*l);
	lru_free(&(*l)->users);
	lru_free(&(*l)->absent_users);
	lru_free(&(*l)->groups);
	lru_free(&(*l)->absent_groups);
	lru_free(&(*l)->members);
	lru_free(&(*l)->relations);
	lru_free(&(*l)->devices);
	lru_free(&(*l)->pending);
	free((*l)->path);
	free((*l)->data_dir);
	free(*l);
	*l = NULL;
}

/* ---- reading ---- */

sqlite3_stmt *lookup_statement(struct lookup *l, enum statement which)
{
	l->reads++;
	return l->st[which];
}

void lookup_bind(sqlite3_stmt *st, int i, struct im_str s)
{
	sqlite3_bind_text(st, i, s.p, (int)s.n, SQLITE_STATIC);
}

static struct im_str column_str(sqlite3_stmt *st, int i)
{
	const char *p = (const char *)sqlite3_column_text(st, i);

	return (struct im_str){p, p ? (size_t)sqlite3_column_bytes(st, i) : 0};
}

void lookup_view(struct lookup *l)
{
	if (l->viewing || !l->db)
		return;
	l->viewing = sqlite3_step(l->st[ST_BEGIN]) == SQLITE_DONE;
	sqlite3_reset(l->st[ST_BEGIN]);
}

void lookup_rest(struct lookup *l)
{
	if (!l->viewing)
		return;
	l->viewing = false;
	sqlite3_step(l->st[ST_END]);
	sqlite3_reset(l->st[ST_END]);
}

void lookup_fault(struct lookup *l)
{
	l->errors++;
	snprintf(l->error, sizeof(l->error), "%s",
		l->db ? sqlite3_errmsg(l->db) : "database is not open");
}

int lookup_step(struct lookup *l, sqlite3_stmt *st)
{
	lookup_view(l);
	int rc = st ? sqlite3_step(st) : SQLITE_MISUSE;

	if (rc == SQLITE_ROW)
		return IM_OK;
	if (rc != SQLITE_DONE)
		lookup_fault(l);
	sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		lookup_rest(l);
	return rc == SQLITE_DONE ? IM_E_NONE : IM_E_IO;
}

static int read_user(struct lookup *l, struct im_str uid, struct lookup_user *out)
{
	sqlite3_stmt *st = lookup_statement(l, ST_USER);
	struct im_str phc;
	int ret;

	lookup_bind(st, 1, uid);
	ret = lookup_step(l, st);
	*out = (struct lookup_user){.gone = !ret && sqlite3_column_int(st, 8)};
	if (out->gone) {
		sqlite3_reset(st);
		ret = IM_E_NONE;
	}
	if (ret)
		return ret;
	phc = column_str(st, 4);
	*out = (struct lookup_user){
		.id = sqlite3_column_int64(st, 0),
		.life = ++l->lives,
		.admin = sqlite3_column_int(st, 1) == 1,
		.disabled = sqlite3_column_int(st, 2) != 0,
		.direct_policy = (enum im_direct_policy)sqlite3_column_int(st, 3),
		.max_devices = sqlite3_column_int64(st, 5),
		.relations = sqlite3_column_int(st, 6) != 0,
		.tokens_from_ms = sqlite3_column_int64(st, 7),
		.has_password = phc.n > 0,
		.credential = phc.n ? im_siphash(&l->key, phc.p, phc.n) : 0,
	};
	sqlite3_reset(st);
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

int lookup_password(struct lookup *l, struct im_str uid, struct im_buf *phc)
{
	sqlite3_stmt *st = lookup_statement(l, ST_PASSWORD);
	struct im_str s;
	int ret;

	lookup_bind(st, 1, uid);
	ret = lookup_step(l, st);
	if (ret)
		return ret;
	s = column_str(st, 0);
	im_buf_str(phc, s);
	ret = s.n ? IM_OK : IM_E_NONE;
	sqlite3_reset(st);
	return phc->failed ? IM_E_NOMEM : ret;
}

void lookup_password_cost(struct lookup *l, struct im_phc_cost *out)
{
	sqlite3_stmt *st = lookup_statement(l, ST_PASSWORD_COST);
	int64_t memory_kib = 0, passes = 0;

	if (lookup_step(l, st) == IM_OK) {
		memory_kib = sqlite3_column_int64(st, 0);
		passes = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
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
	st = lookup_statement(l, ST_GROUP);
	lookup_bind(st, 1, gid);
	ret = lookup_step(l, st);
	if (ret == IM_E_NONE)
		(void)lru_put(l->absent_groups, gid.p, gid.n);
	if (ret)
		return ret;
	*out = (struct lookup_group){
		.id = sqlite3_column_int64(st, 0),
		.life = ++l->lives,
		.room = sqlite3_column_int(st, 1) == 1,
		.muted_until_ms = sqlite3_column_int64(st, 2),
		.hidden = sqlite3_column_int(st, 3) == 2,
	};
	sqlite3_reset(st);
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
	st = lookup_statement(l, ST_MEMBER);
	sqlite3_bind_int64(st, 1, g->id);
	lookup_bind(st, 2, uid);
	sqlite3_bind_int64(st, 3, u->id);
	ret = lookup_step(l, st);
	if (ret == IM_E_IO)
		return ret;
	if (!ret) {
		read.is_member = true;
		read.m.role = (enum im_group_role)sqlite3_column_int(st, 0);
		read.m.muted_until_ms = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
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
	st = lookup_statement(l, ST_RELATION);
	sqlite3_bind_int64(st, 1, owner->id);
	sqlite3_bind_int64(st, 2, peer->id);
	ret = lookup_step(l, st);
	if (ret)
		return IM_E_IO;
	out->blocked = sqlite3_column_int(st, 0);
	out->contact = sqlite3_column_int(st, 1);
	sqlite3_reset(st);
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
	struct stat s;

	lookup_rest(l);
	l->generation++;
	lru_clear(l->users);
	lru_clear(l->absent_users);
	lru_clear(l->groups);
	lru_clear(l->absent_groups);
	lru_clear(l->members);
	lru_clear(l->relations);
	lru_clear(l->devices);
	if (l->db && (stat(l->path, &s) || (s.st_ino == l->inode && s.st_dev == l->device)))
		return;
	im_buf_init(&why, 0);
	close_db(l);
	if (open_db(l, &why)) {
		l->errors++;
		snprintf(l->error, sizeof(l->error), "%.*s", (int)why.n, why.n ? why.p : "");
		close_db(l);
	}
	im_buf_free(&why);
}

uint64_t lookup_generation(const struct lookup *l)
{
	return l->generation;
}

bool lookup_changed(struct lookup *l)
{
	sqlite3_stmt *st = l->st[ST_CHANGED];
	int64_t version;

	lookup_rest(l);
	if (lookup_step(l, st))
		return false;
	version = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
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
