/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One device at two brokers, and too many of one person's over all of them. The connection that
 * began later is the device's, wherever: the others end, what is left of them is void, and the
 * broker where it is becomes its home. Who is heard of last does not matter, since each record says
 * when its connection began; of two that began in the same millisecond the one at the broker of the
 * greater number is the later one, for the bridge and the plugins alike (im_connection_later).
 *
 * What is planned names a broker and a time, so that it is harmless when it comes late, or twice:
 * it ends nothing that began later. What a plugin may not have been told is told again when its
 * snapshot shows a connection that had to go.
 *
 * With one broker nothing of this happens, and nothing is held.
 */
#ifndef IM_BRIDGE_MOVES_H
#define IM_BRIDGE_MOVES_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/rights.h"
#include "bridge/engine/moves_parts.h"
#include "common/err.h"
#include "common/frame.h"
#include "common/str.h"

struct moves;
struct places;

/* NULL: out of memory. */
struct moves *moves_new(const struct moves_parts *p);
void moves_free(struct moves **m);
/* These are configured (bit peer). IM_E_NOMEM. */
int moves_set_brokers(struct moves *m, uint32_t peers) IM_MUST_CHECK;
/* Who is connected where; NULL: there is one broker. */
const struct places *moves_places(const struct moves *m);
/* The link to this plugin stands, or does not: what is connected there then does not count. */
void moves_linked(struct moves *m, unsigned peer, bool on);

/* Record type OPEN, when the client id was bound; of this plugin. */
int moves_come(struct moves *m, unsigned peer, const struct im_up_rec *rec,
	const struct rights_user *u) IM_MUST_CHECK;
/* The same, handled before: who had to go may still be there. behind: the home may be lost. */
int moves_again(
	struct moves *m, unsigned peer, const struct im_up_rec *rec, bool behind) IM_MUST_CHECK;
/* Met in a plugin's snapshot, between begin and end. */
int moves_met(struct moves *m, unsigned peer, const struct im_up_rec *rec,
	const struct rights_user *u, int64_t now_ms) IM_MUST_CHECK;
/* Nothing is new about it since this process has looked, and whatever would end it would have been
 * noted: the snapshots of links that come and go cost no look into the directory. */
bool moves_settled(
	const struct moves *m, unsigned peer, const struct im_up_rec *rec, uint64_t user);
void moves_snapshot_begin(struct moves *m, unsigned peer);
void moves_snapshot_end(struct moves *m, unsigned peer);
/* After that, in its transaction: those who came while not all brokers were heard of are counted.
 */
int moves_recount(struct moves *m) IM_MUST_CHECK;
/* Record type CLOSE. */
void moves_gone(struct moves *m, unsigned peer, const struct im_up_rec *rec);
/* Any other record of a client: it knows that it is in. */
void moves_spoke(struct moves *m, unsigned peer, const struct im_up_rec *rec);
/* The device is at another broker than this one, connected or by its home: what goes here does not
 * end it. */
bool moves_elsewhere(const struct moves *m, unsigned peer, struct im_str device, unsigned home);
/* There is more than one broker, so that where a client id was last has to be known of each. */
bool moves_several(const struct moves *m);
/* It is connected, or may be so at its home: who is there is not known. */
bool moves_in_use(const struct moves *m, struct im_str device, unsigned home);
/* Another user has been connected with this client id for longer, wherever: of one that is written
 * nowhere nothing else says whose it is. rec: of a connection of this user's. */
bool moves_foreign(
	const struct moves *m, unsigned peer, const struct im_up_rec *rec, uint64_t user);
/* It is this user's from now on: whoever else is connected with it goes. */
int moves_bound(struct moves *m, struct im_str device, uint64_t user) IM_MUST_CHECK;
/* The transaction is committed, or rolled back. */
void moves_settle(struct moves *m, bool committed);

#endif
