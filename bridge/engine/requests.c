/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the way from a request record to its handler and back to a reply. Called by batch.c; what
 * a method does is rpc_*.c's, what a command does admin.c's. */
#include "bridge/engine/requests.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_request.h"

#include <stdlib.h>

#include "bridge/deliver/presence.h"
#include "bridge/engine/sessions.h"
#include "bridge/rpc/price.h"
#include "bridge/rpc/read_job.h"
#include "bridge/rpc/rpc_batch.h"
#include "bridge/rpc/texts.h"
#include "common/may.h"

struct requests {
	struct requests_parts p;
	struct rpc_settings set;
	struct hash_budget budget;
	struct im_buf result, why, reply;
	/* Of the request in hand. */
	int64_t retry_ms; /* see rpc.h */
	uint64_t recno;
	struct effects *fx;
	bool ahead; /* its turn has not come: see requests_ahead */
};

struct requests *requests_new(const struct requests_parts *p)
{
	struct requests *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->p = *p;
	q->fx = p->fx;
	hash_budget_init(&q->budget);
	im_buf_init(&q->result, 0);
	im_buf_init(&q->why, 0);
	im_buf_init(&q->reply, 0);
	return q;
}

void requests_free(struct requests **q)
{
	if (!*q)
		return;
	im_buf_free(&(*q)->result);
	im_buf_free(&(*q)->why);
	im_buf_free(&(*q)->reply);
	free(*q);
	*q = NULL;
}

void requests_set(struct requests *q, const struct rpc_settings *set)
{
	int64_t max_payload = q->set.max_payload;

	q->set = *set;
	q->set.max_payload = max_payload;
}

void requests_set_max_payload(struct requests *q, int64_t bytes)
{
	q->set.max_payload = bytes;
}

static int answer(struct requests *q, const struct im_up_rec *rec, struct im_str id, int code,
	struct im_str why, struct im_str result)
{
	if (q->ahead)
		return IM_E_NONE;
	im_buf_reset(&q->reply);
	if (q->retry_ms > 0)
		rpc_reply_retry(&q->reply, id, code, why, q->retry_ms);
	else
		rpc_reply_build(&q->reply, id, code, why, result);
	if (q->reply.failed)
		return IM_E_NOMEM;
	effects_reply(
		q->fx, rec->user, rec->device, rec->reply_topic, rec->corr, im_buf_view(&q->reply));
	return IM_OK;
}

/* A reading request is paid for before it waits for a thread. */
static int take_price(struct requests *q, const struct im_up_rec *rec,
	const struct rpc_request *req, const struct rights_user *u)
{
	int64_t units = price_of(req->method, req->params);

	if (cost_take(q->p.cost, u->id, rec->ts_ms, units, &q->retry_ms))
		return IM_OK;
	im_buf_reset(&q->why);
	cost_say(&q->why, q->retry_ms);
	return IM_E_RATE_LIMITED;
}

static bool wants_states(const struct rpc_request *req, const struct rpc_batch *rest)
{
	bool wants = req->method->kind == RPC_DEVICES;

	for (size_t i = 0; !wants && rest && i < rest->n; i++)
		wants = rest->v[i].method && rest->v[i].method->kind == RPC_DEVICES;
	return wants;
}

/* Hands the request over to the readers, and a batch of which it is the first to be read (may be
 * NULL); *req and *rest are then empty. */
static int hand_over(struct requests *q, const struct im_up_rec *rec, struct rpc_request *req,
	struct rpc_batch **rest, const struct rights_user *u, int64_t now_ms)
{
	struct read_job *job = read_job_new(READ_REQUEST, rec->user, rec->device);

	if (!job)
		return IM_E_NOMEM;
	job->recno = q->recno;
	job->user = u->id;
	job->admin = u->role == IM_ROLE_ADMIN;
	job->thing = u->role == IM_ROLE_DEVICE;
	job->now_ms = now_ms;
	job->set = q->set;
	im_buf_str(&job->topic, rec->reply_topic);
	im_buf_str(&job->corr, rec->corr);
	job->req = *req;
	*req = (struct rpc_request){0};
	job->batch = *rest;
	*rest = NULL;
	if (wants_states(&job->req, job->batch))
		presence_states(q->p.presence, rec->user, &job->states);
	if (job->topic.failed || job->corr.failed || job->states.failed) {
		read_job_free(job);
		return IM_E_NOMEM;
	}
	read_job_plan(job, q->fx);
	return IM_OK;
}

