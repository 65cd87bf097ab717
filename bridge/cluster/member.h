/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A node of a cluster, put together: its copy, the log in PostgreSQL, and what asks the one about
 * the other, in the bridge's loop.
 */
#ifndef IM_BRIDGE_CLUSTER_MEMBER_H
#define IM_BRIDGE_CLUSTER_MEMBER_H

#include "bridge/base/log.h"
#include "bridge/base/loop.h"
#include "bridge/directory/directory.h"
#include "bridge/store/store.h"
#include "bridge/write/shared_log.h"
#include "common/siphash.h"

struct member;

struct member_parts {
	struct loop *loop;
	struct log *log;
	struct store *store; /* of the backend store_sqlite */
	struct directory *dir;
	const char *data_dir; /* for sentences */
	const char *database, *password_file, *name;
	unsigned number;
	struct im_sipkey key; /* random */
	int64_t (*mono_ms)(void);
	void *arg;
	void (*answered)(void *arg, enum shared_answer answer);
	void (*news)(void *arg);
};

/* Connects only when it is started. why: a sentence. */
int member_new(const struct member_parts *p, struct member **out, struct im_buf *why) IM_MUST_CHECK;
void member_free(struct member **m);
/* What the engine is given; and then, with an engine behind it, it begins. */
const struct shared_log *member_shared(struct member *m);
void member_start(struct member *m);
/* What these databases have goes into the log first; until that is over there is no engine. */
bool member_importing(const struct member *m);
/* What is due by time; returns after how many ms it wants to be called again at the latest. */
int64_t member_tick(struct member *m);
/* Why this process is to end, or NULL. */
const char *member_fatal(const struct member *m);

#endif
