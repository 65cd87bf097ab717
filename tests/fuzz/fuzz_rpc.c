/* SPDX-License-Identifier: BSD-3-Clause */
/* Any request: the first line is the method of the topic, the rest the payload. Whatever it is, it
 * is either a method with checked parameters or a refusal, and the reply is JSON; an array of
 * requests is a refusal, or one array with a reply to each that is no longer than a reply may be.
 */
#include "tests/fuzz/fuzz.h"

#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_batch.h"
#include "bridge/rpc/rpc_request.h"
#include "common/jsonscan.h"
#include "common/limits.h"
#include "common/utf8.h"

static void check_reply(const struct rpc_request *r)
{
	struct im_buf reply;
	struct im_json v;

	im_buf_init(&reply, 0);
	rpc_reply_build(&reply, im_buf_view(&r->id), r->code, im_buf_view(&r->why), IM_STR("{}"));
	CHECK(im_json_parse(im_buf_view(&reply), &v) == IM_OK);
	CHECK(v.type == IM_JSON_OBJECT);
	im_buf_free(&reply);
}

/* Each that is to be read gets an answer whose length the payload's gives; of long ones some
 * fit. */
static void check_batch(struct im_str payload)
{
	struct rpc_batch *b;
	struct rpc_request r;
	struct im_buf text;
	struct im_json v;
	int64_t n = im_json_elements(payload, IM_REQUESTS_MAX + 1);
	int code;

	im_buf_init(&text, 0);
	code = rpc_batch_parse(methods_find, payload, &b, &text);
	CHECK((code == IM_OK) == (b != NULL));
	CHECK((code == IM_OK) == (text.n == 0));
	CHECK(code == IM_OK || code == IM_E_PARSE || code == IM_E_INVALID_REQUEST);
	if (b) {
		CHECK(n == (int64_t)b->n && n > 0 && n <= IM_REQUESTS_MAX);
		while (rpc_batch_next(b, &r)) {
			CHECK(r.code == IM_OK && rpc_reads(r.method));
			im_buf_reset(&text);
			im_buf_c(&text, '"');
			for (size_t i = 0; i < payload.n % 40; i++)
				im_buf_printf(&text, "%0100d", 0);
			im_buf_c(&text, '"');
			rpc_batch_answer(b, im_buf_view(&r.id), &text);
			rpc_request_clear(&r);
		}
		CHECK(b->owed == 0 && b->replies.n < IM_REPLY_MAX);
		CHECK(im_json_parse(im_buf_view(&b->replies), &v) == IM_OK);
		CHECK(im_json_elements(im_buf_view(&b->replies), IM_REQUESTS_MAX + 1) == n);
	}
	rpc_batch_free(&b);
	im_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str payload = fuzz_str(data, size);
	struct im_str target = fuzz_line(&payload);
	struct rpc_request r;
	struct im_json id;

	/* The broker gives topics that are UTF-8. */
	if (!im_utf8_valid(target))
		return 0;
	if (rpc_batch_is(target, payload))
		check_batch(payload);
	rpc_request_parse(methods_find, target, payload, &r);
	CHECK(r.id.n > 0 && r.id.n <= 256);
	CHECK(im_json_parse(im_buf_view(&r.id), &id) == IM_OK);
	CHECK((r.code == IM_OK) == (r.method != NULL));
	CHECK((r.code == IM_OK) == json_is_object(r.params));
	CHECK((r.code == IM_OK) == (r.why.n == 0));
	CHECK(im_utf8_valid(im_buf_view(&r.why)));
	check_reply(&r);
	rpc_request_clear(&r);
	return 0;
}
