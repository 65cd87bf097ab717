/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns reactions: each is counted in the meta of the message that it is about, and history so shows
 * all of them added up.
 */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/meta_device.h"
#include "bridge/message/text.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define REACTION_MAX 64  /* bytes: an emoji of several people with their skins takes 35 */
#define REACTIONS_MAX 20 /* different ones on a message */
#define REACTORS_MAX 200 /* names on a message, of all its reactions together */

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

static int write_reaction(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t,
	const json_t *reactions, const char *emoji, bool remove, uint64_t *seq_out)
{
	char *text = json_object_size(reactions) ? json_dumps(reactions, JSON_COMPACT) : NULL;
	struct im_buf body, meta, devices;
	int rc;

	im_buf_init(&body, 0);
	im_buf_init(&meta, 0);
	im_buf_init(&devices, 0);
	meta_device_follow(&devices, t->m.meta, t->m.sender == wr->call.user,
		wr->call.thing ? wr->call.device : IM_STR(""));
	im_buf_printf(&body, "{\"seq\":%" PRIu64, t->m.seq);
	im_jsonw_member_str(&body, "emoji", im_str(emoji));
	im_buf_z(&body, remove ? ",\"remove\":true}" : "}");
	meta_put(&meta, t->m.meta, "reactions", im_str(text));
	rc = devices.failed ? IM_E_NOMEM
			    : msg_append_operation(
				      wr, ref, KIND_REACT, im_buf_view(&devices), &body, seq_out);
	if (rc == IM_OK) {
		t->m.meta = im_buf_view(&meta);
		rc = meta.failed ? IM_E_NOMEM : writer_amend(wr->writer, &t->m);
	}
	free(text);
	im_buf_free(&body);
	im_buf_free(&meta);
	im_buf_free(&devices);
	return rc;
}

/* A reaction is for who has sent the message, in a group as well. */
static int may_react(struct rpc_call *c, const struct conv_ref *ref, const struct msg_target *t)
{
	int rc = msg_may_send(c, ref);

	if (rc == IM_OK && t->m.recalled)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this message was recalled");
	return rc == IM_OK ? msg_not_blocked(c, t->m.sender) : rc;
}

static int count_in(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t,
	const struct reaction *r)
{
	struct rpc_call *c = &wr->call;
	struct im_str have = meta_get(t->m.meta, "reactions");
	bool remove = rpc_bool(c, "remove", false), changed = false;
	const char *same;
	json_t *reactions;
	char *emoji;
	uint64_t seq = 0;
	int rc = may_react(c, ref, t);

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
	/* Taking back is never slowed down: there is nothing to take back but what was. */
	if (rc == IM_OK && changed)
		rc = msg_pay(wr, ref, t->m.body.n + t->m.meta.n);
	if (rc == IM_OK && changed && !remove)
		rc = msg_pace(wr, ref);
	if (rc == IM_OK && changed)
		rc = write_reaction(wr, ref, t, reactions, emoji, remove, &seq);
	free(emoji);
	json_decref(reactions);
	return rc == IM_OK ? msg_put_seq(c, seq, changed) : rc;
}

static int react(struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t)
{
	struct rpc_call *c = &wr->call;
	struct reaction r = {.text = rpc_str(c, "emoji").p};
	int rc;

	im_buf_init(&r.key, 0);
	r.fault = text_reaction(rpc_str(c, "emoji"), &r.key);
	im_buf_c(&r.key, '\0');
	rc = r.key.failed ? IM_E_NOMEM : count_in(wr, ref, t, &r);
	im_buf_free(&r.key);
	return rc;
}

static int react_call(struct rpc_write *wr)
{
	return msg_target_call(wr, react);
}

static const struct rpc_param react_params[] = {
	MSG_TARGET_PARAMS,
	{"emoji", RPC_STRING, true, 1, REACTION_MAX},
	{"remove", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct rpc_method rpc_react_methods[] = {
	{"msg.react", RPC_LOG, react_params, .write = react_call},
	{0},
};
