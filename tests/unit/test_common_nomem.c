/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory runs out at the first allocation, at the second, and so on: no crash, no leak (the
 * sanitizer looks), and the failure is told. malloc and its kin are wrapped by the linker.
 */
#include "tests/unit/unit.h"

#include "common/conf.h"
#include "common/envelope.h"
#include "common/frame.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/phc.h"
#include "common/topic.h"
#include "common/wire.h"

/* Allocations until one fails; negative: none fails. */
static int left = -1;
static int failures;

static bool fails(void)
{
	if (left < 0 || left-- > 0)
		return false;
	left = 0; /* and all after it */
	failures++;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

/* Calls `once` with ever more memory until it does not run out. once returns IM_OK or says that
 * memory is out; any other result is an error of the code. */
static void sweep(int (*once)(void))
{
	int n, rc;

	for (n = 0;; n++) {
		failures = 0;
		left = n;
		rc = once();
		left = -1;
		if (!failures)
			break;
		assert_int_equal(rc, IM_E_NOMEM);
	}
	assert_int_equal(rc, IM_OK);
	assert_true(n > 0);
}

static int done(struct im_buf *b)
{
	int rc = b->failed ? IM_E_NOMEM : IM_OK;

	if (b->failed) {
		assert_int_equal(im_buf_view(b).n, 0);
		im_buf_z(b, "no more is written");
		assert_true(b->failed);
	}
	im_buf_free(b);
	return rc;
}

static int build_buffer(void)
{
	struct im_buf b;
	int i;

	im_buf_init(&b, 0);
	for (i = 0; i < 500; i++) {
		im_buf_z(&b, "text");
		im_buf_c(&b, 'c');
		im_buf_u64(&b, (uint64_t)i);
		im_buf_i64(&b, -i);
		im_buf_base64(&b, "bytes", 5);
		im_buf_printf(&b, "%d", i);
		im_buf_le8(&b, 1);
		im_buf_le16(&b, 1);
		im_buf_le32(&b, 1);
		im_buf_le64(&b, 1);
		im_buf_set_le32(&b, 0, 1);
	}
	return done(&b);
}

static int build_json(void)
{
	struct im_buf b;
	int i;

	im_buf_init(&b, 0);
	for (i = 0; i < 300; i++) {
		im_jsonw_str(&b, IM_STR("a\nb\x01\"c and a longer run of plain text"));
		im_jsonw_member_str(&b, "k", IM_STR("\\"));
		im_jsonw_member_int(&b, "k", i);
	}
	return done(&b);
}

static int build_wire(void)
{
	struct im_wire_msg m = {
		.seq = 1, .cursor = 2, .from = IM_STR("alice"), .enc = IM_ENC_BYTES};
	struct im_buf b;
	int i;

	im_buf_init(&b, 0);
	m.body = IM_STR("\1\2\3\4\5\6\7\n");
	for (i = 0; i < 50; i++) {
		m.enc = (enum im_enc)(i % 3);
		im_wire_message(&b, IM_STR("u/bob"), &m);
		im_wire_ack(&b, IM_STR("id"), IM_STR("u/bob"), 1, 2, IM_STR("[]"));
		im_wire_refusal(&b, IM_STR("id"), IM_STR("u/bob"), IM_E_BUSY, IM_STR("why\n"));
		im_topic_inbox(&b, IM_STR("im"), IM_STR("bob"), IM_STR("ack"));
		im_topic_room(&b, IM_STR("im"), IM_STR("hall"));
		im_topic_presence(&b, IM_STR("im"), IM_STR("bob"));
	}
	return done(&b);
}

static int build_frames(void)
{
	static const struct im_recipient to[] = {{{"bob", 3}, {"u/alice", 7}}};
	struct im_down_rec r = {.type = IM_DOWN_MESSAGE, .payload = IM_STR("payload")};
	struct im_up_batch h = {1, 1, 0};
	struct im_buf b;
	int i;

	im_buf_init(&b, 0);
	im_frame_down_begin(&b);
	for (i = 0; i < 30; i++) {
		im_down_rec_put(&b, &r, to, 1);
		im_frame_batch_begin(&b, &h);
		im_frame_sessions_begin(&b, (struct im_up_part){true, true, 1}, &h);
		im_frame_credit(&b, 1);
		im_frame_stats(&b, IM_STR("{}"));
	}
	return done(&b);
}

static int read_envelope(void)
{
	static const char text[] = "{\"id\":\"\\u0061\",\"type\":\"\\u0061\",\"body\":\"\\u0061\","
				   "\"mentions\":[\"\\u0061\"],\"ext\":{}}";
	struct im_buf scratch, why;
	struct im_envelope e;
	int rc;

	im_buf_init(&scratch, 0);
	im_buf_init(&why, 0);
	rc = im_envelope_parse(IM_STR(text), &scratch, &e, &why);
	if (rc == IM_OK)
		assert_str(e.body, "a");
	im_buf_free(&scratch);
	im_buf_free(&why);
	return rc;
}

/* The refusal stands even if its reason cannot be written down. */
static void refused_envelope(void **state)
{
	struct im_buf scratch, why;
	struct im_envelope e;

	(void)state;
	im_buf_init(&scratch, 0);
	im_buf_init(&why, 0);
	left = 1;
	assert_int_equal(im_envelope_parse(IM_STR("{\"body\":1,\"x\":2}"), &scratch, &e, &why),
		IM_E_INVALID_PARAMS);
	left = -1;
	assert_true(why.failed);
	im_buf_free(&scratch);
	im_buf_free(&why);
}

static int decode_text(void)
{
	static const struct im_json v = {IM_JSON_STRING, {"\"a\\nb\\ud83d\\ude00\"", 18}};
	struct im_buf b;
	int rc;

	im_buf_init(&b, 0);
	rc = im_json_text(&v, &b);
	im_buf_free(&b);
	return rc;
}

struct conf {
	char *text;
	struct im_conf_list list;
	int64_t n;
};

static int read_conf(void)
{
	static const struct im_conf_key keys[] = {
		{.name = "text",
			.type = IM_CONF_STRING,
			.offset = offsetof(struct conf, text),
			.def = "x"},
		{.name = "list",
			.type = IM_CONF_LIST,
			.offset = offsetof(struct conf, list),
			.def = "y"},
		{.name = "n",
			.type = IM_CONF_INT,
			.offset = offsetof(struct conf, n),
			.def = "1",
			.max = 10},
	};
	static const struct im_conf_table t = {keys, 3};
	struct conf c = {0};
	struct im_buf why;
	int rc;

	im_buf_init(&why, 0);
	rc = im_conf_defaults(&t, &c);
	if (rc == IM_OK)
		rc = im_conf_read(&t, &c, IM_STR("text a\nlist b\nlist c\nn 2\n"), "f", &why);
	im_conf_free(&t, &c);
	im_buf_free(&why);
	return rc;
}

static int sample_conf(void)
{
	static const struct im_conf_key key = {.name = "n",
		.type = IM_CONF_INT,
		.help = "some help that is long enough to fill more than one line of the sample, "
			"and so "
			"to need more memory than the first allocation of the buffer gives it at "
			"once, which "
			"is why this sentence does not end where a good sentence would, but goes "
			"on a little "
			"longer than that"};
	static const struct im_conf_table t = {&key, 1};
	struct im_buf b;

	im_buf_init(&b, 0);
	im_conf_sample(&t, "prefix_", &b);
	return done(&b);
}

static void buffers(void **state)
{
	(void)state;
	sweep(build_buffer);
}

static void json(void **state)
{
	(void)state;
	sweep(build_json);
	sweep(decode_text);
}

static void wire(void **state)
{
	(void)state;
	sweep(build_wire);
}

static void frames(void **state)
{
	(void)state;
	sweep(build_frames);
}

static void envelopes(void **state)
{
	(void)state;
	sweep(read_envelope);
}

static void configuration(void **state)
{
	(void)state;
	sweep(read_conf);
	sweep(sample_conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers),
		cmocka_unit_test(json),
		cmocka_unit_test(wire),
		cmocka_unit_test(frames),
		cmocka_unit_test(envelopes),
		cmocka_unit_test(refused_envelope),
		cmocka_unit_test(configuration),
	};

	return cmocka_run_group_tests_name("common_nomem", tests, NULL, NULL);
}
