/* SPDX-License-Identifier: BSD-3-Clause */
/* Several reading requests in one array: each has its answer in its place, is paid and read for
 * itself, and the array is never longer than a reply may be. */
#include "tests/unit/engine_fixture.h"

#include <jansson.h>
#include <stdlib.h>

#include "bridge/directory/directory_user.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc.h"
#include "bridge/rpc/rpc_batch.h"
#include "common/limits.h"

#define ASK(id, method, params) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":" params "}"
#define SEEN(id, uid) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{\"uid\":\"" uid "\""

/* The array that came down last; the caller's. */
static json_t *replies(const struct engine_fixture *f)
{
	static const char begin[] = "inbox alice rpc/phone ";
	char *text = strndup(f->told.p, f->told.n), *line = strstr(text, begin);
	json_t *got;

	if (!line || strstr(line + 1, begin))
		fail_msg("not one reply: %s", text);
	line += sizeof(begin) - 1;
	*strchrnul(line, '\n') = '\0';
	got = json_loads(line, 0, NULL);
	if (!json_is_array(got))
		fail_msg("no array: %s", line);
	free(text);
	return got;
}

static const char *uid_of(const json_t *reply)
{
	return json_string_value(json_object_get(json_object_get(reply, "result"), "uid"));
}

static int code_of(const json_t *reply)
{
	return (int)json_integer_value(json_object_get(json_object_get(reply, "error"), "code"));
}

static void expect_error(const json_t *reply, const char *id, int code, const char *part)
{
	char *have = json_dumps(json_object_get(reply, "id"), JSON_ENCODE_ANY);
	const char *message =
		json_string_value(json_object_get(json_object_get(reply, "error"), "message"));

	assert_string_equal(have, id);
	assert_int_equal(code_of(reply), code);
	if (!strstr(message, part))
		fail_msg("\"%s\" does not say \"%s\"", message, part);
	free(have);
}

/* So many requests for one's own profile, numbered from 0. */
static char *profiles(unsigned n)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	for (unsigned i = 0; i < n; i++)
		im_buf_printf(&b, "%c{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"user.get\"}",
			i ? ',' : '[', i);
	im_buf_z(&b, n ? "]" : "[]");
	im_buf_c(&b, '\0');
	assert_false(b.failed);
	return b.p;
}

static void fifty_are_answered_in_their_order_by_one_array(void **state)
{
	struct engine_fixture *f = *state;
	char *asked = profiles(IM_REQUESTS_MAX);
	json_t *got;

	engine_rpc(f, "alice", "", asked);
	got = replies(f);
	assert_int_equal(json_array_size(got), IM_REQUESTS_MAX);
	for (unsigned i = 0; i < IM_REQUESTS_MAX; i++) {
		const json_t *one = json_array_get(got, i);

		assert_int_equal(json_integer_value(json_object_get(one, "id")), i);
		assert_string_equal(uid_of(one), "alice");
	}
	assert_int_equal(engine_health(f->rig.engine)->requests, IM_REQUESTS_MAX);
	json_decref(got);
	free(asked);
}

