/* SPDX-License-Identifier: BSD-3-Clause */
/* Values as bytes and back, and bytes that are none. */
#include "tests/unit/unit.h"

#include <stdint.h>

#include "db/rowcode.h"

static void goes_round(const struct rowcode_value *v)
{
	struct rowcode_value out;
	struct im_buf b;
	struct im_str rest;

	im_buf_init(&b, 0);
	rowcode_put(&b, v);
	rest = im_buf_view(&b);
	assert_int_equal(rowcode_take(&rest, &out), IM_OK);
	assert_int_equal(rest.n, 0);
	assert_int_equal(out.type, v->type);
	assert_true(out.i == v->i);
	assert_memory_equal(&out.r, &v->r, sizeof(v->r));
	assert_true(im_str_eq(out.s, v->s));
	for (size_t n = 0; n < b.n; n++) {
		rest = (struct im_str){b.p, n};
		assert_int_equal(rowcode_take(&rest, &out), n ? IM_E_FORMAT : IM_E_NONE);
		assert_int_equal(rest.n, n);
	}
	im_buf_free(&b);
}

static void test_each_type_goes_round_and_cut_short_is_none(void **state)
{
	static const int64_t whole[] = {
		0, 1, -1, 63, 64, -64, -65, 1763650000000, INT64_MAX, INT64_MIN};
	static const double real[] = {0.0, -0.0, 1.5, -1e300};

	(void)state;
	goes_round(&(struct rowcode_value){.type = ROWCODE_NULL});
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		goes_round(&(struct rowcode_value){.type = ROWCODE_INT, .i = whole[i]});
	for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++)
		goes_round(&(struct rowcode_value){.type = ROWCODE_REAL, .r = real[i]});
	goes_round(&(struct rowcode_value){.type = ROWCODE_TEXT, .s = IM_STR("")});
	goes_round(&(struct rowcode_value){.type = ROWCODE_TEXT, .s = IM_STR("h\xc3\xa9")});
	goes_round(&(struct rowcode_value){.type = ROWCODE_BLOB, .s = IM_STR("a\0b")});
	goes_round(&(struct rowcode_value){.type = ROWCODE_BLOB, .s = IM_STR("")});
}

static void test_what_no_one_writes_is_refused(void **state)
{
	static const struct im_str bad[] = {
		IM_STR("\x05"), /* no such type */
		IM_STR("\xff"),
		IM_STR("\x01\x80\x00"),                                     /* could be shorter */
		IM_STR("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),     /* more than 64 bits */
		IM_STR("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* without end */
		IM_STR("\x03\x05four"), /* longer than there is */
		IM_STR("\x04\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"),
	};
	struct rowcode_value out;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct im_str in = bad[i];

		assert_int_equal(rowcode_take(&in, &out), IM_E_FORMAT);
		assert_int_equal(in.n, bad[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_goes_round_and_cut_short_is_none),
		cmocka_unit_test(test_what_no_one_writes_is_refused),
	};

	return cmocka_run_group_tests_name("bridge rowcode", tests, NULL, NULL);
}
