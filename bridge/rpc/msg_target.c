/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the checks that every operation on a message shares. */
#include "bridge/rpc/msg_target.h"

#include <inttypes.h>
#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/rights.h"
#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/seen.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/write/dedup.h"
#include "common/may.h"

static int on_message(void *arg, const struct store_msg *m)
{
	struct msg_target *t = arg;
	const struct im_str parts[] = {m->type, m->id, m->meta, m->body};
	struct im_str *const copies[] = {&t->m.type, &t->m.id, &t->m.meta, &t->m.body};
	size_t at = 0;

	t->m = *m;
	im_buf_reset(&t->text);
	for (int i = 0; i < 4; i++)
		im_buf_str(&t->text, parts[i]);
	if (t->text.failed)
		return IM_E_NOMEM;
	for (int i = 0; i < 4; i++) {
		*copies[i] = (struct im_str){t->text.p + at, parts[i].n};
		at += parts[i].n;
	}
	return IM_OK;
}

int msg_target_read(struct rpc_write *wr, uint64_t conv, uint64_t seq, struct msg_target *out)
{
	memset(out, 0, sizeof(*out));
	im_buf_init(&out->text, 0);
	return writer_message(wr->writer, conv, seq, on_message, out);
}

static int unknown(struct rpc_call *c, uint64_t seq)
{
	return rpc_fail(c, IM_E_UNKNOWN_MESSAGE,
		"there is no message %" PRIu64 " in this conversation that you can see", seq);
}

int msg_target_get(
	struct rpc_write *wr, const struct conv_ref *ref, uint64_t seq, struct msg_target *out)
{
	struct rpc_call *c = &wr->call;
	uint64_t floor;
	int rc = conv_ref_floor(c, ref, &floor);

	memset(out, 0, sizeof(*out));
	im_buf_init(&out->text, 0);
	if (rc != IM_OK)
		return rc;
	if (ref->conv == 0 || seq <= floor)
		return unknown(c, seq);
	rc = msg_target_read(wr, ref->conv, seq, out);
	if (rc == IM_E_NONE || (rc == IM_OK && seen_expired(out->m.meta, out->m.ts_ms, c->now_ms)))
		return unknown(c, seq);
	if (rc != IM_OK)
		return rc;
	return msg_target_plain(c, out);
}

int msg_target_plain(struct rpc_call *c, const struct msg_target *t)
{
	if (kind_of(t->m.type) != KIND_SENT)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"message %" PRIu64 " is of type %.*s; name a message that a user sent",
			t->m.seq, IM_ARGS(t->m.type));
	return IM_OK;
}

void msg_target_clear(struct msg_target *t)
{
	im_buf_free(&t->text);
}

int msg_target_call(struct rpc_write *wr, msg_target_fn fn)
{
	struct rpc_call *c = &wr->call;
	struct conv_ref ref;
	struct msg_target t;
	int rc = conv_ref_write(wr, "conv", &ref);

	if (rc != IM_OK)
		return rc;
	rc = msg_target_get(wr, &ref, (uint64_t)rpc_int(c, "seq", 0), &t);
	if (rc == IM_OK)
		rc = fn(wr, &ref, &t);
	msg_target_clear(&t);
	return rc;
}

int msg_not_blocked(struct rpc_call *c, uint64_t user)
{
	/* Blocks alone are asked for, whatever else the user has chosen. */
	struct im_may_direct f = {.exists = true, .theirs = IM_DIRECT_ANYONE};
	int rc = directory_block_has(c->dir, user, c->user, &f.blocked);

	im_buf_reset(c->why);
	return rc == IM_OK ? im_may_direct(&f, c->why) : rc;
}

static int may_send_direct(struct rpc_call *c, const struct conv_ref *ref)
{
	struct im_may_direct f = {.server = c->set->direct_policy};
	int rc = rights_read(c->dir, c->user, ref->peer_id, &f);

	return rc == IM_OK ? im_may_direct(&f, c->why) : rc;
}

static int may_send_group(struct rpc_call *c, const struct conv_ref *ref)
{
	struct im_may_group f = {.now_ms = c->now_ms};
	struct directory_group g;
	struct directory_member m;
	int rc = directory_group_by_id(c->dir, ref->peer_id, &g);

	if (rc == IM_OK) {
		f.exists = !g.dismissed;
		f.hidden = g.join_policy == DIRECTORY_JOIN_INVITE;
		f.group_muted_until_ms = g.muted_until_ms;
		rc = directory_member_get(c->dir, ref->peer_id, c->user, &m);
	}
	if (rc == IM_OK) {
		f.member = true;
		f.role = (enum im_group_role)m.role;
		f.member_muted_until_ms = m.muted_until_ms;
	}
	return rc == IM_OK || rc == IM_E_NONE ? im_may_group(&f, c->why) : rc;
}

