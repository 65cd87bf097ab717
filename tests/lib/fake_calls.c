/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions that the broker offers to plugins, as the fake broker has them. They must be seen
 * from outside the program, like the broker's own.
 */
#include <dlfcn.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "tests/lib/fake_internal.h"

#pragma GCC visibility push(default)

struct fake_queued {
	char *client;
	struct fake_message message;
	mosquitto_property *props;
	struct fake_queued *prev, *next;
};

struct fake_line {
	char *text;
	struct fake_line *prev, *next;
};

struct mqtt5__property {
	struct mqtt5__property *next;
	int identifier;
	char *name; /* user properties */
	char *value;
	uint16_t n;
};

char *fake_copy(struct im_str s)
{
	char *p = malloc(s.n ? s.n : 1);

	if (!p)
		abort();
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

/* ---- memory ---- */

void *mosquitto_malloc(size_t size)
{
	return malloc(size);
}

void *mosquitto_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void mosquitto_free(void *p)
{
	free(p);
}

/* ---- log ---- */

void mosquitto_log_printf(int level, const char *fmt, ...)
{
	/* Not by calloc, which a test lets fail for the plugin. */
	struct fake_line *l = malloc(sizeof(*l));
	va_list ap;

	if (!l)
		abort();
	*l = (struct fake_line){0};
	va_start(ap, fmt);
	if (vasprintf(&l->text, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (getenv("FAKE_BROKER_LOG"))
		fprintf(stderr, "log %d: %s\n", level, l->text);
	DL_APPEND(fake->log, l);
}

void fake_forget_log(void)
{
	struct fake_line *l, *tmp;

	DL_FOREACH_SAFE (fake->log, l, tmp) {
		free(l->text);
		free(l);
	}
	fake->log = NULL;
}

bool fake_logged(const char *text)
{
	struct fake_line *l;
	bool found = false;

	DL_FOREACH (fake->log, l)
		found = found || strstr(l->text, text);
	fake_forget_log();
	return found;
}

/* ---- callbacks ---- */

static bool known(int event)
{
	return event == COMPAT_EVT_CONNECT || event == COMPAT_EVT_CLIENT_OFFLINE
		       ? fake->newer
		       : event > 0 && event <= MOSQ_EVT_DISCONNECT;
}

int mosquitto_callback_register(mosquitto_plugin_id_t *identifier, int event,
	MOSQ_FUNC_generic_callback fn, const void *event_data, void *userdata)
{
	(void)identifier;
	(void)event_data;
	if (!known(event))
		return MOSQ_ERR_NOT_SUPPORTED;
	if (fake->hooks[event].fn)
		return MOSQ_ERR_ALREADY_EXISTS;
	fake->hooks[event] = (struct fake_hook){fn, userdata};
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t *identifier, int event,
	MOSQ_FUNC_generic_callback fn, const void *event_data)
{
	(void)identifier;
	(void)event_data;
	if (!known(event))
		return MOSQ_ERR_NOT_SUPPORTED;
	if (fake->hooks[event].fn != fn)
		return MOSQ_ERR_NOT_FOUND;
	fake->hooks[event] = (struct fake_hook){0};
	return MOSQ_ERR_SUCCESS;
}

/* ---- clients ---- */

const char *mosquitto_client_address(const struct mosquitto *c)
{
	return c->address;
}

bool mosquitto_client_clean_session(const struct mosquitto *c)
{
	return !c->persistent;
}

/* 2.0 counts places, which it uses again. */
int mosquitto_client_sub_count(const struct mosquitto *c)
{
	return (int)(fake->newer ? c->n_filters : c->most_filters);
}

const char *mosquitto_client_id(const struct mosquitto *c)
{
	return c->id;
}

const char *mosquitto_client_username(const struct mosquitto *c)
{
	return c->username;
}

/* Whether there is one is all that a plugin asks. */
void *mosquitto_client_certificate(const struct mosquitto *c)
{
	return c->certificate && c->socket ? X509_new() : NULL;
}

int mosquitto_client_protocol(const struct mosquitto *c)
{
	return c->websocket && (c->socket || fake->newer) ? mp_websockets : mp_mqtt;
}

int mosquitto_client_keepalive(const struct mosquitto *c)
{
	return c->keepalive_s;
}

int mosquitto_client_protocol_version(const struct mosquitto *c)
{
	return c->version;
}

int mosquitto_kick_client_by_clientid(const char *id, bool with_will)
{
	struct mosquitto *c = fake_by_id(id);

	if (!c)
		return MOSQ_ERR_NOT_FOUND;
	fake_kick(c, with_will);
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_kick_client_by_username(const char *username, bool with_will)
{
	struct mosquitto *c;

	DL_FOREACH (fake->clients, c) {
		if (c->connected && c->username && strcmp(c->username, username) == 0)
			fake_kick(c, with_will);
	}
	return MOSQ_ERR_SUCCESS;
}

/* ---- what 2.1 has ---- */

struct mosquitto *mosquitto_client(const char *id);
void mosquitto_complete_basic_auth(const char *id, int result);

struct mosquitto *mosquitto_client(const char *id)
{
	return fake_by_id(id);
}

void mosquitto_complete_basic_auth(const char *id, int result)
{
	struct mosquitto *c = fake_waiting_by_id(id);

	if (c)
		fake_answer(c, result);
}

/* ---- properties ---- */

static int add(
	mosquitto_property **list, int identifier, const char *name, const void *value, size_t n)
{
	mosquitto_property *p = calloc(1, sizeof(*p));

	if (!p)
		return MOSQ_ERR_NOMEM;
	p->identifier = identifier;
	p->name = name ? strdup(name) : NULL;
	p->value = calloc(1, n + 1);
	memcpy(p->value, value, n);
	p->n = (uint16_t)n;
	while (*list)
		list = &(*list)->next;
	*list = p;
	return MOSQ_ERR_SUCCESS;
}

int mosquitto_property_add_string(mosquitto_property **list, int identifier, const char *value)
{
	return add(list, identifier, NULL, value, strlen(value));
}

int mosquitto_property_add_string_pair(
	mosquitto_property **list, int identifier, const char *name, const char *value)
{
	return add(list, identifier, name, value, strlen(value));
}

int mosquitto_property_add_binary(
	mosquitto_property **list, int identifier, const void *value, uint16_t n)
{
	return add(list, identifier, NULL, value, n);
}

int mosquitto_property_add_byte(mosquitto_property **list, int identifier, uint8_t value)
{
	return add(list, identifier, NULL, &value, sizeof(value));
}

int mosquitto_property_add_int32(mosquitto_property **list, int identifier, uint32_t value)
{
	return add(list, identifier, NULL, &value, sizeof(value));
}

void mosquitto_property_free_all(mosquitto_property **list)
{
	while (*list) {
		mosquitto_property *p = *list;

		*list = p->next;
		free(p->name);
		free(p->value);
		free(p);
	}
}

static const mosquitto_property *get(const mosquitto_property *p, int identifier, bool skip_first)
{
	for (; p; p = p->next) {
		if (p->identifier != identifier)
			continue;
		if (!skip_first)
			return p;
		skip_first = false;
	}
	return NULL;
}

/* 2.1 gives none for an empty one. */
static char *text_of(const char *s)
{
	return fake->newer && !*s ? NULL : strdup(s);
}

const mosquitto_property *mosquitto_property_read_string_pair(
	const mosquitto_property *list, int identifier, char **name, char **value, bool skip_first)
{
	const mosquitto_property *p = get(list, identifier, skip_first);

	if (p) {
		*name = text_of(p->name);
		*value = text_of(p->value);
	}
	return p;
}

const mosquitto_property *mosquitto_property_read_string(
	const mosquitto_property *list, int identifier, char **value, bool skip_first)
{
	const mosquitto_property *p = get(list, identifier, skip_first);

	if (p)
		*value = text_of(p->value);
	return p;
}

const mosquitto_property *mosquitto_property_read_binary(
	const mosquitto_property *list, int identifier, void **value, uint16_t *n, bool skip_first)
{
	const mosquitto_property *p = get(list, identifier, skip_first);

	if (p) {
		*value = fake_copy((struct im_str){p->value, p->n});
		*n = p->n;
	}
	return p;
}

const mosquitto_property *mosquitto_property_read_byte(
	const mosquitto_property *list, int identifier, uint8_t *value, bool skip_first)
{
	const mosquitto_property *p = get(list, identifier, skip_first);

	if (p)
		*value = (uint8_t)*p->value;
	return p;
}

static void show_property(FILE *f, const mosquitto_property *p)
{
	uint32_t number;

	switch (p->identifier) {
	case MQTT_PROP_USER_PROPERTY:
		fprintf(f, "%s=%s;", p->name, p->value);
		break;
	case MQTT_PROP_CONTENT_TYPE:
		fprintf(f, "type=%s;", p->value);
		break;
	case MQTT_PROP_CORRELATION_DATA:
		fprintf(f, "corr=%s;", p->value);
		break;
	case MQTT_PROP_RESPONSE_TOPIC:
		fprintf(f, "reply=%s;", p->value);
		break;
	case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL:
		memcpy(&number, p->value, sizeof(number));
		fprintf(f, "expiry=%u;", (unsigned)number);
		break;
	default:
		fprintf(f, "property %d;", p->identifier);
	}
}

static char *show_properties(const mosquitto_property *p)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	for (; p; p = p->next)
		show_property(f, p);
	fclose(f);
	return text;
}

/* ---- publishing ---- */

int mosquitto_broker_publish(const char *client, const char *topic, int n, void *payload, int qos,
	bool retain, mosquitto_property *properties)
{
	struct fake_queued *q;

	if (!topic || n < 0 || (n > 0 && !payload) || qos < 0 || qos > 2)
		return MOSQ_ERR_INVAL;
	if (fake->fail_publish == 0)
		return MOSQ_ERR_NOMEM;
	if (fake->fail_publish > 0)
		fake->fail_publish--;
	q = calloc(1, sizeof(*q));
	if (!q)
		abort();
	q->client = client ? strdup(client) : NULL;
	q->message = (struct fake_message){
		.topic = strdup(topic),
		.payload = {payload, (size_t)n},
		.qos = qos,
		.retain = retain,
		.props = show_properties(properties),
	};
	q->props = properties;
	DL_APPEND(fake->queue, q);
	return MOSQ_ERR_SUCCESS;
}

static void queued_free(struct fake_queued *q)
{
	free(q->client);
	free(q->message.topic);
	mosquitto_free((char *)q->message.payload.p);
	free(q->message.props);
	mosquitto_property_free_all(&q->props);
	free(q);
}

void fake_run_queue(void)
{
	struct fake_queued *q;

	while ((q = fake->queue)) {
		DL_DELETE(fake->queue, q);
		if (q->client)
			fake_route_to(q->client, &q->message);
		else
			fake_route(&q->message);
		queued_free(q);
	}
}

void fake_drop_queue(void)
{
	struct fake_queued *q;

	while ((q = fake->queue)) {
		DL_DELETE(fake->queue, q);
		queued_free(q);
	}
}

#pragma GCC visibility pop
