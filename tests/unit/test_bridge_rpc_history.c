/* SPDX-License-Identifier: BSD-3-Clause */
/* History as it is shown: without operations, and replies with what they quote. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

#include "bridge/message/preview.h"
#include "bridge/rpc/quotes.h"

static void reply(struct rpc_fixture *f, const char *from, const char *conv, int seq)
{
	char meta[40];

	snprintf(meta, sizeof(meta), "\"reply_to\":%d", seq);
	rpc_send_full(f, from, conv, IM_STR(""), im_str(meta), IM_ENC_TEXT, IM_STR("I answer"));
}

/* The seqs of a page as text: "3 4 5 more" */
static const char *page(struct rpc_fixture *f, const char *more)
{
	static char have[512];
	char text[256];
	json_t *r, *m;
	size_t i;

	snprintf(text, sizeof(text), "{\"conv\":\"u/alice\",\"shown\":true%s}", more);
	r = rpc_ok(f, "bob", "conv.history", text);
	have[0] = '\0';
	json_array_foreach(json_object_get(r, "messages"), i, m)
		sprintf(have + strlen(have), "%s%d", i ? " " : "", (int)rpc_num(m, "seq"));
	if (rpc_num(r, "more"))
		strcat(have, " more");
	return have;
}

static void react(struct rpc_fixture *f, int seq, int n)
{
	char params[100];

	for (int i = 0; i < n; i++) {
		snprintf(params, sizeof(params),
			"{\"conv\":\"u/alice\",\"seq\":%d,\"emoji\":\"a\",\"remove\":%s}", seq,
			i % 2 ? "true" : "false");
		rpc_ok(f, "bob", "msg.react", params);
	}
}

static void a_page_holds_messages_alone(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "1");
	react(f, 1, 40); /* 2 to 41 */
	rpc_send(f, "alice", "u/bob", "42");
	rpc_send(f, "alice", "u/bob", "43");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":42,\"body\":\"forty-two\"}");
	rpc_send(f, "alice", "u/bob", "45");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":43}");
	react(f, 45, 3); /* 47 to 49 */
	assert_string_equal(page(f, ""), "1 42 43 45");
	assert_string_equal(page(f, ",\"limit\":3"), "42 43 45 more");
	assert_string_equal(page(f, ",\"limit\":2,\"before\":42"), "1");
	assert_string_equal(page(f, ",\"limit\":2,\"before\":48"), "43 45 more");
	assert_string_equal(page(f, ",\"limit\":2,\"after\":0"), "1 42 more");
	assert_string_equal(page(f, ",\"limit\":2,\"after\":1"), "42 43 more");
	assert_string_equal(page(f, ",\"after\":45"), "");
	assert_string_equal(page(f, ",\"around\":20,\"limit\":2"), "1 42 more");
	assert_string_equal(page(f, ",\"around\":43,\"limit\":3"), "42 43 45 more");
	assert_string_equal(page(f, ",\"around\":49,\"limit\":2"), "43 45 more");
	page(f, ",\"around\":42,\"limit\":1");
	assert_text(f->result, "messages.0.body", "forty-two");
	page(f, ",\"around\":43,\"limit\":1");
	assert_text(f->result, "messages.0.type", "recalled");
}

static void expect_quote(
	struct rpc_fixture *f, const char *uid, const char *conv, int seq, const char *want)
{
	char params[120];
	const json_t *quote;

	snprintf(params, sizeof(params),
		"{\"conv\":\"%s\",\"around\":%d,\"limit\":1,\"shown\":true}", conv, seq);
	quote = rpc_at(rpc_ok(f, uid, "conv.history", params), "messages.0.quote");
	if (want == NULL)
		assert_null(quote);
	else
		assert_json(quote, want);
}

