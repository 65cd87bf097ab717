/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing: what the caches hold is dropped, and is read again when somebody asks. */
#include "bridge/store/store_sqlite_follow.h"

#include "bridge/store/store_sqlite_conv.h"

struct sqldb *store_sqlite_db(struct store *s)
{
	return &s->q;
}

int store_sqlite_followed_conv(struct store *s, const struct store_conv *c)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_CONV_GET);
	bool known;
	int rc;

	sqldb_bind_id(st, 1, c->id);
	rc = sqldb_has(&s->q, st, &known);
	return rc || known ? rc : store_sqlite_convs_add(s, c);
}

void store_sqlite_followed_message(struct store *s, uint64_t gid, uint64_t conv)
{
	idcache_drop(&s->heads, conv, 0);
	if (gid > s->log_head)
		s->log_head = gid;
}

void store_sqlite_followed_speaker(struct store *s, uint64_t conv, uint64_t user)
{
	idcache_drop(&s->spoken, conv, user);
}
