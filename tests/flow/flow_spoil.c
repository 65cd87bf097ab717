/* SPDX-License-Identifier: BSD-3-Clause */
/* Sabotage of what a bridge tells its plugins of devices that have moved. Called by flow_broker.c.
 */
#include "tests/flow/flow.h"

#include "common/frame.h"
#include "common/wire.h"

static bool spoils(enum flow_sabotage how, const struct im_down_rec *r)
{
	return (how == FLOW_UNTOLD || how == FLOW_MISLED) && r->type == IM_DOWN_KICK_DEVICE &&
	       r->flags == IM_END_MOVED && r->epoch;
}

/* The frame without this record, or with another one instead. */
static void replace(struct im_buf *b, enum flow_sabotage how, const struct im_down_rec *r)
{
	struct im_down_rec wrong = *r;

	/* Wherever it has come last, it is at the next one. */
	wrong.epoch = INT64_MAX;
	wrong.recno = r->recno % FLOW_BROKERS_MAX + 1;
	if (how == FLOW_MISLED)
		im_down_rec_put(b, &wrong, NULL, 0);
}

void flow_spoil(enum flow_sabotage how, struct flow_frame *m)
{
	struct im_str rest, whole = {m->p, m->n};
	struct im_down_rec r;
	struct im_buf b;
	bool any = false;

	if (how != FLOW_UNTOLD && how != FLOW_MISLED)
		return;
	im_buf_init(&b, 0);
	assert_int_equal(im_down_frame_read(whole, &rest), IM_OK);
	im_buf_put(&b, whole.p, whole.n - rest.n);
	while (rest.n) {
		const char *begin = rest.p;

		assert_int_equal(im_down_rec_read(&rest, &r), IM_OK);
		any |= spoils(how, &r);
		if (spoils(how, &r))
			replace(&b, how, &r);
		else
			im_buf_put(&b, begin, (size_t)(rest.p - begin));
	}
	assert_false(b.failed);
	if (any) {
		free(m->p);
		m->n = b.n;
		m->p = memcpy(malloc(b.n + 1), b.p, b.n);
	}
	im_buf_free(&b);
}
