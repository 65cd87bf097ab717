/* SPDX-License-Identifier: BSD-3-Clause */
/* The set of sessions, told of events in the orders of the three brokers. */
#include "plugin/clients.h"

#include <stdio.h>
#include <time.h>

#include "tests/unit/unit.h"

static const struct im_sipkey key = {"0123456789abcde"};

/* Client pointers; nobody looks behind them. */
static const char client[16];
#define C(i) ((const void *)&client[i])

static struct session *add(
	struct clients *s, int i, const char *uid, const char *device, bool v5, bool ephemeral)
{
	const struct session_facts f = {
		.uid = im_str(uid),
		.device = im_str(device),
		.v5 = v5,
		.ephemeral = ephemeral,
	};
	struct session *e = clients_add(s, C(i), &f);

	assert_non_null(e);
	return e;
}

static struct session *open_one(
	struct clients *s, int i, const char *uid, const char *device, bool ephemeral)
{
	struct session *e = add(s, i, uid, device, false, ephemeral);

	clients_opened(s, e);
	return e;
}

static void a_session_is_announced_and_ends_once(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e = add(s, 0, "alice", "d", false, true);

	(void)state;
	assert_ptr_equal(clients_first_new(s), e);
	assert_int_equal(clients_online(s), 1);
	clients_opened(s, e);
	assert_null(clients_first_new(s));
	assert_ptr_equal(clients_find(s, C(0)), e);
	assert_ptr_equal(clients_device(s, IM_STR("d")), e);
	assert_str(session_uid(e), "alice");
	assert_ptr_equal(clients_ended(s, C(0), 0), e);
	assert_int_equal(clients_online(s), 0);
	/* Kicked from within its own MESSAGE, a client's DISCONNECT comes twice. */
	assert_null(clients_ended(s, C(0), 0));
	clients_turn(s, 0);
	assert_null(clients_find(s, C(0)));
	assert_null(clients_device(s, IM_STR("d")));
	clients_free(&s);
}

static void a_login_that_fails_late_is_never_announced(void **state)
{
	struct clients *s = clients_new(&key, 10);

	(void)state;
	add(s, 0, "alice", "d", false, true);
	assert_null(clients_ended(s, C(0), 0));
	assert_null(clients_first_new(s));
	clients_free(&s);
}

static void strangers_end_nobody(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e = open_one(s, 0, "alice", "d", true);

	(void)state;
	/* A failed login in alice's name ends with a DISCONNECT of its own pointer. */
	assert_null(clients_ended(s, C(1), 0));
	assert_int_equal(e->state, SESSION_OPEN);
	clients_free(&s);
}

static void takeover_of_a_live_session(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *old = open_one(s, 0, "alice", "d", true), *e;

	(void)state;
	assert_false(clients_is_will(s, old));
	/* BASIC_AUTH of the new one, the old one's will, its DISCONNECT. */
	e = add(s, 1, "alice", "d", false, true);
	assert_true(clients_is_will(s, old));
	assert_false(clients_is_will(s, e));
	/* The device stays open: nothing is said of the old connection's end. */
	assert_null(clients_ended(s, C(0), 0));
	assert_ptr_equal(clients_device(s, IM_STR("d")), e);
	clients_turn(s, 0);
	assert_null(clients_find(s, C(0)));
	assert_ptr_equal(clients_device(s, IM_STR("d")), e);
	clients_opened(s, e);
	assert_ptr_equal(clients_ended(s, C(1), 0), e);
	clients_free(&s);
}

static void takeover_whose_new_connection_fails(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e;

	(void)state;
	open_one(s, 0, "alice", "d", true);
	e = add(s, 1, "alice", "d", false, true);
	assert_null(clients_ended(s, C(0), 0));
	/* It was never announced, but its device is. */
	assert_ptr_equal(clients_ended(s, C(1), 0), e);
	clients_free(&s);
}

