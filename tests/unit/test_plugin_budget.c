/* SPDX-License-Identifier: BSD-3-Clause */
/* What wrong logins may cost, and whom that keeps out: nobody but those who cause it. */
#include <stdio.h>

#include "plugin/budget.h"
#include "tests/unit/unit.h"

#define SECOND INT64_C(1000000)
#define SHARE (SECOND / 5)
#define HASH_US 15000

static const struct im_sipkey key = {"0123456789abcde"};

struct world {
	struct budget *b;
	int64_t now_us, spent_us, hash_us;
	uint64_t asked, looked;
	enum budget_from from;
	struct prng rnd;
};

static struct world begin(int64_t hash_us)
{
	const struct budget_settings set = {SHARE, hash_us};
	struct world w = {.now_us = 1000 * SECOND, .hash_us = hash_us, .rnd = {7}};

	w.b = budget_new(&key, &set);
	assert_non_null(w.b);
	return w;
}

static struct budget_login login(struct world *w, const char *user, const char *address)
{
	return budget_login(w->b, im_str(user), im_str(address), w->from);
}

static enum budget_bound ask(struct world *w, const char *user, const char *address)
{
	struct budget_login l = login(w, user, address);

	return budget_ask(w->b, &l, w->now_us);
}

static bool open_for(struct world *w, const char *user, const char *address)
{
	return ask(w, user, address) == BUDGET_OPEN;
}

/* A wrong password. True: it was looked at, which takes its time. */
static bool guess(struct world *w, const char *user, const char *address)
{
	struct budget_login l = login(w, user, address);

	w->asked++;
	if (budget_ask(w->b, &l, w->now_us) != BUDGET_OPEN) {
		budget_refused(w->b, &l, w->now_us);
		return false;
	}
	budget_begin(w->b, BUDGET_ORDINARY);
	w->now_us += w->hash_us;
	w->spent_us += w->hash_us;
	w->looked++;
	budget_wrong(w->b, &l, w->now_us, w->hash_us);
	return true;
}

/* 3000 guesses a second, for so long: addresses and names are chosen at random out of so many; no
 * names: each time another one. */
static void storm(struct world *w, int64_t us, uint32_t addresses, uint32_t names)
{
	int64_t end = w->now_us + us;
	char user[32], address[32];

	while (w->now_us < end) {
		uint32_t a = prng_below(&w->rnd, addresses);

		snprintf(user, sizeof(user), "user%u",
			names ? prng_below(&w->rnd, names) : (uint32_t)w->asked);
		snprintf(address, sizeof(address), "10.%u.%u.%u", a >> 16, a >> 8 & 255, a & 255);
		(void)guess(w, user, address);
		w->now_us += SECOND / 3000;
	}
}

static void however_many_come_they_cost_their_share(void **state)
{
	static const struct {
		uint32_t addresses, names;
	} storms[] = {{1, 1}, {1, 20}, {1, 0}, {250, 20}, {250, 0}, {1000000, 1}, {1000000, 0}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
		struct world w = begin(HASH_US);
		int64_t began_us = w.now_us, share_us;

		storm(&w, 100 * SECOND, storms[i].addresses, storms[i].names);
		/* A fifth of the time, and what five seconds had saved up. */
		share_us = (w.now_us - began_us + 5 * SECOND) / 5 + HASH_US;
		assert_in_range(w.spent_us, 1, share_us);
		/* One address a quarter of it, one user from there a quarter of that. */
		if (storms[i].addresses == 1)
			assert_in_range(w.spent_us, 1, share_us / 4 + 8 * HASH_US);
		if (storms[i].addresses == 1 && storms[i].names == 1)
			assert_in_range(w.spent_us, 1, share_us / 16 + 6 * HASH_US);
		/* And no less: whoever has been found wrong may try again. */
		assert_true(w.spent_us > share_us / 20);
		budget_free(&w.b);
	}
}

