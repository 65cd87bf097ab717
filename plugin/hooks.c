/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the broker calls. Each hook turns an event into calls of the parts that know what to do; no
 * policy here. Hooks return SUCCESS or a refusal, and anything else only where the connection is to
 * be closed: the broker takes it for a broken one or, at RELOAD, for its own end.
 */
#include "plugin/hooks.h"

#include "plugin/account.h"
#include "plugin/acl.h"
#include "plugin/aclfile.h"
#include "plugin/admit.h"
#include "plugin/away.h"
#include "plugin/capture.h"
#include "plugin/conffile.h"
#include "plugin/connections.h"
#include "plugin/disconnect.h"
#include "plugin/downlink.h"
#include "plugin/ending.h"
#include "plugin/explain.h"
#include "plugin/handover.h"
#include "plugin/identity.h"
#include "plugin/later.h"
#include "plugin/link.h"
#include "plugin/outward.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US (86400 * SECOND_US)

/* READ or WRITE is asked about this client, or (NULL) there is another event. */
static void handover_event(struct plugin *p, const struct mosquitto *client)
{
	if (p->handover.old)
		disconnect_handed(p, client);
}

static int on_basic_auth(int event, void *event_data, void *userdata)
{
	(void)event;
	handover_event(userdata, NULL);
	return admit_login(userdata, event_data);
}

static int check(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	switch (ed->access) {
	case MOSQ_ACL_WRITE:
		return acl_write(p, ed);
	case MOSQ_ACL_READ:
		return acl_read(p, ed);
	case MOSQ_ACL_SUBSCRIBE:
		return acl_subscribe(p, ed);
	case MOSQ_ACL_UNSUBSCRIBE:
		/* Denied, an MQTT 3.1.1 client would be told that it worked. */
		acl_unsubscribe(p, ed);
		return MOSQ_ERR_SUCCESS;
	default:
		return MOSQ_ERR_ACL_DENIED;
	}
}

/* It may be asked of what is handed over. */
static int check_handed(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	bool message = ed->access == MOSQ_ACL_READ || ed->access == MOSQ_ACL_WRITE;
	int rc;

	handover_event(p, message ? ed->client : NULL);
	rc = check(p, ed);
	if (rc != MOSQ_ERR_SUCCESS && p->handover.client)
		handover_denied(p, ed->qos);
	return rc;
}

static int on_acl_check(int event, void *event_data, void *userdata)
{
	struct plugin *p = userdata;

	(void)event;
	return p->handover.old ? check_handed(p, event_data) : check(p, event_data);
}

/* A publish that no ACL_CHECK has allowed comes from a connection that the broker itself has opened
 * to another one (a `connection` section). It has no user, so IM topics are closed to it. */
static int ungranted(struct plugin *p, const struct mosquitto_evt_message *ed)
{
	struct log_device client;
	struct im_topic t;

	im_topic_parse(p->prefix, im_str(ed->topic), &t);
	if (t.kind == IM_TOPIC_OTHER)
		return MOSQ_ERR_SUCCESS;
	if (log_gate(&p->gates.bypass, clock_mono_us(&p->clock) / 1000, "bypassing publishes"))
		log_line(LOG_LEVEL_WARNING,
			"publish refused client=%s: it came without a permission check; do not "
			"bridge IM topics between brokers",
			log_device(&client, im_str(mosquitto_client_id(ed->client))));
	return MOSQ_ERR_ACL_DENIED;
}

static int on_message(int event, void *event_data, void *userdata)
{
	struct mosquitto_evt_message *ed = event_data;
	struct plugin *p = userdata;
	const struct grant g = p->grant;

	(void)event;
	handover_event(p, NULL);
	p->grant = (struct grant){0};
	if (g.client != ed->client || g.text != ed->topic)
		return ungranted(p, ed);
	if (g.quota)
		return COMPAT_ERR_QUOTA_EXCEEDED;
	if (g.topic.kind == IM_TOPIC_OTHER)
		return MOSQ_ERR_SUCCESS;
	if (g.session) {
		capture_unnote(p);
		return capture_publish(p, &g, ed);
	}
	downlink_frame(p, (struct im_str){ed->payload, ed->payloadlen});
	ed->retain = false;
	return MOSQ_ERR_SUCCESS;
}

