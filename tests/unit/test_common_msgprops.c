/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec of a message's properties: what is written is read back; what is cut, changed or made
 * up is refused or read within its bounds. */
#include "tests/unit/unit.h"

#include "common/ids.h"
#include "common/limits.h"
#include "common/msgprops.h"

struct room {
	char corr[300], content_type[80], topic[80], name[30], value[80];
	struct im_buf pairs;
};

/* Text without NUL. */
static struct im_str random_text(struct prng *r, char *room, size_t max)
{
	size_t n = prng_below(r, 3) ? prng_below(r, (uint32_t)max + 1) : prng_below(r, 2) * max;
	size_t i;

	for (i = 0; i < n; i++)
		room[i] = (char)(1 + prng_below(r, 0x7F));
	return (struct im_str){room, n};
}

static struct im_props random_props(struct prng *r, struct room *room)
{
	int n = (int)prng_below(r, 17);

	im_buf_reset(&room->pairs);
	while (n--) {
		struct im_str name = random_text(r, room->name, sizeof(room->name));
		struct im_str value = random_text(r, room->value, sizeof(room->value));

		im_props_pair_put(&room->pairs, name, value);
	}
	return (struct im_props){.format = (enum im_format)prng_below(r, 3),
		.ttl_s = prng_below(r, IM_TTL_MAX_S + 1),
		.corr = prng_field(r, room->corr, sizeof(room->corr)),
		.content_type = random_text(r, room->content_type, sizeof(room->content_type)),
		.response_topic = random_text(r, room->topic, sizeof(room->topic)),
		.pairs = im_buf_view(&room->pairs)};
}

static void assert_props_equal(const struct im_props *a, const struct im_props *b)
{
	assert_int_equal(a->format, b->format);
	assert_int_equal(a->ttl_s, b->ttl_s);
	assert_str_eq(a->corr, b->corr);
	assert_str_eq(a->content_type, b->content_type);
	assert_str_eq(a->response_topic, b->response_topic);
	assert_str_eq(a->pairs, b->pairs);
}

static void the_layout(void **state)
{
	struct im_props p = {.format = IM_FORMAT_TEXT,
		.ttl_s = 0x010203,
		.corr = {"\0\1", 2},
		.content_type = IM_STR("a/b"),
		.response_topic = IM_STR("im/u/al"),
		.pairs = IM_STR("k\0v\0k\0\0")};
	struct im_str pairs = p.pairs, name, value;
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_props_put(&b, &p);
	assert_buf(&b, "\x02\x03\x02\x01\0\x02\0\0\1a/b\0im/u/al\0k\0v\0k\0\0");
	assert_true(im_props_pair(&pairs, &name, &value));
	assert_string_equal(name.p, "k");
	assert_string_equal(value.p, "v");
	assert_true(im_props_pair(&pairs, &name, &value));
	assert_str(name, "k");
	assert_string_equal(value.p, "");
	assert_false(im_props_pair(&pairs, &name, &value));
	im_buf_free(&b);
}

static void properties_come_back(void **state)
{
	struct prng r = {31};
	struct room room;
	struct im_buf b;
	int round;

	(void)state;
	im_buf_init(&room.pairs, 0);
	im_buf_init(&b, 0);
	for (round = 0; round < 2000; round++) {
		struct im_props in = random_props(&r, &room), out;
		char *exact;

		im_buf_reset(&b);
		im_props_put(&b, &in);
		assert_false(b.failed);
		exact = unit_exact(im_buf_view(&b));
		assert_int_equal(im_props_read((struct im_str){exact, b.n}, &out), IM_OK);
		assert_props_equal(&out, &in);
		free(exact);
	}
	im_buf_free(&room.pairs);
	im_buf_free(&b);
}

static void no_properties_are_no_bytes(void **state)
{
	const struct im_props none = {0};
	struct im_props out = {.ttl_s = 1};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_props_put(&b, &none);
	assert_int_equal(b.n, 0);
	assert_int_equal(im_props_read((struct im_str){NULL, 0}, &out), IM_OK);
	assert_props_equal(&out, &none);
	im_buf_free(&b);
}

static void cut_properties_are_refused(void **state)
{
	const struct im_props p = {.format = IM_FORMAT_BYTES,
		.corr = IM_STR("correlation"),
		.content_type = IM_STR("text/plain"),
		.response_topic = IM_STR("im/u/alice"),
		.pairs = IM_STR("name\0value\0")};
	const struct im_props none = {0};
	struct im_props out;
	struct im_buf b;
	size_t n;

	(void)state;
	im_buf_init(&b, 0);
	im_props_put(&b, &p);
	for (n = 1; n < b.n; n++) {
		char *exact = unit_exact((struct im_str){b.p, n});
		int rc = im_props_read((struct im_str){exact, n}, &out);

		/* Where the user properties begin it may end as well. */
		if (n == b.n - p.pairs.n) {
			assert_int_equal(rc, IM_OK);
		} else {
			assert_int_equal(rc, IM_E_FORMAT);
			assert_props_equal(&out, &none);
		}
		free(exact);
	}
	im_buf_free(&b);
}

