/* SPDX-License-Identifier: BSD-3-Clause */
/* Logins by password: what is right, what is remembered of it, and what wrong ones may cost. */
#include <stdio.h>

#include "common/phc.h"
#include "tests/unit/auth_fixture.h"

static void passwords(void **state)
{
	struct fixture f = {0};
	char longest[IM_PASSWORD_MAX + 2];

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'carol';"
		       "INSERT INTO user(uid, created_ms) VALUES ('bot', 0);"
		       "INSERT INTO user(uid, password, created_ms) VALUES ('odd', 'x', 0)");
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_false(fixture_accepts(&f, "alice", "pW"));
	assert_false(fixture_accepts(&f, "alice", ""));
	assert_false(fixture_accepts(&f, "alice", NULL));
	assert_false(fixture_accepts(&f, "nobody", "pw"));
	assert_false(fixture_accepts(&f, "carol", "pw"));
	assert_false(fixture_accepts(&f, "bot", ""));
	assert_false(fixture_accepts(&f, "odd", "x"));
	/* A token is nothing here. */
	assert_false(fixture_accepts(&f, "alice", "e30.e30.e30"));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(fixture_accepts(&f, "alice", longest));
	fixture_stop(&f);
}

static void a_login_is_remembered_until_the_password_changes(void **state)
{
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 1);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 1);
	assert_int_equal(auth_stats(f.a)->cached, 1);
	/* Not another's, and no other password. */
	assert_false(fixture_accepts(&f, "nobody", "pw"));
	assert_false(fixture_accepts(&f, "alice", "pw2"));
	assert_int_equal(auth_stats(f.a)->hashed, 3);
	node_sql(&f.n, "UPDATE user SET password = NULL WHERE uid = 'alice'");
	assert_true(fixture_accepts(&f, "alice", "pw"));
	lookup_forget_user(f.d, IM_STR("alice"));
	assert_false(fixture_accepts(&f, "alice", "pw"));
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'bob'");
	lookup_rest(f.d);
	assert_false(fixture_accepts(&f, "bob", "pw"));
	fixture_stop(&f);
}

static void an_unused_login_is_forgotten(void **state)
{
	const struct options_pair o[] = {{"auth_cache_ttl", "60"}};
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, o, 1);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	f.n.mono_us += 59 * 1000000;
	assert_true(fixture_accepts(&f, "alice", "pw"));
	f.n.mono_us += 59 * 1000000;
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 1);
	f.n.mono_us += 61 * 1000000;
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 2);
	fixture_stop(&f);
}

static void without_a_cache_each_login_is_hashed(void **state)
{
	const struct options_pair o[] = {{"auth_cache", "0"}};
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, o, 1);
	assert_true(fixture_accepts(&f, "alice", "pw") && fixture_accepts(&f, "alice", "pw"));
	assert_int_equal(auth_stats(f.a)->hashed, 2);
	fixture_stop(&f);
}

static void wrong_logins_have_a_budget(void **state)
{
	struct fixture f = {0};
	uint64_t hashed, throttled = 0;
	int64_t began_us, allowed_us;
	struct auth_verdict v;
	char address[32];
	int i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	began_us = f.n.mono_us;
	f.mono_step_us = 10000; /* a hash seems to take 10 ms */
	hashed = auth_stats(f.a)->hashed;
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i % 50);
		f.address = address;
		v = fixture_check(&f, i % 2 ? "bob" : "nobody", "wrong");
		assert_false(v.accepted);
		/* Who is not looked at is told so, and never that he is wrong. */
		assert_int_equal(is_busy(v), strncmp(v.no.why, "throttled: ", 11) == 0);
		throttled += is_busy(v);
	}
	/* A fifth of the time, and a second that had been saved up. */
	allowed_us = (f.n.mono_us - began_us + 5000000) / 5;
	hashed = auth_stats(f.a)->hashed - hashed;
	assert_in_range(hashed * 10000, (uint64_t)allowed_us / 4, (uint64_t)allowed_us + 10000);
	assert_int_equal(throttled + hashed, 1000);
	assert_int_equal(auth_stats(f.a)->throttled, throttled);
	assert_int_equal(auth_stats(f.a)->throttled_pair + auth_stats(f.a)->throttled_address +
				 auth_stats(f.a)->throttled_all,
		throttled);
	/* Who is known gets in all the same; and so does who is not, from an address that is quiet.
	 */
	f.address = "192.0.2.1";
	assert_true(fixture_accepts(&f, "alice", "pw"));
	f.address = "198.51.100.1";
	assert_true(fixture_accepts(&f, "carol", "pw"));
	f.mono_step_us = 0;
	fixture_stop(&f);
}

