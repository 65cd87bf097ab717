/* SPDX-License-Identifier: BSD-3-Clause */
/* What rows of the directory that another node has changed mean for the plugins here: what they
 * must not believe any longer, and the events that were stored for users. Plans it, to be told when
 * the rows are committed. */
#ifndef IM_BRIDGE_CLUSTER_COPY_NEWS_H
#define IM_BRIDGE_CLUSTER_COPY_NEWS_H

#include "bridge/write/writer.h"
#include "db/sqldb_images.h"

/* before: whether the rows are not put yet: names of what goes are read then; else of what came.
 * after: the position before the entry. */
int copy_news(struct writer *w, const struct sqldb_image *rows, size_t n, uint64_t after,
	bool before) IM_MUST_CHECK;

#endif
