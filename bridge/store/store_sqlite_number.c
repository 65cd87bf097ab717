/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ordinals for what an earlier version has stored without. The log is walked from its newest
 * message of that time to the oldest, and each conversation that is met is numbered from its newest
 * message downwards. All that is to be known is in the tables: in a conversation the places with
 * ordinals are the newest ones, and how far the walk has come is in meta; so a call can end
 * anywhere, and messages can come meanwhile.
 *
 * A conversation's newest message without ordinals gets its seq for both. Those below it get one
 * less for each that counts or is shown; only differences mean anything.
 */
#include "bridge/store/store_sqlite_number.h"

#include <stdlib.h>

#include "bridge/store/store_sqlite_place.h"

#define LIMIT_MAX 10000

int store_sqlite_number_start(struct store *s)
{
	int rc = sqldb_count(&s->q, sqldb_get(&s->q, STORE_UNNUMBERED_GET), &s->unnumbered);

	s->numbered = 0;
	if (rc == IM_OK)
		rc = sqldb_count(&s->q, sqldb_get(&s->q, STORE_NUMBERED_GET), &s->numbered);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* How far the walk has come, and how many up to there were met before it. */
struct progress {
	uint64_t through, numbered;
};

/* A message, read before any is written. */
struct row {
	uint64_t gid, conv, seq, sender;
	enum kind kind;
	bool gone;
};

/* From a place to the next one below it, wherever that is. */
static void pass(struct store_place *p, enum kind kind)
{
	p->at.seq--;
	p->ord -= kind == KIND_SENT;
	p->shown -= kind != KIND_OPERATION;
}

/* The next place of a conversation that is to be numbered is this one, or below it. */
static int find_next(struct store *s, uint64_t conv, struct store_place *out)
{
	struct store_place head, before;
	enum kind kind;
	int rc = store_sqlite_find_head(&s->q, conv, &head);

	*out = head;
	if (rc != IM_OK || !head.numbered)
		return rc;
	rc = store_sqlite_first_place(&s->q, conv, &head, 0, out, &before);
	if (rc == IM_OK)
		rc = store_sqlite_kind_at(&s->q, out->at.gid, &kind);
	if (rc == IM_OK)
		pass(out, kind);
	return rc;
}

static int read_rows(struct store *s, uint64_t conv, uint64_t seq, uint32_t limit, struct row *rows,
	uint32_t *n_out)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_UNNUMBERED_CONV);
	int rc;

	*n_out = 0;
	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, seq);
	sqldb_bind_int(st, 3, limit);
	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW) {
		bool there = !sqldb_null(st, 2);

		rows[(*n_out)++] = (struct row){.seq = sqldb_id(st, 0),
			.gid = sqldb_id(st, 1),
			.conv = conv,
			.sender = sqldb_id(st, 2),
			.kind = there ? kind_of(sqldb_str(st, 3)) : KIND_OPERATION,
			.gone = sqldb_int(st, 4)};
	}
	return rc;
}

static int number_one(struct store *s, const struct row *r, const struct store_place *p)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_NUMBER);
	int rc;

	sqldb_bind_id(st, 1, r->conv);
	sqldb_bind_id(st, 2, r->seq);
	store_sqlite_bind_ordinals(st, 3, p);
	rc = sqldb_run(&s->q, st);
	if (rc == IM_OK && r->kind == KIND_SENT && r->gone)
		rc = store_sqlite_gone(&s->q, r->gid);
	/* His newest message comes first. */
	if (rc == IM_OK && r->kind == KIND_SENT && r->seq >= STORE_SPOKE_EVERY)
		rc = store_sqlite_spoke_put(&s->q, r->conv, r->sender, r->seq);
	return rc;
}

/* So many messages of a conversation; *n_out below the limit: all have ordinals. */
static int number_conv(
	struct store *s, uint64_t conv, uint32_t limit, struct row *rows, uint32_t *n_out)
{
	struct store_place p;
	int rc = find_next(s, conv, &p);

