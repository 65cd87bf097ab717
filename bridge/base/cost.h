/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one user's requests and messages may make the node do. The plugin counts what comes in, a
 * publish and its bytes; what a publish leads to (copies, words written again, people told, rows
 * looked up) is known here alone, and is paid from a bucket of the user's before it is done. One
 * currency: a unit is about what looking up a row takes. In memory only, one entry for each user
 * who lately asked for much; engine's thread.
 */
#ifndef IM_BRIDGE_COST_H
#define IM_BRIDGE_COST_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/tx_part.h"
#include "common/buf.h"
#include "common/siphash.h"

/* Prices. With the default of rate_cost, 20,000 units a second, copies and their words cost what
 * rate_messages and rate_bytes of the plugin let somebody send: 500 messages, 4 MiB. */
#define COST_ROW 1        /* a row looked up or shown */
#define COST_TOLD 1       /* a member that a message or change goes to */
#define COST_ROOM_SHARE 4 /* so many members of a room cost one unit: it is a single publish */
#define COST_PERSON 20    /* somebody who comes, goes, or gets an event: rows on both sides */
#define COST_MESSAGE 40   /* one more message stored than came in */
#define COST_KIB 5        /* each begun KiB of words that the request did not bring itself */
#define COST_LIST 50      /* looking at each of one's conversations, 500 of them */
#define COST_CONVS 500    /* of more, so many cost as much again */
#define COST_TOTAL 300    /* adding up what is unread in a thousand of them */
#define COST_PRESENCE 400 /* a change of presence, however many watch */
#define COST_PROFILE \
	5000 /* a changed profile that is told: five rows for each who may hear of it */
#define COST_CONTACT \
	400 /* a request to become one: both lists, as long as they may be, are counted */

struct cost;

struct cost *cost_new(const struct im_sipkey *key);
void cost_free(struct cost **c);
/* 0: no limit. */
void cost_set(struct cost *c, int64_t units_per_s);
/* True: paid, or there is no limit. False: nothing is taken, and it would be paid after
 * *wait_ms_out. now_ms: of the record, so that what has waited in the spool is not taken for a
 * flood. More than four seconds bring is paid by a bucket that is full. */
bool cost_take(struct cost *c, uint64_t user, int64_t now_ms, int64_t units, int64_t *wait_ms_out);
/* Takes what is known only after it was done, also from a bucket that is empty. */
void cost_owe(struct cost *c, uint64_t user, int64_t now_ms, int64_t units);
/* What to say to who could not pay. */
void cost_say(struct im_buf *why, int64_t wait_ms);
/* A rollback gives back what was paid for and not done. */
struct tx_part cost_part(struct cost *c);
/* How often somebody could not pay. */
uint64_t cost_refused(const struct cost *c);

/* What looking at so many conversations costs beyond COST_LIST. */
static inline int64_t cost_convs(uint64_t n)
{
	return n > COST_CONVS ? (int64_t)(n - COST_CONVS) * COST_LIST / COST_CONVS : 0;
}

/* The price of so many bytes. */
static inline int64_t cost_bytes(uint64_t n)
{
	return (int64_t)((n + 1023) / 1024) * COST_KIB;
}

/* The price of telling a group's members. */
static inline int64_t cost_members(uint32_t members, bool room)
{
	return room ? members / COST_ROOM_SHARE : members * COST_TOLD;
}

#endif