int msg_may_send(struct rpc_call *c, const struct conv_ref *ref)
{
	im_buf_reset(c->why);
	return ref->kind == IM_CONV_USER ? may_send_direct(c, ref) : may_send_group(c, ref);
}

int msg_pace(struct rpc_write *wr, const struct conv_ref *ref)
{
	struct rpc_call *c = &wr->call;
	const struct rights_group g = {.id = ref->peer_id, .slow_ms = ref->slow_ms};

	if (ref->kind == IM_CONV_USER || ref->slow_ms == 0 || ref->role != DIRECTORY_MEMBER ||
		!wr->rights || rights_pace(wr->rights, &g, c->user, c->now_ms) == IM_OK)
		return IM_OK;
	return rpc_fail(c, IM_E_RATE_LIMITED, RIGHTS_SLOW_WHY);
}

int msg_pay(struct rpc_write *wr, const struct conv_ref *ref, uint64_t bytes)
{
	int64_t told = ref->kind == IM_CONV_GROUP
			       ? cost_members(ref->members, ref->group_kind == DIRECTORY_ROOM)
			       : 0;

	return rpc_pay(wr, told + cost_bytes(bytes));
}

int msg_in_time(struct rpc_call *c, const struct msg_target *t)
{
	if (c->now_ms - t->m.ts_ms <= c->set->recall_window_s * 1000)
		return IM_OK;
	return rpc_fail(c, IM_E_TOO_LATE,
		"a message is recalled or edited within %" PRId64 " seconds of its sending",
		c->set->recall_window_s);
}

void msg_from_caller(const struct rpc_write *wr, const struct conv_ref *ref, struct message *m)
{
	const struct rpc_call *c = &wr->call;

	*m = (struct message){.kind = ref->kind,
		.a = ref->kind == IM_CONV_GROUP ? ref->peer_id : c->user,
		.b = ref->kind == IM_CONV_GROUP ? 0 : ref->peer_id,
		.sender = c->user,
		.from = c->uid,
		.device = c->device,
		.peer = ref->peer,
		.ts_ms = writer_now_ms(wr->writer),
		.plain = ref->kind == IM_CONV_GROUP && ref->role == DIRECTORY_MEMBER};
}

int msg_append(struct rpc_write *wr, const struct conv_ref *ref, const struct msg_new *n,
	uint64_t *seq_out)
{
	struct rpc_call *c = &wr->call;
	struct message m;
	struct dedup_value v = {.ts_ms = writer_now_ms(wr->writer)};
	uint64_t conv;
	int rc;

	msg_from_caller(wr, ref, &m);
	m.enc = n->enc;
	m.id = n->id;
	m.type = n->type;
	m.meta = n->meta;
	m.body = n->body;
	m.was_for = n->was_for;
	m.origin = n->origin;
	rc = writer_append(wr->writer, &m, seq_out, &v.gid);
	if (rc != IM_OK || n->id.n == 0 || wr->dedup == NULL)
		return rc;
	rc = writer_conv(wr->writer, m.kind, m.a, m.b, false, &conv);
	if (rc != IM_OK)
		return rc;
	v.seq = *seq_out;
	v.body_hash = dedup_body_hash(wr->dedup, n->enc, n->body);
	dedup_put(wr->dedup, c->user, conv, n->id, &v);
	return IM_OK;
}

int msg_append_operation(struct rpc_write *wr, const struct conv_ref *ref, const char *type,
	struct im_str meta, const struct im_buf *body, uint64_t *seq_out)
{
	struct msg_new n = {
		.enc = IM_ENC_JSON, .type = im_str(type), .meta = meta, .body = im_buf_view(body)};

	return body->failed ? IM_E_NOMEM : msg_append(wr, ref, &n, seq_out);
}

int msg_put_seq(struct rpc_call *c, uint64_t seq, bool changed)
{
	if (!changed)
		return rpc_changed(c, false);
	im_buf_printf(c->result, "{\"changed\":true,\"seq\":%" PRIu64 "}", seq);
	return IM_OK;
}

void msg_ttl_left(const struct rpc_call *c, const struct store_msg *m, struct im_buf *b)
{
	int64_t ttl_s = meta_int(m->meta, "ttl"), age_s = (c->now_ms - m->ts_ms) / 1000;

	if (ttl_s <= 0)
		return;
	if (b->n > 0)
		im_buf_c(b, ',');
	im_buf_printf(b, "\"ttl\":%" PRId64, ttl_s > age_s ? ttl_s - age_s : 1);
}
