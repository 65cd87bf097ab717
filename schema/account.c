/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the statements of the rule. Called by bridge/directory/directory_sql.c,
 * bridge/directory/directory_user.c, bridge/directory/directory_erasure.c, clients/imctl/offline.c
 * and plugin/lookup_name.c. */
#include "schema/account.h"

#include <stdlib.h>

#include "common/ids.h"
#include "db/sqldb.h"
#include "schema/name_key.h"

enum statement { ST_USER, ST_GROUP, ST_LINK, ST_ANY_ERASED, ST_ERASED, ST_ADD, STATEMENTS };

/* Of two that differ in case, who is written exactly so is meant. */
static const char *const sql[STATEMENTS] = {
	[ST_USER] = "SELECT uid, deleted FROM user WHERE uid = ?1 COLLATE NOCASE"
		    " ORDER BY uid = ?1 DESC, deleted LIMIT 1",
	[ST_GROUP] = "SELECT gid, dismissed FROM grp WHERE gid = ?1 COLLATE NOCASE"
		     " ORDER BY gid = ?1 DESC, dismissed LIMIT 1",
	[ST_LINK] = "SELECT 1 FROM setting WHERE key = 'link_username'"
		    " AND value = ?1 COLLATE NOCASE",
	[ST_ANY_ERASED] = "SELECT 1 FROM erasure WHERE hash IS NOT NULL LIMIT 1",
	[ST_ERASED] = "SELECT 1 FROM erasure WHERE hash = ?1",
	[ST_ADD] = "INSERT INTO user (uid, role, password, created_ms, nick)"
		   " VALUES (?1, ?2, ?3, ?4, ?5)",
};

struct accounts {
	struct sqldb *q;
	char *data_dir;
	sqlite3_stmt *st[STATEMENTS];
};

struct accounts *accounts_open(struct sqldb *q, const char *data_dir)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->q = q;
	a->data_dir = strdup(data_dir);
	if (!a->data_dir)
		accounts_close(&a);
	return a;
}

void accounts_close(struct accounts **a)
{
	if (!*a)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqldb_finalize(&(*a)->st[i]);
	free((*a)->data_dir);
	free(*a);
	*a = NULL;
}

/* Ready to be bound, or NULL. */
static sqlite3_stmt *statement(struct accounts *a, enum statement which)
{
	return sqldb_prepare(a->q, &a->st[which], sql[which]);
}

/* IM_OK, IM_E_NONE without a row (and then it is reset). */
static int step(const struct accounts *a, sqlite3_stmt *st)
{
	int rc = sqldb_step(a->q, st);

	return rc == SQLDB_ROW ? IM_OK : rc == IM_OK ? IM_E_NONE : rc;
}

/* A question with one parameter. */
static int ask(struct accounts *a, sqlite3_stmt *st, struct im_str s)
{
	sqldb_bind_text(st, 1, s);
	return step(a, st);
}

/* A question whose row says nothing more. */
static int yes_or_no(sqlite3_stmt *st, int rc, bool *out)
{
	*out = rc == IM_OK;
	if (rc == IM_OK)
		sqldb_done(st);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* Without the key nobody can say whether this name is one of those. */
static int is_erased(struct accounts *a, struct im_str name, bool *out)
{
	uint8_t hash[NAME_HASH_BYTES];
	sqlite3_stmt *st = statement(a, ST_ANY_ERASED);
	struct im_sipkey key;
	struct im_buf why;
	int rc = yes_or_no(st, step(a, st), out);

	if (rc != IM_OK || !*out)
		return rc;
	im_buf_init(&why, 0);
	*out = name_key_read(a->data_dir, &key, &why) == IM_OK;
	im_buf_free(&why);
	if (!*out)
		return IM_OK;
	name_key_hash(&key, name, hash);
	st = statement(a, ST_ERASED);
	sqldb_bind_blob(st, 1, (struct im_str){(const char *)hash, sizeof(hash)});
	return yes_or_no(st, step(a, st), out);
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
	found = sqldb_str(st, 0);
	if (!im_str_eq(found, name))
		*out = ACCOUNT_CASE;
	else
		*out = sqldb_int(st, 1) ? ACCOUNT_GONE : ACCOUNT_EXISTS;
	im_buf_str(holder, found);
	sqldb_done(st);
	return holder->failed ? IM_E_NOMEM : IM_OK;
}

/* Nobody has it. */
static int is_reserved(struct accounts *a, struct im_str name, bool *out)
{
	sqlite3_stmt *st = statement(a, ST_LINK);

	*out = im_name_reserved(name);
	return *out ? IM_OK : yes_or_no(st, ask(a, st, name), out);
}

/* Nobody is told as the holder of a name that was erased. */
static int look(struct accounts *a, enum statement which, struct im_str name,
	enum account_name *out, struct im_buf *holder)
{
	bool reserved = false, erased = false;
	int rc = find_holder(a, which, name, out, holder);

	if (rc != IM_E_NONE)
		return rc;
	rc = is_reserved(a, name, &reserved);
	if (rc == IM_OK && !reserved && which == ST_USER)
		rc = is_erased(a, name, &erased);
	*out = reserved ? ACCOUNT_RESERVED : erased ? ACCOUNT_GONE : ACCOUNT_FREE;
	return rc;
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
		if (m == 0) {
			im_buf_printf(why,
				"the name \"%.*s\" was erased, and nobody gets it; choose another",
				n, name.p);
			break;
		}
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

/* Its name is free, so a conflict is the database's fault. */
static int add(struct accounts *a, const struct account_new *n, uint64_t *id_out)
{
	sqlite3_stmt *st = statement(a, ST_ADD);
	int rc;

	sqldb_bind_text(st, 1, n->uid);
	sqldb_bind_int(st, 2, n->role);
	sqldb_bind_text_or_null(st, 3, n->phc);
	sqldb_bind_int(st, 4, n->now_ms);
	sqldb_bind_text(st, 5, n->nick);
	rc = sqldb_run(a->q, st);
	*id_out = sqldb_last_id(a->q);
	return rc == IM_OK || rc == IM_E_NOMEM ? rc : IM_E_IO;
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
