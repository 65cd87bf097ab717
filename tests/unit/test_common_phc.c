/* SPDX-License-Identifier: BSD-3-Clause */
/* Password hashes: what matches, what does not, and what is refused before it costs anything. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/phc.h"

/* Small parameters: the tests are about the strings, not about the cost. */
#define MEMORY_KIB 64
#define PASSES 1

static const uint8_t salt[IM_PHC_SALT] = "0123456789abcdef";

static void make(const char *password, char out[IM_PHC_MAX])
{
	assert_int_equal(im_phc_hash(im_str(password), salt, MEMORY_KIB, PASSES, out), IM_OK);
}

static int verify(const char *phc, const char *password)
{
	return im_phc_verify(im_str(phc), im_str(password));
}

static void own_hash_verifies(void **state)
{
	static const char *const passwords[] = {"secret", "", "пароль 密码", " ", "a b\n"};
	char phc[IM_PHC_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
		make(passwords[i], phc);
		assert_memory_equal(phc, "$argon2id$v=19$m=64,t=1,p=1$", 28);
		assert_int_equal(verify(phc, passwords[i]), IM_OK);
		assert_int_equal(verify(phc, "Secret"), IM_E_NONE);
		assert_int_equal(verify(phc, "secret "), IM_E_NONE);
	}
}

static void password_may_hold_any_bytes(void **state)
{
	char phc[IM_PHC_MAX];

	(void)state;
	assert_int_equal(im_phc_hash(IM_STR("a\0b\xff"), salt, MEMORY_KIB, PASSES, phc), IM_OK);
	assert_int_equal(im_phc_verify(im_str(phc), IM_STR("a\0b\xff")), IM_OK);
	assert_int_equal(im_phc_verify(im_str(phc), IM_STR("a")), IM_E_NONE);
	assert_int_equal(im_phc_verify(im_str(phc), IM_STR("a\0c\xff")), IM_E_NONE);
	assert_int_equal(im_phc_verify(im_str(phc), (struct im_str){NULL, 0}), IM_E_NONE);
}

static void salt_matters(void **state)
{
	static const uint8_t other[IM_PHC_SALT] = "0123456789abcdeF";
	char a[IM_PHC_MAX], b[IM_PHC_MAX];

	(void)state;
	make("secret", a);
	assert_int_equal(im_phc_hash(IM_STR("secret"), other, MEMORY_KIB, PASSES, b), IM_OK);
	assert_string_not_equal(a, b);
	assert_int_equal(verify(b, "secret"), IM_OK);
}

/* Test vectors of the reference implementation: "password" with the salt "somesalt". */
static void foreign_hash_verifies(void **state)
{
	static const char *const hashes[] = {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
					     "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$"
		"bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"};
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_int_equal(verify(hashes[i], "password"), IM_OK);
		assert_int_equal(verify(hashes[i], "Password"), IM_E_NONE);
	}
}

static void default_parameters_are_taken(void **state)
{
	char phc[IM_PHC_MAX];

	(void)state;
	assert_int_equal(
		im_phc_hash(IM_STR("secret"), salt, IM_PHC_MEMORY_KIB, IM_PHC_PASSES, phc), IM_OK);
	assert_int_equal(verify(phc, "secret"), IM_OK);
	assert_int_equal(verify(phc, "wrong"), IM_E_NONE);
}

static void parameters_out_of_bounds_are_refused(void **state)
{
	static const char *const refused[] = {"$argon2id$v=19$m=262145,t=1,p=1$",
		"$argon2id$v=19$m=4294967295,t=1,p=1$", "$argon2id$v=19$m=4294967360,t=1,p=1$",
		"$argon2id$v=19$m=99999999999,t=1,p=1$", "$argon2id$v=19$m=64,t=17,p=1$",
		"$argon2id$v=19$m=64,t=0,p=1$", "$argon2id$v=19$m=64,t=1,p=0$",
		"$argon2id$v=19$m=64,t=1,p=5$", "$argon2id$v=19$m=7,t=1,p=1$",
		"$argon2id$v=19$m=15,t=1,p=2$", "$argon2id$v=19$m=0,t=1,p=1$",
		"$argon2id$v=19$m=064,t=1,p=1$", "$argon2id$v=19$m=-64,t=1,p=1$",
		"$argon2id$v=19$m=,t=1,p=1$", "$argon2id$v=19$t=1,m=64,p=1$",
		"$argon2id$v=19$m=64,t=1$", "$argon2id$v=16$m=64,t=1,p=1$",
		"$argon2id$m=64,t=1,p=1$", "$argon2i$v=19$m=64,t=1,p=1$",
		"$argon2d$v=19$m=64,t=1,p=1$", "$argon2id$v=19$m=64,t=1,p=1,keyid=a$",
		"argon2id$v=19$m=64,t=1,p=1$"};
	char phc[IM_PHC_MAX], made[2 * IM_PHC_MAX];
	const char *tail;
	size_t i;

	(void)state;
	make("secret", phc);
	tail = phc + 28;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(made, sizeof(made), "%s%s", refused[i], tail);
		if (verify(made, "secret") != IM_E_FORMAT)
			fail_msg("taken: %s", made);
	}
}

