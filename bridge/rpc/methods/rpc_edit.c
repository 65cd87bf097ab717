/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns editing: the new body, mentions and ext take the old ones' place in the message itself, and
 * the edit's own message keeps what the body was. How that is shown is edit_body.c's.
 */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bridge/base/cost.h"
#include "bridge/deliver/edit_live.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/mentions.h"
#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/meta_device.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/rpc_args.h"
#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

/* What the message is to be. Texts with p == NULL are not asked for: they stay. */
struct edit {
	enum im_enc enc;
	struct im_str body;          /* as it is stored */
	struct im_str mentions, ext; /* JSON; "[]" and "{}": none */
	char *body_json, *ext_json;  /* owned, as the buffers are */
	struct mentions sifted;      /* what is left of the mentions, and who was dropped */
	struct im_buf meta;          /* of the message as it is to be, but for `edited` */
	bool new_body;
};

static void clear(struct edit *e)
{
	free(e->body_json);
	free(e->ext_json);
	mentions_clear(&e->sifted);
	im_buf_free(&e->meta);
}

/* A string becomes text, anything else JSON, as in an envelope. */
static int take_body(struct rpc_call *c, const struct msg_target *t, struct edit *e)
{
	json_t *v = json_object_get(c->params, "body");

	e->enc = t->m.enc;
	e->body = t->m.body;
	if (v == NULL)
		return IM_OK;
	e->enc = json_is_string(v) ? IM_ENC_TEXT : IM_ENC_JSON;
	e->body = rpc_str(c, "body");
	if (e->enc == IM_ENC_JSON) {
		e->body_json = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		if (e->body_json == NULL)
			return IM_E_NOMEM;
		e->body = im_str(e->body_json);
	}
	e->new_body = e->enc != t->m.enc || !im_str_eq(e->body, t->m.body);
	return IM_OK;
}

static int take_ext(struct rpc_call *c, struct edit *e)
{
	if (!rpc_has(c, "ext"))
		return IM_OK;
	e->ext_json = json_dumps(json_object_get(c->params, "ext"), JSON_COMPACT);
	if (e->ext_json == NULL)
		return IM_E_NOMEM;
	e->ext = im_str(e->ext_json);
	return IM_OK;
}

/* The list as an envelope would hold it. */
static int write_list(struct rpc_call *c, const struct conv_ref *ref, struct im_buf *out)
{
	im_buf_c(out, '[');
	for (size_t i = 0; i < rpc_list_size(c, "mentions"); i++) {
		struct im_str uid = rpc_list_str(c, "mentions", i);

		if (!im_uid_valid(uid))
			return rpc_fail(c, IM_E_INVALID_PARAMS,
				"params.mentions names \"%.*s\"; give user ids, or \"all\"",
				IM_ARGS(rpc_clip(uid, 80)));
		if (ref->kind == IM_CONV_GROUP && im_str_eqz(uid, "all") &&
			ref->role == DIRECTORY_MEMBER)
			return rpc_fail(c, IM_E_NOT_ALLOWED,
				"only the group's owner and admins mention all");
		if (i > 0)
			im_buf_c(out, ',');
		im_jsonw_str(out, uid);
	}
	im_buf_c(out, ']');
	return out->failed ? IM_E_NOMEM : IM_OK;
}

static int sift(
	struct rpc_write *wr, const struct conv_ref *ref, struct im_str list, struct edit *e)
{
	struct rpc_call *c = &wr->call;
	const struct rights_user me = {.id = c->user};
	const struct rights_group g = {.id = ref->peer_id};
	const struct mentions_place p = {.kind = ref->kind,
		.group = &g,
		.from = &me,
		.from_uid = c->uid,
		.peer_uid = ref->peer,
		.peer = ref->peer_id};

	return mentions_sift(wr->rights, &p, list, &e->sifted);
}

static int take_mentions(struct rpc_write *wr, const struct conv_ref *ref, struct edit *e)
{
	struct rpc_call *c = &wr->call;
	struct im_buf asked;
	int rc;

	if (!rpc_has(c, "mentions"))
		return IM_OK;
	rc = rpc_pay(wr, 2 * COST_ROW * (int64_t)rpc_list_size(c, "mentions"));
	im_buf_init(&asked, 0);
	if (rc == IM_OK)
		rc = write_list(c, ref, &asked);
	if (rc == IM_OK)
		rc = sift(wr, ref, im_buf_view(&asked), e);
	im_buf_free(&asked);
	e->mentions = im_buf_view(&e->sifted.kept);
	return rc;
}