static void a_stale_password_costs_nobody_else(void **state)
{
	struct world w = begin(HASH_US);
	char user[32];
	int i, k;

	(void)state;
	/* Some devices that come back at once, for ten minutes, behind the address of all. */
	for (i = 0; i < 600 * 20; i++) {
		for (k = 0; k < 6; k++) {
			snprintf(user, sizeof(user), "stale%d", k);
			(void)guess(&w, user, "192.0.2.1");
		}
		w.now_us += SECOND / 20;
		if (i % 20)
			continue;
		assert_true(open_for(&w, "bob", "192.0.2.1"));
		assert_true(open_for(&w, "stale0", "198.51.100.1"));
	}
	assert_int_equal(ask(&w, "stale0", "192.0.2.1"), BUDGET_PAIR);
	assert_true(w.looked < w.asked / 10);
	/* A while later he may try again. */
	w.now_us += 10 * SECOND;
	assert_true(open_for(&w, "stale0", "192.0.2.1"));
	budget_free(&w.b);
}

static void one_wrong_guess_closes_no_door_however_slow_it_was(void **state)
{
	struct world w = begin(430000);
	int i;

	(void)state;
	assert_true(guess(&w, "nobody", "192.0.2.1"));
	assert_true(open_for(&w, "nobody", "192.0.2.1"));
	assert_true(open_for(&w, "bob", "192.0.2.1"));
	for (i = 0; i < 20; i++)
		(void)guess(&w, "nobody", "192.0.2.1");
	assert_int_equal(ask(&w, "nobody", "192.0.2.1"), BUDGET_PAIR);
	for (i = 0; i < 6; i++) {
		char user[8] = {(char)('a' + i)};

		assert_true(open_for(&w, user, "192.0.2.1"));
	}
	budget_free(&w.b);
}

static void whom_nobody_attacks_comes_in(void **state)
{
	static const struct {
		uint32_t names;
		bool attacked; /* one of those who are guessed */
	} storms[] = {{20, false}, {20, true}, {1000, true}, {0, false}};
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
		struct world w = begin(HASH_US);
		const char *user = storms[i].attacked ? "user3" : "bob";

		/* Until the addresses are known for what they are. */
		storm(&w, 4 * SECOND, 250, storms[i].names);
		assert_true(w.looked < w.asked / 10);
		for (k = 0; k < 1000; k++) {
			storm(&w, SECOND / 10, 250, storms[i].names);
			assert_true(open_for(&w, user, "192.0.2.1"));
		}
		budget_free(&w.b);
	}
}

static void what_is_kept_for_the_innocent_is_worth_several_looks(void **state)
{
	struct world w = begin(HASH_US);
	char user[32], address[32];
	int i;

	(void)state;
	storm(&w, 10 * SECOND, 250, 20);
	for (i = 0; i < 6; i++) {
		snprintf(user, sizeof(user), "new%d", i);
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		assert_true(guess(&w, user, address));
	}
	budget_free(&w.b);
}

static void who_guesses_many_from_one_address_keeps_those_behind_it_out_alone(void **state)
{
	struct world w = begin(HASH_US);

	(void)state;
	storm(&w, 10 * SECOND, 1, 0);
	assert_int_equal(ask(&w, "bob", "10.0.0.0"), BUDGET_ADDRESS);
	assert_true(open_for(&w, "bob", "10.0.0.1"));
	/* As long as he tries names, half of the address's is kept for others. */
	budget_free(&w.b);
	w = begin(HASH_US);
	storm(&w, 10 * SECOND, 1, 20);
	assert_true(open_for(&w, "bob", "10.0.0.0"));
	budget_free(&w.b);
}

/* ---- a proxy that does not say its clients' addresses ---- */

static bool open_behind(struct world *w, const char *user)
{
	w->from = BUDGET_ADDRESS_PROXY;
	return open_for(w, user, "10.0.0.0");
}

/* With an address of one's own. */
static bool open_beside(struct world *w, const char *user)
{
	bool open;

	w->from = BUDGET_ADDRESS_OWN;
	open = open_for(w, user, "192.0.2.1");
	w->from = BUDGET_ADDRESS_PROXY;
	return open;
}

