/* SPDX-License-Identifier: BSD-3-Clause */
/* Edits: what of a message they change, and who is shown what it was. */
#include "tests/unit/rpc_fixture.h"

#include "bridge/message/edit_body.h"

/* The newest message of a conversation as somebody sees it. */
static const json_t *last(struct rpc_fixture *f, const char *uid, const char *conv)
{
	char params[64];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\",\"limit\":1}", conv);
	return rpc_at(rpc_ok(f, uid, "conv.history", params), "messages.0");
}

static const json_t *synced_edit(struct rpc_fixture *f, const char *uid)
{
	const json_t *messages = rpc_at(rpc_ok(f, uid, "sync", "{\"cursor\":\"\"}"), "messages");
	const json_t *one, *found = NULL;
	size_t i;

	json_array_foreach(messages, i, one)
	{
		if (strcmp(rpc_text(one, "type"), "edit") == 0)
			found = one;
	}
	assert_non_null(found);
	return found;
}

static void who_came_later_is_not_shown_what_it_was(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create",
		"{\"gid\":\"team\",\"history\":\"join\",\"members\":[\"bob\"]}");
	rpc_send(f, "alice", "g/team", "secret");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"public\"}");
	assert_true(rpc_told(f, "\"type\":\"edit\""));
	assert_false(rpc_told(f, "secret"));
	assert_json(rpc_at(last(f, "carol", "g/team"), "body"), "{\"seq\":2,\"body\":\"public\"}");
	assert_null(rpc_at(synced_edit(f, "carol"), "body.was"));
	/* Nor are the others: what one device was told live, all are told. */
	assert_json(rpc_at(last(f, "bob", "g/team"), "body"), "{\"seq\":2,\"body\":\"public\"}");
	/* Where all history is open, everybody is. */
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"hall\",\"members\":[\"bob\"]}");
	rpc_send(f, "alice", "g/hall", "before");
	rpc_ok(f, "alice", "group.invite", "{\"gid\":\"hall\",\"members\":[\"carol\"]}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/hall\",\"seq\":2,\"body\":\"after\"}");
	assert_true(rpc_told(f, "\"was\":\"before\""));
	assert_text(last(f, "carol", "g/hall"), "body.was", "before");
	/* Until it is closed. */
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"hall\",\"history\":\"join\"}");
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"g/hall\",\"around\":4,\"limit\":1}");
	assert_text(f->result, "messages.0.body.body", "after");
	assert_null(rpc_at(f->result, "messages.0.body.was"));
}

static void who_has_cleared_it_is_not_shown_what_it_was(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "one");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"two\"}");
	assert_true(rpc_told(f, "\"was\":\"one\""));
	rpc_ok(f, "bob", "conv.update", "{\"conv\":\"u/alice\",\"cleared_to\":1}");
	assert_json(rpc_at(last(f, "bob", "u/alice"), "body"), "{\"seq\":1,\"body\":\"two\"}");
	assert_text(last(f, "alice", "u/bob"), "body.was", "one");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"three\"}");
	/* Each of the two is told what it may see. */
	assert_true(rpc_told(f, "message alice ,\"seq\":3,\"from\":\"alice\","));
	assert_true(rpc_told(f, "{\"seq\":1,\"body\":\"three\",\"was\":\"two\",\"prev\":2}"));
	assert_true(rpc_told(f, "message bob ,\"seq\":3,\"from\":\"alice\","));
	assert_true(rpc_told(f, "{\"seq\":1,\"body\":\"three\",\"prev\":2}"));
	assert_json(rpc_at(last(f, "alice", "u/bob"), "body"),
		"{\"seq\":1,\"body\":\"three\",\"was\":\"two\",\"prev\":2}");
}

static void what_it_was_goes_with_a_recall(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "secret");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"two\"}");
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"u/bob\"}");
	for (int i = 0; i < 2; i++) {
		const json_t *m = json_array_get(rpc_at(f->result, "messages"), (size_t)i);

		assert_text(m, "type", "recalled");
		assert_true(json_is_null(rpc_at(m, "body")));
	}
}

