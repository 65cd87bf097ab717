/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the state of one link, its queue and its outbox. Called by the engine for each of the
 * plugin's frames and for time. Must not know databases. */
#include "bridge/engine/peer.h"

#include <stdlib.h>

#include "bridge/deliver/downq.h"
#include "common/jsonscan.h"

/* Unreturned frames of what waits its turn: one at work in the broker, one on its way. */
#define DOWN_WINDOW 2
#define HELLO_AGAIN_MS 5000
#define STATS_EVERY_MS 5000
#define PATIENCE_MS 3000
#define PATIENCE_MAX_MS 60000
/* After something was dropped, and no more is for so long, devices are told of the gap: each of
 * them syncs then, so it is not said for every record of a flood. */
#define CALM_MS 5000
#define STATS_MAX 65536
/* Bytes of answers that wait for the link before the next ones are taken from the readers. */
#define ANSWERS_MAX (1024 * 1024)
/* Bytes that wait before what is told by time waits, too: a few frames, which keep the link busy.
 */
#define PRESENCE_MAX (256 * 1024)

struct peer {
	struct peer_parts p;
	struct downq *queue;
	struct outbox *outbox;
	struct spool_mark *spool;
	struct im_buf stats;
	unsigned level;
	bool several;

	bool linked, ready, known;
	bool served; /* what the plugin is lets it be, on this link */
	bool old;    /* it did not, which was said */
	/* HELLO was said and not answered in full yet; an answer has begun. */
	bool waiting, in_snapshot, asked_again;
	bool in_hand;  /* a part of the answer to the last HELLO is being taken in */
	bool greeting; /* the next answer's devices are greeted */
	bool refused;  /* something came and is to be asked for again */
	bool conflict; /* its spool is another plugin's, which was said */
	int64_t hello_at_ms, stats_at_ms;
	/* It was asked for its counters, first then, and has said nothing since. */
	bool silent;
	int64_t silent_since_ms;
	/* It is not ready, since then; see peer_lost. */
	bool away, lost;
	int64_t away_since_ms;
	/* When a frame came back last, and for how long the next one may stay away. */
	uint64_t returned;
	uint64_t told; /* see peer_told */
	int64_t returned_at_ms, patience_ms;
	/* What was dropped, and when something was last. */
	uint64_t dropped;
	int64_t dropped_at_ms;
};

int peer_new(const struct peer_parts *parts, struct peer **out)
{
	struct peer *p = calloc(1, sizeof(*p));
	int rc = IM_E_NOMEM;

	*out = p;
	if (!p)
		return rc;
	p->p = *parts;
	p->patience_ms = PATIENCE_MS;
	p->served = true;
	/* What the last process still had queued is gone. */
	p->greeting = true;
	im_buf_init(&p->stats, STATS_MAX);
	p->queue = downq_new(parts->backlog_bytes, DOWN_WINDOW);
	if (p->queue)
		p->outbox = outbox_new(
			p->queue, parts->health, parts->log, parts->send, parts->send_arg);
	if (p->outbox)
		rc = outboxes_add(parts->outboxes, p->outbox, parts->number);
	if (rc)
		peer_free(out);
	else
		marks_expect(parts->marks);
	return rc;
}

void peer_free(struct peer **out)
{
	struct peer *p = *out;

	if (!p)
		return;
	outboxes_remove(p->p.outboxes, p->outbox);
	outbox_free(&p->outbox);
	downq_free(&p->queue);
	im_buf_free(&p->stats);
	free(p);
	*out = NULL;
}

void peer_set_backlog(struct peer *p, size_t bytes)
{
	downq_set_max(p->queue, bytes);
}

void peer_set_several(struct peer *p)
{
	p->several = true;
	p->served = p->level >= IM_PLUGIN_LEVEL_SEVERAL;
	outbox_hold(p->outbox, !p->served);
}

/* -- the link -- */

static void hello(struct peer *p, int64_t mono_ms)
{
	const struct im_down_rec r = {.type = IM_DOWN_HELLO,
		.flags = IM_DOWNF_AHEAD | (p->several ? IM_DOWNF_SEVERAL : 0),
		.epoch = p->p.instance,
		.recno = p->p.number + 1};

	if (!p->linked)
		return;
	p->waiting = true;
	p->in_snapshot = p->in_hand = false;
	p->hello_at_ms = mono_ms;
	steps_gap(downq_steps(p->queue));
	outbox_one(p->outbox, &r);
}

