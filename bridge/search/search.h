/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * search.db: one handle for looking up, one a reader thread. Finds positions in the log; who may
 * see them is the caller's to say, and is asked before a hit counts: what a search gives, and where
 * it goes on, is made of what the caller may see alone. The index may be missing or behind:
 * search_index.h builds it.
 */
#ifndef IM_BRIDGE_SEARCH_H
#define IM_BRIDGE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/search/search_query.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

struct search;

int search_open(const char *folder, struct search **out, struct im_buf *why) IM_MUST_CHECK;
void search_close(struct search **s);
/* As sqldb_watch: ends a search with IM_E_IO. */
void search_watch(struct search *s, int (*passed)(void *arg), void *arg);

/* *cut_out: the position of a message that was left out, beyond which none was looked at because so
 * many were; 0: all were. IM_E_INVALID_PARAMS with *why_out: a query that names no word; IM_E_IO:
 * the index failed, or the watch ended it. */
int search_run(struct search *s, const struct search_query *query, uint64_t *cut_out,
	const char **why_out) IM_MUST_CHECK;

#endif
