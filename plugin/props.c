/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's only code that touches MQTT 5 property lists. Used by capture.c and delivery.c. */
#include "plugin/props.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

#define CONTENT_TYPE "application/json"
/* A packet may bring thousands of user properties. Of a message, one that is not carried (id, ttl,
 * the server's own) may come beside each that is; of a signal, `id` is looked for among the first.
 */
#define LOOKED_AT_MAX (2 * IM_PROPS_MAX)

/* dlsym gives data pointers; POSIX promises that this conversion works. */
static bool look_up(void *library, const char *name, void *fn, size_t n)
{
	void *sym = dlsym(library, name);

	if (sym)
		memcpy(fn, &sym, n);
	return sym != NULL;
}

static bool look_up_all(struct props *p, void *library)
{
	return look_up(library, "mosquitto_property_read_string_pair", &p->read_pair,
		       sizeof(p->read_pair)) &&
	       look_up(library, "mosquitto_property_read_string", &p->read_string,
		       sizeof(p->read_string)) &&
	       look_up(library, "mosquitto_property_read_binary", &p->read_binary,
		       sizeof(p->read_binary)) &&
	       look_up(library, "mosquitto_property_read_byte", &p->read_byte,
		       sizeof(p->read_byte));
}

int props_open(struct props *p, struct im_buf *why)
{
	*p = (struct props){.release = free};
	if (look_up_all(p, RTLD_DEFAULT)) {
		/* From 2.1 on they count their memory, 2.0 does not. */
		if (dlsym(RTLD_DEFAULT, "mosquitto_client"))
			p->release = mosquitto_free;
		return IM_OK;
	}
	p->library = dlopen("libmosquitto.so.1", RTLD_NOW | RTLD_LOCAL);
	if (p->library && look_up_all(p, p->library))
		return IM_OK;
	im_buf_z(why, "this broker has no mosquitto_property_read functions and libmosquitto.so.1 "
		      "is missing: install the package libmosquitto1");
	props_close(p);
	return IM_E_NONE;
}

void props_close(struct props *p)
{
	if (p->library)
		dlclose(p->library);
	*p = (struct props){0};
}

/* ---- reading ---- */

static void read_id(const struct props *p, const mosquitto_property *list, struct props_send *out)
{
	char *name, *value;
	bool more = false;
	int i;

	for (i = 0; list && !out->id && i < LOOKED_AT_MAX; i++) {
		name = value = NULL;
		list = p->read_pair(list, MQTT_PROP_USER_PROPERTY, &name, &value, more);
		more = true;
		if (list && name && strcmp(name, "id") == 0) {
			out->id = value;
			value = NULL;
		}
		p->release(name);
		p->release(value);
	}
}

void props_signal_read(
	const struct props *p, const mosquitto_property *list, struct props_send *out)
{
	*out = (struct props_send){0};
	read_id(p, list, out);
}

void props_request_read(
	const struct props *p, const mosquitto_property *list, struct props_send *out)
{
	*out = (struct props_send){0};
	(void)p->read_string(list, MQTT_PROP_RESPONSE_TOPIC, &out->reply_to, false);
	(void)p->read_binary(list, MQTT_PROP_CORRELATION_DATA, &out->corr, &out->corr_n, false);
}

