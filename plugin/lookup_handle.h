/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of plugin/lookup.h, for the files that it consists of. */
#ifndef IM_PLUGIN_LOOKUP_HANDLE_H
#define IM_PLUGIN_LOOKUP_HANDLE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "plugin/lookup.h"
#include "plugin/lru.h"

enum statement {
	ST_USER,
	ST_PASSWORD,
	ST_PASSWORD_COST,
	ST_GROUP,
	ST_MEMBER,
	ST_RELATION,
	ST_DEVICE,
	ST_KEPT,
	ST_META,
	ST_CHANGED,
	ST_BEGIN,
	ST_END,
	STATEMENTS
};

struct lookup {
	sqlite3 *db;
	sqlite3_stmt *st[STATEMENTS];
	struct accounts *accounts;
	bool viewing; /* between BEGIN and COMMIT */
	char *path, *data_dir;
	ino_t inode;
	dev_t device;
	int64_t version;
	struct im_sipkey key;
	uint64_t lives;
	uint64_t generation;
	uint64_t reads, errors;
	char error[160];
	struct lru *users, *absent_users;
	struct lru *groups, *absent_groups;
	struct lru *members;   /* group's life, uid */
	struct lru *relations; /* owner's life, peer's life */
	struct lru *devices;   /* a user's life, client id: whether it is his */
	struct lru *pending;   /* users that only a token knows yet */
};

/* One view serves many reads, because each one that SQLite begins costs two locks of a file. */
void lookup_view(struct lookup *l);
/* What the connection says is the last error. */
void lookup_fault(struct lookup *l);
sqlite3_stmt *lookup_statement(struct lookup *l, enum statement which);
void lookup_bind(sqlite3_stmt *st, int i, struct im_str s);
/* IM_OK: there is a row. Otherwise the statement has been reset. */
int lookup_step(struct lookup *l, sqlite3_stmt *st) IM_MUST_CHECK;

#endif
