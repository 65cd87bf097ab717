/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns one thread's read handles on the log, the directory and the search index. Called by
 * readers.c; must not touch the writer's handles. */
#include "bridge/read/reader.h"

#include <stdlib.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_user.h"
#include "bridge/message/event.h"
#include "bridge/rpc/conv_set.h"
#include "bridge/rpc/rpc_args.h"
#include "common/limits.h"
#include "db/deadline.h"

struct reader {
	const struct store_backend *backend;
	struct store_reader *log;
	struct directory *dir;
	struct names *names;
	struct search *search;
	struct deadline deadline;
	struct log *out;
};

/* Time is asked for by whatever reads for a job. */
static void watch(struct reader *r)
{
	r->backend->reader_watch(r->log, deadline_passed, &r->deadline);
	directory_watch(r->dir, deadline_passed, &r->deadline);
	if (r->search)
		search_watch(r->search, deadline_passed, &r->deadline);
}

int reader_open(const struct reader_parts *p, struct reader **out, struct im_buf *why)
{
	struct reader *r = calloc(1, sizeof(*r));
	int rc = IM_E_NOMEM;

	if (!r)
		return rc;
	r->backend = p->backend;
	r->out = p->log;
	rc = p->backend->reader_open(p->store, &r->log);
	if (rc)
		im_buf_z(why, "the log could not be opened for reading");
	if (!rc)
		rc = directory_open_reader(p->folder, &r->dir, why);
	if (!rc) {
		r->names = names_new(r->dir, IM_CACHED_NAMES);
		rc = r->names ? IM_OK : IM_E_NOMEM;
	}
	if (!rc && p->search)
		rc = search_open(p->folder, &r->search, why);
	r->deadline = (struct deadline){.clock = p->clock, .arg = p->clock_arg};
	if (rc)
		reader_close(&r);
	else
		watch(r);
	*out = r;
	return rc;
}

void reader_forget_names(struct reader *r)
{
	names_clear(r->names);
}

void reader_close(struct reader **r)
{
	if (!*r)
		return;
	search_close(&(*r)->search);
	names_free(&(*r)->names);
	if ((*r)->dir)
		directory_close(&(*r)->dir);
	if ((*r)->log)
		(*r)->backend->reader_close((*r)->log);
	free(*r);
	*r = NULL;
}

static struct rpc_read call_of(const struct reader *r, struct read_job *job)
{
	return (struct rpc_read){
		.call = {.uid = {job->uid, job->uid_n},
			.device = {job->device, job->device_n},
			.user = job->user,
			.admin = job->admin,
			.thing = job->thing,
			.now_ms = job->now_ms,
			.set = &job->set,
			.params = job->req.params,
			.position = job->position,
			.dir = r->dir},
		.backend = r->backend,
		.log = r->log,
		.names = r->names,
		.search = r->search,
		.states = im_buf_view(&job->states),
		.looked_at = &job->looked_at,
	};
}

static void reply(struct read_job *job, int code, struct im_str why, struct im_str result)
{
	im_buf_reset(&job->reply);
	im_buf_str(&job->reply, im_buf_view(&job->head));
	if (job->end)
		job->end(&job->reply, code, why, result);
	else
		rpc_reply_build(&job->reply, im_buf_view(&job->req.id), code, why, result);
	job->failed = job->reply.failed;
}

static void busy(struct read_job *job, struct im_str why, int64_t retry_ms)
{
	job->busy++;
	if (job->end) {
		reply(job, IM_E_BUSY, why, (struct im_str){NULL, 0});
		return;
	}
	im_buf_reset(&job->reply);
	rpc_reply_retry(&job->reply, im_buf_view(&job->req.id), IM_E_BUSY, why, retry_ms);
	job->failed = job->reply.failed;
}

/* What was ended for want of time. True: it has its answer, busy. */
static bool out_of_time(struct read_job *job)
{
	if (job->req.method->kind == RPC_SEARCH && !job->second) {
		job->second = true;
		return false;
	}
	busy(job,
		IM_STR("this request takes longer than the node gives it at present; ask for less, "
		       "or try again later"),
		IM_RETRY_LONG_MS);
	return true;
}