static void who_guesses_behind_a_proxy_keeps_out_whom_he_guesses(void **state)
{
	struct world w = begin(HASH_US);

	(void)state;
	w.from = BUDGET_ADDRESS_PROXY;
	storm(&w, 10 * SECOND, 1, 1);
	assert_int_equal(ask(&w, "user0", "10.0.0.0"), BUDGET_PAIR);
	assert_true(open_behind(&w, "bob") && open_beside(&w, "bob"));
	assert_true(open_beside(&w, "user0"));
	storm(&w, 100 * SECOND, 1, 20);
	assert_true(open_behind(&w, "bob") && open_beside(&w, "bob"));
	budget_free(&w.b);
}

/* As fast as he can he has what all behind the proxy have, and never all. */
static void names_that_are_made_up_behind_a_proxy_leave_room_beside_it(void **state)
{
	struct world w = begin(HASH_US);
	int64_t began_us = w.now_us;
	int i;

	(void)state;
	w.from = BUDGET_ADDRESS_PROXY;
	for (i = 0; i < 100; i++) {
		storm(&w, SECOND, 1, 0);
		assert_true(open_beside(&w, "bob"));
	}
	assert_in_range(w.spent_us, 1, (w.now_us - began_us + 5 * SECOND) / 5 + HASH_US);
	assert_int_equal(ask(&w, "bob", "10.0.0.0"), BUDGET_ALL);
	budget_free(&w.b);
}

/* Five a second, which is what the samples let one client do. */
static void what_a_proxy_lets_one_do_keeps_nobody_out(void **state)
{
	char user[32];
	int i, kept_out = 0;

	(void)state;
	for (enum budget_from from = BUDGET_ADDRESS_OWN; from <= BUDGET_ADDRESS_PROXY;
		from += BUDGET_ADDRESS_PROXY) {
		struct world w = begin(HASH_US);

		w.from = from;
		for (i = 0; i < 600 * 5; i++) {
			snprintf(user, sizeof(user), "user%d", i);
			(void)guess(&w, user, "10.0.0.0");
			if (from == BUDGET_ADDRESS_PROXY)
				assert_true(open_for(&w, "bob", "10.0.0.0"));
			else
				kept_out += !open_for(&w, "bob", "10.0.0.0");
			w.now_us += SECOND / 5;
		}
		budget_free(&w.b);
	}
	/* Which is why it has to be named. */
	assert_true(kept_out > 1000);
}

static void a_million_addresses_wash_nothing_away(void **state)
{
	struct world w = begin(HASH_US);
	struct budget_login bad, good;
	char address[32];
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		(void)guess(&w, "bob", "192.0.2.1");
	bad = login(&w, "carol", "192.0.2.1");
	good = login(&w, "carol", "192.0.2.2");
	assert_int_equal(budget_rank(w.b, &bad, w.now_us), 2);
	assert_int_equal(budget_rank(w.b, &good, w.now_us), 0);
	for (i = 0; i < 1000000; i++) {
		snprintf(address, sizeof(address), "2001:db8:%x:%x::", i >> 16, i & 0xffff);
		(void)guess(&w, "x", address);
	}
	assert_int_equal(budget_rank(w.b, &bad, w.now_us), 2);
	assert_false(open_for(&w, "bob", "192.0.2.1"));
	/* In time all is. */
	w.now_us += 3600 * SECOND;
	assert_int_equal(budget_rank(w.b, &bad, w.now_us), 0);
	assert_int_equal(budget_rank(w.b, &good, w.now_us), 0);
	budget_free(&w.b);
}

static void turned_away_speaks_against_an_address_but_not_against_a_name(void **state)
{
	struct world w = begin(HASH_US);
	struct budget_login l = login(&w, "bob", "192.0.2.1");
	struct budget_login other = login(&w, "bob", "192.0.2.2");
	int i;

	(void)state;
	for (i = 0; i < 2; i++)
		budget_refused(w.b, &l, w.now_us);
	assert_int_equal(budget_rank(w.b, &l, w.now_us), 0);
	for (i = 0; i < 1000; i++)
		budget_refused(w.b, &l, w.now_us);
	assert_int_equal(budget_rank(w.b, &l, w.now_us), 2);
	assert_int_equal(budget_rank(w.b, &other, w.now_us), 0);
	/* An hour's quiet is enough, however often it was. */
	w.now_us += 3600 * SECOND;
	assert_int_equal(budget_rank(w.b, &l, w.now_us), 0);
	budget_free(&w.b);
}

