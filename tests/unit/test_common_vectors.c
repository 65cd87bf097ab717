/* SPDX-License-Identifier: BSD-3-Clause */
/* Holds common/ to the golden vectors of schema/wire/vectors, which every other codec is held to.
 */
#include "tests/unit/unit.h"

#include <jansson.h>

#include "common/envelope.h"
#include "common/ids.h"
#include "common/topic.h"
#include "common/wire.h"

#define VECTORS "schema/wire/vectors/"

static struct im_str text_of(const json_t *c, const char *key)
{
	const json_t *v = json_object_get(c, key);

	return v ? (struct im_str){json_string_value(v), json_string_length(v)}
		 : (struct im_str){NULL, 0};
}

static int64_t int_of(const json_t *c, const char *key)
{
	return json_integer_value(json_object_get(c, key));
}

static bool flag_of(const json_t *c, const char *key)
{
	return json_is_true(json_object_get(c, key));
}

/* Decodes base64 of the vectors' own, which is well-formed. */
static void put_base64(struct im_buf *b, struct im_str s)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t v = 0;
	int bits = 0;
	size_t i;

	for (i = 0; i < s.n && s.p[i] != '='; i++) {
		const char *at = strchr(alphabet, s.p[i]);

		assert_non_null(at);
		v = v << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			im_buf_c(b, (char)(v >> bits));
		}
	}
}

/* The member `key`, or the decoded `{key}_base64`, in b. */
static struct im_str bytes_of(const json_t *c, const char *key, struct im_buf *b)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_base64", key);
	im_buf_reset(b);
	if (json_object_get(c, name))
		put_base64(b, text_of(c, name));
	else
		im_buf_str(b, text_of(c, key));
	assert_false(b->failed);
	return im_buf_view(b);
}

typedef void (*check_fn)(const json_t *c);

/* Calls check for each case of a file. Its name is printed first: the last one is what failed. */
static void each(const char *file, check_fn check)
{
	json_error_t error;
	json_t *root = json_load_file(file, 0, &error);
	const json_t *cases = json_object_get(root, "cases");
	size_t i;

	if (!root)
		fail_msg("%s:%d: %s", file, error.line, error.text);
	assert_true(json_array_size(cases) > 10);
	for (i = 0; i < json_array_size(cases); i++) {
		char *text = json_dumps(json_array_get(cases, i), JSON_COMPACT);

		printf("%.160s\n", text);
		free(text);
		check(json_array_get(cases, i));
	}
	json_decref(root);
}

static enum im_enc enc_of(const json_t *c)
{
	struct im_str s = text_of(c, "enc");

	if (im_str_eqz(s, "text"))
		return IM_ENC_TEXT;
	if (im_str_eqz(s, "json"))
		return IM_ENC_JSON;
	assert_str(s, "bytes");
	return IM_ENC_BYTES;
}

static void check_envelope(const json_t *c)
{
	struct im_buf payload, body, scratch, why, id_scratch;
	struct im_envelope e;
	struct im_str in;
	char *exact;
	int rc;

	im_buf_init(&payload, 0);
	im_buf_init(&body, 0);
	im_buf_init(&scratch, 0);
	im_buf_init(&why, 0);
	im_buf_init(&id_scratch, 0);
	in = bytes_of(c, "payload", &payload);
	exact = unit_exact(in);
	rc = im_envelope_parse((struct im_str){exact, in.n}, &scratch, &e, &why);
	assert_str_eq(e.id, text_of(c, "id"));
	assert_str_eq(im_envelope_id((struct im_str){exact, in.n}, &id_scratch), text_of(c, "id"));
	if (json_object_get(c, "refused")) {
		assert_int_equal(rc, IM_E_INVALID_PARAMS);
		assert_str_eq(im_buf_view(&why), text_of(c, "refused"));
	} else {
		assert_int_equal(rc, IM_OK);
		assert_int_equal(why.n, 0);
		assert_int_equal(e.enc, enc_of(c));
		assert_str_eq(e.body, bytes_of(c, "body", &body));
		assert_str_eq(e.type, text_of(c, "type"));
		assert_str_eq(e.meta, text_of(c, "meta"));
		assert_int_equal(e.reply_to, int_of(c, "reply_to"));
		assert_int_equal(e.ttl_s, int_of(c, "ttl"));
		assert_int_equal(e.mentions_all, flag_of(c, "mentions_all"));
		assert_int_equal(e.mentions.n > 0,
			e.meta.n && memmem(e.meta.p, e.meta.n, "\"mentions\":", 11) != NULL);
	}
	free(exact);
	im_buf_free(&payload);
	im_buf_free(&body);
	im_buf_free(&scratch);
	im_buf_free(&why);
	im_buf_free(&id_scratch);
}

