/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An RPC method: a row of a table (name, kind, parameters, handler), what a call of it is given,
 * and the form of its reply. Reading methods run on reader threads with their own handles; writing
 * ones inside the engine's transaction, in the order in which they came; what a handler can reach
 * is what calls of its kind have. Parameters are checked against the table before a handler is
 * called.
 */
#ifndef IM_BRIDGE_RPC_H
#define IM_BRIDGE_RPC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory.h"
#include "bridge/directory/names.h"
#include "bridge/message/moderation.h"
#include "bridge/rpc/hash_budget.h"
#include "bridge/rpc/user_search.h"
#include "bridge/search/search.h"
#include "bridge/store/store.h"
#include "bridge/write/writer.h"
#include "common/buf.h"
#include "common/may.h"
#include "common/str.h"

enum rpc_kind {
	RPC_READ,    /* reader thread; writes nothing */
	RPC_SEARCH,  /* the same; what it costs cannot be told before, so its first turn is short */
	RPC_DEVICES, /* a reading one that is told which of the caller's devices are connected */
	RPC_DIRECTORY, /* writes directory.db, and in the log at most that a conversation is there:
			  run again when a replayed batch's directory part was lost */
	RPC_PRESENCE,  /* the same, and tells presence: a replay tells it again */
	RPC_LOG,       /* appends to the log (and the directory follows): never run again */
};

struct presence;
struct dedup;
struct rights;
struct cost;
struct cursors;

/* Server settings that handlers need; filled from the configuration. */
struct rpc_settings {
	uint32_t group_members_max;
	uint32_t groups_per_user_max;
	int64_t groups_per_day, invitations_per_day, requests_per_day; /* 0: no limit */
	int64_t recall_window_s;
	enum im_direct_policy direct_policy; /* the server's, for users who have set none */
	enum im_presence_policy presence_policy;
	enum user_search user_search;
	bool presence;       /* it is told at all */
	int64_t dedup_hours; /* for which message ids are remembered */
	int64_t max_payload; /* of a publish, as the plugins have it; 0: they have not said */
	uint32_t password_memory_kib, password_passes;
	struct moderation
		*moderation; /* what bodies may hold; engine's thread only; NULL: anything */
	int64_t audit_days;  /* how long the audit log is kept; 0: for ever */
	size_t reply_max; /* soft bound of a page: one item is given even if it is larger alone */
};

/* What every call has. */
struct rpc_call {
	/* the caller, from the broker's authenticated identity */
	struct im_str uid, device;
	uint64_t user;
	bool admin;
	bool thing; /* the caller is a device account */
	/* an administrator's command: no quota is counted and nobody's consent is asked */
	bool by_operator;
	int64_t now_ms;
	const struct rpc_settings *set;
	json_t *params; /* an object; checked against the method's table */
	/* The newest log position committed in both databases, read before the call began. What a
	 * reader finds beyond it may be there by half, so nothing beyond it enters a cursor. */
	uint64_t position;
	struct directory *dir; /* the reader's handle, or the writer's */
	/* the answer: the text of the `result` value; or an error code returned and `why` filled */
	struct im_buf *result;
	struct im_buf *why;
	int64_t retry_ms; /* of an error: when it would be none; 0: not known */
};

/* A call that reads, on a reader thread. A handler opens and closes the views it needs itself, the
 * log's first. */
struct rpc_read {
	struct rpc_call call;
	const struct store_backend *backend;
	struct store_reader *log;
	struct names *names;   /* user id -> uid, of this thread */
	struct search *search; /* NULL: no index */
	struct im_str states;  /* RPC_DEVICES: presence_states of the caller */
	uint64_t *looked_at;   /* conversations of the caller, counted; NULL: nobody asks */
};

/* A call that writes, inside the engine's transaction. */
struct rpc_write {
	struct rpc_call call;
	struct writer *writer;
	struct hash_budget *budget; /* bounds what password hashing may cost; NULL: no bound */
	struct presence *presence;  /* who is connected; may be NULL in a command */
	struct dedup *dedup;        /* ids that senders have given their messages; may be NULL */
	struct rights *rights;      /* slow mode; NULL: there is none */
	struct cost *cost;          /* what the caller's requests may cost; NULL: no bound */
	struct cursors *cursors; /* what devices have acknowledged and waits; NULL: nothing does */
};

struct rpc_param {
	const char *name;
	enum {
		RPC_STRING,
		RPC_LINE, /* a string that others are shown, text.h; LINES: an array of them */
		RPC_NOTE, /* the same, of several lines */
		RPC_LINES,
		RPC_INTEGER,
		RPC_BOOLEAN,
		RPC_STRINGS,
		RPC_INTEGERS,
		RPC_OBJECT,
		RPC_ANY
	} type;
	bool required;
	int64_t min, max; /* INTEGER: value; texts: bytes; arrays: elements */
};

struct rpc_method {
	const char *name;
	enum rpc_kind kind;
	const struct rpc_param *params; /* ends with name == NULL */
	/* The one of its kind; the other is NULL. IM_OK with result filled, a wire code with why
	 * filled, or IM_E_IO/IM_E_NOMEM (a writing method: the whole batch is rolled back and tried
	 * again). */
	int (*read)(struct rpc_read *rd);
	int (*write)(struct rpc_write *wr);
};

/* The reply object: {"jsonrpc":"2.0","id":..,"result":..} or "error":{"code","message"}. Handlers
 * keep their pages below reply_max; a result that could not travel in one frame becomes an error
 * here. */
void rpc_reply_build(struct im_buf *out, struct im_str id_json, int code, struct im_str why,
	struct im_str result);
/* An error's reply with "data":{"retry_ms"}. */
void rpc_reply_retry(
	struct im_buf *out, struct im_str id_json, int code, struct im_str why, int64_t retry_ms);
/* Whether a method only reads, on a reader thread. */
bool rpc_reads(const struct rpc_method *m);

#endif
