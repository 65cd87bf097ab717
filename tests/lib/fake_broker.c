/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The broker of the plugin's tests: clients, sessions and events. The functions that the plugin
 * calls are in fake_calls.c. Not a model of MQTT: only of what a plugin can see.
 */
#include "tests/lib/fake_broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "common/topic.h"
#include "tests/lib/fake_internal.h"

static struct fake_state only;
struct fake_state *fake = &only;

struct fake_state *fake_new(void)
{
	return calloc(1, sizeof(struct fake_state));
}

void fake_free(struct fake_state *broker)
{
	free(broker);
}

struct fake_state *fake_switch(struct fake_state *broker)
{
	struct fake_state *before = fake;

	fake = broker;
	return before;
}

void fake_open(bool newer)
{
	*fake = (struct fake_state){.newer = newer, .fail_publish = -1};
}

static void message_free(struct fake_message *m)
{
	free(m->topic);
	free((char *)m->payload.p);
	free(m->props);
	*m = (struct fake_message){0};
}

/* Everything that it holds, but not the struct. */
static void client_clear(struct mosquitto *c)
{
	struct fake_inbox *m, *tmp;
	size_t i;

	DL_FOREACH_SAFE (c->inbox, m, tmp) {
		message_free(&m->message);
		free(m);
	}
	message_free(&c->last);
	for (i = 0; i < c->n_filters; i++)
		free(c->filters[i]);
	free(c->begun);
	free(c->id);
	free(c->username);
	free(c->password);
	free(c->address);
	free(c->will_topic);
	free(c->will);
	DL_DELETE(fake->clients, c);
}

static void client_free(struct mosquitto *c)
{
	client_clear(c);
	free(c);
}

void fake_close(void)
{
	struct fake_retained_message *r, *rtmp;
	struct mosquitto *c, *tmp;

	fake_drop_queue();
	DL_FOREACH_SAFE (fake->clients, c, tmp)
		client_free(c);
	DL_FOREACH_SAFE (fake->retained, r, rtmp) {
		message_free(&r->message);
		free(r);
	}
	fake_forget_log();
	*fake = (struct fake_state){0};
}

int fake_load(const struct fake_plugin *p, const struct mosquitto_opt *options)
{
	const int versions[] = {MOSQ_PLUGIN_VERSION};
	struct mosquitto_opt copy[64];
	int n = 0;

	while (options[n].key) {
		copy[n] = options[n];
		n++;
	}
	fake->plugin = *p;
	if (p->version(1, versions) != MOSQ_PLUGIN_VERSION)
		return -1;
	return p->init((mosquitto_plugin_id_t *)fake, &fake->userdata, copy, n);
}

void *fake_userdata(void)
{
	return fake->userdata;
}

/* ---- events ---- */

/* What the hooks of an event answer; `otherwise` when there is none. */
static int fire(int event, void *data, int otherwise)
{
	const struct fake_hook *h = &fake->hooks[event];

	return h->fn ? h->fn(event, data, h->userdata) : otherwise;
}

static int basic_auth(struct mosquitto *c)
{
	struct mosquitto_evt_basic_auth ed = {
		.client = c, .username = c->username, .password = c->password};

	return fire(MOSQ_EVT_BASIC_AUTH, &ed, MOSQ_ERR_AUTH);
}

static int acl(struct mosquitto *c, const char *topic, struct im_str payload, int qos, bool retain,
	int access)
{
	struct mosquitto_evt_acl_check ed = {
		.client = c,
		.topic = topic,
		.payload = payload.p,
		.payloadlen = (uint32_t)payload.n,
		.qos = (uint8_t)qos,
		.retain = retain,
		.access = access,
	};

	if (!c->id)
		return MOSQ_ERR_ACL_DENIED;
	return fire(MOSQ_EVT_ACL_CHECK, &ed, MOSQ_ERR_SUCCESS);
}

static void disconnect_event(struct mosquitto *c, int reason)
{
	struct mosquitto_evt_disconnect ed = {.client = c, .reason = fake->newer ? reason : -1};
	bool offline = fake->newer && c->persistent && !c->replaced;

	fire(offline ? COMPAT_EVT_CLIENT_OFFLINE : MOSQ_EVT_DISCONNECT, &ed, 0);
}

/* ---- routing ---- */

