/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the devices' state. What they know comes over MQTT only. */
#include "tests/flow/flow_device.h"

#include <stdio.h>

#include "tests/flow/flow_app.h"

/* A request that was not answered for so long is made again. */
#define PATIENCE_MS 3000

struct flow_device *flow_device(struct flow *f, const char *user, const char *name)
{
	struct flow_device *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	assert_true(f->n_devices < FLOW_DEVICES_MAX);
	f->devices[f->n_devices++] = d;
	d->f = f;
	d->at = flow_broker(f);
	snprintf(d->user, sizeof(d->user), "%s", user);
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->sent_end = &d->sent;
	d->acks = true;
	strcpy(d->cursor, "0");
	d->state = json_object();
	return d;
}

/* -- what it has -- */

struct flow_conv *flow_conv(struct flow_device *d, const char *name)
{
	struct flow_conv *c;

	for (c = d->convs; c; c = c->next) {
		if (strcmp(c->name, name) == 0)
			return c;
	}
	c = calloc(1, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->next = d->convs;
	d->convs = c;
	return c;
}

const char *flow_has(struct flow_device *d, const char *conv, uint64_t seq)
{
	struct flow_conv *c = flow_conv(d, conv);

	return seq >= 1 && seq <= c->n ? c->messages[seq - 1] : NULL;
}

struct flow_sent *flow_sent(struct flow_device *d, const char *id)
{
	struct flow_sent *s;

	for (s = d->sent; s && strcmp(s->id, id) != 0; s = s->next)
		;
	return s;
}

/* The next message of a conversation, or the next one that its user may see. */
static void keep_message(struct flow_device *d, struct flow_conv *c, json_t *m, uint64_t seq)
{
	c->messages = realloc(c->messages, seq * sizeof(*c->messages));
	while (c->n + 1 < seq)
		c->messages[c->n++] = NULL;
	c->messages[c->n++] = flow_app_text(m);
	if (d->app)
		flow_app_message(d, c, m);
}

static void must_pull(struct flow_conv *c, uint64_t seq)
{
	c->pulling = true;
	if (seq > c->known)
		c->known = seq;
}

/* told: what lies between is not there to be seen. */
static void take_message(struct flow_device *d, json_t *m, bool told)
{
	struct flow_conv *c = flow_conv(d, json_string_value(json_object_get(m, "conv")));
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(m, "seq"));
	char *text;

	assert_true(seq > 0);
	/* What was under way when the user went; a page of history has it by right. */
	if (flow_app_cursor(m) <= c->left_at && !told)
		return;
	if (seq > c->n + 1 && !told && d->f->sabotage != FLOW_BLIND) {
		must_pull(c, seq);
	} else if (seq > c->n) {
		keep_message(d, c, m, seq);
	} else if (!d->app) {
		/* A repeat says the same, where nobody edits. */
		text = flow_app_text(m);
		assert_string_equal(c->messages[seq - 1], text);
		free(text);
	}
}

/* -- what it asks -- */

static void ask(struct flow_device *d, const char *id, const char *method, const char *params)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	im_buf_printf(&b, "{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"method\":\"%s\",\"params\":%s}", id,
		method, params);
	im_buf_c(&b, '\0');
	(void)flow_publish(d, "im/rpc", b.p);
	im_buf_free(&b);
}

void flow_ask(struct flow_device *d, const char *method, const char *params)
{
	ask(d, "none", method, params);
}

static void ack_cursor(struct flow_device *d)
{
	char params[64];

	snprintf(params, sizeof(params), "{\"cursor\":\"%s\"}", d->cursor);
	flow_ask(d, "device.ack", params);
}

/* Without waiting, which is the hardest: whatever is still to come would have come by then. */
static void ack_safe(struct flow_device *d)
{
	uint64_t safe = flow_step_safe(&d->step, strtoull(d->cursor, NULL, 10));

	if (!safe || d->behind || d->syncing || !d->acks)
		return;
	snprintf(d->cursor, sizeof(d->cursor), "%llu", (unsigned long long)safe);
	(void)flow_publish(d, "im/ack", d->cursor);
}

/* -- what comes -- */

static void take_acks(struct flow_device *d, json_t *acks)
{
	size_t i;
	json_t *a;

	assert_true(json_is_array(acks));
	json_array_foreach(acks, i, a)
	{
		const char *id = json_string_value(json_object_get(a, "id"));
		const char *conv = json_string_value(json_object_get(a, "conv"));
		struct flow_sent *s = id ? flow_sent(d, id) : NULL;
		uint64_t seq = (uint64_t)json_integer_value(json_object_get(a, "seq"));

		if (!s) /* of another device of this user */
			continue;
		if (json_object_get(a, "error")) {
			s->refused = true;
			continue;
		}
		assert_true(seq > 0);
		/* Acks of one id always agree. */
		assert_true(!s->acked || s->seq == seq);
		s->acked = true;
		s->seq = seq;
		/* A user's only device gets no copy of what it has sent itself. */
		if (seq > flow_conv(d, conv)->n)
			must_pull(flow_conv(d, conv), seq);
	}
}

