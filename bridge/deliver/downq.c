/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the queues, the unreturned frames and the groups' tiers. Called by outbox.c and
 * peer.c; outboxes.c asks it for tiers. Knows nothing of what the records say but their length
 * prefix. */
#include "bridge/deliver/downq.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "common/limits.h"

/* Answers, and then deliveries. */
#define TIER_FIRST EFFECTS_CONTROL
#define TIER_DROPPED EFFECTS_DIRECT
#define TIER_COUNTED EFFECTS_SMALL /* whose deliveries are the broker's work */
#define WINDOW_MAX 16
/* With more than this waiting, groups are written to faster than the broker delivers: full frames
 * keep it busy, which slows the writers down before deliveries have to be dropped. */
#define RELAXED_BYTES (1024 * 1024)
/* Frames that are small after a direct message: about the work of a third of a second. */
#define HURRIED_FRAMES 1024
/* Pins are looked through for stale ones when their number has doubled, and not below this. */
#define PINS_SWEEP_MIN 1024

/* One tier: bytes [head, tail) of an endless stream; p[0] is byte `base` of it. */
struct tier {
	char *p;
	size_t cap;
	uint64_t base, head, tail;
};

struct pin {
	uint64_t group;
	enum effects_tier tier;
	uint64_t end; /* position in the tier's stream behind the group's last record */
	UT_hash_handle hh;
};

struct downq {
	struct tier tier[EFFECTS_TIERS];
	struct steps steps;
	size_t bytes, bytes_max;
	bool broken;
	struct im_buf frame[WINDOW_MAX]; /* unreturned ones, a ring */
	uint64_t told[WINDOW_MAX];       /* of EFFECTS_DIRECT, up to and with each of them */
	uint64_t has;                    /* with the last one that was returned */
	unsigned window, first, given, resend;
	unsigned hurried; /* small frames to come */
	uint64_t returned, dropped;
	struct pin *pins;
	size_t sweep_at;
};

struct downq *downq_new(size_t bytes_max, unsigned window)
{
	struct downq *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->bytes_max = bytes_max;
	q->window = window > WINDOW_MAX ? WINDOW_MAX : window;
	q->sweep_at = PINS_SWEEP_MIN;
	steps_init(&q->steps);
	for (unsigned i = 0; i < WINDOW_MAX; i++)
		im_buf_init(&q->frame[i], 0);
	return q;
}

void downq_free(struct downq **q)
{
	struct pin *pin, *tmp;

	if (!*q)
		return;
	for (int i = 0; i < EFFECTS_TIERS; i++)
		free((*q)->tier[i].p);
	for (unsigned i = 0; i < WINDOW_MAX; i++)
		im_buf_free(&(*q)->frame[i]);
	HASH_ITER (hh, (*q)->pins, pin, tmp) {
		HASH_DEL((*q)->pins, pin);
		free(pin);
	}
	free(*q);
	*q = NULL;
}

struct steps *downq_steps(struct downq *q)
{
	return &q->steps;
}

void downq_set_max(struct downq *q, size_t bytes_max)
{
	q->bytes_max = bytes_max;
}

static const char *front(const struct tier *t)
{
	return t->p + (t->head - t->base);
}

static bool pin_live(const struct downq *q, const struct pin *pin)
{
	const struct tier *t = &q->tier[pin->tier];

	return t->head < t->tail && t->head < pin->end;
}

static void pins_sweep(struct downq *q)
{
	struct pin *pin, *tmp;

	if (HASH_COUNT(q->pins) < q->sweep_at)
		return;
	HASH_ITER (hh, q->pins, pin, tmp) {
		if (!pin_live(q, pin)) {
			HASH_DEL(q->pins, pin);
			free(pin);
		}
	}
	q->sweep_at = 2 * HASH_COUNT(q->pins);
	if (q->sweep_at < PINS_SWEEP_MIN)
		q->sweep_at = PINS_SWEEP_MIN;
}

