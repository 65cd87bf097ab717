/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the pages of `sync`: messages and events of the caller in log order. A page ends at a log
 * position, its cursor, up to which nothing is left out; when all is told, the cursor is the log's
 * own position, so that it moves on even for a caller who got nothing.
 */
#include "bridge/rpc/methods/methods.h"

#include <stdlib.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/meta_device.h"
#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/cursors.h"
#include "bridge/rpc/methods/sync_walk.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/view.h"
#include "common/limits.h"
#include "common/wire.h"

#define STOP_FULL 0x7002 /* positive: no error code */
/* Messages of others that a page of a device account's device looks past. */
#define PASSED_MAX 1000

struct event_at {
	uint64_t gid;
	size_t at, n; /* in texts */
};

struct page {
	struct rpc_read *rd;
	struct im_buf messages, events; /* elements with commas between */
	struct im_buf one;
	uint32_t count, limit;
	uint32_t passed; /* of other devices of the same account */
	size_t max_bytes;
	uint64_t last; /* position of the newest element */
	/* events that wait for their turn */
	struct event_at waiting[IM_PAGE_MAX + 1];
	struct im_buf texts;
	uint32_t n_waiting, next_waiting;
};

static int page_add(struct page *p, struct im_buf *list, struct im_str text, uint64_t gid)
{
	size_t used = p->messages.n + p->events.n;

	if (p->count >= p->limit || (p->count > 0 && used + text.n + 1 > p->max_bytes))
		return STOP_FULL;
	if (list->n > 0)
		im_buf_c(list, ',');
	im_buf_str(list, text);
	p->count++;
	p->last = gid;
	return list->failed ? IM_E_NOMEM : IM_OK;
}

static int add_events_before(struct page *p, uint64_t gid)
{
	int rc = IM_OK;

	while (rc == IM_OK && p->next_waiting < p->n_waiting &&
		p->waiting[p->next_waiting].gid < gid) {
		const struct event_at *e = &p->waiting[p->next_waiting];

		rc = page_add(p, &p->events, (struct im_str){p->texts.p + e->at, e->n}, e->gid);
		if (rc == IM_OK)
			p->next_waiting++;
	}
	return rc;
}

static int on_message(void *arg, const struct conv_item *item, const struct store_msg *m)
{
	struct page *p = arg;
	const struct rpc_call *c = &p->rd->call;
	int rc = add_events_before(p, m->gid);

	if (rc != IM_OK)
		return rc;
	if (c->thing && !meta_device_concerns(m->meta, c->device, m->sender == c->user)) {
		p->last = m->gid;
		return ++p->passed == PASSED_MAX ? STOP_FULL : IM_OK;
	}
	if (p->count >= p->limit)
		return STOP_FULL;
	im_buf_reset(&p->one);
	rc = view_message(&p->one, p->rd->names, conv_item_name(item), m, item->was_after,
		p->rd->call.now_ms);
	if (rc != IM_OK)
		return rc;
	return page_add(p, &p->messages, im_buf_view(&p->one), m->gid);
}

/* One more than the page can hold is enough: what lies behind it waits for the next page. */
static int on_event(void *arg, const struct directory_event *e)
{
	struct page *p = arg;
	struct event_at *at;

	if (p->n_waiting > p->limit)
		return STOP_FULL;
	at = &p->waiting[p->n_waiting++];
	*at = (struct event_at){e->gid, p->texts.n, e->event.n};
	im_buf_str(&p->texts, e->event);
	return p->texts.failed ? IM_E_NOMEM : IM_OK;
}

static int fill(struct page *p, uint64_t cursor)
{
	struct rpc_read *rd = p->rd;
	struct rpc_call *c = &rd->call;
	struct conv_set set;
	int rc;

	rc = directory_event_list(c->dir, c->user, cursor + 1, c->position, on_event, p);
	if (rc != IM_OK && rc != STOP_FULL)
		return rc;
	rc = conv_set_load(rd, &set);
	if (rc == IM_OK)
		rc = sync_walk(rd, &set, cursor, c->position, on_message, p);
	if (rc == IM_OK)
		rc = add_events_before(p, UINT64_MAX);
	conv_set_clear(&set);
	return rc;
}

