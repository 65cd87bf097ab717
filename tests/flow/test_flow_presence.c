/* SPDX-License-Identifier: BSD-3-Clause */
/* What brokers retain of presence, and who counts as being there, while brokers and the bridge die,
 * stop for a while, and come back with what they had on their disks. */
#include "tests/flow/flow_pair.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"

/* For which a broker may be gone before its users are. */
#define PATIENCE_MS 30000
/* More than one piece, and more than one frame. */
#define CROWD 1000

static bool answers(struct flow_device *d, const char *user, const char *state)
{
	char params[64], word[32];

	snprintf(params, sizeof(params), "{\"uids\":[\"%s\"]}", user);
	snprintf(word, sizeof(word), "\"state\":\"%s\"", state);
	return strstr(flow_rpc(d, "presence.get", params), word);
}

static unsigned users_online(const struct flow_pair *c)
{
	struct health_gauges g;

	engine_gauges(c->n->rig.engine, &g);
	return (unsigned)g.users_online;
}

static void seconds(struct flow_pair *c, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		flow_pass(c->f, 1000);
}

/* As the broker has it in its file. */
static void remembers(const struct flow_broker *b, const char *user, const char *state)
{
	char payload[96];

	snprintf(payload, sizeof(payload), "{\"uid\":\"%s\",\"state\":\"%s\",\"ts\":1}", user,
		state);
	flow_enter(b);
	fake_retain(flow_pair_topic(user), im_str(payload));
}

static void restart_bridge(struct flow_pair *c)
{
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	seconds(c, 2);
}

/* -- a broker that is gone -- */

static void who_was_at_a_broker_that_died_is_gone_after_a_while(void **state)
{
	struct flow_pair *c = *state;

	seconds(c, 6);
	assert_true(peer_stats(c->two->peer).n);
	flow_kill_broker(c->two);
	seconds(c, PATIENCE_MS / 1000 - 1);
	assert_true(flow_pair_shows(c->one, "bob", "online") && answers(c->alice, "bob", "online"));
	assert_int_equal(users_online(c), 3);
	seconds(c, 3);
	assert_true(
		flow_pair_shows(c->one, "bob", "offline") && answers(c->alice, "bob", "offline"));
	assert_true(
		flow_pair_shows(c->one, "alice", "online") && answers(c->alice, "carol", "online"));
	assert_int_equal(users_online(c), 2);
	assert_false(peer_stats(c->two->peer).n);
	/* So it is after a restart, and he is there again when he is. */
	restart_bridge(c);
	seconds(c, PATIENCE_MS / 1000);
	assert_true(flow_pair_shows(c->one, "bob", "offline"));
	flow_start_broker(c->two);
	assert_true(flow_connect(c->bob));
	seconds(c, 2);
	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->two, "bob", "online"));
	assert_int_equal(users_online(c), 3);
}

static void one_that_is_back_in_time_takes_nobody(void **state)
{
	struct flow_pair *c = *state;
	char before[128];

	snprintf(before, sizeof(before), "%.*s", IM_ARGS(flow_pair_retained(c->one, "bob")));
	for (int i = 0; i < 3; i++) {
		flow_cut_link(c->two);
		seconds(c, PATIENCE_MS / 1000 - 2);
		assert_true(flow_pair_shows(c->one, "bob", "online"));
		flow_mend_link(c->two);
		seconds(c, 2);
	}
	/* Nobody was told anything: what is retained says when it was. */
	assert_true(im_str_eqz(flow_pair_retained(c->one, "bob"), before));
	assert_true(im_str_eqz(flow_pair_retained(c->two, "bob"), before));
}

