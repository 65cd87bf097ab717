/* SPDX-License-Identifier: BSD-3-Clause */
/* Logins whose password a thread hashes while the broker goes on: only 2.1 has them. */
#include <stdio.h>
#include <time.h>

#include "common/limits.h"
#include "tests/unit/plugin_node.h"

#define THREADS(n) ((const char *const[]){"auth_threads", n, NULL})
#define GUESSED ((const char *const[]){"auth_threads", "2", "auth_wrong_share", "100", NULL})
/* Nothing is remembered: every login waits. */
#define FORGETFUL               \
	((const char *const[]){ \
		"auth_threads", "2", "auth_cache", "0", "allow_topic", "plain/#", NULL})

static struct mosquitto *come(const char *user, const char *id, const char *password)
{
	return fake_connect(&(struct fake_spec){.id = id, .user = user, .password = password});
}

/* Turns the loop until nobody waits. */
/* ms_us: what a millisecond is on the node's clock. */
static void until_all_are_answered(struct node *n, int64_t ms_us)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	int i;

	for (i = 0; node_stat(n, "logins_waiting"); i++) {
		if (i > 60000)
			fail_msg("a login waits for a minute");
		nanosleep(&ms, NULL);
		n->mono_us += ms_us;
		fake_turn();
	}
}

static void until_answered(struct node *n)
{
	until_all_are_answered(n, 1000);
}

static void a_login_waits_and_is_then_remembered(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	c = come("alice", "phone", "pw");
	assert_int_equal(fake_auth_result(), COMPAT_ERR_AUTH_DELAYED);
	assert_true(fake_waiting(c) && !fake_connected(c));
	assert_int_equal(node_stat(&n, "logins_waiting"), 1);
	until_answered(&n);
	assert_true(fake_connected(c));
	node_settle(&n);
	assert_string_equal(node_life(&n, "phone"), "O");
	assert_true(fake_connected(come("alice", "tablet", "pw")));
	assert_int_equal(node_stat(&n, "logins_later"), 1);
	assert_int_equal(node_stat(&n, "passwords_hashed"), 1);
	assert_int_equal(node_stat(&n, "logins"), 2);
	node_stop(&n);
}

static void who_has_waited_is_who_he_was(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true,
		((const char *const[]){"auth_threads", "1", "max_keepalive", "90", NULL}));
	c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = "pw", .keepalive_s = 90});
	assert_true(fake_waiting(c));
	until_answered(&n);
	assert_true(fake_connected(c));
	/* Who cannot come in anyhow does not wait. */
	assert_null(fake_connect(&(struct fake_spec){
		.id = "tablet", .user = "bob", .password = "pw", .keepalive_s = 91}));
	assert_int_equal(node_stat(&n, "logins_later"), 1);
	node_stop(&n);
}

static void without_ticks_no_login_waits_for_one(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, true, FORGETFUL);
	fake_turn();
	n.mono_us += 3000000;
	assert_true(fake_connected(come("alice", "phone", "pw")));
	fake_turn();
	n.wall_ms -= 3600000;
	assert_true(fake_connected(come("alice", "tablet", "pw")));
	assert_int_equal(node_stat(&n, "logins_later"), 0);
	fake_turn();
	assert_true(fake_waiting(come("bob", "phone2", "pw")));
	until_answered(&n);
	node_stop(&n);
}

static void a_wrong_password_is_refused_and_its_client_id_waits_no_more(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	c = come("alice", "phone", "wrong");
	assert_true(fake_waiting(c));
	/* Whoever comes with this id meanwhile is turned away by the broker. */
	assert_null(come("alice", "phone", "pw"));
	assert_int_equal(fake_auth_result(), MOSQ_ERR_UNKNOWN);
	until_answered(&n);
	assert_false(fake_connected(c));
	assert_true(fake_logged("user=alice client=phone address=127.0.0.1: wrong password"));
	/* So nobody is kept out for long: now it is decided at once. */
	assert_null(come("alice", "phone", "wrong"));
	assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
	assert_true(fake_connected(come("alice", "phone", "pw")));
	assert_int_equal(node_stat(&n, "logins_later"), 1);
	/* For ten minutes. */
	node_pass(&n, 601000);
	assert_true(fake_waiting(come("alice", "phone", "wrong")));
	node_stop(&n);
}

/* While it is hashed the directory gives out: nobody knows whether the password is right, and the
 * client id is not held to be one that guesses. */
