/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The brokers under this bridge: of each the link and the engine's peer, which belong together. One
 * that is away, slow or refuses us holds up none of the others.
 */
#ifndef IM_BRIDGE_BROKERS_H
#define IM_BRIDGE_BROKERS_H

#include <stdbool.h>

#include "bridge/base/log.h"
#include "bridge/base/loop.h"
#include "bridge/engine/engine.h"
#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"

struct brokers;

/* Borrowed but for the strings, which are copied. */
struct brokers_parts {
	struct engine *engine;
	struct directory *dir; /* which knows their numbers */
	struct loop *loop;
	struct log *log;
	const struct im_conf_list *paths; /* their Unix sockets */
	const char *username, *data_dir;  /* see link.h */
	struct engine_now (*now)(void);
};

/* Begins to connect to each. IM_E_NOMEM, IM_E_IO, and why has a sentence. */
int brokers_new(
	const struct brokers_parts *p, struct brokers **out, struct im_buf *why) IM_MUST_CHECK;
/* To be called before the engine is freed, whose the peers are. */
void brokers_free(struct brokers **b);

/* One of them has said which sessions it has; there is a connection to one. */
bool brokers_ready(const struct brokers *b);
bool brokers_connected(const struct brokers *b);
/* Appends `"plugin":{...},"brokers":[...]`: the counters of the first one's plugin, and each broker
 * with its number and those of its own. */
void brokers_stats(const struct brokers *b, struct im_buf *out);

#endif
