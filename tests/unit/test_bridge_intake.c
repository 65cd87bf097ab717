/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of messages and signals on their way in: whom they mention, what they may hold, and
 * what they cost. */
#include "tests/unit/engine_fixture.h"
#include "tests/unit/words.h"
/* Deliveries to groups wait for the broker; it has them all. */
static void say(struct engine_fixture *f, const char *payload)
{
	engine_credit(f, 2);
	engine_message(f, "alice", "g/team", payload);
}

static void make_team(struct engine_fixture *f)
{
	engine_rpc(f, "alice", "group.create",
		"{\"gid\":\"team\",\"join\":\"open\",\"members\":[\"bob\",\"carol\"]}");
}

/* -- mentions -- */

/* How often the user is meant in a conversation, after all it has. */
static uint64_t meant(
	struct engine_fixture *f, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t user)
{
	const struct store_backend *be = &f->rig.backend;
	struct store_reader *r;
	uint64_t conv, n;

	assert_int_equal(be->reader_open(f->rig.store, &r), IM_OK);
	assert_int_equal(be->find_conv(r, kind, a, b, &conv), IM_OK);
	assert_int_equal(be->mentions(r, conv, user, 0, &n), IM_OK);
	be->reader_close(r);
	return n;
}

/* Whoever is dropped is not meant, and neither is whom an earlier message meant. */
static void who_stays_is_counted_as_meant(void **state)
{
	struct engine_fixture *f = *state;

	make_team(f);
	say(f, "{\"body\":\"x\",\"mentions\":[\"\\u0062ob\",\"dave\",\"alice\"]}");
	say(f, "{\"body\":\"plain\"}");
	say(f, "plain");
	assert_int_equal(meant(f, IM_CONV_GROUP, 1, 0, 2), 1);
	assert_int_equal(meant(f, IM_CONV_GROUP, 1, 0, 3), 0);
	assert_int_equal(meant(f, IM_CONV_GROUP, 1, 0, 4), 0);
	say(f, "{\"body\":\"x\",\"mentions\":[\"dave\",\"nobody\"]}");
	say(f, "{\"body\":\"x\",\"mentions\":[\"dave\",\"all\"]}");
	assert_int_equal(meant(f, IM_CONV_GROUP, 1, 0, 2), 2);
	assert_int_equal(meant(f, IM_CONV_GROUP, 1, 0, 3), 1);
	assert_int_equal(meant(f, IM_CONV_GROUP, 1, 0, 1), 0);
	engine_message(f, "alice", "bob",
		"{\"id\":\"4\",\"body\":\"x\",\"mentions\":[\"bob\",\"alice\",\"carol\"]}");
	engine_message(f, "alice", "bob",
		"{\"id\":\"4\",\"body\":\"x\",\"mentions\":[\"bob\",\"alice\",\"carol\"]}");
	assert_int_equal(meant(f, IM_CONV_USER, 1, 2, 2), 1);
	assert_int_equal(meant(f, IM_CONV_USER, 1, 2, 1), 0);
}

static void mentions_of_others_are_dropped_and_said_so(void **state)
{
	struct engine_fixture *f = *state;

	make_team(f);
	say(f, "{\"id\":\"1\",\"body\":\"x\",\"mentions\":[\"bob\",\"dave\",\"nobody\",\"all\"],"
	       "\"reply_to\":1}");
	assert_told(f, "message alice/phone 2 text id=1 g/team: ");
	assert_true(engine_told_part(f, "\"reply_to\":1,\"mentions\":[\"bob\",\"all\"],"));
	assert_told(f,
		"inbox alice ack [{\"id\":\"1\",\"conv\":\"g/team\",\"seq\":2,\"ts\":1000000,"
		"\"dropped_mentions\":[\"dave\",\"nobody\"]}]");
	/* Nobody is left: nothing is said of mentions. */
	say(f, "{\"id\":\"2\",\"body\":\"x\",\"mentions\":[\"dave\"]}");
	assert_false(engine_told_part(f, "\"mentions\":"));
	assert_true(engine_told_part(f, "\"dropped_mentions\":[\"dave\"]"));
	/* Everybody stays: as it was written. */
	say(f, "{\"id\":\"3\",\"body\":\"x\",\"mentions\":[ \"\\u0062ob\" ]}");
	assert_true(engine_told_part(f, "\"mentions\":[ \"\\u0062ob\" ]"));
	assert_false(engine_told_part(f, "dropped"));
	/* Between two, these two. */
	engine_message(f, "alice", "bob",
		"{\"id\":\"4\",\"body\":\"x\",\"mentions\":[\"bob\",\"alice\",\"carol\"]}");
	assert_true(engine_told_part(f, "\"mentions\":[\"bob\",\"alice\"]"));
	assert_true(engine_told_part(f, "\"dropped_mentions\":[\"carol\"]"));
}

