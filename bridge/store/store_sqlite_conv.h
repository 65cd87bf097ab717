/* SPDX-License-Identifier: BSD-3-Clause */
/* Conversations of the SQLite backend, for the writer and for readers, whose views belong to them.
 */
#ifndef IM_BRIDGE_STORE_SQLITE_CONV_H
#define IM_BRIDGE_STORE_SQLITE_CONV_H

#include "bridge/store/store_sqlite_core.h"

/* Of the writer's handle and its transaction. */
int store_sqlite_convs_load(struct store *s);
/* One whose row another node has made, and that is not known here. */
int store_sqlite_convs_add(struct store *s, const struct store_conv *c);
int store_sqlite_convs_move(struct store *s); /* before each commit */
void store_sqlite_convs_committed(struct store *s);
void store_sqlite_convs_take_back(struct store *s);
void store_sqlite_convs_clear(struct store *s);

/* As store.h says. */
int store_sqlite_conv(struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
	uint64_t *id_out);
int store_sqlite_view_begin(struct store_reader *r);
void store_sqlite_view_end(struct store_reader *r);
int store_sqlite_reader_conv(
	struct store_reader *r, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t *id_out);
int store_sqlite_get_conv(struct store_reader *r, uint64_t id, struct store_conv *out);
int store_sqlite_user_convs(struct store_reader *r, uint64_t user, store_conv_fn fn, void *arg);

#endif
