/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the hits of one search while they are gathered. Called by search.c, within its view. */
#include "bridge/search/search_walk.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/search/search_marks.h"
#include "db/sqldb.h"

/* Rows of all conversations that are looked at before the walk goes by conversation: some
 * milliseconds, a fraction of what the lists of thousands of conversations cost. */
#define WORDS_FIRST 1000
/* Conversations of a later portion: what a walk costs at its beginning, for words that are
 * beginnings above all, is then met less often. Each keeps a page or two of the index. */
#define PORTION_MAX 2000
/* Rows of conversations that have ended, after which a walk is begun without them. */
#define ENDED_MAX 64

struct search_hit {
	uint64_t gid;
	struct im_buf snippet;
};

/* Rows that the caller sees and leaves out, which one search looks at; and one portion at least. */
#define LEFT_OUT_MAX 5000
#define LEFT_OUT_MIN 250

/* A portion of the query's conversations; the whole walk by words has none. */
struct portion {
	size_t from, to;
	uint64_t below; /* where it goes on */
	uint32_t rows_max, rows;
	uint32_t ended, left_out;
	bool done;
};

static int by_conv(const void *a, const void *b)
{
	const struct search_conv *x = a, *y = b;

	return x->conv < y->conv ? -1 : x->conv > y->conv;
}

static int newest_first(const void *a, const void *b)
{
	const struct search_conv *x = a, *y = b;

	return x->newest > y->newest ? -1 : x->newest < y->newest;
}

static bool many(const struct search_walk *w)
{
	return w->q->n_convs > SEARCH_CONVS_MAX;
}

/* How many conversations the portion has that begins at this place. */
static size_t portion_size(const struct search_query *q, size_t at)
{
	size_t left = q->n_convs - at, max = at ? PORTION_MAX : SEARCH_CONVS_MAX;

	return left < max ? left : max;
}

int search_walk_init(struct search_walk *w, struct sqldb *db, int find, struct im_buf *words,
	const struct search_query *q)
{
	*w = (struct search_walk){
		.db = db, .find = find, .match = words, .words_n = words->n, .q = q};
	w->ended = calloc(q->n_convs + 1, sizeof(*w->ended));
	w->hits = calloc(q->want + 1, sizeof(*w->hits));
	if (!w->ended || !w->hits)
		return IM_E_NOMEM;
	for (uint32_t i = 0; i <= q->want; i++)
		im_buf_init(&w->hits[i].snippet, 0);
	if (many(w)) {
		qsort(q->convs, q->n_convs, sizeof(*q->convs), newest_first);
		/* Within a portion by number: what has ended is looked up there. */
		for (size_t at = 0; at < q->n_convs; at += portion_size(q, at))
			qsort(q->convs + at, portion_size(q, at), sizeof(*q->convs), by_conv);
	} else {
		qsort(q->convs, q->n_convs, sizeof(*q->convs), by_conv);
	}
	return IM_OK;
}

void search_walk_clear(struct search_walk *w)
{
	for (uint32_t i = 0; w->hits && i <= w->q->want; i++)
		im_buf_free(&w->hits[i].snippet);
	free(w->hits);
	free(w->ended);
}

bool search_walk_sees(struct search_walk *w, uint64_t gid)
{
	w->sight = w->code ? w->code : w->q->sight(w->q->arg, gid, &w->conv);
	if (w->sight < 0)
		w->code = w->sight;
	return w->sight == SEARCH_SEEN;
}

/* Puts a hit in its place; the oldest goes when there are more than are wanted. */
static int take_hit(struct search_walk *w, uint64_t gid, struct im_str snippet)
{
	struct search_hit spare = w->hits[w->q->want];
	uint32_t at = w->n;

	while (at > 0 && w->hits[at - 1].gid < gid)
		at--;
	memmove(w->hits + at + 1, w->hits + at, (w->q->want - at) * sizeof(*w->hits));
	w->hits[at] = spare;
	w->hits[at].gid = gid;
	im_buf_reset(&w->hits[at].snippet);
	search_marks_widen(snippet, w->q->q, &w->hits[at].snippet);
	if (w->n < w->q->want)
		w->n++;
	if (w->n == w->q->want && w->hits[w->n - 1].gid > w->floor)
		w->floor = w->hits[w->n - 1].gid;
	return w->hits[at].snippet.failed ? IM_E_NOMEM : IM_OK;
}

/* The conversation's place in the query, or n_convs. */
static size_t find_conv(const struct search_walk *w, uint64_t conv)
{
	const struct search_conv key = {.conv = conv}, *found = NULL;

	for (size_t at = 0; at < w->q->n_convs && !found; at += portion_size(w->q, at))
		found = bsearch(
			&key, w->q->convs + at, portion_size(w->q, at), sizeof(key), by_conv);
	return found ? (size_t)(found - w->q->convs) : w->q->n_convs;
}

