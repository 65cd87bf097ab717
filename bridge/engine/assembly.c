/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds the parts in the order in which they need one another. Called by engine_new. */
#include "bridge/engine/assembly.h"

#include "bridge/write/dedup_rebuild.h"

/* Unreturned frames of group deliveries: one at work in the broker, one on its way. */
#define DOWN_WINDOW 2
#define NAMES_CACHED 65536

static int build(struct assembly *a, const struct engine_parts *p, int64_t wall_ms)
{
	struct writer_parts wp = {
		.backend = p->backend, .store = p->store, .dir = p->dir, .key = p->key};

	a->fx = wp.fx = effects_new();
	a->downq = wp.downq = downq_new(SIZE_MAX, DOWN_WINDOW);
	a->rights = rights_new(p->dir, &p->key);
	a->cost = cost_new(&p->key);
	a->acks = acks_new();
	a->dedup = dedup_new(p->dedup_entries, p->dedup_window_ms, &p->key);
	a->names = names_new(p->dir, NAMES_CACHED);
	if (!a->fx || !a->downq || !a->rights || !a->cost || !a->acks || !a->dedup || !a->names)
		return IM_E_NOMEM;
	effects_on_forget(a->fx, rights_forget, a->rights);
	if (p->backend->reader_open(p->store, &a->log_reader))
		return IM_E_IO;
	if (writer_new(&wp, &a->writer))
		return IM_E_IO;
	return dedup_rebuild(a->dedup, 0, p->backend, a->log_reader, wall_ms);
}

/* Whoever knows something of an open transaction that a rollback makes untrue. */
static int join(struct assembly *a)
{
	const struct tx_part parts[] = {rights_part(a->rights), cost_part(a->cost),
		acks_part(a->acks), dedup_part(a->dedup), sessions_part(a->sessions)};
	int rc = IM_OK;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !rc; i++)
		rc = writer_join(a->writer, parts[i]);
	return rc;
}

static int assemble(struct assembly *a, const struct engine_parts *p)
{
	struct intake_parts ip = {
		a->rights, a->cost, a->dedup, a->writer, a->fx, a->acks, &a->health, p->moderation};
	struct sessions_parts sp = {a->rights, a->writer, p->dir, a->fx, &a->health, p->log};
	struct requests_parts qp = {a->rights, a->writer, a->fx, &a->health, p->log, p->hooks,
		p->hold, NULL, a->dedup, a->cost};
	struct replay_parts rp = {
		p->backend, p->store, a->log_reader, p->dir, a->names, a->writer, a->acks};
	struct batch_parts bp = {.writer = a->writer,
		.fx = a->fx,
		.acks = a->acks,
		.readers = p->readers,
		.health = &a->health,
		.log = p->log};

	a->intake = bp.intake = intake_new(&ip);
	a->sessions = bp.sessions = sessions_new(&sp);
	if (!a->sessions || join(a))
		return IM_E_NOMEM;
	qp.presence = sessions_presence(a->sessions);
	a->requests = bp.requests = requests_new(&qp);
	a->outbox = bp.outbox = outbox_new(a->downq, &a->health, p->log, p->send, p->send_arg);
	if (replay_new(&rp, &a->replay))
		return IM_E_IO;
	bp.replay = a->replay;
	a->batch = batch_new(&bp);
	return a->intake && a->sessions && a->requests && a->outbox && a->batch ? IM_OK
										: IM_E_NOMEM;
}

int assembly_open(struct assembly *a, const struct engine_parts *p, int64_t wall_ms)
{
	int rc;

	a->backend = p->backend;
	rc = build(a, p, wall_ms);
	return rc ? rc : assemble(a, p);
}

void assembly_close(struct assembly *a)
{
	batch_free(&a->batch);
	outbox_free(&a->outbox);
	replay_free(&a->replay);
	requests_free(&a->requests);
	sessions_free(&a->sessions);
	intake_free(&a->intake);
	writer_free(&a->writer);
	names_free(&a->names);
	if (a->log_reader)
		a->backend->reader_close(a->log_reader);
	dedup_free(&a->dedup);
	acks_free(&a->acks);
	cost_free(&a->cost);
	rights_free(&a->rights);
	downq_free(&a->downq);
	effects_free(&a->fx);
}

void assembly_gauges(const struct assembly *a, struct health_gauges *out)
{
	const struct presence *p = sessions_presence(a->sessions);

	*out = (struct health_gauges){
		.epoch = replay_epoch(a->replay),
		.recno = replay_recno(a->replay),
		.position = writer_position(a->writer),
		.queued_bytes = downq_bytes(a->downq),
		.frames_outstanding = downq_outstanding(a->downq),
		.users_online = presence_users(p),
		.devices_online = presence_devices(p),
		.dedup_entries = dedup_count(a->dedup),
		.cost_refused = cost_refused(a->cost),
	};
}
