/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that the node has of one user, for whoever asks for it: `imctl user export`. In sections,
 * each a list, page by page; what users see of themselves is told as they see it. On a reader
 * thread.
 */
#ifndef IM_BRIDGE_EXPORT_H
#define IM_BRIDGE_EXPORT_H

#include "bridge/rpc/rpc.h"

/* exportUser: {"section","items","next"}. items is the text of an array: what is in it is as
 * stored, and not every parser would take it (numbers, \u0000 of earlier versions). next is left
 * out at the end of the last section. */
extern const struct rpc_method export_method;
extern const struct rpc_param export_params[];

/* Bytes of `next`. */
#define EXPORT_NEXT_MAX 192

/* A page in hand. */
struct user_export {
	struct rpc_read *rd; /* its dir, log and names */
	struct rpc_read as;  /* the same, as if the user had asked */
	struct im_str from;  /* where to go on within the section; n == 0: at its beginning */
	uint32_t count;
	struct im_buf items, one; /* with commas between; the one in hand */
	bool more;
	char next[EXPORT_NEXT_MAX];
};

#define EXPORT_FULL 0x7005 /* positive: no error code */
/* Takes `one`, whose key is where the next page begins. EXPORT_FULL: it belongs to the next. */
int export_add(struct user_export *x, struct im_str key) IM_MUST_CHECK;
int export_add_at(struct user_export *x, uint64_t position) IM_MUST_CHECK;
/* The position in `from`, 0 at the beginning. */
uint64_t export_from(const struct user_export *x);

/* The section of messages (export_log.c): what the user wrote, wherever, and may read. */
int export_messages(struct user_export *x) IM_MUST_CHECK;

#endif
