/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a transaction will make visible once it is committed: down records, kept by delivery tier,
 * and what is to be read then. Dropped whole on rollback. Handlers add; only the engine, after
 * COMMIT, sends and reads. This is what makes "store first, then deliver" a property of the
 * structure and not of each handler's care. What readers have answered is of no transaction: the
 * engine has effects of its own for it, which wait for none.
 */
#ifndef IM_BRIDGE_EFFECTS_H
#define IM_BRIDGE_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "common/buf.h"
#include "common/frame.h"
#include "common/str.h"
#include "common/wire.h"

/* Delivery order when the link is busy; order within one conversation never changes. CONTROL goes
 * first of all: invalidations, kicks, replies, acks and commit-returns. */
enum effects_tier {
	EFFECTS_CONTROL,
	EFFECTS_DIRECT, /* direct messages, and events that are kept */
	EFFECTS_SMALL,  /* groups up to 100 members */
	EFFECTS_MEDIUM, /* up to 1000 */
	EFFECTS_LARGE,
	EFFECTS_ROOM,
	EFFECTS_TIERS
};

struct effects;

struct effects *effects_new(void);
void effects_free(struct effects **fx);
/* Drops everything: after a rollback, or when the engine has taken it. */
void effects_reset(struct effects *fx);
struct tx_part effects_part(struct effects *fx);
/* True once memory ran out: the transaction must be rolled back. */
bool effects_failed(const struct effects *fx);
/* The encoded down records of a tier, in order. */
struct im_str effects_view(const struct effects *fx, enum effects_tier tier);

/* Something that is to be read when the transaction is committed, by whoever knows what it is a
 * part of: it is that one's first member (read_job.h). */
struct effects_read {
	struct effects_read *next;
	void (*drop)(struct effects_read *r); /* frees it, unread */
};
/* It belongs to the effects from here on. */
void effects_read(struct effects *fx, struct effects_read *r);
/* All of them, in order, and the caller's from here on; for the engine, after COMMIT. */
struct effects_read *effects_reads(struct effects *fx);

/* Bytes of all tiers together: the engine ends a transaction early when fan-out grows large. */
size_t effects_bytes(const struct effects *fx);

/* What the plugin at the other end of the link understands, IM_PLUGIN_LEVEL of frame.h, and of
 * several the one that understands least: whoever plans a record that needs a level asks first, and
 * does without when it is not there. 0 while there is no plugin. */
void effects_set_level(struct effects *fx, unsigned level);
unsigned effects_level(const struct effects *fx);

/* Called at once when something is forgotten, so that the bridge's own caches follow inside the
 * transaction. uid.n == 0: the whole group; gid.n == 0: the user. */
typedef void (*effects_forget_fn)(void *arg, struct im_str uid, struct im_str gid);
void effects_on_forget(struct effects *fx, effects_forget_fn fn, void *arg);

/* Positions in the log of the deliveries that are planned in a tier, but for rooms: of the first
 * and the last one; first == 0: there are none. */
struct effects_span {
	uint64_t first, last;
};
/* The position of what is planned from here on; 0: it has none. */
void effects_at(struct effects *fx, uint64_t position);

/* What of all that is planned is one plugin's: everything, or what split.h leaves of it. Borrowed
 * from whoever has made it. */
struct effects_share {
	struct im_str records[EFFECTS_TIERS]; /* encoded, in order */
	struct effects_span span[EFFECTS_TIERS];
	size_t before_groups; /* bytes of EFFECTS_DIRECT planned before the first one to a group */
	bool retained;        /* a broker retains some: of that the newest must come last */
	bool hurries;         /* messages are among what is planned in EFFECTS_DIRECT */
};
void effects_all(const struct effects *fx, struct effects_share *out);
/* The oldest delivery to a group, UINT64_MAX: there is none. */
uint64_t effects_groups(const struct effects_share *s);

/* Any record. */
void effects_put(struct effects *fx, enum effects_tier tier, const struct im_down_rec *r,
	const struct im_recipient *to, uint32_t n);
/* Payload to {p}/inbox/{uid}/{suffix} at QoS 1. */
void effects_inbox(
	struct effects *fx, struct im_str uid, struct im_str suffix, struct im_str payload);
/* An event that is kept at this position, and takes its turn among direct messages: what is handed
 * over to a user's devices is so in the order of the log, but for groups. */
void effects_kept(struct effects *fx, struct im_str uid, struct im_str event, uint64_t position);
/* The greeting of a device that its plugin has asked for by this number. */
void effects_hello(struct effects *fx, struct im_str uid, struct im_str device, uint64_t ask,
	struct im_str event);
/* The answer to a request: to reply_topic with corr, or, when reply_topic is empty, to the device's
 * own {p}/inbox/{uid}/rpc/{device}. */
void effects_reply(struct effects *fx, struct im_str uid, struct im_str device,
	struct im_str reply_topic, struct im_str corr, struct im_str payload);
/* It is an answer for one device, and nothing to a plugin that the device has not asked through. */
bool effects_is_answer(const struct im_down_rec *r);
/* What the plugin has cached of these is no longer true. */
void effects_forget_user(struct effects *fx, struct im_str uid);
void effects_forget_group(struct effects *fx, struct im_str gid);
void effects_forget_member(struct effects *fx, struct im_str gid, struct im_str uid);
/* The same of a user whose password has changed, which ends his connections, but for the one that
 * the device (n == 0: none) had at that time. A plugin that does not know of it keeps them. */
void effects_credential(
	struct effects *fx, struct im_str uid, struct im_str device, int64_t since_ms);
/* Disconnects a user's clients, or one device (device.n != 0). */
void effects_kick(struct effects *fx, struct im_str uid, struct im_str device, enum im_end why);
/* Called at once by effects_kick, with what it was given. */
typedef void (*effects_kick_fn)(
	void *arg, struct im_str uid, struct im_str device, enum im_end why);
void effects_on_kick(struct effects *fx, effects_kick_fn fn, void *arg);
/* With several brokers: ends what a device had begun by since_ms, but not at the broker of the
 * number `home`, where it is; what is left of it elsewhere is void. home 0: it is at none, and
 * nothing is void. */
void effects_move(struct effects *fx, struct im_str uid, struct im_str device, enum im_end why,
	int64_t since_ms, unsigned home);

#endif
