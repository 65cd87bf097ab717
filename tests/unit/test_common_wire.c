/* SPDX-License-Identifier: BSD-3-Clause */
/* What the golden vectors do not say of the wire texts and of the error table. */
#include "tests/unit/unit.h"

#include "common/err.h"
#include "common/jsonscan.h"
#include "common/wire.h"

static void json_without_text_becomes_null(void **state)
{
	struct im_wire_msg m = {.seq = 1, .cursor = 2, .from = IM_STR("a"), .enc = IM_ENC_JSON};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_wire_tail(&b, &m);
	assert_buf(&b, ",\"seq\":1,\"from\":\"a\",\"ts\":0,\"type\":\"json\",\"cursor\":\"2\","
		       "\"body\":null}");
	im_buf_free(&b);
}

static void everything_appends(void **state)
{
	struct im_wire_msg m = {.seq = 1, .cursor = 2, .from = IM_STR("a"), .body = IM_STR("x")};
	struct im_json v;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_c(&b, '[');
	im_wire_ack(&b, IM_STR("i"), IM_STR("u/b"), 1, 2, IM_STR(""));
	im_buf_c(&b, ',');
	im_wire_refusal(&b, IM_STR("i"), IM_STR("u/b"), IM_E_BUSY, IM_STR("later"));
	im_buf_c(&b, ',');
	im_wire_error(&b, IM_E_MUTED, (struct im_str){NULL, 0});
	im_buf_c(&b, ',');
	im_wire_message(&b, IM_STR("u/b"), &m);
	im_buf_c(&b, ']');
	assert_int_equal(im_json_parse(im_buf_view(&b), &v), IM_OK);
	im_buf_free(&b);
}

/* An older version took JSON that strict parsers refuse; the page that holds it must stay one. */
static void what_was_stored_before_it_was_refused_is_shown_as_text(void **state)
{
	struct im_wire_msg m = {.seq = 1,
		.cursor = 2,
		.from = IM_STR("a"),
		.ts_ms = 3,
		.enc = IM_ENC_JSON,
		.meta = IM_STR("\"ttl\":9,\"ext\":{\"n\":1e400},\"edited\":{\"seq\":2}"),
		.body = IM_STR("{\"a\":\"\\u0000\"}")};
	struct im_json v;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_wire_message(&b, IM_STR("u/b"), &m);
	assert_buf(&b,
		"{\"conv\":\"u/b\",\"seq\":1,\"from\":\"a\",\"ts\":3,\"type\":\"json\",\"ttl\":9,"
		"\"edited\":{\"seq\":2},\"cursor\":\"2\",\"body\":\"{\\\"a\\\":\\\"\\\\u0000\\\"}"
		"\"}");
	assert_int_equal(im_json_parse(im_buf_view(&b), &v), IM_OK);
	im_buf_reset(&b);
	m.meta = IM_STR("\"ext\":{\"s\":\"\\udc00\"}");
	m.body = IM_STR("[1]");
	im_wire_message(&b, IM_STR("u/b"), &m);
	assert_buf(&b, "{\"conv\":\"u/b\",\"seq\":1,\"from\":\"a\",\"ts\":3,\"type\":\"json\","
		       "\"cursor\":\"2\",\"body\":[1]}");
	im_buf_reset(&b);
	m.meta = IM_STR("");
	m.type = IM_STR("edit");
	m.body = IM_STR("{\"seq\":1,\"body\":\"x\",\"was\":[1e999]}");
	im_wire_message(&b, IM_STR("u/b"), &m);
	assert_buf(&b, "{\"conv\":\"u/b\",\"seq\":1,\"from\":\"a\",\"ts\":3,\"type\":\"edit\","
		       "\"cursor\":\"2\",\"body\":{\"seq\":1,\"body\":\"x\",\"was\":\"[1e999]\"}}");
	im_buf_free(&b);
}

static void text_that_grows_in_escaping(void **state)
{
	static char text[5000];
	struct im_wire_msg m = {.from = IM_STR("a"), .body = {text, sizeof(text)}};
	struct im_json v;
	struct im_buf b;

	(void)state;
	memset(text, 1, sizeof(text));
	im_buf_init(&b, 0);
	im_wire_message(&b, IM_STR("u/b"), &m);
	assert_int_equal(im_json_parse(im_buf_view(&b), &v), IM_OK);
	assert_true(b.n > 6 * sizeof(text));
	im_buf_free(&b);
	/* Over the bound: failed, not cut. */
	im_buf_init(&b, 6000);
	im_wire_message(&b, IM_STR("u/b"), &m);
	assert_true(b.failed);
	im_buf_free(&b);
}

static void an_end_says_what_to_do(void **state)
{
	static const char *const says[IM_ENDS] = {
		[IM_END_KICKED] = "\"reason\":\"kicked\",\"retry\":\"later\"}",
		[IM_END_REMOVED] = "\"reason\":\"removed\",\"retry\":\"no\"}",
		[IM_END_MOVED] = "\"reason\":\"moved\",\"retry\":\"no\"}",
		[IM_END_CONTESTED] = "\"reason\":\"contested\",\"retry\":\"later\"}",
		[IM_END_LIMIT] = "\"reason\":\"max_devices\",\"retry\":\"no\"}",
		[IM_END_REPLACED] = "\"reason\":\"replaced\",\"retry\":\"no\"}",
		[IM_END_EXPIRED] = "\"reason\":\"expired\",\"retry\":\"token\"}",
		[IM_END_PASSWORD] = "\"reason\":\"password\",\"retry\":\"token\"}",
		[IM_END_DISABLED] = "\"reason\":\"disabled\",\"retry\":\"no\"}",
		[IM_END_DELETED] = "\"reason\":\"deleted\",\"retry\":\"no\"}",
	};
	struct im_buf b, want;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_init(&want, 0);
	for (int i = 0; i < IM_ENDS; i++) {
		im_buf_reset(&b);
		im_buf_reset(&want);
		im_wire_end(&b, IM_STR("a \"b\""), (enum im_end)i);
		im_buf_z(&want, IM_END_BEGIN "\"a \\\"b\\\"\",");
		im_buf_z(&want, says[i]);
		im_buf_c(&want, '\0');
		im_buf_c(&b, '\0');
		assert_string_equal(b.p, want.p);
	}
	im_buf_free(&b);
	im_buf_free(&want);
}

static void every_code_has_a_text_of_its_own(void **state)
{
	static const int codes[] = {
#define X(name, code, text) code,
#include "schema/errors.def"
#undef X
	};
	size_t n = sizeof(codes) / sizeof(codes[0]);
	size_t i, k;

	(void)state;
	for (i = 0; i < n; i++) {
		assert_true(codes[i] < -32000);
		for (k = 0; k < i; k++) {
			assert_int_not_equal(codes[i], codes[k]);
			assert_string_not_equal(im_err_text(codes[i]), im_err_text(codes[k]));
		}
	}
	assert_string_equal(im_err_text(IM_E_NOT_MEMBER), "not a member");
	assert_string_equal(im_err_text(IM_E_NOMEM), "internal error");
	assert_string_equal(im_err_text(IM_OK), "internal error");
	assert_string_equal(im_err_text(4711), "internal error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_without_text_becomes_null),
		cmocka_unit_test(everything_appends),
		cmocka_unit_test(what_was_stored_before_it_was_refused_is_shown_as_text),
		cmocka_unit_test(text_that_grows_in_escaping),
		cmocka_unit_test(an_end_says_what_to_do),
		cmocka_unit_test(every_code_has_a_text_of_its_own),
	};

	return cmocka_run_group_tests_name("common_wire", tests, NULL, NULL);
}
