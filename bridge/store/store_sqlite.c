/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log in SQLite: the writer, and the table that store.h promises. Reading is in
 * store_sqlite_read.c, conversations in store_sqlite_conv.c, retention in store_sqlite_prune.c;
 * what counts as unread in store_sqlite_place.c, _unread.c and _number.c.
 *
 * The caches of heads, conversation ids and speakers hold what this transaction has written too; a
 * rollback takes exactly that back out.
 */
#include "bridge/store/store_sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/sqldb_backup.h"
#include "schema/migrations.h"

/* 48 bytes an entry. A miss costs one index look-up, about 3 microseconds from the page cache. Few
 * conversations are so long that their speakers are noted. */
#define HEADS_MAX (512 * 1024)
#define CONVS_MAX (512 * 1024)
#define SPOKEN_MAX (128 * 1024)
/* Two entries a message of the largest batch, and as much again for new conversations and speakers.
 */
#define TOUCHED_MAX 16384

static const char *const statements[STORE_STATEMENTS] = {
#define X(name, sql) [STORE_##name] = sql,
#include "schema/sqlite/messages.def"
#undef X
};

/* The writer's pages: the hot part of conv_log and of the conversations' indexes. */
const struct sqldb_spec store_sqlite_spec = {.name = "messages",
	.migrations = schema_migrations,
	.sql = statements,
	.n_sql = STORE_STATEMENTS,
	.writer_kib = 64 * 1024,
	.reader_kib = 8 * 1024};

static void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->q.stmt)
		sqldb_close(&s->q);
	store_sqlite_convs_clear(s);
	pthread_mutex_destroy(&s->fresh_lock);
	idcache_clear(&s->heads);
	idcache_clear(&s->convs);
	idcache_clear(&s->spoken);
	free(s->touched);
	free(s->folder);
	free(s);
}

static int start(struct store *s)
{
	int ret = sqldb_count(&s->q, sqldb_get(&s->q, STORE_LOG_HEAD), &s->log_head);
	if (ret != IM_OK)
		return ret;
	ret = store_sqlite_number_start(s);
	return ret == IM_OK ? store_sqlite_convs_load(s) : ret;
}

static int store_open(const char *where, struct store **out, struct im_buf *why)
{
	struct store *s = calloc(1, sizeof(*s));
	int ret = IM_E_NOMEM;
	if (!s)
		return ret;
	pthread_mutex_init(&s->fresh_lock, NULL);
	s->folder = strdup(where);
	s->touched = malloc(TOUCHED_MAX * sizeof(*s->touched));
	if (!s->folder || !s->touched || idcache_init(&s->heads, HEADS_MAX) != IM_OK ||
		idcache_init(&s->convs, CONVS_MAX) != IM_OK ||
		idcache_init(&s->spoken, SPOKEN_MAX) != IM_OK)
		goto out;
	ret = sqldb_open(&s->q, where, &store_sqlite_spec, SQLDB_WRITER, why);
	if (ret != IM_OK)
		goto out;
	ret = start(s);
	if (ret != IM_OK)
		im_buf_printf(why, "%s/messages.db cannot be used: %s", where, s->q.err);
out:
	if (ret != IM_OK)
		store_close(s);
	else
		*out = s;
	return ret;
}

static const char *store_errmsg(const struct store *s)
{
	return s->q.err;
}

void store_sqlite_remember(struct store *s, struct idcache *cache, uint64_t k0, uint64_t k1,
	const uint64_t value[IDCACHE_VALUES])
{
	idcache_put(cache, k0, k1, value);
	if (!s->q.in_tx)
		return;
	if (s->n_touched < TOUCHED_MAX)
		s->touched[s->n_touched] = (struct store_touched){cache, {k0, k1}};
	s->n_touched += s->n_touched <= TOUCHED_MAX;
}

static void take_back(struct store *s)
{
	if (s->n_touched > TOUCHED_MAX) {
		idcache_reset(&s->heads);
		idcache_reset(&s->convs);
		idcache_reset(&s->spoken);
	} else {
		for (uint32_t i = 0; i < s->n_touched; i++)
			idcache_drop(
				s->touched[i].cache, s->touched[i].key[0], s->touched[i].key[1]);
	}
	s->n_touched = 0;
	store_sqlite_convs_take_back(s);
	s->log_head = s->log_head_before;
}

static int store_begin(struct store *s)
{
	int ret = sqldb_begin(&s->q);
	s->n_touched = 0;
	s->log_head_before = s->log_head;
	return ret;
}

static void store_rollback(struct store *s)
{
	if (!s->q.in_tx)
		return;
	sqldb_rollback(&s->q);
	take_back(s);
}

static void remember_head(struct store *s, uint64_t conv, const struct store_place *p)
{
	const uint64_t value[IDCACHE_VALUES] = {p->at.seq, p->at.gid, p->ord, p->shown};
	store_sqlite_remember(s, &s->heads, conv, 0, value);
}

