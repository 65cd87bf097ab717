/* SPDX-License-Identifier: BSD-3-Clause */
/* A session of which not all may be handed to its client, in both broker generations: the
 * connection ends once, and no other one does. */
#include <stdio.h>

#include "common/topic.h"
#include "tests/lib/fake_internal.h"
#include "tests/unit/plugin_node.h"

#define INBOX "im/inbox/alice/#"

static const char *const options[] = {"allow_topic", "plant/#", "kept_sessions", "9", NULL};
static const struct fake_spec phone = {
	.id = "phone", .user = "alice", .password = "pw", .persistent = true};
static const struct fake_spec display = {
	.id = "display", .user = "alice", .persistent = true, .identity = true};

static void each(void (*test)(struct node *n))
{
	node_each(test, options);
}

/* What waits for a client id, whoever has put it there. */
static void wait_for(const char *id, const char *topic, int qos)
{
	fake_route_to(id, &(struct fake_message){
				  .topic = (char *)topic, .payload = IM_STR("waits"), .qos = qos});
}

static struct mosquitto *come(const struct fake_spec *s)
{
	struct mosquitto *c = fake_connect(s);

	assert_non_null(c);
	return c;
}

static void leave(struct node *n, const struct fake_spec *s)
{
	struct mosquitto *c = come(s);

	node_settle(n);
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	fake_disconnect(c, true);
	node_settle(n);
	node_forget_records(n);
}

/* Untold, and as if it had never been there; the next one stays. */
static void ends_once(struct node *n, const struct fake_spec *s)
{
	struct mosquitto *c = come(s);

	fake_turn();
	assert_false(fake_connected(c));
	assert_string_equal(node_heard(c), "");
	node_settle(n);
	assert_string_equal(node_life(n, s->id), "");
	c = come(s);
	assert_true(fake_subscribe(c, INBOX));
	node_settle(n);
	node_end(n);
	assert_true(fake_connected(c));
	assert_string_equal(node_life(n, s->id), "OS");
	node_event(n, "live");
	assert_string_equal(node_heard(c), "live");
	fake_disconnect(c, true);
	node_settle(n);
	node_forget_records(n);
}

static void one_is_denied(struct node *n)
{
	leave(n, &phone);
	for (int i = 0; i < FAKE_PLACES; i++) {
		wait_for("phone", i ? "im/room/secret" : "closed/x", i ? 1 : 2);
		ends_once(n, &phone);
	}
}

/* What takes no place, and what is all for it. */
static void none_is(struct node *n)
{
	struct mosquitto *c;

	leave(n, &phone);
	wait_for("phone", "closed/x", 0);
	wait_for("phone", "plant/x", 2);
	node_event(n, "mine");
	c = come(&phone);
	node_settle(n);
	assert_true(fake_connected(c));
	assert_string_equal(node_heard(c), "waits mine");
	assert_string_equal(node_life(n, "phone"), "OS");
}

/* No end is told while the device goes on with another connection. */
static void a_takeover(struct node *n)
{
	struct mosquitto *c, *next;

	leave(n, &phone);
	c = come(&phone);
	node_settle(n);
	wait_for("phone", "closed/x", 1);
	next = come(&phone);
	fake_turn();
	assert_false(fake_connected(c));
	assert_false(fake_connected(next));
	node_settle(n);
	assert_string_equal(node_life(n, "phone"), "OSC");
}

static void gone_before_that(struct node *n)
{
	struct mosquitto *c;

	leave(n, &phone);
	wait_for("phone", "closed/x", 1);
	fake_disconnect(come(&phone), true);
	c = come(&phone);
	node_settle(n);
	assert_true(fake_connected(c));
}

/* A login that fails ends with the client id that it has claimed. */
static void somebody_who_claims_it(struct node *n)
{
	static const struct fake_spec wrong = {
		.id = "phone", .user = "alice", .password = "wrong", .persistent = true};
	/* What the client may not hear, and is subscribed to. */
	const struct fake_message live = {
		.topic = (char *)"closed/x", .payload = IM_STR("x"), .qos = 1};
	struct mosquitto *c;

	leave(n, &phone);
	c = come(&phone);
	c->filters[c->n_filters++] = strdup("closed/#");
	node_settle(n);
	assert_null(fake_connect(&wrong));
	assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
	fake_route(&live);
	fake_turn();
	assert_true(fake_connected(c));
	fake_disconnect(c, true);
	node_settle(n);
	assert_null(fake_connect(&wrong));
	fake_route(&live);
	fake_turn();
}

/* It was captured when it began; of what may not be written the broker counts the places as well.
 */
static void what_has_begun(struct node *n)
{
	struct mosquitto *c;

	leave(n, &phone);
	c = come(&phone);
	node_settle(n);
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("x"), 2, false, NULL), FAKE_ACCEPTED);
	fake_disconnect(c, true);
	c = come(&phone);
	node_settle(n);
	assert_true(fake_connected(c));
	assert_int_equal(c->lost_begun, 0);
	assert_int_equal(node_count(n, IM_UP_MSG_USER), 1);
	/* It is no topic to write to at any other time. */
	assert_int_equal(fake_publish(c, IM_TOPIC_SINK, IM_STR("x"), 2, false, NULL), FAKE_DENIED);
	assert_int_equal(fake_publish(c, "plant/x", IM_STR("x"), 2, false, NULL), FAKE_ACCEPTED);
	fake_disconnect(c, true);
	free(c->begun);
	c->begun = strdup("closed/x");
	c = come(&phone);
	assert_int_equal(c->lost_begun, 1);
	node_settle(n);
	assert_false(fake_connected(c));
}

