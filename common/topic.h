/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topic table: the only place that knows how a topic looks. Parses what clients publish and
 * subscribe to, and builds what the server publishes. Knows nothing of rights.
 */
#ifndef IM_COMMON_TOPIC_H
#define IM_COMMON_TOPIC_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/str.h"

/* Topics between plugin and bridge. `$` keeps them out of every wildcard subscription. */
#define IM_TOPIC_UP "$im/up"
#define IM_TOPIC_DOWN "$im/down"
/* Where a captured publish is sent: five bytes, no longer than the shortest send topic. */
#define IM_TOPIC_SINK "$im/0"
#define IM_TOPIC_CONTROL "$CONTROL/im/v1"
#define IM_TOPIC_CONTROL_RESPONSE "$CONTROL/im/v1/response"

enum im_topic_kind {
	IM_TOPIC_OTHER = 0,    /* not ours: ordinary MQTT traffic */
	IM_TOPIC_BAD,          /* under the prefix, but not in the table, or an id is malformed */
	IM_TOPIC_SEND_USER,    /* {p}/u/{uid}[/{device}]  id = uid, rest = the device's level */
	IM_TOPIC_SEND_GROUP,   /* {p}/g/{gid}          id = gid */
	IM_TOPIC_SIGNAL_USER,  /* {p}/s/u/{uid}[/{device}]  likewise */
	IM_TOPIC_SIGNAL_GROUP, /* {p}/s/g/{gid}        id = gid */
	IM_TOPIC_RPC,          /* {p}/rpc[/{method}]   id = method, empty without */
	IM_TOPIC_ACK,          /* {p}/ack: how far a device has come */
	IM_TOPIC_INBOX,        /* {p}/inbox/{uid}/...  id = uid, rest = what follows */
	IM_TOPIC_ROOM,         /* {p}/room/{gid}       id = gid */
	IM_TOPIC_PRESENCE,     /* {p}/presence/{uid}   id = uid */
	IM_TOPIC_CTRL,         /* $CONTROL/im/v1 */
	IM_TOPIC_CTRL_RESPONSE,
	IM_TOPIC_LINK, /* $im/... */
};

struct im_topic {
	enum im_topic_kind kind;
	struct im_str id;   /* borrowed */
	struct im_str rest; /* borrowed; INBOX, SEND_USER and SIGNAL_USER only */
};

/* `prefix` without slashes at its ends ("im"). A topic without wildcards. Never fails: what is not
 * in the table is OTHER or BAD. */
void im_topic_parse(struct im_str prefix, struct im_str topic, struct im_topic *out);

struct im_filter {
	struct im_topic
		topic; /* kind INBOX/ROOM/PRESENCE/CTRL_RESPONSE/LINK/OTHER/BAD; for a filter whose
			  wildcards stand where an id would (im/+/bob, im/inbox/+/u), or that
			  is none of the forms in which an inbox may be listened to: BAD */
	bool shared;   /* $share/{group}/... */
	struct im_str filter; /* the filter itself, without $share/{group}/ */
	bool reaches_im;      /* could match a topic under the prefix (e.g. "#", "+/x") */
	bool events;          /* INBOX: covers {p}/inbox/{id}/event */
	/* INBOX: its first level, if that may be a device's, and what follows; and whether
	 * wildcards stand there, as the devices of device accounts may have them. */
	struct im_str device, below;
	bool below_wild;
	size_t levels; /* of the filter itself; 0 if it is malformed */
};

/* Well-formed MQTT filter: wildcards alone in their level, '#' last. */
bool im_filter_valid(struct im_str filter);

/* A subscription's filter, wildcards and `$share` included. */
void im_filter_parse(struct im_str prefix, struct im_str filter, struct im_filter *out);

/* True if every topic that `filter` matches is matched by `allowed` too (both MQTT filters or
 * topics). */
bool im_filter_within(struct im_str filter, struct im_str allowed);

/* The same set of topics; one that ends with '#' and says no more than that as one that ends with
 * "+/#": no topic is empty, so "#" has a level before what it stands for. */
struct im_str im_filter_spelled(struct im_str filter);
/* The broker's own statistics: $SYS, and what lies below it. Of filters: all that it matches. */
bool im_topic_sys(struct im_str topic);

/* Builders append to b. */
void im_topic_inbox(
	struct im_buf *b, struct im_str prefix, struct im_str uid, struct im_str suffix);
void im_topic_room(struct im_buf *b, struct im_str prefix, struct im_str gid);
void im_topic_presence(struct im_buf *b, struct im_str prefix, struct im_str uid);

#endif