static void administrators_on_the_machine_pay_apart(void **state)
{
	struct world w = begin(HASH_US);
	struct budget_login admin =
		budget_login(w.b, IM_STR("admin"), IM_STR("127.0.0.1"), BUDGET_ADDRESS_LOCAL);
	struct budget_login root =
		budget_login(w.b, IM_STR("root"), IM_STR("127.0.0.1"), BUDGET_ADDRESS_LOCAL);
	struct budget_login socket =
		budget_login(w.b, IM_STR("admin"), IM_STR("/run/sock"), BUDGET_ADDRESS_LOCAL);
	int64_t spent_us = 0, began_us;
	int i;

	(void)state;
	/* Whatever comes from elsewhere, or from here by others. */
	storm(&w, 10 * SECOND, 1000000, 0);
	for (i = 0; i < 1000; i++)
		(void)guess(&w, "bob", "127.0.0.1");
	assert_int_equal(budget_ask(w.b, &admin, w.now_us), BUDGET_OPEN);
	began_us = w.now_us;
	while (w.now_us < began_us + 100 * SECOND) {
		if (budget_ask(w.b, &admin, w.now_us) == BUDGET_OPEN) {
			budget_begin(w.b, BUDGET_ORDINARY);
			budget_wrong(w.b, &admin, w.now_us, HASH_US);
			spent_us += HASH_US;
		}
		w.now_us += 1000;
	}
	assert_in_range(spent_us, SHARE * 100 / 32, SHARE * 100 / 16 + 6 * HASH_US);
	assert_int_equal(budget_ask(w.b, &admin, w.now_us), BUDGET_PAIR);
	/* Not even who guesses the same name through a proxy on this machine. */
	assert_int_equal(budget_ask(w.b, &socket, w.now_us), BUDGET_OPEN);
	assert_int_equal(budget_ask(w.b, &root, w.now_us), BUDGET_OPEN);
	/* All of them together have a bound as well. */
	for (i = 0; i < 100; i++) {
		char name[8];
		struct budget_login l;

		snprintf(name, sizeof(name), "a%d", i);
		l = budget_login(w.b, im_str(name), IM_STR("127.0.0.1"), BUDGET_ADDRESS_LOCAL);
		if (budget_ask(w.b, &l, w.now_us) != BUDGET_OPEN)
			break;
		budget_begin(w.b, BUDGET_ORDINARY);
		budget_wrong(w.b, &l, w.now_us, HASH_US);
	}
	assert_in_range(i, 8, 40);
	assert_int_equal(budget_ask(w.b, &root, w.now_us), BUDGET_LOCAL);
	budget_free(&w.b);
}

static void those_under_way_count_as_far_as_the_last_were_wrong(void **state)
{
	struct world w = begin(HASH_US);
	struct budget_login l;
	char user[32], address[32];
	int i;

	(void)state;
	/* After a restart everybody comes at once, and nobody is wrong. */
	for (i = 0; i < 1000; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		assert_true(open_for(&w, user, "192.0.2.1"));
		budget_begin(w.b, BUDGET_ORDINARY);
	}
	for (i = 0; i < 1000; i++)
		budget_right(w.b, BUDGET_ORDINARY);
	/* But when guesses come, those that were let in before the first was found wrong are too
	 * many by then. */
	for (i = 0; i < 1000; i++)
		budget_begin(w.b, BUDGET_ORDINARY);
	for (i = 0; i < 20; i++) {
		snprintf(address, sizeof(address), "198.51.100.%d", i);
		l = login(&w, "x", address);
		budget_wrong(w.b, &l, w.now_us, HASH_US);
	}
	assert_int_equal(ask(&w, "bob", "192.0.2.2"), BUDGET_ALL);
	for (i = 0; i < 980; i++)
		budget_given_up(w.b, BUDGET_ORDINARY);
	w.now_us += SECOND;
	assert_true(open_for(&w, "bob", "192.0.2.2"));
	budget_free(&w.b);
}

