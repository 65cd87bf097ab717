/* SPDX-License-Identifier: BSD-3-Clause */
/* Two devices with one client id: the fight is ended, the user is told; and no single device comes
 * under it, however often it reconnects. */
#include "tests/unit/plugin_node.h"

#define CONTESTED "{\"event\":\"device\",\"action\":\"contested\",\"device\":\"phone\"}"

static void each(void (*test)(struct node *n))
{
	node_each(test, NULL);
}

static struct mosquitto *try(struct node *n, const char *password, int version)
{
	struct mosquitto *c = fake_connect(&(struct fake_spec){
		.id = "phone", .user = "alice", .password = password, .version = version});

	(void)n;
	return c;
}

static struct mosquitto *speaks(struct node *n)
{
	struct mosquitto *c = try(n, "pw", 4);

	assert_non_null(c);
	assert_true(fake_subscribe(c, "im/inbox/alice/#"));
	return c;
}

/* Takes the client id over so often, so many milliseconds apart; who has it then. */
static struct mosquitto *fight(struct node *n, int times, int64_t ms)
{
	struct mosquitto *c = speaks(n);

	while (times--) {
		node_pass(n, ms);
		c = speaks(n);
	}
	return c;
}

static unsigned told(struct mosquitto *c)
{
	const struct fake_message *m;
	unsigned n = 0;

	while ((m = fake_received(c)))
		n += im_str_eqz(m->payload, CONTESTED);
	return n;
}

static void who_is_there_stays(struct node *n)
{
	struct mosquitto *tablet = node_client(n, "alice", "tablet", 4), *c;

	assert_true(fake_subscribe(tablet, "im/inbox/alice/#"));
	c = fight(n, 5, 1900);
	node_pass(n, 400);
	assert_null(try(n, "pw", 4));
	/* Neither a wrong password nor a bad credential: it is to try again later. */
	assert_int_equal(fake_auth_result(), MOSQ_ERR_UNKNOWN);
	assert_null(try(n, "pw", 5));
	assert_int_equal(fake_auth_result(), n->newer ? COMPAT_ERR_SERVER_BUSY : MOSQ_ERR_UNKNOWN);
	node_settle(n);
	assert_true(fake_connected(c));
	/* Once, however often it tries. */
	assert_int_equal(told(c), 1);
	assert_int_equal(told(tablet), 1);
	assert_true(fake_logged("client id contested"));
	node_pass(n, 29900);
	assert_null(try(n, "pw", 4));
	assert_int_equal(told(tablet), 0);
	node_pass(n, 200);
	assert_non_null(speaks(n));
	assert_false(fake_connected(c));
}

static void who_has_gone_leaves_it(struct node *n)
{
	struct mosquitto *c = fight(n, 5, 1000);

	assert_null(try(n, "pw", 4));
	fake_disconnect(c, true);
	assert_non_null(try(n, "pw", 4));
}

/* Four times; five within more than ten seconds. */
static void not_so_often(struct node *n)
{
	struct mosquitto *c = fight(n, 4, 1000);

	assert_non_null(try(n, "pw", 4));
	node_pass(n, 20000);
	c = fight(n, 12, 2600);
	assert_true(fake_connected(c));
	assert_int_equal(told(c), 0);
}

/* No answer reaches it, and it tries again: it has never said a word. */
static void a_device_that_gets_no_answer(struct node *n)
{
	for (int i = 0; i < 50; i++) {
		node_pass(n, 200);
		assert_non_null(try(n, "pw", 4));
	}
}

/* The broker has seen it go: nothing is taken over. */
static void a_device_that_loses_its_connection(struct node *n)
{
	for (int i = 0; i < 50; i++) {
		node_pass(n, 200);
		fake_disconnect(speaks(n), true);
	}
}

static void no_single_device(void **state)
{
	(void)state;
	each(not_so_often);
	each(a_device_that_gets_no_answer);
	each(a_device_that_loses_its_connection);
}

/* Who does not know the password neither begins it nor hears of it. */
static void a_stranger(struct node *n)
{
	struct mosquitto *c = speaks(n);

	for (int i = 0; i < 20; i++) {
		node_pass(n, 100);
		assert_null(try(n, "wrong", 4));
		assert_null(fake_connect(
			&(struct fake_spec){.id = "phone", .user = "bob", .password = "pw"}));
	}
	assert_true(fake_connected(c));
	assert_int_equal(told(c), 0);
	c = fight(n, 4, 1000);
	assert_null(try(n, "wrong", 4));
	assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
	assert_null(
		fake_connect(&(struct fake_spec){.id = "phone", .user = "bob", .password = "pw"}));
	assert_int_equal(fake_auth_result(), MOSQ_ERR_AUTH);
	node_settle(n);
	assert_int_equal(told(c), 0);
}

static void two_devices(void **state)
{
	(void)state;
	each(who_is_there_stays);
	each(who_has_gone_leaves_it);
}

static void nobody_without_the_password(void **state)
{
	(void)state;
	each(a_stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_devices),
		cmocka_unit_test(no_single_device),
		cmocka_unit_test(nobody_without_the_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
