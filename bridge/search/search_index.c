/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sinks of the log's follower. What a recall or an edit did to an older message is seen from that
 * operation's own message in the log: the older one is then read again and indexed as it is now.
 *
 * A file of an older version holds an index that was made by another tokenizer. It is kept up to
 * the log and answers while the new one is built beside it, portion by portion; when that has come
 * as far the old one is dropped, in one transaction, after which the new one answers. Each step is
 * a transaction of its own, so that whatever ends the process, or fails for want of room, leaves
 * two indexes that go on where they were.
 */
#include "bridge/search/search_index.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/seen.h"
#include "bridge/message/system_body.h"
#include "bridge/search/search_db.h"
#include "bridge/search/search_erase.h"
#include "bridge/search/search_table.h"
#include "bridge/store/follower.h"
#include "common/jsonscan.h"

/* A pass is one transaction: FTS5 writes its terms once a transaction and merges them later, so a
 * large one costs half as much a message as one of 2000. */
#define PASS_MESSAGES 20000
#define PASS_EXPIRED 500
/* Text of one message that is indexed; the rest of a longer one is not found. */
#define TEXT_MAX (64 * 1024)

struct search_index {
	const struct store_backend *backend;
	struct store_reader *reader;
	struct sqldb q;
	struct search_writer old, fresh;
	bool has_old; /* it is in the file */
	struct im_buf text, tag;
	_Atomic uint64_t gid; /* of the one that answers */
	struct follower *follower;
	_Atomic uint64_t forget, forgotten; /* conversations to take out, and taken out last */
	struct search_erase erase;
	/* the stretch in hand */
	struct search_writer *table;
	uint32_t done, expired;
	int64_t now_ms;
};

/* In this order: an old index is at the head when the new one is asked whether it has come as far.
 */
enum { SINK_OLD, SINK_FRESH };

/* Appends every string value within a JSON text, each on a line of its own. */
static void json_strings(const struct im_json *v, struct im_buf *out)
{
	struct im_json_iter it;
	struct im_json member;

	if (v->type == IM_JSON_STRING) {
		size_t before = out->n;

		if (im_json_text(v, out) != IM_OK && !out->failed)
			out->n = before;
		im_buf_c(out, '\n');
	} else if (v->type == IM_JSON_ARRAY || v->type == IM_JSON_OBJECT) {
		im_json_iter(v, &it);
		while (im_json_next(&it, NULL, &member))
			json_strings(&member, out);
	}
}

static int run2(struct search_index *x, enum search_statement which, int64_t a, uint64_t b)
{
	sqlite3_stmt *st = sqldb_get(&x->q, which);

	sqldb_bind_int(st, 1, a);
	sqldb_bind_id(st, 2, b);
	return sqldb_run(&x->q, st);
}

static int write_row(struct search_index *x, const struct store_msg *m)
{
	struct im_json json;

	im_buf_reset(&x->text);
	im_buf_reset(&x->tag);
	int64_t ends_ms = meta_expires_ms(m->meta, m->ts_ms);
	if (m->enc == IM_ENC_BYTES || system_body_is(m->type) ||
		seen_gone(m->recalled, m->meta, m->ts_ms, x->now_ms))
		return IM_OK;
	if (m->enc == IM_ENC_TEXT)
		im_buf_str(&x->text, m->body);
	else if (im_json_parse(m->body, &json) == IM_OK)
		json_strings(&json, &x->text);
	else
		im_buf_str(&x->text, m->body); /* shown as text, too */
	if (x->text.n == 0 && !x->text.failed)
		return IM_OK;
	struct im_str type = im_type_shown(m->type, m->enc);
	im_buf_c(&x->tag, 'c');
	im_buf_u64(&x->tag, m->conv);
	im_buf_z(&x->tag, " s");
	im_buf_u64(&x->tag, m->sender);
	im_buf_z(&x->tag, " t");
	im_buf_str(&x->tag, type);
	if (x->text.failed || x->tag.failed)
		return IM_E_NOMEM;
	size_t n = x->text.n < TEXT_MAX ? x->text.n : TEXT_MAX;
	int rc = search_writer_put(
		x->table, m->gid, (struct im_str){x->text.p, n}, im_buf_view(&x->tag));
	return rc == IM_OK && ends_ms ? run2(x, SEARCH_ENDS, ends_ms, m->gid) : rc;
}