/* What it has not heard of others its devices hear when they sync. */
static void make_up(struct peer *p)
{
	p->greeting |= outbox_missed(p->outbox);
	outbox_made_up(p->outbox);
}

/* What it understands is not known: with others beside it nothing is told before it is. */
static void unknown(struct peer *p)
{
	p->level = 0;
	p->served = !p->several;
	steps_set(downq_steps(p->queue), false);
	outbox_set_known(p->outbox, false);
	outbox_hold(p->outbox, p->several);
}

void peer_link(struct peer *p, int64_t mono_ms)
{
	p->linked = true;
	p->ready = p->asked_again = p->silent = false;
	p->p.health->links++;
	p->returned_at_ms = mono_ms;
	unknown(p);
	outbox_set_linked(p->outbox, true);
	downq_lost(p->queue);
	make_up(p);
	hello(p, mono_ms);
	outbox_pump(p->outbox);
}

void peer_unlink(struct peer *p)
{
	p->linked = p->ready = p->waiting = p->in_hand = false;
	unknown(p);
	outbox_set_linked(p->outbox, false);
}

/* -- frames -- */

/* Says once, and again after it was right in between, that two plugins have one spool: what is
 * committed of it is then nobody's to say. */
static void say_conflict(struct peer *p, uint64_t epoch)
{
	if (!p->conflict)
		log_line(p->p.log, LOG_LEVEL_ERROR, "spool_shared",
			"broker=%s epoch=%llu what=\"the plugin of another broker has the same "
			"spool; each needs a spool_file of its own, which is not a copy\"",
			p->p.broker, (unsigned long long)epoch);
	p->conflict = true;
}

/* s: what is known of the spool that begins here. One that is known by no message may have been
 * there for long: a batch without one leaves no mark in the log. */
static void say_beginning(
	const struct peer *p, const struct im_up_batch *h, const struct spool_mark *s, bool same)
{
	uint64_t expected = s->recno + 1;

	if (same)
		log_line(p->p.log, LOG_LEVEL_INFO, "spool_goes_on",
			"epoch=%llu expected=%llu first=%llu what=\"numbers jump when broker or "
			"bridge was started again; nothing is missing\"",
			(unsigned long long)h->epoch, (unsigned long long)expected,
			(unsigned long long)h->first);
	else if (h->first == 1)
		log_line(p->p.log, LOG_LEVEL_INFO, "spool_begins", "epoch=%llu first=1",
			(unsigned long long)h->epoch);
}

/* The plugin says where its spool begins. What lies between that and the committed is committed too
 * (a batch without messages leaves no mark) or never was (numbers jump when the broker has died).
 */
static int spool_begins(struct peer *p, const struct im_up_batch *h)
{
	const struct store_mark none = {0};
	struct spool_mark *s;
	bool same;
	int rc;

	if (!h->epoch || !h->first)
		return IM_OK;
	rc = marks_take(p->p.marks, h->epoch, p->spool, true, &s);
	if (rc == IM_E_CONFLICT)
		say_conflict(p, h->epoch);
	if (rc)
		return rc;
	same = s == p->spool || s->recno;
	p->conflict = false;
	p->spool = s;
	if (same && h->first <= s->recno + 1)
		return IM_OK;
	say_beginning(p, h, s, same);
	spool_mark_advance(s, h->first - 1, &none);
	return IM_OK;
}

/* Before it has answered, it may have said in a batch which spool is its, if that one is known. */
static bool in_order(struct peer *p, const struct im_up_batch *h)
{
	if (!p->spool && marks_take(p->p.marks, h->epoch, NULL, false, &p->spool))
		p->spool = NULL;
	return p->spool && h->epoch == p->spool->epoch && h->first <= p->spool->recno + 1;
}

enum peer_verdict peer_batch(struct peer *p, const struct im_up_batch *h, int64_t mono_ms)
{
	if (!h->count || !h->epoch || !h->first || !p->served)
		return PEER_DROP;
	if (in_order(p, h))
		return PEER_TAKE;
	if (!p->waiting)
		hello(p, mono_ms);
	return PEER_DROP;
}