static void a_fault_is_not_remembered_as_a_wrong_password(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	c = come("alice", "phone", "pw");
	assert_true(fake_waiting(c));
	node_sql(&n, "ALTER TABLE user RENAME TO away");
	node_down(&n, &(struct im_down_rec){.type = IM_DOWN_FORGET_USER, .user = IM_STR("alice")},
		NULL, 0);
	until_answered(&n);
	assert_false(fake_connected(c));
	assert_true(fake_logged("user=alice client=phone address=127.0.0.1: directory.db cannot"));
	node_sql(&n, "ALTER TABLE away RENAME TO user");
	fake_turn();
	c = come("alice", "phone", "pw");
	assert_true(fake_waiting(c));
	until_answered(&n);
	assert_true(fake_connected(c));
	assert_int_equal(node_stat(&n, "logins_later"), 2);
	node_stop(&n);
}

static void who_need_not_wait_does_not(void **state)
{
	struct node n;

	(void)state;
	/* No thread, or no broker that could be answered later. */
	node_start(&n, true, THREADS("0"));
	assert_true(fake_connected(come("alice", "phone", "pw")));
	node_stop(&n);
	node_start(&n, false, THREADS("2"));
	assert_true(fake_connected(come("alice", "phone", "pw")));
	assert_null(come("alice", "phone", "wrong"));
	assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
	node_stop(&n);
	/* What is no client id of anybody's is known to be refused. */
	node_start(&n, true, THREADS("1"));
	(void)come("alice", "phone", "pw");
	until_answered(&n);
	assert_null(come("bob", "no\nid", "wrong"));
	assert_null(come("alice", "tablet", NULL));
	assert_int_equal(node_stat(&n, "logins_later"), 1);
	assert_int_equal(node_stat(&n, "passwords_hashed"), 1);
	node_stop(&n);
}

/* Of who has no right password nobody learns whose a client id is: neither by what he is told nor
 * by when. And its owner comes in whether his password is remembered or not. */
static void a_wrong_password_does_not_tell_whose_a_client_id_is(void **state)
{
	static const char *const ids[] = {"phone", "nobodys", "carols"};
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	(void)come("alice", "phone", "pw");
	until_answered(&n);
	c = come("bob", "phone", "pw");
	assert_true(fake_waiting(c));
	until_answered(&n);
	assert_false(fake_connected(c));
	assert_true(fake_logged("user=bob client=phone address=127.0.0.1: client id belongs to"));
	(void)come("carol", "carols", "pw");
	until_answered(&n);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		int64_t hashed = node_stat(&n, "passwords_hashed");
		int64_t waited = node_stat(&n, "logins_later");

		c = come("carol", ids[i], "wrong");
		assert_true(fake_waiting(c));
		until_answered(&n);
		assert_false(fake_connected(c));
		/* From then on it is compared at once. */
		for (int k = 0; k < 2; k++) {
			assert_null(come("carol", ids[i], "wrong"));
			assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
		}
		assert_int_equal(node_stat(&n, "passwords_hashed"), hashed + 3);
		assert_int_equal(node_stat(&n, "logins_later"), waited + 1);
		assert_int_equal(node_stat(&n, "logins_throttled"), 0);
	}
	/* Who has a right one is told. */
	node_pass(&n, 10001);
	assert_null(come("bob", "phone", "pw"));
	assert_true(fake_logged("user=bob client=phone address=127.0.0.1: client id belongs to"));
	assert_true(fake_connected(come("alice", "phone", "pw")));
	node_stop(&n);
}

static void unknown_users_wait_as_long(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	c = come("nobody", "x", "pw");
	assert_true(fake_waiting(c));
	until_answered(&n);
	assert_false(fake_connected(c));
	assert_true(fake_logged("unknown user"));
	node_stop(&n);
}

static void who_goes_while_waiting_leaves_nothing_but_the_memory_of_his_password(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	c = come("alice", "phone", "pw");
	fake_disconnect(c, true);
	until_answered(&n);
	node_settle(&n);
	assert_string_equal(node_life(&n, "phone"), "");
	assert_int_equal(node_stat(&n, "logins_gone"), 1);
	assert_int_equal(node_stat(&n, "sessions_online"), 0);
	assert_true(fake_connected(come("alice", "tablet", "pw")));
	/* The client id is nobody's. */
	(void)come("bob", "phone", "pw");
	until_answered(&n);
	assert_string_equal(node_life(&n, "phone"), "O");
	node_stop(&n);
}

static struct mosquitto *with_will(const char *topic, const char *id, struct mosquitto *at)
{
	return fake_connect(&(struct fake_spec){.id = id,
		.user = "alice",
		.password = "pw",
		.will_topic = topic,
		.will = "bye",
		.persistent = true,
		.at = at});
}