static void what_is_wrong_is_said_in_its_place(void **state)
{
	struct engine_fixture *f = *state;
	json_t *got;

	engine_rpc(f, "alice", "",
		" [7,[" ASK("1", "user.get", "{}") "]," ASK(
			"\"a\"", "user.get", "{\"uid\":\"bob\"}") "," ASK("3", "no.such",
			"{}") "," ASK("4", "conv.list", "{\"limit\":0}") "," ASK("5", "conv.read",
			"{\"conv\":\"u/bob\",\"seq\":1}") "," ASK("6", "user.get",
			"{\"uid\":\"eve\"}") ",{\"jsonrpc\":\"2.0\",\"method\":\"user.get\","
					     "\"params\":{\"uid\":\"carol\"}}"
					     ",{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"user."
					     "get\",\"to\":1}"
					     "," ASK("9", "user.get", "{\"uid\":\"dave\"}") "] ");
	got = replies(f);
	assert_int_equal(json_array_size(got), 10);
	expect_error(json_array_get(got, 0), "null", IM_E_INVALID_REQUEST, "JSON-RPC 2.0 request");
	expect_error(json_array_get(got, 1), "null", IM_E_INVALID_REQUEST, "JSON-RPC 2.0 request");
	assert_string_equal(uid_of(json_array_get(got, 2)), "bob");
	expect_error(json_array_get(got, 3), "3", IM_E_METHOD_NOT_FOUND, "\"no.such\"");
	expect_error(json_array_get(got, 4), "4", IM_E_INVALID_PARAMS, "params.limit is 0");
	expect_error(json_array_get(got, 5), "5", IM_E_NOT_ALLOWED,
		"conv.read is no reading method; send it alone");
	expect_error(json_array_get(got, 6), "6", IM_E_UNKNOWN_USER, "eve");
	/* One without an id is answered as it would be alone. */
	assert_true(json_is_null(json_object_get(json_array_get(got, 7), "id")));
	assert_string_equal(uid_of(json_array_get(got, 7)), "carol");
	expect_error(json_array_get(got, 8), "8", IM_E_INVALID_REQUEST, "only");
	assert_string_equal(uid_of(json_array_get(got, 9)), "dave");
	json_decref(got);
	/* None of it is to be read: it is answered all the same, and nothing was written. */
	engine_rpc(f, "alice", "",
		"[" ASK("1", "group.create", "{\"gid\":\"g\",\"members\":[]}") ",null]");
	got = replies(f);
	assert_int_equal(json_array_size(got), 2);
	expect_error(json_array_get(got, 0), "1", IM_E_NOT_ALLOWED, "group.create");
	expect_error(json_array_get(got, 1), "null", IM_E_INVALID_REQUEST, "request");
	json_decref(got);
	engine_rpc(f, "alice", "group.get", "{\"gid\":\"g\"}");
	assert_true(engine_told_part(f, "\"code\":-32002"));
}

static void an_array_that_is_none_of_requests_is_one_error(void **state)
{
	struct engine_fixture *f = *state;
	char *many = profiles(IM_REQUESTS_MAX + 1);
	const struct {
		const char *payload, *error;
	} cases[] = {
		{"[]", "{\"code\":-32600,\"message\":\"invalid request: the array is empty; give 1 "
		       "to 50 requests\"}"},
		{many, "{\"code\":-32600,\"message\":\"invalid request: the array has more than 50 "
		       "requests; give at most 50\"}"},
		{"[" ASK("1", "user.get", "{}") ",", "{\"code\":-32700,"},
		{"[" ASK("1", "user.get", "{}") "]]", "{\"code\":-32700,"},
		{"[", "{\"code\":-32700,"},
	};
	char want[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		engine_rpc(f, "alice", "", cases[i].payload);
		snprintf(want, sizeof(want),
			"inbox alice rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":%s",
			cases[i].error);
		assert_told(f, want);
	}
	/* With a method in the topic the payload is its parameters. */
	engine_rpc(f, "alice", "user.get", "[" ASK("1", "user.get", "{}") "]");
	assert_told(f, "inbox alice rpc/phone "
		       "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32602,");
	free(many);
}

static void the_answer_goes_where_a_single_one_would(void **state)
{
	struct engine_fixture *f = *state;

	engine_add(f, (struct im_up_rec){.type = IM_UP_RPC,
			      .user = IM_STR("alice"),
			      .device = IM_STR("phone"),
			      .reply_topic = IM_STR("im/inbox/alice/x"),
			      .corr = IM_STR("17"),
			      .payload = IM_STR("[" ASK("1", "user.get", "{}") "]")});
	engine_add(f, (struct im_up_rec){.type = IM_UP_RPC,
			      .user = IM_STR("alice"),
			      .device = IM_STR("phone"),
			      .reply_topic = IM_STR("im/inbox/alice/y"),
			      .corr = IM_STR("18"),
			      .payload = IM_STR("[8]")});
	engine_send(f);
	assert_told(f, "reply alice im/inbox/alice/x 17 [" SEEN("1", "alice"));
	assert_told(
		f, "reply alice im/inbox/alice/y 18 [{\"jsonrpc\":\"2.0\",\"id\":null,\"error\"");
}

