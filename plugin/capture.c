/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what clients publish to spool records. Called by hooks.c and acl.c after everything has been
 * decided. Knows nothing of rights.
 */
#include "plugin/capture.h"

#include "common/frame.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/msgprops.h"
#include "common/utf8.h"
#include "common/wire.h"
#include "plugin/inbox.h"
#include "plugin/policy.h"
#include "plugin/quota.h"
#include "plugin/refusal.h"
#include "plugin/renewal.h"
#include "plugin/rights.h"

/* ---- publishes ---- */

static uint8_t message_type(enum im_topic_kind kind)
{
	switch (kind) {
	case IM_TOPIC_SEND_USER:
		return IM_UP_MSG_USER;
	case IM_TOPIC_SEND_GROUP:
		return IM_UP_MSG_GROUP;
	case IM_TOPIC_SIGNAL_USER:
		return IM_UP_SIGNAL_USER;
	case IM_TOPIC_SIGNAL_GROUP:
		return IM_UP_SIGNAL_GROUP;
	case IM_TOPIC_ACK:
		return IM_UP_ACK;
	default:
		return IM_UP_RPC;
	}
}

static struct im_up_rec record(
	const struct session *e, const struct im_topic *t, struct im_str payload, int64_t now_ms)
{
	uint8_t type = message_type(t->kind);
	bool durable = type == IM_UP_MSG_USER || type == IM_UP_MSG_GROUP;

	return (struct im_up_rec){
		.type = type,
		.flags = (uint8_t)((durable ? IM_UPF_DURABLE : 0) | (e->v5 ? IM_UPF_V5 : 0)),
		.ts_ms = now_ms,
		.user = session_uid(e),
		.device = session_device(e),
		/* The device's level follows the user's behind a slash, as in the topic. */
		.target = t->rest.n ? (struct im_str){t->id.p, t->id.n + 1 + t->rest.n} : t->id,
		.payload = payload,
	};
}

void capture_sink(struct mosquitto_evt_message *ed)
{
	/* In place: who owns a replaced topic differs between versions. Every topic of ours is at
	 * least as long. */
	if (strlen(ed->topic) >= sizeof(IM_TOPIC_SINK) - 1)
		memcpy(ed->topic, IM_TOPIC_SINK, sizeof(IM_TOPIC_SINK));
	ed->retain = false;
}

/* There is no room for a send. PUBACK must not lie: MQTT 5 can say no; an MQTT 3.1.1 client with
 * QoS 1 or 2 loses its connection instead of getting the PUBACK, so that it keeps the message and
 * sends it again. */
static int no_room(
	struct plugin *p, const struct grant *g, struct mosquitto_evt_message *ed, struct im_str id)
{
	struct session *e = g->session;
	struct log_device client;

	p->stats.busy++;
	if (log_gate(&p->gates.full, g->now_ms, "spool full"))
		log_line(LOG_LEVEL_WARNING,
			"spool full bytes=%llu client=%s: publishes are refused",
			(unsigned long long)ring_used(&p->spool.ring),
			log_device(&client, session_device(e)));
	if (ed->qos > 0 && !e->v5) {
		p->stats.closed++;
		return MOSQ_ERR_CONN_LOST;
	}
	if (ed->qos == 0)
		p->stats.qos0_dropped++;
	refusal_send(p, e,
		&(struct refusal){&g->topic, id, {ed->payload, ed->payloadlen}, IM_E_BUSY,
			IM_STR("the server cannot take messages now; send it again in a moment")});
	return e->v5 && p->newer ? COMPAT_ERR_QUOTA_EXCEEDED : MOSQ_ERR_ACL_DENIED;
}

/* A message's properties come with MQTT 5 alone, which can say no. */
static int refuse_send(struct plugin *p, const struct grant *g,
	const struct mosquitto_evt_message *ed, struct im_str id, int code)
{
	p->stats.refused++;
	refusal_send(p, g->session,
		&(struct refusal){
			&g->topic, id, {ed->payload, ed->payloadlen}, code, im_buf_view(&p->why)});
	return code == IM_E_RATE_LIMITED && p->newer && ed->qos > 0 ? COMPAT_ERR_QUOTA_EXCEEDED
								    : MOSQ_ERR_ACL_DENIED;
}

