/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of conversations. Reads only, on reader threads. */
#include "bridge/rpc/methods/rpc_conv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bridge/directory/directory_group.h"
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

static const struct rpc_param list_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, 32},
	{0},
};

const struct rpc_method rpc_conv_methods[] = {
	{"conv.list", RPC_READ, list_params, .read = list_call},
	{0},
};