enum peer_verdict peer_sessions(struct peer *p, const struct im_up_frame *f, bool *greet_out)
{
	if (f->part.first && spool_begins(p, &f->batch)) {
		p->in_snapshot = false;
		return PEER_DROP;
	}
	/* The beginning was lost: the rest says nothing. HELLO is said again after a while. */
	p->in_snapshot |= f->part.first;
	if (!p->in_snapshot)
		return PEER_DROP;
	p->in_snapshot = !f->part.last;
	p->in_hand = true;
	*greet_out = p->greeting;
	return PEER_TAKE;
}

bool peer_answered(struct peer *p, bool whole, int64_t mono_ms)
{
	if (!p->in_hand)
		return false;
	p->in_hand = false;
	/* The parts behind it have their time. */
	p->hello_at_ms = mono_ms;
	if (!whole)
		return false;
	p->waiting = p->greeting = false;
	p->ready = p->known = true;
	outbox_set_known(p->outbox, true);
	return true;
}

void peer_heard(struct peer *p)
{
	p->silent = false;
}

void peer_credit(struct peer *p, uint32_t frames)
{
	downq_return(p->queue, frames);
	outbox_pump(p->outbox);
}

void peer_set_stats(struct peer *p, struct im_str json)
{
	im_buf_reset(&p->stats);
	im_buf_str(&p->stats, json);
}

/* Says once, and again after it was right in between, that a plugin is too old to be one of
 * several: it would keep sessions that are elsewhere by now. */
static void say_old(struct peer *p)
{
	if (!p->old)
		log_line(p->p.log, LOG_LEVEL_ERROR, "plugin_too_old",
			"broker=%s plugin_level=%u what=\"the broker runs a plugin of an earlier "
			"version, which cannot be one of several; restart the broker, its "
			"clients' messages wait until then\"",
			p->p.broker, p->level);
	p->old = true;
}

bool peer_set_level(struct peer *p, unsigned level)
{
	p->level = level;
	p->served = !p->several || level >= IM_PLUGIN_LEVEL_SEVERAL;
	if (!p->served) {
		say_old(p);
		p->waiting = false;
		outbox_set_linked(p->outbox, false);
		return false;
	}
	p->old = false;
	steps_set(downq_steps(p->queue), level >= IM_PLUGIN_LEVEL_STEP);
	outbox_hold(p->outbox, false);
	outbox_pump(p->outbox);
	return true;
}

void peer_refuse(struct peer *p)
{
	p->refused = true;
}

void peer_greet(struct peer *p)
{
	p->greeting = true;
	steps_gap(downq_steps(p->queue));
}

void peer_catch_up(struct peer *p, int64_t mono_ms)
{
	if (p->refused) {
		hello(p, mono_ms);
		/* It has answered, and could not be heard. */
		p->away = false;
	}
	p->refused = false;
}

/* -- time -- */

static void ask_stats(struct peer *p, int64_t mono_ms)
{
	struct im_down_rec r = {.type = IM_DOWN_STATS};

	p->stats_at_ms = mono_ms;
	if (!p->silent)
		p->silent_since_ms = mono_ms;
	p->silent = true;
	outbox_one(p->outbox, &r);
}

/* A frame or its return may be lost without the link: by then everything waits behind the window.
 */
static void watch_window(struct peer *p, int64_t mono_ms)
{
	uint64_t returned = downq_returned(p->queue);

	if (returned != p->returned || !downq_outstanding(p->queue)) {
		if (returned != p->returned)
			p->patience_ms = PATIENCE_MS;
		p->returned = returned;
		p->returned_at_ms = mono_ms;
		return;
	}
	if (mono_ms - p->returned_at_ms < p->patience_ms)
		return;
	log_line(p->p.log, LOG_LEVEL_WARNING, "frames_unreturned",
		"broker=%s frames=%u after_ms=%lld", p->p.broker, downq_outstanding(p->queue),
		(long long)p->patience_ms);
	p->returned_at_ms = mono_ms;
	/* It may not know of this link: what has answered was for the one before. */
	if (p->patience_ms > 2 * PATIENCE_MS && !p->waiting)
		hello(p, mono_ms);
	if (p->patience_ms < PATIENCE_MAX_MS)
		p->patience_ms *= 2;
	downq_lost(p->queue);
	outbox_pump(p->outbox);
}

