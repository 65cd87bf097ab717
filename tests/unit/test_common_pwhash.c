/* SPDX-License-Identifier: BSD-3-Clause */
/* Stored passwords that other programs have made: read, refused, compared. */
#include "common/pwhash.h"

#include <stdio.h>

#include "common/limits.h"
#include "tests/unit/unit.h"

#define SALT "GVtNO6BLWozxV0cx"
#define HASH \
	"7EzobkxJHbDESk9py2xCqpGfXNy0Bk+qeWHC5Nvp2ZxhHzrSSc73WAqplyxoZjIBx3BnfBmzaJN2kxLjZf9YAw=="

/* By mosquitto_passwd: of 2.0 by default and with -H sha512, with -I 5000, and both of 2.1. */
static const struct {
	const char *stored;
	enum im_pwhash_kind kind;
	uint32_t iterations;
} made[] = {
	{"$7$101$" SALT "$" HASH, IM_PWHASH_PBKDF2, 101},
	{"$6$uSQ1Hpv4lGyrKZ5a$"
	 "OeVgcBV4RnOM4psq4jmSX6nA2JPpLd0FJZW7XWo+"
	 "uyWpDYBKgx0KY2cUR1t8niNe/DvknM0PHcX+eydbKlRORg==",
		IM_PWHASH_SHA512, 0},
	{"$7$5000$4q35LluSKB6Hp57Ja8Mapahe+VflfmlIXWZVhQ4a1SpVUwG/"
	 "BeNMvsmPj87L7AmW4wUxxAwH6sgjHTLBdlP6FA==$"
	 "aQkWGALahtMWwuUigEu6bejiWQKm7AIHpJmYVLJJmV6wXBqJ0emV5Y7NrcFVfnpXsd4NOop42ocWJHV5/"
	 "6N7fg==",
		IM_PWHASH_PBKDF2, 5000},
	{"$7$1000$Jx9/ms5Tsfyq5vLpui7aBH24oBFe3GSIWR5oddlrKBV2lR74MnNdkUCckl4sDVsLGYVVnjKgcbMf4BX1"
	 "BsuGog==$"
	 "iGoQVCrH+QJuofOF3mGtxM2g084ldxK6mhgxjdLvLRayqCEtBCmxFERFB0kpd+"
	 "5xbpHDNVQGzlLF65r2/eFufg==",
		IM_PWHASH_PBKDF2, 1000},
	{"$6$ywh29y0OATwVbv7t0Hk2d/ZK49lRHiwOJzLfBA1HpAQBH19whM7xxMTI/"
	 "Ef5CRiVC2geHvy3/Y8YTIRX6Lc/eg==$"
	 "wuduejg19Oa+9l00pySWpqR0beNf1cOfWx34Jia01/"
	 "mWd0LlVqk1/uMmuAJJKqtGGwqBIsWGp7XVMI/XUSR3CA==",
		IM_PWHASH_SHA512, 0},
};

static void what_mosquitto_passwd_made_is_compared_with(void **state)
{
	struct im_pwhash h;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		struct im_str s = im_str(made[i].stored);

		assert_int_equal(im_pwhash_read(s, &h, &why), IM_OK);
		assert_null(why);
		assert_int_equal(h.kind, made[i].kind);
		assert_int_equal(h.iterations, made[i].iterations);
		assert_int_equal(im_pwhash_verify(s, IM_STR("pw")), IM_OK);
		assert_int_equal(im_pwhash_verify(s, IM_STR("pW")), IM_E_NONE);
		assert_int_equal(im_pwhash_verify(s, IM_STR("pw ")), IM_E_NONE);
		assert_int_equal(im_pwhash_verify(s, IM_STR("")), IM_E_NONE);
		assert_int_equal(im_pwhash_verify(s, (struct im_str){NULL, 0}), IM_E_NONE);
		/* It is no password. */
		assert_int_equal(im_pwhash_verify(s, s), IM_E_NONE);
		assert_true(im_phc_looks(s) && im_phc_foreign(s));
	}
}

