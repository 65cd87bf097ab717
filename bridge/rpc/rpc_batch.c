/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of a batch's requests and the array of their replies. Called by requests.c, and for
 * each that was read by read_job.c; must not know what a method does. */
#include "bridge/rpc/rpc_batch.h"

#include <stdlib.h>

#include "bridge/rpc/rpc.h"
#include "common/jsonscan.h"
#include "common/limits.h"

#define ALONE "the answers together do not fit one reply; ask for it alone"

bool rpc_batch_is(struct im_str target, struct im_str payload)
{
	return target.n == 0 && im_json_elements(payload, 0) >= 0;
}

/* The reply of one that does not fit. */
static void refusal(struct im_buf *out, struct im_str id)
{
	im_buf_reset(out);
	rpc_reply_build(out, id, IM_E_TOO_LARGE, IM_STR(ALONE), (struct im_str){NULL, 0});
}

static int fail(struct im_buf *why, int code, const char *text)
{
	im_buf_reset(why);
	im_buf_z(why, text);
	return code;
}

static void take(struct rpc_batch *b, rpc_find_fn find, struct im_str text)
{
	struct rpc_request *r = &b->v[b->n++];
	struct im_buf why;

	rpc_request_parse(find, (struct im_str){NULL, 0}, text, r);
	if (r->code != IM_OK || rpc_reads(r->method))
		return;
	im_buf_init(&why, 0);
	im_buf_printf(
		&why, "%s is no reading method; send it alone, not in an array", r->method->name);
	rpc_request_refuse(r, IM_E_NOT_ALLOWED, im_buf_view(&why), 0);
	im_buf_free(&why);
}

/* What is owed to each: a comma or bracket, and a refusal. */
static int count_owed(struct rpc_batch *b)
{
	struct im_buf text;
	bool failed = false;

	im_buf_init(&text, 0);
	for (size_t i = 0; i < b->n; i++) {
		refusal(&text, im_buf_view(&b->v[i].id));
		b->owed += 1 + text.n;
		failed = failed || text.failed;
	}
	im_buf_free(&text);
	return failed ? IM_E_NOMEM : IM_OK;
}

int rpc_batch_parse(
	rpc_find_fn find, struct im_str payload, struct rpc_batch **out, struct im_buf *why)
{
	struct rpc_batch *b;
	struct im_json_iter it;
	struct im_json v, e;
	int64_t n;
	int rc;

	*out = NULL;
	if (im_json_parse_any(payload, &v) != IM_OK)
		return fail(why, IM_E_PARSE, RPC_NOT_JSON);
	n = im_json_elements(payload, IM_REQUESTS_MAX + 1);
	if (n < 1 || n > IM_REQUESTS_MAX)
		return fail(why, IM_E_INVALID_REQUEST,
			n < 1 ? "the array is empty; give 1 to 50 requests"
			      : "the array has more than 50 requests; give at most 50");
	b = calloc(1, sizeof(*b));
	if (b)
		b->v = calloc((size_t)n, sizeof(*b->v));
	if (!b || !b->v) {
		free(b);
		return IM_E_NOMEM;
	}
	im_buf_init(&b->replies, 0);
	im_json_iter_any(&v, &it);
	while (im_json_next(&it, NULL, &e))
		take(b, find, e.raw);
	rc = count_owed(b);
	if (rc)
		rpc_batch_free(&b);
	*out = b;
	return rc;
}

void rpc_batch_free(struct rpc_batch **b)
{
	if (!*b)
		return;
	for (size_t i = 0; i < (*b)->n; i++)
		rpc_request_clear(&(*b)->v[i]);
	free((*b)->v);
	im_buf_free(&(*b)->replies);
	free(*b);
	*b = NULL;
}

void rpc_batch_answer(struct rpc_batch *b, struct im_str id, const struct im_buf *reply)
{
	struct im_buf alone;

	im_buf_init(&alone, 0);
	refusal(&alone, id);
	b->owed -= 1 + alone.n;
	im_buf_c(&b->replies, b->at++ ? ',' : '[');
	/* The closing bracket has a byte as well. */
	if (b->replies.n + reply->n + b->owed + 1 < IM_REPLY_MAX)
		im_buf_str(&b->replies, im_buf_view(reply));
	else
		im_buf_str(&b->replies, im_buf_view(&alone));
	b->replies.failed = b->replies.failed || reply->failed || alone.failed;
	if (b->at == b->n)
		im_buf_c(&b->replies, ']');
	im_buf_free(&alone);
}

bool rpc_batch_next(struct rpc_batch *b, struct rpc_request *out)
{
	struct im_buf text;

	im_buf_init(&text, 0);
	while (b->at < b->n && b->v[b->at].code != IM_OK) {
		struct rpc_request *r = &b->v[b->at];

		im_buf_reset(&text);
		if (r->retry_ms > 0)
			rpc_reply_retry(&text, im_buf_view(&r->id), r->code, im_buf_view(&r->why),
				r->retry_ms);
		else
			rpc_reply_build(&text, im_buf_view(&r->id), r->code, im_buf_view(&r->why),
				(struct im_str){NULL, 0});
		rpc_batch_answer(b, im_buf_view(&r->id), &text);
	}
	im_buf_free(&text);
	if (b->at == b->n)
		return false;
	*out = b->v[b->at];
	b->v[b->at] = (struct rpc_request){0};
	return true;
}
