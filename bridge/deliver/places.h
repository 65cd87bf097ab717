/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which client ids are connected at which broker and since when, those of device accounts included,
 * and whose they are. Fed by the plugins' session records and snapshots, which are
 * true whatever becomes of a transaction and stay; that one of them has to go is decided within a
 * transaction, and undone with it. Only for several brokers. No I/O, and no decisions: moves.c's.
 */
#ifndef IM_BRIDGE_PLACES_H
#define IM_BRIDGE_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/hash.h"
#include "common/siphash.h"
#include "common/str.h"

struct places;

/* A connection. `end` when it is not about to be ended. */
#define PLACE_STAYS 0xff

struct place {
	int64_t since_ms;
	uint64_t heard; /* grows: which of two was heard of later */
	uint64_t user;
	uint8_t peer;
	uint8_t end;    /* enum im_end: it was told to go, for this */
	uint8_t winner; /* the number of the broker where the device is instead; 0: nowhere */
	bool spoke;     /* it has been heard of since: its client knows that it is in */
	bool fresh;     /* no transaction that knew of it is committed yet */
	/* So many may be connected, and whether the one connected longest goes, where not all
	 * brokers could be counted when it came. 0: they were, or it does not matter. */
	int32_t uncounted;
	bool oldest;
	/* The rest is places.c's. */
	bool met, stale, refused;
	bool open, ended;
	struct place *open_prev, *open_next;
	struct place_user *of;
	struct place *prev, *next;
	UT_hash_handle hh;
	uint8_t n;
	char key[]; /* the peer, and the client id */
};

static inline struct im_str place_device(const struct place *e)
{
	return (struct im_str){e->key + 1, e->n};
}

/* max: of all connections together. NULL: out of memory. */
struct places *places_new(size_t max, const struct im_sipkey *key);
void places_free(struct places **p);

struct place_facts {
	unsigned peer; /* below IM_PEERS_MAX */
	struct im_str device;
	uint64_t user;
	int64_t since_ms;
	bool met; /* in a snapshot, which says what is so now; else in the order of the spool */
	int64_t now_ms;
};
enum place_news {
	PLACE_NEW,   /* of this connection nothing was known */
	PLACE_KNOWN, /* it is heard of again */
	PLACE_OLD,   /* a later one is connected there: nothing has changed */
};
/* The client id is connected there, and is until it is closed. IM_E_FULL: too many are; IM_E_NOMEM.
 */
int places_open(struct places *p, const struct place_facts *f, enum place_news *news_out,
	struct place **out) IM_MUST_CHECK;
/* One that had begun by then is not any more. */
void places_close(
	struct places *p, unsigned peer, struct im_str device, int64_t ts_ms, int64_t now_ms);
/* A plugin's snapshot: what is not opened between begin and end is not connected there. */
void places_snapshot_begin(struct places *p, unsigned peer);
void places_snapshot_end(struct places *p, unsigned peer);

/* NULL: it is not connected there. */
struct place *places_find(const struct places *p, unsigned peer, struct im_str device);
/* At another broker than this one: the newest connection of this user that is to stay; NULL: none.
 * A client id that is not written anywhere may be another user's there. */
struct place *places_other(
	const struct places *p, unsigned peer, struct im_str device, uint64_t user);
/* Of other users' connections with this client id that are to stay the one that began first; NULL:
 * there is none. */
struct place *places_foreign(const struct places *p, struct im_str device, uint64_t user);
/* One that is to stay or to go. */
bool places_elsewhere(const struct places *p, unsigned peer, struct im_str device);
/* Where the client id was connected last, and since when, if it is nowhere now: a bounded number of
 * them is remembered. False: not known. */
bool places_left(
	const struct places *p, struct im_str device, unsigned *peer_out, int64_t *since_ms_out);
/* That is not so any more. */
void places_forget_left(struct places *p, struct im_str device);

/* Each of a user's that is to stay. fn changes nothing. */
typedef void (*places_each_fn)(void *arg, const struct place *e);
void places_each(const struct places *p, uint64_t user, places_each_fn fn, void *arg);
/* Of a user's devices at one broker those that are to stay, but for this one. */
int64_t places_devices(const struct places *p, uint64_t user, unsigned peer, struct im_str but);
/* Of those at any of these brokers (bit peer) the one connected longest; NULL: there is none. */
struct place *places_oldest(
	const struct places *p, uint64_t user, uint32_t peers, struct im_str but);

/* Of the same the one connected last, but for this one; NULL: there is none. */
const struct place *places_newest(
	const struct places *p, uint64_t user, uint32_t peers, struct im_str but);

/* The newest of a user's that are to stay and came uncounted; NULL: none. */
struct place *places_uncounted(const struct places *p, uint64_t user);
/* For one of each such user's, as long as fn returns IM_OK; it may end some, and opens none. */
typedef int (*places_fn)(void *arg, struct place *e);
int places_each_uncounted(struct places *p, places_fn fn, void *arg) IM_MUST_CHECK;
/* All are counted now. */
void places_all_counted(struct places *p);

/* This one has to go. Undone unless it is settled as committed. */
void places_end(struct places *p, struct place *e, unsigned end, unsigned winner);
/* All of a user's, or the one with this client id: has been told so by others. */
void places_end_user(struct places *p, uint64_t user, struct im_str device, unsigned end);
void places_settle(struct places *p, bool committed);

size_t places_count(const struct places *p);

#endif
