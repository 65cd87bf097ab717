/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACL_CHECK. Called by hooks.c. A publish is decided here and captured at MESSAGE, which follows at
 * once; a will is captured here, because no MESSAGE comes for it. Delivery (READ) is decided from
 * the username alone: the client may be a struct that the broker has made up for the question.
 */
#include "plugin/acl.h"

#include "common/envelope.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/may.h"
#include "common/wire.h"
#include "plugin/account.h"
#include "plugin/capture.h"
#include "plugin/ending.h"
#include "plugin/identity.h"
#include "plugin/link.h"
#include "plugin/policy.h"
#include "plugin/quota.h"
#include "plugin/refusal.h"

/* What the directory has answered is yes; that it cannot be read is said. */
static bool yes(struct plugin *p, int ret)
{
	if (ret && ret != IM_E_NONE)
		account_unreadable(p);
	return ret == IM_OK;
}

/* The code for what the directory answered: there is none, or it cannot be read. */
static int absent(struct plugin *p, int ret)
{
	if (ret == IM_E_NONE)
		return IM_OK;
	account_unreadable(p);
	im_buf_z(&p->why, "the directory cannot be read now; send it again in a moment");
	return IM_E_BUSY;
}

/* ---- writing ---- */

/* One publish being decided. */
struct write {
	struct plugin *p;
	struct session *e;
	struct im_topic t;
	struct lookup_user from;
	int64_t now_ms, now_us;
	size_t n;
};

static int check_direct(struct write *w)
{
	struct im_may_direct f = {.server = im_direct_policy_chosen(w->p->opt.direct_policy)};
	struct lookup_user to = {0};
	struct lookup_relation rel = {0};
	int ret, code = IM_OK;

	f.self = im_str_eq(w->t.id, session_uid(w->e));
	if (!f.self) {
		ret = lookup_user(w->p->lookup, w->t.id, &to);
		if (ret)
			code = absent(w->p, ret);
		else
			ret = lookup_relation(w->p->lookup, &to, &w->from, &rel);
		if (!code && ret == IM_E_IO)
			code = absent(w->p, ret);
		f.exists = ret == IM_OK;
		f.gone = to.gone;
		f.theirs = to.direct_policy;
	}
	f.blocked = rel.blocked;
	f.contact = rel.contact;
	return code ? code : im_may_direct(&f, &w->p->why);
}

static int check_group(struct write *w)
{
	struct im_may_group f = {.now_ms = w->now_ms};
	struct lookup_group g;
	struct lookup_member m;
	int ret, code = IM_OK;

	ret = lookup_group(w->p->lookup, w->t.id, &g);
	if (ret) {
		code = absent(w->p, ret);
	} else {
		f.exists = true;
		f.hidden = g.hidden;
		f.group_muted_until_ms = g.muted_until_ms;
		ret = lookup_member(w->p->lookup, &g, session_uid(w->e), &w->from, &m);
		if (ret) {
			code = absent(w->p, ret);
		} else {
			f.member = true;
			f.role = m.role;
			f.member_muted_until_ms = m.muted_until_ms;
		}
	}
	return code ? code : im_may_group(&f, &w->p->why);
}

static int check_sender(struct write *w)
{
	int ret = lookup_user(w->p->lookup, session_uid(w->e), &w->from);
	int code = ret ? absent(w->p, ret) : IM_OK;

	return code ? code : im_may_act(!ret, w->from.disabled, &w->p->why);
}

static int check_admin(struct write *w)
{
	int code = check_sender(w);

	if (code == IM_E_BUSY)
		return code;
	im_buf_reset(&w->p->why);
	return !code && w->from.role == IM_ROLE_ADMIN
		       ? IM_OK
		       : policy_no_topic(w->t.kind, w->p->prefix, &w->p->why);
}

