/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The online backup: a copy of directory.db and then of messages.db into a folder, some pages
 * between two commits. The log is the newer one of the two, so that a node started on the copy
 * brings the directory up to it. The administrator's answer waits until it is done.
 */
#ifndef IM_BRIDGE_BACKUP_H
#define IM_BRIDGE_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/store/store.h"
#include "bridge/upkeep/held.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct backup;

/* Borrowed; the writer's handles. */
struct backup_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	const char *data_dir;
	struct log *log;
};

struct backup *backup_new(const struct backup_parts *p);
/* Before the handles are closed. */
void backup_free(struct backup **b);
/* Begins one. IM_E_EXISTS: another one is running; IM_E_IO: the folder cannot be used. The same
 * folder again before the first step is the same backup. */
int backup_start(struct backup *b, struct im_str folder, struct im_buf *why) IM_MUST_CHECK;
bool backup_running(const struct backup *b);
/* Keeps the response to the command that has just begun it; false: there is none to wait for. */
bool backup_hold(struct backup *b, struct im_str uid, struct im_str device, struct im_str response);
/* Copies some pages, outside of any transaction. When it has ended, well or not, the answer is
 * given to `reply`. */
void backup_step(struct backup *b, held_reply_fn reply, void *arg);

#endif
