/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three nodes over one log: what one stores all have, in one order and once, and what is decided at
 * one holds at all, whatever is lost between them and the log, and whoever dies.
 */
#include "tests/flow/flow_cluster.h"

#include <stdio.h>

#include "tests/flow/flow_device.h"

static const char *const users[] = {"alice", "bob", "carol", "dave", NULL};

struct three {
	struct flow *f; /* first, for flow_end */
	struct flow_cluster c;
	struct flow_device *alice[3], *bob[3];
	unsigned halved;
};

static struct flow_device *at(struct three *t, const char *user, unsigned node)
{
	char name[32];
	struct flow_device *d;

	snprintf(name, sizeof(name), "%s-%u", user, node);
	d = flow_device(t->f, user, name);
	d->at = &t->f->nodes[node].brokers[0];
	assert_true(flow_connect(d));
	return d;
}

static int begin(void **state)
{
	struct three *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->f = flow_start(&store_sqlite, users);
	for (unsigned i = 1; i < 3; i++)
		flow_add_node(t->f, &store_sqlite, users);
	flow_cluster_begin(&t->c, t->f);
	for (unsigned i = 0; i < 3; i++) {
		t->alice[i] = at(t, "alice", i);
		t->bob[i] = at(t, "bob", i);
	}
	flow_settle(t->f);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct three *t = *state;
	struct flow_cluster c = t->c;
	int rc = flow_end(state);

	flow_cluster_end(&c);
	return rc;
}

/* Others look at the log by time. */
static void pass(struct three *t)
{
	for (int i = 0; i < 3; i++)
		flow_pass(t->f, 250);
}

static void assert_same(struct three *t)
{
	const char *table;

	assert_true(flow_cluster_calm(&t->c));
	table = flow_cluster_unequal(&t->c);
	if (table)
		fail_msg("the copies differ in table %s", table);
}

static void what_one_node_stores_all_have(void **state)
{
	struct three *t = *state;

	assert_true(flow_send(t->alice[0], "u/bob", "m1", "from 0"));
	pass(t);
	assert_true(flow_sent(t->alice[0], "m1")->acked);
	assert_true(flow_send(t->alice[1], "u/bob", "m2", "from 1"));
	pass(t);
	assert_true(flow_send(t->bob[2], "u/alice", "m3", "from 2"));
	pass(t);
	for (unsigned i = 0; i < 3; i++) {
		assert_has(t->bob[i], "u/alice", 1, "from 0");
		assert_has(t->bob[i], "u/alice", 2, "from 1");
		assert_has(t->alice[i], "u/bob", 3, "from 2");
	}
	assert_same(t);
}

static void an_id_is_stored_once_through_whichever_nodes(void **state)
{
	struct three *t = *state;

	for (unsigned i = 0; i < 3; i++)
		assert_true(flow_send(t->alice[i], "u/bob", "same", "once"));
	pass(t);
	pass(t);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(flow_sent(t->alice[i], "same")->acked);
		assert_int_equal(flow_sent(t->alice[i], "same")->seq, 1);
		assert_has(t->bob[i], "u/alice", 1, "once");
		assert_null(flow_has(t->bob[i], "u/alice", 2));
	}
	assert_same(t);
}

static void what_is_decided_at_one_holds_at_all(void **state)
{
	struct three *t = *state;

	assert_non_null(
		strstr(flow_rpc(t->bob[1], "block.add", "{\"uid\":\"alice\"}"), "\"result\""));
	pass(t);
	/* The plugin there says no, or else the commit. */
	if (flow_send(t->alice[2], "u/bob", "no", "blocked"))
		pass(t);
	assert_null(flow_has(t->bob[0], "u/alice", 1));
	assert_false(flow_sent(t->alice[2], "no") && flow_sent(t->alice[2], "no")->acked);
	assert_same(t);
}

