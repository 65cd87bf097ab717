/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All methods that clients may call. A new one touches:
 *
 *   rpc_*.c            its row, on one line, in a file of this form of name: tests read the rows;
 *                      a new file has a table here and in methods.c
 *   rpc/price.c        what it costs, if it reads; one that writes calls rpc_pay
 *   rpc/texts.c        each text that others will read
 *   schema/wire        rpc.NAME.schema.json, and cases in vectors/methods.json, the first of which
 *                      is its example; `make wire-docs` then writes its row and its page
 *   docs/PROTOCOL.md   what it is for, and an example, which a test runs
 */
#ifndef IM_BRIDGE_METHODS_H
#define IM_BRIDGE_METHODS_H

#include "bridge/rpc/rpc.h"
#include "common/str.h"

/* Each ends with name == NULL. */
extern const struct rpc_method rpc_sync_methods[];
extern const struct rpc_method rpc_session_methods[];
extern const struct rpc_method rpc_conv_methods[];
extern const struct rpc_method rpc_history_methods[];
extern const struct rpc_method rpc_mark_methods[];
extern const struct rpc_method rpc_user_methods[];
extern const struct rpc_method rpc_user_search_methods[];
extern const struct rpc_method rpc_group_methods[];
extern const struct rpc_method rpc_group_list_methods[];
extern const struct rpc_method rpc_member_methods[];
extern const struct rpc_method rpc_rank_methods[];
extern const struct rpc_method rpc_ban_methods[];
extern const struct rpc_method rpc_link_methods[];
extern const struct rpc_method rpc_block_methods[];
extern const struct rpc_method rpc_presence_methods[];
extern const struct rpc_method rpc_receipt_methods[];
extern const struct rpc_method rpc_search_methods[];
extern const struct rpc_method rpc_device_methods[];
extern const struct rpc_method rpc_contact_methods[];
extern const struct rpc_method rpc_recall_methods[];
extern const struct rpc_method rpc_edit_methods[];
extern const struct rpc_method rpc_react_methods[];
extern const struct rpc_method rpc_pin_methods[];
extern const struct rpc_method rpc_report_methods[];
extern const struct rpc_method rpc_forward_methods[];

/* All of them; ends with NULL. */
extern const struct rpc_method *const methods_all[];

/* The method of this name, or NULL. */
const struct rpc_method *methods_find(struct im_str name);

#endif
