/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of conversations and the pages of history. Reads only, on reader threads. */
#include "bridge/rpc/methods/rpc_conv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bridge/directory/directory_group.h"
#include "bridge/message/seen.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/rpc/view.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

const char *conv_notify_name(int notify)
{
	return notify == 2 ? "none" : notify == 1 ? "mentions" : "all";
}

int conv_notify_parse(struct im_str s)
{
	for (int i = 0; i <= 2; i++)
		if (im_str_eqz(s, conv_notify_name(i)))
			return i;
	return -1;
}

void conv_put_settings(struct im_buf *b, const struct directory_conv_user *u, bool room)
{
	im_buf_printf(b,
		",\"pinned\":%s,\"muted\":%s,\"notify\":\"%s\",\"marked_unread\":%s,"
		"\"cleared_to\":%" PRIu64,
		u->pinned ? "true" : "false", u->notify ? "true" : "false",
		conv_notify_name(u->notify), u->marked_unread ? "true" : "false", u->cleared_to);
	if (room)
		im_buf_z(b, u->follow ? ",\"follow\":true" : ",\"follow\":false");
}

/* -- conv.list -- */

/*
 * The list is in the order of the newest messages that are shown, so that an operation moves no
 * conversation. Which one that is costs two looks into conv_log's index, and two more for each
 * doubling of the operations behind it, and is asked only of those conversations that the page may
 * hold: it is never newer than the head, so they wait in a heap, each by its head until the other
 * is known. With 10,000 conversations the heads are 20 ms of a processor for each page, as ever;
 * the last page, for which all are asked, took 100 ms where half of them ended in 20 operations.
 */
struct waiting {
	struct conv_item *item;
	uint64_t gid; /* of what is shown, or of the head: that is not newer */
	bool known;   /* it is of what is shown */
};

struct heap {
	struct waiting *v;
	size_t n;
};

static void sink(struct heap *h, size_t i)
{
	struct waiting w = h->v[i];
	size_t child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->v[child + 1].gid > h->v[child].gid)
			child++;
		if (w.gid >= h->v[child].gid)
			break;
		h->v[i] = h->v[child];
		i = child;
	}
	h->v[i] = w;
}

static void drop_first(struct heap *h)
{
	h->v[0] = h->v[--h->n];
	if (h->n > 0)
		sink(h, 0);
}

/* Takes out the next conversation in the list's order, of those that stand behind `before`; NULL:
 * there is none. */
static int next_item(struct rpc_read *rd, struct heap *h, uint64_t before, struct conv_item **out)
{
	*out = NULL;
	while (h->n > 0) {
		struct waiting *first = &h->v[0];
		int rc;

		if (first->known) {
			*out = first->item;
			drop_first(h);
			return IM_OK;
		}
		rc = rd->backend->read_shown(rd->log, first->item->conv, &first->item->shown);
		if (rc != IM_OK)
			return rc;
		first->known = true;
		first->gid = first->item->shown.gid;
		if (first->gid < before)
			sink(h, 0);
		else
			drop_first(h);
	}
	return IM_OK;
}

struct last_message {
	struct rpc_read *rd;
	const struct conv_item *item;
	struct im_buf *out;
};

static int on_last(void *arg, const struct store_msg *m)
{
	struct last_message *l = arg;

	im_buf_z(l->out, ",\"last\":");
	return view_message(l->out, l->rd->names, conv_item_name(l->item), m, l->item->was_after,
		l->rd->call.now_ms);
}

static int put_item(struct rpc_read *rd, struct conv_item *item, struct im_buf *b)
{
	struct rpc_call *c = &rd->call;
	struct directory_conv_user mine;
	struct last_message last = {rd, item, b};
	uint64_t unread = 0, mark;
	int rc = conv_item_resolve(c, item, &mine);

	if (rc != IM_OK || item->hidden)
		return rc;
	im_buf_z(b, "{\"conv\":");
	im_jsonw_str(b, conv_item_name(item));
	if (item->peer_gone)
		im_buf_z(b, ",\"deleted\":true");
	im_jsonw_member_int(b, "head", (int64_t)item->head.seq);
	im_jsonw_member_int(b, "read", (int64_t)mine.read_seq);
	conv_put_settings(b, &mine, item->group_kind == DIRECTORY_ROOM);
	if (mine.draft.n > 0)
		im_jsonw_member_str(b, "draft", mine.draft);
	mark = view_mark(mine.read_seq, item->joined_seq, mine.cleared_to);
	if (item->followed)
		rc = rd->backend->unread(rd->log, item->conv, c->user, mark, &unread);
	if (rc != IM_OK)
		return rc;
	im_jsonw_member_int(b, "unread", (int64_t)unread);
	if (item->shown.seq > item->floor)
		rc = rd->backend->read_conv(rd->log, item->conv, item->shown.seq, item->shown.seq,
			false, on_last, &last);
	im_buf_c(b, '}');
	return rc != IM_OK ? rc : b->failed ? IM_E_NOMEM : IM_OK;
}

static int put_page(struct rpc_read *rd, struct heap *h, uint64_t before)
{
	struct rpc_call *c = &rd->call;
	struct conv_item *item;
	struct rpc_page page;
	struct im_buf key;
	int rc = IM_OK;

	im_buf_init(&key, 0);
	rpc_page_begin(&page, c->result, "conversations", rpc_limit(c), rpc_page_bytes(c));
	while (rc == IM_OK) {
		rc = next_item(rd, h, before, &item);
		if (rc != IM_OK || item == NULL)
			break;
		rc = put_item(rd, item, &page.one);
		if (rc != IM_OK || page.one.n == 0)
			continue;
		im_buf_reset(&key);
		im_cursor_put(&key, item->shown.gid);
		rc = rpc_page_add(&page, im_buf_view(&key));
	}
	im_buf_free(&key);
	return rpc_page_end(&page, rc);
}

