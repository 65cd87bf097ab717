/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash against the reference vectors of its authors: key 00..0f, inputs 00..n-1. */
#include "tests/unit/unit.h"

#include "common/siphash.h"

static struct im_sipkey test_key(void)
{
	struct im_sipkey key;
	uint8_t i;

	for (i = 0; i < sizeof(key.k); i++)
		key.k[i] = i;
	return key;
}

static void reference_vectors_64(void **state)
{
	/* The paper's appendix gives the one for 15 bytes; the others are of the reference code. */
	static const struct {
		size_t n;
		uint64_t hash;
	} vectors[] = {{0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu}, {2, 0x0d6c8009d9a94f5au},
		{3, 0x85676696d7fb7e2du}, {7, 0xab0200f58b01d137u}, {8, 0x93f5f5799a932462u},
		{15, 0xa129ca6149be45e5u}, {63, 0x958a324ceb064572u}};
	struct im_sipkey key = test_key();
	uint8_t in[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_int_equal(im_siphash(&key, in, vectors[i].n), vectors[i].hash);
	assert_int_equal(im_siphash(&key, NULL, 0), vectors[0].hash);
}

static void reference_vectors_128(void **state)
{
	static const struct {
		size_t n;
		uint8_t hash[16];
	} vectors[] = {{0, {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14,
				   0xc7, 0x55, 0x02, 0x93}},
		{1, {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b,
			    0x22, 0xfc, 0x45}},
		{2, {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6,
			    0x0a, 0xff, 0xe4}},
		{15, {0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97,
			     0xcf, 0xc3, 0xd9}},
		{63, {0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97,
			     0x3f, 0xbd, 0x7c}}};
	struct im_sipkey key = test_key();
	uint8_t in[64];
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		uint64_t out[2];

		im_siphash128(&key, in, vectors[i].n, out);
		for (k = 0; k < 16; k++)
			assert_int_equal(out[k / 8] >> 8 * (k % 8) & 0xFF, vectors[i].hash[k]);
	}
}

static void key_and_every_byte_count(void **state)
{
	struct im_sipkey key = test_key();
	struct im_sipkey other = key;
	char text[24] = "some text of 24 bytes...";
	uint64_t hash = im_siphash(&key, text, sizeof(text));
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(other.k); i++) {
		other.k[i] ^= 0x80;
		assert_int_not_equal(im_siphash(&other, text, sizeof(text)), hash);
		other.k[i] ^= 0x80;
	}
	for (i = 0; i < sizeof(text); i++) {
		text[i] ^= 1;
		assert_int_not_equal(im_siphash(&key, text, sizeof(text)), hash);
		text[i] ^= 1;
		assert_int_not_equal(im_siphash(&key, text, i), hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_vectors_64),
		cmocka_unit_test(reference_vectors_128),
		cmocka_unit_test(key_and_every_byte_count),
	};

	return cmocka_run_group_tests_name("common_siphash", tests, NULL, NULL);
}
