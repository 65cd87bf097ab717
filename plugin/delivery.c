/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes publishes of the bridge's records, with what only the plugin knows: who has which sessions,
 * the numbers of deliveries, and for how long a copy may still live. Called by downlink.c for each
 * such record.
 */
#include "plugin/delivery.h"

#include <string.h>

#include "common/ids.h"
#include "common/limits.h"
#include "common/msgprops.h"
#include "common/topic.h"
#include "plugin/inbox.h"
#include "plugin/publish.h"
#include "plugin/unchanged.h"

#define CONV_START "{\"conv\":\""

static bool plain_topic(struct im_str s)
{
	return s.n > 0 && s.n <= IM_TOPIC_MAX && !memchr(s.p, '+', s.n) && !memchr(s.p, '#', s.n) &&
	       !memchr(s.p, '\0', s.n);
}

static void count_publish(struct plugin *p, int ret, uint64_t *counter)
{
	if (ret)
		p->stats.publish_failed++;
	else
		++*counter;
}

/* What all copies of a message share. */
struct shared {
	const struct im_down_rec *r;
	struct im_props props;
	uint32_t expiry_s; /* 0: it does not end */
};

/* False: it has ended on the way here. Whoever misses its seq pulls it and is told so. */
static bool share(struct plugin *p, const struct im_down_rec *r, struct shared *out)
{
	int64_t now_ms = r->epoch ? clock_wall_ms(&p->clock) : 0;
	uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 0, left;

	*out = (struct shared){.r = r};
	/* A bridge of the version before has the message's type there. */
	if (im_props_read(r->corr, &out->props))
		out->props = (struct im_props){0};
	if (!r->epoch)
		return true;
	if (r->epoch <= now)
		return false;
	/* The broker counts whole seconds of the clock and keeps a copy through the last of them;
	 * 0 would mean for ever. */
	left = r->epoch / 1000 - now / 1000;
	out->expiry_s = left > UINT32_MAX ? UINT32_MAX : left ? (uint32_t)left : 1;
	return true;
}

static mosquitto_property *properties(const struct shared *s, struct im_str conv, bool v5)
{
	const struct props_delivery d = {conv, s->r->user, s->r->id, s->r->recno, &s->props};
	mosquitto_property *list = v5 ? props_message(&d) : NULL;

	if (s->expiry_s)
		props_expiry(&list, s->expiry_s);
	return list;
}

/* A sender with one device learns the seq from the ack. So does one of a device account, whose
 * others would each get a copy of what each of them says. */
static bool spares_sender(
	struct plugin *p, const struct session_user *u, const struct im_down_rec *r)
{
	struct lookup_user d;

	if (u && u->role != IM_ROLE_DEVICE)
		return r->id.n && r->device.n && clients_alone(u, r->device);
	return u || (lookup_user(p->lookup, r->user, &d) == IM_OK && d.role == IM_ROLE_DEVICE);
}

/* NULL: it is not here, or not this user's. */
static struct session *device_of(
	struct plugin *p, const struct session_user *u, struct im_str device)
{
	struct session *e = u ? clients_device(p->clients, device) : NULL;

	return e && e->user == u ? e : NULL;
}

static void deliver(struct plugin *p, const struct shared *s, const struct im_recipient *to)
{
	const struct im_down_rec *r = s->r;
	struct im_str conv = to->conv.n ? to->conv : r->topic;
	struct session_user *u = clients_user(p->clients, to->uid);
	struct publish pub = {.qos = 1};
	char step[STEP_TEXT_MAX];
	size_t n = sizeof(CONV_START) - 1 + conv.n + 1 + r->payload.n, more;
	char *payload, *at;

	if (im_str_eq(to->uid, r->user) && spares_sender(p, u, r)) {
		p->stats.self_copies++;
		return;
	}
	if (r->type == IM_DOWN_DEVICE) {
		more = step_count_own(&p->step, device_of(p, u, r->topic), step);
		pub.topic = inbox_of_device(p, to->uid, r->topic, conv);
	} else {
		more = step_count(&p->step, u, step);
		pub.topic = publish_inbox(&p->topic, p->prefix, to->uid, conv);
	}
	n += more;
	payload = pub.topic ? publish_alloc(n) : NULL;
	if (payload) {
		at = mempcpy(payload, CONV_START, sizeof(CONV_START) - 1);
		at = mempcpy(at, conv.p, conv.n);
		*at++ = '"';
		at = mempcpy(at, step, more);
		memcpy(at, r->payload.p, r->payload.n);
		pub.props = properties(s, conv, u && u->v5);
	}
	count_publish(p, publish_take(&pub, payload, n), &p->stats.delivered);
}

