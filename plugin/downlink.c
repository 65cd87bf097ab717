/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reads the bridge's frames and carries out what they ask of the plugin itself: commit-returns,
 * invalidations, kicks, counters. What they hold for clients is delivery.c's. Called by hooks.c for
 * what the bridge publishes. Decides nothing: the bridge has.
 */
#include "plugin/downlink.h"

#include "common/frame.h"
#include "plugin/account.h"
#include "plugin/away.h"
#include "plugin/capture.h"
#include "plugin/delivery.h"
#include "plugin/ending.h"
#include "plugin/home.h"
#include "plugin/later.h"

/* ---- rights ---- */

/* One that has come since is another matter, of which the bridge is yet to hear. */
static bool has_come_since(
	const struct plugin *p, const struct session *e, const struct im_down_rec *r)
{
	int64_t until_ms = r->epoch < INT64_MAX ? (int64_t)r->epoch : INT64_MAX;

	return im_connection_later(e->opened_ms, r->recno ? p->home.number : 0, until_ms, r->recno);
}

/* Ends what is connected, and makes void what is away. False: too many wait, and the session goes
 * on. */
static bool kick_moved(struct plugin *p, const struct im_down_rec *r, enum im_end why)
{
	struct session *e = clients_device(p->clients, r->device);

	lookup_forget_device(p->lookup, r->user, r->device);
	if (r->recno && r->recno == p->home.number)
		return true;
	if (!e || !im_str_eq(session_uid(e), r->user) || has_come_since(p, e, r))
		return true;
	if (!ending_session(p, e, why))
		return false;
	if (r->recno)
		away_void(e);
	return true;
}

static int down_kick(struct plugin *p, const struct im_down_rec *r)
{
	/* A bridge of the version before does not say why. */
	enum im_end why = r->flags < IM_ENDS ? (enum im_end)r->flags : IM_END_KICKED;
	bool taken;

	if (r->type == IM_DOWN_KICK_USER) {
		/* Not the bridge itself, whatever its user is called. */
		struct session_user *u = clients_user(p->clients, r->user);

		taken = im_str_eqz(r->user, p->opt.link_username) || ending_user(p, r->user, why);
		if (u)
			away_release_all(u);
	} else if (r->epoch) {
		taken = kick_moved(p, r, why);
	} else {
		struct session *e = clients_device(p->clients, r->device);

		taken = !e || !im_str_eq(session_uid(e), r->user);
		if (!taken) {
			/* One that is away may be among those whose id was taken from them. */
			e->released = true;
			clients_release(e);
			taken = ending_session(p, e, why);
		}
	}
	if (!taken)
		log_line(LOG_LEVEL_WARNING, "kick dropped: too many wait");
	return IM_OK;
}

static int forget_user(struct plugin *p, const struct im_down_rec *r)
{
	struct session_user *u = clients_user(p->clients, r->user);

	lookup_forget_user(p->lookup, r->user);
	if (u && (u->list || u->away))
		(void)account_open(p, u);
	return IM_OK;
}

static int credential(struct plugin *p, const struct im_down_rec *r)
{
	struct session_user *u = clients_user(p->clients, r->user);

	lookup_forget_user(p->lookup, r->user);
	if (!u || !u->list)
		return IM_OK;
	account_credential(p, u, r->device, r->epoch < INT64_MAX ? (int64_t)r->epoch : INT64_MAX);
	(void)account_open(p, u);
	return IM_OK;
}

/* ---- the link itself ---- */

static int down_committed(struct plugin *p, const struct im_down_rec *r)
{
	int64_t now_us = clock_mono_us(&p->clock);
	int ret = uplink_committed(&p->uplink, r->epoch, r->recno, now_us);

	if (ret == IM_OK)
		bindings_committed(p->bindings, r->recno);
	else if (!log_gate(&p->gates.link, now_us / 1000, "commits ignored"))
		return IM_OK;
	else if (ret == IM_E_FORMAT)
		/* What an earlier spool had sent; this one holds nothing of it. */
		log_line(LOG_LEVEL_INFO, "commit of another spool ignored");
	else
		log_line(LOG_LEVEL_ERROR,
			"commit of what was never sent ignored committed=%llu sent=%llu next=%llu: "
			"is the spool a restored copy? then move it away; else the bridge is "
			"broken",
			(unsigned long long)r->recno, (unsigned long long)p->uplink.sent,
			(unsigned long long)p->spool.ring.head_recno);
	return IM_OK;
}

