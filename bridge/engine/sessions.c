/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns presence and the progress of a snapshot; whose client ids are is devices.c's. Called by
 * batch.c and work.c for session records, between begin and commit of a transaction, and by
 * commit.c before the latter. */
#include "bridge/engine/sessions.h"

#include <stdlib.h>

#include "bridge/engine/devices.h"
#include "bridge/engine/moves.h"
#include "bridge/engine/retained.h"
#include "bridge/rpc/read_job.h"
#include "common/limits.h"
#include "common/wire.h"

/* Changes of presence in one transaction: a reconnect storm shares the link with messages. */
#define TELL_MAX 500
/* Rows of users marked online that are read at once. */
#define MARKED_PAGE 1000

struct sessions {
	struct sessions_parts p;
	struct presence *presence;
	struct devices *devices;
	struct moves *moves;
	struct sessions_settings set;
	struct whereabouts *where;
	split_mask away; /* see sessions_away */
	bool known;      /* see sessions_known */
	bool warned;     /* of a plugin that knows no device accounts */
};

static struct moves *make_moves(const struct sessions_parts *sp)
{
	const struct moves_parts p = {.rights = sp->rights,
		.writer = sp->writer,
		.dir = sp->dir,
		.fx = sp->fx,
		.health = sp->health,
		.log = sp->log,
		.key = sp->key};

	return moves_new(&p);
}

static struct devices *make_devices(struct sessions *s)
{
	const struct devices_parts p = {.rights = s->p.rights,
		.writer = s->p.writer,
		.dir = s->p.dir,
		.fx = s->p.fx,
		.cursors = s->p.cursors,
		.presence = s->presence,
		.moves = s->moves,
		.log = s->p.log};

	return devices_new(&p);
}

struct sessions *sessions_new(const struct sessions_parts *p)
{
	struct sessions *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->p = *p;
	s->presence = presence_new(IM_PRESENCE_DEVICES_MAX);
	s->moves = make_moves(p);
	s->devices = s->presence && s->moves ? make_devices(s) : NULL;
	if (!s->devices)
		sessions_free(&s);
	return s;
}

void sessions_free(struct sessions **s)
{
	if (!*s)
		return;
	devices_free(&(*s)->devices);
	moves_free(&(*s)->moves);
	presence_free(&(*s)->presence);
	free(*s);
	*s = NULL;
}

void sessions_set(struct sessions *s, const struct sessions_settings *set)
{
	s->set = *set;
	presence_set_names(s->presence, set->names);
	presence_set_shown(s->presence, set->presence);
	devices_set(s->devices, set->remembered_devices, set->device_days);
}

void sessions_set_whereabouts(struct sessions *s, struct whereabouts *w)
{
	s->where = w;
}

int sessions_homes(void *arg, struct im_str uid, split_mask *out)
{
	const struct sessions *s = arg;

	return devices_homes(s->devices, uid, out);
}

int sessions_set_brokers(struct sessions *s, uint32_t peers)
{
	return moves_set_brokers(s->moves, peers);
}

void sessions_linked(struct sessions *s, unsigned peer, bool on)
{
	moves_linked(s->moves, peer, on);
}

/* A will is the broker's word. */
void sessions_spoke(struct sessions *s, unsigned peer, const struct im_up_rec *rec)
{
	if (!(rec->flags & IM_UPF_WILL))
		moves_spoke(s->moves, peer, rec);
}

struct presence *sessions_presence(const struct sessions *s)
{
	return s->presence;
}

const struct places *sessions_places(const struct sessions *s)
{
	return moves_places(s->moves);
}

bool sessions_pending(const struct sessions *s)
{
	return presence_changed(s->presence);
}

