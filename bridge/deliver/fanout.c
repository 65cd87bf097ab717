/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the scratch buffers of one delivery. Called by writer.c. Knows nothing of how
 * records reach the link. */
#include "bridge/deliver/fanout.h"

#include <stdlib.h>

#include "bridge/deliver/ceiling.h"
#include "bridge/deliver/outboxes.h"
#include "bridge/directory/directory_group.h"
#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/meta_device.h"
#include "bridge/message/meta_props.h"
#include "bridge/message/seen.h"
#include "common/limits.h"
#include "common/wire.h"

#define SMALL_MAX 100
#define MEDIUM_MAX 1000

struct fanout {
	struct effects *fx;
	struct outboxes *out;
	struct members *members;
	struct ceiling *ceiling;
	struct im_buf tail;
	struct im_buf body; /* of a system message or an edit */
	struct im_buf text; /* names of conversations, or a room's whole payload */
	struct im_buf props;
	struct im_recipient to[IM_RECIPIENTS_PER_RECORD];
};

struct fanout *fanout_new(
	struct effects *fx, struct outboxes *out, struct members *m, struct ceiling *ceiling)
{
	struct fanout *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->fx = fx;
	f->out = out;
	f->members = m;
	f->ceiling = ceiling;
	im_buf_init(&f->tail, 0);
	im_buf_init(&f->body, 0);
	im_buf_init(&f->text, 0);
	im_buf_init(&f->props, 0);
	return f;
}

void fanout_free(struct fanout **f)
{
	if (!*f)
		return;
	im_buf_free(&(*f)->tail);
	im_buf_free(&(*f)->body);
	im_buf_free(&(*f)->text);
	im_buf_free(&(*f)->props);
	free(*f);
	*f = NULL;
}

enum effects_tier fanout_tier(int kind, size_t members)
{
	if (kind == DIRECTORY_ROOM)
		return EFFECTS_ROOM;
	if (members <= SMALL_MAX)
		return EFFECTS_SMALL;
	return members <= MEDIUM_MAX ? EFFECTS_MEDIUM : EFFECTS_LARGE;
}

/* One device of a device account, and none of the others. What a plugin of the version before does
 * not know comes by sync. */
static void to_device(struct fanout *f, const struct im_down_rec *r, struct im_str device,
	const struct im_recipient *to)
{
	struct im_down_rec one = *r;

	if (effects_level(f->fx) < IM_PLUGIN_LEVEL_DEVICE)
		return;
	one.type = IM_DOWN_DEVICE;
	one.topic = device;
	effects_put(f->fx, EFFECTS_DIRECT, &one, to, 1);
}

/* who: those who are meant this time. */
static void direct(
	struct fanout *f, const struct message *m, struct im_down_rec *r, enum message_was who)
{
	struct im_recipient to[2];
	char name[IM_DEVICE_MAX];
	struct im_str device;
	uint32_t n = 0;
	size_t cut;

	im_buf_reset(&f->text);
	im_buf_z(&f->text, "u/");
	im_buf_str(&f->text, m->from);
	cut = f->text.n;
	im_buf_z(&f->text, "u/");
	im_buf_str(&f->text, m->peer);
	if (f->text.failed)
		return;
	device = meta_device_get(m->meta, META_TO_DEVICE, name);
	if (who & MESSAGE_WAS_OTHERS)
		to[n++] = (struct im_recipient){m->peer, {f->text.p, cut}};
	if (n && device.n) {
		to_device(f, r, device, to);
		n = 0;
	}
	if ((who & MESSAGE_WAS_SENDER) && m->a != m->b)
		to[n++] = (struct im_recipient){m->from, {f->text.p + cut, f->text.n - cut}};
	if (n)
		effects_put(f->fx, EFFECTS_DIRECT, r, to, n);
}

static void chunks(struct fanout *f, enum effects_tier tier, const struct members_group *g,
	const struct im_down_rec *r, struct im_str skip)
{
	uint32_t most = r->payload.n > IM_LARGE_PAYLOAD ? IM_RECIPIENTS_PER_RECORD
							: IM_DELIVERIES_PER_RECORD;
	uint32_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		if (skip.n && im_str_eq(g->uids[i], skip))
			continue;
		f->to[n++] = (struct im_recipient){.uid = g->uids[i]};
		if (n == most) {
			effects_put(f->fx, tier, r, f->to, n);
			n = 0;
		}
	}
	if (n)
		effects_put(f->fx, tier, r, f->to, n);
}