static int down_stats(struct plugin *p)
{
	const struct auth_stats *a = auth_stats(p->auth);
	const struct ring *r = &p->spool.ring;
	const struct stats_gauges g = {
		.sessions_online = clients_online(p->clients),
		.sessions_offline = clients_offline(p->clients),
		.spool_bytes = ring_used(r),
		.spool_size = r->size,
		.spool_first = r->tail_recno,
		.spool_next = r->head_recno,
		.batches_out = p->uplink.n_out,
		.batches = p->uplink.stats.batches,
		.batch_records = p->uplink.stats.records,
		.batch_bytes = p->uplink.stats.bytes,
		.batches_again = p->uplink.stats.again,
		.directory_reads = lookup_reads(p->lookup),
		.directory_errors = lookup_errors(p->lookup),
		.logins_waiting = later_waiting(p),
		.passwords_hashed = a->hashed,
		.passwords_fresh = a->fresh,
		.logins_cached = a->cached,
		.tokens_checked = a->tokens,
		.logins_throttled = a->throttled,
		.throttled_user = a->throttled_pair,
		.throttled_address = a->throttled_address,
		.throttled_all = a->throttled_all,
		.throttled_tokens = a->throttled_tokens,
		.max_payload = (uint64_t)p->opt.max_payload,
		.topic_prefix = p->opt.topic_prefix,
	};
	struct im_buf frame;

	stats_json(&p->stats, &g, &p->text);
	im_buf_init(&frame, 0);
	im_frame_stats(&frame, im_buf_view(&p->text));
	if (frame.failed || uplink_send(&p->uplink, im_buf_view(&frame)))
		p->stats.publish_failed++;
	im_buf_free(&frame);
	return IM_OK;
}

static int down_hello(struct plugin *p, const struct im_down_rec *r)
{
	int64_t now_us = clock_mono_us(&p->clock);
	int ret;

	home_hello(p, r);
	step_link(&p->step);
	log_line(LOG_LEVEL_NOTICE, "link up spool_bytes=%llu",
		(unsigned long long)ring_used(&p->spool.ring));
	/* While the bridge was away nobody said what to forget. */
	account_forget_all(p);
	uplink_hello(&p->uplink, r->flags & IM_DOWNF_AHEAD, now_us);
	/* Before its first record, so that no answer is given without knowing what it takes. */
	ret = down_stats(p);
	capture_snapshot(p);
	return ret;
}

static void return_credit(struct plugin *p)
{
	struct im_buf frame;

	if (!p->credit)
		return;
	im_buf_init(&frame, 0);
	im_frame_credit(&frame, p->credit);
	if (!frame.failed && uplink_send(&p->uplink, im_buf_view(&frame)) == IM_OK)
		p->credit = 0;
	im_buf_free(&frame);
}

/* ---- frames ---- */

static int carry_out(struct plugin *p, const struct im_down_rec *r)
{
	switch ((enum im_down_type)r->type) {
	case IM_DOWN_HELLO:
		return down_hello(p, r);
	case IM_DOWN_COMMITTED:
		return down_committed(p, r);
	case IM_DOWN_MESSAGE:
	case IM_DOWN_DEVICE:
		return delivery_message(p, r);
	case IM_DOWN_INBOX:
		return delivery_inbox(p, r);
	case IM_DOWN_TOPIC:
		return delivery_topic(p, r);
	case IM_DOWN_REPLY:
		return delivery_reply(p, r);
	case IM_DOWN_CONTROL:
		return delivery_control(p, r);
	case IM_DOWN_KICK_USER:
	case IM_DOWN_KICK_DEVICE:
		return down_kick(p, r);
	case IM_DOWN_FORGET_USER:
		return forget_user(p, r);
	case IM_DOWN_CREDENTIAL:
		return credential(p, r);
	case IM_DOWN_FORGET_GROUP:
		lookup_forget_group(p->lookup, r->topic);
		return IM_OK;
	case IM_DOWN_FORGET_MEMBER:
		lookup_forget_member(p->lookup, r->topic, r->user);
		return IM_OK;
	case IM_DOWN_CREDIT:
		p->credit++;
		return IM_OK;
	case IM_DOWN_STATS:
		return down_stats(p);
	case IM_DOWN_STEP:
		step_record(&p->step, r);
		return IM_OK;
	}
	return IM_E_FORMAT;
}

void downlink_frame(struct plugin *p, struct im_str frame)
{
	struct im_str records = frame; /* a bad header is the fault at byte 0 */
	struct im_down_rec r;
	int ret = im_down_frame_read(frame, &records);

	p->stats.down_frames++;
	uplink_heard(&p->uplink);
	step_frame(&p->step);
	lookup_rest(p->lookup);
	while (!ret && records.n) {
		ret = im_down_rec_read(&records, &r);
		if (!ret)
			ret = carry_out(p, &r);
	}
	if (ret) {
		p->stats.down_malformed++;
		if (log_gate(&p->gates.frame, clock_mono_us(&p->clock) / 1000, "bad frames"))
			log_line(LOG_LEVEL_ERROR,
				"down frame malformed bytes=%zu at=%zu: the rest of it is dropped; "
				"do bridge and plugin have the same version?",
				frame.n, frame.n - records.n);
	}
	/* After the whole frame: a HELLO may be followed by how far the bridge is. */
	uplink_go_on(&p->uplink, clock_mono_us(&p->clock));
	return_credit(p);
	if (p->resync && p->uplink.up && spool_has_room(&p->spool))
		capture_snapshot(p);
}
