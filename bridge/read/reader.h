/* SPDX-License-Identifier: BSD-3-Clause */
/* One reading thread's handles, and what it does for a job. */
#ifndef IM_BRIDGE_READER_H
#define IM_BRIDGE_READER_H

#include "bridge/read/readers.h"

struct reader;

int reader_open(
	const struct readers_parts *p, struct reader **out, struct im_buf *why) IM_MUST_CHECK;
void reader_forget_names(struct reader *r);
void reader_close(struct reader **r);
/* Fills job->reply. False: the job has had its first turn and wants another one; its views are
 * closed until then. */
bool reader_run(struct reader *r, struct readers_job *job);

/* The answers of a job that is not run because too many wait. */
void reader_refuse(struct readers_job *job);

#endif