static void check_receive(const json_t *c)
{
	struct im_buf body, out;
	struct im_wire_msg m = {.seq = (uint64_t)int_of(c, "seq"),
		.cursor = (uint64_t)int_of(c, "cursor"),
		.from = text_of(c, "from"),
		.ts_ms = int_of(c, "ts"),
		.id = text_of(c, "id"),
		.type = text_of(c, "type"),
		.enc = enc_of(c),
		.meta = text_of(c, "meta")};
	struct im_str conv = text_of(c, "conv");

	im_buf_init(&body, 0);
	im_buf_init(&out, 0);
	m.body = bytes_of(c, "body", &body);
	im_wire_message(&out, conv, &m);
	assert_str_eq(im_buf_view(&out), text_of(c, "payload"));
	im_buf_reset(&out);
	im_buf_printf(&out, "{\"conv\":\"%.*s\"", IM_ARGS(conv));
	im_wire_tail(&out, &m);
	assert_str_eq(im_buf_view(&out), text_of(c, "payload"));
	im_buf_free(&body);
	im_buf_free(&out);
}

static void check_ack(const json_t *c)
{
	struct im_buf out;

	im_buf_init(&out, 0);
	if (json_object_get(c, "code"))
		im_wire_refusal(&out, text_of(c, "id"), text_of(c, "conv"), (int)int_of(c, "code"),
			text_of(c, "why"));
	else
		im_wire_ack(&out, text_of(c, "id"), text_of(c, "conv"), (uint64_t)int_of(c, "seq"),
			int_of(c, "ts"), text_of(c, "dropped"));
	assert_str_eq(im_buf_view(&out), text_of(c, "text"));
	im_buf_free(&out);
}

static void check_step(const json_t *c)
{
	char text[IM_WIRE_STEP_MAX];
	struct im_buf out;

	im_buf_init(&out, 0);
	if (json_object_get(c, "hello"))
		im_wire_hello(&out, text_of(c, "hello"), flag_of(c, "lost"),
			(uint64_t)int_of(c, "n"), text_of(c, "epoch"));
	else
		im_buf_put(&out, text,
			im_wire_step(text, (uint64_t)int_of(c, "n"), !json_object_get(c, "safe"),
				(uint64_t)int_of(c, "safe")));
	assert_str_eq(im_buf_view(&out), text_of(c, "text"));
	im_buf_free(&out);
}

static const char *const kinds[] = {
	[IM_TOPIC_OTHER] = "other",
	[IM_TOPIC_BAD] = "bad",
	[IM_TOPIC_SEND_USER] = "send_user",
	[IM_TOPIC_SEND_GROUP] = "send_group",
	[IM_TOPIC_SIGNAL_USER] = "signal_user",
	[IM_TOPIC_SIGNAL_GROUP] = "signal_group",
	[IM_TOPIC_RPC] = "rpc",
	[IM_TOPIC_ACK] = "ack",
	[IM_TOPIC_INBOX] = "inbox",
	[IM_TOPIC_ROOM] = "room",
	[IM_TOPIC_PRESENCE] = "presence",
	[IM_TOPIC_CTRL] = "ctrl",
	[IM_TOPIC_CTRL_RESPONSE] = "ctrl_response",
	[IM_TOPIC_LINK] = "link",
};

static struct im_str prefix_of(const json_t *c)
{
	return json_object_get(c, "prefix") ? text_of(c, "prefix") : IM_STR("im");
}

static void check_topic(const json_t *c)
{
	struct im_str text = text_of(c, "topic");
	char *exact = unit_exact(text);
	struct im_topic t;

	im_topic_parse(prefix_of(c), (struct im_str){exact, text.n}, &t);
	assert_str_eq(im_str(kinds[t.kind]), text_of(c, "kind"));
	assert_str_eq(t.id, text_of(c, "id"));
	assert_str_eq(t.rest, text_of(c, "rest"));
	free(exact);
}

static void check_filter(const json_t *c)
{
	struct im_str text = text_of(c, "filter");
	char *exact = unit_exact(text);
	struct im_filter f;

	im_filter_parse(prefix_of(c), (struct im_str){exact, text.n}, &f);
	assert_str_eq(im_str(kinds[f.topic.kind]), text_of(c, "kind"));
	assert_str_eq(f.topic.id, text_of(c, "id"));
	assert_str_eq(f.topic.rest, text_of(c, "rest"));
	assert_int_equal(f.shared, flag_of(c, "shared"));
	assert_int_equal(f.reaches_im, flag_of(c, "reaches_im"));
	assert_int_equal(f.events, flag_of(c, "events"));
	assert_str_eq(f.device, text_of(c, "device"));
	assert_str_eq(f.below, text_of(c, "below"));
	assert_int_equal(f.below_wild, flag_of(c, "below_wild"));
	if (json_object_get(c, "inner"))
		assert_str_eq(f.filter, text_of(c, "inner"));
	else if (!f.shared)
		assert_str_eq(f.filter, text);
	free(exact);
}

