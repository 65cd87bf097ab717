/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACL_CHECK of deliveries. Called by hooks.c. Decided from the username and the client id alone:
 * the client may be a struct that the broker has made up for the question. Who may hear what is
 * rights.c's; what is added here is what is for one of a user's devices alone.
 */
#include "plugin/acl.h"

#include "common/jsonw.h"
#include "common/wire.h"
#include "plugin/identity.h"
#include "plugin/inbox.h"
#include "plugin/link.h"
#include "plugin/rights.h"

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
	struct right r = {.uid = uid,
		.device = im_str(mosquitto_client_id(ed->client)),
		.text = im_str(ed->topic)};
	const struct im_topic *t = &r.t;
	enum event event = EVENT_ANY;

	if (uid.n == 0)
		return MOSQ_ERR_ACL_DENIED;
	im_topic_parse(p->prefix, r.text, &r.t);
	if (t->kind == IM_TOPIC_LINK)
		return strcmp(ed->topic, IM_TOPIC_UP) == 0 && link_is(p, ed->client)
			       ? MOSQ_ERR_SUCCESS
			       : MOSQ_ERR_ACL_DENIED;
	if (t->kind == IM_TOPIC_INBOX && inbox_is_event(t->rest) && im_str_eq(t->id, uid))
		event = event_for(p, ed);
	if (event == EVENT_LAST)
		return MOSQ_ERR_SUCCESS;
	if (event == EVENT_OTHERS || !identity_may_hear(p, ed->client, uid) ||
		(event == EVENT_HELLO && !is_greeted(p, ed->client)))
		return MOSQ_ERR_ACL_DENIED;
	/* A deleted user's presence ends with an empty message. Nobody could be told by a user's
	 * rights who is not there any more: who was let in to watch hears it. */
	if (t->kind == IM_TOPIC_PRESENCE && ed->payloadlen == 0)
		return MOSQ_ERR_SUCCESS;
	return rights_read(p, &r) ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}
