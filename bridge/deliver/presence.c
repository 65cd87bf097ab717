/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the table of connected users, the list of those whose change is still to be told, and those
 * of who has gone and was told to be, while somebody may not have that. A user's devices are
 * presence_device.c's. */
#include "bridge/deliver/presence.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "common/jsonw.h"
#include "common/limits.h"

struct user {
	char uid[IM_UID_MAX];
	size_t n;
	struct presence_device *devices;
	int64_t ts_ms;            /* of the last change */
	int marked;               /* what the directory says */
	bool told;                /* told, not settled yet */
	bool later;               /* told when all that are connected are known */
	struct user **on;         /* the list that it is in, or NULL */
	struct user *prev, *next; /* in that list */
	UT_hash_handle hh;
};

struct presence {
	struct user *by_uid;
	struct user *changes;
	/* Offline and told: since presence_heard last, and before that. */
	struct user *gone[2];
	int since;
	size_t online; /* users who have devices */
	size_t devices, devices_max;
	uint32_t full, fuller; /* see presence_where; in the snapshot that is coming in, likewise */
	bool names;            /* what is told names the devices */
	bool hidden;           /* nobody is told to be there */
	bool known;            /* who are connected */
	struct im_buf json;
};

struct presence *presence_new(size_t devices_max)
{
	struct presence *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->devices_max = devices_max;
	im_buf_init(&p->json, 0);
	return p;
}

static void leave(struct user *u)
{
	if (u->on)
		DL_DELETE(*u->on, u);
	u->on = NULL;
}

static void enter(struct user **list, struct user *u)
{
	leave(u);
	DL_APPEND(*list, u);
	u->on = list;
}

static void user_drop(struct presence *p, struct user *u)
{
	p->devices -= presence_device_clear(&u->devices);
	leave(u);
	HASH_DEL(p->by_uid, u);
	free(u);
}

void presence_free(struct presence **p)
{
	struct user *u, *tmp;

	if (!*p)
		return;
	HASH_ITER (hh, (*p)->by_uid, u, tmp)
		user_drop(*p, u);
	im_buf_free(&(*p)->json);
	free(*p);
	*p = NULL;
}

static struct user *user_find(const struct presence *p, struct im_str uid)
{
	struct user *u;

	HASH_FIND(hh, p->by_uid, uid.p, uid.n, u);
	return u;
}

static struct user *user_get(struct presence *p, struct im_str uid)
{
	struct user *u = user_find(p, uid);

	if (u || uid.n > IM_UID_MAX)
		return u;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	memcpy(u->uid, uid.p, uid.n);
	u->n = uid.n;
	HASH_ADD_KEYPTR(hh, p->by_uid, u->uid, u->n, u);
	return u;
}

static void touch(struct presence *p, struct user *u, int64_t now_ms)
{
	u->ts_ms = now_ms;
	u->told = false;
	if (u->on != &p->changes)
		enter(&p->changes, u);
}

/* What others are told, and the directory keeps. */
static int shown_state(const struct presence *p, const struct user *u)
{
	return p->hidden ? PRESENCE_OFFLINE : presence_device_state(u->devices);
}

/* One of the devices has come, gone, or said something, and the user was `before`. Where devices
 * are not named, that they come and go is not told either. */
static void moved(struct presence *p, struct user *u, int before, int64_t now_ms)
{
	if (p->names || presence_device_state(u->devices) != before)
		touch(p, u, now_ms);
}

int presence_open(
	struct presence *p, unsigned peer, struct im_str uid, struct im_str device, int64_t now_ms)
{
	struct user *u = user_get(p, uid);
	struct presence_device *d;
	int before;
	bool alone;

