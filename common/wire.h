/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The JSON that clients receive: delivered messages, acks, refusals, events. Building only,
 * appended to a buffer; the golden vectors under schema/wire hold it to the letter.
 */
#ifndef IM_COMMON_WIRE_H
#define IM_COMMON_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/envelope.h"
#include "common/str.h"

/* A stored message as everybody sees it, but for the name of the conversation. */
struct im_wire_msg {
	uint64_t seq;
	uint64_t cursor; /* log position; shown as an opaque string */
	struct im_str from;
	struct im_str from_name; /* as the sender calls himself; p == NULL: it is not said */
	int64_t ts_ms;
	struct im_str id;   /* n == 0: none */
	struct im_str type; /* n == 0: default of enc */
	enum im_enc enc;
	struct im_str meta; /* ready members without leading comma; n == 0: none */
	struct im_str body;
};

/* The tail that all recipients share: `,"seq":42,"from":"alice","ts":...,"id":...,"type":...,
 * "enc":"base64"?,<meta>,"cursor":"...","body":...}`. The whole payload is `{"conv":"<conv>"` +
 * tail. */
void im_wire_tail(struct im_buf *b, const struct im_wire_msg *m);
/* The whole object, for history and sync. */
void im_wire_message(struct im_buf *b, struct im_str conv, const struct im_wire_msg *m);

/* False for a message that would be longer in JSON than a frame can carry to anybody. */
bool im_wire_fits(struct im_str meta, enum im_enc enc, struct im_str body);

/* One element of an ack array (without brackets or commas). dropped: a ready JSON array of those
 * whom the message does not mention although it was to; n == 0: none. */
void im_wire_ack(struct im_buf *b, struct im_str id, struct im_str conv, uint64_t seq,
	int64_t ts_ms, struct im_str dropped);
/* One refusal: `{"id":"c-17"|null,"conv":...,"error":{"code":...,"message":"<text>: <why>"}}`. */
void im_wire_refusal(
	struct im_buf *b, struct im_str id, struct im_str conv, int code, struct im_str why);
/* `{"code":...,"message":"<text>: <why>"}`; just the text when why is empty. */
void im_wire_error(struct im_buf *b, int code, struct im_str why);
/* The same with `"data":{"retry_ms":..}`: after how long it is worth while to try again. */
void im_wire_error_retry(struct im_buf *b, int code, struct im_str why, int64_t retry_ms);

/* The event about one of a user's devices: `{"event":"device","action":..,"device":..,"by":..}`;
 * by.n == 0: without `by`. */
void im_wire_device(struct im_buf *b, const char *action, struct im_str device, struct im_str by);
/* Why the node ends a session. The numbers are those of the link's kicks, too (frame.h). */
enum im_end {
	IM_END_KICKED, /* an administrator has ended the connection, and no more */
	IM_END_REMOVED,
	IM_END_REPLACED,
	IM_END_EXPIRED,
	IM_END_PASSWORD,
	IM_END_DISABLED,
	IM_END_DELETED,
	IM_END_MOVED,     /* the client id is connected at another broker of the node */
	IM_END_CONTESTED, /* the same, as it is over and over again */
	IM_END_LIMIT,     /* one device more than max_devices, over all brokers */
	IM_ENDS
};
/* The last event of a session: `{"event":"session","action":"end","device":..,"reason":..,
 * "retry":..}`. */
void im_wire_end(struct im_buf *b, struct im_str device, enum im_end why);
/* How it begins; the device follows, a JSON string. */
#define IM_END_BEGIN "{\"event\":\"session\",\"action\":\"end\",\"device\":"
/* How an event about one of a user's devices begins; the action and the device follow. */
#define IM_DEVICE_BEGIN "{\"event\":\"device\",\"action\":"
/* `"n":17` of a delivery to an inbox, and `,"safe":"1040"` where not all that is older than it had
 * been handed over before. Returns the bytes. */
#define IM_WIRE_STEP_MAX 64
size_t im_wire_step(char out[IM_WIRE_STEP_MAX], uint64_t n, bool all, uint64_t safe);
/* The same of a delivery to one device of a device account: `"device_n":5`. */
size_t im_wire_step_own(char out[IM_WIRE_STEP_MAX], uint64_t n, bool all, uint64_t safe);
/* How a hello begins; its device follows, a JSON string. */
#define IM_HELLO_BEGIN "{\"event\":\"hello\",\"device\":"
/* And how it ends. */
#define IM_HELLO_BEHIND ",\"behind\":true}"
#define IM_HELLO_NOT_BEHIND ",\"behind\":false}"
/* A hello as the bridge has made it, with `n` and `epoch` (epoch.n == 0: without either); behind:
 * it says that the device is, whatever it has said. */
void im_wire_hello(
	struct im_buf *b, struct im_str hello, bool behind, uint64_t n, struct im_str epoch);
/* Adds to a hello with `n` what is for this device alone is counted from. */
void im_wire_hello_own(struct im_buf *b, uint64_t n);

/* Cursor text of a log position (decimal digits today; opaque to clients), and back.
 * im_cursor_parse returns IM_E_INVALID_PARAMS for anything that is no cursor; "" and "0" are 0. */
void im_cursor_put(struct im_buf *b, uint64_t pos);
int im_cursor_parse(struct im_str s, uint64_t *pos_out) IM_MUST_CHECK;

#endif