static void what_is_denied_ends_it_once(void **state)
{
	(void)state;
	each(one_is_denied);
	each(none_is);
	each(a_takeover);
	each(gone_before_that);
	each(somebody_who_claims_it);
	each(what_has_begun);
}

/* ---- whom TLS has let in ---- */

static void one_with_a_certificate(struct node *n)
{
	leave(n, &display);
	for (int i = 0; i < 3; i++) {
		wait_for("display", "closed/x", 1);
		ends_once(n, &display);
	}
}

/* It never says a word: 2.0 does not tell of it before. */
static void one_that_is_silent(struct node *n)
{
	struct mosquitto *c;

	leave(n, &display);
	for (int i = 0; i < 3; i++) {
		wait_for("display", "closed/x", 1);
		c = come(&display);
		fake_turn();
		assert_false(fake_connected(c));
		for (int again = 0; again < 2; again++) {
			c = come(&display);
			node_settle(n);
			assert_true(fake_connected(c));
			node_event(n, "live");
			assert_string_equal(node_heard(c), "live");
			fake_disconnect(c, true);
		}
	}
}

/* The broker uses the memory of one that was ended for another one. */
static void one_that_is_ended_again(struct node *n)
{
	struct fake_spec again = display;
	struct mosquitto *c, *other;

	leave(n, &display);
	wait_for("display", "closed/x", 1);
	c = come(&display);
	fake_turn();
	assert_false(fake_connected(c));
	other = come(&display);
	node_settle(n);
	assert_true(fake_connected(other));
	fake_disconnect(other, true);
	node_settle(n);
	wait_for("display", "closed/x", 1);
	again.at = c;
	c = come(&again);
	fake_turn();
	assert_false(fake_connected(c));
}

/* Its client id is nobody's, so what is for it is not for it before it has spoken. */
static void one_that_is_nobodys(struct node *n)
{
	struct mosquitto *c;

	leave(n, &display);
	node_event(n, "waits");
	node_sql(n, "DELETE FROM device");
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
		NULL, 0);
	c = come(&display);
	fake_turn();
	assert_false(fake_connected(c));
	c = come(&display);
	node_settle(n);
	for (int i = 0; i < 3; i++)
		node_event(n, n->newer ? "live" : "deaf");
	assert_true(fake_connected(c));
	assert_string_equal(node_heard(c), n->newer ? "live live live" : "");
}

/* The same of one whose device was at another broker, and is known by the first that it hears. */
static void one_that_was_elsewhere(struct node *n)
{
	struct mosquitto *c;

	node_down(n,
		&(struct im_down_rec){
			.type = IM_DOWN_HELLO, .epoch = 1, .recno = 2, .flags = IM_DOWNF_SEVERAL},
		NULL, 0);
	for (int i = 0; i < 2; i++) {
		leave(n, &display);
		node_event(n, "waits");
		node_sql(n, "UPDATE device SET broker = 3");
		if (i)
			node_down(n,
				&(struct im_down_rec){.type = IM_DOWN_KICK_DEVICE,
					.user = IM_STR("alice"),
					.device = IM_STR("display"),
					.epoch = (uint64_t)n->wall_ms,
					.recno = 3},
				NULL, 0);
		else
			node_down(n,
				&(struct im_down_rec){
					.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
				NULL, 0);
		c = come(&display);
		fake_turn();
		assert_false(fake_connected(c));
		c = come(&display);
		node_settle(n);
		assert_true(fake_connected(c));
		for (int live = 0; live < 2; live++)
			fake_route(&(struct fake_message){.topic = (char *)"im/inbox/alice/event",
				.payload = IM_STR("live"),
				.qos = 1});
		assert_string_equal(node_heard(c), "live live");
		node_settle(n);
		assert_string_equal(node_life(n, "display"), "OS");
		fake_disconnect(c, true);
		node_sql(n, "UPDATE device SET broker = 2");
		node_pass(n, 20000);
	}
}

/* The broker has forgotten the session, and uses its memory again for the client. */
static void one_in_the_same_memory(struct node *n)
{
	struct fake_spec again = display;
	struct mosquitto *c;

	leave(n, &display);
	c = fake_by_id("display");
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_KICK_DEVICE,
			.user = IM_STR("alice"),
			.device = IM_STR("display"),
			.epoch = (uint64_t)n->wall_ms,
			.recno = 3},
		NULL, 0);
	fake_expire(c);
	again.at = c;
	c = come(&again);
	node_settle(n);
	if (!n->newer)
		assert_string_equal(node_life(n, "display"), "");
	c->filters[c->n_filters++] = strdup(INBOX);
	node_event(n, "live");
	assert_string_equal(node_heard(c), "live");
	assert_int_equal(node_life(n, "display")[0], 'O');
}

static void whom_tls_has_let_in(void **state)
{
	(void)state;
	each(one_with_a_certificate);
	each(one_that_is_silent);
	each(one_that_is_ended_again);
	each(one_that_is_nobodys);
	each(one_that_was_elsewhere);
	each(one_in_the_same_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_denied_ends_it_once),
		cmocka_unit_test(whom_tls_has_let_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
