/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the plugins' list and the frames that wait. Called by the service (or a test) for each frame
 * and for time. What is known of a plugin is peer.c's, what needs a transaction work.c's.
 */
#include "bridge/engine/engine.h"

#include <stdlib.h>

#include "bridge/engine/alike.h"
#include "bridge/engine/engine_inside.h"
#include "bridge/engine/work.h"
#include "common/limits.h"

/* So often at least the engine wants to be asked what is due. */
#define TICK_MS 1000
/* For so long are devices' cursors gathered. */
#define CURSORS_MS 100

int engine_new(const struct engine_parts *p, const struct engine_settings *set,
	const struct engine_now *now, struct engine **out, struct im_buf *why)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc = IM_E_NOMEM;

	*out = NULL;
	if (!e)
		return rc;
	e->p = *p;
	im_buf_init(&e->work.frame, 0);
	/* A copy of a shared log follows that. */
	rc = p->shared ? IM_OK : work_project(e);
	if (rc && rc != IM_E_NOMEM)
		im_buf_printf(why, "the directory could not be brought up to the log: %s",
			*directory_errmsg(p->dir) ? directory_errmsg(p->dir)
						  : "the log could not be read");
	if (!rc) {
		rc = assembly_open(&e->a, p, now->wall_ms);
		if (rc)
			im_buf_z(why,
				rc == IM_E_NOMEM ? "out of memory" : "the log could not be read");
	}
	if (rc) {
		engine_free(&e);
		return rc;
	}
	engine_set(e, set);
	*out = e;
	return IM_OK;
}

void engine_free(struct engine **out)
{
	struct engine *e = *out;

	if (!e)
		return;
	while (e->n_peers)
		peer_free(&e->peers[--e->n_peers]);
	assembly_close(&e->a);
	waiting_drop(&e->waiting, NULL);
	im_buf_free(&e->work.frame);
	free(e);
	*out = NULL;
}

void engine_set(struct engine *e, const struct engine_settings *set)
{
	rights_set_direct_policy(e->a.rights, set->direct_policy);
	cost_set(e->a.cost, set->rate_cost);
	ceiling_set(e->a.ceiling, set->room_messages_per_second);
	sessions_set(e->a.sessions, &set->sessions);
	requests_set(e->a.requests, &set->rpc);
	e->backlog_bytes = set->backlog_bytes;
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_set_backlog(e->peers[i], set->backlog_bytes);
}

/* -- the plugins -- */

/* What nobody's records have caused to be read is answered by way of one that is there. */
static void choose_first(struct engine *e)
{
	const struct peer *first = e->peers[0];

	for (unsigned i = e->n_peers; i-- > 0;)
		if (peer_is_served(e->peers[i]))
			first = e->peers[i];
	commit_set_first(e->a.commit, peer_number(first));
}

int engine_add_peer(struct engine *e, unsigned number, const char *broker, outbox_send_fn send,
	void *send_arg, struct peer **out)
{
	const struct peer_parts parts = {.outboxes = e->a.outboxes,
		.marks = e->a.marks,
		.health = &e->a.health,
		.log = e->p.log,
		.send = send,
		.send_arg = send_arg,
		.instance = e->p.instance,
		.number = number - 1,
		.broker = broker,
		.backlog_bytes = e->backlog_bytes};
	uint32_t peers = 0;
	int rc = peer_new(&parts, out);

	if (rc)
		return rc;
	e->peers[e->n_peers++] = *out;
	for (unsigned i = 0; i < e->n_peers && e->n_peers > 1; i++)
		peer_set_several(e->peers[i]);
	choose_first(e);
	for (unsigned i = 0; i < e->n_peers; i++)
		peers |= UINT32_C(1) << peer_number(e->peers[i]);
	return sessions_set_brokers(e->a.sessions, peers);
}

/* What every linked plugin understands that is served. */
static void set_level(struct engine *e)
{
	unsigned level = 0;
	bool any = false;

	for (unsigned i = 0; i < e->n_peers; i++) {
		if (!peer_is_served(e->peers[i]))
			continue;
		if (!any || peer_level(e->peers[i]) < level)
			level = peer_level(e->peers[i]);
		any = true;
	}
	effects_set_level(e->a.fx, level);
	choose_first(e);
}