/* The user of a session, created if the plugin says that a token did so. */
static int session_user(struct sessions *s, const struct im_up_rec *rec, struct rights_user *out)
{
	uint64_t id;
	int rc = rights_user(s->p.rights, rec->user, out);

	if (rc != IM_E_UNKNOWN_USER || !(rec->flags & IM_UPF_NEW_USER))
		return rc;
	rc = directory_user_create(writer_directory(s->p.writer), rec->user, IM_ROLE_USER,
		(struct im_str){0}, rec->ts_ms, &id);
	if (rc && rc != IM_E_EXISTS)
		return rc;
	/* The plugin has asked, too, but earlier. */
	if (rc)
		log_line(s->p.log, LOG_LEVEL_WARNING, "user_refused",
			"uid=%.*s by=token why=\"%s\"", IM_ARGS(rec->user),
			directory_errmsg(writer_directory(s->p.writer)));
	else
		log_line(s->p.log, LOG_LEVEL_INFO, "user_created", "uid=%.*s by=token",
			IM_ARGS(rec->user));
	effects_forget_user(s->p.fx, rec->user);
	return rights_user(s->p.rights, rec->user, out);
}

/* Whether presence is nothing to this user: those of a device account are too many for anybody to
 * look at, one by one or together. */
static int is_things(struct sessions *s, struct im_str uid, bool *out)
{
	struct rights_user u;
	int rc = rights_user(s->p.rights, uid, &u);

	*out = !rc && u.role == IM_ROLE_DEVICE;
	return rc == IM_E_UNKNOWN_USER ? IM_OK : rc;
}

/* A plugin of the version before takes a device account for a person: what is for one of its
 * devices would be for all, and its ids anybody's. level: what it has said it is. */
static bool refuses_thing(struct sessions *s, const struct im_up_rec *rec, unsigned level)
{
	if (level >= IM_PLUGIN_LEVEL_DEVICE) {
		s->warned = false;
		return false;
	}
	if (!s->warned)
		log_line(s->p.log, LOG_LEVEL_WARNING, "device_accounts_refused",
			"uid=%.*s plugin_level=%u what=\"the broker runs a plugin of an earlier "
			"version, which knows no device accounts; restart the broker\"",
			IM_ARGS(rec->user), level);
	s->warned = true;
	effects_kick(s->p.fx, rec->user, rec->device, IM_END_KICKED);
	return true;
}

static int opened(struct sessions *s, unsigned peer, const struct im_up_rec *rec, bool replayed)
{
	unsigned level = effects_level(s->p.fx);
	struct rights_user u;
	int rc = session_user(s, rec, &u);

	/* 0: it has not said anything yet, and will. */
	if (!rc && u.role == IM_ROLE_DEVICE && level && refuses_thing(s, rec, level))
		return IM_OK;
	if (rc == IM_E_UNKNOWN_USER) {
		effects_kick(s->p.fx, rec->user, (struct im_str){0}, IM_END_DELETED);
		return IM_OK;
	}
	if (rc)
		return rc;
	rc = devices_come(s->devices, peer, rec, &u);
	if (!rc && !replayed)
		rc = moves_come(s->moves, peer, rec, &u);
	if (rc)
		return rc;
	whereabouts_changed(s->where, rec->user);
	if (replayed || u.role == IM_ROLE_DEVICE)
		return IM_OK;
	rc = presence_open(s->presence, peer, rec->user, rec->device, rec->ts_ms);
	if (rc == IM_E_FULL) {
		log_line(s->p.log, LOG_LEVEL_WARNING, "presence_full", "devices=%zu",
			presence_devices(s->presence));
		return IM_OK;
	}
	return rc;
}

static int subscribed(struct sessions *s, const struct im_up_rec *rec, int64_t now_ms)
{
	struct read_job *job;
	struct rights_user u;
	int rc = rights_user(s->p.rights, rec->user, &u);

	if (rc)
		return rc == IM_E_UNKNOWN_USER ? IM_OK : rc;
	job = read_job_new(READ_HELLO, rec->user, rec->device);
	if (!job)
		return IM_E_NOMEM;
	/* A plugin of the version before numbers none. */
	if (im_cursor_parse(rec->target, &job->ask))
		job->ask = 0;
	job->user = u.id;
	job->now_ms = now_ms;
	s->p.health->hellos++;
	read_job_plan(job, s->p.fx);
	return IM_OK;
}

/* Told once more, where the last time may have been lost. */
static int again(struct sessions *s, const struct im_up_rec *rec)
{
	bool things;
	int rc = is_things(s, rec->user, &things);

	return rc || things ? rc : presence_again(s->presence, rec->user, rec->ts_ms);
}

