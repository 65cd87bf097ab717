/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the writer's transaction: the rows of a message, and the marks of the link. */
#include "bridge/store/store_sqlite_write.h"

#include <stdio.h>

#include "bridge/store/store_sqlite_conv.h"
#include "bridge/store/store_sqlite_mention.h"
#include "bridge/store/store_sqlite_place.h"
#include "bridge/store/store_sqlite_read.h"

/* What the caches and the list of conversations hold of the transaction goes with it. */
static void take_back(struct store *s)
{
	store_sqlite_caches_take_back(s);
	store_sqlite_convs_take_back(s);
	s->log_head = s->log_head_before;
}

int store_sqlite_begin(struct store *s)
{
	int rc = sqldb_begin(&s->q);

	store_sqlite_caches_begin(s);
	s->log_head_before = s->log_head;
	return rc;
}

void store_sqlite_rollback(struct store *s)
{
	if (!s->q.in_tx)
		return;
	sqldb_rollback(&s->q);
	take_back(s);
}

int store_sqlite_write_head(struct store *s, uint64_t conv, struct store_head *out)
{
	struct store_place p;
	int rc = store_sqlite_head(s, conv, &p);

	*out = p.at;
	return rc;
}

/* The unique indexes find a second writer even where the caches are behind. What is half written
 * then must not be committed. */
static int conflict(struct store *s, const struct store_msg *m)
{
	snprintf(s->q.err, sizeof(s->q.err),
		"another writer took place %llu of conversation %llu or log position %llu",
		(unsigned long long)m->seq, (unsigned long long)m->conv,
		(unsigned long long)m->gid);
	s->q.failed = true;
	return IM_E_CONFLICT;
}

static int insert_expiry(struct store *s, const struct store_msg *m)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_EXPIRY_ADD);

	sqldb_bind_int(st, 1, m->expires_ms);
	sqldb_bind_id(st, 2, m->gid);
	return sqldb_run(&s->q, st);
}

static int insert_copy(struct store *s, const struct store_msg *m)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_COPY_ADD);

	sqldb_bind_id(st, 1, m->gid);
	sqldb_bind_id(st, 2, m->origin.author);
	sqldb_bind_id(st, 3, m->origin.via);
	return sqldb_run(&s->q, st);
}

static int insert(struct store *s, const struct store_msg *m, const struct store_place *p)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_APPEND);
	int rc;

	sqldb_bind_id(st, 1, m->gid);
	sqldb_bind_id(st, 2, m->conv);
	sqldb_bind_id(st, 3, m->seq);
	sqldb_bind_id(st, 4, m->sender);
	sqldb_bind_int(st, 5, m->ts_ms);
	sqldb_bind_int(st, 6, m->enc);
	sqldb_bind_text_or_null(st, 7, m->type);
	sqldb_bind_text_or_null(st, 8, m->id);
	sqldb_bind_text_or_null(st, 9, m->meta);
	if (m->recalled)
		sqldb_bind_null(st, 10);
	else
		sqldb_bind_blob(st, 10, m->body);
	rc = sqldb_run(&s->q, st);
	if (rc != IM_OK)
		return rc;
	st = sqldb_get(&s->q, STORE_APPEND_INDEX);
	sqldb_bind_id(st, 1, m->conv);
	sqldb_bind_id(st, 2, m->seq);
	sqldb_bind_id(st, 3, m->gid);
	store_sqlite_bind_ordinals(st, 4, p);
	rc = sqldb_run(&s->q, st);
	if (rc == IM_OK && m->expires_ms > 0)
		rc = insert_expiry(s, m);
	return rc == IM_OK && m->origin.author ? insert_copy(s, m) : rc;
}

/* What holds for every speaker in every conversation: his last message there is less than
 * STORE_SPOKE_EVERY places behind the noted one, 0 where none is. */
static int note_speaker(struct store *s, const struct store_msg *m)
{
	uint64_t noted[IDCACHE_VALUES] = {0};
	int rc;

	if (m->seq < STORE_SPOKE_EVERY)
		return IM_OK;
	if (!idcache_get(&s->spoken, m->conv, m->sender, noted)) {
		rc = store_sqlite_spoke(&s->q, m->conv, m->sender, &noted[0]);
		if (rc != IM_OK)
			return rc;
		store_sqlite_remember(s, &s->spoken, m->conv, m->sender, noted);
	}
	if (m->seq - noted[0] < STORE_SPOKE_EVERY)
		return IM_OK;
	noted[0] = m->seq;
	store_sqlite_remember(s, &s->spoken, m->conv, m->sender, noted);
	return store_sqlite_spoke_put(&s->q, m->conv, m->sender, m->seq);
}

int store_sqlite_append(struct store *s, const struct store_msg *m)
{
	enum kind kind = kind_of(m->type);
	struct store_place head, p;
	int rc;

	if (!s->q.in_tx)
		return sqldb_fail(&s->q, IM_E_IO, "a message needs an open transaction");
	rc = store_sqlite_head(s, m->conv, &head);
	if (rc != IM_OK)
		return rc;
	if (m->seq != head.at.seq + 1 || m->gid <= s->log_head)
		return conflict(s, m);
	p = (struct store_place){{m->seq, m->gid}, head.ord + (kind == KIND_SENT),
		head.shown + (kind != KIND_OPERATION), true};
	rc = insert(s, m, &p);
	if (rc == IM_E_EXISTS)
		return conflict(s, m);
	if (rc == IM_OK && kind == KIND_SENT)
		rc = note_speaker(s, m);
	if (rc == IM_OK && kind == KIND_SENT && m->recalled)
		rc = store_sqlite_gone(&s->q, m->gid);
	else if (rc == IM_OK && kind == KIND_SENT && m->mentions)
		rc = store_sqlite_mention_add(&s->q, m->gid, m->mentions);
	if (rc != IM_OK)
		return rc;
	s->log_head = m->gid;
	store_sqlite_remember_head(s, m->conv, &p);
	return IM_OK;
}

