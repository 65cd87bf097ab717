/* SPDX-License-Identifier: BSD-3-Clause */
/* Who counts as being there while brokers and the bridge die, stop for a while, and come back. */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#include <stdio.h>

/* For which a broker may be gone before its users are. */
#define PATIENCE_MS 30000

static const char *const users[] = {"root", "alice", "bob", "carol", NULL};

/* alice and carol are at the first broker, bob is at the second. */
struct cast {
	struct flow *f;
	struct flow_node *n;
	struct flow_broker *one, *two;
	struct flow_device *root, *alice, *bob, *carol;
};

static int start(void **state)
{
	struct cast *c = calloc(1, sizeof(*c));

	c->f = flow_start(*state, users);
	c->n = flow_node(c->f);
	c->one = flow_broker(c->f);
	flow_kill_bridge(c->n);
	c->two = flow_add_broker(c->n);
	c->two->newer = true;
	flow_start_bridge(c->n);
	flow_settle(c->f);
	c->root = flow_device(c->f, "root", "root-desk");
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->carol = flow_device(c->f, "carol", "carol-phone");
	c->bob->at = c->two;
	*state = c;
	if (!flow_connect(c->alice) || !flow_connect(c->bob) || !flow_connect(c->carol))
		return -1;
	flow_settle(c->f);
	return 0;
}

static const char *topic_of(const char *user)
{
	static char topic[64];

	snprintf(topic, sizeof(topic), "im/presence/%s", user);
	return topic;
}

static struct im_str retained(const struct flow_broker *b, const char *user)
{
	const struct fake_message *m;

	flow_enter(b);
	m = fake_retained(topic_of(user));
	return m ? m->payload : (struct im_str){0};
}

static bool shows(const struct flow_broker *b, const char *user, const char *state)
{
	struct im_str is = retained(b, user);
	char word[32];

	snprintf(word, sizeof(word), "\"state\":\"%s\"", state);
	return is.n && memmem(is.p, is.n, word, strlen(word));
}

static bool answers(struct flow_device *d, const char *user, const char *state)
{
	char params[64], word[32];

	snprintf(params, sizeof(params), "{\"uids\":[\"%s\"]}", user);
	snprintf(word, sizeof(word), "\"state\":\"%s\"", state);
	return strstr(flow_rpc(d, "presence.get", params), word);
}

static unsigned users_online(const struct cast *c)
{
	struct health_gauges g;

	engine_gauges(c->n->rig.engine, &g);
	return (unsigned)g.users_online;
}

static void seconds(struct cast *c, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		flow_pass(c->f, 1000);
}

static void restart_bridge(struct cast *c)
{
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
	seconds(c, 2);
}

/* -- a broker that is gone -- */

static void who_was_at_a_broker_that_died_is_gone_after_a_while(void **state)
{
	struct cast *c = *state;

	seconds(c, 6);
	assert_true(peer_stats(c->two->peer).n);
	flow_kill_broker(c->two);
	seconds(c, PATIENCE_MS / 1000 - 1);
	assert_true(shows(c->one, "bob", "online") && answers(c->alice, "bob", "online"));
	assert_int_equal(users_online(c), 3);
	seconds(c, 3);
	assert_true(shows(c->one, "bob", "offline") && answers(c->alice, "bob", "offline"));
	assert_true(shows(c->one, "alice", "online") && answers(c->alice, "carol", "online"));
	assert_int_equal(users_online(c), 2);
	assert_false(peer_stats(c->two->peer).n);
	/* So it is after a restart, and he is there again when he is. */
	restart_bridge(c);
	seconds(c, PATIENCE_MS / 1000);
	assert_true(shows(c->one, "bob", "offline"));
	flow_start_broker(c->two);
	assert_true(flow_connect(c->bob));
	seconds(c, 2);
	assert_true(shows(c->one, "bob", "online") && shows(c->two, "bob", "online"));
	assert_int_equal(users_online(c), 3);
}

static void one_that_is_back_in_time_takes_nobody(void **state)
{
	struct cast *c = *state;
	char before[128];

	snprintf(before, sizeof(before), "%.*s", IM_ARGS(retained(c->one, "bob")));
	for (int i = 0; i < 3; i++) {
		flow_cut_link(c->two);
		seconds(c, PATIENCE_MS / 1000 - 2);
		assert_true(shows(c->one, "bob", "online"));
		flow_mend_link(c->two);
		seconds(c, 2);
	}
	/* Nobody was told anything: what is retained says when it was. */
	assert_true(im_str_eqz(retained(c->one, "bob"), before));
	assert_true(im_str_eqz(retained(c->two, "bob"), before));
}

static void one_that_goes_on_has_its_users_again(void **state)
{
	struct cast *c = *state;

	flow_cut_link(c->two);
	seconds(c, PATIENCE_MS / 1000 + 3);
	assert_true(shows(c->one, "bob", "offline"));
	assert_true(flow_send(c->alice, "u/bob", NULL, "are you there"));
	seconds(c, 1);
	flow_mend_link(c->two);
	seconds(c, 2);
	assert_true(shows(c->one, "bob", "online") && shows(c->two, "bob", "online"));
	assert_has(c->bob, "u/alice", 1, "are you there");
	assert_int_equal(users_online(c), 3);
}

/* The answer that it gives cannot be taken in: it is there, and is asked again. */
static void one_that_could_not_be_heard_has_its_time_anew(void **state)
{
	struct cast *c = *state;

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
	assert_true(shows(c->one, "bob", "online"));
	seconds(c, 8);
	assert_has(c->carol, "u/alice", 1, "waits");
	assert_true(shows(c->one, "bob", "online"));
	assert_int_equal(users_online(c), 3);
}

#define T(name) FLOW_TEST(name, start, flow_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_was_at_a_broker_that_died_is_gone_after_a_while),
		T(one_that_is_back_in_time_takes_nobody),
		T(one_that_goes_on_has_its_users_again),
		T(one_that_could_not_be_heard_has_its_time_anew),
	};

	return cmocka_run_group_tests_name("flow presence", tests, NULL, NULL);
}