void fanout_record(struct fanout *f, const struct members_group *g, const struct im_down_rec *r,
	struct im_str skip)
{
	enum effects_tier tier = outboxes_tier(f->out, g->id, fanout_tier(g->kind, g->n));

	if (g->uids)
		chunks(f, tier, g, r, skip);
	else
		effects_put(f->fx, tier, r, NULL, 0);
	outboxes_pin(f->out, g->id, tier, effects_view(f->fx, tier).n);
}

/* A room's message is one publish of the whole payload, which the broker fans out. */
static void room(struct fanout *f, const struct members_group *g, const struct message *m,
	struct im_down_rec *r)
{
	size_t cut;

	im_buf_reset(&f->text);
	im_buf_z(&f->text, "room/");
	im_buf_str(&f->text, m->peer);
	cut = f->text.n;
	im_buf_z(&f->text, "{\"conv\":\"g/");
	im_buf_str(&f->text, m->peer);
	im_buf_c(&f->text, '"');
	im_buf_str(&f->text, im_buf_view(&f->tail));
	if (f->text.failed)
		return;
	r->type = IM_DOWN_TOPIC;
	r->topic = (struct im_str){f->text.p, cut};
	r->payload = (struct im_str){f->text.p + cut, f->text.n - cut};
	fanout_record(f, g, r, (struct im_str){0});
}

/* Of what plain members do, a room that is above its ceiling gets no more. */
static bool above(
	struct fanout *f, const struct members_group *g, const struct message *m, int64_t now_ms)
{
	enum ceiling_share share = !m->plain              ? CEILING_NONE
				   : kind_counts(m->type) ? CEILING_SAID
							  : CEILING_BESIDE;

	return f->ceiling && !ceiling_passes(f->ceiling, g->id, now_ms, share);
}

static int group(struct fanout *f, const struct message *m, struct im_down_rec *r, int64_t now_ms)
{
	const struct members_group *g;
	int rc = members_get(f->members, m->a, &g);

	if (rc == IM_E_NONE)
		return IM_OK;
	if (rc)
		return rc;
	if (g->kind == DIRECTORY_ROOM) {
		if (!above(f, g, m, now_ms))
			room(f, g, m, r);
		return IM_OK;
	}
	im_buf_reset(&f->text);
	im_buf_z(&f->text, "g/");
	im_buf_str(&f->text, m->peer);
	r->topic = im_buf_view(&f->text);
	fanout_record(f, g, r, (struct im_str){0});
	return IM_OK;
}

/* was: with what an edited text was before. */
static int deliver(struct fanout *f, const struct message *m, uint64_t seq, uint64_t gid,
	int64_t now_ms, enum message_was who, bool was)
{
	struct im_wire_msg wire = {
		.seq = seq,
		.cursor = gid,
		.from = m->from,
		.ts_ms = m->ts_ms,
		.id = m->id,
		.type = m->type,
		.enc = m->enc,
		.meta = m->meta,
		.body = m->body,
	};
	struct im_down_rec r = {
		.type = IM_DOWN_MESSAGE,
		.flags = IM_DOWNF_QOS1,
		.epoch = (uint64_t)meta_expires_ms(m->meta, m->ts_ms),
		.recno = seq,
		.user = m->from,
		.device = m->device,
		.id = m->id,
	};
	int rc = IM_OK;

	/* It has waited in the spool for longer than it lives: only its place is told. */
	if (seen_now(&wire, false, was ? 0 : UINT64_MAX, now_ms, &f->body))
		r.epoch = 0;
	im_buf_reset(&f->props);
	meta_props_get(wire.meta, &f->props);
	r.corr = im_buf_view(&f->props);
	im_buf_reset(&f->tail);
	im_wire_tail(&f->tail, &wire);
	r.payload = im_buf_view(&f->tail);
	effects_at(f->fx, gid);
	if (m->kind == IM_CONV_USER)
		direct(f, m, &r, who);
	else
		rc = group(f, m, &r, now_ms);
	effects_at(f->fx, 0);
	return f->tail.failed || f->text.failed || f->body.failed || f->props.failed ? IM_E_NOMEM
										     : rc;
}

int fanout_message(
	struct fanout *f, const struct message *m, uint64_t seq, uint64_t gid, int64_t now_ms)
{
	enum message_was others = MESSAGE_WAS_ALL & ~m->was_for;
	int rc = IM_OK;

	if (m->was_for)
		rc = deliver(f, m, seq, gid, now_ms, m->was_for, true);
	if (!rc && others)
		rc = deliver(f, m, seq, gid, now_ms, others, false);
	return rc;
}