/* What every plugin takes that has said so. */
static void set_max_payload(struct engine *e)
{
	int64_t least = 0;

	for (unsigned i = 0; i < e->n_peers; i++) {
		int64_t n = peer_max_payload(e->peers[i]);

		if (n && (!least || n < least))
			least = n;
	}
	requests_set_max_payload(e->a.requests, least);
}

void engine_linked(struct engine *e, struct peer *p, const struct engine_now *now)
{
	peer_link(p, now->mono_ms);
	sessions_linked(e->a.sessions, peer_number(p), true);
	set_level(e);
}

void engine_unlinked(struct engine *e, struct peer *p)
{
	peer_unlink(p);
	sessions_linked(e->a.sessions, peer_number(p), false);
	/* What it has not heard of it says again. */
	waiting_drop(&e->waiting, p);
	ahead_forget(e->a.ahead, peer_number(p));
	set_level(e);
}

/* -- frames -- */

static void take_batch(struct engine *e, struct peer *from, struct im_str frame,
	const struct im_up_frame *f, const struct engine_now *now)
{
	if (e->stalled || e->draining)
		peer_refuse(from);
	else if (peer_batch(from, &f->batch, now->mono_ms) == PEER_TAKE)
		work_batch(e, from, frame, now);
}

static void take_sessions(struct engine *e, struct peer *from, struct im_str frame,
	const struct im_up_frame *f, const struct engine_now *now)
{
	bool greet, served = peer_set_level(from, f->part.level);

	set_level(e);
	if (!served && f->part.first)
		sessions_unheard(e->a.sessions, peer_number(from), now->wall_ms);
	if (!served)
		return;
	if (e->stalled || e->draining)
		peer_refuse(from);
	else if (peer_sessions(from, f, &greet) == PEER_TAKE)
		work_sessions(e, from, frame, greet, now);
}

static void take(struct engine *e, struct peer *from, struct im_str frame,
	const struct im_up_frame *f, const struct engine_now *now)
{
	if (f->kind == IM_FRAME_UP_BATCH)
		take_batch(e, from, frame, f, now);
	else
		take_sessions(e, from, frame, f, now);
}

/* A request whose turn has not come. While nothing is in its way it comes at once; and without a
 * spool that is known it is nothing to answer. */
static void take_ahead(struct engine *e, struct peer *from, const struct im_up_frame *f,
	const struct engine_now *now)
{
	const struct spool_mark *s = peer_spool(from);
	const unsigned peer = peer_number(from);
	const uint64_t recno = f->batch.first;
	struct im_str in = f->rest;
	struct im_up_rec rec;

	if (!(e->open || e->stalled) || e->draining || !s || s->epoch != f->batch.epoch ||
		recno <= s->recno || im_up_rec_read(&in, &rec) || rec.type != IM_UP_RPC ||
		!batch_is_sound(&rec) || ahead_add(e->a.ahead, peer, recno, s->recno))
		return;
	if (requests_ahead(e->a.requests, &rec, recno, e->a.answers, now->wall_ms)) {
		ahead_drop(e->a.ahead, peer, recno);
		effects_reset(e->a.answers);
		return;
	}
	readers_run(e->p.readers, effects_reads(e->a.answers), writer_position(e->a.writer), peer);
	outbox_answer(peer_outbox(from), effects_view(e->a.answers, EFFECTS_CONTROL));
	effects_reset(e->a.answers);
}

/* What came while the transaction was open. */
static void take_waiting(struct engine *e, const struct engine_now *now)
{
	struct waiting_frame *w;
	struct im_up_frame f;

	while (!e->open && !e->fatal && (w = waiting_take(&e->waiting))) {
		const struct im_str frame = {w->p, w->n};

		if (!im_up_frame_read(frame, &f))
			take(e, w->from, frame, &f, now);
		free(w);
	}
	if (e->open || e->fatal || e->stalled || e->draining)
		return;
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_catch_up(e->peers[i], now->mono_ms);
}

