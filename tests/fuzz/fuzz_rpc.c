/* SPDX-License-Identifier: BSD-3-Clause */
/* Any request: the first line is the method of the topic, the rest the payload. Whatever it is, it
 * is either a method with checked parameters or a refusal, and the reply is JSON. */
#include "tests/fuzz/fuzz.h"

#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_request.h"
#include "common/jsonscan.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str payload = fuzz_str(data, size);
	struct im_str target = fuzz_line(&payload);
	struct rpc_request r;
	struct im_json id;

	/* The broker gives topics that are UTF-8. */
	if (!im_utf8_valid(target))
		return 0;
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