int store_sqlite_head(struct store *s, uint64_t conv, struct store_place *out)
{
	uint64_t value[IDCACHE_VALUES];
	int ret;
	if (idcache_get(&s->heads, conv, 0, value)) {
		*out = (struct store_place){{value[0], value[1]}, value[2], value[3], true};
		return IM_OK;
	}
	ret = store_sqlite_find_head(&s->q, conv, out);
	/* Without ordinals it will get its seq for both, store_sqlite_number.c. */
	out->numbered = true;
	if (ret == IM_OK)
		remember_head(s, conv, out);
	return ret;
}

static int store_head(struct store *s, uint64_t conv, struct store_head *out)
{
	struct store_place p;
	int ret = store_sqlite_head(s, conv, &p);
	*out = p.at;
	return ret;
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
	int ret;
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
	ret = sqldb_run(&s->q, st);
	if (ret != IM_OK)
		return ret;
	st = sqldb_get(&s->q, STORE_APPEND_INDEX);
	sqldb_bind_id(st, 1, m->conv);
	sqldb_bind_id(st, 2, m->seq);
	sqldb_bind_id(st, 3, m->gid);
	store_sqlite_bind_ordinals(st, 4, p);
	ret = sqldb_run(&s->q, st);
	if (ret == IM_OK && m->expires_ms > 0)
		ret = insert_expiry(s, m);
	return ret == IM_OK && m->origin.author ? insert_copy(s, m) : ret;
}

/* What holds for every speaker in every conversation: his last message there is less than
 * STORE_SPOKE_EVERY places behind the noted one, 0 where none is. */
static int note_speaker(struct store *s, const struct store_msg *m)
{
	uint64_t noted[IDCACHE_VALUES] = {0};
	int ret;
	if (m->seq < STORE_SPOKE_EVERY)
		return IM_OK;
	if (!idcache_get(&s->spoken, m->conv, m->sender, noted)) {
		ret = store_sqlite_spoke(&s->q, m->conv, m->sender, &noted[0]);
		if (ret != IM_OK)
			return ret;
		store_sqlite_remember(s, &s->spoken, m->conv, m->sender, noted);
	}
	if (m->seq - noted[0] < STORE_SPOKE_EVERY)
		return IM_OK;
	noted[0] = m->seq;
	store_sqlite_remember(s, &s->spoken, m->conv, m->sender, noted);
	return store_sqlite_spoke_put(&s->q, m->conv, m->sender, m->seq);
}

static int store_append(struct store *s, const struct store_msg *m)
{
	enum kind kind = kind_of(m->type);
	struct store_place head, p;
	int ret;
	if (!s->q.in_tx)
		return sqldb_fail(&s->q, IM_E_IO, "a message needs an open transaction");
	ret = store_sqlite_head(s, m->conv, &head);
	if (ret != IM_OK)
		return ret;
	if (m->seq != head.at.seq + 1 || m->gid <= s->log_head)
		return conflict(s, m);
	p = (struct store_place){{m->seq, m->gid}, head.ord + (kind == KIND_SENT),
		head.shown + (kind != KIND_OPERATION), true};
	ret = insert(s, m, &p);
	if (ret == IM_E_EXISTS)
		return conflict(s, m);
	if (ret == IM_OK && m->expires_ms > 0)
		ret = insert_expiry(s, m);
	if (ret == IM_OK && kind == KIND_SENT)
		ret = note_speaker(s, m);
	if (ret == IM_OK && kind == KIND_SENT && m->recalled)
		ret = store_sqlite_gone(&s->q, m->gid);
	if (ret != IM_OK)
		return ret;
	s->log_head = m->gid;
	remember_head(s, m->conv, &p);
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

static int store_get(struct store *s, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg)
{
	struct seen seen = {.fn = fn, .arg = arg};
	int ret = store_sqlite_walk_conv(&s->q, conv, seq, seq, false, see, &seen);
	return ret == IM_OK && !seen.found ? IM_E_NONE : ret;
}

static int store_amend(struct store *s, const struct store_msg *m)
{
	sqlite3_stmt *st;
	int ret;
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
	ret = sqldb_run(&s->q, st);
	if (ret == IM_OK && sqldb_changes(&s->q) == 0)
		return IM_E_NONE;
	if (ret == IM_OK && m->recalled && kind_counts(m->type))
		ret = store_sqlite_gone(&s->q, m->gid);
	return ret;
}

static int store_origin(struct store *s, uint64_t gid, struct message_origin *out)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_COPY_GET);
	int ret;
	sqldb_bind_id(st, 1, gid);
	ret = sqldb_step(&s->q, st);
	if (ret != SQLDB_ROW)
		return ret == IM_OK ? IM_E_NONE : ret;
	*out = (struct message_origin){sqldb_id(st, 0), sqldb_id(st, 1)};
	sqldb_done(st);
	return IM_OK;
}

