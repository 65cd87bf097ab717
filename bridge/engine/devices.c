/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the directory's rows of client ids, within the open transaction. Called by sessions.c as
 * connections come and go. Knows nothing of what others are told of them. */
#include "bridge/engine/devices.h"

#include <stdlib.h>

#include "bridge/directory/directory_bind.h"
#include "common/ids.h"
#include "common/limits.h"

/* Marks of forgotten devices: looked at once an hour, a bounded number at a time. */
#define SWEEP_MS INT64_C(3600000)
#define SWEEP_MAX 10000

/* Client ids forgotten when one is added: more than one only after the bound was lowered. */
#define FORGET_MAX 10

/* Device accounts of which that is remembered: few come in a storm at a time. */
#define COUNTED 16

/* How many rows a device account has at most: so many are not counted with each that is added. */
struct counted {
	uint64_t user, most;
};

struct devices {
	struct devices_parts p;
	struct counted counted[COUNTED];
	uint32_t remembered;
	int64_t days;
	/* When marks of forgotten devices were looked at last; and in a committed transaction. */
	int64_t swept_ms, swept_before_ms;
};

struct devices *devices_new(const struct devices_parts *p)
{
	struct devices *d = calloc(1, sizeof(*d));

	if (d)
		d->p = *p;
	return d;
}

void devices_free(struct devices **d)
{
	free(*d);
	*d = NULL;
}

void devices_set(struct devices *d, uint32_t remembered, int64_t days)
{
	d->remembered = remembered;
	d->days = days;
	d->swept_ms = d->swept_before_ms = 0;
}

void devices_settle(struct devices *d, bool committed)
{
	/* After a rollback what was swept is there again. */
	if (committed)
		d->swept_before_ms = d->swept_ms;
	else
		d->swept_ms = d->swept_before_ms;
}

/* Rows of one user, the one unseen longest first. */
struct spare {
	const struct presence *presence;
	const struct moves *moves;
	struct im_str uid, keep;
	char device[IM_DEVICE_MAX];
	size_t n; /* 0: none may go */
	uint32_t rows;
};

static bool is_spare(const struct spare *s, const struct directory_device *dev)
{
	return dev->device.n <= sizeof(s->device) && !im_str_eq(dev->device, s->keep) &&
	       !presence_has(s->presence, s->uid, dev->device) &&
	       !moves_in_use(s->moves, dev->device, dev->broker);
}

static int on_remembered(void *arg, const struct directory_device *dev)
{
	struct spare *s = arg;

	s->rows++;
	if (s->n || !is_spare(s, dev))
		return IM_OK;
	memcpy(s->device, dev->device.p, dev->device.n);
	s->n = dev->device.n;
	return IM_OK;
}

/* The first one will do. */
static int on_unseen(void *arg, const struct directory_device *dev)
{
	struct spare *s = arg;
	int rc = on_remembered(arg, dev);

	return rc || !s->n ? rc : IM_STOP;
}

static struct spare spare_of(const struct devices *d, const struct im_up_rec *rec)
{
	return (struct spare){.presence = d->p.presence,
		.moves = d->p.moves,
		.uid = rec->user,
		.keep = rec->device};
}

static int forget(struct devices *d, const struct spare *s)
{
	struct im_str device = {s->device, s->n};
	int rc = cursors_settle(d->p.cursors, device);

	if (!rc)
		rc = directory_device_forget(writer_directory(d->p.writer), device);
	if (!rc)
		effects_forget_user(d->p.fx, s->uid);
	return rc;
}

/* Makes room for a device that has just been bound. Those that are connected are in use, however
 * long ago they came. */
static int forget_spare(struct devices *d, const struct im_up_rec *rec, uint64_t user)
{
	struct directory *dir = writer_directory(d->p.writer);

	for (int i = 0; i < FORGET_MAX; i++) {
		struct spare spare = spare_of(d, rec);
		int rc = directory_device_list_seen(dir, user, on_remembered, &spare);

		if (rc || !spare.n || spare.rows <= d->remembered)
			return rc;
		rc = forget(d, &spare);
		if (rc)
			return rc;
	}
	return IM_OK;
}

/* Of a device account as many are remembered as may be connected; beyond, the one unseen longest
 * goes, and comes back as a new one. */
