/* SPDX-License-Identifier: BSD-3-Clause */
/* Envelopes beyond the golden vectors: where the strings lie, round trips, and any bytes at all. */
#include "tests/unit/unit.h"

#include "common/envelope.h"
#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/utf8.h"
#include "common/wire.h"

struct fixture {
	struct im_buf scratch, why;
	struct im_envelope e;
};

static int parse(struct fixture *f, struct im_str payload)
{
	im_buf_reset(&f->why);
	return im_envelope_parse(payload, &f->scratch, &f->e, &f->why);
}

static int setup(void **state)
{
	static struct fixture f;

	im_buf_init(&f.scratch, 0);
	im_buf_init(&f.why, 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	im_buf_free(&f->scratch);
	im_buf_free(&f->why);
	return 0;
}

static bool inside(struct im_str s, struct im_str whole)
{
	return s.p >= whole.p && s.p + s.n <= whole.p + whole.n;
}

static void plain_strings_are_borrowed(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "{\"id\":\"c-1\",\"type\":\"note\",\"body\":\"hello\"}";
	struct im_str payload = IM_STR(text);

	assert_int_equal(parse(f, payload), IM_OK);
	assert_true(inside(f->e.id, payload));
	assert_true(inside(f->e.type, payload));
	assert_true(inside(f->e.body, payload));
	assert_int_equal(f->scratch.n, 0);
	assert_int_equal(parse(f, IM_STR("plain")), IM_OK);
	assert_int_equal(f->e.id.n, 0);
}

/* Everything that needs decoding at once: nothing may move what was decoded before. */
static void decoded_strings_do_not_move(void **state)
{
	struct fixture *f = *state;
	struct im_buf payload;
	int i;

	im_buf_init(&payload, 0);
	im_buf_z(&payload,
		"{\"ext\":{\"k\":[1,2,3]},\"id\":\"\\u0063-1\",\"type\":\"\\u006eote\","
		"\"mentions\":[\"\\u0062ob\",\"all\"],\"reply_to\":3,\"ttl\":5,\"body\":\"");
	for (i = 0; i < 10000; i++)
		im_buf_z(&payload, "\\u0078");
	im_buf_z(&payload, "\"}");
	assert_int_equal(parse(f, im_buf_view(&payload)), IM_OK);
	assert_str(f->e.id, "c-1");
	assert_str(f->e.type, "note");
	assert_int_equal(f->e.body.n, 10000);
	for (i = 0; i < 10000; i++)
		assert_int_equal(f->e.body.p[i], 'x');
	assert_str(f->e.meta, "\"reply_to\":3,\"mentions\":[\"\\u0062ob\",\"all\"],\"ttl\":5,"
			      "\"ext\":{\"k\":[1,2,3]}");
	assert_str(f->e.mentions, "[\"\\u0062ob\",\"all\"]");
	assert_true(f->e.mentions_all);
	assert_true(inside(f->e.mentions, im_buf_view(&payload)));
	im_buf_free(&payload);
}

static void scratch_needs_no_more_than_is_said(void **state)
{
	struct fixture *f = *state;
	struct im_buf payload, small;
	int i;

	im_buf_init(&payload, 0);
	im_buf_z(&payload, "{\"mentions\":[\"\\u0062ob\"");
	for (i = 1; i < 100; i++)
		im_buf_printf(&payload, ",\"\\u0062ob-with-a-long-name-%d\"", i);
	im_buf_z(&payload, "],\"id\":\"\\u0063\",\"enc\":\"base64\",\"body\":\"AAAA\\u0041AAA\"}");
	im_buf_init(&small, payload.n + 64);
	assert_int_equal(im_envelope_parse(im_buf_view(&payload), &small, &f->e, &f->why), IM_OK);
	assert_str(f->e.body, "\0\0\0\0\0\0");
	assert_int_equal(f->e.meta.n, f->e.mentions.n + strlen("\"mentions\":"));
	im_buf_free(&small);
	im_buf_init(&small, 10);
	assert_int_equal(
		im_envelope_parse(im_buf_view(&payload), &small, &f->e, &f->why), IM_E_NOMEM);
	im_buf_free(&small);
	im_buf_free(&payload);
}

static void default_types(void **state)
{
	(void)state;
	assert_str(im_type_default(IM_ENC_TEXT), "text");
	assert_str(im_type_default(IM_ENC_JSON), "json");
	assert_str(im_type_default(IM_ENC_BYTES), "binary");
}

static void id_for_a_refusal(void **state)
{
	struct fixture *f = *state;

	assert_str(im_envelope_id(IM_STR("{\"id\":\"a\\u0062\",\"body\":1,\"x\":2}"), &f->scratch),
		"ab");
	assert_str(im_envelope_id(IM_STR("{\"id\":\"ab\"}"), &f->scratch), "");
	assert_str(im_envelope_id(IM_STR("{\"id\":5,\"body\":1}"), &f->scratch), "");
	assert_str(im_envelope_id(IM_STR("text"), &f->scratch), "");
	assert_str(im_envelope_id((struct im_str){NULL, 0}, &f->scratch), "");
	assert_str(im_envelope_id(IM_STR("{\"id\":\"a\",\"body\":1"), &f->scratch), "");
}

/* Texts may be escaped otherwise; all else is the same to the letter. */
static void assert_same_value(const struct im_json *have, const struct im_json *want)
{
	struct im_buf a, b;

	im_buf_init(&a, 0);
	im_buf_init(&b, 0);
	if (im_json_text(want, &a) == IM_OK) {
		assert_int_equal(im_json_text(have, &b), IM_OK);
		assert_str_eq(im_buf_view(&b), im_buf_view(&a));
	} else {
		assert_str_eq(have->raw, want->raw);
	}
	im_buf_free(&a);
	im_buf_free(&b);
}

/* A message with random members, sent and received, arrives as it was. */
static void sent_and_received_is_the_same(void **state)
{
	struct fixture *f = *state;
	static const char *const bodies[] = {"\"text\"", "\"\\u00e9\\n\\\"\"", "1.50", "null",
		"{\"a\": [1,2]}", "{\"\\ud83d\\ude00\":1e308}", "\"\"", "[]", "true"};
	struct prng r = {16};
	struct im_buf payload, wire;
	int round;

	im_buf_init(&payload, 0);
	im_buf_init(&wire, 0);
	for (round = 0; round < 5000; round++) {
		const char *body = bodies[prng_below(&r, 9)];
		uint32_t has = (uint32_t)prng_next(&r);
		struct im_wire_msg m = {.seq = prng_next(&r) >> 1,
			.cursor = prng_next(&r) >> 1,
			.from = IM_STR("alice"),
			.ts_ms = (int64_t)(prng_next(&r) >> 20)};
		struct im_json whole, value, sent;
		struct im_json_iter it;
		struct im_str key;
		int members = 0;

		im_buf_reset(&payload);
		im_buf_z(&payload, "{");
		if (has & 1)
			im_buf_z(&payload, "\"id\":\"a\\\"b\",");
		if (has & 2)
			im_buf_z(&payload, "\"ttl\":77,");
		if (has & 4)
			im_buf_z(&payload, "\"ext\":{\"body\":\"\\u0001\"},");
		if (has & 8)
			im_buf_z(&payload, "\"type\":\"note\",");
		if (has & 16)
			im_buf_z(&payload, "\"mentions\":[\"all\" ],");
		im_buf_printf(&payload, "\"body\":%s}", body);
		assert_int_equal(parse(f, im_buf_view(&payload)), IM_OK);
		m.id = f->e.id;
		m.type = f->e.type;
		m.enc = f->e.enc;
		m.meta = f->e.meta;
		m.body = f->e.body;
		im_buf_reset(&wire);
		im_wire_message(&wire, IM_STR("u/alice"), &m);
		assert_int_equal(im_json_parse(im_buf_view(&wire), &whole), IM_OK);
		im_json_iter(&whole, &it);
		while (im_json_next(&it, &key, &value)) {
			members++;
			if (im_str_eqz(key, "body")) {
				assert_int_equal(im_json_parse(im_str(body), &sent), IM_OK);
				assert_same_value(&value, &sent);
			}
		}
		assert_int_equal(members, 7 + __builtin_popcount(has & 23));
	}
	im_buf_free(&payload);
	im_buf_free(&wire);
}

/* Whatever is accepted keeps its promises: to the store, to the wire, and to other clients. */
static void check_accepted(struct fixture *f, struct im_str payload)
{
	struct im_wire_msg m = {.seq = 1, .cursor = 1, .from = IM_STR("a"), .ts_ms = 1};
	struct im_json v;
	struct im_buf wire;

	assert_true(f->e.id.n == 0 || im_msgid_valid(f->e.id));
	assert_true(f->e.type.n == 0 || im_type_valid(f->e.type));
	assert_true(f->e.enc != IM_ENC_TEXT || im_utf8_valid(f->e.body));
	assert_true(f->e.body.n <= payload.n);
	if (f->e.enc == IM_ENC_JSON)
		assert_int_equal(im_json_parse(f->e.body, &v), IM_OK);
	m.id = f->e.id;
	m.type = f->e.type;
	m.enc = f->e.enc;
	m.meta = f->e.meta;
	m.body = f->e.body;
	im_buf_init(&wire, 0);
	im_wire_message(&wire, IM_STR("u/a"), &m);
	assert_int_equal(im_json_parse(im_buf_view(&wire), &v), IM_OK);
	im_buf_free(&wire);
}

static void any_bytes(void **state)
{
	struct fixture *f = *state;
	static const char *const pieces[] = {"{", "}", "\"body\":", "\"id\":", "\"a\"", ",",
		"\"type\":", "\"ext\":", "{}", "\"mentions\":", "[\"bob\"]", "1",
		"\"reply_to\":", "\"ttl\":", "\"enc\":\"base64\"", "\"AAA=\"", "\"\\u0062\"", " ",
		"\xFF", "\"x\":", "null", "\\", "\"\\ud800\""};
	static const char *const members[] = {"\"id\":\"a\"", "\"reply_to\":1", "\"ttl\":9",
		"\"mentions\":[\"bob\"]", "\"ext\":{}", "\"type\":\"a\""};
	struct prng r = {17};
	struct im_buf b;
	int round, n, refused = 0, enveloped = 0;

	im_buf_init(&b, 0);
	for (round = 0; round < 200000; round++) {
		struct im_str s;
		char *exact;
		int rc;

		im_buf_reset(&b);
		im_buf_z(&b, prng_below(&r, 8) ? "{\"body\":1" : "");
		for (n = (int)prng_below(&r, 5); n > 0; n--) {
			if (prng_below(&r, 2))
				im_buf_printf(&b, ",%s", members[prng_below(&r, 6)]);
			else if (prng_below(&r, 4))
				im_buf_printf(&b, ",%s%s", pieces[2 + prng_below(&r, 12)],
					pieces[prng_below(&r, 23)]);
			else
				im_buf_z(&b, pieces[prng_below(&r, 23)]);
		}
		im_buf_z(&b, prng_below(&r, 8) ? "}" : "");
		if (!prng_below(&r, 10) && b.n)
			b.p[prng_below(&r, (uint32_t)b.n)] = (char)prng_next(&r);
		exact = unit_exact(im_buf_view(&b));
		s = (struct im_str){exact, b.n};
		rc = parse(f, s);
		assert_true(rc == IM_OK || rc == IM_E_INVALID_PARAMS);
		assert_int_equal(rc != IM_OK, f->why.n > 0);
		refused += rc != IM_OK;
		enveloped += rc == IM_OK && f->e.meta.n;
		if (rc == IM_OK)
			check_accepted(f, s);
		else
			assert_true(im_utf8_valid(im_buf_view(&f->why)));
		free(exact);
	}
	im_buf_free(&b);
	assert_true(refused > 1000);
	assert_true(enveloped > 1000);
}

static void largest_payloads(void **state)
{
	struct fixture *f = *state;
	struct im_buf b;
	size_t n = 1024 * 1024;
	char *p;

	im_buf_init(&b, 0);
	p = im_buf_add(&b, n);
	assert_non_null(p);
	memset(p, '[', n);
	assert_int_equal(parse(f, im_buf_view(&b)), IM_OK);
	assert_int_equal(f->e.enc, IM_ENC_TEXT);
	memset(p, '"', n);
	assert_int_equal(parse(f, im_buf_view(&b)), IM_OK);
	assert_int_equal(f->e.enc, IM_ENC_TEXT);
	assert_int_equal(f->e.body.n, n);
	memset(p, ' ', n);
	memcpy(p, "{\"body\":", 8);
	memcpy(p + n - 2, "1}", 2);
	assert_int_equal(parse(f, im_buf_view(&b)), IM_OK);
	assert_str(f->e.body, "1");
	memset(p, 0xFF, n);
	assert_int_equal(parse(f, im_buf_view(&b)), IM_OK);
	assert_int_equal(f->e.enc, IM_ENC_BYTES);
	im_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain_strings_are_borrowed, setup, teardown),
		cmocka_unit_test_setup_teardown(decoded_strings_do_not_move, setup, teardown),
		cmocka_unit_test_setup_teardown(
			scratch_needs_no_more_than_is_said, setup, teardown),
		cmocka_unit_test(default_types),
		cmocka_unit_test_setup_teardown(id_for_a_refusal, setup, teardown),
		cmocka_unit_test_setup_teardown(sent_and_received_is_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(any_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(largest_payloads, setup, teardown),
	};

	return cmocka_run_group_tests_name("common_envelope", tests, NULL, NULL);
}
