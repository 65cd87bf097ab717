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
	struct directory_member m;
};

static void close_db(struct directory *d)
{
	int i;

	for (i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(d->st[i]);
		d->st[i] = NULL;
	}
	accounts_close(&d->accounts);
	sqlite3_close(d->db);
	d->db = NULL;
	d->viewing = false;
}

static int open_failed(struct directory *d, struct im_buf *why)
{
	im_buf_printf(why,
		"%s cannot be opened: %s; start im-bridge (or run imctl) once with the same "
		"data_dir, it creates the database, and let the broker's user read it",
		d->path, d->db ? sqlite3_errmsg(d->db) : "out of memory");
	return IM_E_IO;
}

static int open_db(struct directory *d, struct im_buf *why)
{
	struct stat s;
	int ret, i;

	if (sqlite3_open_v2(d->path, &d->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL))
		return open_failed(d, why);
	sqlite3_busy_timeout(d->db, BUSY_MS);
	if (sqlite3_exec(d->db, CACHE, NULL, NULL, NULL))
		return open_failed(d, why);
	ret = migrate_check(d->db, schema_migrations, "directory", why);
	if (ret)
		return ret;
	for (i = 0; i < STATEMENTS; i++) {
		if (sqlite3_prepare_v3(
			    d->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &d->st[i], NULL))
			return open_failed(d, why);
	}
	d->accounts = accounts_open(d->db, d->data_dir);
	if (!d->accounts)
		return open_failed(d, why);
	if (stat(d->path, &s) == 0) {
		d->inode = s.st_ino;
		d->device = s.st_dev;
	}
	return IM_OK;
}

static bool make_caches(struct directory *d)
{
	const struct im_sipkey *k = &d->key;

	d->users = lru_new(k, IM_CACHE_USERS, sizeof(struct directory_user));
	d->absent_users = lru_new(k, IM_CACHE_ABSENT, sizeof(bool)); /* gone */
	d->groups = lru_new(k, IM_CACHE_GROUPS, sizeof(struct directory_group));
	d->absent_groups = lru_new(k, IM_CACHE_ABSENT, 1);
	d->members = lru_new(k, IM_CACHE_MEMBERS, sizeof(struct cached_member));
	d->relations = lru_new(k, IM_CACHE_RELATIONS, sizeof(struct directory_relation));
	d->devices = lru_new(k, IM_CACHE_DEVICES, sizeof(bool));
	d->pending = lru_new(k, IM_PENDING_USERS, sizeof(struct directory_user));
	return d->users && d->absent_users && d->groups && d->absent_groups && d->members &&
	       d->relations && d->devices && d->pending;
}

int directory_open(const char *data_dir, const struct im_sipkey *key, struct directory **out,
	struct im_buf *why)
{
	struct directory *d = calloc(1, sizeof(*d));
	int ret;

	if (!d)
		return IM_E_NOMEM;
	d->key = *key;
	d->generation = 1;
	if (asprintf(&d->path, "%s/directory.db", data_dir) < 0)
		d->path = NULL;
	d->data_dir = strdup(data_dir);
	ret = d->path && d->data_dir && make_caches(d) ? open_db(d, why) : IM_E_NOMEM;
	if (ret)
		directory_close(&d);
	*out = d;
	return ret;
}

void directory_close(struct directory **d)
{
	if (!*d)
		return;
	close_db(*d);
	lru_free(&(*d)->users);
	lru_free(&(*d)->absent_users);
	lru_free(&(*d)->groups);
	lru_free(&(*d)->absent_groups);
	lru_free(&(*d)->members);
	lru_free(&(*d)->relations);
	lru_free(&(*d)->devices);
	lru_free(&(*d)->pending);
	free((*d)->path);
	free((*d)->data_dir);
	free(*d);
	*d = NULL;
}

/* ---- reading ---- */

sqlite3_stmt *directory_statement(struct directory *d, enum statement which)
{
	d->reads++;
	return d->st[which];
}

void directory_bind(sqlite3_stmt *st, int i, struct im_str s)
{
	sqlite3_bind_text(st, i, s.p, (int)s.n, SQLITE_STATIC);
}

static struct im_str column_str(sqlite3_stmt *st, int i)
{
	const char *p = (const char *)sqlite3_column_text(st, i);

	return (struct im_str){p, p ? (size_t)sqlite3_column_bytes(st, i) : 0};
}

void directory_view(struct directory *d)
{
	if (d->viewing || !d->db)
		return;
	d->viewing = sqlite3_step(d->st[ST_BEGIN]) == SQLITE_DONE;
	sqlite3_reset(d->st[ST_BEGIN]);
}

void directory_rest(struct directory *d)
{
	if (!d->viewing)
		return;
	d->viewing = false;
	sqlite3_step(d->st[ST_END]);
	sqlite3_reset(d->st[ST_END]);
}