static int closed(struct sessions *s, unsigned peer, const struct im_up_rec *rec, bool replayed)
{
	int rc = IM_OK;

	/* A process that died may have told of it, in a frame that was lost: it leaves no mark in
	 * the log by which it would be known as a replay. */
	if (!replayed && !presence_close(s->presence, peer, rec->user, rec->device, rec->ts_ms))
		rc = again(s, rec);
	if (!replayed)
		moves_gone(s->moves, peer, rec);
	if (rec->flags & IM_UPF_GONE)
		whereabouts_changed(s->where, rec->user);
	return rc ? rc : devices_leave(s->devices, peer, rec);
}

/* Its session may stay from now on. */
static int kept(struct sessions *s, unsigned peer, const struct im_up_rec *rec)
{
	int rc = devices_kept(s->devices, peer, rec);

	whereabouts_changed(s->where, rec->user);
	return rc;
}

int sessions_record(struct sessions *s, unsigned peer, const struct im_up_rec *rec)
{
	switch (rec->type) {
	case IM_UP_OPEN:
		return opened(s, peer, rec, false);
	case IM_UP_KEEP:
		return kept(s, peer, rec);
	case IM_UP_SUB:
		return subscribed(s, rec, rec->ts_ms);
	default:
		return closed(s, peer, rec, false);
	}
}

/* Who subscribes anew is greeted past the transaction, by an answer that is not lost. */
int sessions_again(struct sessions *s, unsigned peer, const struct im_up_rec *rec, bool behind)
{
	int rc = IM_OK;

	if (rec->type == IM_UP_KEEP)
		return behind ? kept(s, peer, rec) : IM_OK;
	if (rec->type == IM_UP_SUB)
		return IM_OK;
	if (rec->type == IM_UP_CLOSE && behind)
		rc = closed(s, peer, rec, true);
	else if (rec->type == IM_UP_OPEN)
		rc = behind ? opened(s, peer, rec, true) : devices_again(s->devices, rec);
	if (!rc && rec->type == IM_UP_OPEN)
		rc = moves_again(s->moves, peer, rec, behind);
	whereabouts_changed(s->where, rec->user);
	return rc ? rc : again(s, rec);
}

static int on_marked(void *arg, const struct directory_user *u)
{
	struct sessions *s = arg;

	return presence_marked(s->presence, u->uid, u->online, u->seen_ms);
}

struct marked_walk {
	struct sessions *s;
	uint64_t after;
	uint32_t n;
};

static int on_marked_page(void *arg, const struct directory_user *u)
{
	struct marked_walk *w = arg;

	w->after = u->id;
	w->n++;
	return on_marked(w->s, u);
}

/* What the last process left in the directory: users who are marked online. */
static int read_marks(struct sessions *s)
{
	struct marked_walk w = {.s = s};
	int rc = IM_OK;

	do {
		w.n = 0;
		rc = directory_user_list_online(s->p.dir, w.after, MARKED_PAGE, on_marked_page, &w);
	} while (!rc && w.n == MARKED_PAGE);
	return rc;
}

int sessions_known(struct sessions *s, int64_t now_ms)
{
	int rc = IM_OK;

	if (s->known)
		return IM_OK;
	rc = read_marks(s);
	if (!rc)
		presence_known(s->presence, now_ms);
	s->known = !rc;
	return rc;
}

static void snapshot_begins(struct sessions *s, unsigned peer)
{
	presence_snapshot_begin(s->presence, peer);
	moves_snapshot_begin(s->moves, peer);
}

static void snapshot_ends(struct sessions *s, unsigned peer, int64_t now_ms)
{
	s->away &= ~(UINT32_C(1) << peer);
	presence_snapshot_end(s->presence, peer, now_ms);
	moves_snapshot_end(s->moves, peer);
}

void sessions_unheard(struct sessions *s, unsigned peer, int64_t now_ms)
{
	snapshot_begins(s, peer);
	snapshot_ends(s, peer, now_ms);
	moves_linked(s->moves, peer, false);
}

void sessions_away(struct sessions *s, unsigned peer, int64_t now_ms)
{
	presence_snapshot_begin(s->presence, peer);
	presence_snapshot_end(s->presence, peer, now_ms);
	s->away |= UINT32_C(1) << peer;
}

