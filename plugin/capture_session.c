/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what becomes of sessions to spool records and snapshots, and an admin's commands with them.
 * Called by hooks.c, by the downlink, and by whoever lets a session say or hear something.
 */
#include "plugin/capture.h"

#include <stdio.h>

#include "common/frame.h"
#include "common/ids.h"
#include "common/limits.h"
#include "plugin/admit.h"
#include "plugin/connections.h"
#include "plugin/publish.h"
#include "plugin/resumed.h"

/* One part of a snapshot; below the bound of a batch. */
#define SNAPSHOT_PART (200 * 1024)

static struct im_up_rec session_record(const struct session *e, uint8_t type, int64_t now_ms)
{
	return (struct im_up_rec){
		.type = type,
		.flags = e->v5 ? IM_UPF_V5 : 0,
		.ts_ms = now_ms,
		.user = session_uid(e),
		.device = session_device(e),
	};
}

/* The ask of a session; its number is in `number`. */
static struct im_up_rec ask_record(
	const struct session *e, int64_t now_ms, char number[IM_DIGITS_MAX])
{
	struct im_up_rec r = session_record(e, IM_UP_SUB, now_ms);
	size_t at = im_digits(number, e->ask);

	r.target = (struct im_str){number + at, IM_DIGITS_MAX - at};
	return r;
}

void capture_sub(struct plugin *p, struct session *e)
{
	struct im_up_rec r;
	char number[IM_DIGITS_MAX];

	e->events = true;
	if (!step_ask(&p->step, e, clock_mono_us(&p->clock)))
		return;
	r = ask_record(e, clock_wall_ms(&p->clock), number);
	if (spool_put(&p->spool, &r, NULL)) {
		e->ask = 0;
		p->resync = true;
		return;
	}
	uplink_pump(&p->uplink, clock_mono_us(&p->clock));
}

/* That the device is connected. The plugin bounds how many a person may have at its own broker;
 * over all of them the bridge does, by what the plugin says here. */
static struct im_up_rec open_record(
	struct plugin *p, const struct session *e, char number[IM_DIGITS_MAX])
{
	struct im_up_rec r = session_record(e, IM_UP_OPEN, e->opened_ms);
	int64_t limit;
	size_t at;

	if (!p->home.several || session_is_thing(e) ||
		admit_device_limit(p, session_uid(e), &limit) || limit <= 0)
		return r;
	at = im_digits(number, (uint64_t)limit);
	r.target = (struct im_str){number + at, IM_DIGITS_MAX - at};
	if (p->opt.device_policy != DEVICES_REFUSE)
		r.flags |= IM_UPF_OLDEST;
	return r;
}

int capture_open(struct plugin *p, struct session *e)
{
	char number[IM_DIGITS_MAX];
	struct im_up_rec r;
	uint64_t recno;

	if (e->state != SESSION_NEW)
		return IM_OK;
	r = open_record(p, e, number);
	if (e->new_device)
		r.flags |= IM_UPF_NEW_DEVICE | IM_UPF_DURABLE;
	if (e->new_user)
		r.flags |= IM_UPF_NEW_USER | IM_UPF_DURABLE;
	if (e->kept)
		r.flags |= IM_UPF_KEPT;
	if (spool_put(&p->spool, &r, &recno)) {
		if (r.flags & IM_UPF_DURABLE)
			return IM_E_FULL;
		p->resync = true;
		recno = UINT64_MAX;
	} else if (e->new_device) {
		bindings_announced(p->bindings, r.device, recno);
	}
	e->announced = recno;
	clients_opened(p->clients, e);
	p->stats.opened++;
	/* While there was no room; and a snapshot has left out what was not announced. */
	if (e->events || resumed_greets(p, e))
		capture_sub(p, e);
	uplink_pump(&p->uplink, clock_mono_us(&p->clock));
	return IM_OK;
}

int capture_keep(struct plugin *p, struct session *e)
{
	const struct owner owner = {.user = e->user_id, .uid = session_uid(e)};
	struct im_up_rec r = session_record(e, IM_UP_KEEP, clock_wall_ms(&p->clock));
	uint64_t recno;
	int ret = capture_open(p, e);

	r.flags |= IM_UPF_DURABLE;
	if (!ret)
		ret = spool_put(&p->spool, &r, &recno);
	if (!ret)
		ret = bindings_kept(p->bindings, r.device, &owner, recno);
	if (ret)
		return ret;
	lookup_forget_device(p->lookup, r.user, r.device);
	e->kept = true;
	uplink_pump(&p->uplink, clock_mono_us(&p->clock));
	return IM_OK;
}

void capture_close(struct plugin *p, const struct session *e, int reason)
{
	struct im_up_rec r = session_record(e, IM_UP_CLOSE, clock_wall_ms(&p->clock));
	char number[16];

	if (e->ephemeral)
		r.flags |= IM_UPF_GONE;
	snprintf(number, sizeof(number), "%d", reason);
	r.target = im_str(number);
	p->stats.closed_sessions++;
	if (spool_put(&p->spool, &r, NULL))
		p->resync = true;
	else
		uplink_pump(&p->uplink, clock_mono_us(&p->clock));
}

