/* SPDX-License-Identifier: BSD-3-Clause */
/* MQTT 5 properties of a message: stored with it, shown, delivered again and again, and gone when
 * its words are. */
#include "tests/unit/engine_fixture.h"

#include <stdio.h>

#include "bridge/message/meta_props.h"
#include "common/msgprops.h"
#include "tests/unit/words.h"

static char encoded[4096];

/* The encoding, valid until the next call. */
static struct im_str encode(const struct im_props *p)
{
	struct im_buf b = {.p = encoded, .cap = sizeof(encoded), .max = sizeof(encoded)};

	im_props_put(&b, p);
	assert_false(b.failed);
	return im_buf_view(&b);
}

static const struct im_props all = {.format = IM_FORMAT_TEXT,
	.content_type = {"text/plain", 10},
	.corr = {"\0\xff"
		 "7",
		3},
	.response_topic = {"im/u/alice", 10},
	.pairs = {"trace\0t-1\0\"q\\\0\0trace\0t-2\0", 25}};

#define ALL_JSON                                                                       \
	"\"content_type\":\"text/plain\",\"format\":1,\"props\":[[\"trace\",\"t-1\"]," \
	"[\"\\\"q\\\\\",\"\"],[\"trace\",\"t-2\"]],\"response_topic\":\"im/u/alice\"," \
	"\"correlation\":\"AP83\""

static void add(
	struct engine_fixture *f, const char *target, const char *payload, const struct im_props *p)
{
	bool group = strncmp(target, "g/", 2) == 0;

	engine_add(f, (struct im_up_rec){.type = group ? IM_UP_MSG_GROUP : IM_UP_MSG_USER,
			      .flags = IM_UPF_DURABLE | IM_UPF_V5,
			      .user = IM_STR("alice"),
			      .device = IM_STR("phone"),
			      .target = im_str(group ? target + 2 : target),
			      .corr = encode(p),
			      .payload = im_str(payload)});
}

static void send(
	struct engine_fixture *f, const char *target, const char *payload, const struct im_props *p)
{
	add(f, target, payload, p);
	engine_send(f);
}

static void history(struct engine_fixture *f, const char *who, const char *conv)
{
	char params[64];

	snprintf(params, sizeof(params), "{\"conv\":\"%s\"}", conv);
	engine_credit(f, 2);
	engine_rpc(f, who, "conv.history", params);
}

static void all_of_it_is_stored_shown_and_carried(void **state)
{
	struct engine_fixture *f = *state;

	send(f, "bob", "{\"body\":\"hi\",\"ext\":{\"k\":1}}", &all);
	assert_told(f, "message alice/phone 1 text id= to=im/u/alice corr=");
	assert_true(engine_told_part(f, " trace=t-1 \"q\\= trace=t-2 bob=u/alice alice=u/bob "));
	assert_true(engine_told_part(f, ",\"ext\":{\"k\":1}," ALL_JSON ",\"cursor\":\"1\","));
	history(f, "bob", "u/alice");
	assert_true(engine_told_part(f, ",\"ext\":{\"k\":1}," ALL_JSON ",\"cursor\":\"1\","));
}

/* As a plugin of the version before sends it, and most clients. */
static void without_properties_nothing_is_added(void **state)
{
	struct engine_fixture *f = *state;

	send(f, "bob", "hi", &(struct im_props){0});
	assert_told(f, "message alice/phone 1 text id= bob=u/alice alice=u/bob ,\"seq\":1,"
		       "\"from\":\"alice\",\"ts\":1000000,\"type\":\"text\",\"cursor\":\"1\","
		       "\"body\":\"hi\"}");
}

static void each_alone(void **state)
{
	static const struct {
		struct im_props p;
		const char *line, *json;
	} cases[] = {
		{{.content_type = {"a/\"b\"", 5}},
			" id= bob=", "\"text\",\"content_type\":\"a/\\\"b\\\"\",\"cursor\""},
		{{.format = IM_FORMAT_BYTES}, " id= bob=", "\"text\",\"format\":0,\"cursor\""},
		{{.corr = {"x", 1}},
			" id= corr=x bob=", "\"text\",\"correlation\":\"eA==\",\"cursor\""},
		{{.response_topic = {"r", 1}},
			" id= to=r bob=", "\"text\",\"response_topic\":\"r\",\"cursor\""},
		{{.pairs = {"\0\0", 2}},
			" id= = bob=", "\"text\",\"props\":[[\"\",\"\"]],\"cursor\""},
		{{.ttl_s = 60}, " id= ends=1060000 bob=", "\"text\",\"ttl\":60,\"cursor\""},
	};
	struct engine_fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		send(f, "bob", "hi", &cases[i].p);
		if (!engine_told_part(f, cases[i].line) || !engine_told_part(f, cases[i].json))
			fail_msg("%zu: %.*s", i, IM_ARGS(f->told));
	}
}