static void one_that_goes_on_has_its_users_again(void **state)
{
	struct flow_pair *c = *state;

	flow_cut_link(c->two);
	seconds(c, PATIENCE_MS / 1000 + 3);
	assert_true(flow_pair_shows(c->one, "bob", "offline"));
	assert_true(flow_send(c->alice, "u/bob", NULL, "are you there"));
	seconds(c, 1);
	flow_mend_link(c->two);
	seconds(c, 2);
	assert_true(flow_pair_shows(c->one, "bob", "online") &&
		    flow_pair_shows(c->two, "bob", "online"));
	assert_has(c->bob, "u/alice", 1, "are you there");
	assert_int_equal(users_online(c), 3);
}

/* The answer that it gives cannot be taken in: it is there, and is asked again. */
static void one_that_could_not_be_heard_has_its_time_anew(void **state)
{
	struct flow_pair *c = *state;

	flow_cut_link(c->two);
	seconds(c, PATIENCE_MS / 1000 - 2);
	c->n->broken = true;
	assert_true(flow_send(c->alice, "u/carol", NULL, "waits"));
	flow_settle(c->f);
	flow_mend_link(c->two);
	seconds(c, 10);
	c->n->broken = false;
	c->two->lose_up = 1000; /* and what it says then is lost */
	seconds(c, PATIENCE_MS / 1000 - 10);
	c->two->lose_up = 0;
	assert_true(flow_pair_shows(c->one, "bob", "online"));
	seconds(c, 8);
	assert_has(c->carol, "u/alice", 1, "waits");
	assert_true(flow_pair_shows(c->one, "bob", "online"));
	assert_int_equal(users_online(c), 3);
}

/* -- what a broker has read from its file -- */

static void who_went_while_a_broker_was_stopped_is_offline_there(void **state)
{
	struct flow_pair *c = *state;

	flow_kill_broker(c->two);
	flow_disconnect(c->carol, true);
	seconds(c, 1);
	restart_bridge(c);
	flow_start_broker(c->two);
	remembers(c->two, "carol", "online");
	seconds(c, 2);
	assert_true(flow_pair_shows(c->two, "carol", "offline"));
	assert_true(im_str_eq(
		flow_pair_retained(c->two, "carol"), flow_pair_retained(c->one, "carol")));
	assert_true(flow_pair_shows(c->two, "alice", "online") &&
		    flow_pair_shows(c->one, "alice", "online"));
}

/* It had been told, and has died before it has written it down. */
static void what_a_killed_broker_had_not_written_it_is_told_again(void **state)
{
	struct flow_pair *c = *state;

	flow_disconnect(c->carol, true);
	flow_disconnect(c->bob, true);
	seconds(c, 5);
	flow_kill_broker(c->one);
	flow_start_broker(c->one);
	remembers(c->one, "carol", "online");
	remembers(c->one, "bob", "away");
	seconds(c, 3);
	assert_true(flow_pair_shows(c->one, "carol", "offline") &&
		    flow_pair_shows(c->one, "bob", "offline"));
	/* All three, and the bridge last. */
	flow_kill_broker(c->one);
	flow_kill_broker(c->two);
	flow_kill_bridge(c->n);
	flow_start_broker(c->one);
	flow_start_broker(c->two);
	remembers(c->one, "carol", "online");
	remembers(c->two, "carol", "online");
	remembers(c->two, "alice", "online");
	flow_start_bridge(c->n);
	seconds(c, 3);
	assert_true(flow_pair_shows(c->one, "carol", "offline") &&
		    flow_pair_shows(c->two, "carol", "offline"));
	assert_true(flow_pair_shows(c->two, "alice", "offline"));
}

static void of_the_deleted_nothing_is_left(void **state)
{
	struct flow_pair *c = *state;

	flow_kill_broker(c->two);
	assert_true(flow_connect(c->root));
	flow_command(c->root, "{\"command\":\"deleteUser\",\"username\":\"carol\"}");
	seconds(c, 1);
	restart_bridge(c);
	flow_start_broker(c->two);
	remembers(c->two, "carol", "online");
	seconds(c, 2);
	assert_int_equal(flow_pair_retained(c->two, "carol").n, 0);
}

