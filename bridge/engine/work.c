/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the piece of work in hand and the two states that follow from how it ends: stalled after a
 * failed commit, open while a shared log has not answered. Called by engine.c. What happens to a
 * batch's records is batch.c's.
 */
#include "bridge/engine/work.h"

#include "bridge/write/project.h"

#define RETRY_FIRST_MS 100
#define RETRY_MAX_MS 5000
/* So often is work executed again at once when others were first; then like after a failure. */
#define MOVED_MAX 10
/* For the first snapshots of those plugins that have not sent theirs: then the users who are marked
 * as online, and are not known to be, are told to be offline. And for a plugin to come back, before
 * those who were there are. */
#define KNOWN_MS 30000

int work_project(struct engine *e)
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

const struct spool_mark *work_first_spool(const struct engine *e)
{
	const struct spool_mark *s = e->n_peers ? peer_spool(e->peers[0]) : NULL;

	return s ? s : marks_only(e->a.marks);
}

int work_known(struct engine *e, const struct peer *from, const struct engine_now *now)
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

bool work_away(struct engine *e, const struct engine_now *now)
{
	bool any = false;

	for (unsigned i = 0; i < e->n_peers; i++) {
		struct peer *p = e->peers[i];

		if (peer_away_ms(p, now->mono_ms) < KNOWN_MS)
			continue;
		log_line(e->p.log, LOG_LEVEL_WARNING, "broker_away",
			"broker=%s after_s=%d what=\"whoever was connected there counts as offline "
			"until it is back\"",
			peer_broker(p), KNOWN_MS / 1000);
		sessions_away(e->a.sessions, peer_number(p), now->wall_ms);
		peer_lost(p);
		any = true;
	}
	return any;
}

/* -- how it ends -- */

static int64_t twice(int64_t ms)
{
	return ms * 2 < RETRY_MAX_MS ? ms * 2 : RETRY_MAX_MS;
}

static void stall(struct engine *e, enum commit_outcome outcome, const struct engine_now *now)
{
	if (outcome == COMMIT_FATAL) {
		e->fatal = true;
		log_line(e->p.log, LOG_LEVEL_ERROR, "log_conflict",
			"what=\"another process writes to messages.db; stop it and start again\"");
		return;
	}
	e->half |= outcome == COMMIT_HALF;
	if (!e->stalled)
		log_line(e->p.log, LOG_LEVEL_ERROR, "commit_failed",
			"what=%s why=\"%s\" will=\"try again until it works\"",
			e->half ? "directory" : "log", directory_errmsg(e->p.dir));
	e->retry_ms = e->stalled ? twice(e->retry_ms) : RETRY_FIRST_MS;
	e->stalled = true;
	e->retry_at_ms = now->mono_ms + e->retry_ms;
}

static void recovered(struct engine *e, const struct engine_now *now)
{
	const struct spool_mark *s =
		e->work.kind == WORK_BATCH ? peer_spool(e->work.from) : work_first_spool(e);

	if (!e->stalled)
		return;
	e->stalled = false;
	log_line(e->p.log, LOG_LEVEL_INFO, "commit_works", "recno=%llu",
		(unsigned long long)(s ? s->recno : 0));
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_catch_up(e->peers[i], now->mono_ms);
}

static void say_ready(struct engine *e, const struct peer *p)
{
	const struct spool_mark *s = peer_spool(p);

	log_line(e->p.log, LOG_LEVEL_INFO, "ready",
		"users=%zu devices=%zu recno=%llu plugin_level=%u%s%s",
		presence_users(sessions_presence(e->a.sessions)),
		presence_devices(sessions_presence(e->a.sessions)),
		(unsigned long long)(s ? s->recno : 0), peer_level(p),
		e->n_peers > 1 ? " broker=" : "", e->n_peers > 1 ? peer_broker(p) : "");
}

void work_heard(struct engine *e)
{
	struct presence *presence = sessions_presence(e->a.sessions);

	if (!presence_kept(presence))
		return;
	for (unsigned i = 0; i < e->n_peers; i++)
		if (!peer_has(e->peers[i]))
			return;
	presence_heard(presence);
	for (unsigned i = 0; i < e->n_peers; i++)
		peer_told(e->peers[i]);
}

static void put_down(struct engine *e)
{
	e->work.kind = WORK_NONE;
	im_buf_reset(&e->work.frame);
}