static void a_user_property_may_say_how_long_it_lives(void **state)
{
	struct engine_fixture *f = *state;

	send(f, "bob", "{\"body\":1,\"ttl\":5}", &(struct im_props){.ttl_s = 5});
	assert_told(f, "message alice/phone 1 json id= ends=1005000 bob=u/alice");
	assert_true(engine_told_part(f, "\"json\",\"ttl\":5,\"cursor\""));
	send(f, "bob", "{\"id\":\"x\",\"body\":1,\"ttl\":5}", &(struct im_props){.ttl_s = 6});
	assert_told(f, "inbox alice ack [{\"id\":\"x\",\"conv\":\"u/bob\",\"error\":{"
		       "\"code\":-32602,\"message\":\"invalid parameters: the user property ttl "
		       "and the member ttl differ; give one of them\"}}]");
	assert_not_told(f, "message");
	/* It has ended in the spool: nothing of it goes out. */
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_credit(f, 2);
	add(f, "g/team", "{\"body\":\"gone\"}",
		&(struct im_props){.ttl_s = 5, .pairs = IM_STR("k\0v\0")});
	f->now.wall_ms += 5000;
	engine_send(f);
	assert_told(f, "message alice/phone 2 expired id= g/team: alice bob ,\"seq\":2,\"from\":"
		       "\"alice\",\"ts\":1000000,\"type\":\"expired\",\"cursor\":\"4\","
		       "\"body\":null}");
}

static void what_cannot_be_read_is_refused(void **state)
{
	struct engine_fixture *f = *state;

	engine_add(f, (struct im_up_rec){.type = IM_UP_MSG_USER,
			      .user = IM_STR("alice"),
			      .target = IM_STR("bob"),
			      .corr = IM_STR("\x09"),
			      .payload = IM_STR("{\"id\":\"x\",\"body\":1}")});
	engine_send(f);
	assert_told(f, "inbox alice ack [{\"id\":\"x\",\"conv\":\"u/bob\",\"error\":{"
		       "\"code\":-32603,");
	assert_told(f, "committed 77:1");
	assert_not_told(f, "message");
}

static void groups_and_rooms_get_it_too(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_credit(f, 2);
	send(f, "g/team", "{\"body\":1,\"ttl\":5}",
		&(struct im_props){
			.pairs = IM_STR("k\0v\0"), .response_topic = IM_STR("im/g/team")});
	assert_told(f, "message alice/phone 2 json id= ends=1005000 to=im/g/team k=v g/team: alice "
		       "bob ");
	engine_credit(f, 2);
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"hall\",\"kind\":\"room\"}");
	engine_credit(f, 2);
	send(f, "g/hall", "{\"body\":1,\"ttl\":5}", &(struct im_props){.pairs = IM_STR("k\0v\0")});
	assert_told(f, "topic room/hall ends=1005000 k=v {\"conv\":\"g/hall\",\"seq\":2,");
	assert_true(engine_told_part(f, "\"ttl\":5,\"props\":[[\"k\",\"v\"]],"));
}

static void what_is_replayed_carries_the_same(void **state)
{
	struct engine_fixture *f = *state;
	static char kept[4096];
	struct im_str records;

	add(f, "bob", "{\"body\":\"hi\",\"ttl\":60}", &all);
	memcpy(kept, f->records.p, f->records.n);
	records = (struct im_str){kept, f->records.n};
	engine_send(f);
	engine_restart(f);
	engine_link(f);
	engine_send_again(f, 1, 1, records);
	assert_told(f, "message alice/ 1 text id= ends=1060000 to=im/u/alice corr=");
	assert_true(engine_told_part(f, " trace=t-1 \"q\\= trace=t-2 bob=u/alice "));
	assert_true(engine_told_part(f, "\"ttl\":60," ALL_JSON ","));
}

static void an_edit_keeps_it_and_a_recall_takes_it(void **state)
{
	struct engine_fixture *f = *state;

	send(f, "bob", "hi", &all);
	engine_rpc(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":1,\"body\":\"ho\"}");
	assert_told(f, "message alice/phone 2 edit id= bob=u/alice");
	history(f, "bob", "u/alice");
	assert_true(engine_told_part(f, ALL_JSON ",\"edited\":{"));
	engine_rpc(f, "bob", "msg.react", "{\"conv\":\"u/alice\",\"seq\":1,\"emoji\":\"+\"}");
	engine_rpc(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":1}");
	history(f, "bob", "u/alice");
	assert_true(engine_told_part(f, "\"recalled\",\"recalled_by\":\"alice\",\"cursor\":\"1\""));
	assert_false(engine_told_part(f, "trace"));
	assert_false(engine_told_part(f, "text/plain"));
}

