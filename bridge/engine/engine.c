/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the two states of engine.h: waiting for the plugin's answer, and stalled after a failed
 * commit. Called by the service (or a test) for each frame and for time. What happens to a batch's
 * records is batch.c's.
 */
#include "bridge/engine/engine.h"

#include <stdlib.h>

#include "bridge/engine/assembly.h"
#include "bridge/write/project.h"
#include "common/limits.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
#define HELLO_AGAIN_MS 5000
#define STATS_EVERY_MS 5000
#define PATIENCE_MS 3000
#define PATIENCE_MAX_MS 60000
#define PLUGIN_STATS_MAX 65536
/* Bytes of answers that wait for the link before the next ones are taken from the readers. */
#define ANSWERS_MAX (1024 * 1024)

struct engine {
	struct engine_parts p;
	struct assembly a;
	struct im_buf plugin_stats;

	bool linked, ready, draining, fatal;
	/* HELLO was said and not answered in full yet; an answer has begun. */
	bool waiting, in_snapshot, asked_again;
	int64_t hello_at_ms, stats_at_ms;
	/* When a frame came back last, and for how long the next one may stay away. */
	uint64_t returned;
	int64_t returned_at_ms, patience_ms;

	bool stalled, half;
	struct im_buf held; /* the batch that is tried again; n == 0: none */
	bool dropped;       /* something came meanwhile, to be asked for again */
	int64_t retry_at_ms, retry_ms;
};

/* The directory follows the log before anything else looks at it. */
static int project(struct engine *e)
{
	struct project_report done;
	struct store_reader *log;
	int rc = e->p.backend->reader_open(e->p.store, &log);

	if (rc)
		return rc;
	rc = project_run(e->p.backend, log, e->p.dir, &done);
	e->p.backend->reader_close(log);
	if (done.refused)
		log_line(e->p.log, LOG_LEVEL_WARNING, "projection_refused", "changes=%llu",
			(unsigned long long)done.refused);
	if (!rc && done.applied)
		log_line(e->p.log, LOG_LEVEL_INFO, "projected", "changes=%llu through=%llu",
			(unsigned long long)done.applied, (unsigned long long)done.through);
	return rc;
}

int engine_new(const struct engine_parts *p, const struct engine_settings *set,
	const struct engine_now *now, struct engine **out, struct im_buf *why)
{
	struct engine *e = calloc(1, sizeof(*e));
	int rc = IM_E_NOMEM;

	*out = NULL;
	if (!e)
		return rc;
	e->p = *p;
	e->patience_ms = PATIENCE_MS;
	im_buf_init(&e->held, 0);
	im_buf_init(&e->plugin_stats, PLUGIN_STATS_MAX);
	rc = project(e);
	if (rc)
		im_buf_printf(why, "the directory could not be brought up to the log: %s",
			directory_errmsg(p->dir));
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
	assembly_close(&e->a);
	im_buf_free(&e->held);
	im_buf_free(&e->plugin_stats);
	free(e);
	*out = NULL;
}

void engine_set(struct engine *e, const struct engine_settings *set)
{
	rights_set_direct_policy(e->a.rights, set->direct_policy);
	cost_set(e->a.cost, set->rate_cost);
	sessions_set(e->a.sessions, &set->sessions);
	requests_set(e->a.requests, &set->rpc);
	downq_set_max(e->a.downq, set->backlog_bytes);
}

/* -- the link's state -- */

static void hello(struct engine *e, const struct engine_now *now)
{
	struct im_down_rec r = {.type = IM_DOWN_HELLO, .epoch = e->p.instance};

	if (!e->linked)
		return;
	e->waiting = true;
	e->in_snapshot = false;
	e->hello_at_ms = now->mono_ms;
	outbox_one(e->a.outbox, &r);
}

void engine_linked(struct engine *e, const struct engine_now *now)
{
	e->linked = true;
	e->ready = e->asked_again = false;
	e->a.health.links++;
	e->returned_at_ms = now->mono_ms;
	effects_set_level(e->a.fx, 0);
	downq_lost(e->a.downq);
	hello(e, now);
	outbox_pump(e->a.outbox);
}