static void answered(struct engine *e, const struct engine_now *now)
{
	const struct work *w = &e->work;
	bool first = !peer_ready(w->from);

	if (!peer_answered(w->from, w->sound && w->f.part.last, now->mono_ms))
		return;
	if (first)
		say_ready(e, w->from);
}

static void succeeded(struct engine *e, const struct engine_now *now)
{
	struct work *w = &e->work;

	recovered(e, now);
	if (w->kind == WORK_SESSIONS)
		answered(e, now);
	put_down(e);
}

/* A batch is kept, and so is a call; a snapshot is asked for again, and presence tells again. */
static void failed(struct engine *e, enum commit_outcome outcome, const struct engine_now *now)
{
	struct work *w = &e->work;

	if (w->kind == WORK_SESSIONS || (w->kind == WORK_BATCH && !w->frame.n))
		peer_refuse(w->from);
	if (w->kind != WORK_CALL && (w->kind != WORK_BATCH || !w->frame.n))
		put_down(e);
	stall(e, outcome, now);
}

static void wait_for_answer(
	struct engine *e, enum commit_outcome outcome, const struct engine_now *now)
{
	e->open = outcome == COMMIT_LATER || outcome == COMMIT_UNKNOWN;
	if (e->open && outcome == COMMIT_LATER) {
		e->ask_at_ms = 0;
	} else if (e->open) {
		if (!e->doubt)
			log_line(e->p.log, LOG_LEVEL_ERROR, "append_in_doubt",
				"what=\"the shared log may have taken what was offered\" "
				"will=\"ask until it is known\"");
		e->ask_ms = e->doubt ? twice(e->ask_ms) : RETRY_FIRST_MS;
		e->ask_at_ms = now->mono_ms + e->ask_ms;
		e->doubt = true;
	} else if (e->doubt) {
		e->doubt = false;
		log_line(e->p.log, LOG_LEVEL_INFO, "append_known", "outcome=%s",
			outcome == COMMIT_MOVED ? "lost" : "taken");
	}
}

static void ended(struct engine *e, enum commit_outcome outcome, const struct engine_now *now)
{
	unsigned moved = 0;

	wait_for_answer(e, outcome, now);
	while (outcome == COMMIT_MOVED) {
		outcome = moved++ < MOVED_MAX ? commit_follow(e->a.commit)
					      : commit_give_up(e->a.commit);
		if (outcome == COMMIT_DONE)
			outcome = batch_again(e->a.batch);
		wait_for_answer(e, outcome, now);
	}
	if (e->open)
		return;
	if (outcome == COMMIT_DONE)
		succeeded(e, now);
	else
		failed(e, outcome, now);
}

/* -- how it begins -- */

/* What others may be ahead of is executed again, so it is kept before it is begun. */
static bool take_up(struct engine *e, enum work_kind kind, struct peer *from, struct im_str frame,
	const struct engine_now *now)
{
	struct work *w = &e->work;

	w->kind = kind;
	w->from = from;
	w->now = *now;
	writer_set_now(e->a.writer, now->wall_ms);
	if (e->p.shared && frame.n && frame.p != w->frame.p) {
		im_buf_reset(&w->frame);
		im_buf_str(&w->frame, frame);
		frame = im_buf_view(&w->frame);
	}
	if (!w->frame.failed && (!frame.n || im_up_frame_read(frame, &w->f) == IM_OK))
		return true;
	put_down(e);
	if (from)
		peer_refuse(from);
	return false;
}

void work_batch(
	struct engine *e, struct peer *from, struct im_str frame, const struct engine_now *now)
{
	struct work *w = &e->work;
	enum commit_outcome outcome;

	if (!take_up(e, WORK_BATCH, from, frame, now))
		return;
	outcome = batch_process(e->a.batch, from, &w->f, now->wall_ms);
	if (outcome != COMMIT_DONE && !w->frame.n) {
		im_buf_str(&w->frame, frame);
		if (w->frame.failed)
			im_buf_reset(&w->frame);
	}
	ended(e, outcome, now);
}

/* What went past a broker, or may have gone from it. That can only be said of those who are there
 * while the link stands; with the first snapshot on one, nothing can. */
