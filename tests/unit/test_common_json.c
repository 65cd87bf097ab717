/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON reader and writer: against each other, against jansson, and case by case. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"

/* ---- reader ---- */

static int parse_exact(struct im_str s)
{
	char *exact = unit_exact(s);
	struct im_json v;
	int rc = im_json_parse((struct im_str){exact, s.n}, &v);

	free(exact);
	return rc;
}

static void values_and_their_slices(void **state)
{
	static const struct {
		const char *text;
		enum im_json_type type;
		const char *raw;
	} cases[] = {{"null", IM_JSON_NULL, "null"}, {" true", IM_JSON_BOOL, "true"},
		{"false\n", IM_JSON_BOOL, "false"}, {"\t-0.50e+10\r", IM_JSON_NUMBER, "-0.50e+10"},
		{"0", IM_JSON_NUMBER, "0"}, {"\"a b\" ", IM_JSON_STRING, "\"a b\""},
		{" [ 1 ] ", IM_JSON_ARRAY, "[ 1 ]"}, {"{ }", IM_JSON_OBJECT, "{ }"},
		{"[]", IM_JSON_ARRAY, "[]"}, {"[[],{},\"\"]", IM_JSON_ARRAY, "[[],{},\"\"]"},
		{"{\"\":{\"a\":[{\"b\":null}]}}", IM_JSON_OBJECT, "{\"\":{\"a\":[{\"b\":null}]}}"}};
	struct im_json v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(im_json_parse(im_str(cases[i].text), &v), IM_OK);
		assert_int_equal(v.type, cases[i].type);
		assert_str_eq(v.raw, im_str(cases[i].raw));
		assert_int_equal(parse_exact(im_str(cases[i].text)), IM_OK);
	}
}

static void no_json(void **state)
{
	static const char *const cases[] = {"", " ", "x", "nul", "nullx", "True", "-", "--1", "+1",
		"01", "-01", "1.", ".1", "1e", "1e+", "1.e1", "1.5.5", "0x1", "1a", "Infinity",
		"\"", "\"a", "\"\\", "\"\\\"", "\"\\a\"", "\"\\u123\"", "\"\\u123g\"",
		"\"\\U0041\"", "\"\t\"", "\"\n\"", "'a'", "[", "]", "[1", "[1,", "[,1]", "[1,,2]",
		"[1 2]", "[1]]", "[}", "{", "}", "{]", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1",
		"{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{,}", "{1:1}", "{\"a\":1 \"b\":2}",
		"{\"a\":1]", "[{\"a\":1}", "[\"a\":1]", "{\"a\":{\"b\":1}", "1 1", "{} {}", "[]x",
		"\xEF\xBB\xBF{}", "\"\xFF\"", "\"\xC3\"", "\"\xED\xA0\x80\"", "{\"\xFF\":1}",
		"\xC3\xA9", "[1\x0B]", "/**/1", "1,"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse_exact(im_str(cases[i])) != IM_E_FORMAT)
			fail_msg("taken: %s", cases[i]);
	}
	assert_int_equal(parse_exact(IM_STR("\"a\0b\"")), IM_E_FORMAT);
	assert_int_equal(parse_exact(IM_STR("1\0")), IM_E_FORMAT);
	assert_int_equal(parse_exact(IM_STR("\"\\\0\"")), IM_E_FORMAT);
}