	*n_out = 0;
	if (rc == IM_OK)
		rc = read_rows(s, conv, p.at.seq, limit, rows, n_out);
	for (uint32_t i = 0; i < *n_out && rc == IM_OK; i++) {
		p.at.seq = rows[i].seq;
		rc = number_one(s, &rows[i], &p);
		pass(&p, rows[i].kind);
	}
	return rc;
}

static int read_log(
	struct store *s, uint64_t gid, uint32_t limit, struct row *rows, uint32_t *n_out)
{
	sqlite3_stmt *st = sqldb_get(&s->q, STORE_UNNUMBERED_LOG);
	int rc;

	*n_out = 0;
	sqldb_bind_id(st, 1, gid);
	sqldb_bind_int(st, 2, limit);
	while ((rc = sqldb_step(&s->q, st)) == SQLDB_ROW)
		rows[(*n_out)++] = (struct row){
			.gid = sqldb_id(st, 0), .conv = sqldb_id(st, 1), .seq = sqldb_id(st, 2)};
	return rc;
}

/* Moves on over what has ordinals; what is passed costs as what gets them. `log` and `rows` have
 * room for `limit`. */
static int walk(
	struct store *s, uint32_t limit, struct row *log, struct row *rows, struct progress *at)
{
	uint32_t n, done, used = 0;
	int rc = read_log(s, at->through, limit, log, &n);

	for (uint32_t i = 0; i < n && rc == IM_OK && used < limit; i++, used++) {
		struct store_place p;

		rc = store_sqlite_place_down(&s->q, log[i].conv, log[i].seq, &p);
		if (rc == IM_OK && p.at.seq == log[i].seq && !p.numbered) {
			rc = number_conv(s, log[i].conv, limit - used, rows, &done);
			at->numbered += done;
			if (rc != IM_OK || done == limit - used)
				return rc;
			used += done;
		}
		at->through = i + 1 == n && n < limit ? 0 : log[i].gid - 1;
		at->numbered -= at->numbered > 0;
	}
	if (n == 0)
		at->through = 0;
	return rc;
}

static int note(struct store *s, const struct progress *at)
{
	sqlite3_stmt *st =
		sqldb_get(&s->q, at->through ? STORE_UNNUMBERED_SET : STORE_UNNUMBERED_NONE);

	if (at->through) {
		sqldb_bind_id(st, 1, at->through);
		sqldb_bind_id(st, 2, at->numbered);
	}
	return sqldb_run(&s->q, st);
}

static int number(struct store *s, uint32_t limit, struct row *log, struct row *rows)
{
	struct progress at = {s->unnumbered, s->numbered};
	int rc = sqldb_begin(&s->q);

	if (rc != IM_OK)
		return rc;
	rc = walk(s, limit, log, rows, &at);
	if (rc == IM_OK)
		rc = note(s, &at);
	if (rc != IM_OK) {
		sqldb_rollback(&s->q);
		return rc;
	}
	rc = sqldb_commit(&s->q);
	if (rc != IM_OK)
		return rc;
	s->unnumbered = at.through;
	s->numbered = at.numbered;
	return IM_OK;
}

/* What was deleted meanwhile is passed by nobody: it is not over before the walk is. */
static uint64_t left(const struct store *s)
{
	if (s->unnumbered > s->numbered)
		return s->unnumbered - s->numbered;
	return s->unnumbered > 0;
}

int store_sqlite_number(struct store *s, uint32_t limit, uint64_t *left_out)
{
	struct row *rows;
	int rc = IM_OK;

	if (limit > LIMIT_MAX)
		limit = LIMIT_MAX;
	if (limit > 0 && s->unnumbered > 0) {
		rows = malloc(2 * limit * sizeof(*rows));
		rc = rows ? number(s, limit, rows, rows + limit) : IM_E_NOMEM;
		free(rows);
	}
	*left_out = left(s);
	return rc;
}