static void tell_again(struct engine *e, const struct work *w)
{
	struct retained *r = &e->retained[peer_number(w->from)];
	bool first = !peer_ready(w->from);

	if (w->greet || first)
		presence_tell_again(sessions_presence(e->a.sessions));
	/* What it has missed may have been some of it. */
	if (first || (w->greet && r->on))
		retained_begin(r);
}

/* One that cannot be read is taken as far as it can be. */
static int snapshot(void *arg, struct writer *writer)
{
	struct engine *e = arg;
	struct work *w = &e->work;
	int rc = sessions_snapshot(
		e->a.sessions, peer_number(w->from), &w->f, w->greet, w->now.wall_ms);

	(void)writer;
	w->sound = rc == IM_OK;
	if (rc == IM_E_FORMAT) {
		log_line(e->p.log, LOG_LEVEL_ERROR, "frame_malformed", "kind=sessions");
		return IM_OK;
	}
	if (rc || !w->f.part.last)
		return rc;
	rc = work_known(e, w->from, &w->now);
	tell_again(e, w);
	return rc;
}

void work_sessions(struct engine *e, struct peer *from, struct im_str frame, bool greet,
	const struct engine_now *now)
{
	if (!take_up(e, WORK_SESSIONS, from, frame, now))
		return;
	e->work.greet = greet;
	ended(e, batch_call(e->a.batch, from, snapshot, e), now);
}

void work_tell(struct engine *e, const struct engine_now *now)
{
	if (take_up(e, WORK_TELL, NULL, (struct im_str){0}, now))
		ended(e, batch_call(e->a.batch, NULL, NULL, NULL), now);
}

static void call_again(struct engine *e, const struct engine_now *now)
{
	ended(e, batch_call(e->a.batch, NULL, e->work.fn, e->work.arg), now);
}

/* One that leaves nothing behind is its caller's to do again, so there is nothing to wait for. */
bool work_call(struct engine *e, int (*fn)(void *arg, struct writer *w), void *arg,
	const struct engine_now *now)
{
	enum commit_outcome outcome;

	if (!take_up(e, WORK_CALL, NULL, (struct im_str){0}, now))
		return false;
	e->work.fn = fn;
	e->work.arg = arg;
	outcome = batch_call(e->a.batch, NULL, fn, arg);
	if (outcome == COMMIT_NOTHING) {
		put_down(e);
		return false;
	}
	ended(e, outcome, now);
	if (!e->stalled)
		return !e->fatal;
	put_down(e);
	return false;
}

void work_follow(struct engine *e, const struct engine_now *now)
{
	enum commit_outcome outcome;

	if (e->open || e->stalled)
		return;
	writer_set_wall(e->a.writer, now->wall_ms);
	outcome = commit_follow(e->a.commit);
	if (outcome != COMMIT_DONE)
		stall(e, outcome, now);
}

void work_answer(struct engine *e, enum shared_answer answer, const struct engine_now *now)
{
	if (e->open)
		ended(e, batch_answer(e->a.batch, answer), now);
}

/* -- and again -- */

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

/* With a shared log, what could not be committed here may stand there. */
static enum commit_outcome repair(struct engine *e)
{
	enum commit_outcome outcome;

	if (e->half && !e->p.shared && work_project(e))
		return COMMIT_HALF;
	outcome = commit_follow(e->a.commit);
	if (outcome != COMMIT_DONE)
		return outcome;
	if (e->half)
		healed(e);
	e->half = false;
	return COMMIT_DONE;
}

static void retry(struct engine *e, const struct engine_now *now)
{
	struct work *w = &e->work;
	enum commit_outcome outcome = repair(e);

	if (outcome != COMMIT_DONE)
		stall(e, outcome, now);
	else if (w->kind == WORK_BATCH)
		work_batch(e, w->from, im_buf_view(&w->frame), now);
	else if (w->kind == WORK_CALL)
		call_again(e, now);
	else
		recovered(e, now);
}

int64_t work_tick(struct engine *e, const struct engine_now *now)
{
	if (e->stalled && !e->open && now->mono_ms >= e->retry_at_ms)
		retry(e, now);
	if (e->open && e->ask_at_ms && now->mono_ms >= e->ask_at_ms)
		ended(e, batch_ask(e->a.batch), now);
	if (e->open)
		return e->ask_at_ms ? e->ask_at_ms - now->mono_ms : -1;
	return e->stalled ? e->retry_at_ms - now->mono_ms : -1;
}