static bool servers_own(const char *name)
{
	static const char *const names[] = {"conv", "seq", "from", "id"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static int read_ttl(const char *value, struct props_send *out, struct im_buf *why)
{
	uint32_t s = 0;
	const char *at;

	for (at = value; *at >= '0' && *at <= '9' && s <= IM_TTL_MAX_S; at++)
		s = s * 10 + (uint32_t)(*at - '0');
	if (!*at && s >= 1 && s <= IM_TTL_MAX_S && !out->carried.ttl_s) {
		out->carried.ttl_s = s;
		return IM_OK;
	}
	im_buf_printf(why,
		"the user property ttl must be given once, a decimal number from 1 to %d, in "
		"seconds",
		IM_TTL_MAX_S);
	return IM_E_INVALID_PARAMS;
}

static int too_many(struct im_buf *why)
{
	im_buf_printf(why,
		"at most %d user properties are carried, of %d bytes in all; what is longer goes "
		"into the body",
		IM_PROPS_MAX, IM_PROPS_BYTES_MAX);
	return IM_E_INVALID_PARAMS;
}

/* One user property; *n counts those that are carried. An empty text is NULL in 2.1. */
static int take_pair(
	struct props_send *out, const char *name, char **value, int *n, struct im_buf *why)
{
	if (!name)
		name = "";
	if (strcmp(name, "id") == 0 && !out->id) {
		out->id = *value;
		*value = NULL;
		return IM_OK;
	}
	if (strcmp(name, "ttl") == 0)
		return read_ttl(*value ? *value : "", out, why);
	if (servers_own(name))
		return IM_OK;
	im_props_pair_put(&out->pairs, im_str(name), im_str(*value));
	/* Each has two NULs. */
	return ++*n > IM_PROPS_MAX || out->pairs.n > IM_PROPS_BYTES_MAX + 2 * (size_t)*n
		       ? too_many(why)
		       : IM_OK;
}

static int read_pairs(const struct props *p, const mosquitto_property *list, struct props_send *out,
	struct im_buf *why)
{
	char *name, *value;
	bool more = false;
	int i, n = 0, code = IM_OK;

	for (i = 0; list && !code; i++) {
		name = value = NULL;
		list = p->read_pair(list, MQTT_PROP_USER_PROPERTY, &name, &value, more);
		more = true;
		if (list && i == LOOKED_AT_MAX)
			code = too_many(why);
		else if (list)
			code = take_pair(out, name, &value, &n, why);
		p->release(name);
		p->release(value);
	}
	out->carried.pairs = im_buf_view(&out->pairs);
	return code;
}

int props_message_read(const struct props *p, const mosquitto_property *list,
	struct props_send *out, struct im_buf *why)
{
	uint8_t format;
	int code;

	props_request_read(p, list, out);
	code = read_pairs(p, list, out, why);
	/* A refusal names the message, wherever its id stands. */
	if (code)
		read_id(p, list, out);
	(void)p->read_string(list, MQTT_PROP_CONTENT_TYPE, &out->content_type, false);
	out->carried.content_type = im_str(out->content_type);
	out->carried.response_topic = im_str(out->reply_to);
	out->carried.corr = (struct im_str){out->corr, out->corr_n};
	if (p->read_byte(list, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, &format, false))
		out->carried.format = format ? IM_FORMAT_TEXT : IM_FORMAT_BYTES;
	if (!code && out->carried.content_type.n > IM_CONTENT_TYPE_MAX) {
		im_buf_printf(why, "the content type has %zu bytes, at most %d are taken",
			out->carried.content_type.n, IM_CONTENT_TYPE_MAX);
		code = IM_E_INVALID_PARAMS;
	}
	return code ? code : props_check_correlation(out->carried.corr, why);
}

int props_check_correlation(struct im_str corr, struct im_buf *why)
{
	if (corr.n <= IM_CORRELATION_MAX)
		return IM_OK;
	im_buf_printf(why, "correlation data has %zu bytes, at most %d are taken", corr.n,
		IM_CORRELATION_MAX);
	return IM_E_INVALID_PARAMS;
}

void props_send_clear(const struct props *p, struct props_send *s)
{
	p->release(s->id);
	p->release(s->reply_to);
	p->release(s->corr);
	p->release(s->content_type);
	im_buf_free(&s->pairs);
	*s = (struct props_send){0};
}

/* ---- building ---- */

/* The functions want NUL-terminated text. */
static int add_pair(mosquitto_property **list, const char *name, struct im_str value)
{
	char text[IM_CONV_MAX + IM_MSGID_MAX];

	if (value.n >= sizeof(text))
		return MOSQ_ERR_INVAL;
	if (value.n)
		memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	return mosquitto_property_add_string_pair(list, MQTT_PROP_USER_PROPERTY, name, text);
}

/* The sender's own, whose strings end with NUL as they are. */
static int add_carried(mosquitto_property **list, const struct im_props *c)
{
	struct im_str pairs = c->pairs, name, value;
	int rc = MOSQ_ERR_SUCCESS;

	if (c->response_topic.n)
		rc = mosquitto_property_add_string(
			list, MQTT_PROP_RESPONSE_TOPIC, c->response_topic.p);
	if (!rc && c->corr.n)
		rc = mosquitto_property_add_binary(
			list, MQTT_PROP_CORRELATION_DATA, c->corr.p, (uint16_t)c->corr.n);
	while (!rc && im_props_pair(&pairs, &name, &value))
		rc = mosquitto_property_add_string_pair(
			list, MQTT_PROP_USER_PROPERTY, name.p, value.p);
	return rc;
}

mosquitto_property *props_message(const struct props_delivery *d)
{
	mosquitto_property *list = NULL;
	char number[24];
	int rc;

	snprintf(number, sizeof(number), "%" PRIu64, d->seq);
	rc = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, CONTENT_TYPE);
	if (!rc)
		rc = add_pair(&list, "conv", d->conv);
	if (!rc)
		rc = add_pair(&list, "seq", im_str(number));
	if (!rc)
		rc = add_pair(&list, "from", d->from);
	if (!rc && d->id.n)
		rc = add_pair(&list, "id", d->id);
	if (!rc)
		rc = add_carried(&list, d->carried);
	if (rc)
		mosquitto_property_free_all(&list);
	return list;
}

void props_expiry(mosquitto_property **list, uint32_t seconds)
{
	/* Without memory the copy outlives its message; its ttl stands in it. */
	(void)mosquitto_property_add_int32(list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, seconds);
}

mosquitto_property *props_reply(struct im_str corr)
{
	mosquitto_property *list = NULL;
	int rc = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, CONTENT_TYPE);

	if (!rc && corr.n)
		rc = mosquitto_property_add_binary(
			&list, MQTT_PROP_CORRELATION_DATA, corr.p, (uint16_t)corr.n);
	if (rc)
		mosquitto_property_free_all(&list);
	return list;
}