static void take_event(struct flow_device *d, json_t *e)
{
	const char *kind = json_string_value(json_object_get(e, "event"));
	const char *device = json_string_value(json_object_get(e, "device"));

	assert_non_null(kind);
	if (strcmp(kind, "hello") != 0 &&
		flow_step_delivery(&d->step, e, d->f->sabotage == FLOW_HASTY))
		d->behind = true;
	free(d->last_event);
	d->last_event = json_dumps(e, JSON_COMPACT);
	if (strcmp(kind, "session") == 0 && !d->end)
		d->end = strdup(d->last_event);
	d->events++;
	if (d->app)
		flow_app_event(d, e);
	if (strcmp(kind, "hello") == 0 && device && strcmp(device, d->name) == 0) {
		d->hellos++;
		if (flow_step_hello(&d->step, e) && d->f->sabotage != FLOW_DEAF)
			d->behind = true;
		if (d->thing) {
			json_object_set(e, "n", json_object_get(e, "device_n"));
			d->behind |= flow_step_hello(&d->own, e);
		}
		/* What is safe says nothing of rooms. */
		if (d->room_conv)
			flow_conv(d, d->room_conv)->pulling = true;
	}
}

static void take_sync(struct flow_device *d, json_t *result)
{
	json_t *list = json_object_get(result, "events"), *one;
	size_t i;

	json_array_foreach(list, i, one) take_event(d, one);
	list = json_object_get(result, "messages");
	json_array_foreach(list, i, one) take_message(d, one, false);
	snprintf(d->cursor, sizeof(d->cursor), "%s",
		json_string_value(json_object_get(result, "cursor")));
	d->syncing = false;
	/* There may be another reason to sync since it was asked for. */
	if (json_is_true(json_object_get(result, "more")))
		d->behind = true;
	else if (!d->behind)
		flow_step_synced(&d->step);
	if (d->app && !d->behind)
		ack_cursor(d);
}

/* id: "pull:{after}:{conv}" */
static void take_pull(struct flow_device *d, const char *id, json_t *result)
{
	struct flow_conv *c = flow_conv(d, strchr(id + 5, ':') + 1);
	json_t *messages = json_object_get(result, "messages"), *m;
	size_t i;

	/* It may have ended or begun anew meanwhile. */
	if (!c->pulling || strtoull(id + 5, NULL, 10) != c->n)
		return;
	/* The answer may be from before what has become known since. */
	c->pulling = json_is_true(json_object_get(result, "more")) || c->known > c->asked_for;
	json_array_foreach(messages, i, m) take_message(d, m, true);
}

static void take_reply(struct flow_device *d, json_t *r, const char *text)
{
	const char *id = json_string_value(json_object_get(r, "id"));
	json_t *result = json_object_get(r, "result");
	json_int_t code = json_integer_value(json_object_get(json_object_get(r, "error"), "code"));

	if (id && strcmp(id, "none") == 0)
		return;
	if (!id || strcmp(id, "test") == 0) {
		free(d->reply);
		d->reply = strdup(text);
		return;
	}
	/* Any other error (busy) is asked again after a while. */
	if (!result && code != IM_E_NOT_MEMBER && code != IM_E_UNKNOWN_GROUP)
		return;
	/* What has waited in its session answers what nobody asks any more. */
	if (strncmp(id, "sync:", 5) == 0 && ((unsigned)atoi(id + 5) != d->syncs || !d->syncing))
		return;
	d->asked_ms = 0;
	if (!result)
		flow_conv(d, strchr(id + 5, ':') + 1)->pulling = false;
	else if (strncmp(id, "sync:", 5) == 0)
		take_sync(d, result);
	else if (strncmp(id, "pull:", 5) == 0)
		take_pull(d, id, result);
}

static void count_delivery(struct flow_device *d, json_t *m)
{
	struct flow_conv *c = flow_conv(d, json_string_value(json_object_get(m, "conv")));
	uint64_t seq = (uint64_t)json_integer_value(json_object_get(m, "seq"));

	if (seq > c->n_delivered) {
		c->delivered = realloc(c->delivered, seq * sizeof(*c->delivered));
		memset(c->delivered + c->n_delivered, 0, seq - c->n_delivered);
		c->n_delivered = seq;
	}
	d->twice += c->delivered[seq - 1];
	c->delivered[seq - 1] = true;
}

