/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the transaction: which of the two databases has begun, the next log position. Called by the
 * engine (begin to end) and by intake and RPC handlers (in between). Must not know frames or the
 * link.
 */
#include "bridge/write/writer.h"

#include <stdio.h>
#include <stdlib.h>

#include "bridge/deliver/fanout.h"
#include "bridge/directory/members.h"
#include "bridge/message/meta.h"
#include "common/limits.h"

/* What may have a part in the transaction: about twice as many as there are. */
#define PARTS_MAX 16
/* The directory notes the log's position at least after so many messages, so that a start does not
 * look through a long log for changes that were applied long ago. */
#define FOLLOW_MAX 100000
#define MARK_KEY 24

struct writer {
	struct writer_parts p;
	struct tx_part joined[PARTS_MAX];
	unsigned n_joined;
	struct members *members;
	struct fanout *fanout;
	struct im_buf event; /* scratch of writer_event */
	int64_t now_ms, wall_ms;
	uint64_t next_gid;
	uint64_t first_gid; /* next_gid when the transaction began */
	uint64_t position;
	struct directory_mark {
		uint64_t epoch, recno;
	} marks[IM_PEERS_MAX];
	uint64_t applied_gid; /* as directory.db has it */
	bool log_begun, log_dirty, dir_begun;
	bool failed, fatal;
};

/* The first plugin's rows are those that the plugin itself, and earlier versions, look at. */
static const char *mark_key(char out[MARK_KEY], const char *name, unsigned peer)
{
	if (peer)
		snprintf(out, MARK_KEY, "%s.%u", name, peer);
	else
		snprintf(out, MARK_KEY, "%s", name);
	return out;
}

static int read_marks(struct writer *w)
{
	char key[MARK_KEY];
	int rc = IM_OK;

	for (unsigned i = 0; i < IM_PEERS_MAX && !rc; i++) {
		rc = directory_meta_get(
			w->p.dir, mark_key(key, "link_epoch", i), &w->marks[i].epoch);
		if (!rc)
			rc = directory_meta_get(
				w->p.dir, mark_key(key, "link_recno", i), &w->marks[i].recno);
	}
	return rc;
}

static int note_mark(struct writer *w, const struct writer_through *t)
{
	char key[MARK_KEY];
	int rc = directory_meta_set(w->p.dir, mark_key(key, "link_epoch", t->peer), t->epoch);

	return rc ? rc
		  : directory_meta_set(w->p.dir, mark_key(key, "link_recno", t->peer), t->recno);
}

static int read_position(struct writer *w)
{
	uint64_t log, event;

	if (w->p.backend->log_head(w->p.store, &log) || directory_event_head(w->p.dir, &event) ||
		directory_meta_get(w->p.dir, "applied_gid", &w->applied_gid) || read_marks(w))
		return IM_E_IO;
	/* Events that were deleted with their user may have had the newest position. */
	w->position = log > event ? log : event;
	if (w->applied_gid > w->position)
		w->position = w->applied_gid;
	w->next_gid = w->first_gid = w->position + 1;
	return IM_OK;
}

int writer_new(const struct writer_parts *p, struct writer **out)
{
	struct writer *w = calloc(1, sizeof(*w));
	int rc = IM_E_NOMEM;

	if (!w)
		return IM_E_NOMEM;
	w->p = *p;
	im_buf_init(&w->event, 0);
	w->members = members_new(p->dir, IM_CACHED_MEMBERS);
	if (w->members && !writer_join(w, members_part(w->members)) &&
		!writer_join(w, effects_part(p->fx)))
		w->fanout = fanout_new(p->fx, p->outboxes, w->members, p->ceiling);
	if (w->fanout)
		rc = read_position(w);
	if (rc)
		writer_free(&w);
	*out = w;
	return rc;
}