static bool run_request(struct reader *r, struct read_job *job)
{
	const struct rpc_method *m = job->req.method;
	struct rpc_read rd = call_of(r, job);
	bool first = m->kind == RPC_SEARCH && !job->second, done = true;
	struct im_buf result, why;
	int rc;

	im_buf_init(&result, 0);
	im_buf_init(&why, 0);
	rd.call.result = &result;
	rd.call.why = &why;
	deadline_begin(&r->deadline, first ? IM_SEARCH_FIRST_MS : IM_READ_MS);
	rc = m->read(&rd);
	deadline_end(&r->deadline);
	if (im_err_is_ours(rc) && r->deadline.passed) {
		done = out_of_time(job);
		goto out;
	}
	if (im_err_is_ours(rc)) {
		log_line(r->out, LOG_LEVEL_ERROR, "read_failed", "method=%s code=%d why=\"%s\"",
			m->name, rc, directory_errmsg(r->dir));
		im_buf_reset(&why);
		im_buf_z(&why, "the databases could not be read; try again later");
		rc = IM_E_INTERNAL;
	}
	reply(job, rc, im_buf_view(&why), im_buf_view(&result));
out:
	im_buf_free(&result);
	im_buf_free(&why);
	return done;
}

static int on_event(void *arg, const struct directory_event *e)
{
	(void)arg;
	(void)e;
	return IM_STOP;
}

/* IM_STOP: something newer than the cursor is in a conversation that sync would bring. */
static int find_news(struct rpc_read *rd, uint64_t cursor)
{
	struct conv_set set;
	struct store_head head;
	int rc = conv_set_load(rd, &set);

	for (size_t i = 0; !rc && i < set.n; i++) {
		rc = rd->backend->read_head(rd->log, set.v[i].conv, &head);
		if (rc || head.gid <= cursor)
			continue;
		rc = conv_item_resolve(&rd->call, &set.v[i], NULL);
		if (!rc && conv_item_followed(&set.v[i]))
			rc = IM_STOP;
	}
	conv_set_clear(&set);
	return rc;
}

/* A device that cannot be looked up counts as behind: pulling for nothing costs little. */
static bool behind(struct reader *r, struct read_job *job)
{
	struct rpc_read rd = call_of(r, job);
	struct directory_device dev;
	int rc = directory_device_get(r->dir, rd.call.device, &dev);

	if (rc || dev.user != job->user)
		return true;
	if (dev.cursor >= job->position)
		return false;
	rc = directory_event_list(r->dir, job->user, dev.cursor + 1, job->position, on_event, NULL);
	if (rc)
		return true;
	if (r->backend->view_begin(r->log))
		return true;
	rc = find_news(&rd, dev.cursor);
	r->backend->view_end(r->log);
	return rc != IM_OK;
}

static void hello(struct read_job *job, bool is_behind)
{
	struct event e;

	event_hello(&e, (struct im_str){job->device, job->device_n}, job->position, is_behind);
	im_buf_reset(&job->reply);
	im_buf_str(&job->reply, im_buf_view(&e.json));
	job->failed = job->reply.failed || event_fault(&e) != IM_OK;
	event_clear(&e);
}

/* What cannot be read is not told: conv.receipts answers who asks. */
static void find_delivered(struct reader *r, struct read_job *job)
{
	struct rpc_read rd = call_of(r, job);

	if (r->backend->view_begin(r->log))
		return;
	if (delivered_find(&rd, job->after, job->through, job->behind, &job->delivered))
		delivered_clear(&job->delivered);
	r->backend->view_end(r->log);
}

/* What could be read until time was over is told: the others see `rev`. */
static void find_told(struct reader *r, struct read_job *job)
{
	struct rpc_read rd = call_of(r, job);
	struct directory_user u;
	struct event e;

	if (rpc_views_begin(&rd))
		return;
	if (directory_user_by_id(r->dir, job->user, &u) == IM_OK && !u.deleted) {
		event_profile(&e, u.uid, u.nick, u.avatar, u.rev);
		im_buf_str(&job->reply, im_buf_view(&e.json));
		job->failed = job->reply.failed || event_fault(&e) != IM_OK;
		event_clear(&e);
		if (profile_find(&rd, &job->told) == IM_E_NOMEM)
			job->failed = true;
	}
	rpc_views_end(&rd);
}

bool reader_run(struct reader *r, struct read_job *job)
{
	if (job->kind == READ_REQUEST)
		return run_request(r, job) && !read_job_next(job);
	deadline_begin(&r->deadline, IM_READ_MS);
	if (job->kind == READ_HELLO)
		hello(job, behind(r, job));
	else if (job->kind == READ_DELIVERED)
		find_delivered(r, job);
	else
		find_told(r, job);
	deadline_end(&r->deadline);
	return true;
}

void reader_refuse(struct read_job *job)
{
	if (job->kind == READ_HELLO)
		hello(job, true);
	if (job->kind != READ_REQUEST)
		return;
	/* Of a batch nothing is begun: it is one refusal, of no request alone. */
	if (job->batch)
		im_buf_reset(&job->req.id);
	busy(job, IM_STR("too many requests wait to be answered; try again in a moment"),
		IM_RETRY_QUEUE_MS);
}
