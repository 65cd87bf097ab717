/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random life with random deaths: users on several devices write, come and go, groups change,
 * frames are lost, commits fail, broker and bridge are killed. In the end every device has what the
 * log has, and the log holds each accepted message as often as was promised. A seed gives the same
 * run again: FLOW_SEED=n runs one.
 */
#include "tests/flow/flow.h"
#include "tests/flow/flow_append.h"
#include "tests/flow/flow_device.h"
#include "tests/flow/flow_log.h"

#include <stdio.h>

#include "bridge/directory/directory_group.h"

#define STEPS 300
#define USERS 5
#define DEVICES 8
#define GROUPS 2

/* erin's memberships change; the others stay in both groups. */
static const char *const users[] = {"root", "alice", "bob", "carol", "dave", "erin", NULL};
static const char *const owners[DEVICES] = {
	"alice", "alice", "bob", "bob", "carol", "dave", "erin", "erin"};

struct run {
	struct flow *f;
	struct prng r;
	struct flow_device *d[DEVICES];
	unsigned n_sent;
	unsigned deaths; /* kills of a thousand steps */
	unsigned brokers;
};

static void create_groups(struct run *run)
{
	static const char *const params[GROUPS] = {
		"{\"gid\":\"g0\",\"members\":[\"bob\",\"carol\",\"dave\",\"erin\"]}",
		"{\"gid\":\"g1\",\"members\":[\"bob\",\"carol\",\"dave\"]}"};

	assert_true(flow_connect(run->d[0]));
	for (int i = 0; i < GROUPS; i++)
		assert_non_null(
			strstr(flow_rpc(run->d[0], "group.create", params[i]), "\"result\""));
}

static void send_something(struct run *run, struct flow_device *d)
{
	char conv[32], id[32], body[64];

	if (prng_below(&run->r, 3) == 0) {
		snprintf(conv, sizeof(conv), "g/g%u", prng_below(&run->r, GROUPS));
	} else {
		const char *peer = users[1 + prng_below(&run->r, USERS)];

		snprintf(conv, sizeof(conv), "u/%s", peer);
	}
	snprintf(id, sizeof(id), "i%u", run->n_sent);
	snprintf(body, sizeof(body), "body-%u-", run->n_sent++);
	flow_send(d, conv, prng_below(&run->r, 2) ? id : NULL, body);
}

static void change_membership(struct run *run)
{
	static const char *const methods[] = {"group.invite", "group.kick"};
	char params[64];

	snprintf(params, sizeof(params), "{\"gid\":\"g%u\",\"members\":[\"erin\"]}",
		prng_below(&run->r, GROUPS));
	if (run->d[0]->c)
		(void)flow_rpc(run->d[0], methods[prng_below(&run->r, 2)], params);
}

/* One of them, without dice when there is one. */
static struct flow_broker *any_broker(struct run *run)
{
	return &run->f->nodes[0].brokers[run->brokers > 1 ? prng_below(&run->r, run->brokers) : 0];
}

static void one_step(struct run *run)
{
	struct flow_device *d = run->d[prng_below(&run->r, DEVICES)];
	uint32_t what = prng_below(&run->r, 100);

	if (!d->at->is_up) {
		flow_pass(run->f, 1 + prng_below(&run->r, 500));
		return;
	}
	if (!d->c)
		(void)flow_connect(d);
	else if (what < 60)
		send_something(run, d);
	else if (what < 65)
		flow_resend(d);
	else if (what < 72)
		flow_disconnect(d, what & 1);
	else if (what < 75)
		change_membership(run);
	else if (what < 90)
		flow_step(run->f);
	else
		flow_pass(run->f, 1 + prng_below(&run->r, 2000));
}

static void maybe_die(struct run *run)
{
	struct flow *f = run->f;
	struct flow_broker *b;

	if (prng_below(&run->r, 1000) >= run->deaths)
		return;
	b = any_broker(run);
	switch (prng_below(&run->r, 4)) {
	case 0:
		if (f->nodes[0].is_up)
			flow_kill_bridge(flow_node(f));
		else
			flow_start_bridge(flow_node(f));
		break;
	case 1:
		if (b->is_up)
			flow_kill_broker(b);
		else
			flow_start_broker(b);
		break;
	case 2:
		if (b->is_up && f->nodes[0].is_up)
			flow_break_link(b);
		break;
	default:
		if (f->nodes[0].is_up) {
			flow_kill_bridge(flow_node(f));
			flow_start_bridge(flow_node(f));
		}
	}
}

/* -- the end: everything works again, and everybody catches up -- */

