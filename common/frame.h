/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The binary frames between plugin and bridge: little-endian, length-prefixed, versioned. This is
 * the only codec; encoder and bounds-checked decoder stand together so that they cannot disagree.
 * Decoders allocate nothing and borrow from the frame.
 *
 * A frame: u8 'I', u8 'M', u8 version, u8 kind, then what the kind says.
 *   UP_BATCH     u64 epoch, u64 first recno, u32 count, count x up record
 *   UP_SESSIONS  u8 flags (1 first part, 2 last part, the rest: the plugin's level), u64 epoch,
 *                u64 first recno, u32 count, count x up record (type OPEN/SUB)
 *   UP_CREDIT    u32 number of down frames done
 *   UP_STATS     JSON text of the plugin's counters
 *   UP_AHEAD     u64 epoch, u64 recno, u32 1, an up record (type RPC): the copy of one in the spool
 *   DOWN         records until the end of the frame
 * A record: u32 length of what follows, then its fields.
 */
#ifndef IM_COMMON_FRAME_H
#define IM_COMMON_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

#define IM_FRAME_VERSION 1

/* A piece: u32 length, then so many bytes; a record is one. Appends one; what is longer than its
 * length can say fails the buffer. */
void im_piece_put(struct im_buf *b, struct im_str s);
/* Takes one from the front of *in, without looking into it. IM_E_FORMAT: its bytes are not all
 * there, and *in is as before. */
int im_piece_take(struct im_str *in, struct im_str *out) IM_MUST_CHECK;

/* What a plugin understands. It says its level in every SESSIONS frame, and the bridge sends a down
 * record that needs a level only to a plugin that has it, and takes no arrays of requests from one
 * that would count them as one: while a node is upgraded the bridge is
 * new and the plugin is not, until the broker is restarted. A level includes those below it.
 *   0  the records up to IM_DOWN_STATS; says nothing of itself
 *   1  the same, and says so
 *   2  IM_DOWN_CREDENTIAL
 *   3  IM_DOWN_STEP; and counts the requests of an array one by one
 *   4  compares passwords with hashes of mosquitto_passwd, too; IM_DOWN_DEVICE
 *   5  is one of several: its number and IM_DOWNF_SEVERAL in HELLO, IM_DOWN_KICK_DEVICE with a
 * time, OPEN with what max_devices lets */
#define IM_PLUGIN_LEVEL 5
#define IM_PLUGIN_LEVEL_CREDENTIAL 2
#define IM_PLUGIN_LEVEL_STEP 3
#define IM_PLUGIN_LEVEL_COUNTS 3
#define IM_PLUGIN_LEVEL_HASHES 4
#define IM_PLUGIN_LEVEL_DEVICE 4
#define IM_PLUGIN_LEVEL_SEVERAL 5
#define IM_PLUGIN_LEVEL_MAX 63 /* what the flags have room for */

enum im_frame_kind {
	IM_FRAME_UP_BATCH = 1,
	IM_FRAME_UP_SESSIONS = 2,
	IM_FRAME_UP_CREDIT = 3,
	IM_FRAME_UP_STATS = 4,
	/* A request that waits for its turn behind what the bridge cannot store at present: it may
	 * be answered at once if it only reads, and comes in its turn all the same. */
	IM_FRAME_UP_AHEAD = 5,
	IM_FRAME_DOWN = 16,
};

/* ---- up ---- */

enum im_up_type {
	IM_UP_NONE = 0, /* nothing: keeps the place of a record that a broker restart made void */
	IM_UP_MSG_USER = 1,  /* target = uid, or uid/level of a device's client id */
	IM_UP_MSG_GROUP = 2, /* target = gid */
	IM_UP_SIGNAL_USER = 3,
	IM_UP_SIGNAL_GROUP = 4,
	IM_UP_RPC = 5,     /* target = method or empty; reply_topic, corr */
	IM_UP_OPEN = 6,    /* user connected with device; flags IM_UPF_*; target = decimal number of
			      devices that the user may have connected, 0 or empty: any */
	IM_UP_SUB = 7,     /* the device is to be greeted; target = decimal number of the ask */
	IM_UP_CLOSE = 8,   /* the device's connection ended; target = decimal reason */
	IM_UP_CONTROL = 9, /* an admin's $CONTROL/im/v1 publish; device = where to answer; target =
			      a byte IM_KICK_* for each of its first commands, or nothing */
	IM_UP_KEEP = 10,   /* the device subscribed, and its session may stay at the broker */
	IM_UP_ACK = 11,    /* the device has all through the cursor that is the payload */
	/* The payload is a fresh hash of the user's password, which was right; target = which
	 * hash it replaces (struct im_rehash). */
	IM_UP_REHASH = 12,
	IM_UP_LAST = IM_UP_REHASH
};

#define IM_KICK_OTHER '-'  /* nothing is known of it */
#define IM_KICK_ABSENT 'a' /* it is to disconnect who is not connected */

#define IM_UPF_DURABLE 0x01    /* survives a broker crash: replayed from the spool file */
#define IM_UPF_V5 0x02         /* the client speaks MQTT 5 */
#define IM_UPF_NEW_DEVICE 0x04 /* OPEN: bind this client id to the user */
#define IM_UPF_NEW_USER 0x08   /* OPEN: create the user (JWT auto-create) */
#define IM_UPF_WILL 0x10       /* MSG: sent by the broker as the client's will */
#define IM_UPF_GONE 0x20       /* CLOSE: nothing of the session is left at the broker */
#define IM_UPF_WRITTEN 0x20    /* OPEN in SESSIONS: what has bound the client id is committed */
#define IM_UPF_KEPT 0x40       /* OPEN: KEEP has been said of the client id, and is not again */
#define IM_UPF_OLDEST 0x80     /* OPEN: of too many devices the one connected longest goes */

/* One layout for all types; a field that a type does not use is empty. */
struct im_up_rec {
	uint8_t type;
	uint8_t flags;
	int64_t ts_ms; /* when the plugin accepted it */
	struct im_str user;
	struct im_str device;
	struct im_str target;
	struct im_str id;          /* MQTT 5 user property `id`, n == 0: none */
	struct im_str reply_topic; /* RPC: MQTT 5 response topic */
	struct im_str corr;        /* RPC: MQTT 5 correlation data; MSG: msgprops.h */
	struct im_str payload;
};

/* REHASH: a stored hash as the directory knows it, so that no other is replaced. */
#define IM_REHASH_BYTES 24
struct im_rehash {
	uint64_t user;      /* his number */
	int64_t credential; /* which of his passwords */
	uint64_t rehashed;  /* which hash of it */
};
void im_rehash_write(char at[IM_REHASH_BYTES], const struct im_rehash *r);
int im_rehash_read(struct im_str s, struct im_rehash *out) IM_MUST_CHECK;

/* Size of a record as im_up_rec_write writes it, length prefix included. A field other than payload
 * that is longer than 65535 bytes is cut there: callers bound them far below. */
size_t im_up_rec_size(const struct im_up_rec *r);
/* Writes at `dst` (im_up_rec_size bytes): the plugin writes straight into the spool. */
void im_up_rec_write(char *dst, const struct im_up_rec *r);
/* Reads one record from the front of *in and advances it. IM_E_FORMAT: malformed. */
int im_up_rec_read(struct im_str *in, struct im_up_rec *out) IM_MUST_CHECK;

struct im_up_batch {
	uint64_t epoch;
	uint64_t first; /* recno of the first record */
	uint32_t count;
};
/* Starts a batch frame; the records follow as bytes. */
void im_frame_batch_begin(struct im_buf *b, const struct im_up_batch *h);
struct im_up_part {
	bool first, last;
	uint8_t level; /* IM_PLUGIN_LEVEL */
};
/* h: the spool's epoch, the number of its oldest record (of the next one when it is empty), and how
 * many session records follow. So the bridge knows where the spool begins, and takes no lost batch
 * for one that never was. */
void im_frame_sessions_begin(struct im_buf *b, struct im_up_part part, const struct im_up_batch *h);
void im_frame_ahead(struct im_buf *b, uint64_t epoch, uint64_t recno, struct im_str record);
void im_frame_credit(struct im_buf *b, uint32_t frames);
void im_frame_stats(struct im_buf *b, struct im_str json);

/* Any up frame: the header fields of its kind, and the records (or JSON) as `rest`. */
struct im_up_frame {
	enum im_frame_kind kind;
	struct im_up_batch batch; /* BATCH, SESSIONS, AHEAD */
	struct im_up_part part;   /* SESSIONS */
	uint32_t credit;          /* CREDIT */
	struct im_str rest;
};
int im_up_frame_read(struct im_str frame, struct im_up_frame *out) IM_MUST_CHECK;

/* ---- down ---- */

enum im_down_type {
	IM_DOWN_HELLO = 1, /* epoch = the bridge's instance, recno = this broker's number, from 1
			      on (0: a bridge of the version before), IM_DOWNF_SEVERAL,
			      IM_DOWNF_AHEAD; asks for SESSIONS and a replay */
	IM_DOWN_COMMITTED = 2, /* epoch, recno: everything through recno is committed */
	IM_DOWN_MESSAGE = 3,   /* a stored message: conv, head, tail, recipients */
	IM_DOWN_INBOX = 4,     /* payload to {p}/inbox/{uid}/{topic} of each recipient */
	IM_DOWN_TOPIC = 5,     /* payload to {p}/{topic}; QoS and retain by flags */
	IM_DOWN_REPLY = 6,     /* RPC reply to `topic` (absolute) with corr */
	IM_DOWN_CONTROL = 7,   /* payload to $CONTROL/im/v1/response of client `device` only */
	IM_DOWN_KICK_USER = 8, /* user; flags = enum im_end of wire.h */
	/* user and device; flags likewise. epoch != 0: only a connection that is not later than one
	 * which began then, in milliseconds since 1970, at the broker of the number recno
	 * (im_connection_later), and none at that broker: the device is there now, and what is left
	 * of it elsewhere is void. recno == 0: it is at none; whatever had begun by then ends, and
	 * nothing is void. */
	IM_DOWN_KICK_DEVICE = 9,
	IM_DOWN_FORGET_USER = 10,   /* drop what is cached of `user` */
	IM_DOWN_FORGET_GROUP = 11,  /* drop the group `topic` and all its members */
	IM_DOWN_FORGET_MEMBER = 12, /* drop the membership of `user` in the group `topic` */
	IM_DOWN_CREDIT = 13,        /* return an UP_CREDIT when this frame has been carried out */
	IM_DOWN_STATS = 14,         /* return UP_STATS */
	/* The password of `user` has changed: drop what is cached of it, and end its connections,
	 * but for that of `device` (n == 0: none) that had begun by `epoch`, in the plugin's
	 * milliseconds since 1970. */
	IM_DOWN_CREDENTIAL = 15,
	/* How far the link is, for what is delivered behind this record in its frame: with
	 * IM_DOWNF_ALL all that is older than a delivery had been handed over before it, else what
	 * is through `epoch`, a position in the log. The first record of a frame, with recno = the
	 * frame's number on this link, and again where it changes, with recno 0. */
	IM_DOWN_STEP = 16,
	/* A MESSAGE for one device of a device account: topic = its client id; one recipient, who
	 * brings the conversation. */
	IM_DOWN_DEVICE = 17,
	IM_DOWN_LAST = IM_DOWN_DEVICE
};

/* Which of two connections of a client id at different brokers is the later one, and the device's:
 * by when they began, and where that is the same millisecond, by the greater number of a broker.
 * The bridge and all plugins go by this, so that they agree on one before they have heard of the
 * others, whatever crosses on the links. */
static inline bool im_connection_later(
	int64_t ms, uint64_t number, int64_t than_ms, uint64_t than_number)
{
	return ms != than_ms ? ms > than_ms : number > than_number;
}

#define IM_DOWNF_QOS1 0x01
#define IM_DOWNF_RETAIN 0x02
#define IM_DOWNF_KEPT 0x04    /* INBOX: an event that comes by `sync` as well */
#define IM_DOWNF_ALL 0x08     /* STEP: see there */
#define IM_DOWNF_GAP 0x10     /* STEP: something may never be handed over; it comes by `sync` */
#define IM_DOWNF_SEVERAL 0x20 /* HELLO: the bridge has other brokers, too */
#define IM_DOWNF_AHEAD 0x40   /* HELLO: the bridge takes UP_AHEAD */

struct im_down_rec {
	uint8_t type;
	uint8_t flags;
	uint64_t epoch; /* HELLO, COMMITTED; MESSAGE, TOPIC: when it ends, in milliseconds since
			   1970, 0: never */
	uint64_t recno; /* COMMITTED: through; MESSAGE, TOPIC: seq, for the MQTT 5 properties */
	struct im_str user;
	struct im_str device; /* INBOX: whom a hello greets, and recno = the ask that it answers;
				 n == 0: it is none */
	struct im_str topic; /* suffix or topic, see the types; MESSAGE: the common conv ("g/team"),
				or empty when each recipient brings its own */
	struct im_str corr;  /* REPLY: correlation data; MESSAGE, TOPIC: msgprops.h */
	struct im_str id;    /* MESSAGE, TOPIC: the sender's message id */
	struct im_str payload;         /* MESSAGE: the shared tail; else the whole payload */
	uint32_t recipients;           /* MESSAGE, INBOX: how many follow */
	struct im_str recipient_bytes; /* decoding: read with im_recipient_read */
};
/* MESSAGE: user = from, device = the sending device (n == 0 when unknown). TOPIC: user = from if it
 * is a room's message, else empty. */

struct im_recipient {
	struct im_str uid;
	struct im_str conv; /* n == 0: the record's common conv */
};

void im_frame_down_begin(struct im_buf *b);
/* Appends a record; its recipients, if any, follow in an array (r->recipients is not looked at). A
 * uid or conv over 255 bytes or another field over 65535 fails the buffer. */
void im_down_rec_put(
	struct im_buf *b, const struct im_down_rec *r, const struct im_recipient *to, uint32_t n);
/* Of the record at p, which im_down_rec_put has written: its bytes; how many recipients it has. */
size_t im_down_rec_bytes(const char *p);
uint32_t im_down_rec_recipients(const char *p);
/* Checks header and returns the records' bytes. */
int im_down_frame_read(struct im_str frame, struct im_str *records_out) IM_MUST_CHECK;
int im_down_rec_read(struct im_str *in, struct im_down_rec *out) IM_MUST_CHECK;
/* Advances through recipient_bytes; IM_E_FORMAT cannot happen after im_down_rec_read accepted it.
 */
int im_recipient_read(struct im_str *in, struct im_recipient *out) IM_MUST_CHECK;

#endif
