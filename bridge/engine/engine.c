/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the plugins' list and the state of engine.h: stalled after a failed commit. Called by the
 * service (or a test) for each frame and for time. What is known of a plugin is peer.c's, what
 * happens to a batch's records batch.c's.
 */
#include "bridge/engine/engine.h"

#include <stdlib.h>

#include "bridge/engine/assembly.h"
#include "bridge/write/project.h"
#include "common/limits.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
/* For the first snapshots of those plugins that have not sent theirs: then the users who are marked
 * as online, and are not known to be, are told to be offline. */
#define KNOWN_MS 30000

struct engine {
	struct engine_parts p;
	struct assembly a;
	struct peer *peers[IM_PEERS_MAX];
	unsigned n_peers;
	size_t backlog_bytes;

	bool draining, fatal;
	bool all_known;         /* see sessions_known */
	int64_t first_known_ms; /* when the first snapshot was in; 0: none is */

	bool stalled, half;
	struct im_buf held; /* the batch that is tried again; n == 0: none */
	struct peer *held_from;
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
	im_buf_init(&e->held, 0);
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
	while (e->n_peers)
		peer_free(&e->peers[--e->n_peers]);
	assembly_close(&e->a);
	im_buf_free(&e->held);
	free(e);
	*out = NULL;
}

void engine_set(struct engine *e, const struct engine_settings *set)
{
	rights_set_direct_policy(e->a.rights, set->direct_policy);
	cost_set(e->a.cost, set->rate_cost);
	sessions_set(e->a.sessions, &set->sessions);
	requests_set(e->a.requests, &set->rpc);
	e->backlog_bytes = set->backlog_bytes;
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_set_backlog(e->peers[i], set->backlog_bytes);
}

/* -- the plugins -- */

int engine_add_peer(struct engine *e, outbox_send_fn send, void *send_arg, struct peer **out)
{
	const struct peer_parts parts = {.outboxes = e->a.outboxes,
		.marks = e->a.marks,
		.health = &e->a.health,
		.log = e->p.log,
		.send = send,
		.send_arg = send_arg,
		.instance = e->p.instance,
		.number = e->n_peers,
		.backlog_bytes = e->backlog_bytes};
	int rc = peer_new(&parts, out);

	if (!rc)
		e->peers[e->n_peers++] = *out;
	return rc;
}

/* What every linked plugin understands. */
static void set_level(struct engine *e)
{
	unsigned level = 0;
	bool any = false;

	for (unsigned i = 0; i < e->n_peers; i++) {
		if (!peer_is_linked(e->peers[i]))
			continue;
		if (!any || peer_level(e->peers[i]) < level)
			level = peer_level(e->peers[i]);
		any = true;
	}
	effects_set_level(e->a.fx, level);
}

void engine_linked(struct engine *e, struct peer *p, const struct engine_now *now)
{
	peer_link(p, now->mono_ms);
	set_level(e);
}