void directory_fault(struct directory *d)
{
	d->errors++;
	snprintf(d->error, sizeof(d->error), "%s",
		d->db ? sqlite3_errmsg(d->db) : "database is not open");
}

int directory_step(struct directory *d, sqlite3_stmt *st)
{
	directory_view(d);
	int rc = st ? sqlite3_step(st) : SQLITE_MISUSE;

	if (rc == SQLITE_ROW)
		return IM_OK;
	if (rc != SQLITE_DONE)
		directory_fault(d);
	sqlite3_reset(st);
	if (rc != SQLITE_DONE)
		directory_rest(d);
	return rc == SQLITE_DONE ? IM_E_NONE : IM_E_IO;
}

static int read_user(struct directory *d, struct im_str uid, struct directory_user *out)
{
	sqlite3_stmt *st = directory_statement(d, ST_USER);
	struct im_str phc;
	int ret;

	directory_bind(st, 1, uid);
	ret = directory_step(d, st);
	*out = (struct directory_user){.gone = !ret && sqlite3_column_int(st, 8)};
	if (out->gone) {
		sqlite3_reset(st);
		ret = IM_E_NONE;
	}
	if (ret)
		return ret;
	phc = column_str(st, 4);
	*out = (struct directory_user){
		.id = sqlite3_column_int64(st, 0),
		.life = ++d->lives,
		.admin = sqlite3_column_int(st, 1) == 1,
		.disabled = sqlite3_column_int(st, 2) != 0,
		.direct_policy = sqlite3_column_int(st, 3),
		.max_devices = sqlite3_column_int64(st, 5),
		.relations = sqlite3_column_int(st, 6) != 0,
		.tokens_from_ms = sqlite3_column_int64(st, 7),
		.has_password = phc.n > 0,
		.credential = phc.n ? im_siphash(&d->key, phc.p, phc.n) : 0,
	};
	sqlite3_reset(st);
	return IM_OK;
}

int directory_user(struct directory *d, struct im_str uid, struct directory_user *out)
{
	struct directory_user *u = lru_get(d->users, uid.p, uid.n);
	bool *gone;
	int ret;

	if (!u && lru_count(d->pending))
		u = lru_get(d->pending, uid.p, uid.n);
	if (u) {
		*out = *u;
		return IM_OK;
	}
	gone = lru_get(d->absent_users, uid.p, uid.n);
	if (gone) {
		*out = (struct directory_user){.gone = *gone};
		return IM_E_NONE;
	}
	ret = read_user(d, uid, out);
	if (ret == IM_E_NONE) {
		gone = lru_put(d->absent_users, uid.p, uid.n);
		if (gone)
			*gone = out->gone;
	}
	if (ret)
		return ret;
	u = lru_put(d->users, uid.p, uid.n);
	if (u)
		*u = *out;
	return IM_OK;
}

int directory_password(struct directory *d, struct im_str uid, struct im_buf *phc)
{
	sqlite3_stmt *st = directory_statement(d, ST_PASSWORD);
	struct im_str s;
	int ret;

	directory_bind(st, 1, uid);
	ret = directory_step(d, st);
	if (ret)
		return ret;
	s = column_str(st, 0);
	im_buf_str(phc, s);
	ret = s.n ? IM_OK : IM_E_NONE;
	sqlite3_reset(st);
	return phc->failed ? IM_E_NOMEM : ret;
}

