/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections: client ids are bound to their users, users of a token are created, presence is kept
 * and published, and a device that subscribes to its inbox is told where the log is.
 */
#ifndef IM_BRIDGE_SESSIONS_H
#define IM_BRIDGE_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/health.h"
#include "bridge/base/log.h"
#include "bridge/base/tx_part.h"
#include "bridge/deliver/effects.h"
#include "bridge/deliver/presence.h"
#include "bridge/deliver/whereabouts.h"
#include "bridge/directory/rights.h"
#include "bridge/rpc/cursors.h"
#include "bridge/write/writer.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/siphash.h"

struct sessions;

/* Borrowed. */
struct sessions_parts {
	struct rights *rights;
	struct writer *writer;
	struct directory *dir;
	struct effects *fx;
	struct cursors *cursors;
	struct health *health;
	struct log *log;
	struct im_sipkey key;
};

struct sessions *sessions_new(const struct sessions_parts *p);
void sessions_free(struct sessions **s);
struct sessions_settings {
	bool presence;               /* keep marks and publish */
	bool names;                  /* of the devices, in what is published */
	uint32_t remembered_devices; /* of one user */
	int64_t device_days;         /* after which the broker forgets a session */
};
void sessions_set(struct sessions *s, const struct sessions_settings *set);
/* Borrowed; told whose devices change. */
void sessions_set_whereabouts(struct sessions *s, struct whereabouts *w);
/* As whereabouts_homes_fn; arg is the struct sessions. */
int sessions_homes(void *arg, struct im_str uid, split_mask *out) IM_MUST_CHECK;

/* These plugins there are (bit peer); the link to one stands, or does not. See moves.h. */
int sessions_set_brokers(struct sessions *s, uint32_t peers) IM_MUST_CHECK;
void sessions_linked(struct sessions *s, unsigned peer, bool on);
/* Of this plugin nothing is heard any more: nobody is there. */
void sessions_unheard(struct sessions *s, unsigned peer, int64_t now_ms);
/* It is not there, so nobody is present there. It may have stopped for a while: its sessions are
 * where they were. */
void sessions_away(struct sessions *s, unsigned peer, int64_t now_ms);
/* Those of which that holds, by their numbers. */
split_mask sessions_away_mask(const struct sessions *s);
/* A message or request of a session's. */
void sessions_spoke(struct sessions *s, unsigned peer, const struct im_up_rec *rec);

/* Record types OPEN, SUB, KEEP, CLOSE of this plugin (below IM_PEERS_MAX), inside the transaction.
 * IM_E_IO, IM_E_NOMEM: roll back. */
int sessions_record(struct sessions *s, unsigned peer, const struct im_up_rec *rec) IM_MUST_CHECK;
/* The record was handled before, and the plugin may not have heard what came of it. behind: its
 * part of the directory may be lost, too. */
int sessions_again(
	struct sessions *s, unsigned peer, const struct im_up_rec *rec, bool behind) IM_MUST_CHECK;
/* A part of a plugin's snapshot; `records` are the frame's. greet: every subscribed device gets a
 * hello, because deliveries to it may be gone. */
int sessions_snapshot(struct sessions *s, unsigned peer, const struct im_up_frame *f, bool greet,
	int64_t now_ms) IM_MUST_CHECK;
/* All that are connected are known: those whom the last process has left marked as online, and who
 * are not, are told to be offline. Does something once in the life of the process. */
int sessions_known(struct sessions *s, int64_t now_ms) IM_MUST_CHECK;
/* Plans what presence has to tell, a bounded part of it. It is told again after a rollback. */
int sessions_tell(struct sessions *s) IM_MUST_CHECK;
struct tx_part sessions_part(struct sessions *s);
/* There is more to tell. */
bool sessions_pending(const struct sessions *s);
struct presence *sessions_presence(const struct sessions *s);
/* See moves_places. */
const struct places *sessions_places(const struct sessions *s);

#endif