static int run(struct requests *q, const struct im_up_rec *rec, struct rpc_request *req,
	const struct rights_user *u, enum requests_pass pass)
{
	struct rpc_write wr = {
		.call = {.uid = rec->user,
			.device = rec->device,
			.user = u->id,
			.admin = u->role == IM_ROLE_ADMIN,
			.thing = u->role == IM_ROLE_DEVICE,
			.now_ms = rec->ts_ms,
			.set = &q->set,
			.params = req->params,
			.position = writer_position(q->p.writer),
			.dir = writer_directory(q->p.writer),
			.result = &q->result,
			.why = &q->why},
		.writer = q->p.writer,
		.budget = &q->budget,
		.presence = q->p.presence,
		.dedup = q->p.dedup,
		.rights = q->p.rights,
		.cursors = q->p.cursors,
		/* What a replay does again was paid for. */
		.cost = pass == REQUESTS_NEW ? q->p.cost : NULL,
	};
	int rc;

	im_buf_reset(&q->result);
	im_buf_reset(&q->why);
	rc = texts_check(q->set.moderation, req->method, req->params, &q->why);
	if (rc == IM_OK)
		rc = req->method->write(&wr);
	if (rc == IM_E_IO || rc == IM_E_NOMEM)
		return rc;
	q->retry_ms = rc == IM_OK ? 0 : wr.call.retry_ms;
	if (im_err_is_ours(rc)) {
		log_line(q->p.log, LOG_LEVEL_ERROR, "request_failed", "method=%s code=%d",
			req->method->name, rc);
		rc = IM_E_INTERNAL;
	}
	return answer(
		q, rec, im_buf_view(&req->id), rc, im_buf_view(&q->why), im_buf_view(&q->result));
}

static bool wanted(const struct rpc_method *m, enum requests_pass pass)
{
	switch (pass) {
	case REQUESTS_NEW:
		return true;
	case REQUESTS_REPLAY_DIRECTORY:
		return m->kind != RPC_LOG;
	default:
		/* A read's answer may have been on its way when the link broke. */
		return rpc_reads(m);
	}
}

/* The caller, if he may ask; else q->why says why not. */
static int find_caller(struct requests *q, struct im_str uid, struct rights_user *out)
{
	int rc = rights_user(q->p.rights, uid, out);

	if (rc && rc != IM_E_UNKNOWN_USER)
		return rc;
	im_buf_reset(&q->why);
	return im_may_act(!rc, out->disabled, &q->why);
}

static int dispatch(struct requests *q, const struct im_up_rec *rec, struct rpc_request *req,
	enum requests_pass pass, int64_t now_ms)
{
	const struct im_str none = {0};
	struct rpc_batch *alone = NULL;
	struct rights_user u;
	int rc;

	if (req->code)
		return answer(
			q, rec, im_buf_view(&req->id), req->code, im_buf_view(&req->why), none);
	/* What was told may have been on its way when the link broke. */
	if (pass != REQUESTS_NEW && req->method->kind == RPC_PRESENCE) {
		rc = presence_again(q->p.presence, rec->user, rec->ts_ms);
		if (rc)
			return rc;
	}
	if (!wanted(req->method, pass))
		return IM_OK;
	rc = find_caller(q, rec->user, &u);
	if (im_err_is_ours(rc))
		return rc;
	if (rc)
		return answer(q, rec, im_buf_view(&req->id), rc, im_buf_view(&q->why), none);
	if (!rpc_reads(req->method))
		return q->ahead ? IM_E_NONE : run(q, rec, req, &u, pass);
	if (pass == REQUESTS_NEW)
		rc = take_price(q, rec, req, &u);
	if (rc)
		return answer(q, rec, im_buf_view(&req->id), rc, im_buf_view(&q->why), none);
	return hand_over(q, rec, req, &alone, &u, now_ms);
}

/* ---- several in one array ---- */

/* Each pays for itself, the first ones first. */
static void take_prices(struct requests *q, const struct im_up_rec *rec, struct rpc_batch *b,
	const struct rights_user *u)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].code || take_price(q, rec, &b->v[i], u) == IM_OK)
			continue;
		rpc_request_refuse(&b->v[i], IM_E_RATE_LIMITED, im_buf_view(&q->why), q->retry_ms);
		q->retry_ms = 0;
	}
}

/* As a whole: it is the answer to none of them. */
static int refuse_batch(
	struct requests *q, const struct im_up_rec *rec, int code, struct im_str why)
{
	return answer(q, rec, IM_STR("null"), code, why, (struct im_str){NULL, 0});
}

/* They only read, so a replay does it all again. */
static int run_batch(struct requests *q, const struct im_up_rec *rec, struct rpc_batch **b,
	enum requests_pass pass, int64_t now_ms)
{
	struct rpc_request first = {0};
	struct rights_user u;
	int rc = find_caller(q, rec->user, &u);

