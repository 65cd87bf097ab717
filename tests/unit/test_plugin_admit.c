/* SPDX-License-Identifier: BSD-3-Clause */
/* What a client is told that may not come in, and by which broker. */
#include <stdio.h>

#include "plugin/plugin.h"
#include "tests/unit/plugin_node.h"

#define CLOSED MOSQ_ERR_UNKNOWN /* without an answer */
#define NO MOSQ_ERR_AUTH

struct told {
	int old_v4, old_v5, new_v4, new_v5;
};

static int come(struct fake_spec s, int version)
{
	struct mosquitto *c;

	s.version = version;
	c = fake_connect(&s);
	if (c)
		fake_disconnect(c, false);
	return fake_auth_result();
}

/* Comes to each broker with each protocol. `before` is done in between. */
static void expect(
	const char *const options[], const char *before, struct fake_spec s, struct told told)
{
	const int want[2][2] = {{told.old_v4, told.old_v5}, {told.new_v4, told.new_v5}};
	struct node n;

	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, options);
		if (before)
			node_sql(&n, before);
		for (int version = 4; version <= 5; version++)
			assert_int_equal(come(s, version), want[newer][version - 4]);
		if (before)
			node_sql(&n, "CREATE TABLE IF NOT EXISTS device(x)");
		node_stop(&n);
	}
}

static void what_stays_so_is_not_authorised(void **state)
{
	const struct fake_spec lasting[] = {
		{.id = "a", .user = "alice", .password = "wrong"},
		{.id = "a", .user = "alice"},
		{.id = "a", .user = "nobody", .password = "pw"},
		{.id = "a", .user = "no/name", .password = "pw"},
		{.id = "a"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lasting) / sizeof(lasting[0]); i++)
		expect(NULL, NULL, lasting[i], (struct told){NO, NO, NO, NO});
}

static void another_client_id_may_do(void **state)
{
	const struct fake_spec unfit = {.id = "x\xe2\x80\xa8y", .user = "alice", .password = "pw"};
	const struct fake_spec foreign = {.id = "bobs", .user = "alice", .password = "pw"};
	const struct fake_spec guess = {.id = "bobs", .user = "alice", .password = "wrong"};
	const char bind[] = "INSERT INTO device (device, user, created_ms, seen_ms, cursor) VALUES "
			    "('bobs', 2, 0, 0, 0)";

	(void)state;
	expect(NULL, NULL, unfit, (struct told){NO, NO, NO, 0x85});
	expect(NULL, bind, foreign, (struct told){NO, NO, NO, 0x85});
	/* Whose an id is, is nothing for who has not proved who he is. */
	expect(NULL, bind, guess, (struct told){NO, NO, NO, NO});
}

static void a_fault_of_the_node_is_none_of_the_clients(void **state)
{
	const struct fake_spec s = {.id = "a", .user = "alice", .password = "pw"};

	(void)state;
	expect(NULL, "DROP TABLE device", s, (struct told){CLOSED, CLOSED, CLOSED, 0x88});
}

static void a_keepalive_has_a_bound_if_the_operator_wants_it(void **state)
{
	const char *const bound[] = {"max_keepalive", "90", NULL};
	struct fake_spec s = {.id = "a", .user = "alice", .password = "pw", .keepalive_s = 90};

	(void)state;
	expect(bound, NULL, s, (struct told){0, 0, 0, 0});
	s.keepalive_s = 91;
	expect(bound, NULL, s, (struct told){NO, NO, NO, 0x83});
	s.keepalive_s = -1;
	expect(bound, NULL, s, (struct told){NO, NO, NO, 0x83});
	expect(NULL, NULL, s, (struct told){0, 0, 0, 0});
	s.keepalive_s = 65535;
	expect(NULL, NULL, s, (struct told){0, 0, 0, 0});
}

/* It is not asked for a password, so it comes in; but nothing is for it. */
static void a_keepalive_of_a_client_with_a_certificate_counts_too(void **state)
{
	const char *const bound[] = {"max_keepalive", "90", NULL};
	struct mosquitto *c;
	struct node n;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		node_start(&n, newer, bound);
		c = fake_connect(&(struct fake_spec){
			.id = "a", .user = "alice", .identity = true, .keepalive_s = 91});
		if (!newer)
			assert_false(fake_subscribe(c, "im/inbox/alice/#"));
		node_settle(&n);
		assert_false(fake_connected(c));
		assert_true(fake_logged("keepalive is 0 or above max_keepalive"));
		c = fake_connect(&(struct fake_spec){
			.id = "b", .user = "alice", .identity = true, .keepalive_s = 90});
		assert_true(fake_subscribe(c, "im/inbox/alice/#"));
		node_settle(&n);
		assert_true(fake_connected(c));
		node_stop(&n);
	}
}

/* The lines of one kind do not hold back those of the other. */
static void who_is_turned_away_is_told_so_and_the_log_says_why(void **state)
{
	const struct fake_spec s = {.id = "a", .user = "alice", .password = "wrong"};
	const struct fake_spec right = {.id = "b", .user = "bob", .password = "pw"};
	struct node n;
	int i, rc;

	(void)state;
	for (int newer = 0; newer < 2; newer++) {
		for (int version = 4; version <= 5; version++) {
			node_start(&n, newer, NULL);
			n.mono_step_us = 15000; /* a hash seems to take so long */
			for (i = 0, rc = NO; i < 100 && rc == NO; i++) {
				rc = come(s, version);
				fake_turn();
			}
			assert_int_equal(
				rc, newer && version == 5 ? COMPAT_ERR_SERVER_BUSY : CLOSED);
			assert_in_range(i, 5, 20);
			assert_true(
				fake_logged("login refused user=alice client=a address=127.0.0.1: "
					    "throttled: too many wrong passwords for this user "
					    "and address"));
			/* Nobody else pays for it. */
			assert_int_equal(come(right, version), MOSQ_ERR_SUCCESS);
			assert_int_equal(node_stat(&n, "throttled_user"), 1);
			assert_int_equal(node_stat(&n, "logins_throttled"), 1);
			node_stop(&n);
		}
	}
}

static void a_reload_ends_nobody_when_the_directory_cannot_be_read(void **state)
{
	struct mosquitto *c;
	struct node n;

	(void)state;
	node_start(&n, false, NULL);
	c = fake_connect(&(struct fake_spec){.id = "a", .user = "alice", .password = "pw"});
	node_settle(&n);
	node_sql(&n, "ALTER TABLE user RENAME TO gone");
	node_hello(&n);
	fake_reload();
	node_settle(&n);
	assert_true(fake_connected(c));
	node_sql(&n, "ALTER TABLE gone RENAME TO user");
	node_stop(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_so_is_not_authorised),
		cmocka_unit_test(another_client_id_may_do),
		cmocka_unit_test(a_fault_of_the_node_is_none_of_the_clients),
		cmocka_unit_test(a_keepalive_has_a_bound_if_the_operator_wants_it),
		cmocka_unit_test(a_keepalive_of_a_client_with_a_certificate_counts_too),
		cmocka_unit_test(who_is_turned_away_is_told_so_and_the_log_says_why),
		cmocka_unit_test(a_reload_ends_nobody_when_the_directory_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
