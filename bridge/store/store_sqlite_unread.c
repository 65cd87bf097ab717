/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the list of conversations asks the SQLite backend: how much of one is unread, how much of
 * that mentions the reader, and what it shows. By ordinals, or rows of a bounded number, at a cost
 * that does not grow with the number of messages.
 */
#include "bridge/store/store_sqlite_unread.h"

#include "bridge/store/store_sqlite_mention.h"
#include "bridge/store/store_sqlite_place.h"

/* So many times a message that is shown was taken by retention from between others: a clock that
 * was ahead for a moment. More are not looked for. */
#define HOLES_MAX 16

/* -- unread --------------------------------------------------------------------------------------
 */

/* What is there after a mark, whoever sent it. */
struct rest {
	bool numbered;
	uint64_t from; /* the first place that counts */
	uint64_t n;    /* what counts, gone ones among it */
};

/* A mark whose message is deleted stands before the first one that is left. */
static int rest_after(struct sqldb *q, uint64_t conv, const struct store_place *head, uint64_t mark,
	struct rest *out)
{
	struct store_place p;
	enum kind kind = KIND_OPERATION;
	int rc = store_sqlite_place_up(q, conv, mark, &p);

	*out = (struct rest){.numbered = p.numbered, .from = mark + 1};
	if (rc != IM_OK || !p.numbered)
		return rc;
	if (p.at.seq != mark) {
		out->from = p.at.seq;
		rc = store_sqlite_kind_at(q, p.at.gid, &kind);
	}
	out->n = head->ord - p.ord + (kind == KIND_SENT);
	return rc;
}

/* The newest place in lo..hi where the user sent a message; 0: none. any: or anything. */
static int own_between(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t lo, uint64_t hi,
	bool any, uint64_t *seq_out)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_OWN_DOWN);
	int rc;

	*seq_out = 0;
	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, lo);
	sqldb_bind_id(st, 3, hi);
	sqldb_bind_id(st, 4, user);
	while ((rc = sqldb_step(q, st)) == SQLDB_ROW) {
		if (!any && !kind_counts(sqldb_str(st, 1)))
			continue;
		*seq_out = sqldb_id(st, 0);
		sqldb_done(st);
		return IM_OK;
	}
	return rc;
}

/* The user's last message if it is after `mark`, else anything up to that. */
static int own_after(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t head, uint64_t mark,
	uint64_t *seq_out)
{
	uint64_t noted, newer = 0;
	int rc = store_sqlite_spoke(q, conv, user, &noted);
	uint64_t lo = noted > mark ? noted : mark;
	uint64_t hi = noted + STORE_SPOKE_EVERY - 1;

	if (hi > head)
		hi = head;
	if (rc == IM_OK && lo < hi)
		rc = own_between(q, conv, user, lo + 1, hi, false, &newer);
	*seq_out = newer ? newer : noted;
	return rc;
}

static int count_gone(struct sqldb *q, uint64_t conv, uint64_t lo, uint64_t hi, uint64_t *n_out)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_GONE_BETWEEN);
	int rc;

	*n_out = 0;
	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, lo);
	sqldb_bind_id(st, 3, hi);
	sqldb_bind_int(st, 4, STORE_GONE_MAX);
	while ((rc = sqldb_step(q, st)) == SQLDB_ROW)
		++*n_out;
	return rc;
}

/* Without ordinals whatever the user did lately is taken to be an answer. */
static int own_lately(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t head, uint64_t mark,
	uint64_t *seq_out)
{
	uint64_t lo = head - mark > STORE_LOOK_BACK ? head - STORE_LOOK_BACK : mark;

	return own_between(q, conv, user, lo + 1, head, true, seq_out);
}

/* Without ordinals all messages are taken to count. */
static int unnumbered(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t head, uint64_t mark,
	uint64_t *n_out)
{
	uint64_t own;
	int rc = own_lately(q, conv, user, head, mark, &own);

	*n_out = head - (own ? own : mark);
	return rc;
}

/* Behind the user's own last message there is none of his, so that all that counts there is
 * others': who sent a message need not be known. */