void engine_up(struct engine *e, struct peer *p, struct im_str frame, const struct engine_now *now)
{
	struct im_up_frame f;

	e->a.health.frames_up++;
	e->a.health.bytes_up += frame.n;
	if (e->fatal)
		return;
	peer_heard(p);
	if (im_up_frame_read(frame, &f)) {
		log_line(e->p.log, LOG_LEVEL_ERROR, "frame_malformed",
			"bytes=%zu what=\"plugin and bridge of different versions?\"", frame.n);
		return;
	}
	switch (f.kind) {
	case IM_FRAME_UP_BATCH:
	case IM_FRAME_UP_SESSIONS:
		if (!e->open)
			take(e, p, frame, &f, now);
		else if (waiting_add(&e->waiting, p, frame))
			peer_refuse(p);
		break;
	case IM_FRAME_UP_AHEAD:
		take_ahead(e, p, &f, now);
		break;
	case IM_FRAME_UP_CREDIT:
		peer_credit(p, f.credit);
		/* What others have taken has made the descriptor quiet. */
		if (e->n_peers > 1)
			engine_reads(e);
		break;
	default:
		peer_set_stats(p, f.rest);
		set_max_payload(e);
		alike_look(e->peers, e->n_peers, e->unlike, e->p.log);
		break;
	}
}

void engine_follow(struct engine *e, const struct engine_now *now)
{
	work_follow(e, now);
}

void engine_appended(struct engine *e, enum shared_answer answer, const struct engine_now *now)
{
	work_answer(e, answer, now);
	take_waiting(e, now);
}

static void respond(
	struct peer *to, struct im_str uid, struct im_str device, struct im_str response)
{
	struct im_down_rec r = {
		.type = IM_DOWN_CONTROL, .user = uid, .device = device, .payload = response};

	outbox_one(peer_outbox(to), &r);
}

static void answer(struct engine *e, struct peer *to, struct read_job *job)
{
	struct im_str uid = {job->uid, job->uid_n};
	struct im_str device = {job->device, job->device_n};

	e->a.health.requests_busy += job->busy;
	if (!job->end)
		cost_owe(e->a.cost, job->user, job->now_ms, cost_convs(job->looked_at));
	if (job->failed)
		log_line(e->p.log, LOG_LEVEL_ERROR, "out_of_memory", "what=reply");
	else if (job->kind == READ_HELLO)
		effects_hello(e->a.answers, uid, device, job->ask, im_buf_view(&job->reply));
	else if (job->kind == READ_DELIVERED)
		delivered_tell(
			&job->delivered, uid, sessions_presence(e->a.sessions), e->a.answers);
	else if (job->kind == READ_PROFILE)
		profile_tell(&job->told, im_buf_view(&job->reply), sessions_presence(e->a.sessions),
			e->a.answers);
	else if (job->end)
		respond(to, uid, device, im_buf_view(&job->reply));
	else
		effects_reply(e->a.answers, uid, device, im_buf_view(&job->topic),
			im_buf_view(&job->corr), im_buf_view(&job->reply));
	if (job->kind == READ_DELIVERED || job->kind == READ_PROFILE) {
		outboxes_answer(e->a.outboxes, e->a.answers,
			e->n_peers == 1 || peer_is_served(to) ? peer_outbox(to) : NULL);
		return;
	}
	outbox_answer(peer_outbox(to), effects_view(e->a.answers, EFFECTS_CONTROL));
	effects_reset(e->a.answers);
}

static void take_reads(struct engine *e)
{
	struct read_job *job;

	for (unsigned i = 0; i < e->n_peers; i++) {
		while (peer_takes_answers(e->peers[i]) &&
			(job = readers_take(e->p.readers, peer_number(e->peers[i])))) {
			answer(e, e->peers[i], job);
			read_job_free(job);
		}
	}
}

/* Whether something has come for one that was looked at before the descriptor was made quiet for
 * another. */
static bool reads_left(const struct engine *e)
{
	for (unsigned i = 0; i < e->n_peers; i++) {
		if (peer_takes_answers(e->peers[i]) &&
			readers_has(e->p.readers, peer_number(e->peers[i])))
			return true;
	}
	return false;
}

void engine_reads(struct engine *e)
{
	do
		take_reads(e);
	while (e->n_peers > 1 && reads_left(e));
}

bool engine_call(struct engine *e, int (*fn)(void *arg, struct writer *w), void *arg,
	const struct engine_now *now)
{
	return work_call(e, fn, arg, now);
}

void engine_forget_names(struct engine *e)
{
	names_clear(e->a.names);
}