static void take_delivery(struct flow_device *d, struct flow_step *step, json_t *m)
{
	count_delivery(d, m);
	if (step == &d->own) {
		json_object_set(m, "n", json_object_get(m, "device_n"));
		json_object_del(m, "device_n");
	}
	if (flow_step_delivery(step, m, d->f->sabotage == FLOW_HASTY))
		d->behind = true;
	take_message(d, m, false);
}

static bool has_no_room(const struct flow_device *d, const char *rest)
{
	return (rest[1] == '/' || strcmp(rest, "event") == 0) &&
	       flow_chance(d->f, d->at->lose_inbox);
}

/* What lies below the level of a thing, else NULL. */
static const char *below_own(const struct flow_device *d, const char *rest)
{
	size_t n = strlen(d->name);

	return d->thing && strncmp(rest, d->name, n) == 0 && rest[n] == '/' ? rest + n + 1 : NULL;
}

/* Where answers to its requests come. */
static bool is_reply(const struct flow_device *d, const char *rest, bool own)
{
	return d->thing ? own && strcmp(rest, "rpc") == 0
			: strncmp(rest, "rpc/", 4) == 0 && strcmp(rest + 4, d->name) == 0;
}

static void on_message(void *arg, const struct fake_message *m)
{
	struct flow_device *d = arg;
	char *text = strndup(m->payload.p ? m->payload.p : "", m->payload.n);
	const char *rest = m->topic, *own;
	json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
	char mine[64];

	snprintf(mine, sizeof(mine), "im/inbox/%s/", d->user);
	if (strncmp(rest, mine, strlen(mine)) == 0) {
		rest += strlen(mine);
		own = below_own(d, rest);
		rest = own ? own : rest;
		assert_non_null(v);
		if (has_no_room(d, rest))
			d->lost++;
		else if (rest[1] == '/')
			take_delivery(d, own ? &d->own : &d->step, v);
		else if (strcmp(rest, "ack") == 0)
			take_acks(d, v);
		else if (strcmp(rest, "event") == 0)
			take_event(d, v);
		else if (strncmp(rest, "signal/", 7) == 0)
			d->signals++;
		else if (is_reply(d, rest, own))
			take_reply(d, v, text);
	} else if (strncmp(rest, "im/room/", 8) == 0) {
		d->room++;
		take_message(d, v, false);
	} else if (strncmp(rest, "$CONTROL/", 9) == 0) {
		free(d->control);
		d->control = strdup(text);
	}
	json_decref(v);
	free(text);
}

/* -- what it does -- */

static bool listens(struct flow_device *d)
{
	static const char *const person[] = {"#", NULL};
	const char *const thing[] = {d->name, "u", "g", "signal", NULL};
	const char *const *level = d->thing ? thing : person;
	char filter[96];
	bool all = true;

	for (; *level && all; level++) {
		snprintf(filter, sizeof(filter), "im/inbox/%s/%s%s", d->user, *level,
			d->thing ? "/#" : "");
		all = fake_subscribe(d->c, filter);
	}
	return all;
}

bool flow_connect(struct flow_device *d)
{
	const struct fake_spec s = {.id = d->name,
		.user = d->user,
		.password = "pw",
		.version = d->v5 ? 5 : 4,
		.persistent = d->persistent};

	flow_enter(d->at);
	d->c = fake_connect(&s);
	if (!d->c)
		return false;
	free(d->end);
	d->end = NULL;
	fake_on_message(d->c, on_message, d);
	d->syncing = false;
	flow_step_connected(&d->step);
	flow_step_connected(&d->own);
	if (!listens(d)) {
		flow_disconnect(d, false);
		return false;
	}
	return true;
}

void flow_disconnect(struct flow_device *d, bool lost)
{
	flow_enter(d->at);
	if (d->c && fake_connected(d->c))
		fake_disconnect(d->c, lost);
	d->c = NULL;
}

void flow_abandon(struct flow_device *d)
{
	flow_enter(d->at);
	if (d->c)
		fake_on_message(d->c, NULL, NULL);
	d->c = NULL;
}

int flow_publish(struct flow_device *d, const char *topic, const char *payload)
{
	int result;

	flow_enter(d->at);
	if (!d->c || !fake_connected(d->c)) {
		d->c = NULL;
		return FAKE_CLOSED;
	}
	result = fake_publish(d->c, topic, im_str(payload), 1, false, NULL);
	if (result == FAKE_CLOSED)
		d->c = NULL;
	return result;
}

void flow_command(struct flow_device *d, const char *json)
{
	char text[256];

	free(d->control);
	d->control = NULL;
	snprintf(text, sizeof(text), "{\"commands\":[%s]}", json);
	assert_int_equal(flow_publish(d, "$CONTROL/im/v1", text), FAKE_ACCEPTED);
	flow_settle(d->f);
	assert_non_null(d->control);
	if (strstr(d->control, "error"))
		fail_msg("%s", d->control);
}