/* The databases' part of it. */
static void end_transaction(struct writer *w)
{
	if (w->log_begun)
		w->p.backend->rollback(w->p.store);
	if (w->dir_begun)
		directory_rollback(w->p.dir);
	directory_view_end(w->p.dir);
	w->log_begun = w->log_dirty = w->dir_begun = w->failed = false;
}

void writer_free(struct writer **w)
{
	if (!*w)
		return;
	end_transaction(*w);
	fanout_free(&(*w)->fanout);
	members_free(&(*w)->members);
	im_buf_free(&(*w)->event);
	free(*w);
	*w = NULL;
}

int writer_join(struct writer *w, struct tx_part part)
{
	if (w->n_joined == PARTS_MAX)
		return IM_E_FULL;
	w->joined[w->n_joined++] = part;
	return IM_OK;
}

/* Notes a failure that makes this transaction worthless, and passes it on. */
static int note(struct writer *w, int rc)
{
	if (rc == IM_E_CONFLICT) {
		w->fatal = true;
		rc = IM_E_IO;
	}
	if (rc == IM_E_IO || rc == IM_E_NOMEM)
		w->failed = true;
	return rc;
}

struct directory *writer_directory(struct writer *w)
{
	if (!w->dir_begun) {
		w->dir_begun = true;
		(void)note(w, directory_begin(w->p.dir));
	}
	return w->p.dir;
}

static int log_begin(struct writer *w)
{
	int rc;

	if (w->failed)
		return IM_E_IO;
	if (w->log_begun)
		return IM_OK;
	rc = note(w, w->p.backend->begin(w->p.store));
	w->log_begun = rc == IM_OK;
	return rc;
}

struct effects *writer_effects(struct writer *w)
{
	return w->p.fx;
}

int64_t writer_now_ms(const struct writer *w)
{
	return w->now_ms;
}

uint64_t writer_next(const struct writer *w)
{
	return w->next_gid;
}

void writer_set_now(struct writer *w, int64_t now_ms)
{
	w->now_ms = now_ms;
}

void writer_set_wall(struct writer *w, int64_t wall_ms)
{
	w->wall_ms = wall_ms;
}

int64_t writer_wall_ms(const struct writer *w)
{
	return w->wall_ms;
}

void writer_view(struct writer *w)
{
	/* Without a view the reads are only slower, and say themselves what is wrong. */
	if (!w->dir_begun && directory_view_begin(w->p.dir))
		directory_view_end(w->p.dir);
}

bool writer_sound(const struct writer *w)
{
	return !w->failed && !effects_failed(w->p.fx);
}

bool writer_written(const struct writer *w)
{
	return w->log_dirty || w->dir_begun;
}

bool writer_changes_directory(const struct writer *w)
{
	return w->dir_begun;
}

int writer_reach(struct writer *w, uint64_t after, uint64_t through)
{
	int rc = log_begin(w);

	if (rc)
		return rc;
	w->log_dirty = true;
	(void)writer_directory(w);
	w->first_gid = after + 1;
	w->next_gid = through + 1;
	return w->failed ? IM_E_IO : IM_OK;
}

uint64_t writer_last(const struct writer *w)
{
	return w->next_gid - 1;
}

bool writer_fatal(const struct writer *w)
{
	return w->fatal;
}

uint64_t writer_position(const struct writer *w)
{
	return w->position;
}

bool writer_directory_has(const struct writer *w, uint64_t epoch, uint64_t recno)
{
	/* Record numbers of a spool grow, so a mark from when its plugin had another number says no
	 * more than is true. */
	for (unsigned i = 0; i < IM_PEERS_MAX; i++) {
		if (w->marks[i].epoch == epoch && w->marks[i].recno >= recno)
			return true;
	}
	return false;
}

int writer_conv(struct writer *w, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
	uint64_t *conv_out)
{
	const struct store_backend *be = w->p.backend;
	uint64_t lo = kind == IM_CONV_USER && a > b ? b : a;
	uint64_t hi = kind == IM_CONV_USER && a > b ? a : b;
	int rc = log_begin(w);

	if (!rc)
		rc = be->conv(w->p.store, kind, lo, hi, false, conv_out);
	if (rc == IM_E_NONE && create) {
		w->log_dirty = true;
		rc = be->conv(w->p.store, kind, lo, hi, true, conv_out);
	}
	return note(w, rc);
}

