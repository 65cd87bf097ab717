/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the statements of the rule. Called by bridge/directory_user.c, bridge/directory_group.c,
 * clients/imctl/offline.c and plugin/directory.c. */
#include "account.h"

#include <stdlib.h>

#include "../common/ids.h"

enum statement { ST_USER, ST_GROUP, ST_LINK, ST_ADD, STATEMENTS };

/* Of two that differ in case, who is written exactly so is meant. */
static const char *const sql[STATEMENTS] = {
	[ST_USER] = "SELECT uid, deleted FROM user WHERE uid = ?1 COLLATE NOCASE"
		    " ORDER BY uid = ?1 DESC, deleted LIMIT 1",
	[ST_GROUP] = "SELECT gid, dismissed FROM grp WHERE gid = ?1 COLLATE NOCASE"
		     " ORDER BY gid = ?1 DESC, dismissed LIMIT 1",
	[ST_LINK] = "SELECT 1 FROM setting WHERE key = 'link_username'"
		    " AND value = ?1 COLLATE NOCASE",
	[ST_ADD] = "INSERT INTO user (uid, role, password, created_ms, nick)"
		   " VALUES (?1, ?2, ?3, ?4, ?5)",
};

struct accounts {
	sqlite3 *db;
	sqlite3_stmt *st[STATEMENTS];
};

struct accounts *accounts_open(sqlite3 *db)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (a)
		a->db = db;
	return a;
}

void accounts_close(struct accounts **a)
{
	if (!*a)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize((*a)->st[i]);
	free(*a);
	*a = NULL;
}

static int failed(const struct accounts *a)
{
	return (sqlite3_errcode(a->db) & 0xff) == SQLITE_NOMEM ? IM_E_NOMEM : IM_E_IO;
}

/* Ready to be bound, or NULL. */
static sqlite3_stmt *statement(struct accounts *a, enum statement which)
{
	if (!a->st[which])
		(void)sqlite3_prepare_v3(
			a->db, sql[which], -1, SQLITE_PREPARE_PERSISTENT, &a->st[which], NULL);
	return a->st[which];
}

static void bind_text(sqlite3_stmt *st, int at, struct im_str s)
{
	sqlite3_bind_text(st, at, s.n ? s.p : "", (int)s.n, SQLITE_STATIC);
}

/* A question with one parameter: IM_OK, IM_E_NONE without a row (and then it is reset). */
static int ask(struct accounts *a, sqlite3_stmt *st, struct im_str s)
{
	int rc;

	if (!st)
		return failed(a);
	bind_text(st, 1, s);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		return IM_OK;
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? IM_E_NONE : failed(a);
}

/* IM_E_NONE: nobody has or had it. */
static int find_holder(struct accounts *a, enum statement which, struct im_str name,
	enum account_name *out, struct im_buf *holder)
{
	sqlite3_stmt *st = statement(a, which);
	struct im_str found;
	int rc = ask(a, st, name);

	if (rc != IM_OK)
		return rc;
	found.p = (const char *)sqlite3_column_text(st, 0);
	found.n = found.p ? (size_t)sqlite3_column_bytes(st, 0) : 0;
	if (!im_str_eq(found, name))
		*out = ACCOUNT_CASE;
	else
		*out = sqlite3_column_int(st, 1) ? ACCOUNT_GONE : ACCOUNT_EXISTS;
	im_buf_str(holder, found);
	sqlite3_reset(st);
	return holder->failed ? IM_E_NOMEM : IM_OK;
}

static int look(struct accounts *a, enum statement which, struct im_str name,
	enum account_name *out, struct im_buf *holder)
{
	int rc = find_holder(a, which, name, out, holder);

	if (rc != IM_E_NONE)
		return rc;
	*out = im_name_reserved(name) ? ACCOUNT_RESERVED : ACCOUNT_FREE;
	if (*out == ACCOUNT_RESERVED)
		return IM_OK;
	rc = ask(a, statement(a, ST_LINK), name);
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	sqlite3_reset(a->st[ST_LINK]);
	*out = ACCOUNT_RESERVED;
	return IM_OK;
}

int accounts_user_name(
	struct accounts *a, struct im_str uid, enum account_name *out, struct im_buf *holder)
{
	return look(a, ST_USER, uid, out, holder);
}

int accounts_group_name(
	struct accounts *a, struct im_str gid, enum account_name *out, struct im_buf *holder)
{
	return look(a, ST_GROUP, gid, out, holder);
}

void accounts_explain(enum account_name is, const char *what, struct im_str name,
	struct im_str holder, struct im_buf *why)
{
	int n = (int)name.n, m = (int)holder.n;

	switch (is) {
	case ACCOUNT_EXISTS:
		im_buf_printf(why, "there is a %s \"%.*s\" already", what, n, name.p);
		break;
	case ACCOUNT_GONE:
		im_buf_printf(why,
			"there was a %s \"%.*s\", and no other gets its name; choose another name",
			what, n, name.p);
		if (strcmp(what, ACCOUNT_USER) == 0)
			im_buf_z(why, ", or give it back with `imctl user restore`");
		break;
	case ACCOUNT_CASE:
		im_buf_printf(why,
			"\"%.*s\" differs from the %s \"%.*s\" in case alone, which makes them one "
			"name; choose another name",
			n, name.p, what, m, holder.p);
		break;
	case ACCOUNT_RESERVED:
		im_buf_printf(why, "\"%.*s\" is a reserved name; choose another name", n, name.p);
		break;
	default:
		break;
	}
}

static int add(struct accounts *a, const struct account_new *n, uint64_t *id_out)
{
	sqlite3_stmt *st = statement(a, ST_ADD);
	int rc;

	if (!st)
		return failed(a);
	bind_text(st, 1, n->uid);
	sqlite3_bind_int(st, 2, n->role);
	if (n->phc.n)
		bind_text(st, 3, n->phc);
	else
		sqlite3_bind_null(st, 3);
	sqlite3_bind_int64(st, 4, n->now_ms);
	bind_text(st, 5, n->nick);
	rc = sqlite3_step(st);
	*id_out = (uint64_t)sqlite3_last_insert_rowid(a->db);
	if (rc != SQLITE_DONE) {
		rc = failed(a);
		sqlite3_reset(st);
		return rc;
	}
	sqlite3_reset(st);
	return IM_OK;
}

int accounts_create(
	struct accounts *a, const struct account_new *n, uint64_t *id_out, struct im_buf *why)
{
	enum account_name is = ACCOUNT_FREE;
	struct im_buf holder;
	int rc;

	im_buf_init(&holder, 0);
	rc = accounts_user_name(a, n->uid, &is, &holder);
	if (rc == IM_OK && is != ACCOUNT_FREE) {
		accounts_explain(is, ACCOUNT_USER, n->uid, im_buf_view(&holder), why);
		rc = IM_E_EXISTS;
	}
	im_buf_free(&holder);
	return rc == IM_OK ? add(a, n, id_out) : rc;
}