static void a_group_made_at_one_is_written_to_at_another(void **state)
{
	struct three *t = *state;

	assert_non_null(strstr(flow_rpc(t->alice[0], "group.create",
				       "{\"gid\":\"team\",\"name\":\"t\",\"members\":[\"bob\"]}"),
		"\"result\""));
	pass(t);
	assert_true(flow_send(t->bob[2], "g/team", "g1", "hello all"));
	pass(t);
	for (unsigned i = 0; i < 3; i++)
		assert_has(t->alice[i], "g/team", 2, "hello all");
	assert_non_null(strstr(
		flow_rpc(t->alice[1], "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}"),
		"\"result\""));
	pass(t);
	if (flow_send(t->bob[2], "g/team", "g2", "still here?"))
		pass(t);
	assert_false(flow_sent(t->bob[2], "g2") && flow_sent(t->bob[2], "g2")->acked);
	assert_same(t);
}

static void a_node_cut_off_waits_and_then_has_all(void **state)
{
	struct three *t = *state;

	t->c.members[2].cut = true;
	pass(t);
	assert_true(flow_send(t->alice[2], "u/bob", "waits", "from the cut off"));
	assert_true(flow_send(t->alice[0], "u/bob", "m1", "from 0"));
	pass(t);
	assert_false(flow_sent(t->alice[2], "waits")->acked);
	assert_true(flow_sent(t->alice[0], "m1")->acked);
	assert_null(flow_has(t->bob[2], "u/alice", 1));
	assert_same(t);
	for (unsigned i = 0; i < 3; i++) {
		assert_has(t->bob[i], "u/alice", 1, "from 0");
		assert_has(t->bob[i], "u/alice", 2, "from the cut off");
	}
	assert_true(flow_sent(t->alice[2], "waits")->acked);
}

static void another_era_begins_beyond_the_one_before(void **state)
{
	struct three *t = *state;

	assert_true(flow_send(t->alice[0], "u/bob", "m1", "before"));
	pass(t);
	t->c.era = 7;
	assert_true(flow_send(t->alice[1], "u/bob", "m2", "after"));
	pass(t);
	assert_true(flow_sent(t->alice[1], "m2")->acked);
	assert_int_equal(flow_sent(t->alice[1], "m2")->seq, 2);
	assert_true(cluster_end(t->c.members[1].cluster) > UINT64_C(7) << COPY_ERA_SHIFT);
	assert_same(t);
	for (unsigned i = 0; i < 3; i++)
		assert_has(t->bob[i], "u/alice", 2, "after");
}

/* -- at random -- */

#define SENDS 60

static void something(struct three *t, struct prng *r, unsigned i)
{
	struct flow_device **of = prng_below(r, 2) ? t->alice : t->bob;
	unsigned which = prng_below(r, 3);
	struct flow_device *d = of[which];
	const char *to = of == t->alice ? "u/bob" : "u/alice";
	struct flow_node *n = &t->f->nodes[prng_below(r, 3)];
	char id[16], body[32], json[64];

	snprintf(id, sizeof(id), "m%u", i);
	snprintf(body, sizeof(body), "body %u", i);
	switch (prng_below(r, 16)) {
	case 0:
		flow_kill_bridge(n);
		flow_start_bridge(n);
		break;
	case 1:
		t->c.members[prng_below(r, 3)].cut ^= true;
		break;
	case 2:
		snprintf(json, sizeof(json), "{\"conv\":\"%s\",\"seq\":%u}", to,
			1 + prng_below(r, 9));
		if (d->c)
			flow_ask(d, "conv.read", json);
		break;
	case 3:
		t->c.era++;
		if (d->c)
			flow_ask(d, "user.update", "{\"nick\":\"another\"}");
		break;
	default:
		if (d->c && !flow_send(d, to, id, body))
			break;
		if (prng_below(r, 8) == 0) /* the same through another node */
			flow_send(of[(which + 1) % 3], to, id, body);
		break;
	}
	if (prng_below(r, 3) == 0)
		flow_pass(t->f, prng_below(r, 400));
	else
		flow_step(t->f);
}