static void who_goes_while_waiting_takes_nothing_over(void **state)
{
	struct mosquitto *old;
	struct node n;

	(void)state;
	node_start(&n, true, FORGETFUL);
	old = with_will("im/u/bob", "phone", NULL);
	until_answered(&n);
	fake_disconnect(come("alice", "phone", "pw"), true);
	until_answered(&n);
	/* What it sends in the same turn is a message, not its will. */
	assert_int_equal(
		fake_publish(old, "im/u/bob", IM_STR("hi"), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(&n);
	assert_int_equal(node_stat(&n, "wills"), 0);
	fake_disconnect(old, true);
	node_settle(&n);
	assert_int_equal(node_stat(&n, "wills"), 1);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER), 2);
	assert_string_equal(node_life(&n, "phone"), "OC");
	node_stop(&n);
}

static void a_takeover_is_no_absence(void **state)
{
	struct mosquitto *old, *c;
	struct node n;

	(void)state;
	node_start(&n, true, FORGETFUL);
	old = with_will("im/u/bob", "phone", NULL);
	until_answered(&n);
	c = come("alice", "phone", "pw");
	until_answered(&n);
	node_settle(&n);
	assert_true(fake_connected(c) && !fake_connected(old));
	assert_string_equal(node_life(&n, "phone"), "OO");
	/* It had a clean session, so the old one's will came at once. */
	assert_int_equal(node_stat(&n, "wills"), 1);
	fake_disconnect(c, false);
	node_settle(&n);
	assert_string_equal(node_life(&n, "phone"), "OOC");
	node_stop(&n);
}

/* The broker frees a waiting client without a word, and the next one may get its memory, its client
 * id, or both. */
static void an_answer_is_for_nobody_else(void **state)
{
	struct mosquitto *a, *b, *c;
	struct node n;

	(void)state;
	node_start(&n, true, FORGETFUL);
	a = come("alice", "phone", "pw");
	fake_disconnect(a, true);
	b = come("alice", "phone", "wrong");
	fake_disconnect(come("bob", "b1", "pw"), true);
	until_answered(&n);
	assert_false(fake_connected(b));

	a = come("alice", "tablet", "pw");
	fake_disconnect(a, true);
	c = fake_connect(
		&(struct fake_spec){.id = "b2", .user = "bob", .password = "wrong", .at = a});
	assert_ptr_equal(a, c);
	until_answered(&n);
	assert_false(fake_connected(c));

	a = come("alice", "tablet", "pw");
	fake_disconnect(a, true);
	c = fake_connect(
		&(struct fake_spec){.id = "c1", .user = "carol", .identity = true, .at = a});
	assert_true(fake_connected(c));
	until_answered(&n);
	node_settle(&n);
	assert_string_equal(node_life(&n, "c1"), "O");
	assert_int_equal(fake_publish(c, "im/u/bob", IM_STR("hi"), 1, false, NULL), FAKE_ACCEPTED);
	node_settle(&n);
	assert_string_equal(node_find(&n, IM_UP_MSG_USER, 0)->user, "carol");
	assert_string_equal(node_life(&n, "phone"), "");
	assert_string_equal(node_life(&n, "tablet"), "");
	node_stop(&n);
}

static void the_will_of_a_stranger_is_nobodys(void **state)
{
	const char *const topics[] = {"im/u/bob", "im/g/team", "plain/x", "im/presence/alice"};
	struct mosquitto *old, *bob;
	struct node n;
	size_t i;

	(void)state;
	node_start(&n, true, FORGETFUL);
	bob = come("bob", "b1", "pw");
	until_answered(&n);
	assert_true(fake_subscribe(bob, "plain/#"));
	for (i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		/* Alice's session has expired, which nobody is told, while its will was due. */
		old = with_will(NULL, "phone", NULL);
		until_answered(&n);
		fake_disconnect(old, false);
		fake_expire(old);
		old = with_will(topics[i], "stranger", old);
		assert_true(fake_waiting(old));
		fake_disconnect(old, true);
		node_settle(&n);
		until_answered(&n);
		assert_null(fake_retained(topics[i]));
	}
	assert_int_equal(node_stat(&n, "wills"), 0);
	assert_int_equal(node_count(&n, IM_UP_MSG_USER) + node_count(&n, IM_UP_MSG_GROUP), 0);
	assert_null(fake_received(bob));
	node_stop(&n);
}

/* ---- bounds ---- */