	if (im_err_is_ours(rc))
		return rc;
	if (rc)
		return refuse_batch(q, rec, rc, im_buf_view(&q->why));
	if (pass == REQUESTS_NEW)
		take_prices(q, rec, *b, &u);
	if (rpc_batch_next(*b, &first)) {
		rc = hand_over(q, rec, &first, b, &u, now_ms);
		rpc_request_clear(&first);
		return rc;
	}
	if ((*b)->replies.failed)
		return IM_E_NOMEM;
	effects_reply(q->fx, rec->user, rec->device, rec->reply_topic, rec->corr,
		im_buf_view(&(*b)->replies));
	return IM_OK;
}

static int take_batch(
	struct requests *q, const struct im_up_rec *rec, enum requests_pass pass, int64_t now_ms)
{
	struct rpc_batch *b;
	int rc;

	/* To a plugin of the version before, fifty are one message. */
	if (effects_level(q->p.fx) < IM_PLUGIN_LEVEL_COUNTS)
		return refuse_batch(q, rec, IM_E_INVALID_REQUEST,
			IM_STR("arrays are not taken before the node's broker is restarted; send "
			       "requests one by one"));
	im_buf_reset(&q->why);
	rc = rpc_batch_parse(methods_find, rec->payload, &b, &q->why);
	if (rc == IM_E_NOMEM)
		return rc;
	if (rc) {
		q->p.health->requests++;
		return refuse_batch(q, rec, rc, im_buf_view(&q->why));
	}
	q->p.health->requests += b->n;
	rc = run_batch(q, rec, &b, pass, now_ms);
	rpc_batch_free(&b);
	return rc;
}

/* ---- */

int requests_rpc(struct requests *q, const struct im_up_rec *rec, uint64_t recno,
	enum requests_pass pass, int64_t now_ms)
{
	struct rpc_request req = {0};
	int rc;

	q->recno = recno;
	q->retry_ms = 0;
	if (rpc_batch_is(rec->target, rec->payload))
		return take_batch(q, rec, pass, now_ms);
	q->p.health->requests++;
	rpc_request_parse(methods_find, rec->target, rec->payload, &req);
	rc = dispatch(q, rec, &req, pass, now_ms);
	rpc_request_clear(&req);
	return rc;
}

/* What the open transaction has written of the caller counts already. */
int requests_ahead(struct requests *q, const struct im_up_rec *rec, uint64_t recno,
	struct effects *fx, int64_t now_ms)
{
	uint64_t counted = q->p.health->requests;
	int rc;

	q->ahead = true;
	q->fx = fx;
	rc = requests_rpc(q, rec, recno, REQUESTS_NEW, now_ms);
	q->fx = q->p.fx;
	q->ahead = false;
	if (rc)
		q->p.health->requests = counted;
	return rc;
}

int requests_control(struct requests *q, const struct im_up_rec *rec, int64_t now_ms)
{
	struct admin_payload c = {
		.uid = rec->user,
		.now_ms = now_ms,
		.set = &q->set,
		.hooks = &q->p.hooks,
		.w = q->p.writer,
		.presence = q->p.presence,
		.places = sessions_places(q->p.sessions),
		.away = sessions_away_mask(q->p.sessions),
		.cursors = q->p.cursors,
		.device = rec->device,
		.payload = rec->payload,
		.absent = rec->target,
		.out = &q->reply,
	};
	struct im_down_rec r = {.type = IM_DOWN_CONTROL, .user = rec->user, .device = rec->device};
	struct rights_user u;
	int rc = rights_user(q->p.rights, rec->user, &u);

	/* The plugin lets only administrators write there, but it may have asked its cache. */
	if (rc == IM_E_UNKNOWN_USER || (!rc && (u.role != IM_ROLE_ADMIN || u.disabled))) {
		log_line(q->p.log, LOG_LEVEL_WARNING, "control_refused", "uid=%.*s",
			IM_ARGS(rec->user));
		return IM_OK;
	}
	if (rc)
		return rc;
	im_buf_reset(&q->reply);
	rc = admin_execute(&c);
	if (rc)
		return rc;
	if (c.later)
		return IM_OK;
	r.payload = im_buf_view(&q->reply);
	if (q->reply.failed)
		return IM_E_NOMEM;
	if (q->p.hold && q->p.hold(q->p.hooks.arg, rec->user, rec->device, r.payload))
		return IM_OK;
	effects_put(q->p.fx, EFFECTS_CONTROL, &r, NULL, 0);
	return IM_OK;
}