static int on_control(int event, void *event_data, void *userdata)
{
	const struct mosquitto_evt_control *ed = event_data;
	struct plugin *p = userdata;
	const struct session *e = identity_known(p, ed->client);
	const struct im_str payload = {ed->payload, ed->payloadlen};

	(void)event;
	handover_event(p, NULL);
	p->grant = (struct grant){0};
	if (e && e->state == SESSION_OPEN && account_own(p, e) && !session_ending(e) &&
		account_is_admin(p, session_uid(e)) && !explain_answer(p, e, payload) &&
		!connections_answer(p, e, payload))
		capture_control(p, e, payload);
	return MOSQ_ERR_SUCCESS;
}

/* What is known of the session that the client leaves behind. */
enum rest { REST_UNKNOWN, REST_STAYS, REST_NONE };

static int on_gone(struct plugin *p, const struct mosquitto *client, int reason, enum rest rest)
{
	struct session *e;

	handover_event(p, NULL);
	handover_begin(p, client);
	if (link_ended(p, client))
		return MOSQ_ERR_SUCCESS;
	e = identity_known(p, client);
	if (!e) {
		p->gone = client;
		identity_ended(p, client);
	}
	if (e && e->state == SESSION_NEW && e->new_device)
		bindings_drop(p->bindings, session_device(e));
	if (e && rest == REST_NONE)
		e->ephemeral = true;
	if (clients_ended(p->clients, client, clock_mono_us(&p->clock)))
		capture_close(p, e, reason);
	e = clients_find(p->clients, client);
	if (e && e->state == SESSION_OFFLINE)
		away_left(p, e, rest == REST_STAYS || !e->v5);
	return MOSQ_ERR_SUCCESS;
}

/* DISCONNECT; and CLIENT_OFFLINE, which takes its place in 2.1 for sessions that persist. 2.0 does
 * not say which of them an MQTT 5 client's does. */
static int on_disconnect(int event, void *event_data, void *userdata)
{
	const struct mosquitto_evt_disconnect *ed = event_data;
	const struct plugin *p = userdata;

	if (event == COMPAT_EVT_CLIENT_OFFLINE)
		return on_gone(userdata, ed->client, ed->reason, REST_STAYS);
	return on_gone(userdata, ed->client, ed->reason, p->newer ? REST_NONE : REST_UNKNOWN);
}

/* 2.1: the connection stands. */
static int on_connect(int event, void *event_data, void *userdata)
{
	/* Laid out as every event that names a client and nothing else. */
	const struct mosquitto_evt_disconnect *ed = event_data;
	struct plugin *p = userdata;
	struct session *e;

	(void)event;
	if (link_is(p, ed->client))
		return MOSQ_ERR_SUCCESS;
	later_forget(p, ed->client, im_str(mosquitto_client_id(ed->client)));
	e = identity_session(p, ed->client, IDENTITY_SPOKE);
	if (e && !handover_ends(p, ed->client))
		capture_open(p, e);
	handover_event(p, NULL);
	return MOSQ_ERR_SUCCESS;
}

/* 2.1 takes over connections to other brokers at a reload, and a plugin cannot refuse one: what it
 * would carry of IM is kept back. */
static void check_broker(struct plugin *p)
{
	struct brokerconf c;

	conffile_check(&c, &p->opt);
	log_lines(LOG_LEVEL_WARNING, im_buf_view(&c.warnings));
	p->device_days = lookup_meta(p->lookup, "device_days", p->device_days);
	lookup_rest(p->lookup);
	conffile_warn_expiration(c.expiration_s, p->device_days);
	if (c.refused.n)
		log_line(LOG_LEVEL_ERROR,
			"the broker would not start with this configuration: %.*s",
			IM_ARGS(im_buf_view(&c.refused)));
	outward_guard(p, c.leaks);
	brokerconf_clear(&c);
}

static int on_reload(int event, void *event_data, void *userdata)
{
	struct plugin *p = userdata;
	struct im_buf why;

	(void)event;
	(void)event_data;
	handover_event(p, NULL);
	/* Only where a TICK will end it. */
	p->reloading = p->ticked;
	im_buf_init(&why, 0);
	if (auth_reload(p->auth, &why))
		log_line(LOG_LEVEL_ERROR, "token keys kept as they were: %.*s", IM_ARGS(why));
	else if (auth_keys(p->auth) >= 0)
		log_line(LOG_LEVEL_NOTICE, "token keys read again n=%d", auth_keys(p->auth));
	im_buf_free(&why);
	aclfile_reload(p);
	check_broker(p);
	return MOSQ_ERR_SUCCESS;
}