/* A bridge of the version before has a message's type where properties are. */
static void a_types_name_is_not_taken_for_properties(void **state)
{
	static const struct im_str types[] = {{"text", 4}, {"json", 4}, {"system", 6}, {"-", 1},
		{"0000000000", 10}, {"..............................__", 32}};
	struct im_props out;
	size_t i;
	int c;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(im_props_read(types[i], &out), IM_E_FORMAT);
	for (c = 0; c < 256; c++) {
		char type[12] = {(char)c};

		if (im_type_valid((struct im_str){type, 1}))
			assert_int_equal(im_props_read((struct im_str){type, sizeof(type)}, &out),
				IM_E_FORMAT);
	}
}

static void what_no_text_is_is_refused(void **state)
{
	static const struct im_str refused[] = {
		{"\3\0\0\0\0\0\0\0\0", 9},                   /* a format that there is not */
		{"\0\x81\x33\xe1\1\0\0\0\0", 9},             /* longer than a year */
		{"\0\0\0\0\0\3\0\0\0", 9},                   /* correlation data beyond its end */
		{"\0\0\0\0\0\0\0\xff\0\0", 10},              /* a content type that is no UTF-8 */
		{"\0\0\0\0\0\0\0\0\xc0\x80\0", 11},          /* nor is this response topic */
		{"\0\0\0\0\0\0\0\0\0k\0", 11},               /* a name without a value */
		{"\0\0\0\0\0\0\0\0\0k\0\xed\xa0\x80\0", 15}, /* half a surrogate pair */
		{"\0\0\0\0\0\0\0\0\0k\0v", 12},              /* no end */
	};
	struct im_props out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char *exact = unit_exact(refused[i]);

		assert_int_equal(
			im_props_read((struct im_str){exact, refused[i].n}, &out), IM_E_FORMAT);
		free(exact);
	}
	assert_int_equal(
		im_props_read((struct im_str){"\0\x80\x33\xe1\1\0\0\0\0", 9}, &out), IM_OK);
	assert_int_equal(out.ttl_s, IM_TTL_MAX_S);
}

static void what_cannot_be_written_fails_the_buffer(void **state)
{
	static char corr[UINT16_MAX + 1];
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	im_props_put(&b, &(struct im_props){.content_type = IM_STR("a\0b")});
	assert_true(b.failed);
	im_buf_reset(&b);
	im_props_put(&b, &(struct im_props){.response_topic = IM_STR("\0")});
	assert_true(b.failed);
	im_buf_reset(&b);
	im_props_pair_put(&b, IM_STR("k"), IM_STR("v\0"));
	assert_true(b.failed);
	im_buf_reset(&b);
	im_props_put(&b, &(struct im_props){.corr = {corr, sizeof(corr)}});
	assert_true(b.failed);
	im_buf_reset(&b);
	im_props_put(&b, &(struct im_props){.corr = {corr, UINT16_MAX}});
	assert_false(b.failed);
	im_buf_free(&b);
}

/* Bytes changed at random: refused or read, all within them (the sanitizers watch). */
static void changed_bytes_stay_in_bounds(void **state)
{
	struct prng r = {33};
	struct room room;
	struct im_buf b;
	int round, i, refused = 0, read = 0;

	(void)state;
	im_buf_init(&room.pairs, 0);
	im_buf_init(&b, 0);
	for (round = 0; round < 3000; round++) {
		struct im_props p = random_props(&r, &room);
		char *exact;

		im_buf_reset(&b);
		im_props_put(&b, &p);
		if (!b.n)
			continue;
		for (i = 0; i < 3; i++)
			b.p[prng_below(&r, b.n < 40 ? (uint32_t)b.n : 40)] = (char)prng_next(&r);
		exact = unit_exact(im_buf_view(&b));
		if (im_props_read((struct im_str){exact, b.n}, &p) == IM_OK)
			read++;
		else
			refused++;
		free(exact);
	}
	assert_true(refused > 300);
	assert_true(read > 100);
	im_buf_free(&room.pairs);
	im_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_layout),
		cmocka_unit_test(properties_come_back),
		cmocka_unit_test(no_properties_are_no_bytes),
		cmocka_unit_test(cut_properties_are_refused),
		cmocka_unit_test(a_types_name_is_not_taken_for_properties),
		cmocka_unit_test(what_no_text_is_is_refused),
		cmocka_unit_test(what_cannot_be_written_fails_the_buffer),
		cmocka_unit_test(changed_bytes_stay_in_bounds),
	};

	return cmocka_run_group_tests_name("common_msgprops", tests, NULL, NULL);
}