int writer_head(struct writer *w, uint64_t conv, struct store_head *out)
{
	int rc = log_begin(w);

	return rc ? rc : note(w, w->p.backend->head(w->p.store, conv, out));
}

int writer_append(struct writer *w, const struct message *m, uint64_t *seq_out, uint64_t *gid_out)
{
	struct store_head head;
	struct store_msg row = {
		.gid = w->next_gid,
		.sender = m->sender,
		.ts_ms = m->ts_ms,
		.enc = m->enc,
		.type = m->type,
		.id = m->id,
		.meta = m->meta,
		.body = m->body,
		.origin = m->origin,
		.mentions = m->mentions,
	};
	int rc = writer_conv(w, m->kind, m->a, m->b, true, &row.conv);

	if (!rc)
		rc = writer_head(w, row.conv, &head);
	if (rc)
		return rc;
	row.seq = head.seq + 1;
	row.expires_ms = meta_expires_ms(m->meta, m->ts_ms);
	w->log_dirty = true;
	rc = note(w, w->p.backend->append(w->p.store, &row));
	if (rc)
		return rc;
	w->next_gid++;
	*seq_out = row.seq;
	*gid_out = row.gid;
	return note(w, fanout_message(w->fanout, m, row.seq, row.gid, w->wall_ms));
}

int writer_redeliver(struct writer *w, const struct message *m, uint64_t seq, uint64_t gid)
{
	return note(w, fanout_message(w->fanout, m, seq, gid, w->wall_ms));
}

int writer_message(struct writer *w, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg)
{
	int rc = log_begin(w);

	return rc ? rc : w->p.backend->get(w->p.store, conv, seq, fn, arg);
}

int writer_origin(struct writer *w, uint64_t gid, struct message_origin *out)
{
	int rc = log_begin(w);

	return rc ? rc : w->p.backend->origin(w->p.store, gid, out);
}

int writer_amend(struct writer *w, const struct store_msg *m)
{
	int rc = log_begin(w);

	if (rc)
		return rc;
	w->log_dirty = true;
	return note(w, w->p.backend->amend(w->p.store, m));
}

int writer_system(struct writer *w, const struct directory_group *g, uint64_t actor,
	struct im_str actor_uid, bool plain, struct im_str json, uint64_t *seq_out)
{
	char gid[IM_GID_MAX], uid[IM_UID_MAX];
	struct message m = {
		.kind = IM_CONV_GROUP,
		.a = g->id,
		.sender = actor,
		.from = {uid, actor_uid.n},
		.peer = {gid, g->gid.n},
		.ts_ms = w->now_ms,
		.enc = IM_ENC_JSON,
		.type = IM_STR("system"),
		.body = json,
		.plain = plain,
	};
	uint64_t pos;

	if (g->gid.n > sizeof(gid) || actor_uid.n > sizeof(uid))
		return IM_E_INTERNAL;
	memcpy(gid, g->gid.p, g->gid.n);
	if (actor_uid.n)
		memcpy(uid, actor_uid.p, actor_uid.n);
	return writer_append(w, &m, seq_out, &pos);
}

int writer_event(struct writer *w, uint64_t user, struct im_str uid, const struct event *e)
{
	struct directory_event row = {
		.user = user, .key = im_buf_view(&e->key), .gid = w->next_gid, .ts_ms = w->now_ms};
	int rc = event_fault(e);

	if (!rc && row.key.n)
		rc = event_place(&w->event, e, row.gid);
	if (rc)
		return note(w, rc);
	row.event = im_buf_view(row.key.n ? &w->event : &e->json);
	if (!row.key.n) {
		effects_inbox(w->p.fx, uid, IM_STR("event"), row.event);
		return IM_OK;
	}
	effects_kept(w->p.fx, uid, row.event, row.gid);
	w->next_gid++;
	return note(w, directory_event_put(writer_directory(w), &row));
}

