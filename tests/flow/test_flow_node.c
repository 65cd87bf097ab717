/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole node, step by step: what a user sees of each feature, and of each kind of death. */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#include <stdio.h>

static const char *const users[] = {"root", "alice", "bob", "carol", NULL};

struct cast {
	struct flow *f;
	struct flow_device *alice, *bob, *bob2, *carol;
};

static int start(void **state, const struct store_backend *backend, bool newer)
{
	struct cast *c = calloc(1, sizeof(*c));

	c->f = flow_start(backend, users);
	if (newer) {
		flow_kill_broker(flow_broker(c->f));
		flow_broker(c->f)->newer = true;
		flow_start_broker(flow_broker(c->f));
	}
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->bob2 = flow_device(c->f, "bob", "bob-tablet");
	c->carol = flow_device(c->f, "carol", "carol-phone");
	*state = c;
	return flow_connect(c->alice) && flow_connect(c->bob) ? 0 : -1;
}

static int start_memory(void **state)
{
	return start(state, &store_memory, false);
}

static int start_sqlite(void **state)
{
	return start(state, &store_sqlite, true);
}

static void a_message_reaches_its_user_and_is_acked(void **state)
{
	struct cast *c = *state;

	assert_true(flow_send(c->alice, "u/bob", "m1", "hello"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "\"body\":\"hello\"");
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_has(c->alice, "u/bob", 1, "\"body\":\"hello\"");
	assert_true(flow_send(c->alice, "u/bob", NULL, "no id"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 2, "\"body\":\"no id\"");
	assert_has(c->alice, "u/bob", 2, "no id");
}

static void hello_and_sync_bring_what_was_missed(void **state)
{
	struct cast *c = *state;
	char body[32];

	flow_settle(c->f);
	assert_int_equal(c->bob->hellos, 1);
	flow_disconnect(c->bob, true);
	for (int i = 0; i < 50; i++) {
		snprintf(body, sizeof(body), "missed %d", i);
		assert_true(flow_send(c->alice, "u/bob", NULL, body));
	}
	flow_settle(c->f);
	assert_null(flow_has(c->bob, "u/alice", 1));
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	assert_int_equal(c->bob->hellos, 2);
	assert_has(c->bob, "u/alice", 50, "missed 49");
	assert_false(flow_waiting(c->bob));
}

static void all_devices_of_a_user_see_the_same(void **state)
{
	struct cast *c = *state;

	assert_true(flow_connect(c->bob2));
	flow_send(c->alice, "u/bob", "m1", "one");
	flow_send(c->bob, "u/alice", "m2", "two");
	flow_settle(c->f);
	for (uint64_t seq = 1; seq <= 2; seq++) {
		assert_string_equal(
			flow_has(c->bob, "u/alice", seq), flow_has(c->bob2, "u/alice", seq));
	}
	assert_has(c->bob2, "u/alice", 2, "\"from\":\"bob\"");
}

static void a_group_lives_from_creation_to_kick(void **state)
{
	struct cast *c = *state;

	assert_true(flow_connect(c->carol));
	assert_non_null(strstr(
		flow_rpc(c->alice, "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}"),
		"\"result\""));
	assert_true(flow_send(c->bob, "g/team", "m1", "hi team"));
	flow_settle(c->f);
	assert_has(c->alice, "g/team", 2, "hi team");
	flow_send(c->carol, "g/team", "no", "let me in");
	flow_settle(c->f);
	assert_null(flow_has(c->alice, "g/team", 3));
	assert_non_null(strstr(
		flow_rpc(c->alice, "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}"),
		"\"result\""));
	assert_true(flow_send(c->carol, "g/team", "m2", "now I am"));
	flow_settle(c->f);
	assert_has(c->bob, "g/team", 4, "now I am");
	assert_non_null(
		strstr(flow_rpc(c->alice, "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}"),
			"\"result\""));
	flow_send(c->alice, "g/team", "m3", "without bob");
	flow_settle(c->f);
	assert_has(c->carol, "g/team", 6, "without bob");
	assert_null(flow_has(c->bob, "g/team", 6));
	assert_non_null(
		strstr(flow_rpc(c->bob, "conv.history", "{\"conv\":\"g/team\"}"), "-32002"));
}

static void a_room_is_fanned_out_by_the_broker(void **state)
{
	struct cast *c = *state;

	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"hall\",\"kind\":\"room\","
				       "\"members\":[\"bob\"]}"),
		"\"result\""));
	assert_true(fake_subscribe(c->bob->c, "im/room/hall"));
	assert_true(flow_send(c->alice, "g/hall", "m1", "hear, hear"));
	flow_settle(c->f);
	assert_int_equal(c->bob->room, 1);
	assert_true(flow_connect(c->carol));
	assert_false(fake_subscribe(c->carol->c, "im/room/hall"));
}

