/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing but the order of things. Called by work.c with frames that are found in order. */
#include "bridge/engine/batch.h"

#include <stdlib.h>

#include "bridge/engine/rehash.h"
#include "common/limits.h"

/* From so many records on it pays to begin a view for them. */
#define VIEW_RECORDS 8

struct batch {
	struct batch_parts p;
	/* What is in hand: records of a plugin's, or a call. */
	struct peer *from;
	bool of_records;
	int (*fn)(void *arg, struct writer *w);
	void *arg;
	/* With which record the open transaction begins, and where; the next one, likewise. */
	uint64_t first, next, last;
	struct im_str begun, in;
	uint64_t committed; /* through this record before it was executed */
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

static int handle_new(struct batch *b, const struct im_up_rec *rec, uint64_t recno)
{
	if (rec->type != IM_UP_OPEN && rec->type != IM_UP_CLOSE && rec->type != IM_UP_REHASH)
		sessions_spoke(b->p.sessions, peer_number(b->from), rec);
	switch (rec->type) {
	case IM_UP_MSG_USER:
	case IM_UP_MSG_GROUP:
		return intake_message(b->p.intake, rec);
	case IM_UP_SIGNAL_USER:
	case IM_UP_SIGNAL_GROUP:
		return intake_signal(b->p.intake, rec, b->now_ms);
	case IM_UP_RPC:
		return ahead_has(b->p.ahead, peer_number(b->from), recno)
			       ? IM_OK
			       : requests_rpc(b->p.requests, rec, recno, REQUESTS_NEW, b->now_ms);
	case IM_UP_ACK:
		return cursors_note(b->p.cursors, rec);
	case IM_UP_CONTROL:
		return requests_control(b->p.requests, rec, b->now_ms);
	case IM_UP_REHASH:
		return rehash_record(b->p.writer, b->p.health, b->p.log, rec);
	default:
		return sessions_record(b->p.sessions, peer_number(b->from), rec);
	}
}

/* Committed before; messages are not looked at, replay_again has seen to them. */
static int handle_old(struct batch *b, const struct im_up_rec *rec, uint64_t recno)
{
	/* The directory's part of a committed record may be lost: it is committed second. */
	bool behind = !writer_directory_has(b->p.writer, peer_spool(b->from)->epoch, recno);

	b->p.health->records_replayed++;
	switch (rec->type) {
	case IM_UP_RPC:
		return requests_rpc(b->p.requests, rec, recno,
			behind ? REQUESTS_REPLAY_DIRECTORY : REQUESTS_REPLAY, b->now_ms);
	case IM_UP_ACK:
		return cursors_note(b->p.cursors, rec);
	case IM_UP_REHASH:
		return behind ? rehash_record(b->p.writer, b->p.health, b->p.log, rec) : IM_OK;
	case IM_UP_OPEN:
	case IM_UP_SUB:
	case IM_UP_KEEP:
	case IM_UP_CLOSE:
		return sessions_again(b->p.sessions, peer_number(b->from), rec, behind);
	default:
		return IM_OK;
	}
}

bool batch_is_sound(const struct im_up_rec *rec)
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
	if (!batch_is_sound(&rec)) {
		b->p.health->records_malformed++;
		return IM_OK;
	}
	writer_set_now(b->p.writer, rec.ts_ms > 0 ? rec.ts_ms : 0);
	rc = recno > b->committed ? handle_new(b, &rec, recno) : handle_old(b, &rec, recno);
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

/* A transaction ends behind the record in hand. */
static void begins(struct batch *b)
{
	b->first = b->next;
	b->begun = b->in;
}

/* From the record in hand through the last one. */
static enum commit_outcome proceed(struct batch *b)
{
	enum commit_outcome outcome = COMMIT_DONE;

	while (b->next <= b->last && outcome == COMMIT_DONE) {
		uint64_t recno = b->next;

		if (handle(b, &b->in, recno))
			return commit_give_up(b->p.commit);
		b->next++;
		if (recno < b->last &&
			(effects_bytes(b->p.fx) < IM_EFFECTS_BYTES_MAX || recno <= b->committed))
			continue;
		outcome = commit_run(b->p.commit, b->from, peer_spool(b->from),
			recno > b->committed ? recno : b->committed);
		if (outcome == COMMIT_DONE)
			begins(b);
	}
	return outcome;
}

static enum commit_outcome records(struct batch *b)
{
	b->committed = peer_spool(b->from)->recno;
	b->next = b->first;
	b->in = b->begun;
	if (b->last - b->first >= VIEW_RECORDS - 1)
		writer_view(b->p.writer);
	if (b->first <= b->committed && again(b, b->first, b->last))
		return commit_give_up(b->p.commit);
	return proceed(b);
}

static enum commit_outcome call(struct batch *b)
{
	if (b->fn && b->fn(b->arg, b->p.writer))
		return commit_give_up(b->p.commit);
	return commit_run(b->p.commit, b->from, NULL, 0);
}

enum commit_outcome batch_process(
	struct batch *b, struct peer *from, const struct im_up_frame *f, int64_t now_ms)
{
	b->from = from;
	b->of_records = true;
	b->first = f->batch.first;
	b->last = b->first + f->batch.count - 1;
	b->begun = f->rest;
	b->now_ms = now_ms;
	writer_set_wall(b->p.writer, now_ms);
	return records(b);
}

enum commit_outcome batch_call(
	struct batch *b, struct peer *from, int (*fn)(void *arg, struct writer *w), void *arg)
{
	b->from = from;
	b->of_records = false;
	b->fn = fn;
	b->arg = arg;
	return call(b);
}

enum commit_outcome batch_again(struct batch *b)
{
	return b->of_records ? records(b) : call(b);
}

static enum commit_outcome answered(struct batch *b, enum commit_outcome outcome)
{
	if (outcome != COMMIT_DONE || !b->of_records)
		return outcome;
	begins(b);
	return proceed(b);
}

enum commit_outcome batch_answer(struct batch *b, enum shared_answer answer)
{
	return answered(b, commit_answer(b->p.commit, answer));
}

enum commit_outcome batch_ask(struct batch *b)
{
	return answered(b, commit_ask(b->p.commit));
}