static int forget_thing(struct devices *d, const struct im_up_rec *rec, uint64_t user)
{
	struct directory *dir = writer_directory(d->p.writer);
	struct counted *c = &d->counted[user % COUNTED];
	struct spare spare = spare_of(d, rec);
	int rc;

	if (c->user == user && ++c->most <= IM_ACCOUNT_DEVICES_MAX)
		return IM_OK;
	*c = (struct counted){.user = user, .most = IM_ACCOUNT_DEVICES_MAX};
	rc = directory_device_count(dir, user, &c->most);
	if (rc || c->most <= IM_ACCOUNT_DEVICES_MAX)
		return rc;
	rc = directory_device_list_unseen(dir, user, on_unseen, &spare);
	if (rc && rc != IM_STOP)
		return rc;
	return spare.n ? forget(d, &spare) : IM_OK;
}

static void end_taken(struct devices *d, const struct im_up_rec *rec)
{
	char level[IM_DEVICE_TOPIC_MAX];
	struct im_str shown = im_device_topic(rec->device, level);

	log_line(d->p.log, LOG_LEVEL_WARNING, "device_taken",
		"uid=%.*s device=%.*s what=\"this client id belongs to another user\"",
		IM_ARGS(rec->user), IM_ARGS(shown));
	effects_kick(d->p.fx, rec->user, rec->device, IM_END_REMOVED);
}

/* Two connections may have asked for one new client id at the same moment; the second one goes. At
 * two brokers they may have had one that is made up for a while, since it was written nowhere; the
 * one that was there first has it. */
static int bind_new(
	struct devices *d, unsigned peer, const struct im_up_rec *rec, const struct rights_user *u)
{
	struct directory *dir = writer_directory(d->p.writer);
	int rc;

	if (moves_foreign(d->p.moves, peer, rec, u->id))
		return IM_E_EXISTS;
	rc = directory_device_bind(dir, rec->device, u->id, rec->ts_ms, 0);
	return rc ? rc : moves_bound(d->p.moves, rec->device, u->id);
}

/* A new device has nothing yet, so its cursor is 0: it is behind if its user has any message, and
 * may skip what it does not want with device.ack. */
static int bind_device(
	struct devices *d, unsigned peer, const struct im_up_rec *rec, const struct rights_user *u)
{
	uint64_t owner;
	int rc = directory_bind_owner(writer_directory(d->p.writer), rec->device, &owner);

	/* A device account's by what it begins with, and needs no row; but for where it is, of
	 * several brokers. */
	if (rc == IM_OK && owner == u->id && !moves_several(d->p.moves))
		return IM_OK;
	if (rc == IM_OK || rc == IM_E_NONE)
		rc = bind_new(d, peer, rec, u);
	if (rc == IM_E_EXISTS) {
		end_taken(d, rec);
		return IM_OK;
	}
	if (rc == IM_OK)
		rc = u->role == IM_ROLE_DEVICE ? forget_thing(d, rec, u->id)
					       : forget_spare(d, rec, u->id);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* The number of days is there for the plugin, too, which compares it with the broker's. */
static int sweep(struct devices *d, int64_t now_ms)
{
	struct directory *dir = writer_directory(d->p.writer);
	int rc;

	if (d->swept_ms && now_ms - d->swept_ms < SWEEP_MS && now_ms >= d->swept_ms)
		return IM_OK;
	d->swept_ms = now_ms;
	rc = directory_meta_set(dir, "device_days", (uint64_t)d->days);
	return rc ? rc : directory_marks_sweep(dir, now_ms, d->days, SWEEP_MAX);
}

/* A made-up client id is bound now that it has subscribed: its session may stay like others. */
int devices_kept(struct devices *d, unsigned peer, const struct im_up_rec *rec)
{
	struct directory *dir = writer_directory(d->p.writer);
	struct directory_device dev;
	struct rights_user u;
	int rc = rights_user(d->p.rights, rec->user, &u);

	if (rc)
		return rc == IM_E_UNKNOWN_USER ? IM_OK : rc;
	rc = directory_device_get(dir, rec->device, &dev);
	if (rc == IM_E_NONE) {
		rc = bind_device(d, peer, rec, &u);
		if (!rc)
			rc = directory_device_get(dir, rec->device, &dev);
	}
	if (rc)
		return rc == IM_E_NONE ? IM_OK : rc;
	if (dev.user != u.id) {
		end_taken(d, rec);
		return IM_OK;
	}
	return directory_device_kept(dir, rec->device, rec->ts_ms);
}

/* One that the plugin has found bound has gone meanwhile, with its last connection. What was known
 * of it the plugin does not say again. */
static int bind_again(
	struct devices *d, unsigned peer, const struct im_up_rec *rec, const struct rights_user *u)
{
	if (rec->flags & IM_UPF_KEPT)
		return devices_kept(d, peer, rec);
	return im_device_made_up(rec->device) ? IM_OK : bind_device(d, peer, rec, u);
}

int devices_come(
	struct devices *d, unsigned peer, const struct im_up_rec *rec, const struct rights_user *u)
{
	int rc = sweep(d, rec->ts_ms);