/* Without being asked a room is in nobody's way; followed it is like any group. */
static void a_room_is_news_for_who_follows_it(void **state)
{
	struct cast *c = *state;

	assert_non_null(strstr(flow_rpc(c->alice, "group.create",
				       "{\"gid\":\"hall\",\"kind\":\"room\","
				       "\"members\":[\"bob\"]}"),
		"\"result\""));
	flow_rpc(c->bob, "sync", "{}");
	flow_rpc(c->bob, "device.ack", "{\"cursor\":\"2\"}");
	flow_disconnect(c->bob, true);
	assert_true(flow_send(c->alice, "g/hall", "m1", "hear, hear"));
	flow_settle(c->f);
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	assert_non_null(strstr(c->bob->last_event, "\"behind\":false"));
	assert_null(flow_has(c->bob, "g/hall", 2));
	assert_non_null(
		strstr(flow_rpc(c->bob, "conv.update", "{\"conv\":\"g/hall\",\"follow\":true}"),
			"\"follow\":true"));
	assert_non_null(strstr(c->bob->last_event, "\"follow\":true"));
	flow_rpc(c->bob, "device.ack", "{\"cursor\":\"4\"}");
	flow_disconnect(c->bob, true);
	assert_true(flow_send(c->alice, "g/hall", "m2", "and more"));
	flow_settle(c->f);
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	/* It listens to its inbox alone. */
	assert_int_equal(c->bob->room, 0);
	assert_has(c->bob, "g/hall", 3, "and more");
}

static void signals_pass_and_are_not_stored(void **state)
{
	struct cast *c = *state;

	assert_int_equal(flow_publish(c->alice, "im/s/u/bob", "{\"typing\":true}"), FAKE_ACCEPTED);
	flow_settle(c->f);
	assert_int_equal(c->bob->signals, 1);
	assert_null(flow_has(c->bob, "u/alice", 1));
}

static void blocks_hold_at_once(void **state)
{
	struct cast *c = *state;

	assert_non_null(strstr(flow_rpc(c->bob, "block.add", "{\"uid\":\"alice\"}"), "\"result\""));
	flow_send(c->alice, "u/bob", "m1", "blocked");
	flow_settle(c->f);
	assert_null(flow_has(c->bob, "u/alice", 1));
	assert_false(flow_sent(c->alice, "m1")->acked);
	assert_non_null(
		strstr(flow_rpc(c->bob, "block.remove", "{\"uid\":\"alice\"}"), "\"result\""));
	assert_true(flow_send(c->alice, "u/bob", "m2", "friends"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "friends");
}

static bool shows_carol(const char *word)
{
	const struct fake_message *m = fake_retained("im/presence/carol");

	return m && memmem(m->payload.p, m->payload.n, word, strlen(word));
}

/* The frame that told it is lost, and then the link. */
static void presence_that_was_under_way_is_told_again(void **state)
{
	struct cast *c = *state;
	struct flow_broker *b = flow_broker(c->f);

	for (int i = 0; i < 4; i++) {
		const char *is = i % 2 ? "\"offline\"" : "\"online\"";

		b->lose_down = 1000;
		if (i % 2)
			flow_disconnect(c->carol, i == 1);
		else
			assert_true(flow_connect(c->carol));
		flow_settle(c->f);
		assert_false(shows_carol(is));
		b->lose_down = 0;
		flow_break_link(b);
		flow_pass(c->f, 1000);
		assert_true(shows_carol(is));
	}
}

static void presence_is_retained(void **state)
{
	struct cast *c = *state;
	const struct fake_message *m;

	flow_settle(c->f);
	m = fake_retained("im/presence/bob");
	assert_non_null(m);
	assert_non_null(memmem(m->payload.p, m->payload.n, "\"online\"", 8));
	flow_disconnect(c->bob, true);
	flow_settle(c->f);
	m = fake_retained("im/presence/bob");
	assert_non_null(memmem(m->payload.p, m->payload.n, "\"offline\"", 9));
}

static void what_was_accepted_while_the_bridge_was_dead_is_delivered(void **state)
{
	struct cast *c = *state;

	flow_settle(c->f);
	flow_kill_bridge(flow_node(c->f));
	assert_true(flow_send(c->alice, "u/bob", "m1", "patience"));
	assert_true(flow_send(c->alice, "u/bob", NULL, "more patience"));
	flow_pass(c->f, 1000);
	assert_null(flow_has(c->bob, "u/alice", 1));
	flow_start_bridge(flow_node(c->f));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "\"patience\"");
	assert_has(c->bob, "u/alice", 2, "more patience");
	assert_true(flow_sent(c->alice, "m1")->acked);
}

