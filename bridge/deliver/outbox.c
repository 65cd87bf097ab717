/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the frame that is being packed. Called by the engine after a commit, and whenever the window
 * opens. Knows no database. */
#include "bridge/deliver/outbox.h"

#include <stdlib.h>

#include "common/limits.h"

#define FRAME_HEAD 4

struct outbox {
	struct downq *q;
	struct health *health;
	struct log *log;
	outbox_send_fn send;
	void *arg;
	struct im_buf frame;
};

struct outbox *outbox_new(
	struct downq *q, struct health *h, struct log *log, outbox_send_fn send, void *arg)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->q = q;
	o->health = h;
	o->log = log;
	o->send = send;
	o->arg = arg;
	im_buf_init(&o->frame, 0);
	return o;
}

void outbox_free(struct outbox **o)
{
	if (!*o)
		return;
	im_buf_free(&(*o)->frame);
	free(*o);
	*o = NULL;
}

static void give(struct outbox *o, struct im_str frame)
{
	o->health->frames_down++;
	o->health->bytes_down += frame.n;
	o->send(o->arg, frame);
}

static void begin(struct outbox *o)
{
	im_buf_reset(&o->frame);
	im_frame_down_begin(&o->frame);
}

/* A frame that memory failed is lost like one that the link loses: devices pull, batches replay. */
static void end(struct outbox *o)
{
	if (o->frame.failed)
		log_line(o->log, LOG_LEVEL_ERROR, "out_of_memory", "what=frame");
	else if (o->frame.n > FRAME_HEAD)
		give(o, im_buf_view(&o->frame));
}

static void pack(struct outbox *o, struct im_str records)
{
	while (records.n) {
		size_t n = 0;

		/* As many whole records as fit, copied at once. */
		while (n < records.n) {
			size_t more = im_down_rec_bytes(records.p + n);

			if (o->frame.n + n + more > IM_DOWN_BYTES_SOFT &&
				o->frame.n + n > FRAME_HEAD)
				break;
			n += more;
		}
		im_buf_put(&o->frame, records.p, n);
		records.p += n;
		records.n -= n;
		if (records.n) {
			end(o);
			begin(o);
		}
	}
}

void outbox_take(struct outbox *o, struct effects *fx, uint64_t epoch, uint64_t recno)
{
	struct im_down_rec done = {.type = IM_DOWN_COMMITTED, .epoch = epoch, .recno = recno};
	size_t dropped, sum = 0;

	if (effects_view(fx, EFFECTS_DIRECT).n)
		downq_hurry(o->q);
	begin(o);
	pack(o, effects_view(fx, EFFECTS_CONTROL));
	pack(o, effects_view(fx, EFFECTS_DIRECT));
	if (epoch)
		im_down_rec_put(&o->frame, &done, NULL, 0);
	end(o);
	for (int i = EFFECTS_SMALL; i < EFFECTS_TIERS; i++) {
		enum effects_tier tier = (enum effects_tier)i;

		if (downq_push(o->q, tier, effects_view(fx, tier), &dropped))
			log_line(o->log, LOG_LEVEL_ERROR, "out_of_memory", "what=deliveries");
		else
			sum += dropped;
	}
	if (sum) {
		o->health->deliveries_dropped += sum;
		log_line(o->log, LOG_LEVEL_WARNING, "deliveries_dropped",
			"records=%zu what=\"more waits than backlog_bytes; devices pull it\"", sum);
	}
	effects_reset(fx);
	outbox_pump(o);
}

void outbox_answer(struct outbox *o, struct effects *fx)
{
	size_t dropped;

	if (downq_push(o->q, EFFECTS_CONTROL, effects_view(fx, EFFECTS_CONTROL), &dropped))
		log_line(o->log, LOG_LEVEL_ERROR, "out_of_memory", "what=answers");
	effects_reset(fx);
	outbox_pump(o);
}

void outbox_pump(struct outbox *o)
{
	struct im_str frame;

	while ((frame = downq_next(o->q)).n)
		give(o, frame);
}

void outbox_one(struct outbox *o, const struct im_down_rec *r)
{
	begin(o);
	im_down_rec_put(&o->frame, r, NULL, 0);
	end(o);
}
