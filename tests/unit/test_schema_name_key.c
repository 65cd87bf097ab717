/* SPDX-License-Identifier: BSD-3-Clause */
/* The hashes of erased names: databases hold them, so they stay what they are. */
#include "tests/unit/unit.h"

#include "common/ids.h"
#include "schema/name_key.h"

static void only_the_case_of_ascii_letters_is_folded(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++)
		assert_int_equal(
			(unsigned char)im_name_folded((char)i), i >= 'A' && i <= 'Z' ? i + 32 : i);
	assert_true(im_name_same(IM_STR("Al.Z@x-1_"), IM_STR("aL.z@X-1_")));
	/* Bytes beside the letters, which differ by the same bit. */
	assert_false(im_name_same(IM_STR("@"), IM_STR("`")));
	assert_false(im_name_same(IM_STR("["), IM_STR("{")));
	assert_false(im_name_same(IM_STR("alice"), IM_STR("alice2")));
}

static void names_that_are_the_same_have_the_same_hash(void **state)
{
	static const struct im_sipkey key = {.k = {1, 2, 3}};
	static const uint8_t want[NAME_HASH_BYTES] = {0x26, 0x9c, 0x69, 0x2e, 0x60, 0xb2, 0xb2,
		0xf6, 0xde, 0x1a, 0x8b, 0xaa, 0x06, 0xa9, 0xa2, 0x5d};
	static const char *const same[] = {"alice@X", "ALICE@x", "Alice@X"};
	uint8_t hash[NAME_HASH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		name_key_hash(&key, im_str(same[i]), hash);
		assert_memory_equal(hash, want, sizeof(want));
	}
	name_key_hash(&key, IM_STR("alice`x"), hash);
	assert_memory_not_equal(hash, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_case_of_ascii_letters_is_folded),
		cmocka_unit_test(names_that_are_the_same_have_the_same_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