static void malformed_strings_are_refused(void **state)
{
	static const char *const refused[] = {"", "$", "secret", "$2b$12$abcdefghijklmnopqrstuv",
		"$argon2id$v=19$m=64,t=1,p=1$c2hvcnQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c2hvcnQ",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAA_"
		"AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$"
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$",
		/* 25 characters are no whole bytes; the last one's spare bits are not zero. */
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAB",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAB"};
	char phc[IM_PHC_MAX], longer[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (verify(refused[i], "secret") != IM_E_FORMAT || im_phc_valid(im_str(refused[i])))
			fail_msg("taken: %s", refused[i]);
	}
	make("secret", phc);
	snprintf(longer, sizeof(longer), "%s%0*d", phc, (int)(IM_PHC_MAX - strlen(phc)), 0);
	assert_int_equal(verify(longer, "secret"), IM_E_FORMAT);
	/* Salt and tag as long as they may be, and a character more. */
	memset(longer, 'A', sizeof(longer));
	memcpy(longer, phc, 28);
	longer[28 + 86] = '$';
	longer[28 + 86 + 1 + 87] = '\0';
	assert_int_equal(verify(longer, "secret"), IM_E_FORMAT);
	assert_false(im_phc_valid(im_str(longer)));
	longer[28 + 86 + 1 + 86] = '\0';
	assert_int_equal(verify(longer, "secret"), IM_E_NONE);
	assert_true(im_phc_valid(im_str(longer)));
	assert_true(im_phc_valid(im_str(phc)));
	assert_int_equal(im_phc_verify((struct im_str){NULL, 0}, IM_STR("secret")), IM_E_FORMAT);
}

/* Cut anywhere, a hash is refused or, when only its tag got shorter, does not match. */
static void cut_strings_never_match(void **state)
{
	char phc[IM_PHC_MAX];
	size_t n, len;

	(void)state;
	make("secret", phc);
	len = strlen(phc);
	for (n = 0; n < len; n++) {
		char *exact = unit_exact((struct im_str){phc, n});
		int rc = im_phc_verify((struct im_str){exact, n}, IM_STR("secret"));

		assert_int_equal(
			rc, im_phc_valid((struct im_str){exact, n}) ? IM_E_NONE : IM_E_FORMAT);
		free(exact);
	}
}

static void changed_strings_never_match(void **state)
{
	struct prng r = {4};
	char phc[IM_PHC_MAX], changed[IM_PHC_MAX];
	int round;

	(void)state;
	make("secret", phc);
	for (round = 0; round < 2000; round++) {
		size_t at = 28 + prng_below(&r, (uint32_t)strlen(phc) - 28);

		strcpy(changed, phc);
		changed[at] = (char)prng_next(&r);
		if (changed[at] == phc[at] || changed[at] == '\0')
			continue;
		assert_int_not_equal(
			im_phc_verify((struct im_str){changed, strlen(phc)}, IM_STR("secret")),
			IM_OK);
	}
}

