/* SPDX-License-Identifier: BSD-3-Clause */
/* Decides which of a client id's connections stays, and how many of a person's do. Called by
 * sessions.c within a transaction. Who is connected where is places.c's. */
#include "bridge/engine/moves.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_user.h"
#include "bridge/engine/moves_inside.h"
#include "common/ids.h"
#include "common/limits.h"

/* What one user is told of his devices: a client that is refused and does not take no for an answer
 * is no reason to wake up all the others each time. */
#define TOLD_PER_SECOND 1
#define TOLD_BURST_US INT64_C(20000000)
#define TOLD_USERS 4096 /* of whom it is remembered */

static void kicked(void *arg, struct im_str uid, struct im_str device, enum im_end why);

struct moves *moves_new(const struct moves_parts *p)
{
	struct moves *m = calloc(1, sizeof(*m));

	if (m)
		m->p = *p;
	return m;
}

static void let_go(struct moves *m)
{
	places_free(&m->places);
	contests_free(&m->contests);
	buckets_free(&m->told);
}

void moves_free(struct moves **m)
{
	if (!*m)
		return;
	effects_on_kick((*m)->p.fx, NULL, NULL);
	let_go(*m);
	free(*m);
	*m = NULL;
}

int moves_set_brokers(struct moves *m, uint32_t peers)
{
	m->peers = peers;
	if (__builtin_popcount(peers) < 2 || m->places)
		return IM_OK;
	m->places = places_new(IM_PRESENCE_DEVICES_MAX, &m->p.key);
	m->contests = contests_new(&m->p.key);
	m->told = buckets_new(&m->p.key, TOLD_USERS);
	if (!m->places || !m->contests || !m->told) {
		let_go(m);
		return IM_E_NOMEM;
	}
	effects_on_kick(m->p.fx, kicked, m);
	return IM_OK;
}

const struct places *moves_places(const struct moves *m)
{
	return m->places;
}

void moves_linked(struct moves *m, unsigned peer, bool on)
{
	uint32_t bit = UINT32_C(1) << peer;

	m->linked = on ? m->linked | bit : m->linked & ~bit;
	m->heard &= ~bit;
}

/* -- a connection that has come -- */

/* IM_E_EXISTS: the client id is somebody else's, and this connection ends for that. */
static int read_home(struct moves *m, struct arrival *a)
{
	struct directory_device dev;
	int rc = directory_device_get(m->p.dir, a->rec->device, &dev);

	if (rc)
		return rc == IM_E_NONE ? IM_OK : rc;
	if (dev.user != a->u->id)
		return IM_E_EXISTS;
	a->row = true;
	a->home = dev.broker;
	a->home_ms = dev.home_ms;
	return IM_OK;
}

static bool is_home(const struct arrival *a)
{
	return a->home == moves_number(a->peer);
}