void engine_unlinked(struct engine *e, struct peer *p)
{
	peer_unlink(p);
	set_level(e);
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

/* The first plugin's, which may not have said yet that the only one is its. */
static const struct spool *first_spool(const struct engine *e)
{
	const struct spool *s = e->n_peers ? peer_spool(e->peers[0]) : NULL;

	return s ? s : marks_only(e->a.marks);
}

static void recovered(struct engine *e, const struct engine_now *now)
{
	const struct spool *s = e->held_from ? peer_spool(e->held_from) : first_spool(e);

	if (!e->stalled)
		return;
	e->stalled = false;
	im_buf_reset(&e->held);
	e->held_from = NULL;
	log_line(e->p.log, LOG_LEVEL_INFO, "commit_works", "recno=%llu",
		(unsigned long long)(s ? s->recno : 0));
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_catch_up(e->peers[i], now->mono_ms);
}

static void take_batch(struct engine *e, struct peer *from, struct im_str frame,
	const struct im_up_frame *f, const struct engine_now *now)
{
	enum writer_outcome outcome = batch_process(e->a.batch, from, f, now->wall_ms);

	if (outcome == WRITER_DONE) {
		recovered(e, now);
		return;
	}
	if (!e->held.n) {
		e->held_from = from;
		im_buf_str(&e->held, frame);
		if (e->held.failed) {
			im_buf_reset(&e->held);
			peer_refuse(from);
		}
	}
	stall(e, outcome, now);
}

/* What was to be told was not: the plugins forget what they have cached when they hear HELLO, and
 * devices are greeted, so that they sync. */
static void healed(struct engine *e)
{
	writer_healed(e->a.writer);
	for (unsigned i = 0; i < e->n_peers; i++) {
		peer_greet(e->peers[i]);
		peer_refuse(e->peers[i]);
	}
}

static void retry(struct engine *e, const struct engine_now *now)
{
	struct im_up_frame f;

	if (e->half && project(e)) {
		stall(e, WRITER_HALF, now);
		return;
	}
	if (e->half)
		healed(e);
	e->half = false;
	if (!e->held.n || im_up_frame_read(im_buf_view(&e->held), &f))
		recovered(e, now);
	else
		take_batch(e, e->held_from, im_buf_view(&e->held), &f, now);
}

/* -- frames -- */

static void up_batch(struct engine *e, struct peer *from, struct im_str frame,
	const struct im_up_frame *f, const struct engine_now *now)
{
	if (e->stalled || e->draining)
		peer_refuse(from);
	else if (peer_batch(from, &f->batch, now->mono_ms) == PEER_TAKE)
		take_batch(e, from, frame, f, now);
}

/* Who is connected is known when there has been a snapshot of each plugin, or when those that are
 * missing have had their time. from: the one whose snapshot is complete just now. */
static int known(struct engine *e, const struct peer *from, const struct engine_now *now)
{
	bool all = true, any = false;
	int rc;

	for (unsigned i = 0; i < e->n_peers && !e->all_known; i++) {
		any |= peer_known(e->peers[i]);
		all &= peer_known(e->peers[i]) || e->peers[i] == from;
	}
	if (from && !any)
		e->first_known_ms = now->mono_ms;
	any |= from != NULL;
	if (e->all_known || !any || (!all && now->mono_ms - e->first_known_ms < KNOWN_MS))
		return IM_OK;
	rc = sessions_known(e->a.sessions, now->wall_ms);
	e->all_known = !rc;
	return rc;
}

static void say_ready(struct engine *e, const struct peer *p)
{
	const struct spool *s = peer_spool(p);

	log_line(e->p.log, LOG_LEVEL_INFO, "ready",
		"users=%zu devices=%zu recno=%llu plugin_level=%u",
		presence_users(sessions_presence(e->a.sessions)),
		presence_devices(sessions_presence(e->a.sessions)),
		(unsigned long long)(s ? s->recno : 0), peer_level(p));
}

static void up_sessions(struct engine *e, struct peer *from, const struct im_up_frame *f,
	const struct engine_now *now)
{
	enum writer_outcome outcome;
	bool greet;
	int rc;

	peer_set_level(from, f->part.level);
	set_level(e);
	if (e->stalled || e->draining) {
		peer_refuse(from);
		return;
	}
	if (peer_sessions(from, f, &greet) == PEER_DROP)
		return;
	writer_set_now(e->a.writer, now->wall_ms);
	rc = sessions_snapshot(e->a.sessions, peer_number(from), f, greet, now->wall_ms);
	if (!rc && f->part.last)
		rc = known(e, from, now);
	if (rc == IM_E_FORMAT)
		log_line(e->p.log, LOG_LEVEL_ERROR, "frame_malformed", "kind=sessions");
	outcome = batch_finish(e->a.batch, from);
	if (outcome != WRITER_DONE || (rc && rc != IM_E_FORMAT)) {
		peer_refuse(from);
		stall(e, outcome == WRITER_DONE ? WRITER_NOTHING : outcome, now);
		return;
	}
	if (!rc && f->part.last && peer_answered(from))
		say_ready(e, from);
}

void engine_up(struct engine *e, struct peer *p, struct im_str frame, const struct engine_now *now)
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
		up_batch(e, p, frame, &f, now);
		break;
	case IM_FRAME_UP_SESSIONS:
		up_sessions(e, p, &f, now);
		break;
	case IM_FRAME_UP_CREDIT:
		peer_credit(p, f.credit);
		/* What others have taken has made the descriptor quiet. */
		if (e->n_peers > 1)
			engine_reads(e);
		break;
	default:
		peer_set_stats(p, f.rest);
		break;
	}
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
	if (job->failed)
		log_line(e->p.log, LOG_LEVEL_ERROR, "out_of_memory", "what=reply");
	else if (job->kind == READ_HELLO)
		effects_inbox(e->a.fx, uid, IM_STR("event"), im_buf_view(&job->reply));
	else if (job->kind == READ_DELIVERED)
		delivered_tell(&job->delivered, uid, sessions_presence(e->a.sessions), e->a.fx);
	else if (job->end)
		respond(to, uid, device, im_buf_view(&job->reply));
	else
		effects_reply(e->a.fx, uid, device, im_buf_view(&job->topic),
			im_buf_view(&job->corr), im_buf_view(&job->reply));
	if (job->kind == READ_DELIVERED) {
		outboxes_answer(e->a.outboxes, e->a.fx, peer_outbox(to));
		return;
	}
	outbox_answer(peer_outbox(to), e->a.fx);
	effects_reset(e->a.fx);
}

void engine_reads(struct engine *e)
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
	for (unsigned i = 0; i < e->n_peers; i++)
		if (peer_takes_answers(e->peers[i]))
			return true;
	return false;
}

void engine_respond(
	struct engine *e, struct im_str uid, struct im_str device, struct im_str response)
{
	for (unsigned i = 0; i < e->n_peers; i++)
		respond(e->peers[i], uid, device, response);
}

/* -- time -- */

int64_t engine_tick(struct engine *e, const struct engine_now *now)
{
	enum writer_outcome outcome;

	if (e->stalled && now->mono_ms >= e->retry_at_ms)
		retry(e, now);
	if (e->stalled)
		return e->retry_at_ms - now->mono_ms;
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_tick(e->peers[i], now->mono_ms);
	if (known(e, NULL, now))
		return 1000;
	if (!sessions_pending(e->a.sessions) || e->draining)
		return 1000;
	writer_set_now(e->a.writer, now->wall_ms);
	outcome = batch_finish(e->a.batch, NULL);
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
	return outboxes_bytes(e->a.outboxes) == 0 && outboxes_outstanding(e->a.outboxes) == 0 &&
	       readers_queued(e->p.readers) == 0;
}

/* -- what it tells -- */

bool engine_fatal(const struct engine *e)
{
	return e->fatal;
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
	const struct spool *s = first_spool(e);

	assembly_gauges(&e->a, out);
	out->epoch = s ? s->epoch : 0;
	out->recno = s ? s->recno : 0;
	out->linked = e->n_peers > 0;
	for (unsigned i = 0; i < e->n_peers; i++)
		out->linked &= peer_ready(e->peers[i]);
	out->stalled = e->stalled;
	out->reads_queued = readers_queued(e->p.readers);
	out->users = directory_user_count(e->p.dir);
}