void engine_unlinked(struct engine *e)
{
	e->linked = e->ready = e->waiting = false;
	effects_set_level(e->a.fx, 0);
}

/* -- failure and recovery -- */

static void stall(struct engine *e, enum writer_outcome outcome, const struct engine_now *now)
{
	if (outcome == WRITER_FATAL) {
		e->fatal = true;
		log_line(e->p.log, LOG_LEVEL_ERROR, "log_conflict",
			"what=\"another process writes to messages.db; stop it and start again\"");
		return;
	}
	e->half |= outcome == WRITER_HALF;
	if (!e->stalled) {
		e->retry_ms = RETRY_FIRST_MS;
		log_line(e->p.log, LOG_LEVEL_ERROR, "commit_failed",
			"what=%s why=\"%s\" will=\"try again until it works\"",
			e->half ? "directory" : "log", directory_errmsg(e->p.dir));
	} else if (e->retry_ms < RETRY_MAX_MS) {
		e->retry_ms = e->retry_ms * 2 < RETRY_MAX_MS ? e->retry_ms * 2 : RETRY_MAX_MS;
	}
	e->stalled = true;
	e->retry_at_ms = now->mono_ms + e->retry_ms;
}

static void recovered(struct engine *e, const struct engine_now *now)
{
	if (!e->stalled)
		return;
	e->stalled = false;
	im_buf_reset(&e->held);
	log_line(e->p.log, LOG_LEVEL_INFO, "commit_works", "recno=%llu",
		(unsigned long long)replay_recno(e->a.replay));
	if (e->dropped)
		hello(e, now);
	e->dropped = false;
}

static void take_batch(struct engine *e, struct im_str frame, const struct im_up_frame *f,
	const struct engine_now *now)
{
	enum writer_outcome outcome = batch_process(e->a.batch, f, now->wall_ms);

	if (outcome == WRITER_DONE) {
		recovered(e, now);
		return;
	}
	if (!e->held.n) {
		im_buf_str(&e->held, frame);
		if (e->held.failed) {
			im_buf_reset(&e->held);
			e->dropped = true;
		}
	}
	stall(e, outcome, now);
}

static void retry(struct engine *e, const struct engine_now *now)
{
	struct im_up_frame f;

	if (e->half && project(e)) {
		stall(e, WRITER_HALF, now);
		return;
	}
	if (e->half) {
		writer_healed(e->a.writer);
		/* What was to be told was not: the plugin forgets what it has cached when it hears
		 * HELLO, and devices are greeted, so that they sync. */
		sessions_greet_all(e->a.sessions);
		e->dropped = true;
	}
	e->half = false;
	if (!e->held.n || im_up_frame_read(im_buf_view(&e->held), &f))
		recovered(e, now);
	else
		take_batch(e, im_buf_view(&e->held), &f, now);
}

/* -- frames -- */

/* The plugin says where its spool begins. What lies between that and the committed is committed too
 * (a batch without messages leaves no mark) or never was (numbers jump when the broker has died).
 */
static void spool_begins(struct engine *e, const struct im_up_batch *h)
{
	const struct store_mark none = {0};
	bool same = h->epoch == replay_epoch(e->a.replay);
	uint64_t next = replay_recno(e->a.replay) + 1;

	if (!h->epoch || !h->first || (same && h->first <= next))
		return;
	log_line(e->p.log, LOG_LEVEL_INFO, same ? "spool_goes_on" : "spool_begins",
		"epoch=%llu expected=%llu first=%llu", (unsigned long long)h->epoch,
		(unsigned long long)(same ? next : h->first), (unsigned long long)h->first);
	replay_advance(e->a.replay, h->epoch, h->first - 1, &none);
}

/* A batch that leaves a gap is not taken: something was lost on the way, and comes again. */
static bool in_order(struct engine *e, const struct im_up_batch *h, const struct engine_now *now)
{
	if (h->epoch == replay_epoch(e->a.replay) && h->first <= replay_recno(e->a.replay) + 1)
		return true;
	if (!e->waiting)
		hello(e, now);
	return false;
}