static void receive(struct mosquitto *c, const struct fake_message *m)
{
	struct fake_inbox *kept;

	if (c->receiver && c->connected) {
		c->receiver(c->receiver_arg, m);
		return;
	}
	/* As the broker does by default. */
	if (c->receiver && m->qos == 0)
		return;
	if (m->qos > 0 && c->lost >= FAKE_PLACES)
		return;
	kept = calloc(1, sizeof(*kept));
	if (!kept)
		abort();
	kept->message = *m;
	kept->message.topic = strdup(m->topic);
	kept->message.payload.p = fake_copy(m->payload);
	kept->message.props = strdup(m->props ? m->props : "");
	DL_APPEND(c->inbox, kept);
}

static void retain_message(const struct fake_message *m)
{
	struct fake_retained_message *r;

	DL_FOREACH (fake->retained, r) {
		if (strcmp(r->message.topic, m->topic) == 0)
			break;
	}
	if (!r) {
		r = calloc(1, sizeof(*r));
		if (!r)
			abort();
		DL_APPEND(fake->retained, r);
	} else {
		message_free(&r->message);
	}
	r->message = *m;
	r->message.topic = strdup(m->topic);
	r->message.payload.p = fake_copy(m->payload);
	r->message.props = strdup("");
}

void fake_retain(const char *topic, struct im_str payload)
{
	const struct fake_message m = {.topic = (char *)topic, .payload = payload, .retain = true};

	retain_message(&m);
}

/* Gives a message to every session that is subscribed and may read it. */
void fake_route(const struct fake_message *m)
{
	struct mosquitto *c;
	size_t i;

	if (m->retain)
		retain_message(m);
	DL_FOREACH (fake->clients, c) {
		for (i = 0; i < c->n_filters; i++) {
			if (!im_filter_within(im_str(m->topic), im_str(c->filters[i])))
				continue;
			if (acl(c, m->topic, m->payload, m->qos, false, MOSQ_ACL_READ) ==
				MOSQ_ERR_SUCCESS)
				receive(c, m);
		}
	}
}

void fake_route_to(const char *client, const struct fake_message *m)
{
	struct mosquitto *c = fake_by_id(client);

	if (c)
		receive(c, m);
}

struct mosquitto *fake_by_id(const char *id)
{
	struct mosquitto *c;