/* Decides; IM_OK or the code of the refusal, with p->why filled. */
static int check_write(struct write *w)
{
	struct plugin *p = w->p;
	int code = IM_OK;

	switch (w->t.kind) {
	case IM_TOPIC_SEND_USER:
	case IM_TOPIC_SEND_GROUP:
	case IM_TOPIC_SIGNAL_USER:
	case IM_TOPIC_SIGNAL_GROUP:
		code = quota_size(p, w->n);
		if (!code)
			code = quota_publish(p, w->e->user, w->now_us, w->n);
		if (!code)
			code = check_sender(w);
		if (code)
			return code;
		return w->t.kind == IM_TOPIC_SEND_USER || w->t.kind == IM_TOPIC_SIGNAL_USER
			       ? check_direct(w)
			       : check_group(w);
	case IM_TOPIC_ACK:
		code = quota_publish(p, w->e->user, w->now_us, w->n);
		return code ? code : check_sender(w);
	case IM_TOPIC_RPC:
		/* What is wrong with a request is said by its reply; see capture.c. */
		return check_sender(w);
	case IM_TOPIC_CTRL:
		return check_admin(w);
	default:
		return policy_no_topic(w->t.kind, p->prefix, &p->why);
	}
}

static int deny(struct plugin *p)
{
	p->stats.refused++;
	return MOSQ_ERR_ACL_DENIED;
}

static void refuse(struct write *w, const struct mosquitto_evt_acl_check *ed, int code)
{
	struct plugin *p = w->p;
	struct im_str payload = {ed->payload, ed->payloadlen};

	if (w->t.kind == IM_TOPIC_RPC)
		refusal_rpc(p, w->e,
			&(struct refusal_rpc){.method = w->t.id,
				.payload = payload,
				.code = code,
				.why = im_buf_view(&p->why)});
	else if (w->t.kind != IM_TOPIC_LINK)
		refusal_send(p, w->e->user,
			&(struct refusal){.topic = &w->t,
				.payload = payload,
				.code = code,
				.why = im_buf_view(&p->why)});
}

static bool is_send(enum im_topic_kind kind)
{
	return kind >= IM_TOPIC_SEND_USER && kind <= IM_TOPIC_SIGNAL_GROUP;
}

/* A will is captured now and then denied: the broker's own copy would reach nobody, but be retained
 * where nobody can delete it. */
static int write_will(struct write *w, const struct mosquitto_evt_acl_check *ed)
{
	w->e->will_done = true;
	if (is_send(w->t.kind) && check_write(w) == IM_OK)
		capture_will(w->p, w->e, &w->t, (struct im_str){ed->payload, ed->payloadlen});
	return MOSQ_ERR_ACL_DENIED;
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
		(w->t.kind != IM_TOPIC_SEND_USER && w->t.kind != IM_TOPIC_SEND_GROUP))
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

	w->now_ms = clock_wall_ms(&p->clock);
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
		refuse(w, ed, code);
		if (!is_quota(w, ed, code))
			return deny(p);
		p->stats.refused++;
		p->grant = (struct grant){.client = ed->client, .text = ed->topic, .quota = true};
		return MOSQ_ERR_SUCCESS;
	}
	if (is_send(w->t.kind))
		capture_note(
			p, w->e, &w->t, (struct im_str){ed->payload, ed->payloadlen}, w->now_ms);
	p->grant = (struct grant){
		.client = ed->client,
		.topic = w->t,
		.text = ed->topic,
		.session = w->e,
		.now_ms = w->now_ms,
		.now_us = w->now_us,
	};
	return MOSQ_ERR_SUCCESS;
}

/* Ordinary MQTT traffic and its wills. e: of whoever has written, if he may come here at all. */
static int write_other(
	struct plugin *p, struct session *e, const struct mosquitto_evt_acl_check *ed)
{
	if (e && clients_is_will(p->clients, e))
		e->will_done = true;
	if (!e || !account_open(p, e->user) ||
		!policy_allowed(&p->opt.allow_topic, session_uid(e), im_str(ed->topic)))
		return deny(p);
	e->spoke = true;
	p->grant = (struct grant){.client = ed->client, .text = ed->topic};
	return MOSQ_ERR_SUCCESS;
}