static void who_has_blocked_the_sender_is_not_singled_out(void **state)
{
	struct engine_fixture *f = *state;

	make_team(f);
	engine_rpc(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	say(f, "{\"id\":\"1\",\"body\":\"x\",\"mentions\":[\"bob\",\"carol\"]}");
	/* The message itself is the group's, and stays visible. */
	assert_told(f, "message alice/phone 2 text id=1 g/team: alice bob carol ");
	assert_true(engine_told_part(f, "\"mentions\":[\"carol\"]"));
	assert_true(engine_told_part(f, "\"dropped_mentions\":[\"bob\"]"));
}

/* -- words -- */

static void the_word_list_looks_into_all_that_is_sent(void **state)
{
	static const char *const bad[] = {"damn", "{\"body\":\"damn\"}", "{\"a\":\"d\\u0061mn\"}",
		"{\"\\u0064amn\":1}", "{\"body\":\"x\",\"ext\":{\"a\":[\"damn\"]}}",
		"{\"body\":\"x\",\"ext\":{\"d\\u0061mn\":1}}", "{\"body\":{\"damn\":1}}"};
	struct engine_fixture *f = *state;
	unsigned refused = 0;

	make_team(f);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		engine_message(f, "alice", i % 2 ? "bob" : "g/team", bad[i]);
		refused += engine_told_part(f, "\"code\":-32012");
		assert_int_equal(engine_count(f, "message"), 0);
	}
	assert_int_equal(refused, sizeof(bad) / sizeof(bad[0]));
	/* Signals too, which are shown as messages are. */
	engine_add(f, (struct im_up_rec){.type = IM_UP_SIGNAL_USER,
			      .user = IM_STR("alice"),
			      .device = IM_STR("phone"),
			      .target = IM_STR("bob"),
			      .payload = IM_STR("\"oh d\\u0061mn\"")});
	engine_send(f);
	assert_true(engine_told_part(f, "\"code\":-32012"));
	assert_not_told(f, "inbox0 bob signal");
	engine_rpc(f, "alice", "group.update", "{\"gid\":\"team\",\"name\":\"damn\"}");
	assert_true(engine_told_part(f, "params.name holds a word"));
	engine_message(f, "alice", "bob", "fine");
	assert_told(f, "message alice/phone 1 ");
}

static int set_up_words(void **state)
{
	static struct moderation words;
	struct engine_fixture *f = engine_prepare(&store_memory);

	words = (struct moderation){0};
	words_load(&words, "damn\n", MODERATION_REJECT);
	f->moderation = &words;
	engine_open(f);
	f->rig.set.rpc.moderation = &words;
	engine_set(f->rig.engine, &f->rig.set);
	engine_link(f);
	*state = f;
	return 0;
}

static int tear_down_words(void **state)
{
	struct moderation *words = ((struct engine_fixture *)*state)->moderation;
	int rc = engine_tear_down(state);

	moderation_clear(words);
	return rc;
}

/* -- cost -- */

/* How many of n messages of this user's to the team are refused for their cost. */
static unsigned refused(struct engine_fixture *f, const char *from, int n)
{
	unsigned count = 0;

	for (int i = 0; i < n; i++) {
		engine_message(f, from, "g/team", "x");
		count += engine_told_part(f, "\"code\":-32008");
	}
	return count;
}

static void a_group_message_costs_its_members(void **state)
{
	struct engine_fixture *f = *state;

	make_team(f);
	f->rig.set.rate_cost = 3; /* twelve at once, three a message */
	engine_set(f->rig.engine, &f->rig.set);
	for (int i = 0; i < 6; i++)
		engine_add_message(f, "bob", "g/team", "{\"id\":\"x\",\"body\":1}");
	engine_send(f);
	/* One, and five repeats that cost nothing. */
	assert_false(engine_told_part(f, "\"code\":-32008"));
	assert_int_equal(refused(f, "bob", 6), 3);
	/* A direct message is paid for at the plugin; others have their own; and time brings more.
	 */
	engine_message(f, "bob", "alice", "x");
	assert_told(f, "message bob/phone 1 ");
	assert_int_equal(refused(f, "carol", 4), 0);
	f->now.wall_ms += 1000;
	assert_int_equal(refused(f, "bob", 2), 1);
}

static void a_reading_request_is_paid_before_it_is_asked(void **state)
{
	struct engine_fixture *f = *state;

	f->rig.set.rate_cost = 55; /* two hundred and twenty at once */
	engine_set(f->rig.engine, &f->rig.set);
	for (int i = 0; i < 3; i++) {
		engine_rpc(f, "alice", "conv.list", "{\"limit\":20}");
		assert_int_equal(engine_told_part(f, "\"code\":-32008"), i == 2);
	}
	engine_rpc(f, "bob", "conv.list", "{\"limit\":20}");
	assert_false(engine_told_part(f, "\"code\":-32008"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(mentions_of_others_are_dropped_and_said_so),
		CASE(who_stays_is_counted_as_meant),
		CASE(who_has_blocked_the_sender_is_not_singled_out),
		cmocka_unit_test_setup_teardown(
			the_word_list_looks_into_all_that_is_sent, set_up_words, tear_down_words),
		CASE(a_group_message_costs_its_members),
		CASE(a_reading_request_is_paid_before_it_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