static bool publish_sent(struct flow_device *d, struct flow_sent *s)
{
	char topic[128], payload[256];
	int result;

	snprintf(topic, sizeof(topic), "im/%s", s->conv);
	if (s->id[0])
		snprintf(payload, sizeof(payload), "{\"id\":\"%s\",\"body\":\"%s\"}", s->id,
			s->body);
	else
		snprintf(payload, sizeof(payload), "%s", s->body);
	result = flow_publish(d, topic, payload);
	s->published++;
	if (result == FAKE_ACCEPTED)
		s->accepted = true;
	else if (result == FAKE_DENIED)
		s->refused = true;
	return s->accepted;
}

bool flow_send(struct flow_device *d, const char *conv, const char *id, const char *body)
{
	struct flow_sent *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->conv, sizeof(s->conv), "%s", conv);
	snprintf(s->id, sizeof(s->id), "%s", id ? id : "");
	snprintf(s->body, sizeof(s->body), "%s", body);
	*d->sent_end = s;
	d->sent_end = &s->next;
	return publish_sent(d, s);
}

static bool unanswered(const struct flow_sent *s)
{
	return !s->refused && (s->id[0] ? !s->acked : !s->accepted);
}

void flow_resend(struct flow_device *d)
{
	for (struct flow_sent *s = d->sent; s; s = s->next) {
		if (unanswered(s))
			publish_sent(d, s);
	}
}

const char *flow_rpc(struct flow_device *d, const char *method, const char *params)
{
	free(d->reply);
	d->reply = NULL;
	ask(d, "test", method, params);
	flow_settle(d->f);
	return d->reply;
}

static void pull(struct flow_device *d)
{
	char id[128], params[160];

	for (struct flow_conv *c = d->convs; c; c = c->next) {
		if (!c->pulling)
			continue;
		c->asked_for = c->known;
		snprintf(id, sizeof(id), "pull:%llu:%s", (unsigned long long)c->n, c->name);
		snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"after\":%llu,\"limit\":20}",
			c->name, (unsigned long long)c->n);
		ask(d, id, "conv.history", params);
		d->asked_ms = d->f->mono_ms;
		return;
	}
}

static void work(struct flow_device *d)
{
	char params[64], id[24];

	/* What its broker has not taken waits in its socket. */
	if (d->at->stopped)
		return;
	flow_enter(d->at);
	if (!d->c || !fake_connected(d->c)) {
		d->c = NULL;
		return;
	}
	if (d->asked_ms && d->f->mono_ms - d->asked_ms < PATIENCE_MS)
		return;
	d->asked_ms = 0;
	pull(d);
	if (d->behind && !d->asked_ms) {
		snprintf(params, sizeof(params), "{\"cursor\":\"%s\",\"limit\":20}", d->cursor);
		d->behind = false;
		d->syncing = true;
		d->asked_ms = d->f->mono_ms;
		snprintf(id, sizeof(id), "sync:%u", ++d->syncs);
		ask(d, id, "sync", params);
	} else if (d->syncing && !d->asked_ms) {
		d->syncing = false;
		d->behind = true;
	}
	ack_safe(d);
}

bool flow_waiting(const struct flow_device *d)
{
	if (d->behind || d->syncing)
		return true;
	for (const struct flow_conv *c = d->convs; c; c = c->next) {
		if (c->pulling)
			return true;
	}
	for (const struct flow_sent *s = d->sent; s; s = s->next) {
		if (unanswered(s))
			return true;
	}
	return false;
}

/* -- all of them -- */

void flow_devices_lost(const struct flow_broker *b)
{
	const struct flow *f = b->n->f;

	for (size_t i = 0; i < f->n_devices; i++)
		if (f->devices[i]->at == b)
			f->devices[i]->c = NULL;
}

void flow_devices_work(struct flow *f)
{
	for (size_t i = 0; i < f->n_devices; i++)
		work(f->devices[i]);
}

static void device_free(struct flow_device *d)
{
	struct flow_conv *c;
	struct flow_sent *s;

	while ((c = d->convs)) {
		d->convs = c->next;
		while (c->n)
			free(c->messages[--c->n]);
		free(c->messages);
		free(c->delivered);
		free(c);
	}
	while ((s = d->sent)) {
		d->sent = s->next;
		free(s);
	}
	free(d->reply);
	free(d->control);
	free(d->last_event);
	free(d->end);
	json_decref(d->state);
	free(d);
}

void flow_devices_free(struct flow *f)
{
	while (f->n_devices)
		device_free(f->devices[--f->n_devices]);
}