/* May the author of a retained message still write there? The broker has made up the client, and
 * gives it a name and nothing else. */
static int write_author(
	struct plugin *p, struct im_str uid, const struct mosquitto_evt_acl_check *ed)
{
	return im_uid_valid(uid) && account_open_name(p, uid) &&
			       policy_allowed(&p->opt.allow_topic, uid, im_str(ed->topic))
		       ? MOSQ_ERR_SUCCESS
		       : deny(p);
}

int acl_write(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	struct write w = {.p = p};
	struct session *e;

	p->grant = (struct grant){0};
	im_topic_parse(p->prefix, im_str(ed->topic), &w.t);
	if (link_is(p, ed->client)) {
		if (strcmp(ed->topic, IM_TOPIC_DOWN) != 0)
			return deny(p);
		p->grant = (struct grant){.client = ed->client, .topic = w.t, .text = ed->topic};
		return MOSQ_ERR_SUCCESS;
	}
	/* The will of a session that has ended is looked for first: its client is not alive. */
	e = identity_known(p, ed->client);
	w.e = e && clients_is_will(p->clients, e) ? e : NULL;
	if (w.e && !account_own(p, w.e))
		return deny(p);
	if (!w.e && e && ending_closes(e, ed->qos)) {
		p->stats.closed++;
		return MOSQ_ERR_CONN_LOST;
	}
	if (!w.e && !mosquitto_client_address(ed->client) && w.t.kind == IM_TOPIC_OTHER)
		return write_author(p, im_str(mosquitto_client_username(ed->client)), ed);
	if (!w.e)
		w.e = !e && identity_is_gone(p, ed->client)
			      ? identity_gone(p, ed->client)
			      : identity_session_of(p, ed->client, e, IDENTITY_WROTE);
	if (w.t.kind == IM_TOPIC_OTHER)
		return write_other(p, w.e, ed);
	return w.e ? write_session(&w, ed) : deny(p);
}

/* ---- reading ---- */

static bool may_see(struct plugin *p, struct im_str viewer, struct im_str uid)
{
	struct im_may_presence f = {.policy = (enum im_presence_policy)p->opt.presence_policy};
	struct lookup_user u, v = {0};
	struct lookup_relation rel = {0};

	f.self = im_str_eq(viewer, uid);
	if (!f.self) {
		f.viewer = yes(p, lookup_user(p->lookup, viewer, &v)) && !v.disabled;
		f.exists = f.viewer && yes(p, lookup_user(p->lookup, uid, &u)) &&
			   yes(p, lookup_relation(p->lookup, &u, &v, &rel));
	}
	if (f.exists) {
		f.admin = v.role == IM_ROLE_ADMIN;
		f.blocked = rel.blocked;
		f.contact = rel.contact;
	}
	return im_may_presence(&f);
}

static bool in_room(struct plugin *p, struct im_str uid, struct im_str gid)
{
	struct lookup_user u;
	struct lookup_group g;
	struct lookup_member m;

	return yes(p, lookup_user(p->lookup, uid, &u)) && !u.disabled &&
	       yes(p, lookup_group(p->lookup, gid, &g)) &&
	       yes(p, lookup_member(p->lookup, &g, uid, &u, &m));
}

bool acl_may_read(
	struct plugin *p, struct im_str uid, const struct im_topic *t, struct im_str filter)
{
	switch (t->kind) {
	case IM_TOPIC_INBOX:
		return im_str_eq(t->id, uid);
	case IM_TOPIC_ROOM:
		return in_room(p, uid, t->id);
	case IM_TOPIC_PRESENCE:
		return may_see(p, uid, t->id);
	case IM_TOPIC_CTRL_RESPONSE:
		return account_is_admin(p, uid);
	case IM_TOPIC_OTHER:
		return policy_allowed(&p->opt.allow_topic, uid, filter);
	default:
		return false;
	}
}

