/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACL_CHECK of publishes. Called by hooks.c. A publish is decided here, by rights.c, and captured
 * at MESSAGE, which follows at once; a will is captured here, because no MESSAGE comes for it.
 */
#include "plugin/acl.h"

#include "common/envelope.h"
#include "common/ids.h"
#include "plugin/account.h"
#include "plugin/capture.h"
#include "plugin/ending.h"
#include "plugin/handover.h"
#include "plugin/identity.h"
#include "plugin/link.h"
#include "plugin/quota.h"
#include "plugin/refusal.h"
#include "plugin/rights.h"

/* One publish being decided. */
struct write {
	struct plugin *p;
	struct session *e;
	struct right r;
	int64_t now_us;
	size_t n;
};

static bool is_send(enum im_topic_kind kind)
{
	return kind >= IM_TOPIC_SEND_USER && kind <= IM_TOPIC_SIGNAL_GROUP;
}

/* Decides, and takes what it costs; IM_OK or the code of the refusal, with p->why filled. */
static int check_write(struct write *w)
{
	const enum im_topic_kind kind = w->r.t.kind;
	int code = IM_OK;

	if (is_send(kind))
		code = quota_size(w->p, w->n);
	if (!code && (is_send(kind) || kind == IM_TOPIC_ACK))
		code = quota_publish(w->p, w->e, w->now_us, w->n);
	return code ? code : rights_write(w->p, &w->r);
}

static int deny(struct plugin *p)
{
	p->stats.refused++;
	return MOSQ_ERR_ACL_DENIED;
}

/* The client is told by its reason code alone, if it can be; the operator, why. */
static void note(const struct right *r, struct im_str why)
{
	struct log_text user;
	struct log_device client;
	struct log_topic topic;

	log_line(LOG_LEVEL_NOTICE, "publish refused user=%s client=%s topic=%s: %.*s",
		log_text(&user, r->uid), log_device(&client, r->device), log_topic(&topic, r->text),
		IM_ARGS(why));
}

static bool noted(struct plugin *p)
{
	return log_gate(&p->gates.publish, clock_mono_us(&p->clock) / 1000, "publishes refused");
}

static void refuse(struct write *w, const struct mosquitto_evt_acl_check *ed, int code)
{
	struct plugin *p = w->p;
	struct im_str payload = {ed->payload, ed->payloadlen};

	if (w->r.t.kind == IM_TOPIC_RPC)
		refusal_rpc(p, w->e,
			&(struct refusal_rpc){.method = w->r.t.id,
				.payload = payload,
				.code = code,
				.why = im_buf_view(&p->why)});
	else if (w->r.t.kind != IM_TOPIC_LINK)
		refusal_send(p, w->e,
			&(struct refusal){.topic = &w->r.t,
				.payload = payload,
				.code = code,
				.why = im_buf_view(&p->why)});
}

/* A will is captured now and then denied: the broker's own copy would reach nobody, but be retained
 * where nobody can delete it. */
static int write_will(struct write *w, const struct mosquitto_evt_acl_check *ed)
{
	w->e->will_done = true;
	if (is_send(w->r.t.kind) && check_write(w) == IM_OK)
		capture_will(w->p, w->e, &w->r.t, (struct im_str){ed->payload, ed->payloadlen});
	return MOSQ_ERR_ACL_DENIED;
}

/* One that waits while its device comes back says nothing; at another broker, too. */
static bool is_withdrawn(const struct plugin *p, const struct session *e)
{
	return e->elsewhere && clients_will_waited(p->clients, e);
}

/* PUBACK must not lie. An MQTT 3.1.1 client hears of a refusal by its acks alone, and knows which
 * message is meant by its id alone; without either it loses its connection where sending again
 * would help, keeps the message, and does so. */
static bool cannot_be_told(
	const struct write *w, const struct mosquitto_evt_acl_check *ed, int code)
{
	struct im_str payload = {ed->payload, ed->payloadlen};
	struct im_buf scratch;
	bool has_id;

	if ((code != IM_E_RATE_LIMITED && code != IM_E_BUSY) || ed->qos == 0 || w->e->v5 ||
		(w->r.t.kind != IM_TOPIC_SEND_USER && w->r.t.kind != IM_TOPIC_SEND_GROUP))
		return false;
	if (!w->e->acks)
		return true;
	im_buf_init(&scratch, 0);
	has_id = im_envelope_id(payload, &scratch).n > 0;
	im_buf_free(&scratch);
	return !has_id;
}

/* 2.1 tells an MQTT 5 client that it may send again later, if MESSAGE refuses. */
static bool is_quota(const struct write *w, const struct mosquitto_evt_acl_check *ed, int code)
{
	return (code == IM_E_RATE_LIMITED || code == IM_E_BUSY) && w->p->newer && w->e->v5 &&
	       ed->qos > 0;
}

