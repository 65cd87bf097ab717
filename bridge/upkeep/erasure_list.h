/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of erasures beside the databases, {data_dir}/erasures: a line each, with no name in it.
 * It outlives a backup that is put in the databases' place, so that what was erased after the
 * backup is erased again.
 */
#ifndef IM_BRIDGE_ERASURE_LIST_H
#define IM_BRIDGE_ERASURE_LIST_H

#include "bridge/directory/directory_erasure.h"
#include "common/buf.h"
#include "common/err.h"

/* A line of the list: user, created_ms, asked_ms, hash (n == 0: the name was left). */
typedef int (*erasure_list_fn)(void *arg, const struct directory_erasure *e);
/* Every line; what is none is passed over and counted in *odd_out. No list is an empty one. */
int erasure_list_each(const char *data_dir, erasure_list_fn fn, void *arg, size_t *odd_out,
	struct im_buf *why) IM_MUST_CHECK;
/* Adds a line and syncs it, unless it is there. */
int erasure_list_add(
	const char *data_dir, const struct directory_erasure *e, struct im_buf *why) IM_MUST_CHECK;

#endif