static int write_again(void *arg, const struct store_msg *m)
{
	struct search_index *x = arg;
	int rc = search_writer_remove(x->table, m->gid);

	return rc ? rc : write_row(x, m);
}

static int take(void *arg, const struct store_msg *m)
{
	struct search_index *x = arg;
	int rc;

	if (kind_of(m->type) == KIND_OPERATION) {
		/* What it is about. */
		uint64_t seq = (uint64_t)im_json_number_in(m->body, "seq");

		rc = seq ? x->backend->read_conv(
				   x->reader, m->conv, seq, seq, false, write_again, x)
			 : IM_OK;
	} else {
		rc = write_row(x, m);
	}
	x->done += rc == IM_OK;
	return rc;
}

static int take_out(struct search_index *x, uint64_t gid)
{
	int rc = x->old.of ? search_writer_remove(&x->old, gid) : IM_OK;

	return rc ? rc : search_writer_remove(&x->fresh, gid);
}

static int forget(struct search_index *x, int64_t at_ms, uint64_t gid)
{
	int rc = take_out(x, gid);

	return rc ? rc : run2(x, SEARCH_DONE_WITH, at_ms, gid);
}

/* Takes out what has expired, a bounded number; each is read anew, for nothing may be deleted under
 * a walk. */
static int forget_due(struct search_index *x, uint32_t *n_out)
{
	int rc = IM_OK;

	for (*n_out = 0; *n_out < PASS_EXPIRED && rc == IM_OK; ++*n_out) {
		sqlite3_stmt *st = sqldb_get(&x->q, SEARCH_DUE);

		sqldb_bind_int(st, 1, x->now_ms);
		rc = sqldb_step(&x->q, st);
		if (rc != SQLDB_ROW)
			break;
		int64_t at_ms = sqldb_int(st, 0);
		uint64_t gid = sqldb_id(st, 1);
		sqldb_done(st);
		rc = forget(x, at_ms, gid);
	}
	return rc;
}

/* Takes out some of a conversation. *left_out: there may be more. */
static int forget_conv(struct search_index *x, uint64_t conv, bool *left_out)
{
	bool old_left = false;

	*left_out = false;
	if (!conv)
		return IM_OK;
	im_buf_reset(&x->tag);
	im_buf_c(&x->tag, 'c');
	im_buf_u64(&x->tag, conv);
	if (x->tag.failed)
		return IM_E_NOMEM;
	int rc = x->old.of ? search_writer_forget(
				     &x->old, im_buf_view(&x->tag), PASS_EXPIRED, &old_left)
			   : IM_OK;
	if (rc == IM_OK)
		rc = search_writer_forget(&x->fresh, im_buf_view(&x->tag), PASS_EXPIRED, left_out);
	*left_out = *left_out || old_left;
	return rc;
}

static void set_forgotten(struct search_index *x, uint64_t conv)
{
	atomic_store(&x->forgotten, conv);
	atomic_compare_exchange_strong(&x->forget, &conv, 0);
}

bool search_index_forget(struct search_index *x, uint64_t conv)
{
	uint64_t done = conv;

	if (atomic_compare_exchange_strong(&x->forgotten, &done, 0))
		return true;
	atomic_store(&x->forget, conv);
	return false;
}

static int begin(struct search_index *x, struct search_writer *table, int64_t now_ms)
{
	x->table = table;
	x->done = 0;
	x->now_ms = now_ms;
	return sqldb_begin(&x->q);
}