static bool anybody_waits(const struct run *run)
{
	for (int i = 0; i < DEVICES; i++) {
		if (flow_waiting(run->d[i]))
			return true;
	}
	return false;
}

static void assert_nobody_waits(const struct run *run)
{
	for (int i = 0; i < DEVICES; i++) {
		const struct flow_device *d = run->d[i];

		if (!flow_waiting(d))
			continue;
		print_error("%s waits: %s%s", d->name, d->behind ? "behind " : "",
			d->syncing ? "syncing " : "");
		for (const struct flow_conv *c = d->convs; c; c = c->next)
			print_error("%s%s:%llu ", c->pulling ? "pulls " : "", c->name,
				(unsigned long long)c->n);
		for (const struct flow_sent *s = d->sent; s; s = s->next)
			print_error("%s", s->refused || s->acked || (!s->id[0] && s->accepted)
						  ? ""
						  : s->body);
		print_error("\nlast event %s\n", d->last_event ? d->last_event : "");
		fail();
	}
}

static void converge(struct run *run)
{
	struct flow *f = run->f;

	f->nodes[0].fail_commit = 0;
	if (f->nodes[0].append)
		flow_append_calm(f->nodes[0].append);
	for (unsigned i = 0; i < run->brokers; i++) {
		struct flow_broker *b = &f->nodes[0].brokers[i];

		b->lose_up = b->lose_down = b->lose_inbox = 0;
		if (!b->is_up)
			flow_start_broker(b);
	}
	if (!f->nodes[0].is_up)
		flow_start_bridge(flow_node(f));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < DEVICES; i++) {
			flow_disconnect(run->d[i], false);
			assert_true(flow_connect(run->d[i]));
		}
		for (int k = 0; k < 100 && (k < 3 || anybody_waits(run)); k++) {
			flow_pass(f, 4000);
			for (int i = 0; i < DEVICES; i++) {
				if (k % 3 == 2)
					flow_resend(run->d[i]);
			}
		}
		assert_nobody_waits(run);
	}
}

/* -- what the log holds -- */

/* How this user sees the conversation; false if it has no part in it. */
static bool name_conv(struct run *run, const struct flow_stored *s, const char *user, char name[80])
{
	struct directory_member m;
	struct directory_group g;
	uint64_t me = 0;

	while (strcmp(users[me++], user) != 0)
		;
	if (s->kind == IM_CONV_USER) {
		if (s->a != me && s->b != me)
			return false;
		snprintf(name, 80, "u/%s", users[(s->a == me ? s->b : s->a) - 1]);
		return true;
	}
	if (directory_member_get(run->f->nodes[0].rig.dir, s->a, me, &m) != IM_OK)
		return false;
	assert_int_equal(directory_group_by_id(run->f->nodes[0].rig.dir, s->a, &g), IM_OK);
	snprintf(name, 80, "g/%.*s", IM_ARGS(g.gid));
	return true;
}

static void check_device(struct run *run, const struct flow_stored *log, struct flow_device *d)
{
	char name[80], part[128];

	for (const struct flow_stored *s = log; s; s = s->next) {
		const char *text;

		if (!name_conv(run, s, d->user, name))
			continue;
		text = flow_has(d, name, s->seq);
		if (!text)
			fail_msg("%s has not %s %llu", d->name, name, (unsigned long long)s->seq);
		snprintf(part, sizeof(part), "\"from\":\"%s\"", users[s->sender - 1]);
		assert_non_null(strstr(text, part));
		if (strncmp(s->body, "body-", 5) == 0)
			assert_non_null(strstr(text, s->body));
	}
	for (const struct flow_conv *c = d->convs; c; c = c->next) {
		bool mine = false;
		uint64_t head = 0;

		for (const struct flow_stored *s = log; s; s = s->next) {
			if (name_conv(run, s, d->user, name) && strcmp(name, c->name) == 0) {
				mine = true;
				head = s->seq;
			}
		}
		if (mine)
			assert_int_equal(c->n, head);
	}
}

static void check_sent(const struct flow_stored *log, const struct flow_device *d)
{
	for (const struct flow_sent *s = d->sent; s; s = s->next) {
		unsigned n = flow_log_check_acked(log, s);

		/* One that is refused may have been stored before, with its ack lost. */
		if (s->id[0])
			assert_in_range(n, s->acked ? 1 : 0, s->acked || s->refused ? 1 : 0);
		/* What was accepted in the moment before a kick may be refused. */
		else if (s->accepted && n == 0 &&
			 (s->conv[0] == 'u' || strcmp(d->user, "erin") != 0))
			fail_msg(
				"%s: %s to %s was accepted and is lost", d->name, s->body, s->conv);
	}
}

