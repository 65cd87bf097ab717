/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text: the reader's two ways agree, slices lie inside, and what is decoded is written back. */
#include "tests/fuzz/fuzz.h"

#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/utf8.h"

static void check_text(const struct im_json *v)
{
	struct im_buf text, json, again;
	struct im_json back;

	im_buf_init(&text, 0);
	im_buf_init(&json, 0);
	im_buf_init(&again, 0);
	if (im_json_text(v, &text) == IM_OK) {
		CHECK(im_utf8_valid(im_buf_view(&text)));
		im_jsonw_str(&json, im_buf_view(&text));
		CHECK(im_json_parse(im_buf_view(&json), &back) == IM_OK);
		CHECK(im_json_text(&back, &again) == IM_OK);
		CHECK(im_str_eq(im_buf_view(&again), im_buf_view(&text)));
	} else {
		CHECK(text.n == 0);
	}
	im_buf_free(&text);
	im_buf_free(&json);
	im_buf_free(&again);
}

static void check_int(const struct im_json *v)
{
	struct im_buf text;
	int64_t n;

	if (im_json_int(v, &n))
		return;
	im_buf_init(&text, 0);
	im_buf_i64(&text, n);
	CHECK(im_str_eq(im_buf_view(&text), v->raw) || im_str_eqz(v->raw, "-0"));
	im_buf_free(&text);
}

/* Depth is bounded by the reader. */
static void check_value(const struct im_json *v)
{
	struct im_json_iter it;
	struct im_json child;
	struct im_str key;

	CHECK(v->raw.n > 0);
	check_text(v);
	check_int(v);
	im_json_iter(v, &it);
	while (im_json_next(&it, &key, &child)) {
		CHECK(child.raw.p > v->raw.p && child.raw.p + child.raw.n < v->raw.p + v->raw.n);
		check_value(&child);
	}
	CHECK(im_json_done(&it) == (v->type == IM_JSON_OBJECT || v->type == IM_JSON_ARRAY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str s = fuzz_str(data, size);
	struct im_json v, child;
	struct im_json_iter it;
	int rc = im_json_parse(s, &v);
	bool any = im_json_parse_any(s, &v) == IM_OK;

	CHECK((rc == IM_OK) == (any && !im_json_fault(s)));
	CHECK(any || !im_json_fault(s));
	if (rc == IM_OK) {
		CHECK(im_utf8_valid(s));
		check_value(&v);
	}
	/* Walked without having been parsed. */
	if (s.n && (s.p[0] == '{' || s.p[0] == '[')) {
		v = (struct im_json){s.p[0] == '{' ? IM_JSON_OBJECT : IM_JSON_ARRAY, s};
		im_json_iter(&v, &it);
		while (im_json_next(&it, NULL, &child))
			;
		CHECK(im_json_done(&it) == (rc == IM_OK));
		im_json_iter_any(&v, &it);
		while (im_json_next(&it, NULL, &child))
			;
		CHECK(im_json_done(&it) || !any);
	}
	return 0;
}
