/* SPDX-License-Identifier: BSD-3-Clause */
/* A stored message that an operation is about: found, copied, and whether the caller may see it;
 * and what operations have in common: may the caller write here, append, amend. Writing calls only.
 */
#ifndef IM_BRIDGE_MSG_TARGET_H
#define IM_BRIDGE_MSG_TARGET_H

#include <stdint.h>

#include "../common/buf.h"
#include "../common/err.h"
#include "conv_ref.h"
#include "rpc.h"
#include "store.h"

struct msg_target {
	struct store_msg m; /* strings point into text */
	struct im_buf text;
};

/* Copies a message; free with msg_target_clear, also after a failure. UNKNOWN_MESSAGE: there is
 * none that the caller can see, or it has expired or was recalled. NOT_ALLOWED: system messages and
 * operations are not operated on. */
int msg_target_get(struct rpc_call *c, const struct conv_ref *ref, uint64_t seq,
	struct msg_target *out) IM_MUST_CHECK;
/* The same without the checks, for following a chain of edits. IM_E_NONE: none. */
int msg_target_read(
	struct rpc_call *c, uint64_t conv, uint64_t seq, struct msg_target *out) IM_MUST_CHECK;
void msg_target_clear(struct msg_target *t);

/* BLOCKED, CONTACTS_ONLY, MUTED: as for any message that the caller would send there. */
int msg_may_send(struct rpc_call *c, const struct conv_ref *ref) IM_MUST_CHECK;

struct msg_new {
	enum im_enc enc;
	struct im_str type, meta, body;
	struct im_str id; /* n == 0: none; the caller has looked whether it is new */
};
/* Appends a message of the caller's, and remembers its id. */
int msg_append(struct rpc_call *c, const struct conv_ref *ref, const struct msg_new *n,
	uint64_t *seq_out) IM_MUST_CHECK;
/* What repeats a message's words goes when the message goes: adds the rest of its life to meta, if
 * it has an end. */
void msg_ttl_left(const struct rpc_call *c, const struct store_msg *m, struct im_buf *b);

#endif