int store_sqlite_unread(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out)
{
	struct store_place head;
	struct rest rest;
	uint64_t own = 0, gone = 0;
	int rc = store_sqlite_find_head(&r->q, conv, &head);

	*n_out = 0;
	if (rc != IM_OK || head.at.seq <= mark)
		return rc;
	rc = rest_after(&r->q, conv, &head, mark, &rest);
	if (rc == IM_OK && !rest.numbered)
		return unnumbered(&r->q, conv, user, head.at.seq, mark, n_out);
	if (rc == IM_OK && rest.n > 0)
		rc = own_after(&r->q, conv, user, head.at.seq, mark, &own);
	if (rc == IM_OK && own > mark)
		rc = rest_after(&r->q, conv, &head, own, &rest);
	if (rc == IM_OK && rest.n > 0)
		rc = count_gone(&r->q, conv, rest.from, head.at.seq, &gone);
	*n_out = rest.n > gone ? rest.n - gone : 0;
	return rc;
}

/* -- mentions -- */

static int count_mentions(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n)
{
	sqlite3_stmt *st = sqldb_get(q, STORE_MENTION_AFTER);
	int rc;

	sqldb_bind_id(st, 1, conv);
	sqldb_bind_id(st, 2, user);
	sqldb_bind_id(st, 3, mark > INT64_MAX ? INT64_MAX : mark);
	sqldb_bind_int(st, 4, (int64_t)(STORE_MENTIONS_MAX - *n));
	while ((rc = sqldb_step(q, st)) == SQLDB_ROW)
		++*n;
	return rc;
}

/* No message has a row of all and others. */
static int mentioned(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out)
{
	int rc;

	*n_out = 0;
	rc = count_mentions(q, conv, user, mark, n_out);
	return rc == IM_OK ? count_mentions(q, conv, STORE_MENTION_ALL, mark, n_out) : rc;
}

/* The same answer as `unread` takes for one. A message with mentions is noted with its speaker also
 * where older ones have no ordinals yet. */
static int answered(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *seq_out)
{
	struct store_place head, next;
	int rc = store_sqlite_find_head(q, conv, &head);

	*seq_out = 0;
	if (rc == IM_OK)
		rc = store_sqlite_place_up(q, conv, mark, &next);
	if (rc == IM_OK && !next.numbered)
		rc = own_lately(q, conv, user, head.at.seq, mark, seq_out);
	if (rc == IM_OK && *seq_out == 0)
		rc = own_after(q, conv, user, head.at.seq, mark, seq_out);
	return rc;
}

int store_sqlite_mentions(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out)
{
	uint64_t own;
	int rc = mentioned(&r->q, conv, user, mark, n_out);

	/* Mostly there is none, and nothing else needs to be known. */
	if (rc != IM_OK || *n_out == 0)
		return rc;
	rc = answered(&r->q, conv, user, mark, &own);
	return rc == IM_OK && own > mark ? mentioned(&r->q, conv, user, own, n_out) : rc;
}

/* -- what is shown -------------------------------------------------------------------------------
 */

/* Where the count of what is shown went up, unless that was at a place that is gone. */
static int is_shown(struct sqldb *q, const struct store_place *first,
	const struct store_place *before, bool *out)
{
	enum kind kind;
	int rc;

	*out = before->numbered && before->at.seq + 1 == first->at.seq;
	if (*out)
		return IM_OK;
	rc = store_sqlite_kind_at(q, first->at.gid, &kind);
	*out = kind != KIND_OPERATION;
	return rc;
}

int store_sqlite_read_shown(struct store_reader *r, uint64_t conv, struct store_head *out)
{
	struct store_place head, first, before;
	int rc = store_sqlite_find_head(&r->q, conv, &head);
	struct store_place from = head;

	*out = head.at;
	if (rc != IM_OK || !head.numbered)
		return rc;
	for (int i = 0; i < HOLES_MAX; i++) {
		bool shown;

		rc = store_sqlite_first_place(&r->q, conv, &from, from.shown, &first, &before);
		if (rc == IM_OK)
			rc = is_shown(&r->q, &first, &before, &shown);
		if (rc != IM_OK)
			return rc;
		*out = (struct store_head){shown ? first.at.seq : 0, first.at.gid};
		if (shown || before.at.seq == 0)
			return IM_OK;
		if (!before.numbered) {
			*out = head.at;
			return IM_OK;
		}
		from = before;
	}
	return IM_OK;
}
