/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns pinned messages: each change is told by a `system` message, so that everybody sees it live
 * and by sync, and a row in the directory says what is pinned. What has gone from the log, or from
 * a reader's view, is left out when it is listed; its row goes when room is needed.
 */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_pin.h"
#include "bridge/message/seen.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "bridge/rpc/view.h"
#include "bridge/write/pin_change.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

/* -- msg.pin -- */

static int may_pin(struct rpc_call *c, const struct conv_ref *ref)
{
	if (ref->kind == IM_CONV_GROUP && ref->role < DIRECTORY_GROUP_ADMIN)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"only the owner and admins pin messages in a group; ask one of them");
	return msg_may_send(c, ref);
}

static int write_change(struct rpc_write *wr, const struct conv_ref *ref, uint64_t seq, bool remove)
{
	struct rpc_call *c = &wr->call;
	struct pin_place at = {.conv = ref->conv, .sender = c->user};
	struct message m;
	struct im_buf body;
	uint64_t said;
	int rc = msg_pay(wr, ref, 0);

	if (rc != IM_OK)
		return rc;
	im_buf_init(&body, 0);
	pin_change_put(&body, remove, c->uid, seq);
	msg_from_caller(wr, ref, &m);
	m.enc = IM_ENC_JSON;
	m.type = IM_STR("system");
	m.body = im_buf_view(&body);
	at.ts_ms = m.ts_ms;
	rc = body.failed ? IM_E_NOMEM : writer_append(wr->writer, &m, &said, &at.gid);
	if (rc == IM_OK)
		rc = pin_apply(writer_directory(wr->writer), &at, im_buf_view(&body));
	im_buf_free(&body);
	if (rc == IM_OK)
		return msg_put_seq(c, said, true);
	return rc == IM_E_FORMAT ? IM_E_INTERNAL : rc;
}

struct pins {
	uint64_t seq[IM_PINS_MAX];
	size_t n;
};

static int collect(void *arg, const struct directory_pin *p)
{
	struct pins *all = arg;

	all->seq[all->n++] = p->seq;
	return IM_OK;
}

static int drop_if_gone(struct rpc_write *wr, uint64_t conv, uint64_t seq)
{
	struct msg_target t;
	int rc = msg_target_read(wr, conv, seq, &t);
	bool gone = rc == IM_E_NONE ||
		    (rc == IM_OK && seen_gone(t.m.recalled, t.m.meta, t.m.ts_ms, wr->call.now_ms));

	msg_target_clear(&t);
	if (gone)
		return directory_pin_remove(writer_directory(wr->writer), conv, seq);
	return rc;
}

/* Where there are as many as may be, those go of which nothing can be shown to anybody. */
static int make_room(struct rpc_write *wr, const struct conv_ref *ref)
{
	struct rpc_call *c = &wr->call;
	struct pins all = {.n = 0};
	uint64_t n;
	int rc = directory_pin_count(c->dir, ref->conv, &n);

	if (rc != IM_OK || n < IM_PINS_MAX)
		return rc;
	rc = rpc_pay(wr, IM_PINS_MAX * COST_ROW);
	if (rc == IM_OK)
		rc = directory_pin_list(
			c->dir, ref->conv, 0, INT64_MAX, IM_PINS_MAX, collect, &all);
	for (size_t i = 0; rc == IM_OK && i < all.n; i++)
		rc = drop_if_gone(wr, ref->conv, all.seq[i]);
	if (rc == IM_OK)
		rc = directory_pin_count(c->dir, ref->conv, &n);
	if (rc == IM_OK && n >= IM_PINS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"this conversation has as many pinned messages as it may, %d; take some "
			"back with \"remove\":true",
			IM_PINS_MAX);
	return rc;
}

static int pin(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t)
{
	struct rpc_call *c = &wr->call;
	bool there;
	int rc = may_pin(c, ref);

	if (rc == IM_OK && t->m.recalled)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this message was recalled");
	if (rc == IM_OK)
		rc = directory_pin_has(c->dir, ref->conv, t->m.seq, &there);
	if (rc == IM_OK && there)
		return rpc_changed(c, false);
	if (rc == IM_OK)
		rc = make_room(wr, ref);
	return rc == IM_OK ? write_change(wr, ref, t->m.seq, false) : rc;
}