/* ---- TICK ---- */

static void answer_waiting(struct plugin *p)
{
	struct later_answer a;
	bool in;

	later_tick(p);
	while (later_next(p, &a)) {
		in = admit_verdict(p, &a.who, &a.verdict) == MOSQ_ERR_SUCCESS;
		if (!later_tell(p, &a, in))
			admit_undo(p, a.who.client);
	}
}

static void announce(struct plugin *p)
{
	struct session *e;

	/* Each one leaves the queue; without room the others wait too. */
	while ((e = clients_first_new(p->clients))) {
		if (capture_open(p, e))
			return;
	}
}

/* Without a bridge nobody says what to forget, but imctl may write. */
static void watch_directory(struct plugin *p, int64_t now_us)
{
	if (p->uplink.up || now_us - p->checked_us < SECOND_US)
		return;
	p->checked_us = now_us;
	if (lookup_changed(p->lookup))
		account_forget_all(p);
}

static int on_tick(int event, void *event_data, void *userdata)
{
	struct mosquitto_evt_tick *ed = event_data;
	struct plugin *p = userdata;
	int64_t now_us = clock_mono_us(&p->clock);

	(void)event;
	handover_event(p, NULL);
	p->ticked = true;
	p->ticked_us = now_us;
	p->ticked_ms = clock_wall_ms(&p->clock);
	p->reloading = false;
	p->grant = (struct grant){0};
	p->gone = p->denied = NULL;
	capture_forget_notes(p);
	lookup_rest(p->lookup);
	auth_turn(p->auth);
	clients_turn(p->clients, now_us);
	clients_expire(p->clients, p->device_days * DAY_US, now_us);
	answer_waiting(p);
	/* Nobody hears of who comes and has to go at once. */
	disconnect_due(p, now_us);
	announce(p);
	ending_expired(p);
	watch_directory(p, now_us);
	account_tick(p, now_us);
	uplink_tick(&p->uplink, now_us);
	if (p->resync && p->uplink.up && spool_has_room(&p->spool))
		capture_snapshot(p);
	/* A broker without WebSockets sleeps until something happens, unless it is asked not to. */
	if (later_waiting(p) || p->kicks.n)
		ed->COMPAT_TICK_NEXT_MS = LATER_TICK_MS;
	return MOSQ_ERR_SUCCESS;
}

/* ---- the table ---- */

struct hook {
	int event;
	MOSQ_FUNC_generic_callback fn;
	const char *topic; /* CONTROL */
	bool newer;        /* 2.1 alone knows it */
};

static const struct hook hooks[] = {
	{MOSQ_EVT_BASIC_AUTH, on_basic_auth, NULL, false},
	{MOSQ_EVT_ACL_CHECK, on_acl_check, NULL, false},
	{MOSQ_EVT_MESSAGE, on_message, NULL, false},
	{MOSQ_EVT_CONTROL, on_control, IM_TOPIC_CONTROL, false},
	{MOSQ_EVT_DISCONNECT, on_disconnect, NULL, false},
	{MOSQ_EVT_RELOAD, on_reload, NULL, false},
	{MOSQ_EVT_TICK, on_tick, NULL, false},
	{COMPAT_EVT_CONNECT, on_connect, NULL, true},
	{COMPAT_EVT_CLIENT_OFFLINE, on_disconnect, NULL, true},
};

#define HOOKS (sizeof(hooks) / sizeof(hooks[0]))

int hooks_register(struct plugin *p, struct im_buf *why)
{
	size_t i;

	p->newer = true;
	for (i = 0; i < HOOKS; i++) {
		const struct hook *h = &hooks[i];
		int rc = mosquitto_callback_register(p->id, h->event, h->fn, h->topic, p);

		if (rc == MOSQ_ERR_SUCCESS)
			continue;
		if (h->newer && rc == MOSQ_ERR_NOT_SUPPORTED) {
			p->newer = false;
			continue;
		}
		im_buf_printf(why,
			"the broker refuses event %d (code %d): is the plugin loaded twice?",
			h->event, rc);
		hooks_unregister(p);
		return IM_E_FORMAT;
	}
	return IM_OK;
}

void hooks_unregister(struct plugin *p)
{
	size_t i;

	outward_guard(p, false);

	for (i = 0; i < HOOKS; i++)
		(void)mosquitto_callback_unregister(
			p->id, hooks[i].event, hooks[i].fn, hooks[i].topic);
}