static void every_cut_is_no_json(void **state)
{
	static const char text[] =
		"{\"a\\u00e9\":[1.5e-3,true,null,\"x\\ud83d\\ude00\\n\"],\"b\":{},"
		"\"long enough for the fast path\":\"\xE4\xBD\xA0\xE5\xA5\xBD\"}";
	size_t n;

	(void)state;
	assert_int_equal(parse_exact(IM_STR(text)), IM_OK);
	for (n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(parse_exact((struct im_str){text, n}), IM_E_FORMAT);
}

static void nesting_is_bounded(void **state)
{
	static char text[200000];
	size_t depth, i;

	(void)state;
	for (depth = 1; depth <= 70; depth++) {
		for (i = 0; i < depth; i++) {
			text[i] = '[';
			text[2 * depth - 1 - i] = ']';
		}
		assert_int_equal(parse_exact((struct im_str){text, 2 * depth}),
			depth <= IM_JSON_DEPTH_MAX ? IM_OK : IM_E_FORMAT);
		assert_int_equal(parse_exact((struct im_str){text, 2 * depth - 1}), IM_E_FORMAT);
	}
	memset(text, '[', sizeof(text));
	assert_int_equal(parse_exact((struct im_str){text, sizeof(text)}), IM_E_FORMAT);
	/* Objects and arrays in turn, to the bound and one more. */
	for (depth = IM_JSON_DEPTH_MAX; depth <= IM_JSON_DEPTH_MAX + 1; depth++) {
		struct im_buf b;

		im_buf_init(&b, 0);
		for (i = 0; i < depth; i++)
			im_buf_z(&b, i % 3 ? "{\"k\":" : "[");
		im_buf_z(&b, "0");
		for (i = depth; i-- > 0;)
			im_buf_z(&b, i % 3 ? "}" : "]");
		assert_int_equal(parse_exact(im_buf_view(&b)),
			depth <= IM_JSON_DEPTH_MAX ? IM_OK : IM_E_FORMAT);
		im_buf_free(&b);
	}
}

static void control_characters_at_every_place(void **state)
{
	char text[32];
	size_t n, at;
	int c;

	(void)state;
	for (n = 2; n <= sizeof(text); n++) {
		memset(text, 'a', n);
		text[0] = text[n - 1] = '"';
		assert_int_equal(parse_exact((struct im_str){text, n}), IM_OK);
		for (at = 1; at + 1 < n; at++) {
			for (c = 0; c < 256; c++) {
				bool want = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';

				text[at] = (char)c;
				/* A quote followed by more, and a backslash followed by 'a' or '"'.
				 */
				assert_int_equal(
					parse_exact((struct im_str){text, n}) == IM_OK, want);
			}
			text[at] = 'a';
		}
	}
}

static void walks_members_and_elements(void **state)
{
	struct im_json v, member;
	struct im_json_iter it;
	struct im_str key;

	(void)state;
	assert_int_equal(
		im_json_parse(IM_STR(" { \"a\" : 1 , \"b\\n\":[ 2, {} ],\"\":\"x\"} "), &v), IM_OK);
	im_json_iter(&v, &it);
	assert_true(im_json_next(&it, &key, &member));
	assert_str(key, "a");
	assert_int_equal(member.type, IM_JSON_NUMBER);
	assert_str(member.raw, "1");
	assert_true(im_json_next(&it, &key, &member));
	assert_str(key, "b\\n");
	assert_str(member.raw, "[ 2, {} ]");
	assert_true(im_json_next(&it, NULL, &v));
	assert_str(v.raw, "\"x\"");
	assert_false(im_json_done(&it));
	assert_false(im_json_next(&it, &key, &v));
	assert_true(im_json_done(&it));
	assert_false(im_json_next(&it, &key, &v));
	im_json_iter(&member, &it);
	assert_true(im_json_next(&it, NULL, &v));
	assert_str(v.raw, "2");
	assert_true(im_json_next(&it, NULL, &v));
	assert_int_equal(v.type, IM_JSON_OBJECT);
	im_json_iter(&v, &it);
	assert_false(im_json_next(&it, &key, &v));
	assert_true(im_json_done(&it));
	/* Nothing to walk. */
	v = (struct im_json){IM_JSON_NUMBER, IM_STR("1")};
	im_json_iter(&v, &it);
	assert_false(im_json_next(&it, &key, &v));
	assert_false(im_json_done(&it));
	v = (struct im_json){IM_JSON_OBJECT, IM_STR("[1]")};
	im_json_iter(&v, &it);
	assert_false(im_json_next(&it, &key, &v));
	v = (struct im_json){IM_JSON_ARRAY, {NULL, 0}};
	im_json_iter(&v, &it);
	assert_false(im_json_next(&it, &key, &v));
}

/* Walks unparsed text; true if it was valid to its end. */
static bool walk(struct im_str s)
{
	struct im_json v = {s.n && s.p[0] == '{' ? IM_JSON_OBJECT : IM_JSON_ARRAY, s};
	struct im_json_iter it;
	struct im_str key;

	im_json_iter(&v, &it);
	while (im_json_next(&it, &key, &v))
		assert_int_equal(im_json_parse(v.raw, &v), IM_OK);
	return im_json_done(&it);
}

/* Small texts made of JSON's own pieces: many valid, most nearly. */
static struct im_str random_json(struct prng *r, struct im_buf *b)
{
	static const char *const pieces[] = {"{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u00e9\"",
		"1", "-2.5", "true", "null", " ", "\"\\ud83d\"", "\"\\u0000\"", "1e999",
		"\"\xC3\xA9\"", "99999999999999999999", "\\", "\"", "0"};
	int n;

	im_buf_reset(b);
	/* Half of them grow properly, so that deep and long valid ones are met too. */
	if (prng_below(r, 2)) {
		im_buf_z(b, "[");
		for (n = (int)prng_below(r, 6); n > 0; n--)
			im_buf_printf(b, "%s{\"k\":%s%s}", b->n > 1 ? "," : "",
				pieces[8 + prng_below(r, 4)],
				prng_below(r, 2) ? ",\"a\":[1,2]" : " ");
		im_buf_z(b, "]");
		if (b->n && prng_below(r, 2))
			b->p[prng_below(r, (uint32_t)b->n)] = pieces[prng_below(r, 21)][0];
	} else {
		for (n = 1 + (int)prng_below(r, 9); n > 0; n--)
			im_buf_z(b, pieces[prng_below(r, 21)]);
	}
	return im_buf_view(b);
}

static void agrees_with_jansson(void **state)
{
	struct prng r = {14};
	struct im_buf b;
	int round, valid = 0, more = 0, faulty = 0;

	(void)state;
	im_buf_init(&b, 0);
	for (round = 0; round < 200000; round++) {
		struct im_str s = random_json(&r, &b);
		json_error_t error;
		json_t *theirs = json_loadb(s.p, s.n, JSON_DECODE_ANY, &error);
		bool ours = parse_exact(s) == IM_OK;
		struct im_json v;

		/* What jansson alone cannot hold is JSON all the same. */
		if (ours && !theirs) {
			if (!strstr(error.text, "integer"))
				fail_msg("taken: %.*s (%s)", IM_ARGS(s), error.text);
			more++;
		} else if (ours != !!theirs) {
			fail_msg("refused: %.*s", IM_ARGS(s));
		}
		/* By the grammar, and with nothing that is a fault. */
		assert_int_equal(ours, im_json_parse_any(s, &v) == IM_OK && !im_json_fault(s));
		faulty += im_json_fault(s) != NULL;
		if (s.p[0] == '{' || s.p[0] == '[') {
			if (walk(s) != ours)
				fail_msg("walk and parse disagree: %.*s", IM_ARGS(s));
		}
		valid += ours;
		json_decref(theirs);
	}
	im_buf_free(&b);
	assert_in_range(valid, 20000, 180000);
	assert_true(more > 100);
	assert_true(faulty > 100);
}

static void what_strict_parsers_refuse_is_no_json(void **state)
{
	static const struct {
		const char *text, *fault; /* NULL: it is JSON */
	} cases[] = {{"\"\\u0000\"", "u0000"}, {"{\"\\u0000\":1}", "u0000"},
		{"[{\"a\":\"x\\u0000\"}]", "u0000"}, {"\"\\\\u0000\"", NULL},
		{"\"\\ud800\"", "surrogate"}, {"\"\\uDFFFx\"", "surrogate"},
		{"\"\\ud83d\\ud83d\\ude00\"", "surrogate"}, {"\"\\ud83d\\u0041\"", "surrogate"},
		{"\"\\ud83d\\n\"", "surrogate"}, {"{\"\\udc00\":1}", "surrogate"},
		{"\"\\ud83d\\ude00\"", NULL}, {"\"\\ud7ff\\ue000\"", NULL}, {"1e400", "double"},
		{"-1E+400", "double"}, {"[0.1e310]", "double"}, {"1e308", NULL}, {"9e307", NULL},
		{"1.7976931348623157e308", NULL}, {"1.7976931348623158e308", "double"},
		{"179769313486231570000e288", NULL}, {"179769313486231590000e288", "double"},
		{"0.00017976931348623157e312", NULL}, {"0.00018e312", "double"},
		{"17976.931348623159e304", "double"}, {"1e99999999999999999999", "double"},
		{"1e-99999999999999999999", NULL}, {"0e99999999999999999999", NULL},
		{"0.0e400", NULL}, {"-0e400", NULL}, {"123456789012345678901234567890", NULL}};
	char digits[400];
	struct im_json v;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct im_str s = im_str(cases[i].text);
		const char *fault = im_json_fault(s);

		if (!fault != !cases[i].fault || (fault && !strstr(fault, cases[i].fault)))
			fail_msg("%s: %s", cases[i].text, fault ? fault : "no fault");
		assert_int_equal(parse_exact(s), cases[i].fault ? IM_E_FORMAT : IM_OK);
		assert_int_equal(im_json_parse_any(s, &v), IM_OK);
	}
	memset(digits, '9', sizeof(digits));
	assert_int_equal(parse_exact((struct im_str){digits, 308}), IM_OK);
	assert_int_equal(parse_exact((struct im_str){digits, 309}), IM_E_FORMAT);
	assert_non_null(im_json_fault((struct im_str){digits, sizeof(digits)}));
	assert_null(im_json_fault(IM_STR("\"\\u0000")));
}