struct seen {
	store_msg_fn fn;
	void *arg;
	bool found;
};

static int see(void *arg, const struct store_msg *m)
{
	struct seen *seen = arg;

	seen->found = true;
	return seen->fn(seen->arg, m);
}

int store_sqlite_get(struct store *s, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg)
{
	struct seen seen = {.fn = fn, .arg = arg};
	int rc = store_sqlite_walk_conv(&s->q, conv, seq, seq, false, see, &seen);

	return rc == IM_OK && !seen.found ? IM_E_NONE : rc;
}

/* What counts is gone, or singles out others than before. */
static int recount(struct store *s, const struct store_msg *m)
{
	int rc = store_sqlite_mention_drop(&s->q, m->gid);

	if (rc != IM_OK)
		return rc;
	return m->recalled ? store_sqlite_gone(&s->q, m->gid)
			   : store_sqlite_mention_add(&s->q, m->gid, m->mentions);
}

int store_sqlite_amend(struct store *s, const struct store_msg *m)
{
	sqlite3_stmt *st;
	int rc;

	if (!s->q.in_tx)
		return sqldb_fail(&s->q, IM_E_IO, "an amendment needs an open transaction");
	st = sqldb_get(&s->q, STORE_AMEND);
	sqldb_bind_id(st, 1, m->gid);
	sqldb_bind_int(st, 2, m->enc);
	sqldb_bind_text_or_null(st, 3, m->type);
	sqldb_bind_text_or_null(st, 4, m->meta);
	if (m->recalled)
		sqldb_bind_null(st, 5);
	else
		sqldb_bind_blob(st, 5, m->body);
	sqldb_bind_text_or_null(st, 6, m->id);
	rc = sqldb_run(&s->q, st);
	if (rc == IM_OK && sqldb_changes(&s->q) == 0)
		return IM_E_NONE;
	if (rc == IM_OK && (m->recalled || m->mentions) && kind_counts(m->type))
		rc = recount(s, m);
	return rc;
}

int store_sqlite_origin(struct store *s, uint64_t gid, struct message_origin *out)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_COPY_GET);
	int rc;

	sqldb_bind_id(st, 1, gid);
	rc = sqldb_step(&s->q, st);
	if (rc != SQLDB_ROW)
		return rc == IM_OK ? IM_E_NONE : rc;
	*out = (struct message_origin){sqldb_id(st, 0), sqldb_id(st, 1)};
	sqldb_done(st);
	return IM_OK;
}

static int write_mark(struct store *s, const struct store_mark *mark)
{
	sqlite3_stmt *st;
	int rc = IM_OK;

	if (mark->forget) {
		st = sqldb_get(&s->q, STORE_MARK_FORGET);
		sqldb_bind_id(st, 1, mark->forget);
		rc = sqldb_run(&s->q, st);
	}
	if (rc == IM_OK) {
		st = sqldb_get(&s->q, STORE_MARK_ADD);
		sqldb_bind_id(st, 1, mark->epoch);
		sqldb_bind_id(st, 2, mark->recno);
		sqldb_bind_id(st, 3, mark->gid_first);
		sqldb_bind_id(st, 4, mark->gid_last);
		rc = sqldb_run(&s->q, st);
	}
	if (rc == IM_OK) {
		st = sqldb_get(&s->q, STORE_MARK_TRIM);
		sqldb_bind_id(st, 1, mark->epoch);
		sqldb_bind_int(st, 2, STORE_MARKS);
		rc = sqldb_run(&s->q, st);
	}
	return rc;
}

int store_sqlite_commit(struct store *s, const struct store_mark *mark)
{
	int rc = IM_OK;

	if (!s->q.in_tx)
		return sqldb_fail(&s->q, IM_E_IO, "no transaction is open");
	if (mark)
		rc = write_mark(s, mark);
	if (rc == IM_OK)
		rc = store_sqlite_convs_move(s);
	if (rc == IM_OK)
		rc = sqldb_commit(&s->q);
	else
		sqldb_rollback(&s->q);
	if (rc != IM_OK) {
		take_back(s);
		return rc == IM_E_NOMEM ? rc : IM_E_IO;
	}
	store_sqlite_caches_committed(s);
	store_sqlite_convs_committed(s);
	return IM_OK;
}

int store_sqlite_log_head(struct store *s, uint64_t *gid_out)
{
	*gid_out = s->log_head;
	return IM_OK;
}

int store_sqlite_marks(struct store *s, store_mark_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_MARK_LIST);
	int rc;

	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW) {
		struct store_mark m = {.epoch = sqldb_id(st, 0),
			.recno = sqldb_id(st, 1),
			.gid_first = sqldb_id(st, 2),
			.gid_last = sqldb_id(st, 3)};

		rc = fn(arg, &m);
		if (rc != 0) {
			sqldb_done(st);
			return rc;
		}
	}
	return rc;
}
