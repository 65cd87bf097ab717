/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns what operations do to the message that they are about: a recall takes its body (and those of
 * its edits) out of the log, an edit puts the new body in its place and keeps the old one in the
 * edit's own message, a reaction is counted in its meta. History so shows the state of now, and the
 * operations' messages bring devices there that have the message already.
 */
#include "rpc_msg.h"

#include <inttypes.h>
#include <stdlib.h>

#include "../common/jsonscan.h"
#include "../common/jsonw.h"
#include "../common/limits.h"
#include "conv_ref.h"
#include "directory_group.h"
#include "kind.h"
#include "meta.h"
#include "msg_target.h"
#include "rpc_args.h"
#include "text.h"

#define EDITS_MAX 100    /* of one message: bounds what a recall must go through */
#define REACTION_MAX 64  /* bytes: an emoji of several people with their skins takes 35 */
#define REACTIONS_MAX 20 /* different ones on a message */
#define REACTORS_MAX 200 /* names on a message, of all its reactions together */

static int put_seq(struct rpc_call *c, uint64_t seq, bool changed)
{
	if (!changed)
		return rpc_changed(c, false);
	im_buf_printf(c->result, "{\"changed\":true,\"seq\":%" PRIu64 "}", seq);
	return IM_OK;
}

/* By the scanner: an edit's body carries the message's own JSON, which may hold numbers and members
 * that a tree parser refuses, and a recall must find every earlier version all the same. */
static int64_t number_in(struct im_str object, const char *name)
{
	struct im_json v = {IM_JSON_OBJECT, object}, member;
	struct im_json_iter it;
	struct im_str key;
	int64_t n = 0;

	im_json_iter_any(&v, &it);
	while (im_json_next(&it, &key, &member))
		if (im_str_eqz(key, name) && im_json_int(&member, &n) != IM_OK)
			n = 0;
	return n;
}

static int append_operation(struct rpc_call *c, const struct conv_ref *ref, const char *type,
	struct im_str meta, const struct im_buf *body, uint64_t *seq_out)
{
	struct msg_new n = {
		.enc = IM_ENC_JSON, .type = im_str(type), .meta = meta, .body = im_buf_view(body)};

	return body->failed ? IM_E_NOMEM : msg_append(c, ref, &n, seq_out);
}

/* -- msg.recall -- */

static int blank(struct rpc_call *c, struct msg_target *t, struct im_str meta)
{
	t->m.recalled = true;
	t->m.meta = meta;
	t->m.body = (struct im_str){NULL, 0};
	return writer_amend(c->w, &t->m);
}

