/* SPDX-License-Identifier: BSD-3-Clause */
/* What must be so before the bridge works: said at start, where what is missing later would be said
 * by whoever came last. why: a sentence. */
#ifndef IM_BRIDGE_PREMISES_H
#define IM_BRIDGE_PREMISES_H

#include "bridge/directory/directory.h"
#include "bridge/options.h"
#include "common/buf.h"
#include "common/err.h"

/* Enough files may be open. */
int premises_files(unsigned reader_threads, struct im_buf *why) IM_MUST_CHECK;
/* Nobody else works on this folder as long as *fd_out stays open. */
int premises_lock(const char *data_dir, int *fd_out, struct im_buf *why) IM_MUST_CHECK;
/* The log that the directory tells of is there. */
int premises_log(struct directory *d, const char *data_dir, struct im_buf *why) IM_MUST_CHECK;
/* Whoever makes users without this process's configuration finds in directory.db what to know. */
int premises_settings(
	struct directory *d, const struct options *opt, struct im_buf *why) IM_MUST_CHECK;

#endif