enum effects_tier downq_tier(struct downq *q, uint64_t group, enum effects_tier natural)
{
	struct pin *pin;

	HASH_FIND(hh, q->pins, &group, sizeof(group), pin);
	return pin && pin_live(q, pin) ? pin->tier : natural;
}

void downq_pin(struct downq *q, uint64_t group, enum effects_tier tier, size_t ahead)
{
	struct pin *pin;

	HASH_FIND(hh, q->pins, &group, sizeof(group), pin);
	if (!pin) {
		pins_sweep(q);
		pin = calloc(1, sizeof(*pin));
		/* Without it the group may change its tier too early; devices sort by seq. */
		if (!pin)
			return;
		pin->group = group;
		HASH_ADD(hh, q->pins, group, sizeof(pin->group), pin);
	}
	pin->tier = tier;
	pin->end = q->tier[tier].tail + ahead;
}

/* Makes room for n more bytes: moves the content to the front, or grows. */
static int tier_reserve(struct tier *t, size_t n)
{
	size_t used = (size_t)(t->tail - t->head);
	size_t cap = t->cap ? t->cap : 64 * 1024;
	char *p;

	if ((size_t)(t->tail - t->base) + n <= t->cap)
		return IM_OK;
	if (used + n > t->cap / 2) {
		while (cap < 2 * (used + n))
			cap *= 2;
		p = malloc(cap);
		if (!p)
			return IM_E_NOMEM;
		if (used)
			memcpy(p, front(t), used);
		free(t->p);
		t->p = p;
		t->cap = cap;
	} else if (used) {
		memmove(t->p, front(t), used);
	}
	t->base = t->head;
	return IM_OK;
}

static void tier_advance(struct downq *q, int tier, size_t n)
{
	struct tier *t = &q->tier[tier];

	t->head += n;
	q->bytes -= n;
	steps_pass(&q->steps, (enum effects_tier)tier, t->head);
	if (t->head < t->tail)
		return;
	t->base = t->head;
	/* An empty queue gives a burst's memory back. */
	if (t->cap > 1024 * 1024) {
		free(t->p);
		t->p = NULL;
		t->cap = 0;
	}
}

static size_t drop_oldest(struct downq *q)
{
	size_t dropped = 0;

	for (int i = EFFECTS_TIERS - 1; i >= TIER_DROPPED; i--) {
		struct tier *t = &q->tier[i];

		while (q->bytes - downq_answers(q) > q->bytes_max && t->head < t->tail) {
			steps_drop(&q->steps, (enum effects_tier)i);
			tier_advance(q, i, im_down_rec_bytes(front(t)));
			dropped++;
			q->broken |= i == EFFECTS_DIRECT;
		}
	}
	return dropped;
}

int downq_push(struct downq *q, enum effects_tier tier, struct im_str records,
	struct effects_span span, size_t *dropped_out)
{
	struct tier *t = &q->tier[tier];

	*dropped_out = 0;
	if (!records.n)
		return IM_OK;
	if (tier_reserve(t, records.n)) {
		steps_lose(&q->steps, &span);
		return IM_E_NOMEM;
	}
	memcpy(t->p + (t->tail - t->base), records.p, records.n);
	t->tail += records.n;
	q->bytes += records.n;
	steps_wait(&q->steps, tier, t->tail, &span);
	*dropped_out = drop_oldest(q);
	q->dropped += *dropped_out;
	return IM_OK;
}

/* What the broker has to do for a delivery's record; an answer is one packet. */
static uint32_t deliveries(int tier, const char *record)
{
	uint32_t n = tier < TIER_COUNTED ? 0 : im_down_rec_recipients(record);

	return n ? n : tier >= TIER_COUNTED;
}