static int come_from(const char *user, int i, const char *address, int version)
{
	char id[48];

	snprintf(id, sizeof(id), "%s-%d", address, i);
	(void)fake_connect(&(struct fake_spec){
		.id = id, .user = user, .password = "pw", .address = address, .version = version});
	return fake_auth_result();
}

static void who_finds_no_place_to_wait_is_told_that_the_server_is_busy(void **state)
{
	struct node n;
	int i;

	(void)state;
	node_start(&n, true, FORGETFUL);
	node_sql(&n, "UPDATE user SET max_devices = 0");
	for (i = 0; i < IM_LOGINS_WAITING / 2; i++)
		assert_int_equal(come_from("alice", i, "192.0.2.1", 4), COMPAT_ERR_AUTH_DELAYED);
	assert_int_equal(come_from("alice", i, "192.0.2.1", 5), COMPAT_ERR_SERVER_BUSY);
	/* No CONNACK says to an older client that the password is wrong. */
	assert_int_equal(come_from("alice", i, "192.0.2.1", 4), MOSQ_ERR_UNKNOWN);
	for (i = 0; i < IM_LOGINS_WAITING / 2; i++)
		assert_int_equal(come_from("bob", i, "192.0.2.2", 4), COMPAT_ERR_AUTH_DELAYED);
	assert_int_equal(come_from("bob", i, "192.0.2.3", 5), COMPAT_ERR_SERVER_BUSY);
	assert_int_equal(node_stat(&n, "logins_busy"), 3);
	until_answered(&n);
	assert_int_equal(node_stat(&n, "sessions_online"), IM_LOGINS_WAITING);
	assert_int_equal(come_from("bob", i, "192.0.2.3", 5), COMPAT_ERR_AUTH_DELAYED);
	until_answered(&n);
	node_stop(&n);
}

static void guesses_that_wait_are_given_up_when_they_have_cost_enough(void **state)
{
	struct node n;
	int i;

	(void)state;
	node_start(&n, true, GUESSED);
	node_sql(&n, "UPDATE meta SET value = 19456 WHERE key = 'password_memory_kib'");
	/* From one address, of users that there are and of others: until the first is found wrong,
	 * nothing speaks against them. */
	for (i = 0; i < 400; i++) {
		char user[16];

		snprintf(user, sizeof(user), "user%d", i);
		assert_int_equal(come_from(user, i, "192.0.2.1", 4), COMPAT_ERR_AUTH_DELAYED);
	}
	assert_int_equal(come_from("alice", 0, "192.0.2.2", 4), COMPAT_ERR_AUTH_DELAYED);
	/* No time passes, in which more might be spent the longer the hashing takes. */
	until_all_are_answered(&n, 0);
	assert_true(node_stat(&n, "logins_throttled") > 200);
	assert_int_equal(node_stat(&n, "logins_refused"), 400);
	/* Who has waited with them from elsewhere was let in. */
	assert_int_equal(node_stat(&n, "sessions_online"), 1);
	assert_int_equal(come_from("user0", 0, "192.0.2.1", 4), MOSQ_ERR_UNKNOWN);
	/* So is, a moment later, who comes after them. */
	n.mono_us += 1000000;
	assert_int_equal(come_from("bob", 1, "192.0.2.2", 4), COMPAT_ERR_AUTH_DELAYED);
	until_answered(&n);
	assert_int_equal(node_stat(&n, "sessions_online"), 2);
	node_stop(&n);
}

/* However many of them were let in before the first was found wrong. */
static void guesses_that_wait_keep_nobody_else_out(void **state)
{
	const struct timespec ms = {.tv_nsec = 1000000};
	char user[16], address[32];
	uint64_t looked;
	struct node n;
	int i;

	(void)state;
	node_start(&n, true,
		((const char *const[]){"auth_threads", "1", "auth_wrong_share", "100", "auth_cache",
			"0", "max_devices", "0", NULL}));
	node_sql(&n, "UPDATE meta SET value = 19456 WHERE key = 'password_memory_kib'");
	for (i = 0; i < 200; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		assert_int_equal(come_from(user, i, "192.0.2.1", 4), COMPAT_ERR_AUTH_DELAYED);
	}
	while ((looked = node_stat(&n, "passwords_hashed")) < 12) {
		nanosleep(&ms, NULL);
		fake_turn();
		if (node_stat(&n, "passwords_hashed") == looked)
			continue;
		snprintf(address, sizeof(address), "198.51.100.%d", (int)looked);
		assert_int_equal(come_from("alice", i++, address, 4), COMPAT_ERR_AUTH_DELAYED);
	}
	until_answered(&n);
	node_stop(&n);
}

