/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node's two databases as a copy of the shared log: which of their tables belong to it, what a
 * transaction has changed in them, as an entry, and an entry of another node put into them.
 *
 * Each of the two files notes how far it has come, in the same transaction; they are committed one
 * after the other, so after a crash the log may be one entry ahead of the directory. The copy is as
 * far as the older one, and a file takes only what is behind its own position.
 *
 * What is not in the log is each node's own: table meta of both, batch and pair of messages.db (the
 * marks of its plugins, and an index that is filled by and by), broker and setting of directory.db.
 */
#ifndef IM_BRIDGE_CLUSTER_COPY_H
#define IM_BRIDGE_CLUSTER_COPY_H

#include "bridge/cluster/cluster_log.h"
#include "bridge/directory/directory.h"
#include "bridge/store/store.h"
#include "bridge/write/writer.h"
#include "common/buf.h"
#include "common/siphash.h"

/* A position has its era in its bits from here on. */
#define COPY_ERA_SHIFT 40

struct copy;

/* store: of the backend store_sqlite. Both outlive the copy. key: random. why: a sentence. */
int copy_new(struct store *store, struct directory *dir, const struct im_sipkey *key,
	struct copy **out, struct im_buf *why) IM_MUST_CHECK;
void copy_free(struct copy **c);
/* To be joined to the writer (writer_join). */
struct tx_part copy_part(struct copy *c);

/* How far it has come. IM_E_IO. */
int copy_place(struct copy *c, struct cluster_place *out) IM_MUST_CHECK;
/* How far the file is that has come further, as of the last copy_place. */
uint64_t copy_newest(const struct copy *c);
const char *copy_errmsg(const struct copy *c);

/* The open transaction as an entry behind `from`: *e says whose it is, and gets prev, pos, rows,
 * messages, body and digest, which are the copy's until the next call. The transaction takes a
 * position if it has none, and both files note it. */
int copy_take(struct copy *c, struct writer *w, const struct cluster_place *from,
	struct cluster_entry *e) IM_MUST_CHECK;
/* The entry with which the log enters another era behind `from`: nothing but a position, the first
 * of that era. *e says whose it is, and the era. */
int copy_enter(
	struct copy *c, const struct cluster_place *from, struct cluster_entry *e) IM_MUST_CHECK;
/* Where putting a node's own databases into the log has come to; zero at first. */
struct copy_import {
	int db;
	unsigned table;
	char after[1024]; /* the key of the last row; none is longer */
	size_t n_after;
};
/* Databases that were in no cluster, as entries behind `from`, the next piece of them. *e says
 * whose they are, and the era. Messages keep their positions. IM_E_NONE: that was all. */
int copy_import(struct copy *c, const struct cluster_place *from, struct copy_import *at,
	struct cluster_entry *e) IM_MUST_CHECK;
/* Whether there is anything in them, and no log has it, or not all of it. */
int copy_is_own(struct copy *c, bool *out) IM_MUST_CHECK;
/* Noted for the next start, too: that is begun, or done. */
int copy_set_importing(struct copy *c, bool on) IM_MUST_CHECK;
/* It has come so far, without a row that is another one. Outside of any transaction. */
int copy_stand(struct copy *c, const struct cluster_place *at) IM_MUST_CHECK;
/* Puts an entry that follows upon where the copy is into a transaction of its own, and plans what
 * the plugins must forget and the events that it has brought. What this version cannot keep of it
 * is said by *dropped_out. IM_E_FORMAT: it is no entry; IM_E_CONFLICT: it does not follow, or what
 * it says contradicts what is here: the copy is to be built anew. */
int copy_put(struct copy *c, struct writer *w, const struct cluster_entry *e,
	bool *dropped_out) IM_MUST_CHECK;

#endif