static void up_batch(struct engine *e, struct im_str frame, const struct im_up_frame *f,
	const struct engine_now *now)
{
	if (!f->batch.count || !f->batch.epoch || !f->batch.first)
		return;
	if (e->stalled || e->draining) {
		e->dropped = true;
		return;
	}
	if (!in_order(e, &f->batch, now))
		return;
	take_batch(e, frame, f, now);
}

static void up_sessions(struct engine *e, const struct im_up_frame *f, const struct engine_now *now)
{
	enum writer_outcome outcome;
	bool complete;
	int rc;

	effects_set_level(e->a.fx, f->part.level);
	if (e->stalled || e->draining) {
		e->dropped = true;
		return;
	}
	if (f->part.first)
		spool_begins(e, &f->batch);
	/* The beginning was lost: the rest says nothing. HELLO is said again after a while. */
	e->in_snapshot |= f->part.first;
	if (!e->in_snapshot)
		return;
	e->in_snapshot = !f->part.last;
	writer_set_now(e->a.writer, now->wall_ms);
	rc = sessions_snapshot(e->a.sessions, f, now->wall_ms, &complete);
	if (rc == IM_E_FORMAT)
		log_line(e->p.log, LOG_LEVEL_ERROR, "frame_malformed", "kind=sessions");
	if (rc && rc != IM_E_FORMAT)
		e->dropped = true;
	outcome = batch_finish(e->a.batch, 0, 0);
	if (outcome != WRITER_DONE || (rc && rc != IM_E_FORMAT)) {
		e->dropped = true;
		stall(e, outcome == WRITER_DONE ? WRITER_NOTHING : outcome, now);
		return;
	}
	if (!complete)
		return;
	e->waiting = false;
	if (!e->ready)
		log_line(e->p.log, LOG_LEVEL_INFO, "ready",
			"users=%zu devices=%zu recno=%llu plugin_level=%u",
			presence_users(sessions_presence(e->a.sessions)),
			presence_devices(sessions_presence(e->a.sessions)),
			(unsigned long long)replay_recno(e->a.replay), f->part.level);
	e->ready = true;
}

void engine_up(struct engine *e, struct im_str frame, const struct engine_now *now)
{
	struct im_up_frame f;

	e->a.health.frames_up++;
	e->a.health.bytes_up += frame.n;
	if (e->fatal)
		return;
	if (im_up_frame_read(frame, &f)) {
		log_line(e->p.log, LOG_LEVEL_ERROR, "frame_malformed",
			"bytes=%zu what=\"plugin and bridge of different versions?\"", frame.n);
		return;
	}
	switch (f.kind) {
	case IM_FRAME_UP_BATCH:
		up_batch(e, frame, &f, now);
		break;
	case IM_FRAME_UP_SESSIONS:
		up_sessions(e, &f, now);
		break;
	case IM_FRAME_UP_CREDIT:
		downq_return(e->a.downq, f.credit);
		outbox_pump(e->a.outbox);
		break;
	default:
		im_buf_reset(&e->plugin_stats);
		im_buf_str(&e->plugin_stats, f.rest);
		break;
	}
}

void engine_reads(struct engine *e)
{
	struct read_job *job;

	while (engine_takes_reads(e) && (job = readers_take(e->p.readers))) {
		struct im_str uid = {job->uid, job->uid_n};
		struct im_str device = {job->device, job->device_n};

		e->a.health.requests_busy += job->busy;
		if (job->failed)
			log_line(e->p.log, LOG_LEVEL_ERROR, "out_of_memory", "what=reply");
		else if (job->kind == READ_HELLO)
			effects_inbox(e->a.fx, uid, IM_STR("event"), im_buf_view(&job->reply));
		else if (job->kind == READ_DELIVERED)
			delivered_tell(
				&job->delivered, uid, sessions_presence(e->a.sessions), e->a.fx);
		else if (job->end)
			engine_respond(e, uid, device, im_buf_view(&job->reply));
		else
			effects_reply(e->a.fx, uid, device, im_buf_view(&job->topic),
				im_buf_view(&job->corr), im_buf_view(&job->reply));
		read_job_free(job);
		outbox_answer(e->a.outbox, e->a.fx);
	}
}

