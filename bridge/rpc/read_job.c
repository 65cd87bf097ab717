/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what a job holds. Called by whoever plans one and by readers.c; must not know how it is run.
 */
#include "bridge/rpc/read_job.h"

#include <stdlib.h>
#include <string.h>

struct read_job *read_job_new(enum read_kind kind, struct im_str uid, struct im_str device)
{
	struct read_job *job;

	if (uid.n > IM_UID_MAX || device.n > IM_DEVICE_MAX)
		return NULL;
	job = calloc(1, sizeof(*job));
	if (!job)
		return NULL;
	job->kind = kind;
	memcpy(job->uid, uid.p, uid.n);
	job->uid_n = uid.n;
	if (device.n)
		memcpy(job->device, device.p, device.n);
	job->device_n = device.n;
	im_buf_init(&job->topic, 0);
	im_buf_init(&job->corr, 0);
	im_buf_init(&job->head, 0);
	im_buf_init(&job->states, 0);
	im_buf_init(&job->reply, 0);
	return job;
}

void read_job_free(struct read_job *job)
{
	if (!job)
		return;
	if (job->kind == READ_REQUEST)
		rpc_request_clear(&job->req);
	rpc_batch_free(&job->batch);
	delivered_clear(&job->delivered);
	profile_clear(&job->told);
	im_buf_free(&job->topic);
	im_buf_free(&job->corr);
	im_buf_free(&job->head);
	im_buf_free(&job->states);
	im_buf_free(&job->reply);
	free(job);
}

bool read_job_next(struct read_job *job)
{
	if (!job->batch)
		return false;
	rpc_batch_answer(job->batch, im_buf_view(&job->req.id), &job->reply);
	rpc_request_clear(&job->req);
	im_buf_free(&job->reply);
	job->second = false;
	if (rpc_batch_next(job->batch, &job->req))
		return true;
	job->reply = job->batch->replies;
	im_buf_init(&job->batch->replies, 0);
	job->failed = job->reply.failed;
	return false;
}

static void drop(struct effects_read *effect)
{
	read_job_free(read_job_of(effect));
}

void read_job_plan(struct read_job *job, struct effects *fx)
{
	job->effect.drop = drop;
	effects_read(fx, &job->effect);
}

struct read_job *read_job_of(struct effects_read *effect)
{
	return (struct read_job *)((char *)effect - offsetof(struct read_job, effect));
}