static void a_reply_shows_what_it_answers_as_it_looks_now(void **state)
{
	struct rpc_fixture *f = *state;
	char text[400], want[500];

	rpc_send(f, "alice", "u/bob", "lunch?");
	reply(f, "bob", "u/alice", 1);
	expect_quote(f, "alice", "u/bob", 2,
		"{\"seq\":1,\"from\":\"alice\",\"type\":\"text\",\"body\":\"lunch?\"}");
	expect_quote(f, "alice", "u/bob", 1, NULL);
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"dinner?\"}");
	expect_quote(f, "bob", "u/alice", 2,
		"{\"seq\":1,\"from\":\"alice\",\"type\":\"text\",\"body\":\"dinner?\"}");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	expect_quote(f, "bob", "u/alice", 2,
		"{\"seq\":1,\"from\":\"alice\",\"type\":\"recalled\",\"body\":null}");

	memset(text, 'x', PREVIEW_CHARS + 1);
	text[PREVIEW_CHARS + 1] = '\0';
	rpc_send(f, "alice", "u/bob", text); /* 5 */
	reply(f, "bob", "u/alice", 5);
	text[PREVIEW_CHARS] = '\0';
	snprintf(want, sizeof(want),
		"{\"seq\":5,\"from\":\"alice\",\"type\":\"text\",\"body\":\"%s\",\"cut\":true}",
		text);
	expect_quote(f, "bob", "u/alice", 6, want);

	rpc_send_full(f, "alice", "u/bob", IM_STR("image"), IM_STR("\"ttl\":60"), IM_ENC_BYTES,
		IM_STR("\xff\xfe"));
	reply(f, "bob", "u/alice", 7);
	expect_quote(f, "bob", "u/alice", 8,
		"{\"seq\":7,\"from\":\"alice\",\"type\":\"image\",\"enc\":\"base64\",\"body\":"
		"\"//4=\"}");
	f->now_ms += 60000;
	expect_quote(f, "bob", "u/alice", 8,
		"{\"seq\":7,\"from\":\"alice\",\"type\":\"expired\",\"body\":null}");
}

/* Of a reply that is gone itself nothing is left, not even what it answered. */
static void a_reply_that_is_gone_quotes_nothing(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "lunch?");
	reply(f, "bob", "u/alice", 1);
	rpc_ok(f, "bob", "msg.recall", "{\"conv\":\"u/alice\",\"seq\":2}");
	expect_quote(f, "alice", "u/bob", 2, NULL);
	rpc_send_full(f, "bob", "u/alice", IM_STR(""), IM_STR("\"reply_to\":1,\"ttl\":60"),
		IM_ENC_TEXT, IM_STR("no")); /* 4 */
	expect_quote(f, "alice", "u/bob", 4,
		"{\"seq\":1,\"from\":\"alice\",\"type\":\"text\",\"body\":\"lunch?\"}");
	f->now_ms += 60000;
	expect_quote(f, "alice", "u/bob", 4, NULL);
}

static void what_the_reader_does_not_see_is_not_quoted(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "lunch?");
	rpc_ok(f, "bob", "msg.react", "{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"a\"}");
	reply(f, "bob", "u/alice", 2);   /* an operation */
	reply(f, "bob", "u/alice", 900); /* nothing at all */
	reply(f, "bob", "u/alice", 1);
	expect_quote(f, "alice", "u/bob", 3, "null");
	expect_quote(f, "alice", "u/bob", 4, "null");
	rpc_ok(f, "alice", "conv.update", "{\"conv\":\"u/bob\",\"cleared_to\":1}");
	expect_quote(f, "alice", "u/bob", 5, "null");
	expect_quote(f, "bob", "u/alice", 5,
		"{\"seq\":1,\"from\":\"alice\",\"type\":\"text\",\"body\":\"lunch?\"}");

	/* Of what was before him a new member is told nothing. */
	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"members\":[\"bob\"],\"history\":\"join\"}");
	rpc_send(f, "alice", "g/team", "the secret"); /* 2 */
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	reply(f, "bob", "g/team", 2); /* 4 */
	reply(f, "bob", "g/team", 3); /* 5 */
	expect_quote(f, "carol", "g/team", 4, "null");
	expect_quote(f, "bob", "g/team", 4,
		"{\"seq\":2,\"from\":\"alice\",\"type\":\"text\",\"body\":\"the secret\"}");
	expect_quote(f, "carol", "g/team", 5,
		"{\"seq\":3,\"from\":\"alice\",\"type\":\"system\",\"body\":{\"action\":\"invite\","
		"\"by\":\"alice\",\"members\":[{\"uid\":\"carol\",\"role\":\"member\"}]}}");
}