static void put_meta(struct edit *e, struct im_str meta)
{
	const struct im_str none = {NULL, 0};
	struct im_buf half;

	im_buf_init(&half, 0);
	im_buf_str(&half, meta);
	if (e->mentions.p) {
		im_buf_reset(&half);
		meta_put(&half, meta, "mentions", e->mentions.n > 2 ? e->mentions : none);
	}
	if (e->ext.p)
		meta_put(&e->meta, im_buf_view(&half), "ext", e->ext.n > 2 ? e->ext : none);
	else
		im_buf_str(&e->meta, im_buf_view(&half));
	e->meta.failed |= half.failed;
	im_buf_free(&half);
}

/* True if it says what the message says already. */
static bool same(const struct edit *e, struct im_str meta)
{
	static const char *const keys[] = {"mentions", "ext"};
	const struct im_str asked[] = {e->mentions, e->ext};

	for (int i = 0; i < 2; i++)
		if (asked[i].p && !im_str_eq(meta_get(meta, keys[i]),
					  asked[i].n > 2 ? asked[i] : (struct im_str){NULL, 0}))
			return false;
	return !e->new_body;
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
	int64_t prev = im_json_number_in(meta_get(t->m.meta, "edited"), "seq");

	im_buf_printf(b, "{\"seq\":%" PRIu64, t->m.seq);
	put_body(b, "body", e->enc, e->body);
	if (e->new_body)
		put_body(b, "was", t->m.enc, t->m.body);
	if (e->mentions.p) {
		im_buf_z(b, ",\"mentions\":");
		im_buf_str(b, e->mentions);
	}
	if (e->ext.p) {
		im_buf_z(b, ",\"ext\":");
		im_buf_str(b, e->ext);
	}
	if (prev > 0)
		im_jsonw_member_int(b, "prev", prev);
	im_buf_c(b, '}');
}

static int append_edit(struct rpc_write *wr, const struct conv_ref *ref, const struct edit *e,
	const struct msg_target *t, uint64_t *seq_out)
{
	struct rpc_call *c = &wr->call;
	struct msg_new n = {.enc = IM_ENC_JSON, .type = IM_STR(KIND_EDIT)};
	const struct store_conv conv = {ref->conv, ref->kind, ref->a, ref->b};
	struct im_buf body, ttl;
	int rc = edit_live(c->dir, &conv, c->user, t->m.seq, &n.was_for);

	im_buf_init(&body, 0);
	im_buf_init(&ttl, 0);
	put_operation(&body, e, t);
	msg_ttl_left(c, &t->m, &ttl);
	meta_device_follow(&ttl, t->m.meta, true, c->thing ? c->device : IM_STR(""));
	n.body = im_buf_view(&body);
	n.meta = im_buf_view(&ttl);
	if (rc == IM_OK && body.n > IM_MESSAGE_BYTES_MAX)
		rc = rpc_fail(c, IM_E_TOO_LARGE,
			"an edit carries the old text and the new one; recall this message and "
			"send another");
	if (rc == IM_OK)
		rc = body.failed || ttl.failed ? IM_E_NOMEM : msg_append(wr, ref, &n, seq_out);
	im_buf_free(&body);
	im_buf_free(&ttl);
	return rc;
}

static int amend(struct rpc_write *wr, const struct edit *e, struct msg_target *t, int64_t count,
	uint64_t seq)
{
	struct im_buf edited, meta;
	int rc;

	im_buf_init(&edited, 0);
	im_buf_init(&meta, 0);
	im_buf_printf(&edited, "{\"seq\":%" PRIu64 ",\"ts\":%" PRId64 ",\"count\":%" PRId64 "}",
		seq, writer_now_ms(wr->writer), count);
	meta_put(&meta, im_buf_view(&e->meta), "edited", im_buf_view(&edited));
	t->m.enc = e->enc;
	t->m.meta = im_buf_view(&meta);
	t->m.body = e->body;
	t->m.mentions = e->mentions.p ? &e->sifted.who : NULL;
	rc = meta.failed || edited.failed ? IM_E_NOMEM : writer_amend(wr->writer, &t->m);
	im_buf_free(&edited);
	im_buf_free(&meta);
	return rc;
}