static void what_was_stored_before_is_walked(void **state)
{
	struct im_json object, v;
	struct im_json_iter it;
	struct im_str key;

	(void)state;
	assert_int_equal(
		im_json_parse_any(IM_STR("{\"a\":\"\\u0000\",\"b\":1e400,\"c\":7}"), &object),
		IM_OK);
	im_json_iter(&object, &it);
	assert_false(im_json_next(&it, &key, &v));
	assert_false(im_json_done(&it));
	im_json_iter_any(&object, &it);
	assert_true(im_json_next(&it, &key, &v));
	assert_str(v.raw, "\"\\u0000\"");
	assert_true(im_json_next(&it, &key, &v));
	assert_str(v.raw, "1e400");
	assert_true(im_json_next(&it, &key, &v));
	assert_str(v.raw, "7");
	assert_false(im_json_next(&it, &key, &v));
	assert_true(im_json_done(&it));
}

static void strings_decode(void **state)
{
	static const struct {
		const char *raw;
		const char *text; /* NULL: refused */
	} cases[] = {{"\"\"", ""}, {"\"abc\"", "abc"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
		{"\"\\u0041\\u00e9\\u4F60\\ud83d\\uDE00!\"",
			"A\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80!"},
		{"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
			"\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF"},
		{"\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
		{"\"\\uD7FF\\uE000\"", "\xED\x9F\xBF\xEE\x80\x80"}, {"\"x\\u0000\"", NULL},
		{"\"\\ud83d\"", NULL}, {"\"\\ud83dx\"", NULL}, {"\"\\ud83d\\n\"", NULL},
		{"\"\\ud83d\\u0041\"", NULL}, {"\"\\udc00\"", NULL},
		{"\"\\ud83d\\ud83d\\ude00\"", NULL}, {"1", NULL}, {"null", NULL},
		{"[\"a\"]", NULL}};
	struct im_buf b;
	size_t i;

	(void)state;
	im_buf_init(&b, 0);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct im_json v;

		assert_int_equal(im_json_parse_any(im_str(cases[i].raw), &v), IM_OK);
		im_buf_reset(&b);
		im_buf_z(&b, "> ");
		if (cases[i].text) {
			assert_int_equal(im_json_text(&v, &b), IM_OK);
			assert_str_eq(((struct im_str){b.p + 2, b.n - 2}), im_str(cases[i].text));
		} else {
			assert_int_equal(im_json_text(&v, &b), IM_E_FORMAT);
			assert_buf(&b, "> ");
		}
	}
	im_buf_free(&b);
	im_buf_init(&b, 3);
	assert_int_equal(im_json_text(&(struct im_json){IM_JSON_STRING, IM_STR("\"abcd\"")}, &b),
		IM_E_NOMEM);
	im_buf_free(&b);
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} good[] = {{"0", 0}, {"-0", 0}, {"7", 7}, {"-7", -7}, {"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN}};
	static const char *const bad[] = {"9223372036854775808", "-9223372036854775809",
		"99999999999999999999999", "1.0", "1e2", "1E0", "\"1\"", "true", "null", "[1]",
		"{}"};
	struct im_json v;
	int64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(im_json_parse(im_str(good[i].text), &v), IM_OK);
		assert_int_equal(im_json_int(&v, &n), IM_OK);
		assert_true(n == good[i].n);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(im_json_parse(im_str(bad[i]), &v), IM_OK);
		assert_int_equal(im_json_int(&v, &n), IM_E_FORMAT);
	}
}

static void a_number_is_found_by_its_name(void **state)
{
	static const struct {
		const char *object;
		int64_t n;
	} cases[] = {
		{"{\"seq\":41}", 41},
		{"{ \"a\" : {\"seq\":1}, \"seq\" : 9223372036854775807 }", INT64_MAX},
		{"{\"seq\":3,\"seq\":4}", 3},
		{"{\"sequel\":3,\"se\":4}", 0},
		{"{\"seq\":-3}", 0},
		{"{\"seq\":1.5}", 0},
		{"{\"seq\":\"3\"}", 0},
		{"{\"seq\":9223372036854775808}", 0},
		{"{\"was\":[1e400,\"\\u0000\"],\"seq\":5}",
			5},                 /* stored before they were refused */
		{"{\"seq\":6,\"was\":", 6}, /* it is not looked at */
		{"{\"was\":?,\"seq\":7}", 0},
		{"[\"seq\",8]", 0},
		{"{}", 0},
		{"", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = im_json_number_in(im_str(cases[i].object), "seq");

		if (n != cases[i].n)
			fail_msg("%s: %lld", cases[i].object, (long long)n);
	}
	assert_true(im_json_number_in((struct im_str){NULL, 0}, "seq") == 0);
}

static void elements_are_counted_as_far_as_is_asked(void **state)
{
	static const struct {
		const char *text;
		int64_t max, n;
	} cases[] = {
		{"[1,2,3]", 50, 3},
		{" \n\t[ {\"a\":[1,2]} , \"],[\" ,[[],[3]]] ", 50, 3},
		{"[1,2,3]", 3, 3},
		{"[1,2,3]", 2, 2},
		{"[1,2,3]", 0, 0},
		{"[1,2,?", 2, 2}, /* what is behind is not looked at */
		{"[1,2,?", 3, 2},
		{"[1,2", 50, 1},
		{"[1,2,]", 50, 2},
		{"[1 2]", 50, 0},
		{"[\"\\u0000\",1e400]", 50, 2},
		{"[]", 50, 0},
		{"[", 50, 0},
		{"{\"a\":[1]}", 50, -1},
		{"\"[1]\"", 50, -1},
		{"7", 50, -1},
		{" ", 50, -1},
		{"", 50, -1},
	};
	char deep[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = im_json_elements(im_str(cases[i].text), cases[i].max);

		if (n != cases[i].n)
			fail_msg("%s: %lld", cases[i].text, (long long)n);
	}
	assert_int_equal(im_json_elements((struct im_str){NULL, 0}, 50), -1);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(im_json_elements((struct im_str){deep, sizeof(deep)}, 50), 0);
}

/* ---- writer ---- */

static void writes_escapes(void **state)
{
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_jsonw_str(&b, (struct im_str){NULL, 0});
	im_jsonw_str(&b, IM_STR("\"\\/\b\f\n\r\t\x01\x1f\x7f\0"));
	assert_buf(&b, "\"\"\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000\"");
	im_buf_reset(&b);
	im_jsonw_key(&b, "key");
	im_jsonw_str(&b, IM_STR("\xE4\xBD\xA0"));
	im_jsonw_member_str(&b, "s", IM_STR("a\"b"));
	im_jsonw_member_int(&b, "n", INT64_MIN);
	im_jsonw_part(&b, IM_STR("\n"));
	assert_buf(&b, "\"key\":\"\xE4\xBD\xA0\",\"s\":\"a\\\"b\",\"n\":-9223372036854775808\\n");
	im_buf_free(&b);
}

/* Whatever valid text is written comes back, at every length and alignment of the fast paths. */
static void what_is_written_is_read(void **state)
{
	static const char *const units[] = {"a", "plain text of more than eight bytes", "\"", "\\",
		"\n", "\x01", "\x1f", "\x7f", " ", "\xC3\xA9", "\xE4\xBD\xA0", "\xF0\x9F\x98\x80",
		"!", "[", "]"};
	struct prng r = {15};
	struct im_buf text, json, back;
	int round, n;

	(void)state;
	im_buf_init(&text, 0);
	im_buf_init(&json, 0);
	im_buf_init(&back, 0);
	for (round = 0; round < 20000; round++) {
		struct im_json v;

		im_buf_reset(&text);
		im_buf_reset(&json);
		im_buf_reset(&back);
		for (n = (int)prng_below(&r, 12); n > 0; n--)
			im_buf_z(&text, units[prng_below(&r, sizeof(units) / sizeof(units[0]))]);
		im_jsonw_str(&json, im_buf_view(&text));
		assert_int_equal(im_json_parse(im_buf_view(&json), &v), IM_OK);
		assert_int_equal(v.type, IM_JSON_STRING);
		assert_int_equal(im_json_text(&v, &back), IM_OK);
		assert_str_eq(im_buf_view(&back), im_buf_view(&text));
	}
	im_buf_free(&text);
	im_buf_free(&json);
	im_buf_free(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_their_slices),
		cmocka_unit_test(no_json),
		cmocka_unit_test(every_cut_is_no_json),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(control_characters_at_every_place),
		cmocka_unit_test(walks_members_and_elements),
		cmocka_unit_test(agrees_with_jansson),
		cmocka_unit_test(what_strict_parsers_refuse_is_no_json),
		cmocka_unit_test(what_was_stored_before_is_walked),
		cmocka_unit_test(strings_decode),
		cmocka_unit_test(integers),
		cmocka_unit_test(a_number_is_found_by_its_name),
		cmocka_unit_test(elements_are_counted_as_far_as_is_asked),
		cmocka_unit_test(writes_escapes),
		cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests_name("common_json", tests, NULL, NULL);
}
