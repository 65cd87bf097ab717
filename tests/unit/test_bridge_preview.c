/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the beginning of a body ends. */
#include "tests/unit/unit.h"

#include "bridge/message/preview.h"

#define FAMILY "👨‍👩‍👧‍👦" /* one for a reader, seven for Unicode, 25 bytes */
#define FLAG "🇩🇪"

static struct im_str repeated(struct im_buf *b, const char *one, int n)
{
	im_buf_reset(b);
	for (int i = 0; i < n; i++)
		im_buf_z(b, one);
	return im_buf_view(b);
}

static size_t kept(struct im_str text, size_t chars, size_t bytes)
{
	char *exact = unit_exact(text);
	struct im_str s = preview_text((struct im_str){exact, text.n}, chars, bytes);

	assert_ptr_equal(s.p, exact);
	free(exact);
	return s.n;
}

static void a_text_ends_behind_a_whole_character(void **state)
{
	static const char *const ones[] = {
		"x", "ß", "小", "😀", "e\xcc\x81", FLAG, FAMILY, "👍🏽", "की", "각"};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
		size_t one = strlen(ones[i]);

		for (int n = 0; n < 12; n++)
			assert_int_equal(kept(repeated(&b, ones[i], n), 9, 10000),
				one * (size_t)(n < 9 ? n : 9));
	}
	/* As many as fit: nine of 25 bytes are 225. */
	assert_int_equal(kept(repeated(&b, FAMILY, 20), 100, 249), 225);
	assert_int_equal(kept(repeated(&b, FAMILY, 20), 100, 250), 250);
	/* A first one that is longer than all ends behind a code point: the man, and his joiner. */
	assert_int_equal(kept(im_str(FAMILY), 100, 24), 21);
	assert_int_equal(kept(im_str(FAMILY), 100, 3), 0);
	assert_int_equal(kept(IM_STR(""), 100, 100), 0);
	im_buf_free(&b);
}

static void bytes_are_those_of_the_json(void **state)
{
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	assert_int_equal(kept(repeated(&b, "\x01", 100), 100, 61), 10);
	assert_int_equal(kept(repeated(&b, "\"", 100), 100, 61), 30);
	assert_int_equal(kept(repeated(&b, "\n", 100), 100, 61), 30);
	im_buf_free(&b);
}

/* A mark may stand upon a mark without end. */
static void a_tower_of_marks_is_cut(void **state)
{
	struct im_buf b;
	struct im_str text;

	(void)state;
	im_buf_init(&b, 0);
	im_buf_z(&b, "a");
	for (int i = 0; i < 30000; i++)
		im_buf_z(&b, "\xcc\x81");
	text = im_buf_view(&b);
	assert_int_equal(kept(text, 160, 480), 1 + 2 * 159);
	im_buf_free(&b);
}

static void expect_str(enum im_enc enc, struct im_str body, struct im_str want)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	preview_body(&b, enc, body, PREVIEW_BYTES);
	assert_str_eq(im_buf_view(&b), want);
	im_buf_free(&b);
}

static void expect(enum im_enc enc, struct im_str body, const char *want)
{
	expect_str(enc, body, im_str(want));
}

static void a_body_says_whether_it_is_all(void **state)
{
	char json[PREVIEW_BYTES + 2] = "[", bytes[361];
	struct im_buf text, want;

	(void)state;
	im_buf_init(&text, 0);
	im_buf_init(&want, 0);
	expect(IM_ENC_TEXT, IM_STR("lunch?"), ",\"body\":\"lunch?\"");
	expect(IM_ENC_TEXT, IM_STR(""), ",\"body\":\"\"");
	repeated(&text, "小", 160);
	im_buf_printf(&want, ",\"body\":\"%.*s\"", IM_ARGS(im_buf_view(&text)));
	expect_str(IM_ENC_TEXT, im_buf_view(&text), im_buf_view(&want));
	im_buf_z(&text, "!");
	im_buf_reset(&want);
	im_buf_printf(&want, ",\"body\":\"%.*s\",\"cut\":true", 480, text.p);
	expect_str(IM_ENC_TEXT, im_buf_view(&text), im_buf_view(&want));

	expect(IM_ENC_JSON, IM_STR("{\"url\":\"x\"}"), ",\"body\":{\"url\":\"x\"}");
	expect(IM_ENC_JSON, IM_STR(""), ",\"body\":null");
	expect(IM_ENC_JSON, IM_STR("[\"\\ud83d\"]"), ",\"body\":\"[\\\"\\\\ud83d\\\"]\"");
	memset(json + 1, ' ', PREVIEW_BYTES - 2);
	json[PREVIEW_BYTES - 1] = ']';
	im_buf_reset(&want);
	im_buf_printf(&want, ",\"body\":%s", json);
	expect_str(IM_ENC_JSON, im_str(json), im_buf_view(&want));
	json[PREVIEW_BYTES - 1] = ' ';
	json[PREVIEW_BYTES] = ']';
	expect(IM_ENC_JSON, im_str(json), ",\"body\":null,\"cut\":true");

	expect(IM_ENC_BYTES, IM_STR("\xff\xfe"), ",\"enc\":\"base64\",\"body\":\"//4=\"");
	memset(bytes, 0, sizeof(bytes));
	im_buf_reset(&want);
	im_buf_z(&want, ",\"enc\":\"base64\",\"body\":\"");
	im_buf_base64(&want, bytes, 360);
	im_buf_z(&want, "\"");
	expect_str(IM_ENC_BYTES, (struct im_str){bytes, 360}, im_buf_view(&want));
	expect(IM_ENC_BYTES, (struct im_str){bytes, 361},
		",\"enc\":\"base64\",\"body\":null,\"cut\":true");
	im_buf_free(&want);
	im_buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_ends_behind_a_whole_character),
		cmocka_unit_test(bytes_are_those_of_the_json),
		cmocka_unit_test(a_tower_of_marks_is_cut),
		cmocka_unit_test(a_body_says_whether_it_is_all),
	};

	return cmocka_run_group_tests_name("bridge preview", tests, NULL, NULL);
}