/* They find room and come first, whoever else waits. */
static void an_administrator_on_the_machine_waits_for_nobody(void **state)
{
	struct mosquitto *root;
	struct node n;
	int i;

	(void)state;
	node_start(&n, true, THREADS("1"));
	node_sql(&n, "UPDATE user SET max_devices = 0;"
		     "UPDATE meta SET value = 8192 WHERE key = 'password_memory_kib'");
	for (i = 0; i < IM_LOGINS_WAITING / 2; i++) {
		assert_int_equal(come_from("alice", i, "127.0.0.1", 4), COMPAT_ERR_AUTH_DELAYED);
		assert_int_equal(come_from("nobody", i, "192.0.2.1", 4), COMPAT_ERR_AUTH_DELAYED);
	}
	assert_int_equal(come_from("carol", i, "127.0.0.1", 5), COMPAT_ERR_SERVER_BUSY);
	root = fake_connect(&(struct fake_spec){.id = "imctl", .user = "root", .password = "pw"});
	assert_int_equal(fake_auth_result(), COMPAT_ERR_AUTH_DELAYED);
	for (i = 0; i < 60000 && !fake_connected(root); i++) {
		const struct timespec ms = {.tv_nsec = 1000000};

		nanosleep(&ms, NULL);
		fake_turn();
	}
	assert_true(fake_connected(root));
	/* A hundred at least of those who had waited before had no answer when root had one. */
	assert_in_range(fake_answered(root), 1, IM_LOGINS_WAITING - 100);
	node_stop(&n);
}

/* ---- the broker's own events ---- */

static void a_reload_keeps_waiting_logins_waiting(void **state)
{
	struct mosquitto *old, *c;
	struct node n;

	(void)state;
	node_start(&n, true, FORGETFUL);
	old = come("alice", "tablet", "pw");
	until_answered(&n);
	c = come("alice", "phone", "pw");
	fake_reload();
	assert_true(fake_waiting(c) && fake_connected(old));
	until_answered(&n);
	assert_true(fake_connected(c) && fake_connected(old));
	node_stop(&n);
}

static void the_end_of_the_broker_waits_for_nobody(void **state)
{
	struct node n;
	int i;

	(void)state;
	node_start(&n, true, FORGETFUL);
	for (i = 0; i < 300; i++)
		assert_int_equal(come_from("nobody", i, "192.0.2.1", 4), COMPAT_ERR_AUTH_DELAYED);
	node_stop(&n);
}

static void while_somebody_waits_the_broker_does_not_sleep(void **state)
{
	struct node n;

	(void)state;
	node_start(&n, true, THREADS("1"));
	node_sql(&n, "UPDATE meta SET value = 65536 WHERE key = 'password_memory_kib'");
	fake_turn();
	assert_int_equal(fake_next_tick(), 0);
	(void)come("nobody", "x", "pw");
	fake_turn();
	assert_in_range(fake_next_tick(), 1, 10);
	until_answered(&n);
	fake_turn();
	assert_int_equal(fake_next_tick(), 0);
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_waits_and_is_then_remembered),
		cmocka_unit_test(who_has_waited_is_who_he_was),
		cmocka_unit_test(without_ticks_no_login_waits_for_one),
		cmocka_unit_test(a_wrong_password_is_refused_and_its_client_id_waits_no_more),
		cmocka_unit_test(a_fault_is_not_remembered_as_a_wrong_password),
		cmocka_unit_test(who_need_not_wait_does_not),
		cmocka_unit_test(a_wrong_password_does_not_tell_whose_a_client_id_is),
		cmocka_unit_test(unknown_users_wait_as_long),
		cmocka_unit_test(
			who_goes_while_waiting_leaves_nothing_but_the_memory_of_his_password),
		cmocka_unit_test(who_goes_while_waiting_takes_nothing_over),
		cmocka_unit_test(a_takeover_is_no_absence),
		cmocka_unit_test(an_answer_is_for_nobody_else),
		cmocka_unit_test(the_will_of_a_stranger_is_nobodys),
		cmocka_unit_test(who_finds_no_place_to_wait_is_told_that_the_server_is_busy),
		cmocka_unit_test(guesses_that_wait_are_given_up_when_they_have_cost_enough),
		cmocka_unit_test(guesses_that_wait_keep_nobody_else_out),
		cmocka_unit_test(an_administrator_on_the_machine_waits_for_nobody),
		cmocka_unit_test(a_reload_keeps_waiting_logins_waiting),
		cmocka_unit_test(the_end_of_the_broker_waits_for_nobody),
		cmocka_unit_test(while_somebody_waits_the_broker_does_not_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