static void the_log_names_the_budget(void **state)
{
	struct fixture f = {0};
	struct auth_verdict v;
	char name[16];
	int i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	f.mono_step_us = 15000;
	for (i = 0; i < 100 && !is_busy(fixture_check(&f, "bob", "wrong")); i++)
		;
	assert_string_equal(fixture_check(&f, "bob", "wrong").no.why,
		"throttled: too many wrong passwords for this user and address");
	assert_int_equal(auth_stats(f.a)->throttled_pair, 2);
	/* It costs neither another user there nor this one elsewhere. */
	assert_true(fixture_accepts(&f, "carol", "pw"));
	f.address = "192.0.2.2";
	assert_true(fixture_accepts(&f, "bob", "pw"));
	f.address = NULL;
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		v = fixture_check(&f, name, "wrong");
		if (is_busy(v))
			break;
	}
	assert_string_equal(v.no.why, "throttled: too many wrong passwords from this address");
	assert_int_equal(auth_stats(f.a)->throttled_address, 1);
	assert_int_equal(auth_stats(f.a)->throttled, 3);
	fixture_stop(&f);
}

static void wrong_logins_do_not_hold_up_a_turn_of_the_loop(void **state)
{
	struct fixture f = {0};
	char name[16];
	int i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	assert_true(fixture_accepts(&f, "alice", "pw"));
	f.mono_step_us = 20000;
	for (i = 0; i < 8; i++) /* so that something speaks against the address */
		assert_false(fixture_accepts(&f, "bob", "wrong"));
	f.n.mono_us += 10000000;
	f.one_turn = true;
	auth_turn(f.a);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		assert_false(fixture_accepts(&f, name, "wrong"));
	}
	/* Two of 20 ms each; and for those against whose address nothing speaks three. */
	assert_int_equal(auth_stats(f.a)->throttled_all, 8);
	assert_string_equal(fixture_check(&f, "carol", "pw").no.why,
		"throttled: too many wrong passwords at once");
	assert_true(fixture_accepts(&f, "alice", "pw"));
	f.address = "203.0.113.1";
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		assert_false(is_busy(fixture_check(&f, name, "wrong")));
	}
	f.address = "203.0.113.2";
	assert_true(is_busy(fixture_check(&f, "x3", "wrong")));
	f.one_turn = false;
	assert_true(fixture_accepts(&f, "bob", "pw"));
	fixture_stop(&f);
}

static void one_slow_look_keeps_nobody_else_out_of_a_turn(void **state)
{
	struct fixture f = {0};

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	f.mono_step_us = 30000;
	for (int i = 0; i < 8; i++) /* so that something speaks against bob, and the address */
		assert_false(fixture_accepts(&f, "bob", "wrong"));
	f.n.mono_us += 10000000;
	f.one_turn = true;
	auth_turn(f.a);
	assert_false(is_busy(fixture_check(&f, "bob", "wrong")));
	assert_true(is_busy(fixture_check(&f, "bob", "wrong")));
	assert_true(fixture_accepts(&f, "alice", "pw"));
	assert_false(is_busy(fixture_check(&f, "user1", "wrong")));
	assert_true(is_busy(fixture_check(&f, "user2", "wrong")));
	fixture_stop(&f);
}

static void an_address_is_a_clients_share_of_them(void **state)
{
	const char *const same[] = {"2001:db8::1", "2001:db8::ffff:1", "2001:db8::2:0:0:1"};
	struct fixture f = {0};
	int64_t began_us, allowed_us;
	uint64_t hashed;
	int i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	began_us = f.n.mono_us;
	f.mono_step_us = 10000;
	hashed = auth_stats(f.a)->hashed;
	for (i = 0; i < 1000; i++) {
		f.address = same[i % 3];
		assert_false(fixture_accepts(&f, "bob", "wrong"));
	}
	/* An eightieth of the time, and what had been saved up. */
	allowed_us = (f.n.mono_us - began_us) / 80 + 6 * 15000;
	hashed = auth_stats(f.a)->hashed - hashed;
	assert_in_range(hashed * 10000, (uint64_t)allowed_us / 4, (uint64_t)allowed_us + 10000);
	assert_false(fixture_accepts(&f, "bob", "pw"));
	f.address = "2001:db8:0:1::1";
	assert_true(fixture_accepts(&f, "bob", "pw"));
	f.address = "203.0.113.9";
	assert_true(fixture_accepts(&f, "carol", "pw"));
	fixture_stop(&f);
}

