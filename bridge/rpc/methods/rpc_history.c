/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the pages of history. Reads only, on reader threads. */
#include "bridge/rpc/methods/methods.h"

#include <stdlib.h>

#include "bridge/message/seen.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/quotes.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/view.h"
#include "common/limits.h"

struct history {
	struct rpc_read *rd;
	const struct conv_ref *ref;
	uint64_t was_after;
	struct im_buf texts;
	size_t end[IM_PAGE_MAX]; /* of each message in texts */
	uint32_t count, limit;
	size_t max_bytes;
	bool full;
	bool shown;                     /* no operations, and replies with what they quote: */
	uint64_t reply_to[IM_PAGE_MAX]; /* what each one answers; 0: none */
	size_t quoted_max;              /* what their quotes may take */
	struct quotes quotes;
};

/* The message may be followed by what it quotes, which is looked up when the walk is over. */
static void note_reply(struct history *h, const struct store_msg *m)
{
	uint64_t seq = h->shown ? quotes_reply_to(m, h->rd->call.now_ms) : 0;

	h->reply_to[h->count] = seq;
	if (seq)
		h->quoted_max += VIEW_QUOTE_MAX;
}

static int on_history(void *arg, const struct store_msg *m)
{
	struct history *h = arg;
	size_t before = h->texts.n, quoted_before = h->quoted_max;
	int rc;

	h->full = h->count == h->limit;
	if (h->full)
		return IM_STOP;
	rc = view_message(
		&h->texts, h->rd->names, h->ref->name, m, h->was_after, h->rd->call.now_ms);
	if (rc != IM_OK)
		return rc;
	note_reply(h, m);
	h->full = h->count > 0 && h->texts.n + h->quoted_max + h->count > h->max_bytes;
	if (h->full) {
		h->texts.n = before;
		h->quoted_max = quoted_before;
		return IM_STOP;
	}
	h->end[h->count++] = h->texts.n;
	return IM_OK;
}

/* Reads lo..hi, from its newer end if descending; at most `limit` more than is there already. */
static int read_some(struct history *h, uint64_t lo, uint64_t hi, bool descending)
{
	const struct store_backend *be = h->rd->backend;
	int rc;

	h->full = false;
	if (lo > hi || h->ref->conv == 0)
		return IM_OK;
	rc = (h->shown ? be->read_shown_conv : be->read_conv)(
		h->rd->log, h->ref->conv, lo, hi, descending, on_history, h);
	return rc == IM_STOP ? IM_OK : rc;
}

static int put_one(struct history *h, uint32_t i, bool *first)
{
	struct im_buf *out = h->rd->call.result;
	size_t from = i ? h->end[i - 1] : 0;
	int rc;

	if (!*first)
		im_buf_c(out, ',');
	*first = false;
	if (!h->reply_to[i]) {
		im_buf_put(out, h->texts.p + from, h->end[i] - from);
		return IM_OK;
	}
	im_buf_put(out, h->texts.p + from, h->end[i] - from - 1);
	rc = quotes_put(&h->quotes, h->reply_to[i], out);
	im_buf_c(out, '}');
	return rc;
}

/* Messages 0..up-1 were read oldest first; those behind them newest first, and come before. */
static int put_history(struct history *h, uint32_t up, bool more)
{
	bool first = true;
	int rc = IM_OK;

	im_buf_z(h->rd->call.result, "{\"messages\":[");
	for (uint32_t i = h->count; rc == IM_OK && i > up; i--)
		rc = put_one(h, i - 1, &first);
	for (uint32_t i = 0; rc == IM_OK && i < up; i++)
		rc = put_one(h, i, &first);
	im_buf_z(h->rd->call.result, more ? "],\"more\":true}" : "],\"more\":false}");
	return rc;
}

static int read_around(struct history *h, uint64_t floor, uint64_t head, uint64_t around)
{
	uint64_t last_older = around - 1 < head ? around - 1 : head;
	uint64_t older = last_older > floor ? last_older - floor : 0;
	uint32_t limit = h->limit, up;
	bool more;
	int rc;

	/* From there on first, so that what was asked for is on the page however large it is. */
	h->limit = limit - (older < limit / 2 ? (uint32_t)older : limit / 2);
	rc = read_some(h, around > floor ? around : floor + 1, head, false);
	if (rc != IM_OK)
		return rc;
	up = h->count;
	more = h->full;
	h->limit = limit;
	rc = read_some(h, floor + 1, last_older, true);
	return rc == IM_OK ? put_history(h, up, more || h->full) : rc;
}

static int read_history(struct rpc_read *rd, const struct conv_ref *ref, struct history *h)
{
	struct rpc_call *c = &rd->call;
	struct store_head head;
	uint64_t floor, at;
	bool descending = !rpc_has(c, "after");
	int rc = conv_ref_floor(c, ref, &floor);

	if (rc == IM_OK)
		rc = conv_ref_read_head(rd, ref, &head);
	if (rc != IM_OK)
		return rc;
	h->was_after = seen_was_after(ref->history_all, floor);
	h->quotes.conv = ref->conv;
	h->quotes.floor = floor;
	if (rpc_has(c, "around")) {
		at = (uint64_t)rpc_int(c, "around", 1);
		return read_around(h, floor, head.seq, at);
	}
	if (descending) {
		at = (uint64_t)rpc_int(c, "before", INT64_MAX);
		rc = read_some(h, floor + 1, at - 1 < head.seq ? at - 1 : head.seq, true);
	} else {
		at = (uint64_t)rpc_int(c, "after", 0);
		rc = read_some(h, (at > floor ? at : floor) + 1, head.seq, false);
	}
	return rc == IM_OK ? put_history(h, descending ? 0 : h->count, h->full) : rc;
}

static int history_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct history *h;
	struct conv_ref ref;
	int rc;

	if (rpc_has(c, "before") + rpc_has(c, "after") + rpc_has(c, "around") > 1)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.before, after and around exclude each other; give one, or none for "
			"the newest");
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return IM_E_NOMEM;
	h->rd = rd;
	h->ref = &ref;
	h->limit = rpc_limit(c);
	h->max_bytes = rpc_page_bytes(c);
	h->shown = rpc_bool(c, "shown", false);
	quotes_init(&h->quotes, rd);
	im_buf_init(&h->texts, 0);
	rc = rpc_views_begin(rd);
	if (rc == IM_OK) {
		rc = conv_ref_read(rd, "conv", &ref);
		if (rc == IM_OK)
			rc = read_history(rd, &ref, h);
		rpc_views_end(rd);
	}
	if (rc == IM_OK && c->result->failed)
		rc = IM_E_NOMEM;
	quotes_clear(&h->quotes);
	im_buf_free(&h->texts);
	free(h);
	return rc;
}

static const struct rpc_param history_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"before", RPC_INTEGER, false, 1, INT64_MAX},
	{"after", RPC_INTEGER, false, 0, INT64_MAX - 1},
	{"around", RPC_INTEGER, false, 1, INT64_MAX - 1},
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"shown", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct rpc_method rpc_history_methods[] = {
	{"conv.history", RPC_READ, history_params, .read = history_call},
	{0},
};
