/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the search for what an acknowledgement covers, and the form of the event. Called by readers
 * and by the engine; must not know how acknowledgements are stored. */
#include "bridge/rpc/delivered.h"

#include <inttypes.h>
#include <stdlib.h>

#include "bridge/deliver/effects.h"
#include "bridge/deliver/presence.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/event.h"
#include "bridge/rpc/conv_seek.h"
#include "bridge/rpc/rpc.h"

/* Peers told of one acknowledgement: that of a first sync may cover a life's conversations. */
#define CONVS_MAX 1000
/* A stretch of the log this long is read as it is; a longer one, conversation by conversation. */
#define STRETCH_MAX 256
/* Newer and own messages passed over in one conversation. */
#define LOOK_BACK 1000

struct hunt {
	struct rpc_read *rd;
	uint64_t after, through;
	struct delivered *out;
	/* the conversation in hand */
	uint64_t seq;
	uint32_t looked_at;
};

void delivered_clear(struct delivered *d)
{
	free(d->v);
	*d = (struct delivered){NULL, 0, 0};
}

/* A deleted user is told nothing, and between two of whom one has blocked the other nothing is
 * told. */
static int add(struct hunt *s, uint64_t conv, uint64_t peer, uint64_t seq)
{
	struct delivered *d = s->out;
	struct delivered_item *v;
	struct directory_user u;
	bool blocked;
	int rc = directory_block_between(s->rd->call.dir, s->rd->call.user, peer, &blocked);

	if (rc != IM_OK || blocked)
		return rc;
	rc = directory_user_by_id(s->rd->call.dir, peer, &u);
	if (rc != IM_OK || u.deleted || u.uid.n > IM_UID_MAX)
		return rc == IM_E_NONE ? IM_OK : rc;
	if (d->n == CONVS_MAX)
		return IM_STOP;
	if (d->n == d->cap) {
		v = realloc(d->v, (d->cap ? 4 * d->cap : 4) * sizeof(*v));
		if (v == NULL)
			return IM_E_NOMEM;
		d->v = v;
		d->cap = d->cap ? 4 * d->cap : 4;
	}
	v = &d->v[d->n++];
	*v = (struct delivered_item){.seq = seq, .conv = conv};
	memcpy(v->peer, u.uid.p, u.uid.n);
	return IM_OK;
}

static struct delivered_item *find(const struct delivered *d, uint64_t conv)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].conv == conv)
			return &d->v[i];
	return NULL;
}

/* -- along the log -- */

static int on_logged(void *arg, const struct store_msg *m)
{
	struct hunt *s = arg;
	uint64_t me = s->rd->call.user;
	struct delivered_item *item;
	struct store_conv conv;
	int rc;

	if (m->sender == me)
		return IM_OK;
	item = find(s->out, m->conv);
	if (item != NULL) {
		item->seq = m->seq;
		return IM_OK;
	}
	rc = s->rd->backend->get_conv(s->rd->log, m->conv, &conv);
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	if (conv.kind != IM_CONV_USER || (conv.a != me && conv.b != me))
		return IM_OK;
	return add(s, m->conv, m->sender, m->seq);
}

/* -- conversation by conversation -- */

static int on_newest(void *arg, const struct store_msg *m)
{
	struct hunt *s = arg;

	if (m->gid <= s->after || s->looked_at++ == LOOK_BACK)
		return IM_STOP;
	if (m->gid > s->through || m->sender == s->rd->call.user)
		return IM_OK;
	s->seq = m->seq;
	return IM_STOP;
}

static int on_conv(void *arg, const struct store_conv *conv)
{
	struct hunt *s = arg;
	struct store_head head;
	int rc = s->rd->backend->read_head(s->rd->log, conv->id, &head);

	if (s->rd->looked_at != NULL)
		++*s->rd->looked_at;
	if (rc != IM_OK || head.gid <= s->after || conv->a == conv->b)
		return rc;
	s->seq = s->looked_at = 0;
	rc = s->rd->backend->read_conv(s->rd->log, conv->id, 1, head.seq, true, on_newest, s);
	if ((rc != IM_OK && rc != IM_STOP) || s->seq == 0)
		return rc == IM_STOP ? IM_OK : rc;
	return add(s, conv->id, conv->a == s->rd->call.user ? conv->b : conv->a, s->seq);
}

/* A user who has begun with what was newest then has not received what was before. */
static int look_behind(struct hunt *s, uint64_t behind, struct delivered_item *item)
{
	struct store_head head, first;
	int rc = s->rd->backend->read_head(s->rd->log, item->conv, &head);

	if (rc == IM_OK)
		rc = conv_seek(s->rd, item->conv, 0, head, behind, &first);
	if (rc == IM_OK)
		item->after = first.seq - 1;
	return rc;
}

int delivered_find(struct rpc_read *rd, uint64_t after, uint64_t through, uint64_t behind,
	struct delivered *out)
{
	struct hunt s = {.rd = rd, .after = after, .through = through, .out = out};
	int rc;

	if (through - after <= STRETCH_MAX)
		rc = rd->backend->read_log(rd->log, after + 1, through, false, on_logged, &s);
	else
		rc = rd->backend->user_convs(rd->log, rd->call.user, on_conv, &s);
	if (rc == IM_STOP)
		rc = IM_OK;
	for (size_t i = 0; rc == IM_OK && behind > 0 && i < out->n; i++)
		rc = look_behind(&s, behind, &out->v[i]);
	return rc;
}

/* -- telling -- */

void delivered_tell(const struct delivered *d, struct im_str by, const struct presence *presence,
	struct effects *fx)
{
	for (size_t i = 0; i < d->n; i++) {
		struct im_recipient to = {.uid = im_str(d->v[i].peer)};
		struct im_down_rec r = {.type = IM_DOWN_INBOX, .topic = IM_STR("event")};
		struct event e;

		if (!presence_online(presence, to.uid))
			continue;
		event_delivered(&e, by, d->v[i].after, d->v[i].seq);
		r.payload = im_buf_view(&e.json);
		if (event_fault(&e) == IM_OK)
			effects_put(fx, EFFECTS_CONTROL, &r, &to, 1);
		event_clear(&e);
	}
}
