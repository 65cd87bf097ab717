/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log that the nodes of a cluster share, as one node's bridge sees it: a table of calls behind
 * which PostgreSQL stands (pg_log.h), or memory (tests). Asynchronous: no call blocks, each is
 * answered by one call of `events`, never from within the call itself. One thread. One request at
 * a time: the next one only when the one before was answered.
 *
 * Whatever a connection has answered is forgotten with it: after `lost` the caller connects again,
 * and nothing that was read before the answer `connected` is to be believed.
 */
#ifndef IM_BRIDGE_CLUSTER_LOG_H
#define IM_BRIDGE_CLUSTER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "common/str.h"

#define CLUSTER_DIGEST 32

/* Where a copy is, or the log ends. */
struct cluster_place {
	uint64_t era, pos;
	unsigned char digest[CLUSTER_DIGEST];
};

/* A message's row, as it is now. */
struct cluster_message {
	uint64_t gid, conv, seq, sender;
	int64_t ts_ms;
	int enc;
	struct im_str type, client_id, meta, body;
	bool has_type, has_client_id, has_meta, has_body; /* otherwise: NULL */
	bool has_ordinals;
	int64_t less_ord, less_shown;
	bool gone; /* there is no such row (any more) */
};

/* A row of another table as it is after the transaction. */
struct cluster_row {
	int db; /* 0 messages.db, 1 directory.db */
	struct im_str table, key;
	struct im_str row; /* n == 0: it is gone */
};

struct cluster_entry {
	uint64_t prev, pos, era;
	unsigned node;
	uint64_t incarnation;
	uint64_t epoch, recno; /* through which record of which spool of that node; 0: none */
	unsigned peer;         /* append: that node's number for the plugin whose spool it is */
	unsigned char digest[CLUSTER_DIGEST];
	struct im_str body; /* opaque here: entry.h */
	/* append: all rows of messages that it has written, new ones, amended and removed ones.
	 * entries: those with prev < gid <= pos, and those that `amended` names, as they are now.
	 */
	const struct cluster_message *messages;
	uint32_t n_messages;
	const uint64_t *amended; /* gids at or before prev */
	uint32_t n_amended;
	/* append only; for others it stands in the body. */
	const struct cluster_row *rows;
	uint32_t n_rows;
};

enum cluster_append {
	CLUSTER_TAKEN,
	CLUSTER_BEHIND, /* others were first: nothing written */
	CLUSTER_FENCED, /* a later start of this node is there: this process is to end */
	CLUSTER_FORKED, /* the log has another entry at that place, or another era */
};

struct cluster_events {
	void *arg;
	/* The answer to connect: the connection's own transaction is committed. end: the log's end;
	 * nodes: how many there are. */
	void (*connected)(void *arg, const struct cluster_place *end);
	/* One for each spool of this node that has left a mark, before `connected`. */
	void (*mark)(void *arg, uint64_t epoch, uint64_t recno, uint64_t pos);
	/* Answers append. */
	void (*appended)(void *arg, enum cluster_append answer);
	/* Entries in their order, as many times as there are, then `read`. Valid during the call.
	 * IM_E_NOMEM, IM_E_FORMAT: no more of them, the connection is to be given up. */
	int (*entry)(void *arg, const struct cluster_entry *e);
	/* The answer to read and lock: all there was (read: at most so many). forked: what is at
	 * `from` is not what was said. trimmed: entries behind `from` are not there any more: the
	 * copy is to be built anew. */
	void (*read)(void *arg, bool forked, bool trimmed, const struct cluster_place *end);
	/* The connection is gone, or could not be had; what was asked for and not answered is
	 * unknown. why: a sentence. fatal: trying again is of no use until somebody has done
	 * something. */
	void (*lost)(void *arg, bool fatal, const char *why);
	/* Somebody has appended (a doorbell: may be wrong, may be missing). */
	void (*rung)(void *arg);
};

struct cluster_log_ops {
	/* incarnation: that of this process, 0 at its start; *it is raised by connecting. */
	void (*connect)(void *log, uint64_t incarnation);
	/* That of the connection, once connected. */
	uint64_t (*incarnation)(const void *log);
	/* e is borrowed until the answer. */
	void (*append)(void *log, const struct cluster_place *from, const struct cluster_entry *e);
	/* Entries behind `from`, at most `limit` of them. */
	void (*read)(void *log, const struct cluster_place *from, uint32_t limit);
	/* The same of all, and nobody else appends until the next append is answered, or for about
	 * a second. */
	void (*lock)(void *log, const struct cluster_place *from);
	/* Gives up what `lock` holds without an append. Not answered. */
	void (*unlock)(void *log);
	/* Breaks the connection off; no `lost` follows. */
	void (*disconnect)(void *log);
};

#endif