split_mask sessions_away_mask(const struct sessions *s)
{
	return s->away;
}

/* What a snapshot says of where a device is. */
static int met(struct sessions *s, unsigned peer, const struct im_up_rec *rec, int64_t now_ms)
{
	struct rights_user u;
	bool stays = true;
	int rc;

	if (rec->type != IM_UP_OPEN) {
		sessions_spoke(s, peer, rec);
		return IM_OK;
	}
	whereabouts_changed(s->where, rec->user);
	rc = rights_user(s->p.rights, rec->user, &u);
	if (rc)
		return rc == IM_E_UNKNOWN_USER ? IM_OK : rc;
	if (!moves_settled(s->moves, peer, rec, u.id))
		rc = devices_met(s->devices, rec, &u, &stays);
	return rc || !stays ? rc : moves_met(s->moves, peer, rec, &u, now_ms);
}

int sessions_snapshot(
	struct sessions *s, unsigned peer, const struct im_up_frame *f, bool greet, int64_t now_ms)
{
	struct im_str in = f->rest;
	struct im_up_rec rec;
	bool things;
	int rc = IM_OK;

	if (f->part.first)
		snapshot_begins(s, peer);
	for (uint32_t i = 0; i < f->batch.count && !rc; i++) {
		rc = im_up_rec_read(&in, &rec);
		if (rc || rec.user.n == 0 || rec.user.n > IM_UID_MAX)
			return IM_E_FORMAT;
		rc = rec.type == IM_UP_OPEN ? is_things(s, rec.user, &things) : IM_OK;
		if (rc)
			break;
		if (rec.type == IM_UP_OPEN && things)
			(void)refuses_thing(s, &rec, f->part.level);
		else if (rec.type == IM_UP_OPEN)
			rc = presence_open(s->presence, peer, rec.user, rec.device, now_ms);
		else if (rec.type == IM_UP_SUB && greet)
			rc = subscribed(s, &rec, now_ms);
		if (!rc || rc == IM_E_FULL)
			rc = met(s, peer, &rec, now_ms);
	}
	if (rc || !f->part.last)
		return rc;
	snapshot_ends(s, peer, now_ms);
	return moves_recount(s->moves);
}

static int mark(struct sessions *s, uint64_t user, int state, int64_t ts_ms)
{
	int rc = directory_user_set_online(writer_directory(s->p.writer), user, state, ts_ms);

	return rc == IM_E_NONE ? IM_OK : rc;
}

static int tell(void *arg, const struct presence_change *c)
{
	struct sessions *s = arg;
	char topic[RETAINED_TOPIC_MAX];
	struct im_down_rec r = retained_record(topic, c->uid, c->json);
	/* Where presence is not told, what was told before is taken back, once. */
	bool news = s->set.presence || c->mark;
	struct rights_user u;
	int rc = rights_user(s->p.rights, c->uid, &u);

	if (rc == IM_E_UNKNOWN_USER || (!rc && u.role == IM_ROLE_DEVICE)) {
		/* Deleted: nothing is retained of somebody who is gone; nor of who
		 * has become a device account. */
		r.payload = (struct im_str){0};
		news = true;
		rc = rc ? IM_OK : mark(s, u.id, PRESENCE_OFFLINE, c->ts_ms);
	} else if (!rc && c->mark) {
		rc = mark(s, u.id, c->state, c->ts_ms);
	}
	if (!rc && news)
		effects_put(s->p.fx, EFFECTS_DIRECT, &r, NULL, 0);
	return rc;
}

int sessions_tell(struct sessions *s)
{
	return presence_tell(s->presence, TELL_MAX, tell, s);
}

static void committed(void *arg)
{
	struct sessions *s = arg;

	presence_settle(s->presence, true);
	devices_settle(s->devices, true);
	moves_settle(s->moves, true);
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct sessions *s = arg;

	(void)first;
	(void)logged;
	presence_settle(s->presence, false);
	devices_settle(s->devices, false);
	moves_settle(s->moves, false);
}

struct tx_part sessions_part(struct sessions *s)
{
	return (struct tx_part){.commit = committed, .rollback = rolled_back, .arg = s};
}