	if (!rc && rec->flags & IM_UPF_NEW_DEVICE)
		rc = bind_device(d, peer, rec, u);
	if (rc)
		return rc;
	/* Devices unseen longest give way to new ones, so coming counts as being seen. */
	rc = directory_device_seen(writer_directory(d->p.writer), rec->device, rec->ts_ms);
	return rc == IM_E_NONE ? bind_again(d, peer, rec, u) : rc;
}

int devices_homes(const struct devices *d, struct im_str uid, split_mask *out)
{
	struct rights_user u;
	int rc = rights_user(d->p.rights, uid, &u);

	*out = IM_PEERS_ALL;
	if (rc || u.role == IM_ROLE_DEVICE)
		return rc == IM_E_UNKNOWN_USER ? IM_E_NONE : rc;
	return directory_device_homes(d->p.dir, u.id, out);
}

/* Of a device that has never acknowledged anything, and has left no session, there is nothing to
 * remember: whoever wants the client id next may have it. One that has moved to another broker has
 * left nothing here, and may have a session there. */
static int unbind_gone(struct devices *d, unsigned peer, const struct im_up_rec *rec)
{
	struct directory *dir = writer_directory(d->p.writer);
	struct directory_device dev;
	struct rights_user u;
	int rc = rights_user(d->p.rights, rec->user, &u);

	if (!rc)
		rc = cursors_settle(d->p.cursors, rec->device);
	if (!rc)
		rc = directory_device_get(dir, rec->device, &dev);
	if (!rc && dev.user == u.id && dev.cursor == 0 &&
		!presence_elsewhere(d->p.presence, peer, rec->user, rec->device) &&
		!moves_elsewhere(d->p.moves, peer, rec->device, dev.broker))
		rc = directory_device_remove(dir, rec->device);
	return rc == IM_E_NONE || rc == IM_E_UNKNOWN_USER ? IM_OK : rc;
}

int devices_leave(struct devices *d, unsigned peer, const struct im_up_rec *rec)
{
	int rc = rec->flags & IM_UPF_GONE ? unbind_gone(d, peer, rec) : IM_OK;

	if (!rc)
		rc = directory_device_seen(writer_directory(d->p.writer), rec->device, rec->ts_ms);
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* By the directory. IM_E_NONE: it is nobody's. */
static int read_owner(const struct devices *d, struct im_str device, uint64_t *user_out)
{
	struct directory_device dev;
	int rc = directory_bind_owner(d->p.dir, device, user_out);

	if (rc != IM_E_NONE)
		return rc;
	rc = directory_device_get(d->p.dir, device, &dev);
	if (rc == IM_OK)
		*user_out = dev.user;
	return rc;
}

int devices_met(struct devices *d, const struct im_up_rec *rec, const struct rights_user *u,
	bool *stays_out)
{
	uint64_t owner = 0;
	int rc = read_owner(d, rec->device, &owner);

	/* Of whom the record that binds it is yet to come it is nobody's. */
	*stays_out = rc == IM_E_NONE ? !(rec->flags & IM_UPF_WRITTEN) : owner == u->id;
	if (rc && rc != IM_E_NONE)
		return rc;
	if (!*stays_out)
		effects_kick(d->p.fx, rec->user, rec->device, IM_END_REMOVED);
	return IM_OK;
}

/* It had a row then, and was taken away since; or it has gone, and there is nobody to end. */
static void end_lost(struct devices *d, const struct im_up_rec *rec)
{
	bool had = rec->flags & IM_UPF_KEPT || !im_device_made_up(rec->device);

	if (had && effects_level(d->p.fx) >= IM_PLUGIN_LEVEL_SEVERAL)
		effects_move(d->p.fx, rec->user, rec->device, IM_END_REMOVED, rec->ts_ms, 0);
}

int devices_again(struct devices *d, const struct im_up_rec *rec)
{
	struct rights_user u;
	uint64_t owner;
	int rc = rights_user(d->p.rights, rec->user, &u);

	if (rc == IM_E_UNKNOWN_USER) {
		effects_kick(d->p.fx, rec->user, (struct im_str){0}, IM_END_DELETED);
		return IM_OK;
	}
	if (rc)
		return rc;
	rc = read_owner(d, rec->device, &owner);
	if (!rc && owner != u.id)
		effects_kick(d->p.fx, rec->user, rec->device, IM_END_REMOVED);
	else if (rc == IM_E_NONE)
		end_lost(d, rec);
	return rc == IM_E_NONE ? IM_OK : rc;
}