/* What may not go with a message though it is within its bounds. */
static int check_properties(struct plugin *p, const struct grant *g,
	const struct mosquitto_evt_message *ed, const struct im_props *c)
{
	char level[IM_DEVICE_TOPIC_MAX];
	const struct policy_response to = {
		.prefix = p->prefix,
		.sender = rights_who(
			p, session_uid(g->session), session_device(g->session), c->response_topic),
		.device = session_is_thing(g->session)
				  ? im_device_topic(session_device(g->session), level)
				  : (struct im_str){NULL, 0},
		.message = &g->topic,
		.acl = p->acl,
	};
	int code = IM_OK;

	if (c->response_topic.n)
		code = policy_response(&to, c->response_topic, &p->why);
	if (!code && c->format == IM_FORMAT_TEXT &&
		!im_utf8_valid((struct im_str){ed->payload, ed->payloadlen})) {
		im_buf_z(&p->why, "the payload format indicator says UTF-8 text, which the payload "
				  "is not; leave it out for bytes");
		code = IM_E_INVALID_PARAMS;
	}
	return code ? code
		    : quota_bytes(p, g->session, g->now_us,
			      c->content_type.n + c->response_topic.n + c->corr.n + c->pairs.n);
}

/* Fills what of the record comes from the properties; it is in *s and in p->encoded. */
static int take_properties(struct plugin *p, const struct grant *g,
	const struct mosquitto_evt_message *ed, struct props_send *s, struct im_up_rec *r)
{
	int code;

	if (!(r->flags & IM_UPF_DURABLE)) {
		props_signal_read(&p->props, ed->properties, s);
		r->id = im_str(s->id);
		return IM_OK;
	}
	im_buf_reset(&p->why);
	code = props_message_read(&p->props, ed->properties, s, &p->why);
	r->id = im_str(s->id);
	if (!code)
		code = check_properties(p, g, ed, &s->carried);
	im_buf_reset(&p->encoded);
	im_props_put(&p->encoded, &s->carried);
	r->corr = im_buf_view(&p->encoded);
	return code || !(p->encoded.failed || s->pairs.failed) ? code : IM_E_NOMEM;
}

static int capture_send(struct plugin *p, const struct grant *g, struct mosquitto_evt_message *ed)
{
	struct session *e = g->session;
	struct im_up_rec r =
		record(e, &g->topic, (struct im_str){ed->payload, ed->payloadlen}, g->now_ms);
	struct props_send props = {0};
	bool message = r.flags & IM_UPF_DURABLE;
	int rc = MOSQ_ERR_SUCCESS, code = IM_OK;

	if (e->v5 && ed->properties)
		code = take_properties(p, g, ed, &props, &r);
	if (code && code != IM_E_NOMEM) {
		rc = refuse_send(p, g, ed, r.id, code);
	} else if (code || capture_open(p, e) || spool_put(&p->spool, &r, NULL)) {
		rc = no_room(p, g, ed, r.id);
	} else {
		if (message)
			p->stats.messages++;
		else
			p->stats.signals++;
		capture_sink(ed);
		uplink_pump(&p->uplink, g->now_us);
	}
	props_send_clear(&p->props, &props);
	return rc;
}

/* ---- requests ---- */

static bool own_inbox(const struct plugin *p, const struct session *e, struct im_str topic)
{
	struct im_topic t;

	im_topic_parse(p->prefix, topic, &t);
	if (session_is_thing(e) && !inbox_is_level(e, t.rest))
		return false;
	return t.kind == IM_TOPIC_INBOX && im_str_eq(t.id, session_uid(e)) && t.rest.n &&
	       !memchr(t.rest.p, '+', t.rest.n) && !memchr(t.rest.p, '#', t.rest.n);
}

/* What is wrong with a request, or IM_OK. */
static int check_request(struct plugin *p, const struct grant *g, struct im_up_rec *r)
{
	int code = quota_size(p, r->payload.n);

	/* With a method in the topic an array is none of requests. */
	if (!code && r->target.n)
		code = quota_publish(p, g->session, g->now_us, r->payload.n);
	else if (!code)
		code = quota_requests(p, g->session, g->now_us, r->payload);
	if (!code && r->reply_topic.n && !own_inbox(p, g->session, r->reply_topic)) {
		r->reply_topic.n = 0;
		im_buf_z(&p->why, session_is_thing(g->session)
					  ? "the response topic must lie under your device's own "
					    "level of your inbox"
					  : "the response topic must lie under your own inbox");
		code = IM_E_INVALID_PARAMS;
	}
	if (!code) {
		code = props_check_correlation(r->corr, &p->why);
		if (code)
			r->corr.n = 0;
	}
	return code;
}

/* A request always gets its PUBACK; what is wrong with it is said by the reply. */
static void capture_request(
	struct plugin *p, const struct grant *g, struct mosquitto_evt_message *ed)
{
	struct session *e = g->session;
	struct im_up_rec r =
		record(e, &g->topic, (struct im_str){ed->payload, ed->payloadlen}, g->now_ms);
	struct props_send props = {0};
	bool here;
	int code;

