/* SPDX-License-Identifier: BSD-3-Clause */
/* One reading thread's handles, and what it does for a job. */
#ifndef IM_BRIDGE_READER_H
#define IM_BRIDGE_READER_H

#include <stdbool.h>

#include "bridge/base/log.h"
#include "bridge/rpc/read_job.h"
#include "bridge/store/store.h"
#include "common/buf.h"
#include "common/err.h"
#include "db/deadline.h"

struct reader;

/* Borrowed. */
struct reader_parts {
	const struct store_backend *backend;
	struct store *store;
	const char *folder; /* of directory.db and search.db */
	bool search;
	struct log *log;
	deadline_clock clock; /* what a thread has used; NULL: the thread's own */
	void *clock_arg;
};

int reader_open(
	const struct reader_parts *p, struct reader **out, struct im_buf *why) IM_MUST_CHECK;
void reader_forget_names(struct reader *r);
void reader_close(struct reader **r);
/* Fills job->reply. False: the job has had its turn and wants another one, a search or the next
 * request of a batch; its views are closed until then. */
bool reader_run(struct reader *r, struct read_job *job);

/* The answers of a job that is not run because too many wait. */
void reader_refuse(struct read_job *job);

#endif