/* Frames that may be unreturned when the next one is given out. */
static unsigned window(const struct downq *q)
{
	bool small = q->hurried && q->bytes <= RELAXED_BYTES && !downq_answers(q);

	return small ? 1 : q->window;
}

static size_t most_deliveries(const struct downq *q)
{
	if (q->bytes > RELAXED_BYTES)
		return SIZE_MAX;
	return q->hurried ? IM_DELIVERIES_PER_RECORD : IM_DELIVERIES_PER_FRAME;
}

/* Moves records from the queues into a frame; the first one whatever its size. */
static size_t fill(struct downq *q, struct im_buf *b)
{
	size_t most = most_deliveries(q);
	size_t records = 0, sum = 0;

	for (int i = TIER_FIRST; i < EFFECTS_TIERS; i++) {
		struct tier *t = &q->tier[i];

		while (t->head < t->tail) {
			size_t n = im_down_rec_bytes(front(t));

			sum += deliveries(i, front(t));
			if (records && (b->n + n > IM_DOWN_BYTES_SOFT || sum > most))
				return records;
			steps_say(&q->steps, b, steps_front(&q->steps, (enum effects_tier)i));
			im_buf_put(b, front(t), n);
			if (b->failed) {
				q->broken = true;
				return 0;
			}
			tier_advance(q, i, n);
			records++;
		}
	}
	return records;
}

struct im_str downq_next(struct downq *q)
{
	struct im_down_rec credit = {.type = IM_DOWN_CREDIT};
	struct im_buf *b;

	if (q->resend) {
		b = &q->frame[(q->first + q->given - q->resend) % WINDOW_MAX];
		q->resend--;
		return im_buf_view(b);
	}
	if (q->given >= window(q) || !q->bytes)
		return (struct im_str){0};
	b = &q->frame[(q->first + q->given) % WINDOW_MAX];
	im_buf_reset(b);
	im_frame_down_begin(b);
	steps_frame(&q->steps);
	if (!fill(q, b))
		return (struct im_str){0};
	im_down_rec_put(b, &credit, NULL, 0);
	q->told[(q->first + q->given) % WINDOW_MAX] = q->tier[EFFECTS_DIRECT].head;
	q->given++;
	if (q->hurried)
		q->hurried--;
	return im_buf_view(b);
}

void downq_hurry(struct downq *q)
{
	q->hurried = HURRIED_FRAMES;
}

void downq_return(struct downq *q, uint32_t frames)
{
	unsigned done = q->given - q->resend;

	/* What was returned for frames of a link that is gone counts for none of this one's. */
	if (frames < done)
		done = frames;
	if (done)
		q->has = q->told[(q->first + done - 1) % WINDOW_MAX];
	q->first = (q->first + done) % WINDOW_MAX;
	q->given -= done;
	q->returned += done;
}

void downq_lost(struct downq *q)
{
	q->resend = q->given;
}

uint64_t downq_dropped(const struct downq *q)
{
	return q->dropped;
}

uint64_t downq_returned(const struct downq *q)
{
	return q->returned;
}

size_t downq_bytes(const struct downq *q)
{
	return q->bytes;
}

size_t downq_answers(const struct downq *q)
{
	return (size_t)(q->tier[EFFECTS_CONTROL].tail - q->tier[EFFECTS_CONTROL].head);
}

size_t downq_urgent(const struct downq *q)
{
	return (size_t)(q->tier[EFFECTS_DIRECT].tail - q->tier[EFFECTS_DIRECT].head);
}

uint64_t downq_told(const struct downq *q)
{
	return q->tier[EFFECTS_DIRECT].tail;
}

bool downq_has(const struct downq *q, uint64_t told)
{
	return (q->given ? q->has : q->tier[EFFECTS_DIRECT].head) >= told;
}

bool downq_broken(struct downq *q)
{
	bool broken = q->broken;

	q->broken = false;
	return broken;
}

unsigned downq_outstanding(const struct downq *q)
{
	return q->given - q->resend;
}