static void a_header_spends_nobodys_share(void **state)
{
	const char *const names[] = {"203.0.113.9", "2001:db8::1", "/run/mosquitto/im.sock"};
	struct fixture f = {0};
	size_t i;
	int k;

	(void)state;
	for (int liar = 0; liar < 2; liar++) {
		node_folder(&f.n);
		fixture_start(&f, NULL, 0);
		f.mono_step_us = 10000;
		for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			f.n.mono_us += 60000000;
			f.address = names[i];
			f.hearsay = liar;
			for (k = 0; k < 200 && !is_busy(fixture_check(&f, "bob", "wrong")); k++)
				;
			/* Its own share is gone. */
			f.mono_step_us = 0;
			assert_true(is_busy(fixture_check(&f, "bob", "pw")));
			f.mono_step_us = 10000;
			f.hearsay = !liar;
			assert_false(is_busy(fixture_check(&f, "bob", "wrong")));
		}
		fixture_stop(&f);
		f = (struct fixture){0};
	}
}

static void a_proxy_is_known_by_its_address(void **state)
{
	const char *const its[] = {"127.0.0.2", "::ffff:127.0.0.2", "2001:db8::7",
		"2001:DB8:0:0::0007", "::ffff:192.0.2.7", "192.0.2.7", "/run/proxy.sock"};
	const char *const others[] = {
		"127.0.0.1", "2001:db8::8", "192.0.2.70", "/run/proxy.soc", "/run/proxy.sock2", ""};
	const struct options_pair named[] = {{"proxy_address", "127.0.0.2"},
		{"proxy_address", "2001:db8::7"}, {"proxy_address", "::ffff:192.0.2.7"},
		{"proxy_address", "/run/proxy.sock"}};
	struct fixture f = {0};
	struct auth_verdict v;
	struct auth_hash h;
	size_t i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, named, 4);
	for (i = 0; i < sizeof(its) / sizeof(its[0]) + sizeof(others) / sizeof(others[0]); i++) {
		const bool own = i >= sizeof(its) / sizeof(its[0]);
		struct auth_login l = {.uid = IM_STR("root"),
			.password = IM_STR("wrong"),
			.address = im_str(own ? others[i - sizeof(its) / sizeof(its[0])] : its[i])};

		auth_begin(f.a, &l, &v, &h);
		if ((h.who.from != BUDGET_ADDRESS_PROXY) != own)
			fail_msg("%.*s: %d", IM_ARGS(l.address), h.who.from);
		l.hearsay = true;
		auth_begin(f.a, &l, &v, &h);
		assert_int_equal(h.who.from, own ? BUDGET_ADDRESS_OWN : BUDGET_ADDRESS_PROXY);
	}
	fixture_stop(&f);
}

static bool is_local(struct fixture *f, const char *uid, const char *address)
{
	const struct auth_login l = {.uid = im_str(uid),
		.password = IM_STR("wrong"),
		.address = im_str(address),
		.hearsay = f->hearsay,
		.idle = true};
	struct auth_verdict v;
	struct auth_hash h;

	auth_begin(f->a, &l, &v, &h);
	return h.who.from == BUDGET_ADDRESS_LOCAL;
}

static void administrators_on_the_machine_have_a_budget_of_their_own(void **state)
{
	const char *const here[] = {"127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "/run/im"};
	const char *const there[] = {
		"10.0.0.1", "128.0.0.1", "::2", "2001:db8::1", "::ffff:10.0.0.1", "", "localhost"};
	struct fixture f = {0};
	char address[32], name[16];
	size_t k;
	int i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	for (k = 0; k < sizeof(here) / sizeof(here[0]); k++) {
		assert_true(is_local(&f, "root", here[k]));
		assert_false(is_local(&f, "alice", here[k]));
		assert_false(is_local(&f, "nobody", here[k]));
	}
	for (k = 0; k < sizeof(there) / sizeof(there[0]); k++)
		assert_false(is_local(&f, "root", there[k]));
	f.hearsay = true;
	for (k = 0; k < sizeof(here) / sizeof(here[0]); k++)
		assert_false(is_local(&f, "root", here[k]));
	f.hearsay = false;
	f.mono_step_us = 10000;
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
		snprintf(name, sizeof(name), "user%d", i);
		f.address = i % 10 ? address : here[i % 5];
		assert_false(fixture_accepts(&f, name, "wrong"));
	}
	f.address = "127.0.0.1";
	assert_true(fixture_accepts(&f, "root", "pw"));
	fixture_stop(&f);
}