/* The position that the call starts from. */
static int start(struct rpc_call *c, uint64_t *cursor_out)
{
	struct directory_device dev;
	int rc;

	*cursor_out = 0;
	if (rpc_has(c, "cursor")) {
		if (im_cursor_parse(rpc_str(c, "cursor"), cursor_out) != IM_OK)
			return rpc_fail(c, IM_E_INVALID_PARAMS,
				"params.cursor is no cursor; give one that sync or a message gave, "
				"or \"\" for the beginning");
		return IM_OK;
	}
	rc = directory_device_get(c->dir, c->device, &dev);
	if (rc == IM_OK && dev.user == c->user)
		*cursor_out = dev.cursor;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int sync_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct page *p;
	uint64_t cursor;
	int rc = start(c, &cursor);
	bool more;

	if (rc != IM_OK)
		return rc;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return IM_E_NOMEM;
	p->rd = rd;
	p->limit = rpc_limit(c);
	p->max_bytes = rpc_page_bytes(c);
	im_buf_init(&p->messages, 0);
	im_buf_init(&p->events, 0);
	im_buf_init(&p->one, 0);
	im_buf_init(&p->texts, 0);
	rc = rpc_views_begin(rd);
	if (rc == IM_OK) {
		rc = fill(p, cursor);
		rpc_views_end(rd);
	}
	more = rc == STOP_FULL;
	if (rc == IM_OK || more) {
		im_buf_z(c->result, "{\"messages\":[");
		im_buf_str(c->result, im_buf_view(&p->messages));
		im_buf_z(c->result, "],\"events\":[");
		im_buf_str(c->result, im_buf_view(&p->events));
		im_buf_z(c->result, "],\"cursor\":\"");
		im_cursor_put(c->result, more ? p->last : c->position);
		im_buf_z(c->result, more ? "\",\"more\":true}" : "\",\"more\":false}");
		rc = c->result->failed ? IM_E_NOMEM : IM_OK;
	}
	im_buf_free(&p->messages);
	im_buf_free(&p->events);
	im_buf_free(&p->one);
	im_buf_free(&p->texts);
	free(p);
	return rc;
}

static int ack_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	const struct cursors_device d = {.uid = c->uid,
		.device = c->device,
		.user = c->user,
		.now_ms = c->now_ms,
		.start = rpc_bool(c, "start", false),
		.thing = c->thing};
	uint64_t cursor, was;
	int rc;

	if (im_cursor_parse(rpc_str(c, "cursor"), &cursor) != IM_OK || cursor > c->position)
		return rpc_fail(c, IM_E_INVALID_PARAMS, "params.cursor: " CURSORS_NONE_WHY);
	rc = cursors_move(wr->writer, &d, cursor, &was);
	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_NOT_ALLOWED, CURSORS_DEVICE_WHY);
	if (rc == IM_E_EXISTS)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.start is for the first acknowledgement of a device, and this one "
			"has acknowledged up to %llu; leave it out",
			(unsigned long long)was);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"cursor\":\"");
	im_cursor_put(c->result, cursor > was ? cursor : was);
	im_buf_z(c->result, cursor > was ? "\",\"changed\":true}" : "\",\"changed\":false}");
	return IM_OK;
}

static const struct rpc_param sync_params[] = {
	{"cursor", RPC_STRING, false, 0, 32},
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{0},
};

static const struct rpc_param ack_params[] = {
	{"cursor", RPC_STRING, true, 1, 32},
	{"start", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct rpc_method rpc_sync_methods[] = {
	{"sync", RPC_READ, sync_params, .read = sync_call},
	{"device.ack", RPC_DIRECTORY, ack_params, .write = ack_call},
	{0},
};
