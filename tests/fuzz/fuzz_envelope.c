/* SPDX-License-Identifier: BSD-3-Clause */
/* Any payload: what is accepted keeps its promises to the store, the wire and the other clients. */
#include "tests/fuzz/fuzz.h"

#include "common/envelope.h"
#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/utf8.h"
#include "common/wire.h"

static void check_accepted(const struct im_envelope *e, struct im_str payload)
{
	struct im_wire_msg m = {.seq = 1,
		.cursor = 1,
		.from = IM_STR("a"),
		.ts_ms = 1,
		.id = e->id,
		.type = e->type,
		.enc = e->enc,
		.meta = e->meta,
		.body = e->body};
	struct im_buf wire;
	struct im_json v;

	CHECK(e->id.n == 0 || im_msgid_valid(e->id));
	CHECK(e->type.n == 0 || im_type_valid(e->type));
	CHECK(e->enc != IM_ENC_TEXT || im_utf8_valid(e->body));
	CHECK(e->body.n <= payload.n);
	CHECK(e->reply_to >= 0 && e->ttl_s >= 0);
	if (e->enc == IM_ENC_JSON) {
		CHECK(im_json_parse(e->body, &v) == IM_OK);
		/* It nests one deeper in a message than alone, and may be at the bound already. */
		m.body = IM_STR("1");
	}
	im_buf_init(&wire, 0);
	im_wire_message(&wire, IM_STR("u/a"), &m);
	CHECK(im_json_parse(im_buf_view(&wire), &v) == IM_OK);
	im_buf_free(&wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str payload = fuzz_str(data, size);
	struct im_buf scratch, why, id_scratch;
	struct im_envelope e;
	int rc;

	im_buf_init(&scratch, size + 64);
	im_buf_init(&id_scratch, size + 64);
	im_buf_init(&why, 0);
	rc = im_envelope_parse(payload, &scratch, &e, &why);
	CHECK(rc == IM_OK || rc == IM_E_INVALID_PARAMS);
	CHECK((rc != IM_OK) == (why.n > 0));
	CHECK(im_str_eq(e.id, im_envelope_id(payload, &id_scratch)));
	if (rc == IM_OK)
		check_accepted(&e, payload);
	else
		CHECK(im_utf8_valid(im_buf_view(&why)));
	im_buf_free(&scratch);
	im_buf_free(&id_scratch);
	im_buf_free(&why);
	return 0;
}