static void what_was_accepted_survives_the_brokers_death(void **state)
{
	struct cast *c = *state;

	flow_settle(c->f);
	assert_true(flow_send(c->alice, "u/bob", "m1", "just in time"));
	flow_kill_broker(flow_broker(c->f));
	flow_pass(c->f, 1000);
	flow_start_broker(flow_broker(c->f));
	flow_settle(c->f);
	assert_true(flow_connect(c->alice));
	assert_true(flow_connect(c->bob));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 1, "just in time");
	flow_resend(c->alice);
	flow_settle(c->f);
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_int_equal(flow_sent(c->alice, "m1")->seq, 1);
	assert_true(flow_send(c->alice, "u/bob", "m2", "next"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 2, "next");
}

static void a_full_spool_refuses_and_loses_nothing(void **state)
{
	struct cast *c = *state;
	unsigned accepted = 0;
	char body[64];

	c->alice->v5 = true;
	flow_disconnect(c->alice, false);
	assert_true(flow_connect(c->alice));
	flow_settle(c->f);
	flow_kill_bridge(flow_node(c->f));
	for (int i = 0; i < 20000; i++) {
		snprintf(body, sizeof(body), "%050d", i);
		if (!flow_send(c->alice, "u/bob", NULL, body))
			break;
		accepted++;
	}
	assert_in_range(accepted, 1000, 19999);
	/* Older brokers have no reason code but "not authorized" for it; what counts is that the
	 * refusal says `busy`, which means: send it again. */
	for (struct flow_sent *m = c->alice->sent; m; m = m->next)
		m->refused = false;
	flow_start_bridge(flow_node(c->f));
	flow_settle(c->f);
	flow_resend(c->alice);
	flow_pass(c->f, 5000);
	assert_non_null(flow_has(c->bob, "u/alice", accepted + 1));
	assert_null(flow_has(c->bob, "u/alice", accepted + 2));
}

static void a_failing_disk_delays_and_loses_nothing(void **state)
{
	struct cast *c = *state;

	flow_settle(c->f);
	c->f->nodes[0].broken = true;
	assert_true(flow_send(c->alice, "u/bob", "m1", "1"));
	assert_true(flow_send(c->alice, "u/bob", "m2", "2"));
	flow_pass(c->f, 2000);
	assert_true(flow_send(c->alice, "u/bob", "m3", "3"));
	flow_pass(c->f, 20000);
	assert_null(flow_has(c->bob, "u/alice", 1));
	assert_false(flow_sent(c->alice, "m1")->acked);
	c->f->nodes[0].broken = false;
	flow_pass(c->f, 6000);
	flow_pass(c->f, 6000);
	assert_has(c->bob, "u/alice", 3, "\"3\"");
	assert_true(flow_sent(c->alice, "m3")->acked);
}