/* Many may have been let in from one address before any was found wrong. */
static void suspects_under_way_count_for_suspects_alone(void **state)
{
	struct world w = begin(HASH_US);
	struct budget_login bad = login(&w, "x", "198.51.100.1");
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		budget_begin(w.b, BUDGET_ORDINARY);
	for (i = 0; i < 5; i++)
		budget_wrong(w.b, &bad, w.now_us, HASH_US);
	assert_int_equal(ask(&w, "bob", "192.0.2.2"), BUDGET_ALL);
	budget_suspects(w.b, 995 * BUDGET_ORDINARY);
	assert_true(open_for(&w, "bob", "192.0.2.2"));
	assert_int_equal(ask(&w, "bob", "198.51.100.1"), BUDGET_ALL);
	/* Those that are done by now are no more among them. */
	for (i = 0; i < 900; i++)
		budget_given_up(w.b, BUDGET_ORDINARY);
	assert_true(open_for(&w, "bob", "192.0.2.2"));
	budget_suspects(w.b, 0);
	assert_int_equal(ask(&w, "bob", "192.0.2.2"), BUDGET_ALL);
	budget_free(&w.b);
}

/* A hash that was brought along, and one from before such had a bound: the storm comes from fresh
 * addresses, and nothing speaks against the user at first. */
static void a_dear_look_needs_what_it_costs(void **state)
{
	static const int64_t dear[] = {8, 100};
	char address[32];

	(void)state;
	for (size_t k = 0; k < sizeof(dear) / sizeof(dear[0]); k++) {
		struct world w = begin(HASH_US);
		int64_t one_us = dear[k] * HASH_US, began_us = w.now_us, spent_us = 0;
		struct budget_login l;
		int n = 0;

		for (int i = 0; w.now_us < began_us + 100 * SECOND; i++) {
			snprintf(address, sizeof(address), "10.%d.%d.%d", i >> 16, i >> 8 & 255,
				i & 255);
			l = login(&w, "huge", address);
			l.price = dear[k] * BUDGET_ORDINARY;
			w.now_us += SECOND / 300;
			if (budget_ask(w.b, &l, w.now_us) != BUDGET_OPEN)
				continue;
			budget_begin(w.b, l.price);
			w.now_us += one_us;
			spent_us += one_us;
			n++;
			budget_wrong(w.b, &l, w.now_us, one_us);
			/* The same user from there waits until it has flowed in, and from
			 * elsewhere finds none that was not there. */
			assert_int_equal(budget_ask(w.b, &l, w.now_us + one_us * 79), BUDGET_PAIR);
			if (dear[k] == 100)
				assert_false(open_for(&w, "bob", "192.0.2.9"));
		}
		assert_in_range(n, 2, 1000);
		/* A fifth of the time and what was saved up, or the first look. */
		assert_in_range(spent_us, 1, (100 * SECOND + 5 * SECOND) / 5 + one_us);
		/* An ordinary one is what it was: no more is kept for it. */
		w.now_us += 100 * SECOND;
		for (n = 0; n < 100 && guess(&w, "carl", "192.0.2.9"); n++)
			;
		assert_in_range(n, 4, 6);
		budget_free(&w.b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(however_many_come_they_cost_their_share),
		cmocka_unit_test(a_stale_password_costs_nobody_else),
		cmocka_unit_test(one_wrong_guess_closes_no_door_however_slow_it_was),
		cmocka_unit_test(whom_nobody_attacks_comes_in),
		cmocka_unit_test(what_is_kept_for_the_innocent_is_worth_several_looks),
		cmocka_unit_test(who_guesses_many_from_one_address_keeps_those_behind_it_out_alone),
		cmocka_unit_test(who_guesses_behind_a_proxy_keeps_out_whom_he_guesses),
		cmocka_unit_test(names_that_are_made_up_behind_a_proxy_leave_room_beside_it),
		cmocka_unit_test(what_a_proxy_lets_one_do_keeps_nobody_out),
		cmocka_unit_test(a_million_addresses_wash_nothing_away),
		cmocka_unit_test(turned_away_speaks_against_an_address_but_not_against_a_name),
		cmocka_unit_test(administrators_on_the_machine_pay_apart),
		cmocka_unit_test(those_under_way_count_as_far_as_the_last_were_wrong),
		cmocka_unit_test(suspects_under_way_count_for_suspects_alone),
		cmocka_unit_test(a_dear_look_needs_what_it_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
