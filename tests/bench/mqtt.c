/* SPDX-License-Identifier: BSD-3-Clause */
/* MQTT 3.1.1/5 codec of the load generator; see mqtt.h. */
#include "tests/bench/mqtt.h"

#include <string.h>

/* The protocol's own bound: four bytes of seven bits. */
#define REMAINING_MAX 268435455u

#define PROP_CORRELATION 0x09
#define PROP_RESPONSE_TOPIC 0x08
#define PROP_SESSION_EXPIRY 0x11

struct writer {
	uint8_t *p;
	size_t n;
	size_t cap;
	bool failed;
};

static void put_bytes(struct writer *w, const void *data, size_t n)
{
	if (w->failed || n > w->cap - w->n) {
		w->failed = true;
		return;
	}
	if (n)
		memcpy(w->p + w->n, data, n);
	w->n += n;
}

static void put_u8(struct writer *w, unsigned value)
{
	uint8_t byte = (uint8_t)value;
	put_bytes(w, &byte, 1);
}

static void put_u16(struct writer *w, unsigned value)
{
	uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
	put_bytes(w, bytes, 2);
}

static void put_u32(struct writer *w, uint32_t value)
{
	put_u16(w, value >> 16);
	put_u16(w, value & 0xffff);
}

static void put_text(struct writer *w, struct slice text)
{
	if (text.n > 65535) {
		w->failed = true;
		return;
	}
	put_u16(w, (unsigned)text.n);
	put_bytes(w, text.p, text.n);
}

static void put_string(struct writer *w, const char *text)
{
	put_text(w, (struct slice){text, strlen(text)});
}

static void put_varint(struct writer *w, size_t value)
{
	if (value > REMAINING_MAX)
		w->failed = true;
	do {
		unsigned byte = value & 0x7f;
		value >>= 7;
		put_u8(w, value ? byte | 0x80 : byte);
	} while (value && !w->failed);
}

static size_t finish(const struct writer *w, size_t start, size_t remaining)
{
	return !w->failed && w->n - start == remaining ? w->n : 0;
}

size_t mqtt_encode_connect(uint8_t *buf, size_t cap, const struct mqtt_connect *c)
{
	struct writer w = {buf, 0, cap, false};
	bool v5 = c->version == MQTT_V5;
	size_t props = v5 && c->session_expiry_s ? 5 : 0;
	size_t remaining = 10 + (v5 ? 1 + props : 0) + 2 + strlen(c->client_id);
	unsigned flags = c->clean ? 0x02 : 0;
	if (c->username) {
		remaining += 2 + strlen(c->username);
		flags |= 0x80;
	}
	if (c->password) {
		remaining += 2 + strlen(c->password);
		flags |= 0x40;
	}
	put_u8(&w, MQTT_CONNECT << 4);
	put_varint(&w, remaining);
	size_t start = w.n;
	put_string(&w, "MQTT");
	put_u8(&w, (unsigned)c->version);
	put_u8(&w, flags);
	put_u16(&w, c->keepalive_s);
	if (v5) {
		put_varint(&w, props);
		if (props) {
			put_u8(&w, PROP_SESSION_EXPIRY);
			put_u32(&w, c->session_expiry_s);
		}
	}
	put_string(&w, c->client_id);
	if (c->username)
		put_string(&w, c->username);
	if (c->password)
		put_string(&w, c->password);
	return finish(&w, start, remaining);
}

size_t mqtt_encode_publish(uint8_t *buf, size_t cap, const struct mqtt_publish *p)
{
	struct writer w = {buf, 0, cap, false};
	size_t remaining = 2 + p->topic.n + (p->qos ? 2 : 0) + p->payload.n;
	size_t props = 0;
	if (p->version == MQTT_V5) {
		if (p->response_topic.n)
			props += 3 + p->response_topic.n;
		if (p->correlation.n)
			props += 3 + p->correlation.n;
		/* The generator's properties are a topic and a number: one length byte. */
		if (props > 127)
			return 0;
		remaining += 1 + props;
	}
	put_u8(&w, MQTT_PUBLISH << 4 | (unsigned)p->qos << 1);
	put_varint(&w, remaining);
	size_t start = w.n;
	put_text(&w, p->topic);
	if (p->qos)
		put_u16(&w, p->mid);
	if (p->version == MQTT_V5) {
		put_varint(&w, props);
		if (p->response_topic.n) {
			put_u8(&w, PROP_RESPONSE_TOPIC);
			put_text(&w, p->response_topic);
		}
		if (p->correlation.n) {
			put_u8(&w, PROP_CORRELATION);
			put_text(&w, p->correlation);
		}
	}
	put_bytes(&w, p->payload.p, p->payload.n);
	return finish(&w, start, remaining);
}

