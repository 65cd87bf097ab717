/* SPDX-License-Identifier: BSD-3-Clause */
/* What copy.c and copy_take.c share: the copy itself. Nobody else's. */
#ifndef IM_BRIDGE_CLUSTER_COPY_INSIDE_H
#define IM_BRIDGE_CLUSTER_COPY_INSIDE_H

#include "bridge/cluster/cluster_log.h"
#include "bridge/cluster/copy_tables.h"
#include "bridge/directory/directory.h"
#include "bridge/store/store.h"
#include "db/sqldb_images.h"

enum copy_db { COPY_MESSAGES_DB, COPY_DIRECTORY_DB, COPY_DBS };

/* Images, whose bytes are an entry's, or in an arena that does not move any more. */
struct copy_list {
	struct sqldb_image *v;
	size_t n, cap;
};

struct copy {
	struct store *store;
	struct directory *dir;
	struct sqldb *q[COPY_DBS];
	struct sqldb_images *images[COPY_DBS];
	sqlite3_stmt *get[COPY_DBS], *set[COPY_DBS];
	struct cluster_place file[COPY_DBS]; /* how far each file is */
	struct cluster_place place, next;    /* next: with the open transaction */
	bool known;                          /* place is as the files have it */
	struct im_buf bytes;                 /* arena of the entry in hand */
	struct copy_list list[COPY_DBS];
	/* copy_take */
	sqlite3_stmt *ordinals;
	struct cluster_message *messages;
	uint32_t n_messages, cap_messages;
	struct cluster_row *rows;
	uint32_t n_rows, cap_rows;
	uint64_t *amended;
	uint32_t n_amended, cap_amended;
	struct im_buf body;
};

extern const char *const copy_tables[COPY_DBS][COPY_D_TABLES];

/* Another place in *v, of so many bytes, or NULL. */
void *copy_more(void *v, size_t n, size_t *cap, size_t each);
/* What stands in the lists, but their bytes may still move, and then does not any more. */
int copy_keep(struct copy *c, int db, const struct sqldb_image *i);
void copy_settle(struct copy *c);
/* An entry of what stands in the lists, behind `from`. Messages up to its position are amended. */
int copy_make(
	struct copy *c, const struct cluster_place *from, uint64_t pos, struct cluster_entry *e);
/* Both files note it, in the open transaction. */
int copy_note(struct copy *c, const struct cluster_place *to);

#endif
