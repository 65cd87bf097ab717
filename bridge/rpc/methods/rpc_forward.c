/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns forwarding: what may be copied, what a copy says of where it comes from, and that a repeated
 * request makes no second copy. Called as a method; how messages are appended is msg_target.c's.
 */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/meta.h"
#include "bridge/message/meta_props.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/write/dedup.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

/* The words of what a copy has of the message; *body may have to be masked. */
static int look_into(struct rpc_call *c, const struct msg_target *t, struct im_str *body)
{
	struct moderation *m = c->set->moderation;
	struct im_str type = m ? meta_get(t->m.meta, "content_type") : (struct im_str){0};

	if (!m)
		return IM_OK;
	if (moderation_hit(m, t->m.type) || (type.n && moderation_check(m, IM_ENC_JSON, &type)))
		return IM_E_NOT_ALLOWED;
	return moderation_check(m, t->m.enc, body);
}

/* Looked at before the first is sent: either all go or none. Each costs what a message of the
 * caller's would, its words too, and what was looked at for nothing is paid for as well. */
static int look_at(struct rpc_write *wr, const struct conv_ref *from, const struct conv_ref *to,
	uint64_t seq, uint64_t *bytes)
{
	struct rpc_call *c = &wr->call;
	struct msg_target t;
	struct im_str body;
	int rc = msg_target_get(wr, from, seq, &t);

	if (rc == IM_OK && t.m.recalled)
		rc = rpc_fail(c, IM_E_UNKNOWN_MESSAGE, "message %" PRIu64 " was recalled", seq);
	if (rc == IM_OK)
		rc = msg_pay(wr, to, t.m.body.n);
	body = t.m.body;
	*bytes += body.n;
	if (rc == IM_OK)
		rc = look_into(c, &t, &body);
	if (rc == IM_E_NOT_ALLOWED && c->why->n == 0)
		rc = rpc_fail(c, rc,
			"message %" PRIu64 " holds a word that is not allowed here; leave it out",
			seq);
	msg_target_clear(&t);
	return rc;
}

/* Not from which conversation it is: that may be nobody's business there. */
static int put_origin(struct rpc_call *c, const struct msg_target *t, struct im_buf *meta)
{
	struct directory_user sender;
	int rc = directory_user_by_id(c->dir, t->m.sender, &sender);

	if (rc != IM_OK)
		return rc;
	im_buf_z(meta, "\"forwarded\":{\"from\":");
	im_jsonw_str(meta, sender.uid);
	im_jsonw_member_int(meta, "ts", t->m.ts_ms);
	im_buf_c(meta, '}');
	msg_ttl_left(c, &t->m, meta);
	meta_props_of_body(meta, t->m.meta);
	return meta->failed ? IM_E_NOMEM : IM_OK;
}