/* Each pays what it would alone; those that cannot are refused, the others not. */
static void each_pays_for_itself(void **state)
{
	struct engine_fixture *f = *state;
	const json_t *data;
	json_t *got;

	f->rig.set.rate_cost = 30; /* 120 at once */
	engine_restart(f);
	engine_link(f);
	engine_rpc(f, "alice", "",
		"[" ASK("0", "group.list", "{\"limit\":70}") "," ASK("1", "group.list",
			"{\"limit\":60}") "," ASK("2", "user.get", "{}") "," ASK("3", "group.list",
			"{\"limit\":50}") "," ASK("4", "group.list", "{\"limit\":1}") "]");
	got = replies(f);
	assert_int_equal(json_array_size(got), 5);
	assert_int_equal(code_of(json_array_get(got, 0)), 0);
	expect_error(json_array_get(got, 1), "1", IM_E_RATE_LIMITED, "ask again in 334 ms");
	data = json_object_get(json_object_get(json_array_get(got, 1), "error"), "data");
	assert_int_equal(json_integer_value(json_object_get(data, "retry_ms")), 334);
	assert_string_equal(uid_of(json_array_get(got, 2)), "alice");
	assert_int_equal(code_of(json_array_get(got, 3)), 0);
	expect_error(json_array_get(got, 4), "4", IM_E_RATE_LIMITED, "ask again");
	json_decref(got);
	/* All was spent, and nothing is given back. */
	engine_rpc(f, "alice", "group.list", "{\"limit\":1}");
	assert_true(engine_told_part(f, "\"code\":-32008"));
}

static void who_may_not_ask_gets_one_error(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "nobody", "", "[" ASK("1", "user.get", "{}") "," ASK("2", "sync", "{}") "]");
	assert_told(f, "inbox nobody rpc/phone "
		       "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32012,");
}

static void a_replay_is_answered_again_and_pays_nothing(void **state)
{
	static const char asked[] = "[" ASK("0", "group.list", "{\"limit\":100}") "," ASK("1",
		"conv.read", "{\"conv\":\"u/bob\",\"seq\":1}") "," ASK("2", "user.get", "{}") "]";
	struct engine_fixture *f = *state;
	char kept[1024];
	size_t n;
	json_t *got;

	f->rig.set.rate_cost = 25; /* a hundred at once */
	engine_restart(f);
	engine_link(f);
	engine_add_rpc(f, "alice", "", asked);
	n = f->records.n;
	assert_true(n < sizeof(kept));
	memcpy(kept, f->records.p, n);
	engine_send(f);
	for (int round = 0; round < 3; round++) {
		got = replies(f);
		assert_int_equal(json_array_size(got), 3);
		assert_int_equal(code_of(json_array_get(got, 0)), 0);
		expect_error(json_array_get(got, 1), "1", IM_E_NOT_ALLOWED, "conv.read");
		assert_string_equal(uid_of(json_array_get(got, 2)), "alice");
		json_decref(got);
		engine_credit(f, 2);
		if (round == 1)
			engine_restart(f);
		engine_unlinked(f->rig.engine, f->peer);
		engine_link(f);
		engine_send_again(f, 1, 1, (struct im_str){kept, n});
	}
}