static void check_within(const json_t *c)
{
	struct im_str f = text_of(c, "filter");
	struct im_str a = text_of(c, "allowed");

	assert_int_equal(im_filter_within(f, a), flag_of(c, "within"));
}

/* Within the bound, though `out` is not one byte longer. */
static void check_level(const json_t *c, struct im_str device)
{
	char *out = malloc(IM_DEVICE_TOPIC_MAX);
	struct im_str level;

	assert_non_null(out);
	level = im_device_topic(device, out);
	assert_str_eq(level, json_object_get(c, "topic") ? text_of(c, "topic") : device);
	assert_true(level.n <= IM_DEVICE_TOPIC_MAX);
	free(out);
}

static void check_ids(const json_t *c)
{
	static const struct {
		const char *name;
		bool (*valid)(struct im_str s);
	} tests[] = {{"uid", im_uid_valid}, {"gid", im_gid_valid}, {"device", im_device_valid},
		{"msgid", im_msgid_valid}, {"type", im_type_valid}};
	const json_t *valid = json_object_get(c, "valid");
	enum im_conv_kind kind;
	struct im_str peer = {NULL, 0};
	struct im_buf b;
	struct im_str s;
	bool conv = false;
	size_t i, k;

	im_buf_init(&b, 0);
	s = bytes_of(c, "text", &b);
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		bool want = false;

		for (k = 0; k < json_array_size(valid); k++)
			want |= !strcmp(json_string_value(json_array_get(valid, k)), tests[i].name);
		assert_int_equal(tests[i].valid(s), want);
	}
	for (k = 0; k < json_array_size(valid); k++)
		conv |= !strcmp(json_string_value(json_array_get(valid, k)), "conv");
	assert_int_equal(im_conv_parse(s, &kind, &peer), conv);
	if (im_device_valid(s))
		check_level(c, s);
	assert_str_eq(peer, text_of(c, "peer"));
	if (conv)
		assert_str_eq(kind == IM_CONV_USER ? IM_STR("user") : IM_STR("group"),
			text_of(c, "kind"));
	im_buf_free(&b);
}

static void check_cursor(const json_t *c)
{
	struct im_str text = text_of(c, "text");
	const json_t *want = json_object_get(c, "position");
	uint64_t pos = 0;
	int rc = im_cursor_parse(text, &pos);

	if (json_is_null(want)) {
		assert_int_equal(rc, IM_E_INVALID_PARAMS);
		return;
	}
	assert_int_equal(rc, IM_OK);
	assert_int_equal(pos, json_integer_value(want));
	if (text.n) {
		struct im_buf b;

		im_buf_init(&b, 0);
		im_cursor_put(&b, pos);
		assert_str_eq(im_buf_view(&b), text);
		im_buf_free(&b);
	}
}

static void envelopes(void **state)
{
	(void)state;
	each(VECTORS "envelope.json", check_envelope);
}

static void received_messages(void **state)
{
	(void)state;
	each(VECTORS "receive.json", check_receive);
}

static void acks_and_refusals(void **state)
{
	(void)state;
	each(VECTORS "ack.json", check_ack);
}

static void steps_and_hellos(void **state)
{
	(void)state;
	each(VECTORS "step.json", check_step);
}

static void topics(void **state)
{
	(void)state;
	each(VECTORS "topics.json", check_topic);
}

static void filters(void **state)
{
	(void)state;
	each(VECTORS "filters.json", check_filter);
}

static void filters_within_filters(void **state)
{
	(void)state;
	each(VECTORS "within.json", check_within);
}

static void names(void **state)
{
	(void)state;
	each(VECTORS "ids.json", check_ids);
}

static void cursors(void **state)
{
	(void)state;
	each(VECTORS "cursor.json", check_cursor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelopes),
		cmocka_unit_test(received_messages),
		cmocka_unit_test(acks_and_refusals),
		cmocka_unit_test(steps_and_hellos),
		cmocka_unit_test(topics),
		cmocka_unit_test(filters),
		cmocka_unit_test(filters_within_filters),
		cmocka_unit_test(names),
		cmocka_unit_test(cursors),
	};

	return cmocka_run_group_tests_name("common_vectors", tests, NULL, NULL);
}