static void hashing_keeps_its_bounds(void **state)
{
	char phc[IM_PHC_MAX];
	char longest[IM_PASSWORD_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(im_phc_hash((struct im_str){longest, IM_PASSWORD_MAX}, salt, MEMORY_KIB,
				 PASSES, phc),
		IM_OK);
	assert_int_equal(
		im_phc_verify(im_str(phc), (struct im_str){longest, IM_PASSWORD_MAX}), IM_OK);
	assert_int_equal(im_phc_verify(im_str(phc), (struct im_str){longest, IM_PASSWORD_MAX + 1}),
		IM_E_NONE);
	assert_int_equal(im_phc_hash((struct im_str){longest, IM_PASSWORD_MAX + 1}, salt,
				 MEMORY_KIB, PASSES, phc),
		IM_E_FORMAT);
	assert_int_equal(im_phc_hash(IM_STR("x"), salt, 7, PASSES, phc), IM_E_FORMAT);
	assert_int_equal(im_phc_hash(IM_STR("x"), salt, IM_PHC_MEMORY_KIB_MAX + 1, PASSES, phc),
		IM_E_FORMAT);
	assert_int_equal(im_phc_hash(IM_STR("x"), salt, MEMORY_KIB, 0, phc), IM_E_FORMAT);
	assert_int_equal(im_phc_hash(IM_STR("x"), salt, MEMORY_KIB, IM_PHC_PASSES_MAX + 1, phc),
		IM_E_FORMAT);
	assert_int_equal(im_phc_hash(IM_STR("x"), salt, 8, 1, phc), IM_OK);
}

static void a_decoy_costs_what_it_says_and_matches_nothing(void **state)
{
	static const struct im_phc_cost costs[] = {
		{8, 1, 1}, {19456, 2, 1}, {IM_PHC_MEMORY_KIB_MAX, IM_PHC_PASSES_MAX, 1}};
	static const struct im_phc_cost none[] = {{7, 1, 1}, {8, 0, 1},
		{IM_PHC_MEMORY_KIB_MAX + 1, 1, 1}, {8, IM_PHC_PASSES_MAX + 1, 1}};
	uint8_t bytes[IM_PHC_DECOY];
	struct im_phc_cost read;
	char phc[IM_PHC_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 200);
	for (i = 0; i < 3; i++) {
		assert_int_equal(im_phc_decoy(bytes, costs[i], phc), IM_OK);
		assert_true(im_phc_read(im_str(phc), &read));
		assert_int_equal(read.memory_kib, costs[i].memory_kib);
		assert_int_equal(read.passes, costs[i].passes);
		assert_int_equal(read.lanes, 1);
	}
	for (i = 0; i < 4; i++)
		assert_int_equal(im_phc_decoy(bytes, none[i], phc), IM_E_FORMAT);
	assert_int_equal(im_phc_decoy(bytes, costs[0], phc), IM_OK);
	assert_string_equal(phc, "$argon2id$v=19$m=8,t=1,p=1$yO0SN1yBpsvwFTpfhKnO8w$"
				 "GD1ih6zR9htAZYqv1PkeQ2iNstf8IUZrkLXa/yRJbpM");
	assert_int_equal(verify(phc, ""), IM_E_NONE);
	assert_int_equal(verify(phc, "secret"), IM_E_NONE);
}

static void hashes_of_others_are_known_for_what_they_are(void **state)
{
	static const char *const foreign[] = {"$7$101$c2FsdA==$aGFzaA==", "$argon2i$v=19$m=8$x",
		"$2b$12$abc", "$6$salt$hash", "{SSHA}abc",
		"$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$x"};
	static const char *const passwords[] = {"", "$", "$$", "secret", "$ecret", "{}", "{a",
		"$a b$c", "price: $7$", "{\"json\":1}"};
	char phc[IM_PHC_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		if (!im_phc_foreign(im_str(foreign[i])))
			fail_msg("%s", foreign[i]);
	}
	for (i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
		if (im_phc_foreign(im_str(passwords[i])))
			fail_msg("%s", passwords[i]);
	}
	assert_int_equal(
		im_phc_hash(IM_STR("pw"), (const uint8_t *)"0123456789abcdef", 8, 1, phc), IM_OK);
	assert_false(im_phc_foreign(im_str(phc)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_hash_verifies),
		cmocka_unit_test(a_decoy_costs_what_it_says_and_matches_nothing),
		cmocka_unit_test(password_may_hold_any_bytes),
		cmocka_unit_test(hashes_of_others_are_known_for_what_they_are),
		cmocka_unit_test(salt_matters),
		cmocka_unit_test(foreign_hash_verifies),
		cmocka_unit_test(default_parameters_are_taken),
		cmocka_unit_test(parameters_out_of_bounds_are_refused),
		cmocka_unit_test(malformed_strings_are_refused),
		cmocka_unit_test(cut_strings_never_match),
		cmocka_unit_test(changed_strings_never_match),
		cmocka_unit_test(hashing_keeps_its_bounds),
	};

	return cmocka_run_group_tests_name("common_phc", tests, NULL, NULL);
}
