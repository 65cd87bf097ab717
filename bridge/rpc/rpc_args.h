/* SPDX-License-Identifier: BSD-3-Clause */
/* What every RPC handler needs: its parameters (already checked against the method's table), users
 * by name, refusals that say what would be right, and the frame of a result. */
#ifndef IM_BRIDGE_RPC_ARGS_H
#define IM_BRIDGE_RPC_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

/* Fills why with a sentence (what was wrong; what would be right) and returns the code. */
int rpc_fail(struct rpc_call *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

bool rpc_has(const struct rpc_call *c, const char *name);
/* p == NULL: absent. Valid as long as params. */
struct im_str rpc_str(const struct rpc_call *c, const char *name);
int64_t rpc_int(const struct rpc_call *c, const char *name, int64_t def);
bool rpc_bool(const struct rpc_call *c, const char *name, bool def);
/* Elements of a list of strings; n = 0 when absent. */
size_t rpc_list_size(const struct rpc_call *c, const char *name);
struct im_str rpc_list_str(const struct rpc_call *c, const char *name, size_t i);
/* `limit`, or the default page. */
uint32_t rpc_limit(const struct rpc_call *c);
/* Bytes that this call's result may take before its page is closed. */
size_t rpc_page_bytes(const struct rpc_call *c);

/* Pays for work of the caller's before it is done, in the units of cost.h. IM_E_RATE_LIMITED. */
int rpc_pay(struct rpc_write *wr, int64_t units) IM_MUST_CHECK;

/* A user named by a parameter. IM_E_INVALID_PARAMS for what is no uid, IM_E_UNKNOWN_USER. */
int rpc_user(struct rpc_call *c, struct im_str uid, struct directory_user *out) IM_MUST_CHECK;
int rpc_user_id(struct rpc_call *c, struct im_str uid, uint64_t *id_out) IM_MUST_CHECK;
/* The same, deleted ones too: for what is only read, or taken back. */
int rpc_user_past(struct rpc_call *c, struct im_str uid, struct directory_user *out) IM_MUST_CHECK;

/* Behind which user, by number, a page begins, where a parameter names the last one that was shown;
 * 0: with the first. */
int rpc_after_user(struct rpc_call *c, const char *name, uint64_t *id_out) IM_MUST_CHECK;

/* Opens and closes one view over the log and the directory, the log first: what the directory
 * knows is then never older than what the log shows. */
int rpc_views_begin(struct rpc_read *rd) IM_MUST_CHECK;
void rpc_views_end(struct rpc_read *rd);

/* `{"changed":true}` */
int rpc_changed(struct rpc_call *c, bool changed) IM_MUST_CHECK;

/* At most `max` bytes of s for a sentence, never cut inside a character. */
static inline struct im_str rpc_clip(struct im_str s, size_t max)
{
	if (s.n <= max)
		return s;
	while (max > 0 && ((unsigned char)s.p[max] & 0xC0) == 0x80)
		max--;
	return (struct im_str){s.p, max};
}

#endif