static void old_history_is_what_it_was(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "lunch?");
	reply(f, "bob", "u/alice", 1);
	react(f, 1, 1);
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "messages")), 3);
	assert_null(rpc_at(f->result, "messages.1.quote"));
}

/* With quotes an answer stays as short as without, and long words are read for so many of them. */
static void quotes_do_not_make_an_answer_longer(void **state)
{
	struct rpc_fixture *f = *state;
	struct im_buf long_one;
	size_t n, named = 0;
	json_t *m;

	im_buf_init(&long_one, 0);
	for (int i = 0; i < 65536; i++)
		im_buf_c(&long_one, 'x');
	f->set.reply_max = 20000;
	rpc_send_full(
		f, "alice", "u/bob", IM_STR(""), IM_STR(""), IM_ENC_TEXT, im_buf_view(&long_one));
	for (int i = 0; i < 200; i++)
		reply(f, "bob", "u/alice", 1);
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"u/bob\",\"limit\":500,\"shown\":true}");
	n = json_array_size(rpc_at(f->result, "messages"));
	assert_true(n > 15);
	assert_true(f->reply.n < 20000 + 200);
	assert_num(f->result, "more", 1);
	json_array_foreach(rpc_at(f->result, "messages"), n, m)
		assert_int_equal(strlen(rpc_text(m, "quote.body")), PREVIEW_CHARS);

	f->set.reply_max = IM_REPLY_MAX;
	for (int i = 0; i < 80; i++)
		rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR(""), IM_ENC_TEXT,
			im_buf_view(&long_one)); /* 202 to 281 */
	for (int i = 0; i < 80; i++)
		reply(f, "bob", "u/alice", 202 + i);
	rpc_ok(f, "alice", "conv.history",
		"{\"conv\":\"u/bob\",\"after\":281,\"limit\":500,\"shown\":true}");
	json_array_foreach(rpc_at(f->result, "messages"), n, m) named +=
		json_object_get(json_object_get(m, "quote"), "from") != NULL;
	n = json_array_size(rpc_at(f->result, "messages"));
	assert_int_equal(named, n < 64 ? n : QUOTES_BYTES_MAX / 65536);
	im_buf_free(&long_one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_page_holds_messages_alone, rpc_set_up, rpc_tear_down),
		cmocka_unit_test_setup_teardown(
			a_page_holds_messages_alone, rpc_set_up_sqlite, rpc_tear_down),
		cmocka_unit_test_setup_teardown(
			a_reply_shows_what_it_answers_as_it_looks_now, rpc_set_up, rpc_tear_down),
		cmocka_unit_test_setup_teardown(
			a_reply_that_is_gone_quotes_nothing, rpc_set_up, rpc_tear_down),
		cmocka_unit_test_setup_teardown(
			what_the_reader_does_not_see_is_not_quoted, rpc_set_up, rpc_tear_down),
		cmocka_unit_test_setup_teardown(
			old_history_is_what_it_was, rpc_set_up, rpc_tear_down),
		cmocka_unit_test_setup_teardown(
			quotes_do_not_make_an_answer_longer, rpc_set_up, rpc_tear_down),
	};

	return cmocka_run_group_tests_name("bridge rpc history", tests, NULL, NULL);
}
