/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns editing: the new body takes the old one's place in the message itself, and the edit's own
 * message keeps what it was. */
#include "rpc_edit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../common/jsonscan.h"
#include "../common/jsonw.h"
#include "../common/limits.h"
#include "conv_ref.h"
#include "kind.h"
#include "meta.h"
#include "msg_target.h"
#include "rpc_args.h"

/* What the message is to be. */
struct edit {
	enum im_enc enc;
	struct im_str body; /* as it is stored */
	char *json;         /* owned */
};

/* A string becomes text, anything else JSON, as in an envelope. */
static int take_body(struct rpc_call *c, struct edit *e)
{
	json_t *v = json_object_get(c->params, "body");

	e->enc = json_is_string(v) ? IM_ENC_TEXT : IM_ENC_JSON;
	e->body = rpc_str(c, "body");
	if (e->enc == IM_ENC_JSON) {
		e->json = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		if (e->json == NULL)
			return IM_E_NOMEM;
		e->body = im_str(e->json);
	}
	if (c->set->moderation && moderation_check(c->set->moderation, e->enc, &e->body))
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"params.body holds a word that is not allowed here; leave it out");
	return IM_OK;
}

/* -- writing -- */

static void put_body(struct im_buf *b, const char *name, enum im_enc enc, struct im_str body)
{
	im_buf_printf(b, ",\"%s\":", name);
	if (enc == IM_ENC_TEXT) {
		im_jsonw_str(b, body);
	} else if (enc == IM_ENC_JSON && im_json_fault(body)) {
		im_jsonw_str(b, body); /* from before it was refused */
	} else if (enc == IM_ENC_JSON) {
		im_buf_str(b, body);
	} else {
		im_buf_c(b, '"');
		im_buf_base64(b, body.p, body.n);
		im_buf_printf(b, "\",\"%s_enc\":\"base64\"", name);
	}
}

static void put_operation(struct im_buf *b, const struct edit *e, const struct msg_target *t)
{
	int64_t prev = msg_number_in(meta_get(t->m.meta, "edited"), "seq");

	im_buf_printf(b, "{\"seq\":%" PRIu64, t->m.seq);
	put_body(b, "body", e->enc, e->body);
	put_body(b, "was", t->m.enc, t->m.body);
	if (prev > 0)
		im_jsonw_member_int(b, "prev", prev);
	im_buf_c(b, '}');
}

static int append_edit(struct rpc_call *c, const struct conv_ref *ref, const struct edit *e,
	const struct msg_target *t, uint64_t *seq_out)
{
	struct msg_new n = {.enc = IM_ENC_JSON, .type = IM_STR(KIND_EDIT)};
	struct im_buf body, ttl;
	int rc = IM_OK;

	im_buf_init(&body, 0);
	im_buf_init(&ttl, 0);
	put_operation(&body, e, t);
	msg_ttl_left(c, &t->m, &ttl);
	n.body = im_buf_view(&body);
	n.meta = im_buf_view(&ttl);
	if (rc == IM_OK && body.n > IM_MESSAGE_BYTES_MAX)
		rc = rpc_fail(c, IM_E_TOO_LARGE,
			"an edit carries the old text and the new one; recall this message and "
			"send another");
	if (rc == IM_OK)
		rc = body.failed || ttl.failed ? IM_E_NOMEM : msg_append(c, ref, &n, seq_out);
	im_buf_free(&body);
	im_buf_free(&ttl);
	return rc;
}

static int amend(
	struct rpc_call *c, const struct edit *e, struct msg_target *t, int64_t count, uint64_t seq)
{
	struct im_buf edited, meta;
	int rc;

	im_buf_init(&edited, 0);
	im_buf_init(&meta, 0);
	im_buf_printf(&edited, "{\"seq\":%" PRIu64 ",\"ts\":%" PRId64 ",\"count\":%" PRId64 "}",
		seq, writer_now_ms(c->w), count);
	meta_put(&meta, t->m.meta, "edited", im_buf_view(&edited));
	t->m.enc = e->enc;
	t->m.meta = im_buf_view(&meta);
	t->m.body = e->body;
	rc = meta.failed || edited.failed ? IM_E_NOMEM : writer_amend(c->w, &t->m);
	im_buf_free(&edited);
	im_buf_free(&meta);
	return rc;
}

static int write_edit(struct rpc_call *c, const struct conv_ref *ref, const struct edit *e,
	struct msg_target *t, uint64_t *seq_out)
{
	int64_t count = msg_number_in(meta_get(t->m.meta, "edited"), "count");
	int rc;

	if (count >= MSG_EDITS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"this message was edited %d times, which is the limit", MSG_EDITS_MAX);
	rc = msg_pay(c, ref, t->m.body.n + t->m.meta.n);
	if (rc == IM_OK)
		rc = msg_pace(c, ref);
	if (rc == IM_OK)
		rc = append_edit(c, ref, e, t, seq_out);
	return rc == IM_OK ? amend(c, e, t, count + 1, *seq_out) : rc;
}

/* -- the method -- */

static int may_edit(struct rpc_call *c, const struct conv_ref *ref, const struct msg_target *t)
{
	int rc;

	if (t->m.recalled)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this message was recalled");
	if (t->m.sender != c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "only the sender edits a message");
	rc = msg_in_time(c, t);
	return rc == IM_OK ? msg_may_send(c, ref) : rc;
}

static int edit(struct rpc_call *c, const struct conv_ref *ref, struct msg_target *t)
{
	struct edit e = {.json = NULL};
	uint64_t seq = 0;
	bool same = false;
	int rc = may_edit(c, ref, t);

	if (rc == IM_OK)
		rc = take_body(c, &e);
	if (rc == IM_OK) {
		same = e.enc == t->m.enc && im_str_eq(e.body, t->m.body);
		rc = same ? IM_OK : write_edit(c, ref, &e, t, &seq);
	}
	free(e.json);
	return rc == IM_OK ? msg_put_seq(c, seq, !same) : rc;
}

static int edit_call(struct rpc_call *c)
{
	return msg_target_call(c, edit);
}

static const struct rpc_param edit_params[] = {
	MSG_TARGET_PARAMS,
	{"body", RPC_ANY, true, 0, 0},
	{0},
};

const struct rpc_method rpc_edit_methods[] = {
	{"msg.edit", RPC_LOG, edit_params, edit_call},
	{0},
};
