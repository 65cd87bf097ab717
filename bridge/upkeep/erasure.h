/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The erasing of users' words and names, between the engine's transactions: directory.db says what
 * is to be done and how far it has come, so that a crash only delays it. One after the other; each
 * goes through the stages of directory_erasure.h. The administrator's answer waits until it is
 * done.
 */
#ifndef IM_BRIDGE_ERASURE_H
#define IM_BRIDGE_ERASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/search/search_index.h"
#include "bridge/store/store.h"
#include "bridge/upkeep/held.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct erasure;

/* Borrowed; `dir` and `store` are the writer's handles. */
struct erasure_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct search_index *index; /* NULL: none is kept, and what there is of one is removed */
	const char *data_dir;
	struct log *log;
	void *arg;
	/* A user has another name: whoever remembers names forgets them. */
	void (*renamed)(void *arg);
	/* The answer to a command that was held. */
	held_reply_fn reply;
};

int erasure_new(const struct erasure_parts *p, struct erasure **out) IM_MUST_CHECK;
void erasure_free(struct erasure **e);

/* There is a new one, of this number in directory.db, in the transaction in hand. The response to
 * the command that has asked for it is kept by erasure_hold; false: there is none to wait for. */
void erasure_asked(struct erasure *e, uint64_t id);
bool erasure_hold(
	struct erasure *e, struct im_str uid, struct im_str device, struct im_str response);

/* A bounded piece of work, outside of any transaction. Returns after how many ms it wants to be
 * called again. */
int64_t erasure_step(struct erasure *e, int64_t wall_ms, int64_t mono_ms);
/* How many are not done, and how far the one in hand has to go in the log. */
void erasure_progress(const struct erasure *e, uint64_t *open_out, uint64_t *left_out);

#endif
