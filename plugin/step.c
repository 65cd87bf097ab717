/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by downlink.c for each frame, by delivery.c for each delivery and greeting, by
 * capture_session.c when a session asks. */
#include "plugin/step.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/wire.h"

/* One that was lost on the way is asked for again after this. */
#define ASK_AGAIN_US INT64_C(5000000)

void step_init(struct step *s, uint64_t random)
{
	/* An answer to what the last process of the broker has asked answers none of this one's. */
	*s = (struct step){.asks = random >> 2};
	snprintf(s->epoch, sizeof(s->epoch), "%016" PRIx64, random);
}

void step_link(struct step *s)
{
	s->gaps++;
	s->next = 0;
}

void step_frame(struct step *s)
{
	s->known = false;
}

/* A frame that is given out again has its number of before. */
void step_record(struct step *s, const struct im_down_rec *r)
{
	if (r->recno && s->next && r->recno > s->next)
		s->gaps++;
	if (r->recno >= s->next && r->recno < UINT64_MAX)
		s->next = r->recno + 1;
	if (r->flags & IM_DOWNF_GAP)
		s->gaps++;
	s->known = true;
	s->all = r->flags & IM_DOWNF_ALL;
	s->position = r->epoch;
}

/* The number of the newest delivery. */
static uint64_t newest(const struct step *s, const struct session_user *u)
{
	return u->n + s->gaps;
}

size_t step_count(struct step *s, struct session_user *u, char out[STEP_TEXT_MAX])
{
	if (!u)
		return 0;
	u->n++;
	if (!s->known)
		return 0;
	out[0] = ',';
	return 1 + im_wire_step(out + 1, newest(s, u), s->all, s->position);
}

size_t step_count_own(struct step *s, struct session *e, char out[STEP_TEXT_MAX])
{
	if (!e)
		return 0;
	e->own++;
	if (!s->known)
		return 0;
	out[0] = ',';
	return 1 + im_wire_step_own(out + 1, e->own + s->gaps, s->all, s->position);
}

bool step_ask(struct step *s, struct session *e, int64_t now_us)
{
	if (e->ask && now_us - e->asked_us < ASK_AGAIN_US)
		return false;
	step_ask_maybe(s, e);
	e->asked_us = now_us;
	return true;
}

/* An earlier ask is as good: what it is compared with is older. */
void step_ask_maybe(struct step *s, struct session *e)
{
	if (e->ask)
		return;
	e->ask = ++s->asks;
	e->asked_at = newest(s, e->user);
	e->asked_own = e->own;
	e->asked_us = INT64_MIN / 2;
}

void step_hello(
	struct step *s, struct session *e, uint64_t ask, struct im_str event, struct im_buf *out)
{
	const struct im_str none = {NULL, 0}, epoch = {s->epoch, sizeof(s->epoch) - 1};
	bool mine = e && ask && e->ask == ask;
	bool lost = !mine || e->asked_at != newest(s, e->user) || e->asked_own != e->own;

	im_buf_reset(out);
	im_wire_hello(out, event, lost, e ? newest(s, e->user) : 0, e && s->known ? epoch : none);
	if (e && session_is_thing(e) && s->known && out->n)
		im_wire_hello_own(out, e->own + s->gaps);
	if (mine)
		e->ask = 0;
	if (e)
		e->greeted = true;
}