bool engine_takes_reads(const struct engine *e)
{
	for (unsigned i = 0; i < e->n_peers; i++)
		if (peer_takes_answers(e->peers[i]))
			return true;
	return false;
}

void engine_respond(
	struct engine *e, struct im_str uid, struct im_str device, struct im_str response)
{
	for (unsigned i = 0; i < e->n_peers; i++)
		if (e->n_peers == 1 || peer_is_served(e->peers[i]))
			respond(e->peers[i], uid, device, response);
}

/* -- time -- */

/* In how many ms what waits of cursors is to be written; TICK_MS: nothing does. */
static int64_t cursors_due(struct engine *e, const struct engine_now *now)
{
	if (!cursors_waiting(e->a.cursors)) {
		e->cursors_at_ms = 0;
		return TICK_MS;
	}
	if (!e->cursors_at_ms)
		e->cursors_at_ms = now->mono_ms;
	if (e->draining || now->mono_ms - e->cursors_at_ms >= CURSORS_MS)
		return 0;
	return e->cursors_at_ms + CURSORS_MS - now->mono_ms;
}

/* The next ones of whom brokers are told again. False: there is nothing to do for now. */
static bool tell_retained(struct engine *e)
{
	bool again = false;

	for (unsigned i = 0; i < e->n_peers; i++) {
		const struct peer *p = e->peers[i];
		struct retained *r = &e->retained[peer_number(p)];

		if (r->on && peer_is_calm(p))
			again |= retained_go_on(r, e->p.dir, sessions_presence(e->a.sessions),
					 peer_outbox(p)) == IM_OK;
	}
	return again;
}

/* One that takes it is enough: what the others miss they are told again. */
static bool takes_presence(const struct engine *e)
{
	bool linked = false;

	for (unsigned i = 0; i < e->n_peers; i++) {
		if (!peer_is_linked(e->peers[i]))
			continue;
		if (peer_takes_presence(e->peers[i]))
			return true;
		linked = true;
	}
	return !linked;
}

int64_t engine_tick(struct engine *e, const struct engine_now *now)
{
	int64_t wait;
	bool again;

	if (e->fatal)
		return TICK_MS;
	wait = work_tick(e, now);
	take_waiting(e, now);
	if (e->stalled && !e->open)
		return e->retry_at_ms - now->mono_ms;
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_tick(e->peers[i], now->mono_ms);
	work_heard(e);
	if (e->open)
		return wait >= 0 && wait < TICK_MS ? wait : TICK_MS;
	if (work_known(e, NULL, now))
		return TICK_MS;
	if (!e->draining && work_away(e, now))
		set_max_payload(e);
	again = !e->draining && tell_retained(e);
	wait = cursors_due(e, now);
	if (wait == 0)
		cursors_hurry(e->a.cursors);
	else if (!sessions_pending(e->a.sessions) || e->draining || !takes_presence(e))
		return again ? 0 : wait;
	work_tell(e, now);
	e->cursors_at_ms = 0;
	return 0;
}

void engine_drain(struct engine *e)
{
	e->draining = true;
}

bool engine_idle(const struct engine *e)
{
	for (unsigned i = 0; i < e->n_peers; i++)
		if (!peer_is_idle(e->peers[i]))
			return false;
	return !e->open && readers_queued(e->p.readers) == 0;
}

/* -- what it tells -- */

bool engine_fatal(const struct engine *e)
{
	return e->fatal;
}

bool engine_stalled(const struct engine *e)
{
	return e->stalled || e->doubt;
}

bool engine_busy(const struct engine *e)
{
	return e->stalled || e->open;
}

struct health *engine_health(struct engine *e)
{
	return &e->a.health;
}

void engine_gauges(const struct engine *e, struct health_gauges *out)
{
	const struct spool_mark *s = work_first_spool(e);

	assembly_gauges(&e->a, out);
	out->epoch = s ? s->epoch : 0;
	out->recno = s ? s->recno : 0;
	out->linked = e->n_peers > 0;
	for (unsigned i = 0; i < e->n_peers; i++)
		out->linked &= peer_ready(e->peers[i]);
	out->stalled = engine_stalled(e);
	out->reads_queued = readers_queued(e->p.readers);
	out->users = directory_user_count(e->p.dir);
}