/* What the words are narrowed by. False: all of the portion's conversations have ended. */
static bool put_match(struct search_walk *w, const struct portion *p)
{
	struct im_buf *b = w->match;
	bool any = p->from == p->to;

	b->n = w->words_n;
	for (size_t i = p->from; i < p->to; i++) {
		if (w->ended[i])
			continue;
		im_buf_z(b, any ? " OR c" : " AND tag : (c");
		im_buf_u64(b, w->q->convs[i].conv);
		any = true;
	}
	if (p->to > p->from && any)
		im_buf_c(b, ')');
	if (w->q->sender) {
		im_buf_z(b, " AND tag : s");
		im_buf_u64(b, w->q->sender);
	}
	if (w->q->type.n) {
		im_buf_z(b, " AND tag : \"t");
		im_buf_str(b, w->q->type);
		im_buf_c(b, '"');
	}
	return any;
}

static uint32_t left_out_max(const struct search_walk *w)
{
	size_t portions = many(w) ? w->q->n_convs / PORTION_MAX + 2 : 1;

	return portions < LEFT_OUT_MAX / LEFT_OUT_MIN ? (uint32_t)(LEFT_OUT_MAX / portions)
						      : LEFT_OUT_MIN;
}

/* One row that was asked about. */
static int take_row(struct search_walk *w, struct portion *p, uint64_t gid, sqlite3_stmt *st)
{
	size_t at;
	int rc = w->code;

	p->below = gid;
	p->done = ++p->rows == p->rows_max;
	switch (w->sight) {
	case SEARCH_SEEN:
		rc = take_hit(w, gid, sqldb_str(st, 1));
		break;
	case SEARCH_ENDED:
		at = find_conv(w, w->conv);
		if (at < w->q->n_convs)
			w->ended[at] = true;
		/* Lists are what a walk is begun anew without. */
		p->ended += p->to > p->from;
		break;
	case SEARCH_LEFT_OUT:
		if (++p->left_out >= left_out_max(w))
			w->cut = w->floor = gid;
		break;
	default:
		break;
	}
	return rc;
}

/* One statement's walk: to its end, or until conversations that have ended were met too often. */
static int walk_on(struct search_walk *w, struct portion *p)
{
	sqlite3_stmt *st;
	int rc = IM_OK, step = IM_OK;

	if (!put_match(w, p)) {
		p->done = true;
		return IM_OK;
	}
	if (w->match->failed)
		return IM_E_NOMEM;
	p->ended = 0;
	st = sqldb_get(w->db, w->find);
	sqldb_bind_text(st, 1, im_buf_view(w->match));
	sqldb_bind_id(st, 2, p->below);
	sqldb_bind_id(st, 3, w->floor);
	while (rc == IM_OK && !p->done && p->ended < ENDED_MAX &&
		(step = sqldb_step(w->db, st)) == SQLDB_ROW) {
		uint64_t gid = sqldb_id(st, 0);

		rc = take_row(w, p, gid, st);
		if (gid <= w->floor)
			break;
	}
	if (rc == IM_OK && step != SQLDB_ROW)
		rc = w->code ? w->code : step;
	/* By its last row it is over; by a row that is not wanted any more, too. */
	p->done |= p->ended < ENDED_MAX && p->rows != p->rows_max;
	if (step == SQLDB_ROW)
		sqldb_done(st);
	return rc;
}

/* By the words alone. *below_out: where it goes on by conversation; 0: all is found. */
static int walk_words(struct search_walk *w, uint64_t below, uint64_t *below_out)
{
	struct portion p = {.below = below, .rows_max = WORDS_FIRST};
	int rc = IM_OK;

	while (rc == IM_OK && !p.done)
		rc = walk_on(w, &p);
	*below_out = p.rows == p.rows_max && p.below > w->floor ? p.below : 0;
	return rc;
}

static int walk_portions(struct search_walk *w, uint64_t below)
{
	int rc = IM_OK;

	for (size_t at = 0; at < w->q->n_convs && rc == IM_OK; at += portion_size(w->q, at)) {
		struct portion p = {.from = at,
			.to = at + portion_size(w->q, at),
			.below = below,
			.rows_max = UINT32_MAX};
		uint64_t newest = 0;

		for (size_t i = p.from; i < p.to; i++)
			if (w->q->convs[i].newest > newest)
				newest = w->q->convs[i].newest;
		if (many(w) && newest <= w->floor)
			break;
		while (rc == IM_OK && !p.done)
			rc = walk_on(w, &p);
	}
	return rc;
}

int search_walk_run(struct search_walk *w, uint64_t *cut_out)
{
	uint64_t below = w->q->before_gid ? w->q->before_gid : INT64_MAX;
	int rc = IM_OK;

	if (many(w))
		rc = walk_words(w, below, &below);
	if (rc == IM_OK && below)
		rc = walk_portions(w, below);
	for (uint32_t i = 0; i < w->n && rc == IM_OK && w->hits[i].gid > w->cut; i++)
		rc = w->q->hit(w->q->arg, w->hits[i].gid, im_buf_view(&w->hits[i].snippet));
	*cut_out = w->cut;
	return rc;
}