static int set_home(struct moves *m, const struct arrival *a)
{
	int rc;

	if (!a->row || (is_home(a) && a->home_ms == a->rec->ts_ms))
		return IM_OK;
	rc = directory_device_set_home(writer_directory(m->p.writer), a->rec->device,
		moves_number(a->peer), a->rec->ts_ms);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* The time by which it ends, though the device is at the broker `home`: had both begun in one
 * millisecond, its broker's number alone might make it the later one. */
static int64_t end_ms(const struct place *e, unsigned home)
{
	return e->since_ms + (home && moves_number(e->peer) > home);
}

/* What it was told may have been lost. */
static void end_again(struct moves *m, const struct place *e, struct im_str uid)
{
	effects_move(m->p.fx, uid, place_device(e), (enum im_end)e->end, end_ms(e, e->winner),
		e->winner);
}

/* -- what others of moves use, too -- */

void moves_end(struct moves *m, struct place *e, struct im_str uid, enum im_end why, unsigned home)
{
	effects_move(m->p.fx, uid, place_device(e), why, end_ms(e, home), home);
	places_end(m->places, e, why, home);
}

bool moves_tell(struct moves *m, const struct arrival *a, const char *action, struct im_str device,
	struct im_str by)
{
	int64_t now_us = a->rec->ts_ms * 1000;
	char suffix[IM_DEVICE_TOPIC_MAX + 6], level[IM_DEVICE_TOPIC_MAX];
	struct im_str to = IM_STR("event");
	struct im_buf b;

	if (!im_ratelimit_take(buckets_change(m->told, a->u->id, now_us), now_us, TOLD_PER_SECOND,
		    TOLD_BURST_US, 1))
		return false;
	if (!arrival_is_person(a)) {
		to = im_device_topic(device, level);
		memcpy(suffix, to.p, to.n);
		memcpy(suffix + to.n, "/event", 6);
		to = (struct im_str){suffix, to.n + 6};
	}
	im_buf_init(&b, 0);
	im_wire_device(&b, action, device, by);
	if (!b.failed)
		effects_inbox(m->p.fx, a->rec->user, to, im_buf_view(&b));
	im_buf_free(&b);
	return true;
}

void moves_say(const struct moves *m, const struct arrival *a, enum log_level level,
	const char *verb, struct im_str device, const char *what)
{
	char topic[IM_DEVICE_TOPIC_MAX];
	struct im_str shown = im_device_topic(device, topic);

	log_line(m->p.log, level, verb, "uid=%.*s device=%.*s broker=%u%s", IM_ARGS(a->rec->user),
		IM_ARGS(shown), moves_number(a->peer), what);
}

/* -- one device at two brokers -- */

/* What began later, at the broker of this number, and not only by a clock that was set back since.
 * Number 0: of one that is there no more, so that of one moment this one came behind it. */
static bool is_later(const struct arrival *a, int64_t since_ms, unsigned number)
{
	return im_connection_later(since_ms, number, a->rec->ts_ms, moves_number(a->peer)) &&
	       since_ms <= a->now_ms;
}

/* Where it was last, if that was elsewhere: the directory has it, over restarts, too, and what has
 * no row there is remembered. */
static bool was_elsewhere(
	const struct moves *m, const struct arrival *a, unsigned *at_out, int64_t *since_ms_out)
{
	bool was = places_left(m->places, a->rec->device, at_out, since_ms_out);

	if (a->row && a->home && a->home_ms >= *since_ms_out) {
		*at_out = a->home - 1;
		*since_ms_out = a->home_ms;
		was = true;
	}
	return was && *at_out != a->peer;
}

/* True: the device has connected elsewhere since, and this one goes. */
static bool too_late(struct moves *m, const struct arrival *a, const struct place *other)
{
	struct im_str device = a->rec->device;
	int64_t since_ms = other ? other->since_ms : 0;
	unsigned at = other ? other->peer : 0;

	if (!other && !was_elsewhere(m, a, &at, &since_ms))
		return false;
	if (!is_later(a, since_ms, other ? moves_number(at) : 0))
		return false;
	effects_move(m->p.fx, a->rec->user, device, IM_END_MOVED, since_ms, moves_number(at));
	if (a->e)
		places_end(m->places, a->e, IM_END_MOVED, moves_number(at));
	moves_say(m, a, LOG_LEVEL_DEBUG, "device_late", device, "");
	return true;
}

/* True: an order has ended it, of which its broker has not heard. The record that says that it has
 * come is no sign of that: the clock may have been set back since the one before. */
static bool was_ended(struct moves *m, const struct arrival *a)
{
	bool here = a->row && (!a->home || is_home(a));

	if (!a->met || !a->e || !here || !is_later(a, a->home_ms, 0))
		return false;
	moves_end(m, a->e, a->rec->user, IM_END_KICKED, 0);
	return true;
}

/* True: who is there stays. One whose client has not said anything yet may not know that it is in,
 * and one at a broker that is away may be gone. */
static bool contested(struct moves *m, const struct arrival *a, const struct place *other)
{
	enum contest c;

	if (!other || !a->e || a->met || !other->spoke || !moves_is_linked(m, other->peer))
		return false;
	c = contests_move(m->contests, a->rec->device, a->rec->ts_ms);
	if (c == CONTEST_NONE)
		return false;
	m->p.health->devices_contested++;
	moves_end(m, a->e, a->rec->user, IM_END_CONTESTED, moves_number(other->peer));
	if (c == CONTEST_GOES_ON)
		return true;
	(void)moves_tell(m, a, "contested", a->rec->device, IM_STR(""));
	moves_say(m, a, LOG_LEVEL_WARNING, "device_contested", a->rec->device,
		" what=\"two devices have this client id, at two brokers; give each one its own\"");
	return true;
}

/* Where it may still be, though nobody says that it is. Of what has no row only what is remembered
 * tells; and a snapshot shows what was told before, or is told right behind it. */
static bool may_be_elsewhere(const struct arrival *a)
{
	if (a->row)
		return !is_home(a);
	return !arrival_is_person(a) && !a->met && !a->known;
}

static int take_over(struct moves *m, const struct arrival *a, struct place *other)
{
	int64_t since_ms = a->rec->ts_ms;

	if (!other && !may_be_elsewhere(a))
		return set_home(m, a);
	for (struct place *o = other; o;
		o = places_other(m->places, a->peer, a->rec->device, a->u->id)) {
		if (end_ms(o, moves_number(a->peer)) > since_ms)
			since_ms = end_ms(o, moves_number(a->peer));
		places_end(m->places, o, IM_END_MOVED, moves_number(a->peer));
	}
	effects_move(m->p.fx, a->rec->user, a->rec->device, IM_END_MOVED, since_ms,
		moves_number(a->peer));
	places_forget_left(m->places, a->rec->device);
	m->p.health->devices_moved += other || (a->home && !is_home(a));
	moves_say(m, a, LOG_LEVEL_DEBUG, "device_moved", a->rec->device, "");
	return set_home(m, a);
}

/* -- records -- */

static int decide(struct moves *m, const struct arrival *a)
{
	struct place *other = places_other(m->places, a->peer, a->rec->device, a->u->id);
	int rc;

	if (was_ended(m, a) || too_late(m, a, other) || contested(m, a, other))
		return IM_OK;
	/* Those that a snapshot shows were counted when they came, or will be: their records
	 * follow. */
	if (!a->met && moves_refused(m, a, other))
		return IM_OK;
	rc = take_over(m, a, other);
	if (!rc && !a->met)
		moves_make_room(m, a);
	return rc;
}

/* Before it is known that it has come. */
static bool was_here(const struct moves *m, const struct arrival *a)
{
	const struct place *e = places_find(m->places, a->peer, a->rec->device);
	int64_t since_ms;
	unsigned at;

	if (e)
		return e->end == PLACE_STAYS && !e->fresh;
	return places_left(m->places, a->rec->device, &at, &since_ms) && at == a->peer;
}

/* Without a place it is like others, but counts nowhere. */
static int enter(struct moves *m, struct arrival *a, enum place_news *news_out)
{
	const struct place_facts f = {.peer = a->peer,
		.device = a->rec->device,
		.user = a->u->id,
		.since_ms = a->rec->ts_ms,
		.met = a->met,
		.now_ms = a->now_ms};
	int rc;

	a->known = was_here(m, a);
	rc = places_open(m->places, &f, news_out, &a->e);
	if (rc == IM_E_FULL && !m->full)
		log_line(m->p.log, LOG_LEVEL_WARNING, "places_full", "devices=%zu",
			places_count(m->places));
	m->full = rc == IM_E_FULL;
	return rc == IM_E_FULL ? IM_OK : rc;
}

static int arrive(struct moves *m, struct arrival *a)
{
	enum place_news news = PLACE_NEW;
	int rc = read_home(m, a);

	if (!rc)
		rc = enter(m, a, &news);
	if (rc == IM_E_EXISTS) {
		/* Where it was to be bound, that was refused and has ended it. */
		if (!(a->rec->flags & IM_UPF_NEW_DEVICE))
			effects_kick(m->p.fx, a->rec->user, a->rec->device, IM_END_REMOVED);
		return IM_OK;
	}
	if (rc || news == PLACE_OLD)
		return rc;
	if (!a->e || a->e->end == PLACE_STAYS)
		return decide(m, a);
	end_again(m, a->e, a->rec->user);
	return IM_OK;
}

int moves_come(
	struct moves *m, unsigned peer, const struct im_up_rec *rec, const struct rights_user *u)
{
	struct arrival a = {
		.peer = peer, .rec = rec, .u = u, .now_ms = writer_wall_ms(m->p.writer)};

	if (!m->places)
		return IM_OK;
	moves_read_limit(&a);
	return arrive(m, &a);
}

bool moves_settled(const struct moves *m, unsigned peer, const struct im_up_rec *rec, uint64_t user)
{
	const struct place *e = m->places ? places_find(m->places, peer, rec->device) : NULL;

	return e && e->since_ms == rec->ts_ms && e->user == user && e->end == PLACE_STAYS &&
	       !e->fresh;
}

int moves_met(struct moves *m, unsigned peer, const struct im_up_rec *rec,
	const struct rights_user *u, int64_t now_ms)
{
	struct arrival a = {.peer = peer, .rec = rec, .u = u, .now_ms = now_ms, .met = true};
	enum place_news news;

	if (!m->places)
		return IM_OK;
	return moves_settled(m, peer, rec, u->id) ? enter(m, &a, &news) : arrive(m, &a);
}

/* What has begun since is not touched. */
static int move_again(struct moves *m, const struct arrival *a, bool behind)
{
	const struct place *other = places_other(m->places, a->peer, a->rec->device, a->u->id);
	bool since = is_later(a, a->home_ms, other ? a->home : 0);

	if (a->row && !is_home(a) && (!behind || since))
		return IM_OK;
	if (a->row || !arrival_is_person(a))
		effects_move(m->p.fx, a->rec->user, a->rec->device, IM_END_MOVED, a->rec->ts_ms,
			moves_number(a->peer));
	return is_home(a) && since ? IM_OK : set_home(m, a);
}

int moves_again(struct moves *m, unsigned peer, const struct im_up_rec *rec, bool behind)
{
	struct rights_user u;
	struct arrival a = {
		.peer = peer, .rec = rec, .u = &u, .now_ms = writer_wall_ms(m->p.writer)};
	int rc = m->places ? rights_user(m->p.rights, rec->user, &u) : IM_E_UNKNOWN_USER;

	if (!rc)
		rc = read_home(m, &a);
	if (rc)
		return rc == IM_E_UNKNOWN_USER || rc == IM_E_EXISTS ? IM_OK : rc;
	a.e = places_find(m->places, peer, rec->device);
	if (a.e && a.e->since_ms != rec->ts_ms)
		a.e = NULL;
	if (a.e && a.e->end != PLACE_STAYS) {
		end_again(m, a.e, rec->user);
		return IM_OK;
	}
	moves_read_limit(&a);
	rc = move_again(m, &a, behind);
	if (!rc && a.e && !moves_refused(m, &a, NULL))
		moves_make_room(m, &a);
	return rc;
}

void moves_snapshot_begin(struct moves *m, unsigned peer)
{
	if (m->places)
		places_snapshot_begin(m->places, peer);
}

void moves_snapshot_end(struct moves *m, unsigned peer)
{
	m->heard |= UINT32_C(1) << peer;
	if (m->places)
		places_snapshot_end(m->places, peer);
}

void moves_gone(struct moves *m, unsigned peer, const struct im_up_rec *rec)
{
	if (m->places)
		places_close(m->places, peer, rec->device, rec->ts_ms, writer_wall_ms(m->p.writer));
}

void moves_spoke(struct moves *m, unsigned peer, const struct im_up_rec *rec)
{
	struct place *e = m->places ? places_find(m->places, peer, rec->device) : NULL;

	if (e)
		e->spoke = true;
}

bool moves_elsewhere(const struct moves *m, unsigned peer, struct im_str device, unsigned home)
{
	return m->places &&
	       ((home && home != moves_number(peer)) || places_elsewhere(m->places, peer, device));
}

bool moves_several(const struct moves *m)
{
	return m->places != NULL;
}

bool moves_in_use(const struct moves *m, struct im_str device, unsigned home)
{
	/* At a broker that has been taken out of the configuration it is not. */
	bool there = home && m->peers >> (home - 1) & 1;
	bool heard = there ? m->heard >> (home - 1) & 1 : moves_all_heard(m);

	return m->places && (!heard || places_elsewhere(m->places, IM_PEERS_MAX, device));
}

/* A time that is still to come, where the other one is none, was before the clock was set back. */
static bool was_first(const struct place *e, unsigned peer, int64_t since_ms, int64_t now_ms)
{
	return im_connection_later(since_ms, peer, e->since_ms, e->peer) ||
	       (e->since_ms > now_ms && since_ms <= now_ms);
}

bool moves_foreign(const struct moves *m, unsigned peer, const struct im_up_rec *rec, uint64_t user)
{
	const struct place *e = m->places ? places_foreign(m->places, rec->device, user) : NULL;
	const struct place *own = e ? places_find(m->places, peer, rec->device) : NULL;
	int64_t since_ms = own && own->user == user ? own->since_ms : rec->ts_ms;

	return e && was_first(e, peer, since_ms, writer_wall_ms(m->p.writer));
}

int moves_bound(struct moves *m, struct im_str device, uint64_t user)
{
	struct place *e = m->places ? places_foreign(m->places, device, user) : NULL;

	for (; e; e = places_foreign(m->places, device, user)) {
		struct directory_user u;
		char uid[IM_UID_MAX];
		int rc = directory_user_by_id(m->p.dir, e->user, &u);

		if (rc)
			return rc;
		memcpy(uid, u.uid.p, u.uid.n);
		places_end(m->places, e, IM_END_REMOVED, 0);
		effects_kick(m->p.fx, (struct im_str){uid, u.uid.n}, device, IM_END_REMOVED);
	}
	return IM_OK;
}

/* By a command or a request, say: from now on it does not count. */
static void kicked(void *arg, struct im_str uid, struct im_str device, enum im_end why)
{
	struct moves *m = arg;
	struct rights_user u;

	if (rights_user(m->p.rights, uid, &u) == IM_OK)
		places_end_user(m->places, u.id, device, why);
}

void moves_settle(struct moves *m, bool committed)
{
	if (!m->places)
		return;
	if (committed && m->counted)
		places_all_counted(m->places);
	m->uncounted &= !(committed && m->counted);
	m->counted = false;
	places_settle(m->places, committed);
	contests_settle(m->contests, committed);
	if (committed)
		buckets_keep(m->told);
	else
		buckets_undo(m->told);
}
