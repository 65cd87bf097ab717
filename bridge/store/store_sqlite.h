/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the SQLite backend share. Everybody else uses store.h. */
#ifndef IM_BRIDGE_STORE_SQLITE_H
#define IM_BRIDGE_STORE_SQLITE_H

#include <pthread.h>

#include "bridge/message/kind.h"
#include "bridge/store/fresh.h"
#include "bridge/store/idcache.h"
#include "bridge/store/store.h"
#include "db/sqldb.h"

enum store_sqlite_statement {
#define X(name, sql) STORE_##name,
#include "schema/sqlite/messages.def"
#undef X
	STORE_STATEMENTS
};
extern const struct sqldb_spec store_sqlite_spec;

/* A row of conv_log. */
struct store_place {
	struct store_head at;
	uint64_t ord, shown; /* of an unnumbered one: its seq */
	bool numbered;       /* false: stored by an earlier version, and not numbered yet */
};

/* A sender's place is noted when the noted one is so many places before it: noting every message
 * would cost a page of the write-ahead log each. A reader looks through as many. */
#define STORE_SPOKE_EVERY 128

struct store_touched {
	struct idcache *cache;
	uint64_t key[2];
};

/* The conversations that are being moved from the list into table pair. */
struct store_move {
	struct pair_row *rows;     /* sorted; NULL: none */
	uint32_t n, at, at_before; /* at: the next one; at_before: when the transaction began */
	uint64_t through;          /* the newest conversation among them */
};

struct store {
	struct sqldb q;
	char *folder;
	struct fresh *fresh; /* not in table pair yet; replaced by the writer under the lock */
	pthread_mutex_t fresh_lock;
	struct store_move move;
	uint64_t first_new; /* of the conversations made in this transaction */
	uint32_t n_new;
	struct idcache heads;  /* (conv, 0) -> seq, gid, ord, shown */
	struct idcache convs;  /* (a, b) of direct ones, (-1, group) -> id */
	struct idcache spoken; /* (conv, user) -> seq as in table spoke, or older; 0: none */
	/* What this transaction put into the caches; beyond the bound a rollback empties them. */
	struct store_touched *touched;
	uint32_t n_touched;
	uint64_t log_head, log_head_before; /* newest gid: now, and when the transaction began */
	uint64_t mark_epoch;                /* the only epoch in the marks, if known */
	bool mark_epoch_known;
	uint64_t prune_after; /* where the walk over the whole log goes on */
	/* Through this gid there may be rows without ordinals, 0: none; so many have got them. */
	uint64_t unnumbered, numbered;
};

struct store_reader {
	struct sqldb q;
	struct store *s;
	struct fresh *fresh; /* of the view; NULL outside one */
};

/* store_sqlite.c */
/* The newest message, with ordinals also where it was stored without. */
int store_sqlite_head(struct store *s, uint64_t conv, struct store_place *out);
/* Puts into one of the caches; a rollback takes it out again. */
void store_sqlite_remember(struct store *s, struct idcache *cache, uint64_t k0, uint64_t k1,
	const uint64_t value[IDCACHE_VALUES]);

/* store_sqlite_place.c: of conv_log and spoke, for the writer and for readers. Seq 0: none. */
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

/* store_sqlite_conv.c: of the writer's transaction. */
int store_sqlite_convs_load(struct store *s);
int store_sqlite_convs_move(struct store *s); /* before each commit */
void store_sqlite_convs_committed(struct store *s);
void store_sqlite_convs_take_back(struct store *s);
void store_sqlite_convs_clear(struct store *s);

/* store_sqlite_conv.c: of the table. */
int store_sqlite_conv(struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
	uint64_t *id_out);
int store_sqlite_view_begin(struct store_reader *r);
void store_sqlite_view_end(struct store_reader *r);
int store_sqlite_reader_conv(
	struct store_reader *r, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t *id_out);
int store_sqlite_get_conv(struct store_reader *r, uint64_t id, struct store_conv *out);
int store_sqlite_user_convs(struct store_reader *r, uint64_t user, store_conv_fn fn, void *arg);

/* store_sqlite_prune.c */
int store_sqlite_prune(struct store *s, uint64_t conv, const uint64_t *except, size_t n_except,
	int64_t before_ms, uint32_t limit, uint32_t *deleted_out);
int store_sqlite_expire(struct store *s, int64_t now_ms, uint32_t limit, uint32_t *expired_out);

/* store_sqlite_read.c */
int store_sqlite_walk_conv(struct sqldb *q, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);
int store_sqlite_reader_open(struct store *s, struct store_reader **out);
void store_sqlite_reader_close(struct store_reader *r);
void store_sqlite_reader_watch(struct store_reader *r, int (*passed)(void *arg), void *arg);
int store_sqlite_read_head(struct store_reader *r, uint64_t conv, struct store_head *out);
int store_sqlite_read_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg);
int store_sqlite_read_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg);
const char *store_sqlite_reader_errmsg(const struct store_reader *r);

/* store_sqlite_unread.c */
int store_sqlite_read_shown(struct store_reader *r, uint64_t conv, struct store_head *out);
int store_sqlite_unread(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out);

/* store_sqlite_number.c */
int store_sqlite_number_start(struct store *s);
int store_sqlite_number(struct store *s, uint32_t limit, uint64_t *left_out);

#endif
