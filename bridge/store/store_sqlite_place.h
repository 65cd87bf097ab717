/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places in conversations, by tables conv_log and spoke, for the writer and for readers. Seq 0:
 * there is none.
 */
#ifndef IM_BRIDGE_STORE_SQLITE_PLACE_H
#define IM_BRIDGE_STORE_SQLITE_PLACE_H

#include "bridge/message/kind.h"
#include "bridge/store/store_sqlite_core.h"

/* A row of conv_log. */
struct store_place {
	struct store_head at;
	uint64_t ord, shown; /* of an unnumbered one: its seq */
	bool numbered;       /* false: stored by an earlier version, and not numbered yet */
};

/* A sender's place is noted when the noted one is so many places before it: noting every message
 * would cost a page of the write-ahead log each. A reader looks through as many. */
#define STORE_SPOKE_EVERY 128

void store_sqlite_bind_ordinals(sqlite3_stmt *st, int at, const struct store_place *p);
int store_sqlite_find_head(struct sqldb *q, uint64_t conv, struct store_place *out);
int store_sqlite_place_up(struct sqldb *q, uint64_t conv, uint64_t seq, struct store_place *out);
int store_sqlite_place_down(struct sqldb *q, uint64_t conv, uint64_t seq, struct store_place *out);
/* The first numbered place through which `shown` messages are shown, and the one before it, which
 * has fewer or is unnumbered. `from`: a place of which that is so already. */
int store_sqlite_first_place(struct sqldb *q, uint64_t conv, const struct store_place *from,
	uint64_t shown, struct store_place *first_out, struct store_place *before_out);
/* The kind of a message; an operation where there is none any more. */
int store_sqlite_kind_at(struct sqldb *q, uint64_t gid, enum kind *out);
/* Where a user's message was noted last, 0: nowhere. */
int store_sqlite_spoke(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t *seq_out);
int store_sqlite_spoke_put(struct sqldb *q, uint64_t conv, uint64_t user, uint64_t seq);
/* Notes that a message that a user sent is gone. */
int store_sqlite_gone(struct sqldb *q, uint64_t gid);

/* The writer's: the newest message, with ordinals also where it was stored without. */
int store_sqlite_head(struct store *s, uint64_t conv, struct store_place *out);
/* The writer has put this message there. */
void store_sqlite_remember_head(struct store *s, uint64_t conv, const struct store_place *p);

#endif