size_t mqtt_encode_subscribe(
	uint8_t *buf, size_t cap, int version, uint16_t mid, const char *filter, int qos)
{
	struct writer w = {buf, 0, cap, false};
	size_t remaining = 2 + (version == MQTT_V5 ? 1 : 0) + 2 + strlen(filter) + 1;
	put_u8(&w, MQTT_SUBSCRIBE << 4 | 0x02);
	put_varint(&w, remaining);
	size_t start = w.n;
	put_u16(&w, mid);
	if (version == MQTT_V5)
		put_u8(&w, 0);
	put_string(&w, filter);
	put_u8(&w, (unsigned)qos);
	return finish(&w, start, remaining);
}

size_t mqtt_encode_puback(uint8_t *buf, size_t cap, uint16_t mid)
{
	struct writer w = {buf, 0, cap, false};
	put_u8(&w, MQTT_PUBACK << 4);
	put_u8(&w, 2);
	put_u16(&w, mid);
	return finish(&w, 2, 2);
}

size_t mqtt_encode_bare(uint8_t *buf, size_t cap, enum mqtt_type type)
{
	struct writer w = {buf, 0, cap, false};
	put_u8(&w, (unsigned)type << 4);
	put_u8(&w, 0);
	return finish(&w, 2, 0);
}

/* Reads a variable byte integer. Bytes used, 0: more are needed, -1: malformed. */
static int get_varint(const uint8_t *p, size_t n, size_t *value_out)
{
	size_t value = 0;
	for (size_t i = 0; i < 4; i++) {
		if (i >= n)
			return 0;
		value |= (size_t)(p[i] & 0x7f) << (7 * i);
		if (!(p[i] & 0x80)) {
			*value_out = value;
			return (int)i + 1;
		}
	}
	return -1;
}

int mqtt_scan(const uint8_t *p, size_t n, size_t *size_out)
{
	size_t remaining = 0;
	*size_out = 0;
	if (n < 2)
		return 0;
	int used = get_varint(p + 1, n - 1, &remaining);
	if (used <= 0)
		return used;
	*size_out = 1 + (size_t)used + remaining;
	return n >= *size_out;
}

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool failed;
};

static unsigned get_u8(struct reader *r)
{
	if (r->end - r->p < 1) {
		r->failed = true;
		return 0;
	}
	return *r->p++;
}

static unsigned get_u16(struct reader *r)
{
	unsigned high = get_u8(r);
	return high << 8 | get_u8(r);
}

static struct slice get_bytes(struct reader *r, size_t n)
{
	struct slice bytes = {(const char *)r->p, n};
	if ((size_t)(r->end - r->p) < n) {
		r->failed = true;
		return (struct slice){NULL, 0};
	}
	r->p += n;
	return bytes;
}

/* The length of a property's value after its id, by MQTT 5's table; strings and pairs of
 * strings are -1 and -2, a variable byte integer -3, an unknown id 0. */