static int write_mark(struct store *s, const struct store_mark *mark)
{
	sqlite3_stmt *st;
	int ret = IM_OK;
	if (!s->mark_epoch_known || s->mark_epoch != mark->epoch) {
		st = sqldb_get(&s->q, STORE_MARK_FORGET);
		sqldb_bind_id(st, 1, mark->epoch);
		ret = sqldb_run(&s->q, st);
	}
	if (ret == IM_OK) {
		st = sqldb_get(&s->q, STORE_MARK_ADD);
		sqldb_bind_id(st, 1, mark->epoch);
		sqldb_bind_id(st, 2, mark->recno);
		sqldb_bind_id(st, 3, mark->gid_first);
		sqldb_bind_id(st, 4, mark->gid_last);
		ret = sqldb_run(&s->q, st);
	}
	if (ret == IM_OK) {
		st = sqldb_get(&s->q, STORE_MARK_TRIM);
		sqldb_bind_id(st, 1, mark->epoch);
		sqldb_bind_int(st, 2, STORE_MARKS);
		ret = sqldb_run(&s->q, st);
	}
	return ret;
}

static int store_commit(struct store *s, const struct store_mark *mark)
{
	int ret = IM_OK;
	if (!s->q.in_tx)
		return sqldb_fail(&s->q, IM_E_IO, "no transaction is open");
	if (mark)
		ret = write_mark(s, mark);
	if (ret == IM_OK)
		ret = store_sqlite_convs_move(s);
	if (ret == IM_OK)
		ret = sqldb_commit(&s->q);
	else
		sqldb_rollback(&s->q);
	if (ret != IM_OK) {
		take_back(s);
		return ret == IM_E_NOMEM ? ret : IM_E_IO;
	}
	s->n_touched = 0;
	store_sqlite_convs_committed(s);
	if (mark) {
		s->mark_epoch = mark->epoch;
		s->mark_epoch_known = true;
	}
	return IM_OK;
}

static int store_log_head(struct store *s, uint64_t *gid_out)
{
	*gid_out = s->log_head;
	return IM_OK;
}

static int store_marks(struct store *s, store_mark_fn fn, void *arg)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_MARK_LIST);
	int ret;
	while ((ret = sqldb_step(&s->q, st)) == SQLDB_ROW) {
		struct store_mark m = {.epoch = sqldb_id(st, 0),
			.recno = sqldb_id(st, 1),
			.gid_first = sqldb_id(st, 2),
			.gid_last = sqldb_id(st, 3)};
		ret = fn(arg, &m);
		if (ret != 0) {
			sqldb_done(st);
			return ret;
		}
	}
	return ret;
}

static int store_clean(struct store *s, uint32_t *at, bool *done_out)
{
	return sqldb_clean_step(&s->q, at, done_out);
}

/* A copy of the log is one of its database. */
static int store_backup_step(struct store *s, const char *where, struct store_copy **copy,
	bool *done_out, struct im_buf *why)
{
	struct sqldb_backup *b = (struct sqldb_backup *)*copy;
	int ret = sqldb_backup_step(&s->q, where, &b, done_out, why);
	*copy = (struct store_copy *)b;
	return ret;
}

static void store_backup_end(struct store_copy **copy)
{
	struct sqldb_backup *b = (struct sqldb_backup *)*copy;
	sqldb_backup_end(&b);
	*copy = NULL;
}

const struct store_backend store_sqlite = {
	.name = "sqlite",
	.open = store_open,
	.close = store_close,
	.errmsg = store_errmsg,
	.begin = store_begin,
	.conv = store_sqlite_conv,
	.head = store_head,
	.append = store_append,
	.get = store_get,
	.amend = store_amend,
	.origin = store_origin,
	.commit = store_commit,
	.rollback = store_rollback,
	.log_head = store_log_head,
	.marks = store_marks,
	.prune = store_sqlite_prune,
	.expire = store_sqlite_expire,
	.number = store_sqlite_number,
	.clean = store_clean,
	.backup_step = store_backup_step,
	.backup_end = store_backup_end,
	.reader_open = store_sqlite_reader_open,
	.reader_close = store_sqlite_reader_close,
	.reader_errmsg = store_sqlite_reader_errmsg,
	.view_begin = store_sqlite_view_begin,
	.view_end = store_sqlite_view_end,
	.reader_watch = store_sqlite_reader_watch,
	.find_conv = store_sqlite_reader_conv,
	.get_conv = store_sqlite_get_conv,
	.user_convs = store_sqlite_user_convs,
	.read_head = store_sqlite_read_head,
	.read_conv = store_sqlite_read_conv,
	.read_log = store_sqlite_read_log,
	.read_shown = store_sqlite_read_shown,
	.unread = store_sqlite_unread,
};