	if (e->v5 && ed->properties) {
		props_request_read(&p->props, ed->properties, &props);
		r.reply_topic = im_str(props.reply_to);
		r.corr = (struct im_str){props.corr, props.corr_n};
	}
	im_buf_reset(&p->why);
	code = check_request(p, g, &r);
	here = !code && renewal_is(r.target, r.payload);
	if (here) {
		code = renewal_answer(p, &(struct renewal){e, ed->client, r.target, r.payload,
						 r.reply_topic, r.corr});
	} else if (!code && (capture_open(p, e) || spool_put(&p->spool, &r, NULL))) {
		im_buf_z(&p->why, "the server cannot take requests now; ask again in a moment");
		p->stats.busy++;
		code = IM_E_BUSY;
	}
	if (code) {
		refusal_rpc(p, e,
			&(struct refusal_rpc){r.target, r.payload, r.reply_topic, r.corr, code,
				im_buf_view(&p->why)});
	} else if (!here) {
		p->stats.requests++;
		uplink_pump(&p->uplink, g->now_us);
	}
	capture_sink(ed);
	props_send_clear(&p->props, &props);
}

/* How far a device has come: it may be lost, and waits for company. */
static void capture_ack(struct plugin *p, const struct grant *g, struct mosquitto_evt_message *ed)
{
	const struct im_str payload = {ed->payload, ed->payloadlen};
	struct im_up_rec r = record(g->session, &g->topic, payload, g->now_ms);
	uint64_t cursor;
	int code = IM_OK;

	im_buf_reset(&p->why);
	if (im_cursor_parse(payload, &cursor)) {
		im_buf_z(&p->why, "the payload is no cursor; give the newest one that sync gave or "
				  "a delivery called safe");
		code = IM_E_INVALID_PARAMS;
	} else if (capture_open(p, g->session) || spool_put(&p->spool, &r, NULL)) {
		im_buf_z(&p->why, "the server cannot take it now; send a newer one later");
		p->stats.busy++;
		code = IM_E_BUSY;
	}
	if (code)
		refusal_send(p, g->session,
			&(struct refusal){
				&g->topic, {NULL, 0}, payload, code, im_buf_view(&p->why)});
	else
		uplink_wait(&p->uplink, g->now_us);
	capture_sink(ed);
}

int capture_publish(struct plugin *p, const struct grant *g, struct mosquitto_evt_message *ed)
{
	switch (g->topic.kind) {
	case IM_TOPIC_RPC:
		capture_request(p, g, ed);
		return MOSQ_ERR_SUCCESS;
	case IM_TOPIC_ACK:
		capture_ack(p, g, ed);
		return MOSQ_ERR_SUCCESS;
	default:
		return capture_send(p, g, ed);
	}
}

/* ---- wills ---- */

void capture_will(
	struct plugin *p, const struct session *e, const struct im_topic *t, struct im_str payload)
{
	struct im_up_rec r = record(e, t, payload, clock_wall_ms(&p->clock));

	r.flags |= IM_UPF_WILL;
	if (spool_put(&p->spool, &r, NULL)) {
		p->stats.wills_lost++;
		return;
	}
	p->stats.wills++;
	uplink_pump(&p->uplink, clock_mono_us(&p->clock));
}

void capture_note(struct plugin *p, const struct session *e, const struct im_topic *t,
	struct im_str payload, int64_t now_ms)
{
	struct im_up_rec r = record(e, t, payload, now_ms);
	size_t n = im_up_rec_size(&r);
	char *at;

	p->wills_last = p->wills.n;
	r.flags |= IM_UPF_WILL;
	if (p->wills.n + n > IM_PENDING_WILLS)
		return;
	at = im_buf_add(&p->wills, n);
	if (at)
		im_up_rec_write(at, &r);
}

void capture_unnote(struct plugin *p)
{
	p->wills.n = p->wills_last;
}

void capture_forget_notes(struct plugin *p)
{
	if (p->wills.n || p->wills.failed)
		im_buf_reset(&p->wills);
	p->wills_last = 0;
}

void capture_notes(struct plugin *p)
{
	struct im_str in = im_buf_view(&p->wills);
	struct im_up_rec r;

	while (in.n && im_up_rec_read(&in, &r) == IM_OK) {
		if (spool_put(&p->spool, &r, NULL))
			p->stats.wills_lost++;
		else
			p->stats.wills++;
	}
	capture_forget_notes(p);
}