/* ---- what cannot be right costs what is wrong ---- */

static struct im_phc_cost cost_of(const char *phc)
{
	struct im_phc_cost cost = {0};

	assert_true(im_phc_read(im_str(phc), &cost));
	return cost;
}

static void begin(struct fixture *f, const char *uid, struct auth_hash *h)
{
	const struct auth_login l = {
		.uid = im_str(uid), .password = IM_STR("wrong"), .address = IM_STR("192.0.2.1")};
	struct auth_verdict v;

	lookup_forget_all(f->d);
	auth_begin(f->a, &l, &v, h);
	assert_true(v.later);
}

static void whoever_has_no_password_costs_what_one_costs_that_is_set_now(void **state)
{
	const char *const names[] = {"nobody", "bot", "carol", "odd"};
	struct fixture f = {0};
	struct im_phc_cost cost;
	struct auth_hash h;
	struct hash_done done;
	size_t i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'carol';"
		       "INSERT INTO user(uid, created_ms) VALUES ('bot', 0);"
		       "INSERT INTO user(uid, password, created_ms) VALUES ('odd', 'x', 0);"
		       "UPDATE meta SET value = 777 WHERE key = 'password_memory_kib';"
		       "UPDATE meta SET value = 5 WHERE key = 'password_passes'");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		begin(&f, names[i], &h);
		cost = cost_of(h.work.stored);
		assert_int_equal(cost.memory_kib, 777);
		assert_int_equal(cost.passes, 5);
		assert_string_equal(h.work.pad, "");
		hash_work_run(&h.work, IM_STR("wrong"), &f.clock, &done);
		assert_int_equal(done.result, IM_E_NONE);
	}
	/* No bridge has said anything, or what cannot be. */
	node_sql(&f.n, "UPDATE meta SET value = 0 WHERE key = 'password_passes'");
	begin(&f, "nobody", &h);
	assert_int_equal(cost_of(h.work.stored).memory_kib, IM_PHC_MEMORY_KIB);
	node_sql(&f.n, "DELETE FROM meta");
	begin(&f, "nobody", &h);
	assert_int_equal(cost_of(h.work.stored).memory_kib, IM_PHC_MEMORY_KIB);
	assert_int_equal(cost_of(h.work.stored).passes, IM_PHC_PASSES);
	fixture_stop(&f);
}

static void a_password_from_before_costs_what_it_lacks(void **state)
{
	struct fixture f = {0};
	struct auth_hash h;
	struct hash_done done;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	/* It was set with 8 KiB and one pass. */
	begin(&f, "alice", &h);
	assert_string_equal(h.work.pad, "");
	node_sql(&f.n, "UPDATE meta SET value = 104 WHERE key = 'password_memory_kib';"
		       "UPDATE meta SET value = 2 WHERE key = 'password_passes'");
	begin(&f, "alice", &h);
	assert_int_equal(cost_of(h.work.stored).memory_kib, 8);
	assert_int_equal(cost_of(h.work.pad).memory_kib, (104 * 2 - 8) / 2);
	assert_int_equal(cost_of(h.work.pad).passes, 2);
	hash_work_run(&h.work, IM_STR("wrong"), &f.clock, &done);
	assert_int_equal(done.result, IM_E_NONE);
	assert_string_equal(done.fresh, "");
	/* Right, it is hashed anew in place of that. */
	hash_work_run(&h.work, IM_STR("pw"), &f.clock, &done);
	assert_int_equal(done.result, IM_OK);
	assert_int_equal(cost_of(done.fresh).memory_kib, 104);
	assert_int_equal(cost_of(done.fresh).passes, 2);
	assert_int_equal(im_phc_verify(im_str(done.fresh), IM_STR("pw")), IM_OK);
	/* Cheaper than it was: nothing to make up for, and made anew when its user comes. */
	node_sql(&f.n, "UPDATE user SET password = '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$"
		       "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4' WHERE uid = 'bob'");
	begin(&f, "bob", &h);
	assert_int_equal(cost_of(h.work.stored).memory_kib, 256);
	assert_string_equal(h.work.pad, "");
	hash_work_run(&h.work, IM_STR("password"), &f.clock, &done);
	assert_int_equal(done.result, IM_OK);
	assert_int_equal(cost_of(done.fresh).memory_kib, 104);
	fixture_stop(&f);
}

