/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the members of each event and its key. Called by whatever tells users of something; who is
 * told, and whether it is kept, is decided there. */
#include "bridge/message/event.h"

#include "common/jsonw.h"
#include "common/wire.h"

static void begin(struct event *e)
{
	im_buf_init(&e->key, 0);
	im_buf_init(&e->json, 0);
}

void event_clear(struct event *e)
{
	im_buf_free(&e->key);
	im_buf_free(&e->json);
}

int event_fault(const struct event *e)
{
	return e->key.failed || e->json.failed ? IM_E_NOMEM : IM_OK;
}

int event_place(struct im_buf *out, const struct event *e, uint64_t position)
{
	int rc = event_fault(e);

	if (rc)
		return rc;
	im_buf_reset(out);
	im_buf_put(out, e->json.p, e->json.n - 1);
	im_buf_z(out, ",\"cursor\":\"");
	im_cursor_put(out, position);
	im_buf_z(out, "\"}");
	return out->failed ? IM_E_NOMEM : IM_OK;
}

static void put_conv(struct im_buf *b, enum im_conv_kind kind, struct im_str peer)
{
	im_buf_z(b, kind == IM_CONV_GROUP ? "g/" : "u/");
	im_buf_str(b, peer);
}

static void begin_conv(
	struct event *e, const char *event, enum im_conv_kind kind, struct im_str peer)
{
	im_buf_printf(&e->json, "{\"event\":\"%s\",\"conv\":\"", event);
	put_conv(&e->json, kind, peer);
	im_buf_c(&e->json, '"');
}

void event_read(struct event *e, enum event_reader whose, enum im_conv_kind kind,
	struct im_str peer, uint64_t seq, struct im_str by)
{
	begin(e);
	im_buf_z(&e->key, whose == EVENT_READ_OWN ? "read:" : "peer_read:");
	put_conv(&e->key, kind, peer);
	begin_conv(e, "read", kind, peer);
	im_jsonw_member_int(&e->json, "seq", (int64_t)seq);
	im_jsonw_member_str(&e->json, "by", by);
	im_buf_c(&e->json, '}');
}

void event_delivered(struct event *e, struct im_str by, uint64_t after, uint64_t seq)
{
	begin(e);
	begin_conv(e, "delivered", IM_CONV_USER, by);
	if (after > 0)
		im_jsonw_member_int(&e->json, "after", (int64_t)after);
	im_jsonw_member_int(&e->json, "seq", (int64_t)seq);
	im_jsonw_member_str(&e->json, "by", by);
	im_buf_c(&e->json, '}');
}

void event_conv(struct event *e, struct im_str conv, struct im_str settings)
{
	begin(e);
	im_buf_z(&e->key, "conv:");
	im_buf_str(&e->key, conv);
	im_buf_z(&e->json, "{\"event\":\"conv\"");
	im_buf_str(&e->json, settings);
	im_buf_c(&e->json, '}');
}

void event_user(struct event *e, struct im_str profile)
{
	begin(e);
	im_buf_z(&e->key, "user");
	im_buf_z(&e->json, "{\"event\":\"user\",");
	im_buf_str(&e->json, profile);
	im_buf_c(&e->json, '}');
}

void event_profile(
	struct event *e, struct im_str uid, struct im_str nick, struct im_str avatar, int64_t rev)
{
	begin(e);
	im_buf_z(&e->json, "{\"event\":\"profile\"");
	im_jsonw_member_str(&e->json, "uid", uid);
	im_jsonw_member_str(&e->json, "nick", nick);
	im_jsonw_member_str(&e->json, "avatar", avatar);
	im_jsonw_member_int(&e->json, "rev", rev);
	im_buf_c(&e->json, '}');
}

void event_contact(struct event *e, const struct event_contact *c)
{
	begin(e);
	im_buf_z(&e->key, "contact:");
	im_buf_str(&e->key, c->uid);
	im_buf_printf(&e->json, "{\"event\":\"contact\",\"action\":\"%s\"", c->action);
	im_jsonw_member_str(&e->json, "uid", c->uid);
	im_jsonw_member_str(&e->json, "by", c->by);
	if (c->note.n > 0)
		im_jsonw_member_str(&e->json, "note", c->note);
	im_jsonw_member_int(&e->json, "version", (int64_t)c->version);
	im_buf_c(&e->json, '}');
}

void event_block(struct event *e, struct im_str uid, bool blocked)
{
	begin(e);
	im_buf_z(&e->key, "block:");
	im_buf_str(&e->key, uid);
	im_buf_printf(
		&e->json, "{\"event\":\"block\",\"action\":\"%s\"", blocked ? "add" : "remove");
	im_jsonw_member_str(&e->json, "uid", uid);
	im_buf_c(&e->json, '}');
}

/* Both of a group: what stands before an event's own members. */
static void begin_group(struct event *e, struct im_str gid, const char *action, struct im_str by)
{
	begin_conv(e, "group", IM_CONV_GROUP, gid);
	im_buf_printf(&e->json, ",\"action\":\"%s\"", action);
	im_jsonw_member_str(&e->json, "by", by);
}

void event_group(struct event *e, struct im_str gid, const char *action, struct im_str by)
{
	begin(e);
	im_buf_z(&e->key, "group:");
	put_conv(&e->key, IM_CONV_GROUP, gid);
	begin_group(e, gid, action, by);
	im_buf_c(&e->json, '}');
}

void event_group_request(struct event *e, struct im_str gid, struct im_str by, struct im_str note)
{
	begin(e);
	im_buf_z(&e->key, "request:");
	put_conv(&e->key, IM_CONV_GROUP, gid);
	im_buf_c(&e->key, ':');
	im_buf_str(&e->key, by);
	begin_group(e, gid, "request", by);
	if (note.p)
		im_jsonw_member_str(&e->json, "note", note);
	im_buf_c(&e->json, '}');
}

void event_device_removed(struct event *e, struct im_str device)
{
	begin(e);
	im_wire_device(&e->json, "remove", device, (struct im_str){NULL, 0});
}

void event_hello(struct event *e, struct im_str device, uint64_t cursor, bool behind)
{
	begin(e);
	im_buf_z(&e->json, IM_HELLO_BEGIN);
	im_jsonw_str(&e->json, device);
	im_buf_z(&e->json, ",\"cursor\":\"");
	im_cursor_put(&e->json, cursor);
	im_buf_c(&e->json, '"');
	im_buf_z(&e->json, behind ? IM_HELLO_BEHIND : IM_HELLO_NOT_BEHIND);
}
