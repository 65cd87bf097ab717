/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The body of a shared log's entry, and what chains entries together. Pure.
 *
 * The body says how all rows but messages' own are after the transaction, and which older messages
 * it has changed or taken away. Messages stand beside it (cluster_log.h), so that what is recalled
 * is left in one place only. In the form of db/rowcode.h:
 *
 *     version   varint, 1
 *     peer      varint: the node's number for the plugin whose records these are
 *     tables    varint; of each: database (varint), name (a string)
 *     rows      varint; of each: table (varint, from 0), gone (varint, 0 or 1), the key of what is
 *               gone, or the row (a string)
 *     amended   varint; of each: gid (varint)
 *
 * Tables are named and not numbered, so that nodes of different versions understand each other.
 */
#ifndef IM_BRIDGE_CLUSTER_ENTRY_H
#define IM_BRIDGE_CLUSTER_ENTRY_H

#include "bridge/cluster/cluster_log.h"
#include "common/buf.h"

#define ENTRY_VERSION 1

/* Appends to out; out->failed: no memory. Reads e's peer, rows and amended. */
void entry_body(const struct cluster_entry *e, struct im_buf *out);

struct entry_row {
	int db;
	struct im_str table;
	struct im_str key; /* of what is gone; else n == 0 */
	struct im_str row; /* n == 0: gone */
};
/* Other than IM_OK ends it, and is returned. */
typedef int (*entry_row_fn)(void *arg, const struct entry_row *r);
typedef int (*entry_amended_fn)(void *arg, uint64_t gid);
/* Both may be NULL. IM_E_FORMAT: it is no body, or one of a later version. */
int entry_read(
	struct im_str body, entry_row_fn row, entry_amended_fn amended, void *arg) IM_MUST_CHECK;

/* IM_E_FORMAT. */
int entry_peer(struct im_str body, unsigned *out) IM_MUST_CHECK;

/* The digest of an entry: SHA-256 of that of the entry before (32 bytes), pos, prev, node,
 * incarnation, epoch and recno (64 bits each, little-endian), and SHA-256 of the body.
 * IM_E_INTERNAL: the library fails. */
int entry_digest(const unsigned char before[CLUSTER_DIGEST], const struct cluster_entry *e,
	unsigned char out[CLUSTER_DIGEST]) IM_MUST_CHECK;

#endif
