/* SPDX-License-Identifier: BSD-3-Clause */
/* What the engine is given: of the process around it, of the configuration, and with each call. */
#ifndef IM_BRIDGE_PARTS_H
#define IM_BRIDGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/admin/admin_hooks.h"
#include "bridge/base/log.h"
#include "bridge/directory/directory.h"
#include "bridge/engine/sessions.h"
#include "bridge/read/readers.h"
#include "bridge/rpc/rpc.h"
#include "bridge/store/store.h"
#include "bridge/write/shared_log.h"
#include "common/may.h"
#include "common/siphash.h"
#include "common/str.h"

struct engine_now {
	int64_t wall_ms; /* milliseconds since 1970 */
	int64_t mono_ms; /* never set back: for waiting */
};

/* Borrowed. */
struct engine_parts {
	const struct store_backend *backend;
	struct store *store;
	struct directory *dir;
	struct readers *readers;
	const struct shared_log *shared; /* NULL: the log is this node's own */
	struct log *log;
	struct moderation *moderation; /* what bodies may hold; NULL: anything */
	struct admin_hooks hooks;
	/* As in requests_parts: an administrator's response that is to wait. May be NULL. */
	bool (*hold)(void *arg, struct im_str uid, struct im_str device, struct im_str response);
	struct im_sipkey key; /* random */
	uint64_t instance;    /* random: names this process in HELLO */
	uint32_t dedup_entries;
	int64_t dedup_window_ms;
};

/* May change while running. */
struct engine_settings {
	struct rpc_settings rpc;
	struct sessions_settings sessions;
	enum im_direct_policy direct_policy; /* of users who have set none */
	int64_t rate_cost; /* units a second that one user's requests may cost; 0: no limit */
	int64_t room_messages_per_second; /* that a room's viewers get; 0: all */
	size_t backlog_bytes; /* of deliveries that wait for their turn, at one plugin */
};

#endif
