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

#include "../common/buf.h"
#include "../common/err.h"
#include "../common/str.h"
#include "compat.h"

struct props {
	const mosquitto_property *(*read_pair)(
		const mosquitto_property *, int, char **, char **, bool);
	const mosquitto_property *(*read_string)(const mosquitto_property *, int, char **, bool);
	const mosquitto_property *(*read_binary)(
		const mosquitto_property *, int, void **, uint16_t *, bool);
	void (*release)(void *); /* frees what they return */
	void *library;           /* handle of libmosquitto, or NULL */
};

/* What a publish brings along; freed by props_send_clear. */
struct props_send {
	char *id;       /* user property `id` */
	char *reply_to; /* response topic */
	void *corr;     /* correlation data */
	uint16_t corr_n;
};

int props_open(struct props *p, struct im_buf *why) IM_MUST_CHECK;
void props_close(struct props *p);

void props_send_read(const struct props *p, const mosquitto_property *list, struct props_send *out);
void props_send_clear(const struct props *p, struct props_send *s);

/* Properties of a stored message for MQTT 5 subscribers. NULL: out of memory (none are sent). */
mosquitto_property *props_message(
	struct im_str conv, uint64_t seq, struct im_str from, struct im_str id);
/* Properties of a reply: its content type, and the correlation data if there are any. */
mosquitto_property *props_reply(struct im_str corr);

#endif