static void check(struct run *run)
{
	struct flow_stored *log = flow_log_read(run->f);

	assert_non_null(log);
	flow_log_check_dense(log);
	for (int i = 0; i < DEVICES; i++) {
		check_sent(log, run->d[i]);
		check_device(run, log, run->d[i]);
	}
	flow_log_free(log);
}

/* Others append as well, and the log is late, moved and in doubt. What it has, the disk has: see
 * test_flow_append.c for that. */
static void share(struct run *run, struct flow_append *a)
{
	flow_append_begin(a, flow_node(run->f));
	a->late = prng_below(&run->r, 3) * 200;
	a->moved = prng_below(&run->r, 3) * 150;
	a->unknown = prng_below(&run->r, 3) * 50;
	a->foreign = prng_below(&run->r, 3) * 100;
	run->f->nodes[0].fail_commit = 0;
}

static void add_brokers(struct run *run)
{
	struct flow_node *n = flow_node(run->f);

	flow_kill_bridge(n);
	while (n->n_brokers < run->brokers)
		flow_add_broker(n);
	flow_start_bridge(n);
}

static void live(uint64_t seed, const struct store_backend *backend, unsigned brokers, bool shared)
{
	struct run run = {.r = {seed}, .brokers = brokers};
	struct flow_append a;
	char name[32];

	run.f = flow_start(backend, users);
	run.f->random.state = seed * 7919;
	if (brokers > 1)
		add_brokers(&run);
	for (int i = 0; i < DEVICES; i++) {
		snprintf(name, sizeof(name), "%s-%d", owners[i], i);
		run.d[i] = flow_device(run.f, owners[i], name);
		run.d[i]->v5 = i % 2;
		run.d[i]->persistent = i % 3 == 0;
		run.d[i]->at = &run.f->nodes[0].brokers[(unsigned)i % brokers];
	}
	create_groups(&run);
	run.deaths = prng_below(&run.r, 4) * 15;
	for (unsigned i = 0; i < brokers; i++) {
		run.f->nodes[0].brokers[i].lose_up = prng_below(&run.r, 3) * 10;
		run.f->nodes[0].brokers[i].lose_down = prng_below(&run.r, 3) * 10;
		run.f->nodes[0].brokers[i].lose_inbox = prng_below(&run.r, 3) * 30;
	}
	run.f->nodes[0].fail_commit = prng_below(&run.r, 3) * 30;
	if (shared)
		share(&run, &a);
	for (int i = 0; i < STEPS; i++) {
		one_step(&run);
		maybe_die(&run);
	}
	converge(&run);
	check(&run);
	flow_stop(run.f);
	if (shared)
		flow_append_end(&a);
}

static void run_seeds(
	const struct store_backend *backend, uint64_t n, unsigned brokers, bool shared)
{
	const char *only = getenv("FLOW_SEED");
	const char *last = getenv("FLOW_LAST");

	if (only)
		n = last ? strtoull(last, NULL, 10) : strtoull(only, NULL, 10);
	for (uint64_t seed = only ? strtoull(only, NULL, 10) : 1; seed <= n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		live(seed, backend, brokers, shared);
	}
}

static void all_devices_converge_over_the_memory_store(void **state)
{
	(void)state;
	run_seeds(&store_memory, FLOW_SEEDS, 1, false);
}

static void all_devices_of_three_brokers_converge(void **state)
{
	(void)state;
	run_seeds(&store_memory, FLOW_SEEDS, 3, false);
	run_seeds(&store_memory, FLOW_SEEDS / 4, 2, true);
}

/* A commit is an fsync here: fewer of them. */
static void all_devices_converge_over_sqlite(void **state)
{
	(void)state;
	run_seeds(&store_sqlite, FLOW_SEEDS / 8, 1, false);
}

static void all_devices_converge_over_a_shared_log(void **state)
{
	(void)state;
	run_seeds(&store_memory, FLOW_SEEDS, 1, true);
	run_seeds(&store_sqlite, FLOW_SEEDS / 8, 1, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_devices_converge_over_the_memory_store),
		cmocka_unit_test(all_devices_of_three_brokers_converge),
		cmocka_unit_test(all_devices_converge_over_sqlite),
		cmocka_unit_test(all_devices_converge_over_a_shared_log),
	};

	return cmocka_run_group_tests_name("flow random", tests, NULL, NULL);
}