bool engine_call(struct engine *e, int (*fn)(void *arg, struct writer *w), void *arg,
	const struct engine_now *now)
{
	writer_set_now(e->a.writer, now->wall_ms);
	return batch_call(e->a.batch, fn, arg) == WRITER_DONE;
}

void engine_forget_names(struct engine *e)
{
	names_clear(e->a.names);
}

bool engine_takes_reads(const struct engine *e)
{
	return downq_answers(e->a.downq) < ANSWERS_MAX;
}

void engine_respond(
	struct engine *e, struct im_str uid, struct im_str device, struct im_str response)
{
	struct im_down_rec r = {
		.type = IM_DOWN_CONTROL, .user = uid, .device = device, .payload = response};

	outbox_one(e->a.outbox, &r);
}

/* -- time -- */

static void ask_stats(struct engine *e, const struct engine_now *now)
{
	struct im_down_rec r = {.type = IM_DOWN_STATS};

	e->stats_at_ms = now->mono_ms;
	outbox_one(e->a.outbox, &r);
}

/* A frame or its return may be lost without the link: by then everything waits behind the window.
 */
static void watch_window(struct engine *e, const struct engine_now *now)
{
	uint64_t returned = downq_returned(e->a.downq);

	if (returned != e->returned || !downq_outstanding(e->a.downq)) {
		if (returned != e->returned)
			e->patience_ms = PATIENCE_MS;
		e->returned = returned;
		e->returned_at_ms = now->mono_ms;
		return;
	}
	if (now->mono_ms - e->returned_at_ms < e->patience_ms)
		return;
	log_line(e->p.log, LOG_LEVEL_WARNING, "frames_unreturned", "frames=%u after_ms=%lld",
		downq_outstanding(e->a.downq), (long long)e->patience_ms);
	e->returned_at_ms = now->mono_ms;
	if (e->patience_ms < PATIENCE_MAX_MS)
		e->patience_ms *= 2;
	downq_lost(e->a.downq);
	outbox_pump(e->a.outbox);
}

int64_t engine_tick(struct engine *e, const struct engine_now *now)
{
	enum writer_outcome outcome;

	if (e->stalled && now->mono_ms >= e->retry_at_ms)
		retry(e, now);
	if (e->stalled)
		return e->retry_at_ms - now->mono_ms;
	if (e->waiting && now->mono_ms - e->hello_at_ms >= HELLO_AGAIN_MS) {
		if (!e->asked_again)
			log_line(e->p.log, LOG_LEVEL_WARNING, "hello_unanswered",
				"what=\"is the plugin loaded, with this link_username?\"");
		e->asked_again = true;
		hello(e, now);
	}
	if (e->linked)
		watch_window(e, now);
	if (e->ready && now->mono_ms - e->stats_at_ms >= STATS_EVERY_MS)
		ask_stats(e, now);
	if (!sessions_pending(e->a.sessions) || e->draining)
		return 1000;
	writer_set_now(e->a.writer, now->wall_ms);
	outcome = batch_finish(e->a.batch, 0, 0);
	if (outcome != WRITER_DONE)
		stall(e, outcome, now);
	return 0;
}

void engine_drain(struct engine *e)
{
	e->draining = true;
}

bool engine_idle(const struct engine *e)
{
	return downq_bytes(e->a.downq) == 0 && downq_outstanding(e->a.downq) == 0 &&
	       readers_queued(e->p.readers) == 0;
}

/* -- what it tells -- */

bool engine_fatal(const struct engine *e)
{
	return e->fatal;
}

bool engine_ready(const struct engine *e)
{
	return e->ready;
}

unsigned engine_plugin_level(const struct engine *e)
{
	return effects_level(e->a.fx);
}

bool engine_stalled(const struct engine *e)
{
	return e->stalled;
}

struct health *engine_health(struct engine *e)
{
	return &e->a.health;
}

void engine_gauges(const struct engine *e, struct health_gauges *out)
{
	assembly_gauges(&e->a, out);
	out->linked = e->ready;
	out->stalled = e->stalled;
	out->reads_queued = readers_queued(e->p.readers);
	out->users = directory_user_count(e->p.dir);
}

struct im_str engine_plugin_stats(const struct engine *e)
{
	return im_buf_view(&e->plugin_stats);
}
