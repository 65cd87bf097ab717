/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MQTT 5 properties: reading those of a send, building those of a delivery. The reading functions
 * are not exported by every broker (Debian's 2.0.21 hides them), so they are looked up at start, in
 * the broker and then in libmosquitto.so.1, which have the same layout.
 */
#ifndef IM_PLUGIN_PROPS_H
#define IM_PLUGIN_PROPS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/msgprops.h"
#include "common/str.h"
#include "plugin/compat.h"

struct props {
	const mosquitto_property *(*read_pair)(
		const mosquitto_property *, int, char **, char **, bool);
	const mosquitto_property *(*read_string)(const mosquitto_property *, int, char **, bool);
	const mosquitto_property *(*read_binary)(
		const mosquitto_property *, int, void **, uint16_t *, bool);
	const mosquitto_property *(*read_byte)(const mosquitto_property *, int, uint8_t *, bool);
	void (*release)(void *); /* frees what they return */
	void *library;           /* handle of libmosquitto, or NULL */
};

/* What a publish brings along; freed by props_send_clear. */
struct props_send {
	char *id;       /* user property `id` */
	char *reply_to; /* response topic */
	void *corr;     /* correlation data */
	uint16_t corr_n;
	/* A message's; `pairs` and `content_type` are the memory of what `carried` names. */
	struct im_props carried;
	char *content_type;
	struct im_buf pairs;
};

int props_open(struct props *p, struct im_buf *why) IM_MUST_CHECK;
void props_close(struct props *p);

/* What a request is answered to. */
void props_request_read(
	const struct props *p, const mosquitto_property *list, struct props_send *out);
/* The id alone, which names a signal in a refusal. */
void props_signal_read(
	const struct props *p, const mosquitto_property *list, struct props_send *out);
/* All that is carried with a message, and its ttl. IM_E_INVALID_PARAMS: something is beyond its
 * bound, and why says what would be right; the id is there even then. The server's own user
 * properties are left out: whoever sends on what came with a delivery must neither be refused nor
 * believed. */
int props_message_read(const struct props *p, const mosquitto_property *list,
	struct props_send *out, struct im_buf *why) IM_MUST_CHECK;
/* IM_E_INVALID_PARAMS: longer than what is carried back. */
int props_check_correlation(struct im_str corr, struct im_buf *why) IM_MUST_CHECK;
void props_send_clear(const struct props *p, struct props_send *s);

/* What is told of a stored message by properties. */
struct props_delivery {
	struct im_str conv, from, id;
	uint64_t seq;
	const struct im_props *carried;
};
/* Properties of a stored message for MQTT 5 subscribers. NULL: out of memory (none are sent). */
mosquitto_property *props_message(const struct props_delivery *d);
/* Adds that the broker's copies die after so many seconds, also of clients with MQTT 3.1.1. */
void props_expiry(mosquitto_property **list, uint32_t seconds);
/* Properties of a reply: its content type, and the correlation data if there are any. */
mosquitto_property *props_reply(struct im_str corr);

#endif
