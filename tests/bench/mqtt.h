/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The MQTT packets that a load generator needs, 3.1.1 and 5, QoS 0 and 1: encoders into a
 * caller's buffer, a bounds-checked decoder that allocates nothing.
 *
 * Called by conn.c and the scenarios. Pure. QoS 2 and topic aliases are left out: the
 * generator never asks for them, and a packet that uses them is malformed to it.
 */
#ifndef BENCH_MQTT_H
#define BENCH_MQTT_H

#include "tests/bench/jsonit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mqtt_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK = 2,
	MQTT_PUBLISH = 3,
	MQTT_PUBACK = 4,
	MQTT_SUBSCRIBE = 8,
	MQTT_SUBACK = 9,
	MQTT_PINGREQ = 12,
	MQTT_PINGRESP = 13,
	MQTT_DISCONNECT = 14,
};

enum mqtt_version { MQTT_V311 = 4, MQTT_V5 = 5 };

struct mqtt_connect {
	int version;
	const char *client_id;
	const char *username; /* or NULL */
	const char *password; /* or NULL */
	bool clean;
	uint32_t session_expiry_s; /* MQTT 5 only */
	uint16_t keepalive_s;
};

struct mqtt_publish {
	int version;
	int qos;
	uint16_t mid; /* QoS 1 only */
	struct slice topic;
	struct slice payload;
	struct slice response_topic; /* MQTT 5, left out when empty */
	struct slice correlation;    /* MQTT 5, left out when empty */
};

struct mqtt_packet {
	enum mqtt_type type;
	int qos;
	bool dup;
	bool retain;
	uint16_t mid;
	uint8_t reason; /* CONNACK, PUBACK, SUBACK (its first), DISCONNECT */
	bool session_present;
	struct slice topic;
	struct slice payload;
	struct slice correlation;
};

/* The encoders return the packet's length, or 0 if it does not fit into cap or a field is
 * longer than MQTT allows. */
size_t mqtt_encode_connect(uint8_t *buf, size_t cap, const struct mqtt_connect *c);
size_t mqtt_encode_publish(uint8_t *buf, size_t cap, const struct mqtt_publish *p);
size_t mqtt_encode_subscribe(
	uint8_t *buf, size_t cap, int version, uint16_t mid, const char *filter, int qos);
size_t mqtt_encode_puback(uint8_t *buf, size_t cap, uint16_t mid);
/* PINGREQ, and DISCONNECT without a reason (normal). */
size_t mqtt_encode_bare(uint8_t *buf, size_t cap, enum mqtt_type type);

/* Looks for one packet at the start of p. 1: whole, its length is in size_out; 0: more bytes
 * are needed, size_out is the length if it is known already, else 0; -1: malformed. */
int mqtt_scan(const uint8_t *p, size_t n, size_t *size_out);

/* Decodes the one whole packet that p[0..n) is. The slices point into p. 0, or -1: malformed or
 * a packet that a server may not send. */
int mqtt_decode(const uint8_t *p, size_t n, int version, struct mqtt_packet *out);

#endif