/* Takes text from the front. */
static bool takes(struct im_str *in, struct im_str text)
{
	if (in->n < text.n || memcmp(in->p, text.p, text.n) != 0)
		return false;
	*in = (struct im_str){in->p + text.n, in->n - text.n};
	return true;
}

/* Whether the device's name, a JSON string, comes next. */
static bool names(struct plugin *p, struct im_str rest, const struct mosquitto *client)
{
	im_buf_reset(&p->text);
	im_jsonw_str(&p->text, im_str(mosquitto_client_id(client)));
	return !p->text.failed && takes(&rest, im_buf_view(&p->text));
}

/* An event about one of the user's devices: the action first. */
static bool is_of_device(struct plugin *p, struct im_str payload, const struct mosquitto *client)
{
	struct im_str rest = payload;
	const char *comma;

	if (!takes(&rest, IM_STR(IM_DEVICE_BEGIN)))
		return false;
	comma = memchr(rest.p, ',', rest.n);
	if (!comma)
		return false;
	rest = (struct im_str){comma, rest.n - (size_t)(comma - rest.p)};
	return takes(&rest, IM_STR(",\"device\":")) && names(p, rest, client);
}

/* What is for one device alone: queued for all of a user's others it would fill them, and say
 * nothing to them. */
enum event { EVENT_ANY, EVENT_HELLO, EVENT_OTHERS, EVENT_LAST };

/* A device that is told to go hears that, and what else is said of itself, and nothing more. */
static enum event event_for(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	const struct im_str payload = {ed->payload, ed->payloadlen};
	const struct session *e;
	struct im_str rest = payload;
	bool last, own;

	if (takes(&rest, IM_STR(IM_HELLO_BEGIN)) && rest.n)
		return names(p, rest, ed->client) ? EVENT_HELLO : EVENT_OTHERS;
	last = takes(&rest, IM_STR(IM_END_BEGIN));
	own = last ? names(p, rest, ed->client) : is_of_device(p, payload, ed->client);
	e = own ? identity_known(p, ed->client) : NULL;
	if (e && e->state != SESSION_OFFLINE && session_ending(e))
		return EVENT_LAST;
	return last ? EVENT_OTHERS : EVENT_ANY;
}

/* A hello is for the connection that has asked: what has waited for the next one would say
 * something of an earlier time. */
static bool is_greeted(struct plugin *p, const struct mosquitto *client)
{
	struct session *e = clients_find(p->clients, client);

	if (!e || e->state == SESSION_OFFLINE || !e->greeted)
		return false;
	e->heard = true;
	return true;
}

int acl_read(struct plugin *p, const struct mosquitto_evt_acl_check *ed)
{
	struct im_str uid = im_str(mosquitto_client_username(ed->client));
	struct im_str topic = im_str(ed->topic);
	enum event event = EVENT_ANY;
	struct im_topic t;

	if (uid.n == 0)
		return MOSQ_ERR_ACL_DENIED;
	im_topic_parse(p->prefix, topic, &t);
	if (t.kind == IM_TOPIC_LINK)
		return strcmp(ed->topic, IM_TOPIC_UP) == 0 && link_is(p, ed->client)
			       ? MOSQ_ERR_SUCCESS
			       : MOSQ_ERR_ACL_DENIED;
	if (t.kind == IM_TOPIC_INBOX && im_str_eq(t.rest, IM_STR("event")) && im_str_eq(t.id, uid))
		event = event_for(p, ed);
	if (event == EVENT_LAST)
		return MOSQ_ERR_SUCCESS;
	if (event == EVENT_OTHERS || !identity_may_hear(p, ed->client, uid) ||
		(event == EVENT_HELLO && !is_greeted(p, ed->client)))
		return MOSQ_ERR_ACL_DENIED;
	/* A deleted user's presence ends with an empty message. Nobody could be told by a user's
	 * rights who is not there any more: who was let in to watch hears it. */
	if (t.kind == IM_TOPIC_PRESENCE && ed->payloadlen == 0)
		return MOSQ_ERR_SUCCESS;
	return acl_may_read(p, uid, &t, topic) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}
