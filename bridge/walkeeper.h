/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moves a write-ahead log into its database beside the writer: a thread with a connection of its
 * own does the work when the log has grown, so that a commit does not pay for it. When the log has
 * grown far (the thread cannot quite catch a writer that never pauses), the writer does the little
 * that is left between two transactions; then the log starts over. So its size is bounded, unless a
 * reader keeps an old view open.
 */
#ifndef IM_BRIDGE_WALKEEPER_H
#define IM_BRIDGE_WALKEEPER_H

#include <sqlite3.h>

#include "../common/err.h"

/* Wakes the thread: 16 MiB of 4 KiB pages, seconds of ordinary traffic. */
#define WALKEEPER_SOFT_PAGES 4096
/* The writer helps: 256 MiB. */
#define WALKEEPER_HARD_PAGES 65536

struct walkeeper;

/* Takes over checkpoints for a writer's connection on the file at `path`. Hard and soft bounds are
 * parameters for tests. */
int walkeeper_start(sqlite3 *writer, const char *path, int soft_pages, int hard_pages,
	struct walkeeper **out) IM_MUST_CHECK;
/* Before the writer's connection is closed. NULL is allowed. */
void walkeeper_stop(struct walkeeper **k);
/* The writer, after each commit. */
void walkeeper_committed(struct walkeeper *k);

#endif