/* Every edit of the message holds an earlier body. */
static int blank_edits(struct rpc_call *c, uint64_t conv, uint64_t seq)
{
	struct msg_target t;
	int rc = IM_OK;

	for (int i = 0; rc == IM_OK && seq > 0 && i < EDITS_MAX; i++) {
		rc = msg_target_read(c, conv, seq, &t);
		if (rc == IM_OK) {
			seq = (uint64_t)number_in(t.m.body, "prev");
			rc = blank(c, &t, IM_STR(""));
		}
		msg_target_clear(&t);
	}
	/* Retention may have taken the oldest ones. */
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int in_time(struct rpc_call *c, const struct msg_target *t)
{
	if (c->now_ms - t->m.ts_ms <= c->set->recall_window_s * 1000)
		return IM_OK;
	return rpc_fail(c, IM_E_TOO_LATE,
		"a message is recalled or edited within %" PRId64 " seconds of its sending",
		c->set->recall_window_s);
}

static int may_recall(struct rpc_call *c, const struct conv_ref *ref, const struct msg_target *t)
{
	if (ref->kind == IM_CONV_GROUP && ref->role >= DIRECTORY_GROUP_ADMIN)
		return IM_OK;
	if (t->m.sender != c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"only the sender recalls a message (in groups the admins too)");
	return in_time(c, t);
}

static int recall(struct rpc_call *c, const struct conv_ref *ref, struct msg_target *t)
{
	struct im_buf body, meta;
	uint64_t seq;
	int rc;

	im_buf_init(&body, 0);
	im_buf_init(&meta, 0);
	im_buf_printf(&body, "{\"seq\":%" PRIu64 "}", t->m.seq);
	im_buf_z(&meta, "\"recalled_by\":");
	im_jsonw_str(&meta, c->uid);
	rc = append_operation(c, ref, KIND_RECALL, IM_STR(""), &body, &seq);
	if (rc == IM_OK)
		rc = blank_edits(
			c, ref->conv, (uint64_t)number_in(meta_get(t->m.meta, "edited"), "seq"));
	if (rc == IM_OK)
		rc = meta.failed ? IM_E_NOMEM : blank(c, t, im_buf_view(&meta));
	im_buf_free(&body);
	im_buf_free(&meta);
	return rc == IM_OK ? put_seq(c, seq, true) : rc;
}

static int recall_call(struct rpc_call *c)
{
	struct conv_ref ref;
	struct msg_target t;
	int rc = conv_ref_get(c, "conv", &ref);

	if (rc != IM_OK)
		return rc;
	rc = msg_target_get(c, &ref, (uint64_t)rpc_int(c, "seq", 0), &t);
	if (rc == IM_OK && t.m.recalled)
		rc = put_seq(c, 0, false);
	else if (rc == IM_OK) {
		rc = may_recall(c, &ref, &t);
		if (rc == IM_OK)
			rc = recall(c, &ref, &t);
	}
	msg_target_clear(&t);
	return rc;
}

/* -- msg.edit -- */

struct body {
	enum im_enc enc;
	struct im_str text; /* as it is stored */
	char *json;         /* owned */
};

/* A string becomes text, anything else JSON, as in an envelope. */
static int take_body(struct rpc_call *c, struct body *out)
{
	json_t *v = json_object_get(c->params, "body");

	out->json = NULL;
	if (json_is_string(v)) {
		out->enc = IM_ENC_TEXT;
		out->text = rpc_str(c, "body");
		return IM_OK;
	}
	out->enc = IM_ENC_JSON;
	out->json = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	out->text = im_str(out->json);
	return out->json ? IM_OK : IM_E_NOMEM;
}

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

static int write_edit(struct rpc_call *c, const struct conv_ref *ref, struct msg_target *t,
	const struct body *now, uint64_t *seq_out)
{
	int64_t prev = number_in(meta_get(t->m.meta, "edited"), "seq");
	int64_t count = number_in(meta_get(t->m.meta, "edited"), "count");
	struct im_buf body, edited, meta, ttl;
	int rc;

	if (count >= EDITS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"this message was edited %d times, which is the limit", EDITS_MAX);
	im_buf_init(&body, 0);
	im_buf_init(&edited, 0);
	im_buf_init(&ttl, 0);
	im_buf_init(&meta, 0);
	im_buf_printf(&body, "{\"seq\":%" PRIu64, t->m.seq);
	put_body(&body, "body", now->enc, now->text);
	put_body(&body, "was", t->m.enc, t->m.body);
	if (prev > 0)
		im_jsonw_member_int(&body, "prev", prev);
	im_buf_c(&body, '}');
	msg_ttl_left(c, &t->m, &ttl);
	rc = body.n > IM_MESSAGE_BYTES_MAX
		     ? rpc_fail(c, IM_E_TOO_LARGE,
			       "an edit carries the old text and the new one; recall this message "
			       "and send another")
		     : append_operation(c, ref, KIND_EDIT, im_buf_view(&ttl), &body, seq_out);
	if (rc == IM_OK) {
		im_buf_printf(&edited,
			"{\"seq\":%" PRIu64 ",\"ts\":%" PRId64 ",\"count\":%" PRId64 "}", *seq_out,
			writer_now_ms(c->w), count + 1);
		meta_put(&meta, t->m.meta, "edited", im_buf_view(&edited));
		t->m.enc = now->enc;
		t->m.meta = im_buf_view(&meta);
		t->m.body = now->text;
		rc = meta.failed || edited.failed ? IM_E_NOMEM : writer_amend(c->w, &t->m);
	}
	im_buf_free(&body);
	im_buf_free(&edited);
	im_buf_free(&ttl);
	im_buf_free(&meta);
	return rc;
}

static int edit(struct rpc_call *c, const struct conv_ref *ref, struct msg_target *t)
{
	struct body now;
	uint64_t seq = 0;
	bool same;
	int rc;

	if (t->m.recalled)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this message was recalled");
	if (t->m.sender != c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "only the sender edits a message");
	rc = in_time(c, t);
	if (rc == IM_OK)
		rc = msg_may_send(c, ref);
	if (rc == IM_OK)
		rc = take_body(c, &now);
	if (rc != IM_OK)
		return rc;
	if (c->set->moderation)
		rc = moderation_check(c->set->moderation, now.enc, &now.text);
	if (rc != IM_OK) {
		free(now.json);
		return rc == IM_E_NOT_ALLOWED
			       ? rpc_fail(c, rc,
					 "params.body holds a word that is not allowed here; "
					 "leave it out")
			       : rc;
	}
	same = now.enc == t->m.enc && im_str_eq(now.text, t->m.body);
	if (!same)
		rc = write_edit(c, ref, t, &now, &seq);
	free(now.json);
	return rc == IM_OK ? put_seq(c, seq, !same) : rc;
}

static int edit_call(struct rpc_call *c)
{
	struct conv_ref ref;
	struct msg_target t;
	int rc = conv_ref_get(c, "conv", &ref);

	if (rc != IM_OK)
		return rc;
	rc = msg_target_get(c, &ref, (uint64_t)rpc_int(c, "seq", 0), &t);
	if (rc == IM_OK)
		rc = edit(c, &ref, &t);
	msg_target_clear(&t);
	return rc;
}

/* -- msg.react -- */

static size_t reactors(const json_t *reactions)
{
	size_t n = 0;

	for (void *it = json_object_iter((json_t *)reactions); it != NULL;
		it = json_object_iter_next((json_t *)reactions, it))
		n += json_array_size(json_object_iter_value(it));
	return n;
}

/* A reaction as it was asked for. */
struct reaction {
	const char *text;
	struct im_buf key; /* its key, with a NUL behind it */
	const char *fault; /* or what is wrong with it */
};

/* The key that a message carries already for what is the same reaction: an older version told an
 * emoji with a variation selector from one without, and took any text. NULL: none. */
static const char *same_reaction(json_t *reactions, const struct reaction *r)
{
	struct im_str key = {r->key.p, r->key.n - 1};
	const char *found = json_object_get(reactions, r->text) ? r->text : NULL, *have;
	struct im_buf other;
	json_t *names;

	im_buf_init(&other, 0);
	json_object_foreach(reactions, have, names)
	{
		im_buf_reset(&other);
		if (text_reaction(im_str(have), &other) == NULL &&
			im_str_eq(im_buf_view(&other), key) && !found && !r->fault)
			found = have;
	}
	im_buf_free(&other);
	return found;
}

/* Puts or takes the caller's name; *changed_out: there is something to write. */
static int count_reaction(
	struct rpc_call *c, json_t *reactions, const char *emoji, bool remove, bool *changed_out)
{
	json_t *names = json_object_get(reactions, emoji);
	size_t at = 0, n = json_array_size(names);

	while (at < n && !im_str_eq(im_str(json_string_value(json_array_get(names, at))), c->uid))
		at++;
	*changed_out = remove ? at < n : at == n;
	if (!*changed_out)
		return IM_OK;
	if (remove) {
		json_array_remove(names, at);
		if (n == 1)
			json_object_del(reactions, emoji);
		return IM_OK;
	}
	if ((names == NULL && json_object_size(reactions) >= REACTIONS_MAX) ||
		reactors(reactions) >= REACTORS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"a message carries at most %d different reactions and %d in all",
			REACTIONS_MAX, REACTORS_MAX);
	if (names == NULL && json_object_set_new(reactions, emoji, names = json_array()) < 0)
		return IM_E_NOMEM;
	return json_array_append_new(names, json_stringn(c->uid.p, c->uid.n)) < 0 ? IM_E_NOMEM
										  : IM_OK;
}

static int write_reaction(struct rpc_call *c, const struct conv_ref *ref, struct msg_target *t,
	const json_t *reactions, const char *emoji, bool remove, uint64_t *seq_out)
{
	char *text = json_object_size(reactions) ? json_dumps(reactions, JSON_COMPACT) : NULL;
	struct im_buf body, meta;
	int rc;

	im_buf_init(&body, 0);
	im_buf_init(&meta, 0);
	im_buf_printf(&body, "{\"seq\":%" PRIu64, t->m.seq);
	im_jsonw_member_str(&body, "emoji", im_str(emoji));
	im_buf_z(&body, remove ? ",\"remove\":true}" : "}");
	meta_put(&meta, t->m.meta, "reactions", im_str(text));
	rc = append_operation(c, ref, KIND_REACT, IM_STR(""), &body, seq_out);
	if (rc == IM_OK) {
		t->m.meta = im_buf_view(&meta);
		rc = meta.failed ? IM_E_NOMEM : writer_amend(c->w, &t->m);
	}
	free(text);
	im_buf_free(&body);
	im_buf_free(&meta);
	return rc;
}

static int react(struct rpc_call *c, const struct conv_ref *ref, struct msg_target *t,
	const struct reaction *r)
{
	struct im_str have = meta_get(t->m.meta, "reactions");
	bool remove = rpc_bool(c, "remove", false), changed = false;
	const char *same;
	json_t *reactions;
	char *emoji;
	uint64_t seq = 0;
	int rc = msg_may_send(c, ref);

	if (rc == IM_OK && t->m.recalled)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this message was recalled");
	if (rc != IM_OK)
		return rc;
	reactions = have.n ? json_loadb(have.p, have.n, 0, NULL) : json_object();
	if (!json_is_object(reactions)) {
		json_decref(reactions);
		return IM_E_INTERNAL;
	}
	same = same_reaction(reactions, r);
	/* A key of the object goes with its last name. */
	emoji = strdup(same ? same : r->key.p);
	if (!emoji)
		rc = IM_E_NOMEM;
	else if (!same && r->fault)
		rc = rpc_fail(c, IM_E_INVALID_PARAMS, "params.emoji %s", r->fault);
	else
		rc = count_reaction(c, reactions, emoji, remove, &changed);
	if (rc == IM_OK && changed)
		rc = write_reaction(c, ref, t, reactions, emoji, remove, &seq);
	free(emoji);
	json_decref(reactions);
	return rc == IM_OK ? put_seq(c, seq, changed) : rc;
}

static int react_call(struct rpc_call *c)
{
	struct reaction r = {.text = rpc_str(c, "emoji").p};
	struct conv_ref ref;
	struct msg_target t;
	int rc = conv_ref_get(c, "conv", &ref);

	if (rc != IM_OK)
		return rc;
	im_buf_init(&r.key, 0);
	r.fault = text_reaction(rpc_str(c, "emoji"), &r.key);
	im_buf_c(&r.key, '\0');
	rc = msg_target_get(c, &ref, (uint64_t)rpc_int(c, "seq", 0), &t);
	if (rc == IM_OK)
		rc = r.key.failed ? IM_E_NOMEM : react(c, &ref, &t, &r);
	msg_target_clear(&t);
	im_buf_free(&r.key);
	return rc;
}

#define TARGET                                         \
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},    \
	{                                              \
		"seq", RPC_INTEGER, true, 1, INT64_MAX \
	}

static const struct rpc_param recall_params[] = {TARGET, {0}};
static const struct rpc_param edit_params[] = {
	TARGET,
	{"body", RPC_ANY, true, 0, 0},
	{0},
};
static const struct rpc_param react_params[] = {
	TARGET,
	{"emoji", RPC_STRING, true, 1, REACTION_MAX},
	{"remove", RPC_BOOLEAN, false, 0, 0},
	{0},
};
const struct rpc_method rpc_msg_methods[] = {
	{"msg.recall", RPC_LOG, recall_params, recall_call},
	{"msg.edit", RPC_LOG, edit_params, edit_call},
	{"msg.react", RPC_LOG, react_params, react_call},
	{0},
};
