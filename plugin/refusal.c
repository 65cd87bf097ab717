/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Builds and publishes refusals, and the results of what is carried out here. Called by acl.c and
 * capture.c, which have decided. Never part of the way of an accepted message.
 */
#include "plugin/refusal.h"

#include "common/envelope.h"
#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/limits.h"
#include "common/utf8.h"
#include "common/wire.h"
#include "plugin/inbox.h"
#include "plugin/publish.h"
#include "plugin/quota.h"

static void tell(struct plugin *p, const char *topic, mosquitto_property *props)
{
	const struct publish to = {.topic = topic, .qos = 1, .props = props};

	if (!topic || p->text.failed) {
		mosquitto_property_free_all(&props);
		return;
	}
	if (publish_copy(&to, im_buf_view(&p->text)))
		p->stats.publish_failed++;
}

static void conv_of(const struct im_topic *t, char out[IM_CONV_MAX], struct im_str *conv)
{
	bool user = t->kind == IM_TOPIC_SEND_USER || t->kind == IM_TOPIC_SIGNAL_USER;
	bool group = t->kind == IM_TOPIC_SEND_GROUP || t->kind == IM_TOPIC_SIGNAL_GROUP;

	*conv = (struct im_str){NULL, 0};
	if ((!user && !group) || t->id.n > IM_CONV_MAX - 2)
		return;
	out[0] = user ? 'u' : 'g';
	out[1] = '/';
	memcpy(out + 2, t->id.p, t->id.n);
	*conv = (struct im_str){out, t->id.n + 2};
}

void refusal_send(struct plugin *p, struct session *e, const struct refusal *r)
{
	struct im_str id = r->id;
	struct im_str conv;
	char conv_text[IM_CONV_MAX];
	struct im_buf scratch;

	if (!quota_refusal(p, e))
		return;
	im_buf_init(&scratch, 0);
	if (!id.n && r->payload.n <= IM_PAYLOAD_HARD_MAX)
		id = im_envelope_id(r->payload, &scratch);
	/* An id that is none cannot be named. */
	if (!im_msgid_valid(id))
		id.n = 0;
	conv_of(r->topic, conv_text, &conv);
	im_buf_reset(&p->text);
	im_buf_c(&p->text, '[');
	im_wire_refusal(&p->text, id, conv, r->code, r->why);
	im_buf_c(&p->text, ']');
	im_buf_free(&scratch);
	tell(p, inbox_of_session(p, e, IM_STR("ack")), NULL);
}

void refusal_device(struct plugin *p, struct session *e, const char *action, struct im_str device,
	struct im_str by)
{
	if (!quota_refusal(p, e))
		return;
	im_buf_reset(&p->text);
	im_wire_device(&p->text, action, device, by);
	tell(p, inbox_of_session(p, e, IM_STR("event")), NULL);
}

/* The `id` of a JSON-RPC request object, as it stands; null when there is none. */
static struct im_str request_id(const struct refusal_rpc *r)
{
	struct im_str key, found = IM_STR("null");
	struct im_json v, m;
	struct im_json_iter it;

	if (r->method.n || r->payload.n > IM_PAYLOAD_DEFAULT || im_json_parse_any(r->payload, &v) ||
		v.type != IM_JSON_OBJECT)
		return found;
	im_json_iter_any(&v, &it);
	while (im_json_next(&it, &key, &m)) {
		if (im_str_eqz(key, "id") && m.raw.n <= IM_CORRELATION_MAX &&
			(m.type == IM_JSON_STRING || m.type == IM_JSON_NUMBER) &&
			!im_json_fault(m.raw))
			found = m.raw;
	}
	return found;
}

static void begin_reply(struct plugin *p, const struct refusal_rpc *r)
{
	im_buf_reset(&p->text);
	im_buf_z(&p->text, "{\"jsonrpc\":\"2.0\",\"id\":");
	im_buf_str(&p->text, request_id(r));
}

static void send_reply(struct plugin *p, const struct session *e, const struct refusal_rpc *r)
{
	const char *topic;

	im_buf_c(&p->text, '}');
	if (r->reply_to.n) {
		im_buf_reset(&p->topic);
		im_buf_str(&p->topic, r->reply_to);
		im_buf_c(&p->topic, '\0');
		topic = p->topic.failed ? NULL : p->topic.p;
	} else {
		topic = inbox_reply(p, session_uid(e), session_device(e));
	}
	tell(p, topic, e->v5 ? props_reply(r->corr) : NULL);
}

void refusal_rpc(struct plugin *p, struct session *e, const struct refusal_rpc *r)
{
	if (!quota_refusal(p, e))
		return;
	begin_reply(p, r);
	im_buf_z(&p->text, ",\"error\":");
	if (r->code == IM_E_BUSY)
		im_wire_error_retry(&p->text, r->code, r->why, IM_RETRY_QUEUE_MS);
	else
		im_wire_error(&p->text, r->code, r->why);
	send_reply(p, e, r);
}

void refusal_result(struct plugin *p, const struct session *e, const struct refusal_rpc *r,
	struct im_str result)
{
	begin_reply(p, r);
	im_buf_z(&p->text, ",\"result\":");
	im_buf_str(&p->text, result);
	send_reply(p, e, r);
}
