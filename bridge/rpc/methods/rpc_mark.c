/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the writing of read marks and a user's own settings of a conversation, and who is told of
 * them: the user's other devices always, the peer of a direct conversation of a read mark only. A
 * group's readers are never announced one by one.
 */
#include "bridge/rpc/methods/methods.h"

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/conv_settings.h"
#include "bridge/rpc/quota.h"
#include "bridge/rpc/rpc_args.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define DRAFT_MAX 4096

/* -- conv.read -- */

static int tell_own(struct rpc_write *wr, const struct conv_ref *ref, uint64_t seq)
{
	struct rpc_call *c = &wr->call;
	struct event e;
	int rc;

	event_read(&e, EVENT_READ_OWN, ref->kind, ref->peer, seq, c->uid);
	rc = writer_event(wr->writer, c->user, c->uid, &e);
	event_clear(&e);
	return rc;
}

static int tell_peer(struct rpc_write *wr, const struct conv_ref *ref, uint64_t seq)
{
	struct rpc_call *c = &wr->call;
	struct directory_user me;
	struct event e;
	bool blocked;
	int rc;

	if (ref->kind != IM_CONV_USER || ref->peer_id == c->user || ref->peer_gone ||
		ref->peer_deaf)
		return IM_OK;
	rc = directory_user_by_id(c->dir, c->user, &me);
	if (rc != IM_OK || !me.read_receipts)
		return rc == IM_E_NONE ? IM_OK : rc;
	rc = directory_block_between(c->dir, c->user, ref->peer_id, &blocked);
	if (rc != IM_OK || blocked)
		return rc;
	event_read(&e, EVENT_READ_PEER, IM_CONV_USER, c->uid, seq, c->uid);
	rc = writer_event(wr->writer, ref->peer_id, ref->peer, &e);
	event_clear(&e);
	return rc;
}

static int put_read(struct rpc_call *c, uint64_t seq, bool changed)
{
	im_buf_printf(c->result, "{\"seq\":%llu,\"changed\":%s}", (unsigned long long)seq,
		changed ? "true" : "false");
	return IM_OK;
}

static int read_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct conv_ref ref;
	struct directory_conv_user mine;
	struct store_head head;
	uint64_t seq = (uint64_t)rpc_int(c, "seq", 0);
	bool further;
	int rc = conv_ref_write(wr, "conv", &ref);

	if (rc == IM_OK)
		rc = conv_ref_write_head(wr, &ref, &head);
	if (rc == IM_OK)
		rc = conv_ref_user(c, &ref, &mine);
	if (rc != IM_OK)
		return rc;
	if (seq > head.seq)
		seq = head.seq;
	further = seq > mine.read_seq;
	if (!further && !mine.marked_unread)
		return put_read(c, mine.read_seq, false);
	if (further)
		mine.read_seq = seq;
	mine.marked_unread = false;
	mine.changed_gid = writer_next(wr->writer);
	rc = directory_conv_put(c->dir, &mine);
	if (rc == IM_OK)
		rc = tell_own(wr, &ref, mine.read_seq);
	if (rc == IM_OK && further)
		rc = tell_peer(wr, &ref, mine.read_seq);
	return rc == IM_OK ? put_read(c, mine.read_seq, true) : rc;
}

/* -- conv.update -- */

static bool is_room(const struct conv_ref *ref)
{
	return ref->kind == IM_CONV_GROUP && ref->group_kind == DIRECTORY_ROOM;
}

static void put_settings(
	struct im_buf *b, const struct conv_ref *ref, const struct directory_conv_user *u)
{
	im_jsonw_member_str(b, "conv", ref->name);
	conv_put_settings(b, u, is_room(ref));
	im_jsonw_member_str(b, "draft", u->draft);
}

/* Whoever belongs to anything but a room follows it. */
static int take_follow(
	struct rpc_call *c, const struct conv_ref *ref, struct directory_conv_user *mine)
{
	if (rpc_has(c, "follow") && !is_room(ref))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.follow is for rooms, and %.*s is none: it is in sync and counts as "
			"unread always; leave follow out, or give notify",
			IM_ARGS(ref->name));
	mine->follow = rpc_bool(c, "follow", mine->follow);
	return IM_OK;
}

/* Takes what the parameters ask for; draft stays borrowed from them or from `mine`. */
static int take_settings(struct rpc_call *c, const struct conv_ref *ref,
	const struct store_head *head, struct directory_conv_user *mine)
{
	struct im_str notify = rpc_str(c, "notify");
	uint64_t cleared = (uint64_t)rpc_int(c, "cleared_to", 0);

	if (notify.p != NULL) {
		mine->notify = conv_notify_parse(notify);
		if (mine->notify < 0)
			return rpc_fail(c, IM_E_INVALID_PARAMS,
				"params.notify is \"%.*s\"; give \"all\", \"mentions\" or \"none\"",
				IM_ARGS(notify));
		if (rpc_has(c, "muted"))
			return rpc_fail(c, IM_E_INVALID_PARAMS,
				"params.muted and notify say the same; give one of them");
	}
	if (rpc_has(c, "muted") && rpc_bool(c, "muted", false) != (mine->notify != 0))
		mine->notify = rpc_bool(c, "muted", false) ? 2 : 0;
	mine->pinned = rpc_bool(c, "pinned", mine->pinned);
	mine->marked_unread = rpc_bool(c, "marked_unread", mine->marked_unread);
	if (cleared > head->seq)
		cleared = head->seq;
	if (cleared > mine->cleared_to)
		mine->cleared_to = cleared;
	if (rpc_has(c, "draft"))
		mine->draft = rpc_str(c, "draft");
	return take_follow(c, ref, mine);
}

