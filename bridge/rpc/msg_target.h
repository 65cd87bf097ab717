/* SPDX-License-Identifier: BSD-3-Clause */
/* A stored message that an operation is about: found, copied, and whether the caller may see it;
 * and what operations have in common: may the caller write here, append, amend. Writing calls only.
 */
#ifndef IM_BRIDGE_MSG_TARGET_H
#define IM_BRIDGE_MSG_TARGET_H

#include <stdint.h>

#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/rpc.h"
#include "bridge/store/store.h"
#include "bridge/write/writer.h"
#include "common/buf.h"
#include "common/err.h"

struct msg_target {
	struct store_msg m; /* strings point into text */
	struct im_buf text;
};

/* Copies a message; free with msg_target_clear, also after a failure. UNKNOWN_MESSAGE: there is
 * none that the caller can see, or it has expired or was recalled. NOT_ALLOWED: system messages and
 * operations are not operated on. */
int msg_target_get(struct rpc_write *wr, const struct conv_ref *ref, uint64_t seq,
	struct msg_target *out) IM_MUST_CHECK;
/* The same without the checks, for following a chain of edits. IM_E_NONE: none. */
int msg_target_read(
	struct rpc_write *wr, uint64_t conv, uint64_t seq, struct msg_target *out) IM_MUST_CHECK;
/* NOT_ALLOWED: it is a system message or an operation. */
int msg_target_plain(struct rpc_call *c, const struct msg_target *t) IM_MUST_CHECK;
void msg_target_clear(struct msg_target *t);
/* The message that the parameters `conv` and `seq` name, handed to fn. */
typedef int (*msg_target_fn)(
	struct rpc_write *wr, const struct conv_ref *ref, struct msg_target *t);
int msg_target_call(struct rpc_write *wr, msg_target_fn fn) IM_MUST_CHECK;
#define MSG_TARGET_PARAMS                              \
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},    \
	{                                              \
		"seq", RPC_INTEGER, true, 1, INT64_MAX \
	}

/* BLOCKED, CONTACTS_ONLY, MUTED: as for any message that the caller would send there. */
int msg_may_send(struct rpc_call *c, const struct conv_ref *ref) IM_MUST_CHECK;
/* BLOCKED: this user has blocked the caller. */
int msg_not_blocked(struct rpc_call *c, uint64_t user) IM_MUST_CHECK;
/* Slow mode, as for a message: RATE_LIMITED, or the caller's time counts as used. To be asked when
 * everything else is settled. */
int msg_pace(struct rpc_write *wr, const struct conv_ref *ref) IM_MUST_CHECK;
/* Pays for what one operation leads to: every member is told, and so many bytes are stored that the
 * request did not bring. RATE_LIMITED. */
int msg_pay(struct rpc_write *wr, const struct conv_ref *ref, uint64_t bytes) IM_MUST_CHECK;
/* TOO_LATE: the time for recalling or editing it is over. */
int msg_in_time(struct rpc_call *c, const struct msg_target *t) IM_MUST_CHECK;
/* Fills in who sends a message of the caller's to whom. */
void msg_from_caller(const struct rpc_write *wr, const struct conv_ref *ref, struct message *m);

struct msg_new {
	enum im_enc enc;
	struct im_str type, meta, body;
	enum message_was was_for;     /* as struct message has it */
	struct im_str id;             /* n == 0: none; the caller has looked whether it is new */
	struct message_origin origin; /* of a copy */
};
/* Appends a message of the caller's, and remembers its id. */
int msg_append(struct rpc_write *wr, const struct conv_ref *ref, const struct msg_new *n,
	uint64_t *seq_out) IM_MUST_CHECK;
/* The same for an operation, whose body is JSON. */
int msg_append_operation(struct rpc_write *wr, const struct conv_ref *ref, const char *type,
	struct im_str meta, const struct im_buf *body, uint64_t *seq_out) IM_MUST_CHECK;
/* `{"changed":true,"seq":5}`, or without a seq if nothing changed. */
int msg_put_seq(struct rpc_call *c, uint64_t seq, bool changed) IM_MUST_CHECK;
/* What repeats a message's words goes when the message goes: adds the rest of its life to meta, if
 * it has an end. */
void msg_ttl_left(const struct rpc_call *c, const struct store_msg *m, struct im_buf *b);

#endif