static void mentions_and_ext_can_be_changed(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_send_full(f, "bob", "g/team", IM_STR(""), IM_STR("\"reply_to\":1,\"ext\":{\"a\":1}"),
		IM_ENC_TEXT, IM_STR("hi"));
	rpc_ok(f, "bob", "msg.edit",
		"{\"conv\":\"g/team\",\"seq\":2,\"mentions\":[\"carol\",\"dave\",\"nobody\"]}");
	assert_json(f->result,
		"{\"changed\":true,\"seq\":3,\"dropped_mentions\":[\"dave\",\"nobody\"]}");
	assert_true(rpc_told(f, "\"body\":{\"seq\":2,\"body\":\"hi\",\"mentions\":[\"carol\"]}"));
	rpc_ok(f, "bob", "msg.edit",
		"{\"conv\":\"g/team\",\"seq\":2,\"ext\":{\"b\":[2]},\"body\":\"ho\"}");
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"g/team\",\"around\":2,\"limit\":1}");
	assert_text(f->result, "messages.0.body", "ho");
	assert_num(f->result, "messages.0.reply_to", 1);
	assert_json(rpc_at(f->result, "messages.0.mentions"), "[\"carol\"]");
	assert_json(rpc_at(f->result, "messages.0.ext"), "{\"b\":[2]}");
	assert_num(f->result, "messages.0.edited.count", 2);
	/* Again: nothing. */
	rpc_ok(f, "bob", "msg.edit",
		"{\"conv\":\"g/team\",\"seq\":2,\"ext\":{\"b\":[2]},\"mentions\":[\"carol\","
		"\"dave\"],\"body\":\"ho\"}");
	assert_json(f->result, "{\"changed\":false,\"dropped_mentions\":[\"dave\"]}");
	/* Emptied. */
	rpc_ok(f, "bob", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"ext\":{},\"mentions\":[]}");
	rpc_ok(f, "alice", "conv.history", "{\"conv\":\"g/team\",\"around\":2,\"limit\":1}");
	assert_null(rpc_at(f->result, "messages.0.mentions"));
	assert_null(rpc_at(f->result, "messages.0.ext"));
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2}");
	rpc_no(f, IM_E_INVALID_PARAMS, "bob", "msg.edit",
		"{\"conv\":\"g/team\",\"seq\":2,\"mentions\":[\"a b\"]}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.edit",
		"{\"conv\":\"g/team\",\"seq\":2,\"mentions\":[\"all\"]}");
	/* Whoever has blocked the sender is not singled out. */
	rpc_ok(f, "carol", "block.add", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"mentions\":[\"carol\"]}");
	assert_json(f->result, "{\"changed\":false,\"dropped_mentions\":[\"carol\"]}");
}

#define EDIT(mentions)                 \
	rpc_ok(f, "alice", "msg.edit", \
		"{\"conv\":\"g/team\",\"seq\":2,\"mentions\":[" mentions "]}")

/* Who is meant is counted by what the message says by now. */
static void an_edit_changes_who_is_meant(void **state)
{
	struct rpc_fixture *f = *state;
	const uint64_t team = 1;

	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_send_full(f, "alice", "g/team", IM_STR(""), IM_STR("\"mentions\":[\"bob\",\"dave\"]"),
		IM_ENC_TEXT, IM_STR("hi"));
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 1);
	assert_int_equal(rpc_mentions(f, "dave", team, 0), 0);
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"ho\"}");
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 1);
	assert_int_equal(rpc_mentions(f, "carol", team, 0), 0);
	EDIT("\"carol\",\"dave\"");
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 0);
	assert_int_equal(rpc_mentions(f, "carol", team, 0), 1);
	assert_int_equal(rpc_mentions(f, "carol", team, 2), 0);
	assert_int_equal(rpc_mentions(f, "dave", team, 0), 0);
	EDIT("\"all\"");
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 1);
	assert_int_equal(rpc_mentions(f, "alice", team, 0), 0);
	EDIT("");
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 0);
	EDIT("\"bob\"");
	rpc_ok(f, "alice", "msg.forward",
		"{\"from_conv\":\"g/team\",\"seqs\":[2],\"to_conv\":\"g/team\"}");
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 1); /* a copy mentions nobody */
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}");
	assert_int_equal(rpc_mentions(f, "bob", team, 0), 0);
}

static void direct_mentions_are_of_the_two(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "hi");
	assert_int_equal(rpc_mentions(f, "bob", 1, 0), 0);
	rpc_ok(f, "alice", "msg.edit",
		"{\"conv\":\"u/bob\",\"seq\":1,\"mentions\":[\"bob\",\"alice\",\"carol\"]}");
	assert_json(f->result, "{\"changed\":true,\"seq\":2,\"dropped_mentions\":[\"carol\"]}");
	assert_int_equal(rpc_mentions(f, "bob", 1, 0), 1);
	assert_int_equal(rpc_mentions(f, "alice", 1, 0), 0);
	assert_int_equal(rpc_mentions(f, "carol", 1, 0), 0);
}