int writer_fanout(struct writer *w, uint64_t group, const struct im_down_rec *r, struct im_str skip,
	size_t max)
{
	const struct members_group *g;
	int rc = members_get(w->members, group, &g);

	if (rc)
		return note(w, rc);
	if (!g->uids || g->n > max)
		return IM_E_FULL;
	fanout_record(w->fanout, g, r, skip);
	return IM_OK;
}

void writer_members_changed(struct writer *w, uint64_t group)
{
	members_forget(w->members, group);
}

void writer_forget(struct writer *w)
{
	for (unsigned i = 0; i < w->n_joined; i++)
		if (w->joined[i].forget)
			w->joined[i].forget(w->joined[i].arg);
}

static void commit_parts(struct writer *w)
{
	for (unsigned i = 0; i < w->n_joined; i++)
		if (w->joined[i].commit)
			w->joined[i].commit(w->joined[i].arg);
}

/* logged: the log, or the shared one, has it. */
static void lose(struct writer *w, bool logged)
{
	end_transaction(w);
	w->next_gid = w->first_gid;
	for (unsigned i = 0; i < w->n_joined; i++)
		if (w->joined[i].rollback)
			w->joined[i].rollback(w->joined[i].arg, w->next_gid, logged);
	writer_forget(w);
}

void writer_rollback(struct writer *w)
{
	lose(w, false);
}

static int commit_log(struct writer *w, const struct store_mark *mark)
{
	int rc;

	if (!w->log_begun)
		return IM_OK;
	if (!w->log_dirty) {
		w->p.backend->rollback(w->p.store);
		w->log_begun = false;
		return IM_OK;
	}
	rc = note(w, w->p.backend->commit(w->p.store, mark));
	w->log_begun = w->log_dirty = false;
	return rc;
}

static int commit_directory(struct writer *w, const struct writer_through *t)
{
	int rc = IM_OK;

	if (!w->dir_begun)
		return IM_OK;
	if (t->epoch)
		rc = note_mark(w, t);
	if (!rc)
		rc = directory_meta_set(w->p.dir, "applied_gid", w->next_gid - 1);
	if (!rc)
		rc = directory_commit(w->p.dir);
	else
		directory_rollback(w->p.dir);
	w->dir_begun = false;
	if (!rc)
		w->applied_gid = w->next_gid - 1;
	if (!rc && t->epoch)
		w->marks[t->peer] = (struct directory_mark){t->epoch, t->recno};
	return note(w, rc);
}

enum writer_outcome writer_commit(
	struct writer *w, const struct writer_through *t, struct store_mark *mark_out)
{
	struct store_mark mark = {t->epoch, t->recno, w->first_gid, w->next_gid - 1, t->forget};
	bool log = w->log_dirty;

	*mark_out = (struct store_mark){0};
	if (log && w->next_gid - w->applied_gid > FOLLOW_MAX)
		(void)writer_directory(w);
	if (!writer_sound(w) || commit_log(w, t->epoch ? &mark : NULL)) {
		lose(w, t->logged);
		return w->fatal ? WRITER_FATAL : WRITER_NOTHING;
	}
	if (log) {
		*mark_out = mark;
		/* Positions of the log are taken from here on, whatever becomes of the rest. */
		w->first_gid = w->next_gid;
	}
	if (commit_directory(w, t)) {
		lose(w, log || t->logged);
		return log ? WRITER_HALF : WRITER_NOTHING;
	}
	directory_view_end(w->p.dir);
	w->first_gid = w->next_gid;
	w->position = w->next_gid - 1;
	commit_parts(w);
	return WRITER_DONE;
}

void writer_healed(struct writer *w)
{
	w->position = w->applied_gid = w->next_gid - 1;
	writer_forget(w);
}