#define DEAR                                            \
	"$argon2id$v=19$m=262144,t=16,p=1$c29tZXNhbHQ$" \
	"nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

/* Where everybody waits for it, and it is not at the operator's own cost: what is looked at in its
 * place costs what any costs. */
static void a_hash_that_would_hold_up_the_broker_is_not_looked_at(void **state)
{
	struct auth_login l = {.uid = IM_STR("bob"),
		.password = IM_STR("pw"),
		.address = IM_STR("192.0.2.1"),
		.alone = true};
	struct fixture f = {0};
	struct auth_verdict v;
	struct auth_hash h;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	node_sql(&f.n, "UPDATE meta SET value = 8 WHERE key = 'password_memory_kib';"
		       "UPDATE meta SET value = 1 WHERE key = 'password_passes';"
		       "UPDATE user SET password = '" DEAR "' WHERE uid = 'bob'");
	auth_begin(f.a, &l, &v, &h);
	assert_true(v.later);
	assert_false(h.comparable);
	assert_int_equal(cost_of(h.work.stored).memory_kib, 8);
	assert_int_equal(h.who.price, BUDGET_ORDINARY);
	auth_give_up(f.a, &h, BUDGET_OPEN, &v);
	v = fixture_check(&f, "bob", "pw");
	assert_false(v.accepted);
	assert_int_equal(v.no.kind, DENIAL_LASTING);
	assert_non_null(strstr(v.no.why, "imctl user password"));
	/* By a thread it is. */
	l.alone = false;
	auth_begin(f.a, &l, &v, &h);
	assert_true(h.comparable);
	assert_int_equal(cost_of(h.work.stored).memory_kib, 262144);
	auth_give_up(f.a, &h, BUDGET_OPEN, &v);
	/* And where it costs what the operator has chosen for all, or an import may bring. */
	l.alone = true;
	node_sql(&f.n, "UPDATE meta SET value = 262144 WHERE key = 'password_memory_kib';"
		       "UPDATE meta SET value = 16 WHERE key = 'password_passes'");
	lookup_forget_all(f.d);
	auth_begin(f.a, &l, &v, &h);
	assert_true(h.comparable);
	auth_give_up(f.a, &h, BUDGET_OPEN, &v);
	/* What cannot be compared with says so, too. */
	node_sql(&f.n, "UPDATE meta SET value = 1 WHERE key = 'password_passes';"
		       "UPDATE meta SET value = 8 WHERE key = 'password_memory_kib';"
		       "UPDATE user SET password = '$7$900000$c2FsdHNhbHQ=$x' WHERE uid = 'bob'");
	lookup_forget_all(f.d);
	v = fixture_check(&f, "bob", "pw");
	assert_non_null(strstr(v.no.why, "imctl user password"));
	fixture_stop(&f);
}

/* From before there was a bound: a look would take seconds, and what is there is for a tenth of it.
 */
static void a_dear_hash_is_looked_at_when_its_price_is_there(void **state)
{
	struct fixture f = {0};
	struct auth_hash h;
	const struct auth_login l = {
		.uid = IM_STR("bob"), .password = IM_STR("wrong"), .address = IM_STR("192.0.2.1")};
	struct auth_verdict v;
	char sql[256];

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	snprintf(sql, sizeof(sql),
		"UPDATE meta SET value = %d WHERE key = 'password_memory_kib';"
		"UPDATE meta SET value = %d WHERE key = 'password_passes'",
		IM_PHC_MEMORY_KIB, IM_PHC_PASSES);
	node_sql(&f.n, sql);
	begin(&f, "bob", &h);
	assert_int_equal(h.who.price, BUDGET_ORDINARY);
	auth_give_up(f.a, &h, BUDGET_OPEN, &v);
	node_sql(&f.n, "UPDATE user SET password = '" DEAR "' WHERE uid = 'bob'");
	begin(&f, "bob", &h);
	assert_int_equal(h.who.price, BUDGET_ORDINARY * 262144LL * 16 / (19456 * 2));
	auth_give_up(f.a, &h, BUDGET_OPEN, &v);
	/* A guess at somebody else has taken something from all. */
	f.mono_step_us = 15000;
	(void)fixture_check(&f, "alice", "wrong");
	f.mono_step_us = 0;
	auth_begin(f.a, &l, &v, &h);
	assert_true(is_busy(v));
	/* Another user from there is looked at as ever. */
	begin(&f, "carol", &h);
	auth_give_up(f.a, &h, BUDGET_OPEN, &v);
	fixture_stop(&f);
}