/* The message may be gone. Of one that the caller does not see nothing is said. */
static int unpin(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	uint64_t seq = (uint64_t)rpc_int(c, "seq", 0);
	struct conv_ref ref;
	uint64_t floor;
	bool there = false;
	int rc = conv_ref_write(wr, "conv", &ref);

	if (rc == IM_OK)
		rc = may_pin(c, &ref);
	if (rc == IM_OK)
		rc = conv_ref_floor(c, &ref, &floor);
	if (rc == IM_OK && seq > floor)
		rc = directory_pin_has(c->dir, ref.conv, seq, &there);
	if (rc != IM_OK)
		return rc;
	return there ? write_change(wr, &ref, seq, true) : rpc_changed(c, false);
}

static int pin_call(struct rpc_write *wr)
{
	return rpc_bool(&wr->call, "remove", false) ? unpin(wr) : msg_target_call(wr, pin);
}

/* -- conv.pins -- */

struct listing {
	struct rpc_page page;
	struct rpc_read *rd;
	const struct conv_ref *ref;
	uint64_t was_after;
	const struct directory_pin *pin; /* in hand */
};

static int on_message(void *arg, const struct store_msg *m)
{
	struct listing *l = arg;
	struct rpc_call *c = &l->rd->call;
	struct im_buf *b = &l->page.one;
	struct im_str by;
	int rc;

	if (seen_gone(m->recalled, m->meta, m->ts_ms, c->now_ms))
		return IM_OK;
	rc = names_user(l->rd->names, l->pin->user, &by);
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	im_buf_printf(b, "{\"seq\":%" PRIu64, m->seq);
	im_jsonw_member_str(b, "by", by);
	im_jsonw_member_int(b, "ts", l->pin->ts_ms);
	im_buf_z(b, ",\"message\":");
	rc = view_message(b, l->rd->names, l->ref->name, m, l->was_after, c->now_ms);
	im_buf_c(b, '}');
	return rc;
}

static int on_pin(void *arg, const struct directory_pin *p)
{
	struct listing *l = arg;
	struct im_buf key;
	int rc;

	l->pin = p;
	im_buf_reset(&l->page.one);
	rc = l->rd->backend->read_conv(l->rd->log, p->conv, p->seq, p->seq, false, on_message, l);
	if (rc != IM_OK)
		return rc;
	im_buf_init(&key, 0);
	im_cursor_put(&key, p->gid);
	rc = l->page.one.n ? rpc_page_add(&l->page, im_buf_view(&key))
			   : rpc_page_skip(&l->page, im_buf_view(&key));
	im_buf_free(&key);
	return rc;
}

static int list(struct rpc_read *rd, uint64_t before)
{
	struct rpc_call *c = &rd->call;
	struct listing l = {.rd = rd};
	struct conv_ref ref;
	uint64_t floor;
	int rc = conv_ref_read(rd, "conv", &ref);

	if (rc == IM_OK)
		rc = conv_ref_floor(c, &ref, &floor);
	if (rc != IM_OK)
		return rc;
	l.ref = &ref;
	l.was_after = seen_was_after(ref.history_all, floor);
	rpc_page_begin(&l.page, c->result, "pins", rpc_limit(c), rpc_page_bytes(c));
	return rpc_page_end(&l.page,
		directory_pin_list(c->dir, ref.conv, floor, before, l.page.limit + 1, on_pin, &l));
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	uint64_t before = INT64_MAX;
	int rc;

	if (rpc_has(c, "next") &&
		(im_cursor_parse(rpc_str(c, "next"), &before) != IM_OK || before == 0))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.next is none that conv.pins gave; leave it out to begin");
	rc = rpc_views_begin(rd);
	if (rc != IM_OK)
		return rc;
	rc = list(rd, before);
	rpc_views_end(rd);
	return rc;
}

static const struct rpc_param pin_params[] = {
	MSG_TARGET_PARAMS,
	{"remove", RPC_BOOLEAN, false, 0, 0},
	{0},
};
static const struct rpc_param list_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"limit", RPC_INTEGER, false, 1, IM_PINS_MAX},
	{"next", RPC_STRING, false, 1, 32},
	{0},
};

const struct rpc_method rpc_pin_methods[] = {
	{"msg.pin", RPC_LOG, pin_params, .write = pin_call},
	{"conv.pins", RPC_READ, list_params, .read = list_call},
	{0},
};