	if (!u)
		return IM_E_NOMEM;
	before = presence_device_state(u->devices);
	d = presence_device_find(u->devices, peer, device);
	if (d) {
		if (presence_device_came(d))
			moved(p, u, before, now_ms);
		return IM_OK;
	}
	alone = !u->devices;
	if (p->devices >= p->devices_max || !presence_device_add(&u->devices, peer, device)) {
		p->full |= UINT32_C(1) << peer;
		p->fuller |= UINT32_C(1) << peer;
		if (alone && !u->on && !u->later)
			user_drop(p, u);
		return IM_E_FULL;
	}
	p->online += alone;
	p->devices++;
	moved(p, u, before, now_ms);
	return IM_OK;
}

static void device_drop(
	struct presence *p, struct user *u, struct presence_device *d, int64_t now_ms)
{
	int before = presence_device_state(u->devices);

	presence_device_remove(&u->devices, d);
	p->devices--;
	p->online -= !u->devices;
	moved(p, u, before, now_ms);
}

bool presence_close(
	struct presence *p, unsigned peer, struct im_str uid, struct im_str device, int64_t now_ms)
{
	struct user *u = user_find(p, uid);
	struct presence_device *d = u ? presence_device_find(u->devices, peer, device) : NULL;

	if (d)
		device_drop(p, u, d, now_ms);
	return d != NULL;
}

void presence_snapshot_begin(struct presence *p, unsigned peer)
{
	struct user *u, *tmp;
	struct presence_device *d;

	p->fuller &= ~(UINT32_C(1) << peer);
	HASH_ITER (hh, p->by_uid, u, tmp) {
		LL_FOREACH(u->devices, d)
		d->stale |= d->peer == peer;
	}
}

void presence_snapshot_end(struct presence *p, unsigned peer, int64_t now_ms)
{
	struct user *u, *utmp;
	struct presence_device *d, *dtmp;

	p->full &= p->fuller | ~(UINT32_C(1) << peer);
	HASH_ITER (hh, p->by_uid, u, utmp) {
		LL_FOREACH_SAFE(u->devices, d, dtmp)
		{
			if (d->stale && d->peer == peer)
				device_drop(p, u, d, now_ms);
		}
	}
}

int presence_set(struct presence *p, struct im_str uid, struct im_str device, int state,
	int64_t now_ms, bool *changed_out)
{
	struct user *u = user_find(p, uid);
	int before = u ? presence_device_state(u->devices) : PRESENCE_OFFLINE;
	bool any;

	*changed_out = false;
	any = u && presence_device_say(u->devices, device, state, changed_out);
	if (*changed_out)
		moved(p, u, before, now_ms);
	return any ? IM_OK : IM_E_NONE;
}

int presence_marked(struct presence *p, struct im_str uid, int state, int64_t now_ms)
{
	struct user *u = user_get(p, uid);

	if (!u)
		return IM_E_NOMEM;
	u->marked = state;
	if (!u->devices)
		touch(p, u, now_ms);
	return IM_OK;
}

int presence_gone(struct presence *p, struct im_str uid, int64_t now_ms)
{
	struct user *u = user_get(p, uid);

	if (!u)
		return IM_E_NOMEM;
	touch(p, u, now_ms);
	return IM_OK;
}

int presence_again(struct presence *p, struct im_str uid, int64_t ts_ms)
{
	struct user *u = user_get(p, uid);

	if (!u)
		return IM_E_NOMEM;
	if (u->devices || u->ts_ms > ts_ms)
		ts_ms = u->ts_ms;
	if (p->known) {
		touch(p, u, ts_ms);
	} else {
		u->later = true;
		u->ts_ms = ts_ms;
	}
	return IM_OK;
}

void presence_tell_again(struct presence *p)
{
	struct user *u, *tmp;

	HASH_ITER (hh, p->by_uid, u, tmp)
		if (u->devices || !u->later)
			touch(p, u, u->ts_ms);
}

bool presence_kept(const struct presence *p)
{
	return p->gone[0] || p->gone[1];
}

void presence_heard(struct presence *p)
{
	struct user *u, *tmp;

	p->since = !p->since;
	DL_FOREACH_SAFE (p->gone[p->since], u, tmp)
		user_drop(p, u);
}