static void a_password_that_is_hashed_meanwhile_may_have_changed(void **state)
{
	const char *const changes[] = {
		"UPDATE user SET disabled = 1 WHERE uid = 'alice'",
		"UPDATE user SET disabled = 0, password = password || 'x' WHERE uid = 'alice'",
		"UPDATE user SET password = NULL WHERE uid = 'alice'",
		"DELETE FROM member; DELETE FROM user WHERE uid = 'bob'",
	};
	const struct hash_done right = {.took_us = 15000, .fresh = "$"};
	struct fixture f = {0};
	struct auth_verdict v;
	struct auth_hash h;
	size_t i;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct auth_login l = {
			.uid = i == 3 ? IM_STR("bob") : IM_STR("alice"), .password = IM_STR("pw")};

		if (i < 3)
			node_sql(&f.n, "UPDATE user SET disabled = 0, password ="
				       " (SELECT password FROM user WHERE uid = 'root')");
		lookup_forget_user(f.d, l.uid);
		auth_begin(f.a, &l, &v, &h);
		assert_true(v.later);
		node_sql(&f.n, changes[i]);
		lookup_forget_user(f.d, l.uid);
		auth_finish(f.a, l.uid, &h, &right, &v);
		assert_false(v.accepted || v.later);
		assert_string_equal(v.no.why, "user or password has changed meanwhile");
		assert_string_equal(v.fresh.phc, "");
	}
	assert_int_equal(auth_stats(f.a)->wrong, 0);
	fixture_stop(&f);
}

static void still_valid_follows_the_directory(void **state)
{
	struct fixture f = {0};
	struct auth_verdict v, other;

	(void)state;
	node_folder(&f.n);
	fixture_start(&f, NULL, 0);
	v = fixture_check(&f, "alice", "pw");
	assert_true(auth_still_valid(f.a, IM_STR("alice"), &v));
	other = v;
	other.credential++;
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &other));
	other = v;
	other.password++;
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &other));
	assert_false(auth_still_valid(f.a, IM_STR("nobody"), &v));
	node_sql(&f.n, "UPDATE user SET disabled = 1 WHERE uid = 'alice'");
	lookup_forget_user(f.d, IM_STR("alice"));
	assert_false(auth_still_valid(f.a, IM_STR("alice"), &v));
	fixture_stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords),
		cmocka_unit_test(a_login_is_remembered_until_the_password_changes),
		cmocka_unit_test(an_unused_login_is_forgotten),
		cmocka_unit_test(without_a_cache_each_login_is_hashed),
		cmocka_unit_test(a_password_that_is_hashed_meanwhile_may_have_changed),
		cmocka_unit_test(wrong_logins_have_a_budget),
		cmocka_unit_test(the_log_names_the_budget),
		cmocka_unit_test(wrong_logins_do_not_hold_up_a_turn_of_the_loop),
		cmocka_unit_test(one_slow_look_keeps_nobody_else_out_of_a_turn),
		cmocka_unit_test(an_address_is_a_clients_share_of_them),
		cmocka_unit_test(a_header_spends_nobodys_share),
		cmocka_unit_test(a_proxy_is_known_by_its_address),
		cmocka_unit_test(administrators_on_the_machine_have_a_budget_of_their_own),
		cmocka_unit_test(whoever_has_no_password_costs_what_one_costs_that_is_set_now),
		cmocka_unit_test(a_password_from_before_costs_what_it_lacks),
		cmocka_unit_test(a_hash_that_would_hold_up_the_broker_is_not_looked_at),
		cmocka_unit_test(a_dear_hash_is_looked_at_when_its_price_is_there),
		cmocka_unit_test(still_valid_follows_the_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