static void takeover_told_late(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e;

	(void)state;
	/* WebSocket connections of 2.0 end turns after the new one began. */
	open_one(s, 0, "alice", "d", true);
	e = open_one(s, 1, "alice", "d", true);
	clients_turn(s, 0);
	assert_null(clients_ended(s, C(0), 0));
	assert_ptr_equal(clients_ended(s, C(1), 0), e);
	clients_free(&s);
}

static void takeover_that_does_not_happen(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *old = open_one(s, 0, "alice", "d", true);

	(void)state;
	add(s, 1, "alice", "d", false, true);
	assert_null(clients_ended(s, C(1), 0));
	clients_turn(s, 0);
	/* The old one is as it was, and found by its device again. */
	assert_false(clients_is_will(s, old));
	assert_ptr_equal(clients_device(s, IM_STR("d")), old);
	clients_free(&s);
}

static void a_persistent_session_comes_back(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e = open_one(s, 0, "alice", "d", false);
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		const int at = i % 2, next = (i + 1) % 2;

		assert_ptr_equal(clients_ended(s, C(at), 0), e);
		clients_turn(s, 0);
		assert_int_equal(clients_offline(s), 1);
		assert_int_equal(e->state, SESSION_OFFLINE);
		/* BASIC_AUTH of the new connection, a second DISCONNECT of the old context. */
		e = open_one(s, next, "alice", "d", false);
		assert_null(clients_ended(s, C(at), 0));
		assert_null(clients_find(s, C(at)));
		assert_int_equal(clients_offline(s), 0);
	}
	clients_free(&s);
}

static void without_the_second_disconnect_the_old_one_goes_too(void **state)
{
	struct clients *s = clients_new(&key, 10);

	(void)state;
	open_one(s, 0, "alice", "d", false);
	clients_ended(s, C(0), 0);
	open_one(s, 1, "alice", "d", false);
	clients_turn(s, 0);
	assert_null(clients_find(s, C(0)));
	assert_int_equal(clients_offline(s), 0);
	clients_free(&s);
}

static void a_will_comes_once(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e = open_one(s, 0, "alice", "d", false);

	(void)state;
	clients_ended(s, C(0), 0);
	clients_turn(s, 0);
	/* Delayed: it may come in any later turn. */
	assert_true(clients_is_will(s, e));
	e->will_done = true;
	assert_false(clients_is_will(s, e));
	clients_free(&s);
}

static void a_pointer_used_again_is_a_new_session(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *e = open_one(s, 0, "alice", "d", false);

	(void)state;
	clients_ended(s, C(0), 0);
	/* The session expired at the broker, which says nothing; its memory is bob's now. */
	e = add(s, 0, "bob", "e", true, false);
	assert_str(session_uid(e), "bob");
	assert_int_equal(e->state, SESSION_NEW);
	assert_null(clients_device(s, IM_STR("d")));
	assert_int_equal(clients_offline(s), 0);
	assert_int_equal(clients_online(s), 1);
	clients_free(&s);
}

static void remembers_a_bounded_number_of_ended_ones(void **state)
{
	struct clients *s = clients_new(&key, 3);
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		char device[2] = {(char)('a' + i), '\0'};

		open_one(s, i, "alice", device, false);
	}
	for (i = 0; i < 8; i++) {
		clients_ended(s, C(i), 0);
		assert_true(clients_offline(s) <= 3);
	}
	assert_null(clients_find(s, C(0)));
	assert_non_null(clients_find(s, C(7)));
	clients_free(&s);
}

/* What anybody may leave as many of as he likes puts nothing out of mind that somebody's bounds
 * depend on. */