void directory_password_cost(struct directory *d, struct im_phc_cost *out)
{
	sqlite3_stmt *st = directory_statement(d, ST_PASSWORD_COST);
	int64_t memory_kib = 0, passes = 0;

	if (directory_step(d, st) == IM_OK) {
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

int directory_group(struct directory *d, struct im_str gid, struct directory_group *out)
{
	struct directory_group *g = lru_get(d->groups, gid.p, gid.n);
	sqlite3_stmt *st;
	int ret;

	if (g) {
		*out = *g;
		return IM_OK;
	}
	if (lru_get(d->absent_groups, gid.p, gid.n))
		return IM_E_NONE;
	st = directory_statement(d, ST_GROUP);
	directory_bind(st, 1, gid);
	ret = directory_step(d, st);
	if (ret == IM_E_NONE)
		(void)lru_put(d->absent_groups, gid.p, gid.n);
	if (ret)
		return ret;
	*out = (struct directory_group){
		.id = sqlite3_column_int64(st, 0),
		.life = ++d->lives,
		.room = sqlite3_column_int(st, 1) == 1,
		.muted_until_ms = sqlite3_column_int64(st, 2),
		.hidden = sqlite3_column_int(st, 3) == 2,
	};
	sqlite3_reset(st);
	g = lru_put(d->groups, gid.p, gid.n);
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

int directory_member(struct directory *d, const struct directory_group *g, struct im_str uid,
	const struct directory_user *u, struct directory_member *out)
{
	struct cached_member read = {0}, *c;
	struct member_key key;
	size_t key_n = member_key(&key, g->life, uid);
	sqlite3_stmt *st;
	int ret;

	c = lru_get(d->members, &key, key_n);
	if (c) {
		*out = c->m;
		return c->is_member ? IM_OK : IM_E_NONE;
	}
	st = directory_statement(d, ST_MEMBER);
	sqlite3_bind_int64(st, 1, g->id);
	directory_bind(st, 2, uid);
	sqlite3_bind_int64(st, 3, u->id);
	ret = directory_step(d, st);
	if (ret == IM_E_IO)
		return ret;
	if (!ret) {
		read.is_member = true;
		read.m.role = sqlite3_column_int(st, 0);
		read.m.muted_until_ms = sqlite3_column_int64(st, 1);
		sqlite3_reset(st);
	}
	*out = read.m;
	c = lru_put(d->members, &key, key_n);
	if (c)
		*c = read;
	return ret;
}

int directory_relation(struct directory *d, const struct directory_user *owner,
	const struct directory_user *peer, struct directory_relation *out)
{
	const uint64_t key[2] = {owner->life, peer->life};
	struct directory_relation *c;
	sqlite3_stmt *st;
	int ret;

	*out = (struct directory_relation){0};
	if (!owner->relations)
		return IM_OK;
	c = lru_get(d->relations, key, sizeof(key));
	if (c) {
		*out = *c;
		return IM_OK;
	}
	st = directory_statement(d, ST_RELATION);
	sqlite3_bind_int64(st, 1, owner->id);
	sqlite3_bind_int64(st, 2, peer->id);
	ret = directory_step(d, st);
	if (ret)
		return IM_E_IO;
	out->blocked = sqlite3_column_int(st, 0);
	out->contact = sqlite3_column_int(st, 1);
	sqlite3_reset(st);
	c = lru_put(d->relations, key, sizeof(key));
	if (c)
		*c = *out;
	return IM_OK;
}

/* ---- forgetting ---- */

int directory_user_pending(struct directory *d, struct im_str uid)
{
	struct directory_user *u;

	if (lru_count(d->pending) >= IM_PENDING_USERS)
		return IM_E_FULL;
	u = lru_put(d->pending, uid.p, uid.n);
	if (!u)
		return IM_E_NOMEM;
	if (!u->life)
		u->life = ++d->lives;
	d->generation++;
	lru_del(d->absent_users, uid.p, uid.n);
	return IM_OK;
}

void directory_forget_user(struct directory *d, struct im_str uid)
{
	struct directory_user u;

	directory_rest(d);
	d->generation++;
	lru_del(d->users, uid.p, uid.n);
	lru_del(d->absent_users, uid.p, uid.n);
	if (lru_get(d->pending, uid.p, uid.n) && read_user(d, uid, &u) == IM_OK)
		lru_del(d->pending, uid.p, uid.n);
}

void directory_forget_group(struct directory *d, struct im_str gid)
{
	directory_rest(d);
	lru_del(d->groups, gid.p, gid.n);
	lru_del(d->absent_groups, gid.p, gid.n);
}

void directory_forget_member(struct directory *d, struct im_str gid, struct im_str uid)
{
	const struct directory_group *g = lru_get(d->groups, gid.p, gid.n);
	struct member_key key;

	directory_rest(d);
	if (g)
		lru_del(d->members, &key, member_key(&key, g->life, uid));
}

void directory_forget_all(struct directory *d)
{
	struct im_buf why;
	struct stat s;

	directory_rest(d);
	d->generation++;
	lru_clear(d->users);
	lru_clear(d->absent_users);
	lru_clear(d->groups);
	lru_clear(d->absent_groups);
	lru_clear(d->members);
	lru_clear(d->relations);
	lru_clear(d->devices);
	if (d->db && (stat(d->path, &s) || (s.st_ino == d->inode && s.st_dev == d->device)))
		return;
	im_buf_init(&why, 0);
	close_db(d);
	if (open_db(d, &why)) {
		d->errors++;
		snprintf(d->error, sizeof(d->error), "%.*s", (int)why.n, why.n ? why.p : "");
		close_db(d);
	}
	im_buf_free(&why);
}

uint64_t directory_generation(const struct directory *d)
{
	return d->generation;
}

bool directory_changed(struct directory *d)
{
	sqlite3_stmt *st = d->st[ST_CHANGED];
	int64_t version;

	directory_rest(d);
	if (directory_step(d, st))
		return false;
	version = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	directory_rest(d);
	if (version == d->version)
		return false;
	d->version = version;
	return true;
}

const char *directory_error(const struct directory *d)
{
	return d->error;
}

uint64_t directory_errors(const struct directory *d)
{
	return d->errors;
}

uint64_t directory_reads(const struct directory *d)
{
	return d->reads;
}