static int collect(struct rpc_read *rd, struct conv_set *set, struct heap *h)
{
	int rc = IM_OK;

	for (size_t i = 0; rc == IM_OK && i < set->n; i++) {
		struct conv_item *item = &set->v[i];

		rc = rd->backend->read_head(rd->log, item->conv, &item->head);
		if (rc == IM_OK && item->head.seq > 0)
			h->v[h->n++] = (struct waiting){.item = item, .gid = item->head.gid};
	}
	for (size_t i = h->n / 2; i-- > 0;)
		sink(h, i);
	return rc;
}

static int list_in_view(struct rpc_read *rd, uint64_t before)
{
	struct heap h = {NULL, 0};
	struct conv_set set;
	int rc = conv_set_load(rd, &set);

	if (rc == IM_OK) {
		h.v = calloc(set.n + 1, sizeof(*h.v));
		rc = h.v ? collect(rd, &set, &h) : IM_E_NOMEM;
	}
	if (rc == IM_OK)
		rc = put_page(rd, &h, before);
	free(h.v);
	conv_set_clear(&set);
	return rc;
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	uint64_t before = UINT64_MAX;
	int rc;

	if (rpc_has(c, "next") &&
		(im_cursor_parse(rpc_str(c, "next"), &before) != IM_OK || before == 0))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.next is none that conv.list gave; leave it out to begin");
	rc = rpc_views_begin(rd);
	if (rc != IM_OK)
		return rc;
	rc = list_in_view(rd, before);
	rpc_views_end(rd);
	return rc;
}

/* -- conv.history -- */

struct history {
	struct rpc_read *rd;
	const struct conv_ref *ref;
	uint64_t was_after;
	struct im_buf texts;
	size_t end[IM_PAGE_MAX]; /* of each message in texts */
	uint32_t count, limit;
	size_t max_bytes;
	bool full;
};

static int on_history(void *arg, const struct store_msg *m)
{
	struct history *h = arg;
	size_t before = h->texts.n;
	int rc;

	h->full = h->count == h->limit;
	if (h->full)
		return IM_STOP;
	rc = view_message(
		&h->texts, h->rd->names, h->ref->name, m, h->was_after, h->rd->call.now_ms);
	if (rc != IM_OK)
		return rc;
	h->full = h->count > 0 && h->texts.n + h->count > h->max_bytes;
	if (h->full) {
		h->texts.n = before;
		return IM_STOP;
	}
	h->end[h->count++] = h->texts.n;
	return IM_OK;
}

/* Reads lo..hi, from its newer end if descending; at most `limit` more than is there already. */
static int read_some(struct history *h, uint64_t lo, uint64_t hi, bool descending)
{
	int rc;

	h->full = false;
	if (lo > hi || h->ref->conv == 0)
		return IM_OK;
	rc = h->rd->backend->read_conv(h->rd->log, h->ref->conv, lo, hi, descending, on_history, h);
	return rc == IM_STOP ? IM_OK : rc;
}

static void put_one(const struct history *h, uint32_t i, bool *first)
{
	size_t from = i ? h->end[i - 1] : 0;

	if (!*first)
		im_buf_c(h->rd->call.result, ',');
	*first = false;
	im_buf_put(h->rd->call.result, h->texts.p + from, h->end[i] - from);
}

/* Messages 0..up-1 were read oldest first; those behind them newest first, and come before. */
static void put_history(const struct history *h, uint32_t up, bool more)
{
	bool first = true;

	im_buf_z(h->rd->call.result, "{\"messages\":[");
	for (uint32_t i = h->count; i > up; i--)
		put_one(h, i - 1, &first);
	for (uint32_t i = 0; i < up; i++)
		put_one(h, i, &first);
	im_buf_z(h->rd->call.result, more ? "],\"more\":true}" : "],\"more\":false}");
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
	if (rc == IM_OK)
		put_history(h, up, more || h->full);
	return rc;
}

static int read_history(struct rpc_read *rd, const struct conv_ref *ref, struct history *h)
{
	struct rpc_call *c = &rd->call;
	struct directory_conv_user mine;
	struct store_head head;
	uint64_t floor, at;
	bool descending = !rpc_has(c, "after");
	int rc = conv_ref_user(c, ref, &mine);

	if (rc == IM_OK)
		rc = conv_ref_read_head(rd, ref, &head);
	if (rc != IM_OK)
		return rc;
	floor = view_floor(ref->history_all, ref->joined_seq, mine.cleared_to);
	h->was_after = seen_was_after(ref->history_all, floor);
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
	if (rc == IM_OK)
		put_history(h, descending ? 0 : h->count, h->full);
	return rc;
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
	im_buf_free(&h->texts);
	free(h);
	return rc;
}

static const struct rpc_param list_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, 32},
	{0},
};

static const struct rpc_param history_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"before", RPC_INTEGER, false, 1, INT64_MAX},
	{"after", RPC_INTEGER, false, 0, INT64_MAX - 1},
	{"around", RPC_INTEGER, false, 1, INT64_MAX - 1},
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{0},
};

const struct rpc_method rpc_conv_methods[] = {
	{"conv.list", RPC_READ, list_params, .read = list_call},
	{"conv.history", RPC_READ, history_params, .read = history_call},
	{0},
};