static int write_edit(struct rpc_write *wr, const struct conv_ref *ref, const struct edit *e,
	struct msg_target *t, uint64_t *seq_out)
{
	struct rpc_call *c = &wr->call;
	int64_t count = im_json_number_in(meta_get(t->m.meta, "edited"), "count");
	int rc;

	if (count >= IM_EDITS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"this message was edited %d times, which is the limit", IM_EDITS_MAX);
	/* What stays counts as well: an ext of before beside a body of now. */
	if (!im_wire_fits(im_buf_view(&e->meta), e->enc, e->body))
		return rpc_fail(c, IM_E_TOO_LARGE,
			"body and ext would be longer than %d KiB together; give less of one",
			IM_MESSAGE_BYTES_MAX / 1024);
	rc = msg_pay(wr, ref, t->m.body.n + t->m.meta.n);
	if (rc == IM_OK)
		rc = msg_pace(wr, ref);
	if (rc == IM_OK)
		rc = append_edit(wr, ref, e, t, seq_out);
	return rc == IM_OK ? amend(wr, e, t, count + 1, *seq_out) : rc;
}

/* -- the method -- */

static int may_edit(struct rpc_call *c, const struct conv_ref *ref, const struct msg_target *t)
{
	int rc;

	if (t->m.recalled)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this message was recalled");
	if (t->m.sender != c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "only the sender edits a message");
	/* It says whose words it holds. */
	if (meta_get(t->m.meta, "forwarded").n)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"a forwarded copy is in its author's words; recall it, and send your own");
	if (!rpc_has(c, "body") && !rpc_has(c, "mentions") && !rpc_has(c, "ext"))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"nothing is to change; give params.body, mentions or ext");
	rc = msg_in_time(c, t);
	return rc == IM_OK ? msg_may_send(c, ref) : rc;
}

static int answer(struct rpc_call *c, const struct edit *e, uint64_t seq)
{
	im_buf_printf(c->result, "{\"changed\":%s", seq ? "true" : "false");
	if (seq)
		im_buf_printf(c->result, ",\"seq\":%" PRIu64, seq);
	if (e->sifted.dropped.n) {
		im_buf_z(c->result, ",\"dropped_mentions\":");
		im_buf_str(c->result, im_buf_view(&e->sifted.dropped));
	}
	im_buf_c(c->result, '}');
	return IM_OK;
}

static int edit(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t)
{
	struct rpc_call *c = &wr->call;
	struct edit e = {.new_body = false};
	uint64_t seq = 0;
	int rc = may_edit(c, ref, t);

	if (rc != IM_OK)
		return rc;
	mentions_init(&e.sifted);
	im_buf_init(&e.meta, 0);
	rc = take_body(c, t, &e);
	if (rc == IM_OK)
		rc = take_ext(c, &e);
	if (rc == IM_OK)
		rc = take_mentions(wr, ref, &e);
	if (rc == IM_OK) {
		put_meta(&e, t->m.meta);
		rc = e.meta.failed ? IM_E_NOMEM : IM_OK;
	}
	if (rc == IM_OK && !same(&e, t->m.meta))
		rc = write_edit(wr, ref, &e, t, &seq);
	if (rc == IM_OK)
		rc = answer(c, &e, seq);
	clear(&e);
	return rc;
}

static int edit_call(struct rpc_write *wr)
{
	return msg_target_call(wr, edit);
}

static const struct rpc_param edit_params[] = {
	MSG_TARGET_PARAMS,
	{"body", RPC_ANY, false, 0, 0},
	{"mentions", RPC_STRINGS, false, 0, IM_MENTIONS_MAX},
	{"ext", RPC_OBJECT, false, 0, 0},
	{0},
};

const struct rpc_method rpc_edit_methods[] = {
	{"msg.edit", RPC_LOG, edit_params, .write = edit_call},
	{0},
};