/* A copy of a copy is of the first author, as well as of whom it was copied from. */
static int origin_of(struct rpc_write *wr, const struct store_msg *m, struct message_origin *out)
{
	int rc = meta_get(m->meta, "forwarded").n ? writer_origin(wr->writer, m->gid, out)
						  : IM_E_NONE;

	if (rc == IM_E_NONE)
		out->author = m->sender;
	out->via = m->sender;
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int copy(struct rpc_write *wr, const struct conv_ref *from, const struct conv_ref *to,
	uint64_t seq, struct im_str id, uint64_t *seq_out)
{
	struct rpc_call *c = &wr->call;
	struct msg_new n = {.id = id};
	struct msg_target t;
	struct im_buf meta;
	int rc = msg_target_get(wr, from, seq, &t);

	im_buf_init(&meta, 0);
	if (rc == IM_OK)
		rc = put_origin(c, &t, &meta);
	if (rc == IM_OK)
		rc = origin_of(wr, &t.m, &n.origin);
	n.enc = t.m.enc;
	n.type = t.m.type;
	n.meta = im_buf_view(&meta);
	n.body = t.m.body;
	/* It passes, but may have to be masked. */
	if (rc == IM_OK)
		rc = look_into(c, &t, &n.body);
	if (rc == IM_OK)
		rc = msg_append(wr, to, &n, seq_out);
	msg_target_clear(&t);
	im_buf_free(&meta);
	return rc;
}

static uint64_t seq_at(const struct rpc_call *c, size_t i)
{
	json_int_t seq = json_integer_value(json_array_get(json_object_get(c->params, "seqs"), i));

	return seq > 0 ? (uint64_t)seq : 0;
}

static int look_at_all(
	struct rpc_write *wr, const struct conv_ref *from, const struct conv_ref *to, size_t n)
{
	struct rpc_call *c = &wr->call;
	uint64_t bytes = 0;
	int rc = rpc_pay(wr, COST_MESSAGE * (int64_t)(n - 1));

	for (size_t i = 0; rc == IM_OK && i < n; i++) {
		rc = look_at(wr, from, to, seq_at(c, i), &bytes);
		if (rc == IM_OK && i > 0 && bytes > IM_FORWARD_BYTES_MAX)
			rc = rpc_fail(c, IM_E_TOO_LARGE,
				"these messages are longer than %d MiB together; forward fewer at "
				"a time",
				IM_FORWARD_BYTES_MAX / 1024 / 1024);
	}
	return rc;
}

/* In slow mode one message at a time is all that a member may write. */
static int at_once(struct rpc_call *c, const struct conv_ref *to, size_t n)
{
	if (n == 1 || to->kind == IM_CONV_USER || to->slow_ms == 0 || to->role != DIRECTORY_MEMBER)
		return IM_OK;
	return rpc_fail(c, IM_E_RATE_LIMITED,
		"this group is in slow mode; forward one message, and wait before the next");
}

static int forward_all(struct rpc_write *wr, const struct conv_ref *from, const struct conv_ref *to)
{
	struct rpc_call *c = &wr->call;
	size_t n = json_array_size(json_object_get(c->params, "seqs"));
	uint64_t seq = 0;
	int rc = at_once(c, to, n);

	if (rc == IM_OK)
		rc = look_at_all(wr, from, to, n);
	if (rc == IM_OK)
		rc = msg_pace(wr, to);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"seqs\":[");
	for (size_t i = 0; rc == IM_OK && i < n; i++) {
		rc = copy(wr, from, to, seq_at(c, i), i ? IM_STR("") : rpc_str(c, "id"), &seq);
		im_buf_printf(c->result, "%s%" PRIu64, i ? "," : "", seq);
	}
	im_buf_z(c->result, "]}");
	return rc;
}

/* Positive: no error code. */
#define DONE_BEFORE 1

static int on_copy(void *arg, const struct store_msg *m)
{
	const struct rpc_call *c = arg;
	bool copy = m->recalled || meta_get(m->meta, "forwarded").n > 0;

	return copy && m->sender == c->user ? IM_OK : IM_E_CONFLICT;
}

/* The first copy carries the id; they were appended together, so the others follow it. DONE_BEFORE
 * with the result filled, or IM_OK: the id is new. */
static int repeated(struct rpc_write *wr, const struct conv_ref *to)
{
	struct rpc_call *c = &wr->call;
	size_t n = json_array_size(json_object_get(c->params, "seqs"));
	struct im_str id = rpc_str(c, "id");
	struct dedup_value first;
	int rc;

	if (id.p == NULL)
		return IM_OK;
	if (!im_msgid_valid(id))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.id is no id; give 1 to 64 bytes without control characters");
	if (wr->dedup == NULL || to->conv == 0 ||
		!dedup_find(wr->dedup, c->user, to->conv, id, c->now_ms, &first))
		return IM_OK;
	rc = writer_message(wr->writer, to->conv, first.seq, on_copy, c);
	if (rc == IM_OK)
		rc = writer_message(wr->writer, to->conv, first.seq + n - 1, on_copy, c);
	if (rc == IM_E_CONFLICT || rc == IM_E_NONE)
		return rpc_fail(
			c, IM_E_CONFLICT, "this id was used for another message; take a new one");
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"seqs\":[");
	for (size_t i = 0; i < n; i++)
		im_buf_printf(c->result, "%s%" PRIu64, i ? "," : "", first.seq + i);
	im_buf_z(c->result, "]}");
	return DONE_BEFORE;
}

static int forward_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct conv_ref from, to;
	int rc = conv_ref_write(wr, "from_conv", &from);

	if (rc == IM_OK)
		rc = conv_ref_write(wr, "to_conv", &to);
	if (rc == IM_OK)
		rc = repeated(wr, &to);
	if (rc == DONE_BEFORE)
		return IM_OK;
	if (rc == IM_OK)
		rc = msg_may_send(c, &to);
	return rc == IM_OK ? forward_all(wr, &from, &to) : rc;
}

static const struct rpc_param forward_params[] = {
	{"from_conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"seqs", RPC_INTEGERS, true, 1, IM_FORWARD_MAX},
	{"to_conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"id", RPC_STRING, false, 1, IM_MSGID_MAX},
	{0},
};

const struct rpc_method rpc_forward_methods[] = {
	{"msg.forward", RPC_LOG, forward_params, .write = forward_call},
	{0},
};
