/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of plugin/lookup.h, for the files that it consists of: the connection to directory.db,
 * and the caches, which are lookup.c's. Reads come from one view until lookup_view_end, because
 * each one that SQLite begins alone costs two locks of a file.
 */
#ifndef IM_PLUGIN_LOOKUP_HANDLE_H
#define IM_PLUGIN_LOOKUP_HANDLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/siphash.h"
#include "db/sqldb.h"
#include "plugin/lru.h"
#include "schema/account.h"

enum lookup_statement {
#define X(name, sql) LOOKUP_##name,
#include "schema/sqlite/lookup.def"
#undef X
	LOOKUP_STATEMENTS
};

struct lookup {
	struct sqldb q; /* q.db NULL: it is not open */
	struct accounts *accounts;
	char *data_dir;
	ino_t inode; /* of the file that is open */
	dev_t device;
	int64_t version;
	struct im_sipkey key;
	uint64_t lives;
	uint64_t generation;
	uint64_t reads, errors;
	char error[SQLDB_ERR_MAX];
	struct lru *users, *absent_users;
	struct lru *groups, *absent_groups;
	struct lru *members;   /* group's life, uid */
	struct lru *relations; /* owner's life, peer's life */
	struct lru *devices;   /* a user's life, client id: lookup_owned */
	struct lru *pending;   /* users that only a token knows yet */
};

/* starting: waits longer for others who have just opened it. */
int lookup_connect(struct lookup *l, bool starting, struct im_buf *why) IM_MUST_CHECK;
void lookup_disconnect(struct lookup *l);
/* Another file has its name by now, or it is not open. */
bool lookup_replaced(const struct lookup *l);

/* Begins a view, if there is none. */
void lookup_view(struct lookup *l);
void lookup_view_end(struct lookup *l);
/* Notes what the connection says is the last error. */
void lookup_fault(struct lookup *l);
/* Ready to be bound; NULL: it cannot be read, which the step says. */
sqlite3_stmt *lookup_statement(struct lookup *l, enum lookup_statement which);
/* IM_OK: there is a row, and sqldb_done ends it. IM_E_NONE, IM_E_IO: the statement has been reset.
 */
int lookup_step(struct lookup *l, sqlite3_stmt *st) IM_MUST_CHECK;

#endif
