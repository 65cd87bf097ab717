/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the SQLite backend share: the handles, and the caches of the writer, which hold
 * what its transaction has written too. Everybody else uses store.h.
 */
#ifndef IM_BRIDGE_STORE_SQLITE_CORE_H
#define IM_BRIDGE_STORE_SQLITE_CORE_H

#include <pthread.h>

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
	uint64_t prune_after;               /* where the walk over the whole log goes on */
	/* Through this gid there may be rows without ordinals, 0: none; so many have got them. */
	uint64_t unnumbered, numbered;
};

struct store_reader {
	struct sqldb q;
	struct store *s;
	struct fresh *fresh; /* of the view; NULL outside one */
};

/* With nothing in it; where: as store.h says. NULL: out of memory. */
struct store *store_sqlite_new(const char *where);
/* What store_sqlite_new made; the connection is closed by now. */
void store_sqlite_free(struct store *s);

/* Puts into one of the caches; a rollback takes it out again. */
void store_sqlite_remember(struct store *s, struct idcache *cache, uint64_t k0, uint64_t k1,
	const uint64_t value[IDCACHE_VALUES]);
/* A transaction begins. */
void store_sqlite_caches_begin(struct store *s);
/* After a rollback: takes out exactly what it has put in. */
void store_sqlite_caches_take_back(struct store *s);
/* After a commit. */
void store_sqlite_caches_committed(struct store *s);

#endif