static void a_batch_sees_what_was_written_before_it(void **state)
{
	struct engine_fixture *f = *state;
	json_t *got;

	engine_add_rpc(f, "alice", "user.update", "{\"nick\":\"Al\"}");
	engine_add_rpc(f, "alice", "", "[" ASK("1", "user.get", "{\"uid\":\"alice\"}") ",1]");
	engine_send(f);
	assert_told(f, "inbox alice rpc/phone [" SEEN("1", "alice") ",\"nick\":\"Al\"");
	engine_rpc(f, "alice", "",
		"[" ASK("1", "device.list", "{}") "," ASK("2", "user.get", "{}") "," ASK(
			"3", "device.list", "{}") "]");
	got = replies(f);
	assert_int_equal(json_array_size(got), 3);
	assert_true(json_is_array(
		json_object_get(json_object_get(json_array_get(got, 2), "result"), "devices")));
	json_decref(got);
}

/* It counts an array as one message, so that fifty would pass for one. */
static void an_older_plugins_users_ask_one_by_one(void **state)
{
	struct engine_fixture *f = *state;

	f->level = IM_PLUGIN_LEVEL_COUNTS - 1;
	engine_unlinked(f->rig.engine, f->peer);
	engine_link(f);
	engine_rpc(f, "alice", "", "[" ASK("1", "user.get", "{}") "]");
	assert_told(f, "inbox alice rpc/phone {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
		       "-32600,");
	engine_rpc(f, "alice", "", ASK("1", "user.get", "{}"));
	assert_told(f, "inbox alice rpc/phone " SEEN("1", "alice"));
	engine_credit(f, 2);
	engine_unlinked(f->rig.engine, f->peer);
	f->level = IM_PLUGIN_LEVEL;
	engine_link(f);
	engine_rpc(f, "alice", "", "[" ASK("1", "user.get", "{}") "]");
	assert_told(f, "inbox alice rpc/phone [" SEEN("1", "alice"));
}

/* ---- how long the answer is ---- */

static void what_does_not_fit_is_to_be_asked_for_alone(void **state)
{
	struct engine_fixture *f = *state;
	char body[4001], id[8];
	struct im_buf b;
	size_t at = 0;
	json_t *got;

	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	for (int i = 0; i < 4; i++)
		engine_add_message(f, "alice", "bob", body);
	engine_send(f);
	im_buf_init(&b, 0);
	/* 16 KB each: three fit, and everything that is small. */
	for (unsigned i = 0; i < IM_REQUESTS_MAX; i++)
		im_buf_printf(&b,
			"%c{\"jsonrpc\":\"2.0\",\"id\":\"%0250u\",\"method\":\"%s\",\"params\":%s}",
			i ? ',' : '[', i, i % 5 ? "user.get" : "conv.history",
			i % 5 ? "{}" : "{\"conv\":\"u/bob\"}");
	im_buf_z(&b, "]");
	im_buf_c(&b, '\0');
	engine_rpc(f, "alice", "", b.p);
	got = replies(f);
	assert_int_equal(json_array_size(got), IM_REQUESTS_MAX);
	for (unsigned i = 0; i < IM_REQUESTS_MAX; i++) {
		const json_t *one = json_array_get(got, i);
		const char *whole = json_string_value(json_object_get(one, "id"));

		assert_int_equal(strlen(whole), 250);
		snprintf(id, sizeof(id), "%04u", i);
		assert_string_equal(whole + 246, id);
		if (i % 5)
			assert_string_equal(uid_of(one), "alice");
		else if (code_of(one) == IM_OK)
			at++;
		else
			assert_string_equal(json_string_value(json_object_get(
						    json_object_get(one, "error"), "message")),
				"too large: the answers together do not fit one reply; ask for it "
				"alone");
	}
	assert_int_equal(at, 2);
	json_decref(got);
	im_buf_free(&b);
}