static int property_kind(unsigned id)
{
	switch (id) {
	case 0x01: /* payload format */
	case 0x17: /* request problem information */
	case 0x19: /* request response information */
	case 0x24: /* maximum QoS */
	case 0x25: /* retain available */
	case 0x28: /* wildcard subscriptions */
	case 0x29: /* subscription identifiers */
	case 0x2a: /* shared subscriptions */
		return 1;
	case 0x13: /* server keep alive */
	case 0x21: /* receive maximum */
	case 0x22: /* topic alias maximum */
		return 2;
	case 0x02: /* message expiry */
	case 0x11: /* session expiry */
	case 0x18: /* will delay */
	case 0x27: /* maximum packet size */
		return 4;
	case 0x03: /* content type */
	case 0x08: /* response topic */
	case 0x09: /* correlation data */
	case 0x12: /* assigned client id */
	case 0x15: /* authentication method */
	case 0x16: /* authentication data */
	case 0x1a: /* response information */
	case 0x1c: /* server reference */
	case 0x1f: /* reason string */
		return -1;
	case 0x26: /* user property */
		return -2;
	case 0x0b: /* subscription identifier */
		return -3;
	default:
		return 0;
	}
}

static void get_properties(struct reader *r, struct mqtt_packet *out)
{
	size_t length = 0;
	int used = get_varint(r->p, (size_t)(r->end - r->p), &length);
	if (used <= 0 || (size_t)(r->end - r->p) - (size_t)used < length) {
		r->failed = true;
		return;
	}
	struct reader props = {r->p + used, r->p + used + length, false};
	r->p = props.end;
	while (props.p < props.end && !props.failed) {
		unsigned id = get_u8(&props);
		int kind = property_kind(id);
		size_t number = 0;
		if (kind > 0) {
			get_bytes(&props, (size_t)kind);
		} else if (kind == -1) {
			struct slice text = get_bytes(&props, get_u16(&props));
			if (id == PROP_CORRELATION)
				out->correlation = text;
		} else if (kind == -2) {
			get_bytes(&props, get_u16(&props));
			get_bytes(&props, get_u16(&props));
		} else if (kind == -3) {
			int n = get_varint(props.p, (size_t)(props.end - props.p), &number);
			get_bytes(&props, n > 0 ? (size_t)n : SIZE_MAX);
		} else {
			props.failed = true;
		}
	}
	r->failed |= props.failed;
}

static void decode_publish(struct reader *r, unsigned flags, int version, struct mqtt_packet *out)
{
	out->dup = flags & 0x08;
	out->qos = (int)(flags >> 1 & 0x03);
	out->retain = flags & 0x01;
	out->topic = get_bytes(r, get_u16(r));
	if (out->qos > 1 || (out->topic.n == 0 && !r->failed))
		r->failed = true;
	if (out->qos)
		out->mid = (uint16_t)get_u16(r);
	if (version == MQTT_V5 && !r->failed)
		get_properties(r, out);
	out->payload = (struct slice){(const char *)r->p, (size_t)(r->end - r->p)};
}

int mqtt_decode(const uint8_t *p, size_t n, int version, struct mqtt_packet *out)
{
	size_t size = 0;
	memset(out, 0, sizeof(*out));
	if (mqtt_scan(p, n, &size) != 1 || size != n)
		return -1;
	size_t header = 2;
	while (p[header - 1] & 0x80)
		header++;
	struct reader r = {p + header, p + n, false};
	unsigned flags = p[0] & 0x0f;
	out->type = (enum mqtt_type)(p[0] >> 4);
	switch (out->type) {
	case MQTT_PUBLISH:
		decode_publish(&r, flags, version, out);
		break;
	case MQTT_CONNACK:
		out->session_present = get_u8(&r) & 0x01;
		out->reason = (uint8_t)get_u8(&r);
		break;
	case MQTT_PUBACK:
		out->mid = (uint16_t)get_u16(&r);
		if (version == MQTT_V5 && r.p < r.end)
			out->reason = (uint8_t)get_u8(&r);
		break;
	case MQTT_SUBACK:
		out->mid = (uint16_t)get_u16(&r);
		if (version == MQTT_V5 && !r.failed)
			get_properties(&r, out);
		out->reason = (uint8_t)get_u8(&r);
		break;
	case MQTT_DISCONNECT:
		if (version == MQTT_V5 && r.p < r.end)
			out->reason = (uint8_t)get_u8(&r);
		break;
	case MQTT_PINGRESP:
		break;
	default:
		return -1;
	}
	return r.failed ? -1 : 0;
}