/* Its place is all that `sync` shows of it, but that is missing. */
static void expired(struct plugin *p, const struct im_down_rec *r, struct im_str uid)
{
	struct session_user *u = clients_user(p->clients, uid);
	char step[STEP_TEXT_MAX];

	p->stats.expired++;
	if (r->type == IM_DOWN_DEVICE)
		(void)step_count_own(&p->step, device_of(p, u, r->topic), step);
	else
		(void)step_count(&p->step, u, step);
}

int delivery_message(struct plugin *p, const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct im_recipient to;
	enum im_conv_kind kind;
	struct im_str peer;
	struct shared s;
	bool live = share(p, r, &s);
	uint32_t i;

	if (r->type == IM_DOWN_DEVICE && !im_device_valid(r->topic))
		return IM_E_FORMAT;
	for (i = 0; i < r->recipients; i++) {
		if (im_recipient_read(&in, &to) || !im_uid_valid(to.uid) ||
			(r->type == IM_DOWN_DEVICE && !to.conv.n) ||
			!im_conv_parse(to.conv.n ? to.conv : r->topic, &kind, &peer))
			return IM_E_FORMAT;
		if (live)
			deliver(p, &s, &to);
		else
			expired(p, r, to.uid);
	}
	return r->payload.n ? IM_OK : IM_E_FORMAT;
}

/* The payload for one of them. */
static struct im_str inbox_payload(struct plugin *p, const struct im_down_rec *r, struct im_str uid)
{
	char step[STEP_TEXT_MAX];
	size_t n;

	if (r->device.n) {
		struct session *e = clients_device(p->clients, r->device);

		if (e && !im_str_eq(session_uid(e), uid))
			e = NULL;
		if (e && e->ask && e->ask != r->recno)
			return (struct im_str){NULL, 0}; /* its own is still to come */
		step_hello(&p->step, e, r->recno, r->payload, &p->text);
		return im_buf_view(&p->text);
	}
	if (!(r->flags & IM_DOWNF_KEPT) || !r->payload.n)
		return r->payload;
	n = step_count(&p->step, clients_user(p->clients, uid), step);
	if (!n)
		return r->payload;
	/* Before the members that are there: the comma goes behind. */
	im_buf_reset(&p->text);
	im_buf_c(&p->text, r->payload.p[0]);
	im_buf_put(&p->text, step + 1, n - 1);
	im_buf_c(&p->text, ',');
	im_buf_put(&p->text, r->payload.p + 1, r->payload.n - 1);
	return im_buf_view(&p->text);
}

static void deliver_inbox(struct plugin *p, const struct im_down_rec *r, struct im_str uid)
{
	/* A greeting is not to be lost because the queue of the session is full, and says nothing
	 * to the next connection. */
	struct publish pub = {.qos = r->flags & IM_DOWNF_QOS1 && !r->device.n ? 1 : 0};
	struct im_str payload;

	/* What goes to nobody is no delivery that could be missing. */
	pub.topic = inbox_of_record(p, r, uid);
	if (!pub.topic)
		return;
	payload = inbox_payload(p, r, uid);
	if ((payload.n || !r->payload.n))
		count_publish(p, publish_copy(&pub, payload), &p->stats.delivered);
}