/* Whatever the replies' lengths: the array has all of them and stays below its bound. */
static void the_array_is_bounded_to_the_byte(void **state)
{
	static const size_t lengths[] = {1, 100, 1286, 1287, 1300, 5000, IM_REPLY_MAX / 2,
		IM_REPLY_MAX - 200, IM_REPLY_MAX, 4 * IM_REPLY_MAX};
	char *asked = profiles(IM_REQUESTS_MAX);
	char *long_text = malloc(4 * IM_REPLY_MAX);
	struct rpc_batch *b;
	struct rpc_request r;
	struct im_buf why, reply;

	(void)state;
	memset(long_text, 'y', 4 * IM_REPLY_MAX);
	im_buf_init(&why, 0);
	im_buf_init(&reply, 0);
	for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
		json_t *got;
		size_t n = 0;

		assert_int_equal(rpc_batch_parse(methods_find, im_str(asked), &b, &why), IM_OK);
		while (rpc_batch_next(b, &r)) {
			im_buf_reset(&reply);
			im_buf_c(&reply, '"');
			im_buf_put(&reply, long_text, lengths[k]);
			im_buf_c(&reply, '"');
			rpc_batch_answer(b, im_buf_view(&r.id), &reply);
			rpc_request_clear(&r);
			n++;
		}
		assert_int_equal(n, IM_REQUESTS_MAX);
		assert_int_equal(b->owed, 0);
		assert_true(b->replies.n < IM_REPLY_MAX);
		got = json_loadb(b->replies.p, b->replies.n, 0, NULL);
		assert_int_equal(json_array_size(got), IM_REQUESTS_MAX);
		for (size_t i = 0; i < IM_REQUESTS_MAX; i++)
			assert_true(json_is_string(json_array_get(got, i)) ||
				    code_of(json_array_get(got, i)) == IM_E_TOO_LARGE);
		/* As many as there is room for. */
		if (lengths[k] <= 1286)
			assert_true(json_is_string(json_array_get(got, IM_REQUESTS_MAX - 1)));
		if (lengths[k] < IM_REPLY_MAX / 2 + 1)
			assert_true(json_is_string(json_array_get(got, 0)));
		json_decref(got);
		rpc_batch_free(&b);
	}
	im_buf_free(&why);
	im_buf_free(&reply);
	free(long_text);
	free(asked);
}

/* One alone may be as long as a reply may. */
static void the_last_byte_is_used(void **state)
{
	struct rpc_batch *b;
	struct rpc_request r;
	struct im_buf why, reply;

	(void)state;
	im_buf_init(&why, 0);
	im_buf_init(&reply, 0);
	for (int over = 0; over < 2; over++) {
		assert_int_equal(rpc_batch_parse(methods_find,
					 IM_STR("[" ASK("1", "sync", "{}") "]"), &b, &why),
			IM_OK);
		assert_true(rpc_batch_next(b, &r));
		im_buf_reset(&reply);
		assert_non_null(im_buf_add(&reply, IM_REPLY_MAX - 3 + (size_t)over));
		memset(reply.p, '7', reply.n);
		rpc_batch_answer(b, im_buf_view(&r.id), &reply);
		assert_false(rpc_batch_next(b, &(struct rpc_request){0}));
		if (over)
			assert_non_null(memmem(b->replies.p, b->replies.n, "-32007", 6));
		else
			assert_int_equal(b->replies.n, IM_REPLY_MAX - 1);
		rpc_request_clear(&r);
		rpc_batch_free(&b);
	}
	im_buf_free(&why);
	im_buf_free(&reply);
}

#define T(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)
#define S(name) cmocka_unit_test_setup_teardown(name, engine_set_up_sqlite, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		S(fifty_are_answered_in_their_order_by_one_array),
		S(what_is_wrong_is_said_in_its_place),
		T(an_array_that_is_none_of_requests_is_one_error),
		S(the_answer_goes_where_a_single_one_would),
		S(each_pays_for_itself),
		T(who_may_not_ask_gets_one_error),
		S(a_replay_is_answered_again_and_pays_nothing),
		S(a_batch_sees_what_was_written_before_it),
		S(an_older_plugins_users_ask_one_by_one),
		S(what_does_not_fit_is_to_be_asked_for_alone),
		cmocka_unit_test(the_array_is_bounded_to_the_byte),
		cmocka_unit_test(the_last_byte_is_used),
	};

	return cmocka_run_group_tests_name("bridge batch requests", tests, NULL, NULL);
}