static void switched_off_nobody_is_left(void **state)
{
	struct flow_pair *c = *state;

	flow_kill_broker(c->two);
	flow_disconnect(c->carol, true);
	seconds(c, 1);
	c->n->rig.set.sessions.presence = false;
	restart_bridge(c);
	flow_start_broker(c->two);
	remembers(c->two, "carol", "online");
	remembers(c->two, "alice", "online");
	seconds(c, 2);
	assert_int_equal(flow_pair_retained(c->two, "carol").n, 0);
	assert_int_equal(flow_pair_retained(c->two, "alice").n, 0);
}

static void a_crowd_is_told_in_pieces(void **state)
{
	struct directory *dir;
	struct flow_pair *c = *state;
	uint64_t id;
	char uid[16];

	seconds(c, 2);
	flow_kill_broker(c->two);
	dir = c->n->rig.dir;
	for (int i = 0; i < CROWD; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_int_equal(directory_user_create(dir, im_str(uid), IM_ROLE_USER,
					 (struct im_str){0}, 1, &id),
			IM_OK);
		/* One in ten has never been there. */
		if (i % 10)
			assert_int_equal(directory_user_set_online(dir, id, 0, 1000 + i), IM_OK);
	}
	flow_start_broker(c->two);
	for (int i = 0; i < CROWD; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		remembers(c->two, uid, "online");
	}
	seconds(c, CROWD / 100);
	for (int i = 0; i < CROWD; i++) {
		snprintf(uid, sizeof(uid), "u%d", i);
		assert_true(flow_pair_shows(c->two, uid, i % 10 ? "offline" : "online"));
	}
	assert_true(flow_pair_shows(c->two, "alice", "online"));
	/* One broker is told, not all. */
	assert_int_equal(flow_pair_retained(c->one, "u1").n, 0);
}

/* Who watches hears what is different. */
static void what_is_the_same_is_told_to_no_subscriber(void **state)
{
	const struct fake_spec s = {.id = "w", .user = "root", .password = "pw"};
	struct flow_pair *c = *state;
	const struct fake_message *m;
	struct mosquitto *w;

	flow_disconnect(c->carol, true);
	seconds(c, 2);
	flow_enter(c->one);
	w = fake_connect(&s);
	assert_non_null(w);
	flow_settle(c->f);
	flow_enter(c->one);
	assert_true(fake_subscribe(w, "im/presence/carol") && fake_subscribe(w, "im/presence/bob"));
	flow_settle(c->f);
	flow_enter(c->one);
	while (fake_received(w))
		;
	for (int i = 0; i < 2; i++) {
		flow_break_link(c->one);
		seconds(c, 2);
		/* Who is at the other one comes back before anybody is told. */
		flow_kill_broker(c->two);
		flow_start_broker(c->two);
		assert_true(flow_connect(c->bob));
		seconds(c, 3);
	}
	flow_enter(c->one);
	assert_null(fake_received(w));
	/* A bridge that has just begun says anew who is there. */
	restart_bridge(c);
	flow_enter(c->one);
	while ((m = fake_received(w)))
		assert_string_equal(m->topic, "im/presence/bob");
	assert_true(flow_connect(c->carol));
	flow_settle(c->f);
	flow_enter(c->one);
	assert_non_null(fake_received(w));
}

#define T(name) FLOW_TEST(name, flow_pair_start, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_was_at_a_broker_that_died_is_gone_after_a_while),
		T(one_that_is_back_in_time_takes_nobody),
		T(one_that_goes_on_has_its_users_again),
		T(one_that_could_not_be_heard_has_its_time_anew),
		T(who_went_while_a_broker_was_stopped_is_offline_there),
		T(what_a_killed_broker_had_not_written_it_is_told_again),
		T(of_the_deleted_nothing_is_left),
		T(switched_off_nobody_is_left),
		T(a_crowd_is_told_in_pieces),
		T(what_is_the_same_is_told_to_no_subscriber),
	};

	return cmocka_run_group_tests_name("flow presence", tests, NULL, NULL);
}
