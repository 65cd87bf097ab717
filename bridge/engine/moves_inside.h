/* SPDX-License-Identifier: BSD-3-Clause */
/* What two files of moves share: moves.c, for one device at two brokers, and moves_limit.c, for too
 * many of one person. Everybody else uses moves.h. */
#ifndef IM_BRIDGE_MOVES_INSIDE_H
#define IM_BRIDGE_MOVES_INSIDE_H

#include "bridge/base/buckets.h"
#include "bridge/deliver/places.h"
#include "bridge/engine/contests.h"
#include "bridge/engine/moves_parts.h"
#include "common/frame.h"
#include "common/wire.h"

struct moves {
	struct moves_parts p;
	/* NULL: there is one broker. */
	struct places *places;
	struct contests *contests;
	struct buckets *told;
	/* Bit peer: it is configured; the link stands; and since then it is known who is connected
	 * there. */
	uint32_t peers, linked, heard;
	bool uncounted; /* some came while not all brokers were heard of */
	bool counted;   /* all were, in the open transaction */
	bool full;      /* that there are too many was said */
};

struct arrival {
	unsigned peer;
	const struct im_up_rec *rec;
	const struct rights_user *u;
	int64_t now_ms;
	bool met;        /* in a snapshot */
	int64_t limit;   /* devices that its user may have, 0: as many as he likes */
	bool oldest;     /* of too many the one connected longest goes, or else this one */
	struct place *e; /* NULL: there are too many */
	/* As the directory has it; made-up client ids that are not kept have no row. */
	bool row;
	unsigned home;
	int64_t home_ms;
	bool known; /* its last connection was here, too */
};

static inline bool arrival_is_person(const struct arrival *a)
{
	return a->u->role != IM_ROLE_DEVICE;
}

/* It is known who is connected at each broker. */
static inline bool moves_all_heard(const struct moves *m)
{
	return m->heard == m->peers;
}

static inline bool moves_is_linked(const struct moves *m, unsigned peer)
{
	return m->linked >> peer & 1;
}

static inline unsigned moves_number(unsigned peer)
{
	return peer + 1;
}

/* It has to go: at the broker of this number is the device, or at none of them. */
void moves_end(struct moves *m, struct place *e, struct im_str uid, enum im_end why, unsigned home);
/* The event about a device, within a bound for each user: of a person all devices hear it; of a
 * device account the one that it is about. False: beyond that. */
bool moves_tell(struct moves *m, const struct arrival *a, const char *action, struct im_str device,
	struct im_str by);
void moves_say(const struct moves *m, const struct arrival *a, enum log_level level,
	const char *verb, struct im_str device, const char *what);

/* What OPEN says of how many there may be. */
void moves_read_limit(struct arrival *a);
/* The person has as many devices elsewhere as may be, and this one has to go: it was told. other:
 * where the device was, and stays. */
bool moves_refused(struct moves *m, const struct arrival *a, const struct place *other);
/* Or the one that has been connected longest, wherever. */
void moves_make_room(struct moves *m, const struct arrival *a);

#endif