static void bytes_stay_bytes_beside_another_ext(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send_full(f, "alice", "u/bob", IM_STR(""), IM_STR(""), IM_ENC_BYTES,
		(struct im_str){"\x00\xff", 2});
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"ext\":{\"a\":1}}");
	assert_json(rpc_at(last(f, "bob", "u/alice"), "body"),
		"{\"seq\":1,\"body\":\"AP8=\",\"body_enc\":\"base64\",\"ext\":{\"a\":1}}");
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":1,\"limit\":1}");
	assert_text(f->result, "messages.0.enc", "base64");
	assert_text(f->result, "messages.0.body", "AP8=");
}

/* One request after the other: each part is short enough, what comes of them is not. */
static void body_and_ext_are_no_longer_together_than_a_message_may_be(void **state)
{
	struct rpc_fixture *f = *state;
	char *half = calloc(1, 1024 * 1024), *request = malloc(2 * 1024 * 1024);

	assert_true(half && request);
	memset(half, 'x', 1024 * 1024 - 1);
	rpc_send(f, "alice", "u/bob", "hi");
	sprintf(request, "{\"conv\":\"u/bob\",\"seq\":1,\"ext\":{\"k\":\"%s\"}}", half);
	rpc_ok(f, "alice", "msg.edit", request);
	sprintf(request, "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"%s\"}", half);
	rpc_no(f, IM_E_TOO_LARGE, "alice", "msg.edit", request);
	sprintf(request, "{\"conv\":\"u/bob\",\"seq\":1,\"ext\":{},\"body\":\"%s\"}", half);
	rpc_ok(f, "alice", "msg.edit", request);
	rpc_ok(f, "bob", "conv.history", "{\"conv\":\"u/alice\",\"around\":1,\"limit\":1}");
	assert_text(f->result, "messages.0.body", half);
	free(half);
	free(request);
}

/* A copy says who wrote it: with another body that would be put into somebody's mouth. */
static void a_copy_is_not_edited(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "I like cats");
	rpc_ok(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"u/carol\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.edit",
		"{\"conv\":\"u/carol\",\"seq\":1,\"body\":\"I like dogs\"}");
	rpc_no(f, IM_E_NOT_ALLOWED, "bob", "msg.edit",
		"{\"conv\":\"u/carol\",\"seq\":1,\"ext\":{\"k\":1}}");
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"u/bob\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "messages")), 1);
	assert_text(f->result, "messages.0.forwarded.from", "alice");
	assert_text(f->result, "messages.0.body", "I like cats");
	/* Taken back it can be. */
	rpc_ok(f, "bob", "msg.recall", "{\"conv\":\"u/carol\",\"seq\":1}");
}

static void an_edits_body_is_read_as_it_was_built(void **state)
{
	struct im_buf out;

	(void)state;
	im_buf_init(&out, 0);
	edit_body_without_was(
		&out, IM_STR("{\"seq\":4,\"body\":{\"was\":1},\"was\":\"x\",\"was_enc\":\"base64\","
			     "\"prev\":2}"));
	assert_true(im_str_eqz(im_buf_view(&out), "{\"seq\":4,\"body\":{\"was\":1},\"prev\":2}"));
	assert_int_equal(edit_body_seq(IM_STR("{\"seq\":4,\"body\":1}")), 4);
	assert_int_equal(edit_body_seq(IM_STR("[4]")), 0);
	im_buf_reset(&out);
	edit_body_without_was(&out, IM_STR("nothing"));
	assert_true(im_str_eqz(im_buf_view(&out), "null"));
	im_buf_free(&out);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)
#define SQLITE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up_sqlite, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(who_came_later_is_not_shown_what_it_was),
		SQLITE(who_came_later_is_not_shown_what_it_was),
		CASE(who_has_cleared_it_is_not_shown_what_it_was),
		CASE(what_it_was_goes_with_a_recall),
		CASE(mentions_and_ext_can_be_changed),
		CASE(an_edit_changes_who_is_meant),
		CASE(direct_mentions_are_of_the_two),
		CASE(bytes_stay_bytes_beside_another_ext),
		CASE(body_and_ext_are_no_longer_together_than_a_message_may_be),
		CASE(a_copy_is_not_edited),
		cmocka_unit_test(an_edits_body_is_read_as_it_was_built),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