static void watch_drops(struct peer *p, int64_t mono_ms)
{
	uint64_t dropped = downq_dropped(p->queue);

	if (dropped != p->dropped) {
		p->dropped = dropped;
		p->dropped_at_ms = mono_ms;
	} else if (steps_held(downq_steps(p->queue)) && mono_ms - p->dropped_at_ms >= CALM_MS) {
		steps_gap(downq_steps(p->queue));
	}
}

static void watch_away(struct peer *p, int64_t mono_ms)
{
	if (p->ready)
		p->lost = false;
	else if (!p->away)
		p->away_since_ms = mono_ms;
	p->away = !p->ready;
}

void peer_tick(struct peer *p, int64_t mono_ms)
{
	watch_away(p, mono_ms);
	if (p->waiting && !p->in_hand && mono_ms - p->hello_at_ms >= HELLO_AGAIN_MS) {
		if (!p->asked_again)
			log_line(p->p.log, LOG_LEVEL_WARNING, "hello_unanswered",
				"broker=%s what=\"is the plugin loaded, with this "
				"link_username?\"",
				p->p.broker);
		p->asked_again = true;
		hello(p, mono_ms);
	}
	watch_drops(p, mono_ms);
	if (p->linked && p->served)
		watch_window(p, mono_ms);
	/* Not sooner, or what is told then would wait behind what waits. */
	if (p->ready && !p->waiting && outbox_missed(p->outbox) && !downq_urgent(p->queue)) {
		make_up(p);
		hello(p, mono_ms);
	}
	if (p->ready && mono_ms - p->stats_at_ms >= STATS_EVERY_MS)
		ask_stats(p, mono_ms);
}

/* -- what it tells -- */

unsigned peer_number(const struct peer *p)
{
	return p->p.number;
}

const char *peer_broker(const struct peer *p)
{
	return p->p.broker;
}

struct outbox *peer_outbox(const struct peer *p)
{
	return p->outbox;
}

struct spool_mark *peer_spool(const struct peer *p)
{
	return p->spool;
}

bool peer_takes_answers(const struct peer *p)
{
	return downq_answers(p->queue) < ANSWERS_MAX;
}

bool peer_takes_presence(const struct peer *p)
{
	return downq_urgent(p->queue) < PRESENCE_MAX;
}

bool peer_is_calm(const struct peer *p)
{
	return p->ready && !downq_urgent(p->queue);
}

void peer_told(struct peer *p)
{
	p->told = downq_told(p->queue);
}

bool peer_has(const struct peer *p)
{
	return p->ready && !p->waiting && !outbox_missed(p->outbox) && downq_has(p->queue, p->told);
}

bool peer_is_linked(const struct peer *p)
{
	return p->linked;
}

bool peer_is_served(const struct peer *p)
{
	return p->linked && p->served;
}

bool peer_is_idle(const struct peer *p)
{
	return !peer_is_served(p) || (!downq_bytes(p->queue) && !downq_outstanding(p->queue));
}

bool peer_ready(const struct peer *p)
{
	return p->ready;
}

int64_t peer_silent_ms(const struct peer *p, int64_t mono_ms)
{
	return p->ready && p->silent ? mono_ms - p->silent_since_ms : 0;
}

int64_t peer_away_ms(const struct peer *p, int64_t mono_ms)
{
	/* Who is there is being said. */
	if (p->ready || p->in_snapshot || !p->away || p->lost)
		return 0;
	return mono_ms - p->away_since_ms;
}

void peer_lost(struct peer *p)
{
	p->lost = true;
	im_buf_reset(&p->stats);
	peer_greet(p);
}

bool peer_known(const struct peer *p)
{
	return p->known;
}

unsigned peer_level(const struct peer *p)
{
	return p->level;
}

struct im_str peer_stats(const struct peer *p)
{
	return im_buf_view(&p->stats);
}

int64_t peer_max_payload(const struct peer *p)
{
	int64_t n = im_json_number_in(peer_stats(p), "max_payload");

	return n > 0 ? n : 0;
}