/* The log is committed before the directory; what failed in between comes after. */
static void who_was_kicked_while_the_directory_failed_hears_of_it(void **state)
{
	struct cast *c = *state;

	c->carol->app = true;
	assert_true(flow_connect(c->carol));
	flow_rpc(c->alice, "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	assert_has(c->carol, "g/team", 1, "create");
	c->f->nodes[0].fail_directory = 1000;
	flow_rpc(c->alice, "group.kick", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	flow_rpc(c->alice, "group.leave", "{\"gid\":\"team\"}");
	assert_true(c->f->nodes[0].halved);
	assert_non_null(flow_has(c->carol, "g/team", 1));
	c->f->nodes[0].fail_directory = 0;
	flow_pass(c->f, 6000);
	flow_pass(c->f, 6000);
	assert_null(flow_has(c->carol, "g/team", 1));
	assert_non_null(
		strstr(flow_rpc(c->carol, "sync", "{\"cursor\":\"\"}"), "\"action\":\"kick\""));
}

/* Nobody has told the plugin what to forget. */
static void who_was_invited_while_the_directory_failed_may_write(void **state)
{
	struct cast *c = *state;

	c->carol->app = true;
	assert_true(flow_connect(c->carol));
	flow_rpc(c->alice, "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_false(flow_send(c->carol, "g/team", NULL, "too early"));
	c->f->nodes[0].fail_directory = 1000;
	flow_rpc(c->alice, "group.invite", "{\"gid\":\"team\",\"members\":[\"carol\"]}");
	c->f->nodes[0].fail_directory = 0;
	flow_pass(c->f, 6000);
	flow_pass(c->f, 6000);
	assert_has(c->carol, "g/team", 2, "invite");
	assert_true(flow_send(c->carol, "g/team", NULL, "in time"));
	flow_settle(c->f);
	assert_has(c->bob, "g/team", 3, "in time");
}

static void a_clock_set_back_stops_nothing(void **state)
{
	struct cast *c = *state;

	assert_true(flow_send(c->alice, "u/bob", "m1", "now"));
	flow_settle(c->f);
	c->f->wall_ms -= 3600 * 1000;
	assert_true(flow_send(c->alice, "u/bob", "m2", "an hour ago"));
	flow_settle(c->f);
	assert_has(c->bob, "u/alice", 2, "an hour ago");
	assert_true(flow_send(c->alice, "u/bob", "m1", "now"));
	flow_settle(c->f);
	assert_null(flow_has(c->bob, "u/alice", 3));
}

static void an_administrator_commands_and_is_answered(void **state)
{
	struct cast *c = *state;
	struct flow_device *root = flow_device(c->f, "root", "ctl");

	assert_true(flow_connect(root));
	assert_true(fake_subscribe(root->c, "$CONTROL/im/v1/response"));
	assert_int_equal(flow_publish(root, "$CONTROL/im/v1",
				 "{\"commands\":[{\"command\":\"createUser\","
				 "\"username\":\"dave\",\"password\":\"pw\"}]}"),
		FAKE_ACCEPTED);
	flow_settle(c->f);
	assert_non_null(root->control);
	assert_non_null(strstr(root->control, "\"command\":\"createUser\""));
	assert_null(strstr(root->control, "error"));
	assert_true(flow_connect(flow_device(c->f, "dave", "dave-phone")));
	assert_int_equal(flow_publish(c->alice, "$CONTROL/im/v1", "{}"), FAKE_DENIED);
}

/* He went, the bridge said so to nobody and died, and the next one finds him offline everywhere but
 * at the broker. */
static void presence_that_a_dead_bridge_has_told_is_told_again(void **state)
{
	struct cast *c = *state;
	struct flow_broker *b = flow_broker(c->f);

	assert_true(flow_connect(c->carol));
	flow_settle(c->f);
	assert_true(shows_carol("\"online\""));
	b->lose_down = 1000;
	flow_disconnect(c->carol, true);
	flow_settle(c->f);
	b->lose_down = 0;
	assert_true(shows_carol("\"online\""));
	flow_kill_bridge(flow_node(c->f));
	flow_start_bridge(flow_node(c->f));
	flow_pass(c->f, 6000);
	assert_true(shows_carol("\"offline\""));
}

#define T(name)                                                        \
	cmocka_unit_test_setup_teardown(name, start_memory, flow_end), \
		cmocka_unit_test_setup_teardown(name, start_sqlite, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_message_reaches_its_user_and_is_acked),
		T(hello_and_sync_bring_what_was_missed),
		T(all_devices_of_a_user_see_the_same),
		T(a_group_lives_from_creation_to_kick),
		T(a_room_is_fanned_out_by_the_broker),
		T(a_room_is_news_for_who_follows_it),
		T(signals_pass_and_are_not_stored),
		T(blocks_hold_at_once),
		T(presence_is_retained),
		T(presence_that_was_under_way_is_told_again),
		T(presence_that_a_dead_bridge_has_told_is_told_again),
		T(what_was_accepted_while_the_bridge_was_dead_is_delivered),
		T(what_was_accepted_survives_the_brokers_death),
		T(a_full_spool_refuses_and_loses_nothing),
		T(a_failing_disk_delays_and_loses_nothing),
		T(who_was_kicked_while_the_directory_failed_hears_of_it),
		T(who_was_invited_while_the_directory_failed_may_write),
		T(a_clock_set_back_stops_nothing),
		T(an_administrator_commands_and_is_answered),
	};

	return cmocka_run_group_tests_name("flow node", tests, NULL, NULL);
}
