/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the offer that is under way. Called by batch.c for every transaction that was executed, by
 * work.c when a shared log has moved on; must not know of what it was made. */
#include "bridge/engine/commit.h"

#include <stdlib.h>

struct commit {
	struct commit_parts p;
	/* The transaction in hand. */
	struct peer *from;
	struct spool_mark *spool;
	struct writer_through through;
	unsigned moved; /* so often were others first */
	unsigned first; /* see commit_set_first */
};

struct commit *commit_new(const struct commit_parts *p)
{
	struct commit *c = calloc(1, sizeof(*c));

	if (c)
		c->p = *p;
	return c;
}

void commit_free(struct commit **c)
{
	free(*c);
	*c = NULL;
}

void commit_set_first(struct commit *c, unsigned number)
{
	c->first = number;
}

enum commit_outcome commit_give_up(struct commit *c)
{
	writer_rollback(c->p.writer);
	c->moved = 0;
	c->p.health->commits_failed++;
	return writer_fatal(c->p.writer) ? COMMIT_FATAL : COMMIT_NOTHING;
}

static enum commit_outcome failed(enum writer_outcome outcome)
{
	switch (outcome) {
	case WRITER_HALF:
		return COMMIT_HALF;
	case WRITER_FATAL:
		return COMMIT_FATAL;
	default:
		return COMMIT_NOTHING;
	}
}

/* Nothing is told before this. */
static void tell(struct commit *c)
{
	const struct writer_through *t = &c->through;
	struct outbox *own = c->from ? peer_outbox(c->from) : NULL;
	struct effects_read *reads = effects_reads(c->p.fx);

	if (c->from)
		ahead_pass_over(c->p.ahead, peer_number(c->from), &reads);
	outboxes_take(c->p.outboxes, c->p.fx, own, own ? t->epoch : 0, own ? t->recno : 0);
	readers_run(c->p.readers, reads, writer_position(c->p.writer),
		c->from || t->epoch ? t->peer : c->first);
}

/* The shared log has it, or there is none. */
static enum commit_outcome commit(struct commit *c)
{
	enum writer_outcome outcome;
	struct store_mark mark;

	/* It was stale when this was offered; what a plugin has come with since is not. */
	if (c->through.forget && marks_taken(c->p.marks, c->through.forget))
		c->through.forget = 0;
	outcome = writer_commit(c->p.writer, &c->through, &mark);
	c->moved = 0;
	/* The spool has come through this record. */
	if (c->spool && (outcome == WRITER_DONE || outcome == WRITER_HALF)) {
		spool_mark_advance(c->spool, c->through.recno, &mark);
		if (mark.epoch)
			marks_forget(c->p.marks, mark.forget);
	}
	if (outcome != WRITER_DONE) {
		c->p.health->commits_failed++;
		return failed(outcome);
	}
	c->p.health->commits++;
	tell(c);
	return COMMIT_DONE;
}

enum commit_outcome commit_answer(struct commit *c, enum shared_answer answer)
{
	switch (answer) {
	case SHARED_DONE:
		c->through.logged = true;
		return commit(c);
	case SHARED_MOVED:
		writer_rollback(c->p.writer);
		c->moved++;
		return COMMIT_MOVED;
	case SHARED_LATER:
		return COMMIT_LATER;
	default:
		return COMMIT_UNKNOWN;
	}
}

enum commit_outcome commit_ask(struct commit *c)
{
	return commit_answer(c, c->p.shared->ask(c->p.shared->arg));
}

/* Where nothing was written there is nothing that others need to have. */
static enum commit_outcome offer(struct commit *c)
{
	const struct shared_log *shared = c->p.shared;
	struct writer *w = c->p.writer;
	struct shared_offer o = {
		.after = writer_position(w),
		.through = writer_last(w),
		.own = c->through,
		.moved = c->moved,
	};

	if (!shared || !writer_written(w))
		return commit(c);
	return commit_answer(c, shared->append(shared->arg, w, &o));
}

enum commit_outcome commit_run(
	struct commit *c, struct peer *from, struct spool_mark *spool, uint64_t recno)
{
	c->from = from;
	c->spool = spool;
	c->through = (struct writer_through){.peer = from ? peer_number(from) : 0};
	if (spool) {
		c->through.epoch = spool->epoch;
		c->through.recno = recno;
		c->through.forget = marks_stale(c->p.marks);
	}
	if (cursors_write(c->p.cursors))
		return commit_give_up(c);
	acks_flush(c->p.acks, c->p.fx);
	if (sessions_tell(c->p.sessions) || !writer_sound(c->p.writer))
		return commit_give_up(c);
	return offer(c);
}

/* What it was appended by has told nobody here. Where it cannot be read devices are greeted, and
 * find it with their next sync. */
static void deliver(struct commit *c, uint64_t first)
{
	uint64_t last = writer_position(c->p.writer);

	c->through = (struct writer_through){0};
	if (replay_news(c->p.replay, first, last, writer_wall_ms(c->p.writer)) ||
		!writer_sound(c->p.writer)) {
		writer_rollback(c->p.writer);
		outboxes_miss(c->p.outboxes);
		return;
	}
	tell(c);
}

/* An entry was put. Its senders, where it is this node's own, are acked when their records are
 * found to be committed. */
static enum commit_outcome take_entry(struct commit *c, const struct writer_through *own)
{
	uint64_t first = writer_position(c->p.writer) + 1;
	unsigned moved = c->moved;
	enum commit_outcome outcome;

	c->from = NULL;
	c->through = *own;
	c->spool = own->epoch ? marks_know(c->p.marks, own->epoch) : NULL;
	acks_reset(c->p.acks);
	if (!writer_sound(c->p.writer) || (own->epoch && !c->spool))
		return commit_give_up(c);
	outcome = commit(c);
	if (outcome != COMMIT_DONE)
		return outcome;
	c->moved = moved;
	/* It was executed by others, who have told no cache here. */
	writer_forget(c->p.writer);
	deliver(c, first);
	return COMMIT_DONE;
}

enum commit_outcome commit_follow(struct commit *c)
{
	const struct shared_log *shared = c->p.shared;
	enum commit_outcome outcome = COMMIT_DONE;
	struct writer_through own;
	int rc = shared ? IM_OK : IM_E_NONE;

	while (!rc && outcome == COMMIT_DONE) {
		own = (struct writer_through){0};
		rc = shared->follow(shared->arg, c->p.writer, &own);
		if (!rc)
			outcome = take_entry(c, &own);
	}
	if (rc && rc != IM_E_NONE)
		outcome = commit_give_up(c);
	return outcome;
}
