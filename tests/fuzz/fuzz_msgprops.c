/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as a message's properties: what is read is written back the same, becomes members of
 * one JSON object, and comes back from them. */
#include "tests/fuzz/fuzz.h"

#include "bridge/message/meta_props.h"
#include "common/jsonscan.h"
#include "common/limits.h"
#include "common/msgprops.h"

static bool empty(const struct im_props *p)
{
	return !p->format && !p->ttl_s && !p->corr.n && !p->content_type.n &&
	       !p->response_topic.n && !p->pairs.n;
}

static void check_meta(const struct im_props *p)
{
	struct im_buf meta, object, back;
	struct im_props again;
	struct im_json json;

	im_buf_init(&meta, 0);
	im_buf_init(&object, 0);
	im_buf_init(&back, 0);
	meta_props_put(&meta, p);
	im_buf_printf(&object, "{%.*s}", IM_ARGS(meta));
	CHECK(im_json_parse(im_buf_view(&object), &json) == IM_OK);
	meta_props_get(im_buf_view(&meta), &back);
	CHECK(!back.failed && im_props_read(im_buf_view(&back), &again) == IM_OK);
	CHECK(im_str_eq(again.response_topic, p->response_topic));
	CHECK(im_str_eq(again.pairs, p->pairs));
	if (p->corr.n <= IM_CORRELATION_MAX)
		CHECK(im_str_eq(again.corr, p->corr));
	im_buf_free(&meta);
	im_buf_free(&object);
	im_buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str in = fuzz_str(data, size), text;
	struct im_props p;
	struct im_buf b;

	im_buf_init(&b, 0);
	/* As meta that somebody else has written. */
	meta_props_get(in, &b);
	im_buf_free(&b);
	if (im_props_read(in, &p)) {
		CHECK(empty(&p));
		return 0;
	}
	for (text = p.pairs; text.n; text = (struct im_str){text.p + 1, text.n - 1})
		CHECK(text.n > 1 || *text.p == '\0');
	im_props_put(&b, &p);
	CHECK(!b.failed && (empty(&p) ? b.n == 0 : im_str_eq(im_buf_view(&b), in)));
	im_buf_free(&b);
	check_meta(&p);
	return 0;
}