static void argon2id_is_read_as_before(void **state)
{
	static const uint8_t salt[IM_PHC_SALT] = "0123456789abcdef";
	char phc[IM_PHC_MAX];
	struct im_pwhash h;

	(void)state;
	assert_int_equal(im_phc_hash(IM_STR("pw"), salt, 64, 2, phc), IM_OK);
	assert_int_equal(im_pwhash_read(im_str(phc), &h, NULL), IM_OK);
	assert_int_equal(h.kind, IM_PWHASH_ARGON2ID);
	assert_int_equal(im_pwhash_work(&h), 128);
	assert_int_equal(im_pwhash_verify(im_str(phc), IM_STR("pw")), IM_OK);
	assert_int_equal(im_pwhash_verify(im_str(phc), IM_STR("PW")), IM_E_NONE);
	assert_string_equal(im_pwhash_name(h.kind), "argon2id");
	assert_false(im_phc_foreign(im_str(phc)));
	/* With salt and tag of 64 bytes, as mosquitto_passwd of 2.1 has them. */
	memset(phc, 'A', sizeof(phc));
	memcpy(phc, "$argon2id$v=19$m=47104,t=1,p=1$", 31);
	phc[31 + 86] = '$';
	phc[31 + 86 + 1 + 86] = '\0';
	assert_int_equal(im_pwhash_read(im_str(phc), &h, NULL), IM_OK);
	assert_int_equal(im_pwhash_work(&h), 47104);
}

static void refuses(const char *stored, const char *says)
{
	struct im_pwhash h;
	const char *why = NULL;

	if (im_pwhash_read(im_str(stored), &h, &why) != IM_E_FORMAT || !why || !strstr(why, says))
		fail_msg("%s: %s", stored, why ? why : "taken");
	assert_false(im_pwhash_valid(im_str(stored)));
	assert_int_equal(im_pwhash_verify(im_str(stored), IM_STR("pw")), IM_E_FORMAT);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const numbers[] = {"", "0", "01", "-1", "+5", "1 ", "0x10", "1e3",
		"9999999999", "99999999999999999999"};
	static const char *const salts[] = {
		"", "c2FsdA==", "c2FsdHNhbHQ", "c2FsdHNhbH!=", "c2FsdHNhbHQ=="};
	char text[1024];

	(void)state;
	refuses("", "neither");
	refuses("pw", "neither");
	refuses("$", "neither");
	refuses("$8$101$" SALT "$" HASH, "neither");
	refuses("$2b$12$abcdefghijklmnopqrstuv", "neither");
	refuses("$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "neither");
	refuses("$argon2id$v=19$m=8,t=99,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "t of 1 to 16");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), "$7$%s$" SALT "$" HASH, numbers[i]);
		refuses(text, "iterations");
	}
	for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
		snprintf(text, sizeof(text), "$7$101$%s$" HASH, salts[i]);
		refuses(text, "salt");
		snprintf(text, sizeof(text), "$6$%s$" HASH, salts[i]);
		refuses(text, "salt");
	}
	/* Of crypt(3): it has no padding, and digits of its own. */
	refuses("$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqO"
		"mSuNp2xS0ktL3nh/",
		"crypt(3)");
	refuses("$6$rounds=5000$saltsalt$x", "salt");
	refuses("$7$101", "salt");
	refuses("$7$101$" SALT, "88 characters");
	refuses("$7$101$" SALT "$", "88 characters");
	refuses("$7$101$" SALT "$" HASH "$", "88 characters");
	refuses("$7$101$" SALT "$" HASH "x", "88 characters");
	refuses("$7$101$" SALT "$" HASH "\n", "88 characters");
	memset(text, 'x', IM_PHC_MAX);
	memcpy(text, "$7$1$", 5);
	text[IM_PHC_MAX] = '\0';
	refuses(text, "too long");
}

/* Cut anywhere, it is none; with another byte anywhere it does not match. */
static void a_spoiled_one_never_matches(void **state)
{
	const char *stored = made[0].stored;
	size_t n = strlen(stored);
	char text[IM_PHC_MAX];

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(
			im_pwhash_verify((struct im_str){stored, i}, IM_STR("pw")), IM_E_FORMAT);
		memcpy(text, stored, n);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_int_not_equal(
			im_pwhash_verify((struct im_str){text, n}, IM_STR("pw")), IM_OK);
	}
}