static bool same_settings(const struct directory_conv_user *a, const struct directory_conv_user *b)
{
	return a->pinned == b->pinned && a->notify == b->notify &&
	       a->marked_unread == b->marked_unread && a->cleared_to == b->cleared_to &&
	       a->follow == b->follow && im_str_eq(a->draft, b->draft);
}

static int save_settings(
	struct rpc_write *wr, const struct conv_ref *ref, struct directory_conv_user *mine)
{
	struct rpc_call *c = &wr->call;
	struct im_buf settings;
	struct event e;
	int rc;

	mine->changed_gid = writer_next(wr->writer);
	rc = directory_conv_put(c->dir, mine);
	if (rc != IM_OK)
		return rc;
	im_buf_init(&settings, 0);
	put_settings(&settings, ref, mine);
	event_conv(&e, ref->name, im_buf_view(&settings));
	rc = settings.failed ? IM_E_NOMEM : writer_event(wr->writer, c->user, c->uid, &e);
	event_clear(&e);
	im_buf_free(&settings);
	return rc;
}

/* Pins and drafts come before the first message; the rest is about messages. */
static int may_set_ahead(struct rpc_call *c)
{
	if (!rpc_bool(c, "marked_unread", false) && rpc_int(c, "cleared_to", 0) == 0)
		return IM_OK;
	return rpc_fail(c, IM_E_NOT_ALLOWED,
		"nothing was sent in this conversation yet; pinned, notify, muted and draft can be "
		"set");
}

/* From now on the conversation is there, without a message. Whoever keeps something in it already
 * was counted with that. */
static int set_ahead(struct rpc_write *wr, struct conv_ref *ref, struct directory_conv_user *mine)
{
	int rc = IM_OK;

	if (!mine->changed_gid && ref->peer_gone)
		return rpc_fail(&wr->call, IM_E_NOT_ALLOWED,
			"nothing was sent in this conversation, and nothing will be: the user was "
			"deleted");
	if (!mine->changed_gid)
		rc = quota_ahead(&wr->call);
	if (rc == IM_OK)
		rc = writer_conv(wr->writer, ref->kind, ref->a, ref->b, true, &ref->conv);
	mine->conv = ref->conv;
	return rc;
}

static int change_settings(struct rpc_write *wr, struct conv_ref *ref,
	const struct store_head *head, const struct directory_conv_user *was)
{
	struct rpc_call *c = &wr->call;
	struct directory_conv_user mine = *was;
	int rc = take_settings(c, ref, head, &mine);
	bool changed = rc == IM_OK && !same_settings(was, &mine);

	if (changed && head->seq == 0)
		rc = set_ahead(wr, ref, &mine);
	if (changed && rc == IM_OK)
		rc = save_settings(wr, ref, &mine);
	if (rc != IM_OK)
		return rc;
	im_buf_printf(c->result, "{\"changed\":%s", changed ? "true" : "false");
	put_settings(c->result, ref, &mine);
	im_buf_c(c->result, '}');
	return IM_OK;
}

static int update_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct conv_ref ref;
	struct directory_conv_user was;
	struct store_head head;
	struct im_buf draft;
	int rc = conv_ref_write(wr, "conv", &ref);

	if (rc == IM_OK)
		rc = conv_ref_write_head(wr, &ref, &head);
	if (rc == IM_OK && head.seq == 0)
		rc = may_set_ahead(c);
	if (rc == IM_OK)
		rc = conv_ref_user(c, &ref, &was);
	if (rc != IM_OK)
		return rc;
	/* The row's draft is borrowed from the directory and must outlive its next call. */
	im_buf_init(&draft, 0);
	im_buf_str(&draft, was.draft);
	was.draft = im_buf_view(&draft);
	rc = draft.failed ? IM_E_NOMEM : change_settings(wr, &ref, &head, &was);
	im_buf_free(&draft);
	return rc;
}

static const struct rpc_param read_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"seq", RPC_INTEGER, true, 0, INT64_MAX},
	{0},
};

static const struct rpc_param update_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"pinned", RPC_BOOLEAN, false, 0, 0},
	{"muted", RPC_BOOLEAN, false, 0, 0},
	{"notify", RPC_STRING, false, 1, 16},
	{"cleared_to", RPC_INTEGER, false, 0, INT64_MAX},
	{"marked_unread", RPC_BOOLEAN, false, 0, 0},
	{"draft", RPC_STRING, false, 0, DRAFT_MAX},
	{"follow", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct rpc_method rpc_mark_methods[] = {
	{"conv.read", RPC_DIRECTORY, read_params, .write = read_call},
	{"conv.update", RPC_DIRECTORY, update_params, .write = update_call},
	{0},
};