static void a_copy_says_what_the_body_is_and_no_more(void **state)
{
	struct engine_fixture *f = *state;

	send(f, "bob", "hi", &all);
	engine_rpc(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"u/carol\"}");
	assert_told(f, "message bob/phone 1 text id= carol=u/bob bob=u/carol ");
	assert_true(engine_told_part(f, "\"forwarded\":{\"from\":\"alice\",\"ts\":1000000},"
					"\"content_type\":\"text/plain\",\"format\":1,\"cursor\""));
	/* With what is left of its time. */
	send(f, "bob", "{\"body\":\"hi\",\"ttl\":60}",
		&(struct im_props){.content_type = IM_STR("a/b")});
	f->now.wall_ms += 10000;
	engine_rpc(f, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[2],\"to_conv\":\"u/carol\"}");
	assert_told(f, "message bob/phone 2 text id= ends=1060000 carol=u/bob");
	assert_true(engine_told_part(f, "\"ttl\":50,\"content_type\":\"a/b\",\"cursor\""));
}

static void words_are_taken_out_of_the_log_when_its_time_is_over(void **state)
{
	struct engine_fixture *f = *state;
	struct im_props p = all;
	uint32_t n;

	p.ttl_s = 5;
	send(f, "bob", "hi", &p);
	assert_int_equal(f->rig.backend.expire(f->rig.store, 1005000, 10, &n), IM_OK);
	assert_int_equal(n, 1);
	/* Even who asks as if it were before. */
	history(f, "bob", "u/alice");
	assert_true(engine_told_part(f, "\"ttl\":5,\"cursor\":\"1\""));
	assert_false(engine_told_part(f, "trace"));
	assert_false(engine_told_part(f, "text/plain"));
	assert_false(engine_told_part(f, "im/u/alice"));
}

/* What stands in it is not masked: it may mean something to a program. */
static void the_word_list_looks_into_it(void **state)
{
	static const struct im_props refused[] = {{.content_type = {"a/BADWORD", 9}},
		{.pairs = {"badword\0v\0", 10}}, {.pairs = {"k\0v\0k\0a badword\0", 16}}};
	struct engine_fixture *f = *state;
	struct moderation m = {0};

	words_load(&m, "badword\n", MODERATION_MASK);
	f->moderation = &m;
	engine_restart(f);
	engine_link(f);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		send(f, "bob", "{\"id\":\"x\",\"body\":\"ok\"}", &refused[i]);
		assert_told(f, "inbox alice ack [{\"id\":\"x\",\"conv\":\"u/bob\",\"error\":{"
			       "\"code\":-32012,");
		assert_not_told(f, "message");
	}
	send(f, "bob", "badword", &all);
	assert_true(engine_told_part(f, "\"body\":\"*******\""));
	moderation_clear(&m);
}

/* What nobody has written is not carried, and does no harm. */
static void meta_that_holds_something_else(void **state)
{
	static const char *const metas[] = {"", "\"ext\":{\"props\":[[\"a\",\"b\"]]}",
		"\"ext\":\"\\\"props\\\":\"", "\"props\":7",
		"\"props\":[1,[],[1,2],[\"a\"],[\"a\",2]]", "\"props\":[[\"a\\u0000\",\"b\"]]",
		"\"response_topic\":7", "\"response_topic\":\"\\u0000\"", "\"correlation\":\"?\"",
		"\"correlation\":\"", "\"correlation\":7", "\"props\":["};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	for (size_t i = 0; i < sizeof(metas) / sizeof(metas[0]); i++) {
		char *exact = unit_exact(im_str(metas[i]));

		meta_props_get((struct im_str){exact, strlen(metas[i])}, &b);
		assert_int_equal(b.n, 0);
		free(exact);
	}
	assert_false(b.failed);
	im_buf_free(&b);
}

#define ON_BOTH(test)                                                                \
	cmocka_unit_test_setup_teardown(test, engine_set_up, engine_tear_down),      \
	{                                                                            \
#test "_sqlite", test, engine_set_up_sqlite, engine_tear_down, NULL, \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(all_of_it_is_stored_shown_and_carried),
		ON_BOTH(without_properties_nothing_is_added),
		ON_BOTH(each_alone),
		ON_BOTH(a_user_property_may_say_how_long_it_lives),
		ON_BOTH(what_cannot_be_read_is_refused),
		ON_BOTH(groups_and_rooms_get_it_too),
		ON_BOTH(what_is_replayed_carries_the_same),
		ON_BOTH(an_edit_keeps_it_and_a_recall_takes_it),
		ON_BOTH(a_copy_says_what_the_body_is_and_no_more),
		ON_BOTH(words_are_taken_out_of_the_log_when_its_time_is_over),
		ON_BOTH(the_word_list_looks_into_it),
		cmocka_unit_test(meta_that_holds_something_else),
	};

	return cmocka_run_group_tests_name("bridge_props", tests, NULL, NULL);
}