static int write_session(struct write *w, const struct mosquitto_evt_acl_check *ed)
{
	struct plugin *p = w->p;
	int code;

	w->r.now_ms = clock_wall_ms(&p->clock);
	w->now_us = clock_mono_us(&p->clock);
	w->n = ed->payloadlen;
	im_buf_reset(&p->why);
	if (clients_is_will(p->clients, w->e))
		return write_will(w, ed);
	w->e->spoke = true;
	/* Announced before anything that it sends; without room for that there is none here. */
	capture_open(p, w->e);
	code = check_write(w);
	if (code && cannot_be_told(w, ed, code)) {
		p->stats.closed++;
		return MOSQ_ERR_CONN_LOST;
	}
	if (code) {
		if (code == IM_E_NOT_ALLOWED && noted(p))
			note(&w->r, im_buf_view(&p->why));
		refuse(w, ed, code);
		if (!is_quota(w, ed, code))
			return deny(p);
		p->stats.refused++;
		p->grant = (struct grant){.client = ed->client, .text = ed->topic, .quota = true};
		return MOSQ_ERR_SUCCESS;
	}
	if (is_send(w->r.t.kind))
		capture_note(p, w->e, &w->r.t, (struct im_str){ed->payload, ed->payloadlen},
			w->r.now_ms);
	p->grant = (struct grant){
		.client = ed->client,
		.topic = w->r.t,
		.text = ed->topic,
		.session = w->e,
		.now_ms = w->r.now_ms,
		.now_us = w->now_us,
	};
	return MOSQ_ERR_SUCCESS;
}

static int deny_other(struct plugin *p, const struct right *r)
{
	if (noted(p)) {
		im_buf_reset(&p->why);
		rights_put_reason(p, r, &p->why);
		note(r, im_buf_view(&p->why));
	}
	return deny(p);
}

/* Ordinary MQTT traffic and its wills, of whoever may come here at all. */
static int write_other(struct write *w, const struct mosquitto_evt_acl_check *ed)
{
	struct plugin *p = w->p;
	struct session *e = w->e;

	if (e && clients_is_will(p->clients, e))
		e->will_done = true;
	if (!e || !account_open(p, e->user))
		return deny(p);
	if (!rights_ordinary(p, &w->r, IM_ACL_WRITE))
		return deny_other(p, &w->r);
	e->spoke = true;
	p->grant = (struct grant){.client = ed->client, .text = ed->topic};
	return MOSQ_ERR_SUCCESS;
}

/* May the author of a retained message still write there? The broker has made up the client, and
 * gives it a name, and a client id or none. */
static int write_author(struct plugin *p, struct right *r, const struct mosquitto *client)
{
	r->uid = im_str(mosquitto_client_username(client));
	r->device = im_str(mosquitto_client_id(client));
	return im_uid_valid(r->uid) && account_open_name(p, r->uid) &&
			       rights_ordinary(p, r, IM_ACL_WRITE)
		       ? MOSQ_ERR_SUCCESS
		       : deny(p);
}

int acl_write(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	struct write w = {.p = p, .r.text = im_str(ed->topic)};
	struct session *e;

	p->grant = (struct grant){0};
	im_topic_parse(p->prefix, w.r.text, &w.r.t);
	/* Captured when the client began to send it; it goes to nobody when it has ended. */
	if (handover_is(p, ed->client) && strcmp(ed->topic, IM_TOPIC_SINK) == 0)
		return MOSQ_ERR_SUCCESS;
	if (link_is(p, ed->client)) {
		if (strcmp(ed->topic, IM_TOPIC_DOWN) != 0)
			return deny(p);
		p->grant = (struct grant){.client = ed->client, .topic = w.r.t, .text = ed->topic};
		return MOSQ_ERR_SUCCESS;
	}
	/* The will of a session that has ended is looked for first: its client is not alive. */
	e = identity_known(p, ed->client);
	w.e = e && clients_is_will(p->clients, e) ? e : NULL;
	if (w.e && (!account_own(p, w.e) || is_withdrawn(p, w.e)))
		return deny(p);
	if (!w.e && e && ending_closes(e, ed->qos)) {
		p->stats.closed++;
		return MOSQ_ERR_CONN_LOST;
	}
	if (!w.e && !mosquitto_client_address(ed->client) && w.r.t.kind == IM_TOPIC_OTHER)
		return write_author(p, &w.r, ed->client);
	if (!w.e)
		w.e = !e && identity_is_gone(p, ed->client)
			      ? identity_gone(p, ed->client)
			      : identity_session_of(p, ed->client, e, IDENTITY_WROTE);
	if (w.e) {
		w.r.uid = session_uid(w.e);
		w.r.device = session_device(w.e);
	}
	if (w.r.t.kind == IM_TOPIC_OTHER)
		return write_other(&w, ed);
	return w.e ? write_session(&w, ed) : deny(p);
}
