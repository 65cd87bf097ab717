/* SPDX-License-Identifier: BSD-3-Clause */
/* Holds max_devices over all brokers. Called by moves.c for a connection that stays otherwise, and
 * by sessions.c after a snapshot. */
#include "bridge/directory/directory_user.h"
#include "bridge/engine/moves.h"
#include "bridge/engine/moves_inside.h"

void moves_read_limit(struct arrival *a)
{
	uint64_t n;

	a->oldest = a->rec->flags & IM_UPF_OLDEST;
	if (!im_cursor_parse(a->rec->target, &n) && n <= INT32_MAX)
		a->limit = (int64_t)n;
}

/* 0: as many as he likes. */
static int64_t limit_of(const struct arrival *a)
{
	return arrival_is_person(a) && a->e ? a->limit : 0;
}

/* A plugin bounds its own broker: what is above that there is about to end, though nobody has said
 * so yet. The arrival has a place. */
static int64_t at_broker(
	const struct moves *m, const struct arrival *a, unsigned peer, int64_t limit)
{
	int64_t n = places_devices(m->places, a->u->id, peer, a->rec->device);
	int64_t most = peer == a->peer ? limit - 1 : limit;

	return n < most ? n : most;
}

/* The user's other devices, over all brokers. */
static int64_t count(const struct moves *m, const struct arrival *a, int64_t limit)
{
	int64_t n = 0;

	for (unsigned i = 0; i < IM_PEERS_MAX; i++)
		if (i == a->peer || moves_is_linked(m, i))
			n += at_broker(m, a, i, limit);
	return n;
}

/* Those at brokers of which is not known who is there come into it later. */
static void remember(struct moves *m, const struct arrival *a, int64_t limit)
{
	if (moves_all_heard(m))
		return;
	a->e->uncounted = (int32_t)limit;
	a->e->oldest = a->oldest;
	m->uncounted = true;
}

bool moves_refused(struct moves *m, const struct arrival *a, const struct place *other)
{
	int64_t limit = limit_of(a);

	if (limit)
		remember(m, a, limit);
	if (!limit || a->oldest || count(m, a, limit) < limit)
		return false;
	moves_end(m, a->e, a->rec->user, IM_END_LIMIT, other ? moves_number(other->peer) : 0);
	m->p.health->devices_over++;
	if (moves_tell(m, a, "refuse", a->rec->device, IM_STR("")))
		moves_say(m, a, LOG_LEVEL_INFO, "device_refused", a->rec->device, "");
	return true;
}

/* The plugin has made room at its own broker. */
static void skip_surplus(struct moves *m, const struct arrival *a, int64_t limit)
{
	uint32_t here = UINT32_C(1) << a->peer;

	while (places_devices(m->places, a->u->id, a->peer, a->rec->device) >= limit)
		places_end(m->places, places_oldest(m->places, a->u->id, here, a->rec->device),
			IM_END_REPLACED, 0);
}

/* For whom a device gives way: the one that has come; or, if that is heard of so late that it is
 * the one connected longest itself, the user's newest. */
static struct im_str gives_way_to(
	const struct moves *m, const struct arrival *a, const struct place *oldest, uint32_t peers)
{
	const struct place *newest;

	if (oldest != a->e)
		return a->rec->device;
	newest = places_newest(m->places, a->u->id, peers, a->rec->device);
	return newest ? place_device(newest) : IM_STR("");
}

void moves_make_room(struct moves *m, const struct arrival *a)
{
	const uint32_t peers = m->linked | UINT32_C(1) << a->peer;
	int64_t limit = limit_of(a);
	struct place *oldest;

	if (!limit || !a->oldest)
		return;
	skip_surplus(m, a, limit);
	while (a->e->end == PLACE_STAYS && count(m, a, limit) >= limit) {
		oldest = places_oldest(m->places, a->u->id, peers, IM_STR(""));
		if (moves_tell(m, a, "replace", place_device(oldest),
			    gives_way_to(m, a, oldest, peers)))
			moves_say(
				m, a, LOG_LEVEL_INFO, "device_replaced", place_device(oldest), "");
		moves_end(m, oldest, a->rec->user, IM_END_REPLACED, 0);
		m->p.health->devices_over++;
	}
}

/* -- after the brokers have been heard of -- */

/* How many he may have now. */
static int64_t limit_now(const struct place *e, const struct directory_user *u)
{
	return u->max_devices < 0 ? e->uncounted : u->max_devices;
}

/* The newest that came so is one too many; or not, and nor is any other. */
static bool recount_one(struct moves *m, const struct directory_user *u, struct place *e)
{
	const struct rights_user who = {.id = u->id, .role = u->role};
	const struct im_up_rec rec = {.type = IM_UP_OPEN,
		.ts_ms = e->since_ms,
		.user = u->uid,
		.device = place_device(e)};
	const struct arrival a = {.peer = e->peer,
		.rec = &rec,
		.u = &who,
		.e = e,
		.limit = limit_now(e, u),
		.oldest = e->oldest};

	if (e->oldest)
		moves_make_room(m, &a);
	return moves_refused(m, &a, NULL);
}

static int on_uncounted(void *arg, struct place *e)
{
	struct moves *m = arg;
	struct directory_user u;
	uint64_t user = e->user;
	int rc = directory_user_by_id(m->p.dir, user, &u);

	while (!rc && e && recount_one(m, &u, e))
		e = places_uncounted(m->places, user);
	return rc == IM_E_NONE ? IM_OK : rc;
}

int moves_recount(struct moves *m)
{
	int rc = IM_OK;

	if (!m->places || !m->uncounted)
		return IM_OK;
	rc = places_each_uncounted(m->places, on_uncounted, m);
	m->counted = !rc && moves_all_heard(m);
	return rc;
}