static void forgets_those_that_never_subscribed_first(void **state)
{
	struct clients *s = clients_new(&key, 3);
	char device[] = "a";
	int i;

	(void)state;
	open_one(s, 0, "alice", "phone", false)->kept = true;
	clients_ended(s, C(0), 0);
	for (i = 1; i < 9; i++, device[0]++) {
		open_one(s, i, "bob", device, false);
		clients_ended(s, C(i), i);
	}
	assert_int_equal(clients_offline(s), 3);
	assert_non_null(clients_find(s, C(0)));
	assert_null(clients_find(s, C(6)));
	assert_non_null(clients_find(s, C(7)));
	/* Where there is nothing else, the one that left first. */
	for (i = 9; i < 12; i++, device[0]++) {
		open_one(s, i, "bob", device, false)->kept = true;
		clients_ended(s, C(i), i);
	}
	assert_int_equal(clients_offline(s), 3);
	assert_null(clients_find(s, C(0)));
	assert_null(clients_find(s, C(8)));
	/* Both kinds end with their time. */
	open_one(s, 12, "bob", "x", false);
	clients_drop(s, (struct session *)clients_find(s, C(9)), 0);
	clients_ended(s, C(12), 12);
	clients_expire(s, 10, 22);
	assert_int_equal(clients_offline(s), 1);
	clients_expire(s, 10, 23);
	assert_int_equal(clients_offline(s), 0);
	clients_free(&s);
}

static void knows_who_is_alone(void **state)
{
	struct clients *s = clients_new(&key, 10);
	const struct im_str alice = IM_STR("alice"), a = IM_STR("a"), b = IM_STR("b");

	(void)state;
	assert_null(clients_user(s, alice));
	open_one(s, 0, "alice", "a", true);
	assert_true(clients_alone(clients_user(s, alice), a));
	assert_false(clients_alone(clients_user(s, alice), b));
	open_one(s, 1, "alice", "b", true);
	assert_false(clients_alone(clients_user(s, alice), a));
	/* b ends and leaves nothing behind ... */
	clients_ended(s, C(1), 0);
	assert_true(clients_alone(clients_user(s, alice), a));
	/* ... c ends, but its session may still collect messages. */
	open_one(s, 2, "alice", "c", false);
	clients_ended(s, C(2), 0);
	clients_turn(s, 0);
	assert_false(clients_alone(clients_user(s, alice), a));
	clients_free(&s);
}

static void a_user_outlives_a_reconnect(void **state)
{
	struct clients *s = clients_new(&key, 10);
	const struct im_str alice = IM_STR("alice");
	struct session_user *u;
	struct session *e = add(s, 0, "alice", "a", true, true);

	(void)state;
	u = e->user;
	assert_true(u->v5);
	while (im_ratelimit_take(&u->rates.messages, 1000000, 10, 4000000, 1))
		;
	clients_ended(s, C(0), 1000000);
	clients_turn(s, 1000000);
	clients_turn(s, 2000000);
	e = add(s, 1, "alice", "a", false, true);
	assert_ptr_equal(e->user, u);
	assert_false(im_ratelimit_idle(&u->rates.messages, 2000000));
	assert_true(u->v5);
	/* Gone for long, it is forgotten. */
	clients_ended(s, C(1), 2000000);
	clients_turn(s, 3000000);
	assert_non_null(clients_user(s, alice));
	clients_turn(s, 20000000);
	assert_null(clients_user(s, alice));
	clients_free(&s);
}

static void count_open(void *arg, struct session *e)
{
	*(int *)arg += e->state == SESSION_OPEN;
}

static double cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* What `n` sessions cost that come with new client ids, and leave, from the i-th on. */
static double come_and_leave(struct clients *s, int i, int n)
{
	static char memory[64 * 1024];
	double began = cpu_us();
	char id[16];

	for (int end = i + n; i < end; i++) {
		const struct session_facts f = {.uid = IM_STR("alice"), .device = im_str(id)};
		struct session *e;

		snprintf(id, sizeof(id), "d%d", i);
		e = clients_add(s, &memory[i], &f);
		assert_non_null(e);
		clients_opened(s, e);
		assert_ptr_equal(clients_ended(s, &memory[i], i), e);
	}
	return cpu_us() - began;
}

/* Whoever leaves very many makes nothing slow, neither among them nor when the oldest are
 * forgotten: looking through them would be 20,000 steps each time. */