	DL_FOREACH (fake->clients, c) {
		if (c->id && !c->replaced && !c->waiting && strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}

struct mosquitto *fake_waiting_by_id(const char *id)
{
	struct mosquitto *c;

	DL_FOREACH (fake->clients, c) {
		if (c->waiting && strcmp(c->id, id) == 0)
			return c;
	}
	return NULL;
}

/* ---- wills ---- */

static void send_will(struct mosquitto *c)
{
	struct fake_message m = {.topic = c->will_topic, .payload = im_str(c->will), .qos = 1};

	if (!c->will_topic)
		return;
	if (acl(c, c->will_topic, m.payload, 1, true, MOSQ_ACL_WRITE) == MOSQ_ERR_SUCCESS) {
		m.retain = true;
		fake_route(&m);
	}
	free(c->will_topic);
	c->will_topic = NULL;
}

void fake_delayed_will(struct mosquitto *c)
{
	c->will_delayed = false;
	send_will(c);
}

/* ---- connections ---- */

static void end_connection(struct mosquitto *c, bool with_will, int reason)
{
	if (!c->connected && !c->replaced)
		return;
	disconnect_event(c, reason);
	c->connected = false;
	if (with_will && !c->will_delayed)
		send_will(c);
	c->socket = false;
	if (c->persistent && !c->replaced)
		return;
	c->freed_at = fake->turns + 1;
	while (c->n_filters)
		free(c->filters[--c->n_filters]);
}

/* No event says that a waiting client has gone; its name is forgotten before its will is asked
 * about. */
static void waiting_gone(struct mosquitto *c)
{
	c->waiting = false;
	free(c->username);
	free(c->address);
	c->username = c->address = NULL;
	send_will(c);
	c->replaced = true;
}

void fake_expire(struct mosquitto *c)
{
	c->replaced = true;
}

bool fake_waiting(const struct mosquitto *c)
{
	return c->waiting;
}

uint64_t fake_answered(const struct mosquitto *c)
{
	return c->answered;
}

void fake_disconnect(struct mosquitto *c, bool lost)
{
	if (c->waiting) {
		waiting_gone(c);
		return;
	}
	end_connection(c, lost, lost ? MOSQ_ERR_CONN_LOST : 0);
}

bool fake_connected(const struct mosquitto *c)
{
	return c->connected;
}

bool fake_has(const char *id)
{
	const struct mosquitto *c = fake_by_id(id);

	return c && c->connected;
}

static char *copy_or_null(const char *z)
{
	return z ? strdup(z) : NULL;
}

static struct mosquitto *client_new(const struct fake_spec *s)
{
	struct mosquitto *c = s->at ? s->at : calloc(1, sizeof(*c));

	if (!c)
		abort();
	if (s->at) {
		client_clear(c);
		memset(c, 0, sizeof(*c));
	}
	c->id = strdup(s->id);
	c->username = copy_or_null(s->user);
	c->password = copy_or_null(s->password);
	c->address = strdup(s->address ? s->address : "127.0.0.1");
	c->version = s->version ? s->version : 4;
	c->keepalive_s = s->keepalive_s < 0 ? 0 : s->keepalive_s ? s->keepalive_s : 60;
	c->persistent = s->persistent;
	c->websocket = s->websocket;
	c->identity = s->identity || s->psk;
	c->certificate = s->identity;
	c->socket = true;
	c->will_topic = copy_or_null(s->will_topic);
	c->will = copy_or_null(s->will);
	c->will_delayed = s->will_delayed;
	DL_APPEND(fake->clients, c);
	return c;
}

/* A client has come back or taken over: the old session's subscriptions go to the new one, then the
 * old one ends, online or not. */
static void take_over(struct mosquitto *old, struct mosquitto *c)
{
	struct fake_inbox *m, *tmp;

	if (old->persistent && c->persistent) {
		memcpy(c->filters, old->filters, sizeof(c->filters));
		c->n_filters = old->n_filters;
		c->most_filters = old->most_filters;
		c->inbox = old->inbox;
		old->n_filters = 0;
		old->inbox = NULL;
	}
	if (!old->persistent || !c->persistent)
		send_will(old);
	old->replaced = true;
	end_connection(old, false, 142);
	if (old->begun && c->persistent &&
		acl(c, old->begun, (struct im_str){NULL, 0}, 2, false, MOSQ_ACL_WRITE) !=
			MOSQ_ERR_SUCCESS)
		c->lost_begun++;
	/* What has waited for the session is asked about again, for whoever has it now. */
	DL_FOREACH_SAFE (c->inbox, m, tmp) {
		if (acl(c, m->message.topic, m->message.payload, m->message.qos, false,
			    MOSQ_ACL_READ) == MOSQ_ERR_SUCCESS)
			continue;
		c->lost += m->message.qos > 0;
		DL_DELETE(c->inbox, m);
		message_free(&m->message);
		free(m);
	}
}

long fake_next_tick(void)
{
	return fake->next_tick;
}

int fake_auth_result(void)
{
	return fake->auth_result;
}

static void turn_away(struct mosquitto *c, int reason)
{
	/* The claimed name, and in newer brokers the claimed id, come with it. */
	if (!fake->newer) {
		free(c->id);
		c->id = NULL;
	}
	disconnect_event(c, reason);
}

static void let_in(struct mosquitto *c)
{
	struct mosquitto_evt_disconnect connected = {.client = c};
	struct mosquitto *old;

	DL_DELETE(fake->clients, c);
	old = fake_by_id(c->id);
	DL_APPEND(fake->clients, c);
	if (old)
		take_over(old, c);
	c->connected = true;
	if (fake->newer)
		fire(COMPAT_EVT_CONNECT, &connected, 0);
}

void fake_answer(struct mosquitto *c, int result)
{
	c->waiting = false;
	c->answered = ++fake->answers;
	if (result == MOSQ_ERR_SUCCESS) {
		let_in(c);
		return;
	}
	free(c->will_topic);
	c->will_topic = NULL;
	c->replaced = true;
	turn_away(c, MOSQ_ERR_AUTH);
}

struct mosquitto *fake_connect(const struct fake_spec *s)
{
	bool taken = fake_waiting_by_id(s->id) != NULL;
	struct mosquitto *c = client_new(s);

	if (taken)
		fake->auth_result = MOSQ_ERR_UNKNOWN;
	else
		fake->auth_result = c->identity ? MOSQ_ERR_SUCCESS : basic_auth(c);
	if (fake->auth_result == COMPAT_ERR_AUTH_DELAYED && fake->newer) {
		c->waiting = true;
		return c;
	}
	if (fake->auth_result) {
		turn_away(c, MOSQ_ERR_AUTH);
		client_free(c);
		return NULL;
	}
	let_in(c);
	return c;
}

struct mosquitto *fake_restored(const struct fake_spec *s, const char *filter)
{
	struct mosquitto *c = client_new(s);

	free(c->address);
	c->address = NULL;
	c->persistent = true;
	c->socket = false;
	c->filters[c->n_filters++] = strdup(filter);
	c->most_filters = 1;
	return c;
}

bool fake_subscribe(struct mosquitto *c, const char *filter)
{
	struct im_str none = {NULL, 0};
	size_t i;

	if (acl(c, filter, none, 1, false, MOSQ_ACL_SUBSCRIBE) != MOSQ_ERR_SUCCESS)
		return false;
	for (i = 0; i < c->n_filters; i++) {
		if (strcmp(c->filters[i], filter) == 0)
			return true;
	}
	if (c->n_filters == FAKE_FILTERS)
		abort();
	c->filters[c->n_filters++] = strdup(filter);
	if (c->most_filters < c->n_filters)
		c->most_filters = c->n_filters;
	return true;
}

void fake_unsubscribe(struct mosquitto *c, const char *filter)
{
	struct im_str none = {NULL, 0};
	size_t i;

	if (acl(c, filter, none, 0, false, MOSQ_ACL_UNSUBSCRIBE) != MOSQ_ERR_SUCCESS)
		abort();
	for (i = 0; i < c->n_filters; i++) {
		if (strcmp(c->filters[i], filter) != 0)
			continue;
		free(c->filters[i]);
		c->filters[i] = c->filters[--c->n_filters];
		return;
	}
}

/* ---- publishing ---- */

static int result_of(struct mosquitto *c, int rc)
{
	if (rc == MOSQ_ERR_ACL_DENIED)
		return FAKE_DENIED;
	if (rc == COMPAT_ERR_QUOTA_EXCEEDED && fake->newer)
		return FAKE_QUOTA;
	end_connection(c, true, MOSQ_ERR_CONN_LOST);
	return FAKE_CLOSED;
}

static int message_event(
	struct mosquitto *c, struct fake_message *m, const mosquitto_property *props)
{
	struct mosquitto_evt_message ed = {
		.client = c,
		.topic = m->topic,
		.payload = (void *)m->payload.p,
		.payloadlen = (uint32_t)m->payload.n,
		.qos = (uint8_t)m->qos,
		.retain = m->retain,
		.properties = (mosquitto_property *)props,
	};
	int rc = fire(MOSQ_EVT_MESSAGE, &ed, MOSQ_ERR_SUCCESS);

	if (ed.topic != m->topic || ed.payload != m->payload.p)
		abort(); /* who owns a replaced one differs between versions */
	m->retain = ed.retain;
	return rc;
}

static int publish(struct mosquitto *c, struct fake_message *m, const mosquitto_property *props)
{
	struct mosquitto_evt_control control = {
		.client = c, .payload = m->payload.p, .payloadlen = (uint32_t)m->payload.n};
	int rc = acl(c, m->topic, m->payload, m->qos, m->retain, MOSQ_ACL_WRITE);

	if (rc)
		return result_of(c, rc);
	if (strncmp(m->topic, "$CONTROL/", 9) == 0) {
		rc = fire(MOSQ_EVT_CONTROL, &control, 0);
		return rc ? result_of(c, rc) : FAKE_ACCEPTED;
	}
	rc = message_event(c, m, props);
	if (rc)
		return result_of(c, rc);
	if (m->qos == 2) {
		free(c->begun);
		c->begun = strdup(m->topic);
	}
	fake_route(m);
	return FAKE_ACCEPTED;
}

int fake_publish(struct mosquitto *c, const char *topic, struct im_str payload, int qos,
	bool retain, const mosquitto_property *props)
{
	struct fake_message m = {
		.topic = strdup(topic), .payload = payload, .qos = qos, .retain = retain};
	int result;

	m.payload.p = fake_copy(payload);
	result = publish(c, &m, props);
	message_free(&m);
	return result;
}

int fake_bridged(const char *topic, struct im_str payload)
{
	struct mosquitto c = {
		.id = "remote", .username = "remote", .version = 4, .connected = true};
	struct fake_message m = {.topic = strdup(topic), .payload = payload, .qos = 1};
	int rc;

	m.payload.p = fake_copy(payload);
	rc = message_event(&c, &m, NULL);
	if (!rc)
		fake_route(&m);
	message_free(&m);
	return rc == MOSQ_ERR_SUCCESS ? FAKE_ACCEPTED : FAKE_DENIED;
}

bool fake_retained_allowed(const char *user, const char *topic)
{
	struct mosquitto c = {.id = "stored", .username = (char *)user};

	return acl(&c, topic, IM_STR("x"), 0, true, MOSQ_ACL_WRITE) == MOSQ_ERR_SUCCESS;
}

/* ---- the loop ---- */

void fake_reload(void)
{
	struct mosquitto_evt_reload ed = {0};
	struct mosquitto *c, *tmp;

	if (fire(MOSQ_EVT_RELOAD, &ed, 0) != MOSQ_ERR_SUCCESS)
		abort(); /* 2.1 ends here */
	DL_FOREACH_SAFE (fake->clients, c, tmp) {
		if (c->replaced || c->waiting || c->identity || (!c->connected && !c->persistent))
			continue;
		if (basic_auth(c) == MOSQ_ERR_SUCCESS)
			continue;
		if (!c->connected)
			fake->offline_kicks++;
		end_connection(c, false, MOSQ_ERR_AUTH);
	}
}

void fake_turn(void)
{
	struct mosquitto_evt_tick ed = {0};
	struct mosquitto *c, *tmp;

	fake_run_queue();
	fire(MOSQ_EVT_TICK, &ed, 0);
	fake->next_tick = ed.COMPAT_TICK_NEXT_MS;
	fake->turns++;
	/* Kept for the test to look at; the plugin must not. */
	DL_FOREACH_SAFE (fake->clients, c, tmp) {
		if (!c->connected && c->freed_at && c->freed_at <= fake->turns)
			c->replaced = true;
	}
	fake_run_queue();
}

/* What the session may not be subscribed to any more is taken from it. */
static void check_filters(struct mosquitto *c)
{
	const struct im_str none = {NULL, 0};
	size_t i = 0;

	while (i < c->n_filters) {
		if (acl(c, c->filters[i], none, 0, false, MOSQ_ACL_SUBSCRIBE) == MOSQ_ERR_SUCCESS) {
			i++;
			continue;
		}
		free(c->filters[i]);
		c->filters[i] = c->filters[--c->n_filters];
	}
}

void fake_kick(struct mosquitto *c, bool with_will)
{
	if (!c->connected) {
		fake->offline_kicks++;
		return;
	}
	if (c->persistent)
		check_filters(c);
	end_connection(c, with_will, 152);
}

void fake_unload(void)
{
	struct mosquitto *c;

	DL_FOREACH (fake->clients, c) {
		if (c->connected)
			send_will(c);
	}
	fake_crash();
}

void fake_crash(void)
{
	fake->plugin.cleanup(fake->userdata, NULL, 0);
	fake->userdata = NULL;
	fake_drop_queue();
}

/* ---- looking ---- */

const struct fake_message *fake_received(struct mosquitto *c)
{
	struct fake_inbox *m = c->inbox;

	message_free(&c->last);
	if (!m)
		return NULL;
	c->last = m->message;
	DL_DELETE(c->inbox, m);
	free(m);
	return &c->last;
}

void fake_on_message(struct mosquitto *c, fake_receiver fn, void *arg)
{
	struct fake_inbox *m, *tmp;

	c->receiver = fn;
	c->receiver_arg = arg;
	DL_FOREACH_SAFE (fn ? c->inbox : NULL, m, tmp) {
		DL_DELETE(c->inbox, m);
		fn(arg, &m->message);
		message_free(&m->message);
		free(m);
	}
}

void fake_fail_publish(int n)
{
	fake->fail_publish = n;
}

int fake_offline_kicks(void)
{
	return fake->offline_kicks;
}

const struct fake_message *fake_retained(const char *topic)
{
	struct fake_retained_message *r;

	DL_FOREACH (fake->retained, r) {
		if (strcmp(r->message.topic, topic) == 0)
			return &r->message;
	}
	return NULL;
}
