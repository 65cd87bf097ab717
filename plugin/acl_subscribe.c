/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACL_CHECK of subscriptions. Called by hooks.c. Who may listen where is rights.c's; what is
 * added here is a bound on what each subscription leaves at the broker.
 */
#include "plugin/acl.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/limits.h"
#include "plugin/account.h"
#include "plugin/admit.h"
#include "plugin/away.h"
#include "plugin/capture.h"
#include "plugin/identity.h"
#include "plugin/inbox.h"
#include "plugin/link.h"
#include "plugin/quota.h"
#include "plugin/resumed.h"
#include "plugin/rights.h"

#define DAY_MS INT64_C(86400000)
/* Who is refused may try as often as he likes: it is not counted again for so long. */
#define COUNT_AGAIN_US INT64_C(10000000)

static int deny(struct plugin *p)
{
	p->stats.subscribes_denied++;
	return MOSQ_ERR_ACL_DENIED;
}

/* The client is told that it was refused and no more; the operator, why. */
static int refuse(struct plugin *p, const struct right *r, const char *filter, const char *why)
{
	struct log_text user;
	struct log_device client;
	struct log_topic topic;

	if (!log_gate(
		    &p->gates.subscribe, clock_mono_us(&p->clock) / 1000, "subscriptions refused"))
		return deny(p);
	im_buf_reset(&p->why);
	im_buf_z(&p->why, why);
	if (!*why)
		rights_put_reason(p, r, &p->why);
	log_line(LOG_LEVEL_NOTICE, "subscription refused user=%s client=%s filter=%s: %.*s",
		log_text(&user, r->uid), log_device(&client, r->device),
		log_topic(&topic, im_str(filter)), IM_ARGS(im_buf_view(&p->why)));
	return deny(p);
}

static const char *unreadable(struct plugin *p)
{
	account_unreadable(p);
	return admit_unreadable.why;
}

/* A shared subscription may bring them to another client. */
static bool covers_acks(const struct session *e, const struct im_filter *f)
{
	return !f->shared && inbox_covers(e, f, IM_STR("ack"));
}

static struct filters_one one_of(const struct im_filter *f, const char *text)
{
	return (struct filters_one){.text = im_str(text),
		.levels = (uint32_t)(f->levels + strlen(text) / IM_FILTER_BYTES_PER_LEVEL),
		.im = f->topic.kind != IM_TOPIC_OTHER,
		.shared = f->shared};
}

void acl_unsubscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	struct session *e = identity_known(p, ed->client);
	struct filters_one one;
	struct im_filter f;

	if (!e)
		return;
	im_filter_parse(p->prefix, im_str(ed->topic), &f);
	if (covers_acks(e, &f))
		e->acks = false;
	one = one_of(&f, ed->topic);
	e->user->levels -= e->filters.levels;
	filters_remove(&e->filters, &p->key, &one);
	e->user->levels += e->filters.levels;
}

/* What the user's sessions may have in all, and have not. When it is not known how many devices the
 * user may have, what users may have who were given no number of their own. */
static int levels_left(struct plugin *p, const struct session_user *u, int64_t *out)
{
	int64_t devices;
	int ret;

	if (u->role == IM_ROLE_DEVICE) {
		*out = p->opt.account_devices * IM_LEVELS_PER_THING - (int64_t)u->levels;
		if (*out > IM_LEVELS_PER_DEVICE)
			*out = IM_LEVELS_PER_DEVICE;
		return IM_OK;
	}
	ret = admit_device_limit(p, (struct im_str){u->uid, u->uid_n}, &devices);
	*out = devices ? devices * IM_LEVELS_PER_DEVICE - (int64_t)u->levels : INT64_MAX;
	return ret;
}

/* NULL, and it is counted; or why the session may have no more. */
static const char *count(struct plugin *p, struct session *e, const struct im_filter *f,
	const struct mosquitto_evt_acl_check *ed)
{
	const struct filters_one one = one_of(f, ed->topic);
	struct filters_limits limits = {
		.im = p->opt.im_subscriptions,
		.others = p->opt.other_subscriptions,
		.broker_count = mosquitto_client_sub_count(ed->client),
	};
	bool known;
	int ret;

	e->user->levels -= e->filters.levels;
	filters_begin(&e->filters, limits.broker_count);
	known = levels_left(p, e->user, &limits.levels) == IM_OK;
	limits.levels -= e->filters.levels;
	ret = filters_add(&e->filters, &p->key, &one, &limits);
	e->user->levels += e->filters.levels;
	switch (ret) {
	case IM_OK:
		return NULL;
	case IM_E_FULL:
		return one.im ? "the session has im_subscriptions subscriptions; it may "
				"unsubscribe, or use # and + below its inbox"
			      : "the session has other_subscriptions subscriptions; it may "
				"unsubscribe, or use wildcards";
	case IM_E_TOO_LARGE:
		if (!known)
			return unreadable(p);
		if (session_is_thing(e))
			return "the session's filters have 256 KiB or 512 levels, or those of the "
			       "device account's sessions 32 levels for each of account_devices; "
			       "use wildcards";
		return "the session's filters have 256 KiB, or those of the user's sessions 512 "
		       "levels for each of max_devices; use wildcards";
	default:
		return "out of memory";
	}
}

