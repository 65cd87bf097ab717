/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of sqldb_images.h share: the tables with their statements. Nobody else's. */
#ifndef IM_DB_SQLDB_IMAGES_INSIDE_H
#define IM_DB_SQLDB_IMAGES_INSIDE_H

#include "common/siphash.h"
#include "db/sqldb.h"

#define COLUMNS_MAX 64
#define KEY_MAX 8

struct table {
	const char *name;
	const char *seen; /* SQLite's own pointer to that name, when it was called last */
	unsigned n_columns, n_key;
	unsigned key[KEY_MAX]; /* columns, in the key's order */
	char *columns[COLUMNS_MAX];
	bool in_key[COLUMNS_MAX];
	sqlite3_stmt *get, *drop, *walk[2]; /* from the first row; from behind one */
	sqlite3_stmt *put[COLUMNS_MAX + 1]; /* by how many columns are given */
};

struct touched {
	unsigned table;
	size_t key, n_key, row, n_row; /* in the arena */
};

struct sqldb_images {
	struct sqldb *q;
	struct im_sipkey sip;
	struct table *tables;
	unsigned n_tables;
	struct im_buf arena, scratch;
	struct touched *touched;
	uint32_t n_touched, cap_touched;
	uint32_t *slots; /* 1 + place in touched; 0: free */
	uint32_t n_slots;
	uint64_t begun, refused; /* of the connection, when this transaction began */
	bool failed;
};

/* Prepared when they are first used; NULL: the connection says why. */
sqlite3_stmt *sqldb_images_put_of(struct sqldb_images *im, struct table *t, unsigned n);
sqlite3_stmt *sqldb_images_drop_of(struct sqldb_images *im, struct table *t);
sqlite3_stmt *sqldb_images_get_of(struct sqldb_images *im, struct table *t);
sqlite3_stmt *sqldb_images_walk_of(struct sqldb_images *im, struct table *t, bool behind);
int sqldb_images_bind_key(sqlite3_stmt *st, const struct table *t, struct im_str key);

#endif
