/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing but the count of the replay in hand. Called by batch.c before it looks at a batch's
 * new records. */
#include "bridge/engine/replay.h"

#include <stdlib.h>

#include "bridge/deliver/edit_live.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/edit_body.h"
#include "bridge/message/kind.h"
#include "bridge/message/meta_device.h"
#include "bridge/write/dedup_rebuild.h"
#include "common/jsonscan.h"
#include "common/limits.h"

struct replay {
	struct replay_parts p;
	uint64_t messages;
	bool news; /* they are others' */
};

struct replay *replay_new(const struct replay_parts *p)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (r)
		r->p = *p;
	return r;
}

void replay_free(struct replay **r)
{
	free(*r);
	*r = NULL;
}

/* A name that outlives the next look-up. */
struct name {
	char p[IM_UID_MAX];
	size_t n;
};

static struct im_str view(const struct name *n)
{
	return (struct im_str){n->p, n->n};
}

static int name_of(struct replay *r, enum im_conv_kind kind, uint64_t id, struct name *out)
{
	struct im_str s;
	int rc = kind == IM_CONV_GROUP ? names_group(r->p.names, id, &s)
				       : names_user(r->p.names, id, &s);

	if (rc)
		return rc;
	if (s.n > sizeof(out->p))
		return IM_E_NONE;
	memcpy(out->p, s.p, s.n);
	out->n = s.n;
	return IM_OK;
}

static int names_of(struct replay *r, const struct store_conv *c, uint64_t sender,
	struct name *from_out, struct name *peer_out)
{
	uint64_t peer = c->kind == IM_CONV_GROUP || c->a != sender ? c->a : c->b;
	int rc = name_of(r, IM_CONV_USER, sender, from_out);

	return rc ? rc : name_of(r, c->kind, peer, peer_out);
}

/* An administrator's recall seems to be sent by who is recalled, and names him besides. */
static bool is_recall_by_another(const struct store_msg *m)
{
	struct im_json body, value;
	struct im_json_iter it;
	struct im_str key;

	if (!im_str_eqz(m->type, KIND_RECALL) || im_json_parse(m->body, &body))
		return false;
	im_json_iter(&body, &it);
	while (im_json_next(&it, &key, &value))
		if (im_str_eqz(key, "by"))
			return true;
	return false;
}

/* News of a group by an administrator of the node, who need not belong to it. */
static int is_news_by_operator(struct replay *r, const struct store_msg *m, bool *out)
{
	struct directory_user u;
	int rc;

	*out = false;
	if (kind_of(m->type) != KIND_SYSTEM)
		return IM_OK;
	rc = directory_user_by_id(r->p.dir, m->sender, &u);
	*out = rc == IM_OK && u.role == IM_ROLE_ADMIN;
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* By now: what a room's viewers may be spared. Who has left ran it no longer. */
static int is_plain(struct replay *r, uint64_t group, const struct store_msg *msg, bool *out)
{
	struct directory_member m;
	bool above = is_recall_by_another(msg);
	int rc = above ? IM_OK : is_news_by_operator(r, msg, &above);

	*out = false;
	if (rc || above)
		return rc;
	rc = directory_member_get(r->p.dir, group, msg->sender, &m);
	*out = rc == IM_E_NONE || (rc == IM_OK && m.role == DIRECTORY_MEMBER);
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int again(void *arg, const struct store_msg *m)
{
	struct replay *r = arg;
	struct store_conv c;
	struct name from, peer;
	char device[IM_DEVICE_MAX];
	struct acks_of of;
	struct message w = {
		.sender = m->sender,
		.ts_ms = m->ts_ms,
		.enc = m->enc,
		.id = m->id,
		.type = m->type,
		.meta = m->meta,
		.body = m->body,
	};
	int rc = m->recalled ? IM_E_NONE : r->p.backend->get_conv(r->p.log, m->conv, &c);

	if (!rc)
		rc = names_of(r, &c, m->sender, &from, &peer);
	if (!rc && c.kind == IM_CONV_GROUP)
		rc = is_plain(r, c.a, m, &w.plain);
	if (!rc && edit_body_is(m->type))
		rc = edit_live(r->p.dir, &c, m->sender, edit_body_seq(m->body), &w.was_for);
	if (rc)
		return rc == IM_E_NONE ? IM_OK : rc;
	w.kind = c.kind;
	w.a = c.a;
	w.b = c.b;
	w.from = view(&from);
	of = (struct acks_of){w.from, meta_device_get(m->meta, META_FROM_DEVICE, device)};
	w.peer = view(&peer);
	r->messages++;
	rc = writer_redeliver(r->p.writer, &w, m->seq, m->gid);
	if (rc || !m->id.n || r->news)
		return rc;
	/* Which mentions were dropped is told once; what was kept stands in the message. */
	return acks_stored(
		r->p.acks, &of, m->id, c.kind, w.peer, m->seq, m->ts_ms, (struct im_str){0});
}

int replay_again(struct replay *r, const struct spool_mark *s, uint64_t first, uint64_t through,
	uint64_t *messages_out)
{
	uint64_t after = 0; /* the mark before covers up to here */
	int rc = IM_OK;

	r->messages = 0;
	for (unsigned i = 0; i < s->n && !rc; i++) {
		const struct store_mark *m = &s->marks[i];

		if (m->recno >= first && after < through && m->gid_last >= m->gid_first)
			rc = r->p.backend->read_log(
				r->p.log, m->gid_first, m->gid_last, false, again, r);
		after = m->recno;
	}
	*messages_out = r->messages;
	return rc;
}

int replay_news(struct replay *r, uint64_t first, uint64_t last, int64_t wall_ms)
{
	int rc = dedup_follow(r->p.dedup, r->p.backend, r->p.log, first, last, wall_ms);

	r->news = true;
	if (!rc)
		rc = r->p.backend->read_log(r->p.log, first, last, false, again, r);
	r->news = false;
	return rc;
}
