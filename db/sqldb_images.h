/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a transaction changes, row by row: of each row that it touches, how the row is when it ends,
 * or that it is gone. Put into another copy of the database, in any order and as often as one
 * likes, they make the same of it. Triggers and foreign keys' actions are seen like everything
 * else; what a refused statement has taken back is not there.
 *
 * Watches one writer's connection, by SQLite's pre-update hook: a connection has one of these.
 * Tables without a primary key cannot be watched.
 */
#ifndef IM_DB_SQLDB_IMAGES_H
#define IM_DB_SQLDB_IMAGES_H

#include <stddef.h>

#include "common/buf.h"
#include "common/siphash.h"
#include "db/sqldb.h"

/* As rowcode.h has it: the key's columns in their order, and all of the table's in theirs. */
struct sqldb_image {
	unsigned table; /* its place in the list */
	struct im_str key;
	struct im_str row; /* n == 0: gone */
};

/* Other than IM_OK ends the walk, which returns it. */
typedef int (*sqldb_image_fn)(void *arg, const struct sqldb_image *im);

struct sqldb_images;

/* tables: those that are watched, `n` of them, each before those that refer to it; borrowed. The
 * connection is open for as long as these are. key: random. why: a sentence. IM_E_FORMAT: there is
 * no such table, or it has no primary key. */
int sqldb_images_new(struct sqldb *q, const char *const *tables, unsigned n,
	const struct im_sipkey *key, struct sqldb_images **out, struct im_buf *why) IM_MUST_CHECK;
void sqldb_images_free(struct sqldb_images **im);

/* Within the transaction, and what it has changed so far, each row once; by tables, then as they
 * were touched. Nothing may be written during the walk. */
int sqldb_images_each(struct sqldb_images *im, sqldb_image_fn fn, void *arg) IM_MUST_CHECK;
/* Rows of a table in the order of its key, from behind `after` (n == 0: from the first one), until
 * fn returns other than IM_OK, which is returned. It may not write. */
int sqldb_images_walk(struct sqldb_images *im, unsigned table, struct im_str after,
	sqldb_image_fn fn, void *arg) IM_MUST_CHECK;
/* The key of a row. IM_E_FORMAT: it is no row of the table. */
int sqldb_images_key(const struct sqldb_images *im, unsigned table, struct im_str row,
	struct im_buf *out) IM_MUST_CHECK;
/* The place of a table in the list; IM_E_NONE. */
int sqldb_images_table(
	const struct sqldb_images *im, struct im_str name, unsigned *out) IM_MUST_CHECK;

/* Within a transaction: makes the rows as the images say. Rows of a version with fewer columns get
 * the defaults of the others; of one with more, *dropped_out says that there was more than this
 * table has. Triggers are the caller's to keep still. IM_E_FORMAT: an image that no such table can
 * have given; IM_E_EXISTS: they contradict rows that are there; the transaction is to be rolled
 * back then. */
int sqldb_images_put(struct sqldb_images *im, const struct sqldb_image *list, size_t n,
	bool *dropped_out) IM_MUST_CHECK;

#endif
