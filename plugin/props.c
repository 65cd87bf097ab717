/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's only code that touches MQTT 5 property lists. Used by capture.c and downlink.c. */
#include "props.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/limits.h"

#define CONTENT_TYPE "application/json"
/* A packet may bring thousands of user properties; `id` is looked for among the first. */
#define USER_PROPERTIES_MAX 32

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
		       sizeof(p->read_binary));
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

static char *read_id(const struct props *p, const mosquitto_property *list)
{
	char *name, *value;
	bool more = false;
	int i;

	for (i = 0; list && i < USER_PROPERTIES_MAX; i++) {
		bool is_id;

		name = value = NULL;
		list = p->read_pair(list, MQTT_PROP_USER_PROPERTY, &name, &value, more);
		more = true;
		is_id = list && name && strcmp(name, "id") == 0;
		p->release(name);
		if (is_id)
			return value;
		p->release(value);
	}
	return NULL;
}

void props_send_read(const struct props *p, const mosquitto_property *list, struct props_send *out)
{
	*out = (struct props_send){0};
	if (!list)
		return;
	out->id = read_id(p, list);
	(void)p->read_string(list, MQTT_PROP_RESPONSE_TOPIC, &out->reply_to, false);
	(void)p->read_binary(list, MQTT_PROP_CORRELATION_DATA, &out->corr, &out->corr_n, false);
}

void props_send_clear(const struct props *p, struct props_send *s)
{
	p->release(s->id);
	p->release(s->reply_to);
	p->release(s->corr);
	*s = (struct props_send){0};
}

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

mosquitto_property *props_message(
	struct im_str conv, uint64_t seq, struct im_str from, struct im_str id)
{
	mosquitto_property *list = NULL;
	char number[24];
	int rc;

	snprintf(number, sizeof(number), "%" PRIu64, seq);
	rc = mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, CONTENT_TYPE);
	if (!rc)
		rc = add_pair(&list, "conv", conv);
	if (!rc)
		rc = add_pair(&list, "seq", im_str(number));
	if (!rc)
		rc = add_pair(&list, "from", from);
	if (!rc && id.n)
		rc = add_pair(&list, "id", id);
	if (rc)
		mosquitto_property_free_all(&list);
	return list;
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