void presence_set_names(struct presence *p, bool names)
{
	if (p->names == names)
		return;
	p->names = names;
	presence_tell_again(p);
}

void presence_set_shown(struct presence *p, bool shown)
{
	if (p->hidden == !shown)
		return;
	p->hidden = !shown;
	presence_tell_again(p);
}

void presence_known(struct presence *p, int64_t now_ms)
{
	struct user *u, *tmp;

	p->known = true;
	HASH_ITER (hh, p->by_uid, u, tmp) {
		if (u->devices)
			touch(p, u, now_ms);
		else if (u->later)
			touch(p, u, u->ts_ms);
		u->later = false;
	}
}

bool presence_online(const struct presence *p, struct im_str uid)
{
	const struct user *u = user_find(p, uid);

	return u && u->devices;
}

uint32_t presence_where(const struct presence *p, struct im_str uid)
{
	const struct user *u = user_find(p, uid);
	const struct presence_device *d;
	uint32_t at = p->full;

	for (d = u ? u->devices : NULL; d; d = d->next)
		at |= UINT32_C(1) << d->peer;
	return at;
}

bool presence_has(const struct presence *p, struct im_str uid, struct im_str device)
{
	const struct user *u = user_find(p, uid);

	return u && presence_device_has(u->devices, device);
}

bool presence_elsewhere(
	const struct presence *p, unsigned peer, struct im_str uid, struct im_str device)
{
	const struct user *u = user_find(p, uid);

	return u && presence_device_elsewhere(u->devices, peer, device);
}

size_t presence_users(const struct presence *p)
{
	return p->online;
}

size_t presence_devices(const struct presence *p)
{
	return p->devices;
}

bool presence_changed(const struct presence *p)
{
	return p->changes != NULL;
}

void presence_states(const struct presence *p, struct im_str uid, struct im_buf *out)
{
	const struct user *u = user_find(p, uid);

	if (u)
		presence_device_states(u->devices, out);
}

static struct im_str describe(
	struct presence *p, struct im_str uid, const struct presence_device *devices, int64_t ts_ms)
{
	struct im_buf *b = &p->json;

	im_buf_reset(b);
	if (p->hidden)
		return im_buf_view(b);
	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, uid);
	im_jsonw_member_str(
		b, "state", im_str(presence_state_name(presence_device_state(devices))));
	im_jsonw_member_int(b, "ts", ts_ms);
	if (p->names)
		presence_device_json(b, devices);
	im_buf_c(b, '}');
	return im_buf_view(b);
}

bool presence_absent(
	struct presence *p, struct im_str uid, int state, int64_t since_ms, struct im_str *json_out)
{
	/* Hidden, those who are there have nothing to tell when it is told again. */
	if (!p->hidden && (state != PRESENCE_OFFLINE || user_find(p, uid)))
		return false;
	*json_out = describe(p, uid, NULL, since_ms);
	return !p->json.failed;
}

int presence_tell(struct presence *p, uint32_t limit, presence_fn fn, void *arg)
{
	struct user *u;
	int rc;

	DL_FOREACH (p->changes, u) {
		struct presence_change c = {
			.uid = {u->uid, u->n},
			.online = u->devices != NULL,
			.state = shown_state(p, u),
			.mark = u->marked != shown_state(p, u),
			.ts_ms = u->ts_ms,
		};

		if (!limit--)
			break;
		c.json = describe(p, c.uid, u->devices, u->ts_ms);
		rc = p->json.failed ? IM_E_NOMEM : fn(arg, &c);
		if (rc)
			return rc;
		u->told = true;
	}
	return IM_OK;
}

void presence_settle(struct presence *p, bool committed)
{
	struct user *u, *tmp;

	/* What was told stands at the front. */
	DL_FOREACH_SAFE (p->changes, u, tmp) {
		if (!u->told)
			break;
		u->told = false;
		if (!committed)
			continue;
		u->marked = shown_state(p, u);
		leave(u);
		if (!u->devices)
			enter(&p->gone[p->since], u);
	}
}
