/* SPDX-License-Identifier: BSD-3-Clause */
/* Builds the parts in the order in which they need one another. Called by engine_new. */
#include "bridge/engine/assembly.h"

#include "bridge/write/dedup_rebuild.h"
#include "common/limits.h"

static void forget(void *arg, struct im_str uid, struct im_str gid)
{
	struct assembly *a = arg;

	rights_forget(a->rights, uid, gid);
	if (!gid.n)
		whereabouts_changed(a->where, uid);
}

/* A log that cannot be read takes no commit either. */
static bool older(void *arg, uint64_t sender, uint64_t conv, struct im_str id, int64_t now_ms,
	struct dedup_value *out)
{
	struct assembly *a = arg;

	return dedup_seek(a->dedup, a->backend, a->log_reader, sender, conv, id, now_ms, out) ==
	       IM_OK;
}

static int build(struct assembly *a, const struct engine_parts *p, int64_t wall_ms)
{
	struct writer_parts wp = {
		.backend = p->backend, .store = p->store, .dir = p->dir, .key = p->key};

	a->fx = wp.fx = effects_new();
	a->answers = effects_new();
	a->outboxes = wp.outboxes = outboxes_new();
	a->rights = rights_new(p->dir, &p->key);
	a->cost = cost_new(&p->key);
	a->ceiling = wp.ceiling = ceiling_new(&p->key, &a->health);
	a->acks = acks_new();
	a->dedup = dedup_new(p->dedup_entries, p->dedup_window_ms, &p->key);
	a->names = names_new(p->dir, IM_CACHED_NAMES);
	if (!a->fx || !a->answers || !a->outboxes || !a->rights || !a->cost || !a->ceiling ||
		!a->acks || !a->dedup || !a->names)
		return IM_E_NOMEM;
	effects_on_forget(a->fx, forget, a);
	if (p->backend->reader_open(p->store, &a->log_reader))
		return IM_E_IO;
	if (writer_new(&wp, &a->writer) || marks_new(p->backend, p->store, &a->marks))
		return IM_E_IO;
	dedup_on_older(a->dedup, older, a);
	return dedup_rebuild(a->dedup, 0, p->backend, a->log_reader, wall_ms);
}

/* Whoever knows something of an open transaction that a rollback makes untrue. */
static int join(struct assembly *a, const struct engine_parts *p)
{
	const struct tx_part parts[] = {rights_part(a->rights), cost_part(a->cost),
		ceiling_part(a->ceiling), acks_part(a->acks), dedup_part(a->dedup),
		sessions_part(a->sessions), whereabouts_part(a->where), cursors_part(a->cursors),
		health_part(&a->health)};
	int rc = IM_OK;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && !rc; i++)
		rc = writer_join(a->writer, parts[i]);
	if (!rc && p->shared)
		rc = writer_join(a->writer, p->shared->part);
	return rc;
}

static int people(struct assembly *a, const struct engine_parts *p)
{
	const struct intake_parts ip = {.rights = a->rights,
		.cost = a->cost,
		.dedup = a->dedup,
		.writer = a->writer,
		.fx = a->fx,
		.acks = a->acks,
		.health = &a->health,
		.moderation = p->moderation};
	const struct cursors_parts cu = {.rights = a->rights, .writer = a->writer, .acks = a->acks};
	struct sessions_parts sp = {.rights = a->rights,
		.writer = a->writer,
		.dir = p->dir,
		.fx = a->fx,
		.health = &a->health,
		.log = p->log,
		.key = p->key};

	a->intake = intake_new(&ip);
	a->cursors = sp.cursors = cursors_new(&cu);
	a->sessions = sessions_new(&sp);
	if (!a->intake || !a->cursors || !a->sessions)
		return IM_E_NOMEM;
	a->where = whereabouts_new(
		sessions_presence(a->sessions), &p->key, sessions_homes, a->sessions);
	if (!a->where)
		return IM_E_NOMEM;
	sessions_set_whereabouts(a->sessions, a->where);
	outboxes_set_whereabouts(a->outboxes, a->where);
	return join(a, p);
}

static int requesting(struct assembly *a, const struct engine_parts *p)
{
	const struct requests_parts qp = {.rights = a->rights,
		.writer = a->writer,
		.fx = a->fx,
		.health = &a->health,
		.log = p->log,
		.hooks = p->hooks,
		.hold = p->hold,
		.presence = sessions_presence(a->sessions),
		.sessions = a->sessions,
		.dedup = a->dedup,
		.cost = a->cost,
		.cursors = a->cursors};
	const struct replay_parts rp = {.backend = p->backend,
		.log = a->log_reader,
		.dir = p->dir,
		.names = a->names,
		.writer = a->writer,
		.dedup = a->dedup,
		.acks = a->acks};

	a->requests = requests_new(&qp);
	a->replay = replay_new(&rp);
	return a->requests && a->replay ? IM_OK : IM_E_NOMEM;
}

static int batching(struct assembly *a, const struct engine_parts *p)
{
	struct commit_parts cp = {.writer = a->writer,
		.fx = a->fx,
		.acks = a->acks,
		.replay = a->replay,
		.sessions = a->sessions,
		.cursors = a->cursors,
		.marks = a->marks,
		.readers = p->readers,
		.outboxes = a->outboxes,
		.health = &a->health,
		.shared = p->shared};
	struct batch_parts bp = {.writer = a->writer,
		.fx = a->fx,
		.intake = a->intake,
		.sessions = a->sessions,
		.requests = a->requests,
		.cursors = a->cursors,
		.replay = a->replay,
		.health = &a->health,
		.log = p->log};

	a->ahead = ahead_new();
	cp.ahead = bp.ahead = a->ahead;
	a->commit = bp.commit = commit_new(&cp);
	a->batch = batch_new(&bp);
	return a->ahead && a->commit && a->batch ? IM_OK : IM_E_NOMEM;
}

int assembly_open(struct assembly *a, const struct engine_parts *p, int64_t wall_ms)
{
	int rc;

	a->backend = p->backend;
	rc = build(a, p, wall_ms);
	if (!rc)
		rc = people(a, p);
	if (!rc)
		rc = requesting(a, p);
	return rc ? rc : batching(a, p);
}

void assembly_close(struct assembly *a)
{
	batch_free(&a->batch);
	commit_free(&a->commit);
	ahead_free(&a->ahead);
	replay_free(&a->replay);
	marks_free(&a->marks);
	requests_free(&a->requests);
	cursors_free(&a->cursors);
	whereabouts_free(&a->where);
	sessions_free(&a->sessions);
	intake_free(&a->intake);
	writer_free(&a->writer);
	names_free(&a->names);
	if (a->log_reader)
		a->backend->reader_close(a->log_reader);
	dedup_free(&a->dedup);
	acks_free(&a->acks);
	ceiling_free(&a->ceiling);
	cost_free(&a->cost);
	rights_free(&a->rights);
	outboxes_free(&a->outboxes);
	effects_free(&a->answers);
	effects_free(&a->fx);
}

void assembly_gauges(const struct assembly *a, struct health_gauges *out)
{
	const struct presence *p = sessions_presence(a->sessions);

	*out = (struct health_gauges){
		.position = writer_position(a->writer),
		.queued_bytes = outboxes_bytes(a->outboxes),
		.frames_outstanding = outboxes_outstanding(a->outboxes),
		.users_online = presence_users(p),
		.devices_online = presence_devices(p),
		.dedup_entries = dedup_count(a->dedup),
		.cost_refused = cost_refused(a->cost),
	};
}