static void many_that_are_away_cost_no_more_than_few(void **state)
{
	struct clients *s = clients_new(&key, 20000);
	struct session *e;
	double few, many;

	(void)state;
	few = come_and_leave(s, 0, 5000);
	(void)come_and_leave(s, 5000, 20000);
	many = come_and_leave(s, 25000, 5000);
	assert_int_equal(clients_offline(s), 20000);
	print_message("5,000 sessions: %.0f us, beside 20,000: %.0f us\n", few, many);
	assert_true(many < 10 * few);
	/* What looks at the connected ones sees nothing else. */
	e = open_one(s, 0, "alice", "here", false);
	assert_ptr_equal(e->user->list, e);
	assert_null(e->user_next);
	assert_ptr_equal(clients_ended(s, C(0), 0), e);
	assert_null(e->user->list);
	clients_free(&s);
}

/* The one before it is found again, whoever's it is. */
static void the_newest_of_a_client_id_is_found(void **state)
{
	struct clients *s = clients_new(&key, 10);
	struct session *a = open_one(s, 0, "alice", "d", false), *b, *c;

	(void)state;
	clients_ended(s, C(0), 0);
	b = open_one(s, 1, "bob", "d", false);
	c = open_one(s, 2, "bob", "d", false);
	assert_ptr_equal(clients_device(s, IM_STR("d")), c);
	clients_drop(s, b, 0);
	assert_ptr_equal(clients_device(s, IM_STR("d")), c);
	clients_drop(s, c, 0);
	assert_ptr_equal(clients_device(s, IM_STR("d")), a);
	clients_drop(s, a, 0);
	assert_null(clients_device(s, IM_STR("d")));
	clients_free(&s);
}

static void survives_random_events(void **state)
{
	struct clients *s = clients_new(&key, 4);
	struct prng rnd = {7};
	int i;

	(void)state;
	for (i = 0; i < 50000; i++) {
		const int c = (int)prng_below(&rnd, 16);
		char uid[2] = {(char)('a' + prng_below(&rnd, 3)), '\0'};
		char device[2] = {(char)('p' + prng_below(&rnd, 6)), '\0'};
		struct session *e;
		int opened = 0;

		switch (prng_below(&rnd, 5)) {
		case 0:
			add(s, c, uid, device, prng_below(&rnd, 2), prng_below(&rnd, 2));
			break;
		case 1:
			while ((e = clients_first_new(s)))
				clients_opened(s, e);
			break;
		case 2:
			clients_ended(s, C(c), i);
			break;
		case 3:
			clients_turn(s, i * INT64_C(1000000));
			break;
		default:
			e = clients_device(s, im_str(device));
			if (e)
				assert_str_eq(session_device(e), im_str(device));
			clients_each(s, count_open, &opened);
			assert_true((uint32_t)opened <= clients_online(s));
			assert_true(clients_online(s) <= 16);
		}
	}
	clients_free(&s);
	assert_null(s);
	clients_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_announced_and_ends_once),
		cmocka_unit_test(a_login_that_fails_late_is_never_announced),
		cmocka_unit_test(strangers_end_nobody),
		cmocka_unit_test(takeover_of_a_live_session),
		cmocka_unit_test(takeover_whose_new_connection_fails),
		cmocka_unit_test(takeover_told_late),
		cmocka_unit_test(takeover_that_does_not_happen),
		cmocka_unit_test(a_persistent_session_comes_back),
		cmocka_unit_test(without_the_second_disconnect_the_old_one_goes_too),
		cmocka_unit_test(a_will_comes_once),
		cmocka_unit_test(a_pointer_used_again_is_a_new_session),
		cmocka_unit_test(remembers_a_bounded_number_of_ended_ones),
		cmocka_unit_test(forgets_those_that_never_subscribed_first),
		cmocka_unit_test(knows_who_is_alone),
		cmocka_unit_test(a_user_outlives_a_reconnect),
		cmocka_unit_test(many_that_are_away_cost_no_more_than_few),
		cmocka_unit_test(the_newest_of_a_client_id_is_found),
		cmocka_unit_test(survives_random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