/* The one that answers says how far it is. */
static int commit(void *arg, uint64_t gid)
{
	struct search_index *x = arg;
	int rc = search_writer_mark(x->table, gid);

	if (rc == IM_OK)
		rc = sqldb_commit(&x->q);
	if (rc)
		return rc;
	x->table->gid = gid;
	if (x->table == &x->old || !x->has_old)
		atomic_store(&x->gid, gid);
	return IM_OK;
}

static void rollback(void *arg)
{
	struct search_index *x = arg;

	sqldb_rollback(&x->q);
}

/* What has expired, and what is to be erased. */
static int forget_some(struct search_index *x, uint32_t *n_out, bool *left_out)
{
	uint64_t conv = atomic_load(&x->forget);
	int rc = sqldb_begin(&x->q);

	*n_out = 0;
	if (rc == IM_OK)
		rc = forget_due(x, n_out);
	if (rc == IM_OK)
		rc = forget_conv(x, conv, left_out);
	if (rc == IM_OK)
		rc = sqldb_commit(&x->q);
	else
		sqldb_rollback(&x->q);
	if (rc == IM_OK && conv && !*left_out)
		set_forgotten(x, conv);
	return rc;
}

/* What erasures have asked for. */
static int forget_erased(struct search_index *x)
{
	struct search_writer *const both[] = {&x->fresh, &x->old};

	return search_erase_run(&x->erase, &x->q, both, x->old.of ? 2 : 1);
}

static int purge(struct search_index *x, bool *more_out)
{
	const struct search_table *const tables[] = {&search_table_new, &search_table_old};

	return search_erase_purge(&x->erase, &x->q, tables, x->has_old ? 2 : 1, more_out);
}

/* It is open, unless it could not be opened again after dropping it had failed. */
static int use_old(struct search_index *x)
{
	return !x->has_old || x->old.of ? IM_OK
					: search_writer_open(&x->q, &search_table_old, &x->old);
}

/* The new index has come as far as the old one: from here on it answers. When that cannot be, for
 * want of room, both go on. */
static int drop_old(struct search_index *x)
{
	int rc, again;

	search_writer_close(&x->old);
	rc = search_drop_old(&x->q);
	x->has_old = rc != IM_OK;
	if (rc == IM_OK)
		atomic_store(&x->gid, x->fresh.gid);
	again = use_old(x);
	return rc ? rc : again;
}

/* -- the old index, while there is one -- */

static uint64_t old_position(void *arg)
{
	const struct search_index *x = arg;

	return x->old.of ? x->old.gid : FOLLOWER_ENDED;
}

static int old_begin(void *arg, int64_t now_ms)
{
	struct search_index *x = arg;

	return begin(x, &x->old, now_ms);
}

/* -- the index of this version, and what is to be done to both -- */

static uint64_t fresh_position(void *arg)
{
	const struct search_index *x = arg;

	return x->fresh.gid;
}

static int fresh_begin(void *arg, int64_t now_ms)
{
	struct search_index *x = arg;

	return begin(x, &x->fresh, now_ms);
}

static int fresh_rest(void *arg, int64_t now_ms, bool *more_out)
{
	struct search_index *x = arg;
	bool left = false;
	int rc = use_old(x);

	x->now_ms = now_ms;
	if (rc == IM_OK)
		rc = forget_some(x, &x->expired, &left);
	if (rc == IM_OK)
		rc = forget_erased(x);
	if (rc == IM_OK && x->has_old && x->fresh.gid >= x->old.gid)
		rc = drop_old(x);
	*more_out = x->expired == PASS_EXPIRED || left;
	return rc ? rc : purge(x, more_out);
}

static int add_sinks(struct search_index *x)
{
	const struct follower_sink old = {.arg = x,
		.stretch = PASS_MESSAGES,
		.position = old_position,
		.begin = old_begin,
		.take = take,
		.commit = commit,
		.rollback = rollback};
	struct follower_sink fresh = old;
	int rc = follower_add(x->follower, &old);

	fresh.position = fresh_position;
	fresh.begin = fresh_begin;
	fresh.rest = fresh_rest;
	return rc ? rc : follower_add(x->follower, &fresh);
}