int delivery_inbox(struct plugin *p, const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct im_recipient to;
	uint32_t i;

	if (!plain_topic(r->topic))
		return IM_E_FORMAT;
	for (i = 0; i < r->recipients; i++) {
		if (im_recipient_read(&in, &to) || !im_uid_valid(to.uid))
			return IM_E_FORMAT;
		deliver_inbox(p, r, to.uid);
	}
	return IM_OK;
}

/* The conversation of a room's topic, which stands in p->topic; in `text`, which holds it. */
static struct im_str room_conv(const struct plugin *p, char text[IM_CONV_MAX])
{
	struct im_topic t;

	im_topic_parse(p->prefix, im_str(p->topic.p), &t);
	if (t.kind != IM_TOPIC_ROOM || t.id.n > IM_CONV_MAX - 2)
		return (struct im_str){NULL, 0};
	memcpy(text, "g/", 2);
	memcpy(text + 2, t.id.p, t.id.n);
	return (struct im_str){text, 2 + t.id.n};
}

/* Subscribers hear of what is retained when it is another one than the last. */
static void publish_retained(
	struct plugin *p, const struct publish *pub, const struct im_down_rec *r)
{
	int ret;

	if (unchanged_is(p->unchanged, r->topic, r->payload))
		return;
	ret = publish_copy(pub, r->payload);
	unchanged_note(p->unchanged, r->topic, r->payload, ret == IM_OK);
	count_publish(p, ret, &p->stats.delivered);
}

int delivery_topic(struct plugin *p, const struct im_down_rec *r)
{
	struct publish pub = {
		.qos = r->flags & IM_DOWNF_QOS1 ? 1 : 0,
		.retain = r->flags & IM_DOWNF_RETAIN,
	};
	char conv[IM_CONV_MAX];
	struct shared s;

	if (!plain_topic(r->topic))
		return IM_E_FORMAT;
	im_buf_reset(&p->topic);
	im_buf_str(&p->topic, p->prefix);
	im_buf_c(&p->topic, '/');
	im_buf_str(&p->topic, r->topic);
	im_buf_c(&p->topic, '\0');
	if (p->topic.failed)
		return IM_OK;
	if (!share(p, r, &s)) {
		p->stats.expired++;
		return IM_OK;
	}
	pub.topic = p->topic.p;
	if (pub.retain) {
		publish_retained(p, &pub, r);
		return IM_OK;
	}
	if (r->user.n)
		pub.props = properties(&s, room_conv(p, conv), true);
	count_publish(p, publish_copy(&pub, r->payload), &p->stats.delivered);
	return IM_OK;
}

int delivery_reply(struct plugin *p, const struct im_down_rec *r)
{
	const struct session *e = clients_device(p->clients, r->device);
	struct publish pub = {.qos = 1};
	struct im_topic t;

	if (r->topic.n) {
		im_topic_parse(p->prefix, r->topic, &t);
		if (t.kind != IM_TOPIC_INBOX || !plain_topic(r->topic))
			return IM_E_FORMAT;
		im_buf_reset(&p->topic);
		im_buf_str(&p->topic, r->topic);
		im_buf_c(&p->topic, '\0');
		pub.topic = p->topic.failed ? NULL : p->topic.p;
	} else {
		if (!im_uid_valid(r->user) || !im_device_valid(r->device))
			return IM_E_FORMAT;
		pub.topic = inbox_reply(p, r->user, r->device);
	}
	if (!pub.topic)
		return IM_OK;
	if (r->corr.n || (e && e->v5))
		pub.props = props_reply(r->corr);
	count_publish(p, publish_copy(&pub, r->payload), &p->stats.replies);
	return IM_OK;
}

int delivery_control(struct plugin *p, const struct im_down_rec *r)
{
	const struct session *e = clients_device(p->clients, r->device);
	struct publish pub = {.topic = IM_TOPIC_CONTROL_RESPONSE, .qos = 1};

	/* To a client that is not there the broker would keep it for ever. */
	if (!e || e->state == SESSION_OFFLINE)
		return IM_OK;
	pub.client = e->device;
	count_publish(p, publish_copy(&pub, r->payload), &p->stats.replies);
	return IM_OK;
}