static void resend(struct three *t)
{
	for (unsigned i = 0; i < 3; i++) {
		if (!t->alice[i]->c)
			assert_true(flow_connect(t->alice[i]));
		if (!t->bob[i]->c)
			assert_true(flow_connect(t->bob[i]));
		flow_resend(t->alice[i]);
		flow_resend(t->bob[i]);
	}
	pass(t);
}

/* Everybody has the same, each body once. NULL: so it is. */
static const char *wrong(struct three *t)
{
	struct flow_conv *first = flow_conv(t->bob[0], "u/alice");

	for (unsigned i = 0; i < 3; i++) {
		const struct flow_conv *v[] = {
			flow_conv(t->bob[i], "u/alice"), flow_conv(t->alice[i], "u/bob")};

		for (unsigned k = 0; k < 2; k++)
			if (v[k]->n != first->n)
				return "a device has more or fewer messages than another";
	}
	return NULL;
}

static bool acked_once(const struct flow_device *d)
{
	for (const struct flow_sent *s = d->sent; s; s = s->next)
		if (!s->acked && !s->refused)
			return false;
	return true;
}

static const char *life(struct three *t, uint64_t seed)
{
	struct prng r = {seed};
	const char *table;

	t->f->random.state = seed * 77;
	t->c.late = prng_below(&r, 400);
	t->c.lost = prng_below(&r, 60);
	t->c.doubt = prng_below(&r, 120);
	t->c.behind = prng_below(&r, 60);
	for (unsigned i = 0; i < 3; i++)
		t->f->nodes[i].fail_directory = prng_below(&r, 60);
	for (unsigned i = 0; i < SENDS; i++)
		something(t, &r, i);
	for (unsigned i = 0; i < 3; i++) {
		t->halved += t->f->nodes[i].halved;
		t->f->nodes[i].fail_directory = 0;
	}
	if (!flow_cluster_calm(&t->c))
		return "it does not come to rest";
	for (unsigned i = 0; i < 5; i++)
		resend(t);
	if (!flow_cluster_calm(&t->c))
		return "it does not come to rest again";
	table = flow_cluster_unequal(&t->c);
	if (table)
		return table;
	for (unsigned i = 0; i < 3; i++)
		if (!acked_once(t->alice[i]) || !acked_once(t->bob[i]))
			return "something sent was never answered";
	return wrong(t);
}

static void whatever_is_lost_the_copies_are_equal(void **state)
{
	unsigned doubts = 0, moved = 0, left = 0, halved = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= FLOW_SEEDS / 4; seed++) {
		struct three *t;
		const char *why;

		begin((void **)&t);
		why = life(t, seed);
		if (why)
			fail_msg("seed %llu: %s", (unsigned long long)seed, why);
		doubts += t->c.doubts;
		moved += t->c.moved;
		left += t->c.left_n;
		halved += t->halved;
		end((void **)&t);
	}
	assert_true(doubts && moved && left && halved);
}

/* A log that takes what does not stand behind its end is found out. */
static void a_blind_log_is_found_out(void **state)
{
	unsigned found = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct three *t;

		begin((void **)&t);
		t->c.blind = true;
		found += life(t, seed) != NULL;
		end((void **)&t);
	}
	assert_true(found >= 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_one_node_stores_all_have),
		TEST(an_id_is_stored_once_through_whichever_nodes),
		TEST(what_is_decided_at_one_holds_at_all),
		TEST(a_group_made_at_one_is_written_to_at_another),
		TEST(a_node_cut_off_waits_and_then_has_all),
		TEST(another_era_begins_beyond_the_one_before),
		cmocka_unit_test(whatever_is_lost_the_copies_are_equal),
		cmocka_unit_test(a_blind_log_is_found_out),
	};

	return cmocka_run_group_tests_name("flow cluster", tests, NULL, NULL);
}
