/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The events that the bridge sends to im/inbox/{uid}/event, and the keys that they have on a
 * timeline: of two with the same key only the newer one is kept for `sync`. What each looks like is
 * schema/wire/event.schema.json; where names of users stand in them, renaming.h must know. Pure.
 *
 * Each function here begins an event; free it with event_clear, whatever became of it. Memory that
 * runs out on the way is told by event_fault.
 */
#ifndef IM_BRIDGE_EVENT_H
#define IM_BRIDGE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/ids.h"
#include "common/str.h"

struct event {
	struct im_buf key;  /* empty: it is told live, to who is connected, and kept for nobody */
	struct im_buf json; /* without the `cursor` that a kept one gets when it is written */
};

void event_clear(struct event *e);
/* IM_OK or IM_E_NOMEM. */
int event_fault(const struct event *e) IM_MUST_CHECK;
/* The object as it is kept and told: out is reset and gets it with `cursor`, its position. */
int event_place(struct im_buf *out, const struct event *e, uint64_t position) IM_MUST_CHECK;

/* Who reads a conversation: the user, on any of his devices, or the peer of a direct one. */
enum event_reader { EVENT_READ_OWN, EVENT_READ_PEER };

/* `by` has read the conversation with `peer`, a user or a group, up to seq. */
void event_read(struct event *e, enum event_reader whose, enum im_conv_kind kind,
	struct im_str peer, uint64_t seq, struct im_str by);
/* Everything after one seq and up to another has arrived at `by`, the peer of a direct
 * conversation. Live. */
void event_delivered(struct event *e, struct im_str by, uint64_t after, uint64_t seq);
/* The user's settings of a conversation. settings: members as conv.update answers them, with a
 * leading comma, `conv` first. */
void event_conv(struct event *e, struct im_str conv, struct im_str settings);
/* The user's own profile. profile: members as user.get answers them, without a comma. */
void event_user(struct event *e, struct im_str profile);

/* What others see of `uid` is this now. Live. */
void event_profile(
	struct event *e, struct im_str uid, struct im_str nick, struct im_str avatar, int64_t rev);

/* The entry of `uid` in the user's list of contacts: "request", "accept", "reject", "remove" or
 * "update", by whom, with a note of his (n == 0: none); version: the list's, as contact.list gives
 * it. */
struct event_contact {
	const char *action;
	struct im_str uid, by, note;
	uint64_t version;
};
void event_contact(struct event *e, const struct event_contact *c);
/* `uid` was put on the user's block list, or taken from it. */
void event_block(struct event *e, struct im_str uid, bool blocked);

/* The user came into a group ("invite") or is out of it ("leave", "kick", "dismiss"). */
void event_group(struct event *e, struct im_str gid, const char *action, struct im_str by);
/* `by` asks to be let into a group that the user runs; note.p == NULL: without a note. */
void event_group_request(struct event *e, struct im_str gid, struct im_str by, struct im_str note);

/* A device of the user's was removed. Live. (What became of one that was too many the plugin tells:
 * im_wire_device.) */
void event_device_removed(struct event *e, struct im_str device);
/* Greets a device that subscribes: the node's position, and whether the device has something to
 * fetch before it. Live; denied to all of the user's devices but this one (IM_HELLO_BEGIN). */
void event_hello(struct event *e, struct im_str device, uint64_t cursor, bool behind);

#endif
