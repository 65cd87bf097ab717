/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An engine with all that it stands on, in a folder of its own: the databases, the readers, which
 * run inline, and a log that ENV names to be seen. What is at the other end of its links is the
 * test's.
 */
#ifndef IM_TESTS_RIG_H
#define IM_TESTS_RIG_H

#include <stdint.h>

#include "bridge/engine/engine.h"
#include "bridge/store/store.h"

struct rig {
	char folder[64];
	struct store_backend backend; /* a test may replace functions in it before opening */
	struct store *store;          /* one in memory stands for the disk and stays */
	struct directory *dir;
	struct readers *readers;
	struct log *log;
	struct engine *engine; /* NULL: not open */
	/* Called with the databases open and no engine yet; with none any more. NULL: nobody. */
	void (*opened)(void *arg, struct engine_parts *p);
	void (*closes)(void *arg);
	void *arg;
	struct engine_settings set;
};

/* A folder below `where`, with these users (NULL-terminated, in the order of their ids), all with
 * the password hash phc; admin: the first one is an administrator. env: the environment's variable
 * that asks for the log. */
void rig_init(struct rig *r, const char *where, const struct store_backend *backend,
	const char *const *users, bool admin, const char *phc, const char *env);
/* p: with what the databases and readers are not. */
void rig_open(
	struct rig *r, struct engine_parts *p, uint32_t queue_max, const struct engine_now *now);
/* As a process that ends. */
void rig_close(struct rig *r);
void rig_clear(struct rig *r);

#endif