void capture_rehash(struct plugin *p, struct im_str uid, const struct auth_fresh *fresh)
{
	char which[IM_REHASH_BYTES];
	const struct im_up_rec r = {
		.type = IM_UP_REHASH,
		.ts_ms = clock_wall_ms(&p->clock),
		.user = uid,
		.target = {which, sizeof(which)},
		.payload = im_str(fresh->phc),
	};

	im_rehash_write(which, &fresh->which);
	/* Without room for it the old one stays until the next login. */
	if (spool_put(&p->spool, &r, NULL) == IM_OK)
		uplink_pump(&p->uplink, clock_mono_us(&p->clock));
}

void capture_control(struct plugin *p, const struct session *e, struct im_str payload)
{
	struct im_up_rec r = session_record(e, IM_UP_CONTROL, clock_wall_ms(&p->clock));
	const struct publish to = {.client = e->device, .topic = IM_TOPIC_CONTROL_RESPONSE};
	char absent[IM_CONTROL_COMMANDS_MAX];

	r.payload = payload;
	r.target = connections_absent(p, payload, absent);
	if (payload.n <= IM_PAYLOAD_HARD_MAX && spool_put(&p->spool, &r, NULL) == IM_OK) {
		p->stats.controls++;
		uplink_pump(&p->uplink, clock_mono_us(&p->clock));
		return;
	}
	p->stats.busy++;
	if (publish_copy(&to, IM_STR("{\"responses\":[{\"error\":\"busy: the server cannot take "
				     "commands now; try again in a moment\"}]}")))
		p->stats.publish_failed++;
}

/* ---- snapshot ---- */

struct snapshot {
	struct plugin *p;
	struct im_buf records, frame;
	uint32_t count;
	bool first;
	int64_t now_ms;
	int failed;
};

/* The number of the oldest record in the spool, or of the next one. */
static uint64_t spool_begins(const struct ring *r)
{
	struct ring_cursor c = ring_begin(r);
	struct ring_record rec;

	return ring_next(r, &c, &rec) ? rec.recno : r->head_recno;
}

static void snapshot_part(struct snapshot *s, bool last)
{
	const struct ring *r = &s->p->spool.ring;
	const struct im_up_batch h = {r->epoch, spool_begins(r), s->count};

	im_buf_reset(&s->frame);
	im_frame_sessions_begin(
		&s->frame, (struct im_up_part){s->first, last, IM_PLUGIN_LEVEL}, &h);
	im_buf_str(&s->frame, im_buf_view(&s->records));
	if (s->frame.failed || s->records.failed)
		s->failed = IM_E_NOMEM;
	else if (!s->failed)
		s->failed = uplink_send(&s->p->uplink, im_buf_view(&s->frame));
	s->first = false;
	s->count = 0;
	im_buf_reset(&s->records);
}

static void snapshot_put(struct snapshot *s, const struct im_up_rec *r)
{
	char *at = im_buf_add(&s->records, im_up_rec_size(r));

	if (at)
		im_up_rec_write(at, r);
	s->count++;
}

/* What has made the client id its user's is behind the bridge: where the directory has it no more,
 * it was taken away since. One that the broker has made up is nobody's before it is kept. */
static bool is_written(const struct plugin *p, const struct session *e)
{
	struct owner o;

	if (e->announced != UINT64_MAX && e->announced >= p->spool.ring.tail_recno)
		return false;
	if (!e->kept && !e->resumes && im_device_made_up(session_device(e)))
		return false;
	return !bindings_owner(p->bindings, session_device(e), &o);
}

static void snapshot_session(void *arg, struct session *e)
{
	struct snapshot *s = arg;
	/* How many devices there may be was said when it came. */
	struct im_up_rec r = session_record(e, IM_UP_OPEN, e->opened_ms);
	char number[IM_DIGITS_MAX];

	if (e->state != SESSION_OPEN)
		return;
	if (s->records.n > SNAPSHOT_PART)
		snapshot_part(s, false);
	if (is_written(s->p, e))
		r.flags |= IM_UPF_WRITTEN;
	snapshot_put(s, &r);
	if (!e->events)
		return;
	step_ask_maybe(&s->p->step, e);
	r = ask_record(e, s->now_ms, number);
	snapshot_put(s, &r);
}

void capture_snapshot(struct plugin *p)
{
	struct snapshot s = {.p = p, .first = true, .now_ms = clock_wall_ms(&p->clock)};

	im_buf_init(&s.records, 0);
	im_buf_init(&s.frame, 0);
	clients_each(p->clients, snapshot_session, &s);
	snapshot_part(&s, true);
	/* Half a snapshot is worse than an old one; the bridge drops what has no last part. */
	p->resync = s.failed != IM_OK;
	p->stats.resyncs++;
	im_buf_free(&s.records);
	im_buf_free(&s.frame);
}