/* What the directory has of this broker's spool; the first one's rows have no number. */
static uint64_t arrived(struct plugin *p, const char *what)
{
	char key[32];

	if (p->home.number > 1)
		snprintf(key, sizeof(key), "%s.%" PRIu64, what, p->home.number - 1);
	else
		snprintf(key, sizeof(key), "%s", what);
	return (uint64_t)lookup_meta(p->lookup, key, 0);
}

/* What is on its way to the directory may be there, and counted there, before the bridge says so.
 */
static void drop_arrived(struct plugin *p)
{
	if (arrived(p, "link_epoch") == p->spool.ring.epoch)
		bindings_committed(p->bindings, arrived(p, "link_recno"));
}

/* IM_E_FULL: as many new devices have come to stay as may within a day. Counted by what the
 * directory holds, so that a restart changes nothing, and what is on its way there. */
static int one_more_device(struct plugin *p, struct session_user *u)
{
	const struct im_str uid = {u->uid, u->uid_n};
	int64_t now_us = clock_mono_us(&p->clock), n = 0;

	if (!p->opt.new_devices_per_day || u->role == IM_ROLE_DEVICE)
		return IM_OK;
	if (now_us < u->no_more_until_us)
		return IM_E_FULL;
	if (u->id && lookup_kept(p->lookup, u->id, clock_wall_ms(&p->clock) - DAY_MS, &n) != IM_OK)
		return IM_E_IO;
	if (n + bindings_count_kept(p->bindings, uid) >= p->opt.new_devices_per_day)
		drop_arrived(p);
	if (n + bindings_count_kept(p->bindings, uid) < p->opt.new_devices_per_day)
		return IM_OK;
	u->no_more_until_us = now_us + COUNT_AGAIN_US;
	return IM_E_FULL;
}

/* Of a device account whose client ids have another beginning by now, what those before have left
 * counts no more. */
static bool is_full(struct plugin *p, struct session_user *u)
{
	const uint64_t most = (uint64_t)p->opt.account_devices;

	if (u->n_stays >= most && u->unlike)
		away_release_unlike(p, u);
	return u->n_stays >= most;
}

/* NULL, and the bridge knows that the session may stay with what it subscribes to; or why it may
 * not subscribe. */
static const char *stay(struct plugin *p, struct session *e)
{
	if (session_is_thing(e) && !e->ephemeral && !e->stays && is_full(p, e->user))
		return "as many client ids of the device account have subscribed, in sessions that "
		       "may stay at the broker, as account_devices lets; keep one client id for "
		       "each device, or use a clean session with MQTT 3.1.1, which leaves nothing";
	if (e->kept || e->ephemeral)
		return NULL;
	switch (one_more_device(p, e->user)) {
	case IM_OK:
		break;
	case IM_E_IO:
		return unreadable(p);
	default:
		return "within 24 hours as many new client ids of the user have subscribed, in "
		       "sessions that may stay at the broker, as new_devices_per_day lets; keep "
		       "one client id for each device, or use a clean session with MQTT 3.1.1, "
		       "which leaves nothing";
	}
	switch (capture_keep(p, e)) {
	case IM_OK:
		return NULL;
	case IM_E_NOMEM:
		return "out of memory";
	default:
		return "the spool has no room to say that the device is new";
	}
}

int acl_subscribe(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	const char *why;
	struct im_filter f;
	struct session *e;
	struct right r;
	bool events;

	if (link_is(p, ed->client))
		return strcmp(ed->topic, IM_TOPIC_UP) == 0 || strcmp(ed->topic, IM_TOPIC_SINK) == 0
			       ? MOSQ_ERR_SUCCESS
			       : deny(p);
	/* Asked about what a client that we disconnect is subscribed to: to have it taken away
	 * would take it from whoever comes back to the session, told that it is still there. */
	if (p->kicking)
		return MOSQ_ERR_SUCCESS;
	e = identity_session(p, ed->client, IDENTITY_SPOKE);
	if (!e || !account_open(p, e->user))
		return deny(p);
	e->spoke = true;
	capture_open(p, e);
	im_filter_parse(p->prefix, im_str(ed->topic), &f);
	r = (struct right){
		.uid = session_uid(e), .device = session_device(e), .text = f.filter, .t = f.topic};
	why = rights_subscribe(p, &r, &f);
	if (!why)
		why = stay(p, e);
	if (!why)
		why = count(p, e, &f, ed);
	if (why)
		return refuse(p, &r, ed->topic, why);
	if (!e->ephemeral)
		clients_stays(e);
	if (covers_acks(e, &f))
		e->acks = true;
	/* Every subscription asks for a hello, so it counts like a message; a client that does
	 * nothing but subscribe gets no more of them. */
	im_buf_reset(&p->why);
	events = session_is_thing(e) ? inbox_covers(e, &f, IM_STR("event")) : f.events;
	if (events && resumed_greeted(p, e))
		return MOSQ_ERR_SUCCESS;
	if (events && quota_publish(p, e, clock_mono_us(&p->clock), 0) == IM_OK)
		capture_sub(p, e);
	return MOSQ_ERR_SUCCESS;
}
