/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of an item. Called by the methods that list conversations; must not know which are
 * listed, nor in what order. */
#include "bridge/rpc/conv_item.h"

#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/preview.h"
#include "bridge/rpc/conv_settings.h"
#include "bridge/rpc/presence_view.h"
#include "bridge/rpc/view.h"
#include "bridge/rpc/view_brief.h"
#include "common/jsonw.h"

/* In brief: what a draft takes at most, for a line of it; and what comes behind it: what is new,
 * and the last message without its text. */
#define DRAFT_BYTES 100
#define BEHIND_DRAFT 220

/* An item that is being written. */
struct writing {
	struct rpc_read *rd;
	struct conv_item *item;
	struct im_buf *b;
	bool brief;
	struct view_room room; /* in brief */
};

static const char *kind_name(const struct conv_item *item)
{
	if (item->kind == IM_CONV_USER)
		return "direct";
	return item->group_kind == DIRECTORY_ROOM ? "room" : "group";
}

static void put_name(struct writing *w, const char *key, struct im_str name)
{
	if (w->brief && name.n == 0)
		return;
	im_jsonw_member_str(w->b, key, name);
	w->room.free += im_jsonw_size(name) - 2;
}

static void put_number(struct writing *w, const char *key, uint64_t v)
{
	if (!w->brief || v > 0)
		im_jsonw_member_int(w->b, key, (int64_t)v);
}

static void put_peer(struct writing *w, const struct conv_peer *peer)
{
	const struct im_str name = conv_item_name(w->item);

	im_buf_z(w->b, "{\"conv\":");
	im_jsonw_str(w->b, name);
	w->room.free += name.n - 2;
	im_jsonw_member_str(w->b, "kind", im_str(kind_name(w->item)));
	if (w->item->peer_gone)
		im_buf_z(w->b, ",\"deleted\":true");
	put_name(w, "name", peer->name);
	put_name(w, "avatar", peer->avatar);
	if (w->item->kind == IM_CONV_USER)
		put_number(w, "rev", (uint64_t)peer->rev);
}

static int put_presence(struct writing *w, int online)
{
	struct rpc_call *c = &w->rd->call;
	bool visible = false;
	int rc = IM_OK;

	if (w->item->kind != IM_CONV_USER)
		return IM_OK;
	if (online != PRESENCE_OFFLINE)
		rc = presence_visible(c, w->item->peer, w->item->peer_gone, &visible);
	if (rc == IM_OK && (visible || !w->brief))
		im_jsonw_member_str(w->b, "presence",
			im_str(presence_state_name(visible ? online : PRESENCE_OFFLINE)));
	return rc;
}

static void put_draft(struct writing *w, struct im_str draft)
{
	struct im_str shown = draft;
	size_t left;

	if (draft.n == 0)
		return;
	if (w->brief) {
		left = view_room_left(&w->room, w->b,
			sizeof(",\"draft\":\"\",\"draft_cut\":true") + BEHIND_DRAFT);
		shown = preview_text(draft, PREVIEW_CHARS, left < DRAFT_BYTES ? left : DRAFT_BYTES);
	}
	im_jsonw_member_str(w->b, "draft", shown);
	if (shown.n < draft.n)
		im_buf_z(w->b, ",\"draft_cut\":true");
}

/* The sender as he calls himself, copied: whoever shows the message asks the directory, too. */
static int nick_of(struct writing *w, uint64_t sender, struct im_buf *out)
{
	struct directory_user u;
	int rc = directory_user_by_id(w->rd->call.dir, sender, &u);

	if (rc == IM_OK)
		im_buf_str(out, u.nick);
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int on_last(void *arg, const struct store_msg *m)
{
	struct writing *w = arg;
	struct view_of v = {
		w->rd->names, conv_item_name(w->item), w->item->was_after, w->rd->call.now_ms};
	struct im_buf nick;
	int rc = IM_OK;

	im_buf_init(&nick, 0);
	/* In brief a direct conversation's two names are known: its own, and the reader's. */
	if (!w->brief || w->item->kind != IM_CONV_USER)
		rc = nick_of(w, m->sender, &nick);
	im_buf_z(w->b, ",\"last\":");
	if (rc == IM_OK)
		rc = w->brief ? view_brief(w->b, &v, m, im_buf_view(&nick), &w->room)
			      : view_named(w->b, &v, m, im_buf_view(&nick));
	w->b->failed |= nick.failed;
	im_buf_free(&nick);
	return rc;
}

int conv_item_news(struct rpc_read *rd, struct conv_item *item, uint64_t mark)
{
	int rc;

	if (item->counted || item->head.seq <= mark || !conv_item_followed(item))
		return IM_OK;
	rc = rd->backend->unread(rd->log, item->conv, rd->call.user, mark, &item->unread);
	if (rc == IM_OK && item->unread > 0)
		rc = rd->backend->mentions(
			rd->log, item->conv, rd->call.user, mark, &item->mentions);
	item->counted = rc == IM_OK;
	return rc;
}

static int put_mine(struct writing *w)
{
	struct directory_conv_user mine;
	uint64_t mark;
	bool room;
	int rc = conv_item_resolve(&w->rd->call, w->item, &mine);

	if (rc != IM_OK)
		return rc;
	room = w->item->group_kind == DIRECTORY_ROOM;
	mark = view_mark(mine.read_seq, w->item->joined_seq, mine.cleared_to);
	rc = conv_item_news(w->rd, w->item, mark);
	if (rc != IM_OK)
		return rc;
	put_number(w, "head", w->item->head.seq);
	put_number(w, "read", mine.read_seq);
	if (w->brief)
		conv_put_settings_brief(w->b, &mine, room);
	else
		conv_put_settings(w->b, &mine, room);
	put_draft(w, mine.draft);
	put_number(w, "unread", w->item->unread);
	put_number(w, "mentions", w->item->mentions);
	return IM_OK;
}

/* Of a group, dismissed or not, the name is left; a direct conversation's peer, deleted or not. */
static int put_gone(struct rpc_read *rd, const struct conv_item *item, struct im_buf *b)
{
	bool direct = item->kind == IM_CONV_USER;
	struct im_str name;
	int rc = direct ? names_user(rd->names, item->peer, &name)
			: names_group(rd->names, item->peer, &name);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	im_buf_printf(b, "{\"conv\":\"%c/%.*s\",\"gone\":true}", direct ? 'u' : 'g', IM_ARGS(name));
	return b->failed ? IM_E_NOMEM : IM_OK;
}

int conv_item_put(struct rpc_read *rd, struct conv_item *item, bool brief, struct im_buf *b)
{
	struct writing w = {rd, item, b, brief, {b->n, CONV_BRIEF_MAX, 0}};
	struct conv_peer peer;
	int rc;

	if (item->gone)
		return put_gone(rd, item, b);
	rc = conv_item_peer(&rd->call, item, &peer);
	if (rc != IM_OK || item->hidden)
		return rc;
	put_peer(&w, &peer);
	rc = put_presence(&w, peer.online);
	if (rc == IM_OK)
		rc = put_mine(&w);
	if (rc == IM_OK && item->shown.seq > item->floor)
		rc = rd->backend->read_conv(
			rd->log, item->conv, item->shown.seq, item->shown.seq, false, on_last, &w);
	im_buf_c(b, '}');
	return rc != IM_OK ? rc : b->failed ? IM_E_NOMEM : IM_OK;
}
