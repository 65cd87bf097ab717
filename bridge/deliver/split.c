/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns a copy of the records a plugin and a tier, for as long as a transaction is handed out.
 * Called by outboxes.c. */
#include "bridge/deliver/split.h"

#include <stdlib.h>

#include "common/frame.h"

/* What a buffer may keep between transactions. */
#define KEEP_BYTES (256 * 1024)

struct part {
	struct effects_share share;
	struct im_buf tier[EFFECTS_TIERS];
	bool placed[EFFECTS_TIERS]; /* something in it has a position in the log */
};

/* Of those that are at any of them, in order. */
struct people {
	struct im_recipient v[IM_RECIPIENTS_PER_RECORD];
	split_mask at[IM_RECIPIENTS_PER_RECORD];
	uint32_t n;
	split_mask any, every;
};

struct split {
	struct part part[IM_PEERS_MAX];
	/* The cut in hand. */
	split_mask own, to;
	split_where_fn where;
	void *arg;
	struct people p; /* of the record in hand */
};

struct split *split_new(void)
{
	struct split *s = calloc(1, sizeof(*s));

	for (unsigned i = 0; s && i < IM_PEERS_MAX; i++)
		for (int k = 0; k < EFFECTS_TIERS; k++)
			im_buf_init(&s->part[i].tier[k], 0);
	return s;
}

void split_free(struct split **s)
{
	if (!*s)
		return;
	for (unsigned i = 0; i < IM_PEERS_MAX; i++)
		for (int k = 0; k < EFFECTS_TIERS; k++)
			im_buf_free(&(*s)->part[i].tier[k]);
	free(*s);
	*s = NULL;
}

static void clear(struct split *s)
{
	for (unsigned i = 0; i < IM_PEERS_MAX; i++) {
		struct part *p = &s->part[i];

		p->share = (struct effects_share){0};
		for (int k = 0; k < EFFECTS_TIERS; k++) {
			p->placed[k] = false;
			if (p->tier[k].cap > KEEP_BYTES)
				im_buf_free(&p->tier[k]);
			else
				im_buf_reset(&p->tier[k]);
		}
	}
}

static bool has_recipients(const struct im_down_rec *r)
{
	return r->type == IM_DOWN_MESSAGE || r->type == IM_DOWN_INBOX || r->type == IM_DOWN_DEVICE;
}

static bool is_kept(const struct im_down_rec *r)
{
	return r->type == IM_DOWN_INBOX && r->flags & IM_DOWNF_KEPT;
}

static void look_up(struct split *s, const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct people *p = &s->p;

	p->any = 0;
	while (p->n < r->recipients && !im_recipient_read(&in, &p->v[p->n])) {
		split_mask at = s->where(s->arg, p->v[p->n].uid) & s->to;

		p->at[p->n++] = at;
		p->any |= at;
		p->every &= at;
	}
}

static void put_some(
	struct im_buf *b, const struct im_down_rec *r, const struct people *p, split_mask bit)
{
	struct im_recipient to[IM_RECIPIENTS_PER_RECORD];
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		if (p->at[i] & bit)
			to[n++] = p->v[i];
	im_down_rec_put(b, r, to, n);
}

/* whole: the record as it was planned. */
static void put(
	struct split *s, enum effects_tier tier, const struct im_down_rec *r, struct im_str whole)
{
	for (unsigned i = 0; i < IM_PEERS_MAX; i++) {
		const split_mask bit = UINT32_C(1) << i;
		struct part *part = &s->part[i];

		if (!(s->p.any & bit))
			continue;
		if (s->p.every & bit)
			im_buf_str(&part->tier[tier], whole);
		else
			put_some(&part->tier[tier], r, &s->p, bit);
		part->placed[tier] |= r->type != IM_DOWN_INBOX || is_kept(r);
		part->share.hurries |= tier == EFFECTS_DIRECT && !is_kept(r);
	}
}

static void cut_record(struct split *s, enum effects_tier tier, struct im_str whole)
{
	struct im_str in = whole;
	struct im_down_rec r;

	if (im_down_rec_read(&in, &r))
		return;
	s->p.n = 0;
	s->p.any = s->p.every = effects_is_answer(&r) ? s->own : s->to;
	if (!effects_is_answer(&r) && has_recipients(&r) &&
		r.recipients <= IM_RECIPIENTS_PER_RECORD)
		look_up(s, &r);
	put(s, tier, &r, whole);
}

static void cut_tier(struct split *s, const struct effects_share *all, enum effects_tier tier)
{
	struct im_str in = all->records[tier];
	size_t at = 0;

	while (at < in.n) {
		size_t n = im_down_rec_bytes(in.p + at);

		cut_record(s, tier, (struct im_str){in.p + at, n});
		at += n;
		for (unsigned i = 0; tier == EFFECTS_DIRECT && i < IM_PEERS_MAX; i++)
			if (at == all->before_groups)
				s->part[i].share.before_groups = s->part[i].tier[tier].n;
	}
}

static int finish(struct split *s, const struct effects_share *all)
{
	int rc = IM_OK;

	for (unsigned i = 0; i < IM_PEERS_MAX; i++) {
		struct part *p = &s->part[i];

		for (int k = 0; k < EFFECTS_ROOM; k++) {
			p->share.records[k] = im_buf_view(&p->tier[k]);
			if (p->placed[k])
				p->share.span[k] = all->span[k];
			if (p->tier[k].failed)
				rc = IM_E_NOMEM;
		}
		p->share.records[EFFECTS_ROOM] = all->records[EFFECTS_ROOM];
		p->share.retained = all->retained;
	}
	return rc;
}

int split_cut(struct split *s, const struct effects_share *all, split_mask own, split_mask to,
	split_where_fn where, void *arg)
{
	clear(s);
	s->own = own;
	s->to = to;
	s->where = where;
	s->arg = arg;
	for (int k = 0; k < EFFECTS_ROOM; k++)
		cut_tier(s, all, (enum effects_tier)k);
	return finish(s, all);
}

const struct effects_share *split_share(const struct split *s, unsigned number)
{
	return &s->part[number].share;
}
