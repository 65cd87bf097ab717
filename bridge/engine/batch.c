/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing but the order of things. Called by the engine with frames it has found in order. */
#include "bridge/engine/batch.h"

#include <stdlib.h>

#include "common/limits.h"

/* From so many records on it pays to begin a view for them. */
#define VIEW_RECORDS 8

struct batch {
	struct batch_parts p;
	struct peer *from;
	uint64_t committed; /* through this record before the batch began */
	int64_t now_ms;
};

struct batch *batch_new(const struct batch_parts *p)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b)
		b->p = *p;
	return b;
}

void batch_free(struct batch **b)
{
	free(*b);
	*b = NULL;
}

static enum writer_outcome give_up(struct batch *b)
{
	writer_rollback(b->p.writer);
	b->p.health->commits_failed++;
	return writer_fatal(b->p.writer) ? WRITER_FATAL : WRITER_NOTHING;
}

/* The spool has come through this record. */
static void advance(struct batch *b, const struct writer_through *t, struct spool *spool,
	const struct store_mark *mark)
{
	spool_advance(spool, t->recno, mark);
	if (mark->epoch)
		marks_forget(b->p.marks, mark->forget);
}

/* spool: whose records have part in it, through recno; NULL: none's. */
static enum writer_outcome finish(
	struct batch *b, struct peer *from, struct spool *spool, uint64_t recno)
{
	struct writer_through t = {.peer = from ? peer_number(from) : 0};
	enum writer_outcome outcome;
	struct effects_read *reads;
	struct store_mark mark;

	if (spool)
		t = (struct writer_through){t.peer, spool->epoch, recno, marks_stale(b->p.marks)};
	acks_flush(b->p.acks, b->p.fx);
	if (sessions_tell(b->p.sessions))
		return give_up(b);
	outcome = writer_commit(b->p.writer, &t, &mark);
	if (spool && (outcome == WRITER_DONE || outcome == WRITER_HALF))
		advance(b, &t, spool, &mark);
	if (outcome != WRITER_DONE) {
		b->p.health->commits_failed++;
		return outcome;
	}
	b->p.health->commits++;
	reads = effects_reads(b->p.fx);
	outboxes_take(b->p.outboxes, b->p.fx, from ? peer_outbox(from) : NULL, t.epoch, t.recno);
	readers_run(b->p.readers, reads, writer_position(b->p.writer), t.peer);
	return WRITER_DONE;
}

enum writer_outcome batch_finish(struct batch *b, struct peer *from)
{
	return finish(b, from, NULL, 0);
}

enum writer_outcome batch_call(struct batch *b, int (*fn)(void *arg, struct writer *w), void *arg)
{
	return fn(arg, b->p.writer) == IM_OK ? batch_finish(b, NULL) : give_up(b);
}

static int handle_new(struct batch *b, const struct im_up_rec *rec)
{
	switch (rec->type) {
	case IM_UP_MSG_USER:
	case IM_UP_MSG_GROUP:
		return intake_message(b->p.intake, rec);
	case IM_UP_SIGNAL_USER:
	case IM_UP_SIGNAL_GROUP:
		return intake_signal(b->p.intake, rec, b->now_ms);
	case IM_UP_RPC:
		return requests_rpc(b->p.requests, rec, REQUESTS_NEW, b->now_ms);
	case IM_UP_CONTROL:
		return requests_control(b->p.requests, rec, b->now_ms);
	default:
		return sessions_record(b->p.sessions, peer_number(b->from), rec, false);
	}
}

/* Committed before; messages are not looked at, replay_again has seen to them. */
static int handle_old(struct batch *b, const struct im_up_rec *rec, uint64_t recno)
{
	/* The directory's part of a committed record may be lost: it is committed second. */
	bool behind = !writer_directory_has(
		b->p.writer, peer_number(b->from), peer_spool(b->from)->epoch, recno);

	b->p.health->records_replayed++;
	switch (rec->type) {
	case IM_UP_RPC:
		return requests_rpc(b->p.requests, rec,
			behind ? REQUESTS_REPLAY_DIRECTORY : REQUESTS_REPLAY, b->now_ms);
	case IM_UP_OPEN:
	case IM_UP_SUB:
	case IM_UP_KEEP:
	case IM_UP_CLOSE:
		return behind ? sessions_record(b->p.sessions, peer_number(b->from), rec, true)
			      : IM_OK;
	default:
		return IM_OK;
	}
}

static bool sound(const struct im_up_rec *rec)
{
	return rec->user.n > 0 && rec->user.n <= IM_UID_MAX && rec->device.n <= IM_DEVICE_MAX;
}

/* One record from *in. The spool has checksums, so one that cannot be read was written by another
 * version: it is passed over and said so, because all that follow must not wait for it. */
static int handle(struct batch *b, struct im_str *in, uint64_t recno)
{
	struct im_str unread;
	struct im_up_rec rec;
	int rc;

	b->p.health->records++;
	if (im_up_rec_read(in, &rec)) {
		b->p.health->records_malformed++;
		log_line(b->p.log, LOG_LEVEL_ERROR, "record_malformed",
			"recno=%llu what=\"plugin and bridge of different versions?\"",
			(unsigned long long)recno);
		if (im_piece_take(in, &unread))
			in->n = 0;
		return IM_OK;
	}
	if (rec.type == IM_UP_NONE)
		return IM_OK;
	if (!sound(&rec)) {
		b->p.health->records_malformed++;
		return IM_OK;
	}
	writer_set_now(b->p.writer, rec.ts_ms > 0 ? rec.ts_ms : 0);
	rc = recno > b->committed ? handle_new(b, &rec) : handle_old(b, &rec, recno);
	if (rc == IM_OK || rc == IM_E_IO || rc == IM_E_NOMEM)
		return rc;
	/* A defect of ours; trying again would not mend it and would stop everything. */
	log_line(b->p.log, LOG_LEVEL_ERROR, "record_failed", "recno=%llu type=%d code=%d",
		(unsigned long long)recno, rec.type, rc);
	return IM_OK;
}

static int again(struct batch *b, uint64_t first, uint64_t last)
{
	uint64_t n = 0;
	int rc = replay_again(b->p.replay, peer_spool(b->from), first,
		last < b->committed ? last : b->committed, &n);

	if (!rc)
		log_line(b->p.log, LOG_LEVEL_INFO, "replayed",
			"first=%llu through=%llu messages=%llu", (unsigned long long)first,
			(unsigned long long)(last < b->committed ? last : b->committed),
			(unsigned long long)n);
	return rc;
}

enum writer_outcome batch_process(
	struct batch *b, struct peer *from, const struct im_up_frame *f, int64_t now_ms)
{
	uint64_t first = f->batch.first, last = first + f->batch.count - 1;
	enum writer_outcome outcome;
	struct spool *spool = peer_spool(from);
	struct im_str in = f->rest;

	b->from = from;
	b->committed = spool->recno;
	b->now_ms = now_ms;
	writer_set_wall(b->p.writer, now_ms);
	if (f->batch.count >= VIEW_RECORDS)
		writer_view(b->p.writer);
	if (first <= b->committed && again(b, first, last))
		return give_up(b);
	for (uint64_t recno = first; recno < last; recno++) {
		if (handle(b, &in, recno))
			return give_up(b);
		if (effects_bytes(b->p.fx) < IM_EFFECTS_BYTES_MAX || recno <= b->committed)
			continue;
		outcome = finish(b, from, spool, recno);
		if (outcome != WRITER_DONE)
			return outcome;
	}
	if (handle(b, &in, last))
		return give_up(b);
	return finish(b, from, spool, last > b->committed ? last : b->committed);
}
