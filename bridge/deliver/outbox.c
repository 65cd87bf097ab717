/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the frame that is being packed. Called by outboxes after a commit, and by the peer whenever
 * the window opens. Knows no database. */
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
	size_t empty; /* bytes of the frame without a record that is the plugin's to carry out */
	struct step step; /* of what the frame in hand delivers */
	bool linked, missed, known, held;
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
	o->empty = o->frame.n;
}

/* Something that is planned goes into the frame. */
static void head(struct outbox *o)
{
	if (o->frame.n > FRAME_HEAD)
		return;
	steps_frame(downq_steps(o->q));
	steps_say(downq_steps(o->q), &o->frame, o->step);
	o->empty = o->frame.n;
}

/* A frame that memory failed is lost like one that the link loses: devices sync, batches replay. */
static void end(struct outbox *o)
{
	if (o->frame.failed) {
		log_line(o->log, LOG_LEVEL_ERROR, "out_of_memory", "what=frame");
		o->missed = true;
	} else if (o->frame.n > o->empty) {
		give(o, im_buf_view(&o->frame));
	}
}

static void pack(struct outbox *o, struct im_str records)
{
	while (records.n) {
		size_t n = 0;

		head(o);
		/* As many whole records as fit, copied at once. */
		while (n < records.n) {
			size_t more = im_down_rec_bytes(records.p + n);

			if (o->frame.n + n + more > IM_DOWN_BYTES_SOFT && o->frame.n + n > o->empty)
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

static size_t push(
	struct outbox *o, enum effects_tier tier, struct im_str records, struct effects_span span)
{
	size_t dropped;

	if (downq_push(o->q, tier, records, span, &dropped)) {
		log_line(o->log, LOG_LEVEL_ERROR, "out_of_memory", "what=deliveries");
		o->missed |= tier == EFFECTS_DIRECT;
	}
	return dropped;
}

static void say_dropped(struct outbox *o, size_t n)
{
	if (!n)
		return;
	o->health->deliveries_dropped += n;
	log_line(o->log, LOG_LEVEL_WARNING, "deliveries_dropped",
		"records=%zu what=\"more waits than backlog_bytes; devices pull it\"", n);
}

/* What large groups get, and then whatever may leave. */
static void queue_groups(struct outbox *o, const struct effects_share *s, size_t dropped)
{
	for (int i = EFFECTS_SMALL; i < EFFECTS_TIERS; i++)
		dropped += push(o, (enum effects_tier)i, s->records[i], s->span[i]);
	say_dropped(o, dropped);
	outbox_pump(o);
}

/* The same order as at once, but later, and again until it is returned. */
static size_t queue_direct(struct outbox *o, const struct effects_share *s)
{
	size_t dropped =
		push(o, EFFECTS_DIRECT, s->records[EFFECTS_CONTROL], (struct effects_span){0});

	return dropped +
	       push(o, EFFECTS_DIRECT, s->records[EFFECTS_DIRECT], s->span[EFFECTS_DIRECT]);
}

static size_t take_later(
	struct outbox *o, const struct effects_share *s, const struct im_down_rec *done)
{
	size_t dropped = queue_direct(o, s);

	if (!done->epoch)
		return dropped;
	im_buf_reset(&o->frame);
	im_down_rec_put(&o->frame, done, NULL, 0);
	return dropped + push(o, EFFECTS_DIRECT, im_buf_view(&o->frame), (struct effects_span){0});
}

/* What groups get waits, so what is newer in the log is handed over before it. */
static void pack_direct(struct outbox *o, const struct effects_share *s)
{
	struct im_str records = s->records[EFFECTS_DIRECT];
	size_t before = s->before_groups;
	uint64_t group = effects_groups(s);

	if (group == UINT64_MAX || !o->step.all) {
		pack(o, records);
		return;
	}
	pack(o, (struct im_str){records.p, before});
	if (records.n == before)
		return;
	o->step = (struct step){.position = group - 1};
	head(o);
	steps_say(downq_steps(o->q), &o->frame, o->step);
	pack(o, (struct im_str){records.p + before, records.n - before});
}

/* A frame that is not returned is given out again: what a broker retains would be as it was then.
 */
static bool keeps_order(const struct outbox *o, const struct effects_share *s)
{
	return s->retained && !downq_has(o->q, downq_told(o->q));
}

void outbox_take(struct outbox *o, const struct effects_share *s, uint64_t epoch, uint64_t recno)
{
	struct im_down_rec done = {.type = IM_DOWN_COMMITTED, .epoch = epoch, .recno = recno};

	/* Of its own records it says again what it was not told of; nobody does of the rest. */
	if (!o->linked) {
		o->missed |= s->records[EFFECTS_CONTROL].n || s->records[EFFECTS_DIRECT].n;
		queue_groups(o, s, 0);
		return;
	}
	if (s->hurries)
		downq_hurry(o->q);
	if (!epoch || o->held || downq_urgent(o->q) || keeps_order(o, s)) {
		queue_groups(o, s, take_later(o, s, &done));
		return;
	}
	begin(o);
	o->step = steps_now(downq_steps(o->q));
	pack(o, s->records[EFFECTS_CONTROL]);
	pack_direct(o, s);
	head(o);
	im_down_rec_put(&o->frame, &done, NULL, 0);
	end(o);
	queue_groups(o, s, 0);
}

void outbox_hear(struct outbox *o, const struct effects_share *s)
{
	/* It is asked for its sessions when it is there again. */
	if (!o->linked) {
		o->missed = true;
		return;
	}
	if (s->hurries)
		downq_hurry(o->q);
	queue_groups(o, s, queue_direct(o, s));
}

void outbox_answer(struct outbox *o, struct im_str answers)
{
	size_t dropped;

	if (downq_push(o->q, EFFECTS_CONTROL, answers, (struct effects_span){0}, &dropped))
		log_line(o->log, LOG_LEVEL_ERROR, "out_of_memory", "what=answers");
	outbox_pump(o);
}

void outbox_hold(struct outbox *o, bool held)
{
	o->held = held;
}

void outbox_set_known(struct outbox *o, bool known)
{
	o->known = known;
}

bool outbox_known(const struct outbox *o)
{
	return o->known;
}

void outbox_set_linked(struct outbox *o, bool linked)
{
	o->linked = linked;
}

void outbox_miss(struct outbox *o)
{
	o->missed = true;
}

bool outbox_missed(const struct outbox *o)
{
	return o->missed;
}

void outbox_made_up(struct outbox *o)
{
	o->missed = false;
}

struct downq *outbox_queue(const struct outbox *o)
{
	return o->q;
}

void outbox_pump(struct outbox *o)
{
	struct im_str frame;

	if (o->held)
		return;
	while ((frame = downq_next(o->q)).n)
		give(o, frame);
	o->missed |= downq_broken(o->q);
}

void outbox_one(struct outbox *o, const struct im_down_rec *r)
{
	begin(o);
	im_down_rec_put(&o->frame, r, NULL, 0);
	end(o);
}