int search_index_pass(struct search_index *x, uint32_t limit, int64_t now_ms, uint32_t *n_out)
{
	bool more;
	int rc;

	x->done = x->expired = *n_out = 0;
	rc = follower_serve(x->follower, SINK_OLD, limit, now_ms, &more);
	if (x->done > *n_out)
		*n_out = x->done;
	x->done = 0;
	if (rc == IM_OK)
		rc = follower_serve(x->follower, SINK_FRESH, limit, now_ms, &more);
	if (x->done > *n_out)
		*n_out = x->done;
	if (x->expired > *n_out)
		*n_out = x->expired;
	return rc;
}

static int prepare(struct search_index *x, struct im_buf *why)
{
	int rc = search_has_old(&x->q, &x->has_old);

	if (rc == IM_OK && x->has_old)
		rc = search_writer_open(&x->q, &search_table_old, &x->old);
	/* What nothing is in, as in a file that has just been made, need not be caught up with. */
	if (rc == IM_OK && x->has_old && x->old.gid == 0)
		rc = drop_old(x);
	if (rc == IM_OK)
		rc = search_writer_open(&x->q, &search_table_new, &x->fresh);
	if (rc) {
		im_buf_printf(why, "search.db: %s", x->q.err);
		return rc;
	}
	atomic_store(&x->gid, x->has_old ? x->old.gid : x->fresh.gid);
	return IM_OK;
}

int search_index_open(const char *folder, const struct store_backend *backend,
	struct store_reader *reader, struct search_index **out, struct im_buf *why)
{
	struct search_index *x = calloc(1, sizeof(*x));

	if (!x)
		return IM_E_NOMEM;
	x->backend = backend;
	im_buf_init(&x->text, 0);
	im_buf_init(&x->tag, 0);
	search_erase_init(&x->erase);
	x->follower = follower_new(backend, reader);
	int rc = x->follower ? add_sinks(x) : IM_E_NOMEM;
	if (rc == IM_OK)
		rc = search_db_open(folder, true, &x->q, why);
	if (rc == IM_OK)
		rc = prepare(x, why);
	if (rc && x->q.db && x->q.unusable) {
		x->old = x->fresh = (struct search_writer){.of = NULL};
		rc = search_db_open_anew(folder, &x->q, why);
		if (rc == IM_OK)
			rc = prepare(x, why);
	}
	if (rc) {
		search_index_stop(&x);
		return rc;
	}
	x->reader = reader;
	*out = x;
	return IM_OK;
}

int search_index_start(const char *folder, const struct store_backend *backend,
	struct store_reader *reader, struct search_index **out, struct im_buf *why)
{
	int rc = search_index_open(folder, backend, reader, out, why);

	if (rc)
		return rc;
	rc = follower_start((*out)->follower);
	if (rc) {
		(*out)->reader = NULL; /* stays the caller's */
		search_index_stop(out);
		im_buf_z(why, "cannot start the search indexer's thread");
	}
	return rc;
}

void search_index_stop(struct search_index **px)
{
	struct search_index *x = *px;

	if (!x)
		return;
	follower_stop(&x->follower);
	sqldb_close(&x->q);
	if (x->reader)
		x->backend->reader_close(x->reader);
	im_buf_free(&x->text);
	im_buf_free(&x->tag);
	search_erase_free(&x->erase);
	free(x);
	*px = NULL;
}

uint64_t search_index_gid(const struct search_index *x)
{
	return atomic_load(&x->gid);
}

bool search_index_drop(struct search_index *x, const uint64_t *gids, size_t n)
{
	bool taken = search_erase_drop(&x->erase, gids, n);

	follower_wake(x->follower);
	return taken;
}

bool search_index_purged(struct search_index *x)
{
	bool done = search_erase_purged(&x->erase);

	follower_wake(x->follower);
	return done;
}