static void what_one_may_cost_is_bounded(void **state)
{
	struct im_pwhash h;
	char text[IM_PHC_MAX];

	(void)state;
	snprintf(text, sizeof(text), "$7$%d$" SALT "$" HASH, IM_PBKDF2_ITERATIONS_MAX);
	assert_int_equal(im_pwhash_read(im_str(text), &h, NULL), IM_OK);
	/* As much as an Argon2id that is brought along. */
	assert_in_range(im_pwhash_work(&h), IM_PWHASH_KIB_MAX * 9 / 10, IM_PWHASH_KIB_MAX);
	snprintf(text, sizeof(text), "$7$%d$" SALT "$" HASH, IM_PBKDF2_ITERATIONS_MAX + 1);
	refuses(text, "more than 210000 iterations");
}

static void what_is_brought_along_holds_nobody_up(void **state)
{
	static const struct {
		const char *cost;
		bool taken;
	} cases[] = {{"m=19456,t=2,p=1", true}, {"m=47104,t=1,p=1", true},
		{"m=65536,t=3,p=4", true}, {"m=65536,t=4,p=1", true}, {"m=262144,t=1,p=1", true},
		{"m=20000,t=16,p=1", true}, {"m=20001,t=16,p=1", false},
		{"m=262144,t=2,p=1", false}, {"m=262144,t=16,p=4", false}};
	char text[IM_PHC_MAX];
	struct im_pwhash h;
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "$argon2id$v=19$%s$AAAAAAAAAAAAAAAAAAAAAA$%043d",
			cases[i].cost, 0);
		text[strlen(text) - 1] = 'A';
		/* Stored already, it is compared with. */
		assert_int_equal(im_pwhash_read(im_str(text), &h, NULL), IM_OK);
		if ((im_pwhash_take(im_str(text), &h, &why) == IM_OK) != cases[i].taken)
			fail_msg("%s: %s", cases[i].cost, why ? why : "taken");
		if (!cases[i].taken)
			assert_non_null(strstr(why, "m times t is more than 320000"));
	}
	assert_int_equal(im_pwhash_take(im_str(made[0].stored), &h, &why), IM_OK);
	assert_int_equal(im_pwhash_take(IM_STR("pw"), &h, &why), IM_E_FORMAT);
	assert_non_null(strstr(why, "neither"));
}

static void old_ones_are_told_from_those_of_now(void **state)
{
	const struct im_phc_cost now = {IM_PHC_MEMORY_KIB, IM_PHC_PASSES, 1};
	const struct im_phc_cost other = {2 * IM_PHC_MEMORY_KIB, 1, 1};
	struct im_pwhash h = {.kind = IM_PWHASH_ARGON2ID, .argon2 = now};

	(void)state;
	assert_false(im_pwhash_stale(&h, &now));
	assert_false(im_pwhash_stale(&h, &other));
	h.argon2.memory_kib--;
	assert_true(im_pwhash_stale(&h, &now));
	h.argon2 = (struct im_phc_cost){IM_PHC_MEMORY_KIB_MAX, 1, 1};
	assert_true(im_pwhash_stale(&h, &now));
	/* However much it costs. */
	h = (struct im_pwhash){.kind = IM_PWHASH_PBKDF2, .iterations = IM_PBKDF2_ITERATIONS_MAX};
	assert_true(im_pwhash_work(&h) > (int64_t)now.memory_kib * now.passes);
	assert_true(im_pwhash_stale(&h, &now));
	h = (struct im_pwhash){.kind = IM_PWHASH_SHA512};
	assert_int_equal(im_pwhash_work(&h), 0);
	assert_true(im_pwhash_stale(&h, &now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_mosquitto_passwd_made_is_compared_with),
		cmocka_unit_test(argon2id_is_read_as_before),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(a_spoiled_one_never_matches),
		cmocka_unit_test(what_one_may_cost_is_bounded),
		cmocka_unit_test(what_is_brought_along_holds_nobody_up),
		cmocka_unit_test(old_ones_are_told_from_those_of_now),
	};

	return cmocka_run_group_tests_name("common_pwhash", tests, NULL, NULL);
}
