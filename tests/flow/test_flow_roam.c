/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that go from broker to broker at random, while links break and bridge and brokers are
 * killed. When all is calm, and without anybody's coming back, every device that is connected has
 * all that its user was sent: by what it was told, or by what it has noticed to be missing. That is
 * looked at in spite of a bridge that forgets on purpose where somebody is, and then found wanting.
 * FLOW_SEED=n runs one seed, with FLOW_LAST those through it.
 */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"
#include "tests/flow/flow_log.h"

#include <stdio.h>

#include "bridge/deliver/whereabouts.h"

#define BROKERS 3
#define STEPS 250
#define USERS 4
#define DEVICES 7
#define SABOTAGE_SEEDS 20

static const char *const users[] = {"root", "alice", "bob", "carol", "dave", NULL};
static const char *const owners[DEVICES] = {
	"alice", "alice", "bob", "bob", "carol", "carol", "dave"};

/* A user at this broker is forgotten; -1: nobody is. */
static int forgotten = -1;

split_mask __real_whereabouts_of(void *arg, struct im_str uid);
split_mask __wrap_whereabouts_of(void *arg, struct im_str uid);

split_mask __wrap_whereabouts_of(void *arg, struct im_str uid)
{
	split_mask at = __real_whereabouts_of(arg, uid);

	return forgotten < 0 ? at : at & ~(UINT32_C(1) << forgotten);
}

struct run {
	struct flow *f;
	struct flow_node *n;
	struct prng r;
	struct flow_device *d[DEVICES];
	unsigned sent, deaths;
};

static struct flow_broker *any_broker(struct run *run)
{
	return &run->n->brokers[prng_below(&run->r, BROKERS)];
}

static void say(struct run *run, struct flow_device *d)
{
	char conv[32], id[32], body[64];

	if (prng_below(&run->r, 3) == 0)
		strcpy(conv, "g/team");
	else
		snprintf(conv, sizeof(conv), "u/%s", users[1 + prng_below(&run->r, USERS)]);
	snprintf(id, sizeof(id), "i%u", run->sent);
	snprintf(body, sizeof(body), "body-%u-", run->sent++);
	flow_send(d, conv, id, body);
}

/* To another broker, or back; or nowhere for now. */
static void move(struct run *run, struct flow_device *d)
{
	flow_disconnect(d, prng_below(&run->r, 2));
	if (prng_below(&run->r, 3))
		flow_step(run->f);
	d->at = any_broker(run);
	if (d->at->is_up && prng_below(&run->r, 4))
		(void)flow_connect(d);
}

static void one_step(struct run *run)
{
	struct flow_device *d = run->d[prng_below(&run->r, DEVICES)];
	uint32_t what = prng_below(&run->r, 100);

	if (!d->c || !d->at->is_up || what < 15)
		move(run, d);
	else if (what < 65)
		say(run, d);
	else if (what < 90)
		flow_step(run->f);
	else
		flow_pass(run->f, 1 + prng_below(&run->r, 2000));
}

static void maybe_die(struct run *run)
{
	struct flow_broker *b = any_broker(run);

	if (prng_below(&run->r, 1000) >= run->deaths)
		return;
	switch (prng_below(&run->r, 3)) {
	case 0:
		flow_kill_bridge(run->n);
		flow_start_bridge(run->n);
		break;
	case 1:
		if (b->is_up)
			flow_kill_broker(b);
		else
			flow_start_broker(b);
		break;
	default:
		if (b->is_up)
			flow_break_link(b);
	}
}

static bool anybody_waits(const struct run *run)
{
	for (int i = 0; i < DEVICES; i++)
		if (run->d[i]->c && flow_waiting(run->d[i]))
			return true;
	return false;
}

static void rest(struct run *run)
{
	for (int k = 0; k < 60 && (k < 3 || anybody_waits(run)); k++) {
		flow_pass(run->f, 4000);
		for (int i = 0; k % 3 == 2 && i < DEVICES; i++)
			flow_resend(run->d[i]);
	}
}

/* Faults end, and then each user is sent something, by which he sees what was lost before. */
static void calm_down(struct run *run)
{
	for (unsigned i = 0; i < BROKERS; i++) {
		run->n->brokers[i].lose_up = run->n->brokers[i].lose_down = 0;
		if (!run->n->brokers[i].is_up)
			flow_start_broker(&run->n->brokers[i]);
	}
	rest(run);
	/* One that comes back to what it had left at a broker may be ended once. */
	for (int k = 0; k < 3; k++) {
		for (int i = 0; i < DEVICES; i++) {
			if (run->d[i]->c)
				continue;
			if (!k)
				run->d[i]->at = any_broker(run);
			assert_true(flow_connect(run->d[i]));
		}
		rest(run);
	}
	for (int i = 0; i < DEVICES; i++)
		assert_true(flow_send(run->d[i], "g/team", NULL, "last"));
	for (int u = 1; u <= USERS; u++)
		for (int i = 0; i < DEVICES; i++)
			if (strcmp(run->d[i]->user, users[u]) != 0) {
				char conv[32];

				snprintf(conv, sizeof(conv), "u/%s", users[u]);
				assert_true(flow_send(run->d[i], conv, NULL, "last"));
			}
	rest(run);
}

static uint64_t number_of(const char *user)
{
	uint64_t me = 0;

	while (strcmp(users[me++], user) != 0)
		;
	return me;
}

/* How many messages of the log a device should have and has not. */
static unsigned missing(struct run *run, const struct flow_stored *log, struct flow_device *d)
{
	const uint64_t me = number_of(d->user);
	unsigned n = 0;
	char name[40];

	for (const struct flow_stored *s = log; s; s = s->next) {
		if (s->kind != IM_CONV_USER)
			snprintf(name, sizeof(name), "g/team");
		else if (s->a == me || s->b == me)
			snprintf(name, sizeof(name), "u/%s", users[(s->a == me ? s->b : s->a) - 1]);
		else
			continue;
		if (!flow_has(d, name, s->seq))
			n++;
	}
	(void)run;
	return n;
}

/* Returns how much is missing with all that are connected. */
static unsigned live(uint64_t seed, const struct store_backend *backend, bool sabotage)
{
	struct run run = {.r = {seed}};
	struct flow_stored *log;
	unsigned n = 0;
	char name[32];

	run.f = flow_start(backend, users);
	run.f->random.state = seed * 7919;
	run.n = flow_node(run.f);
	flow_kill_bridge(run.n);
	while (run.n->n_brokers < BROKERS)
		flow_add_broker(run.n)->newer = true;
	flow_start_bridge(run.n);
	for (int i = 0; i < DEVICES; i++) {
		snprintf(name, sizeof(name), "%s-%d", owners[i], i);
		run.d[i] = flow_device(run.f, owners[i], name);
		run.d[i]->persistent = i % 2;
		run.d[i]->at = &run.n->brokers[i % BROKERS];
		assert_true(flow_connect(run.d[i]));
	}
	assert_non_null(
		strstr(flow_rpc(run.d[0], "group.create",
			       "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\",\"dave\"]}"),
			"\"result\""));
	run.deaths = prng_below(&run.r, 3) * 15;
	for (unsigned i = 0; i < BROKERS; i++)
		run.n->brokers[i].lose_down = prng_below(&run.r, 3) * 10;
	forgotten = sabotage ? (int)prng_below(&run.r, BROKERS) : -1;
	for (int i = 0; i < STEPS; i++) {
		one_step(&run);
		maybe_die(&run);
	}
	calm_down(&run);
	log = flow_log_read(run.f);
	flow_log_check_dense(log);
	for (int i = 0; i < DEVICES; i++) {
		assert_non_null(run.d[i]->c);
		n += missing(&run, log, run.d[i]);
	}
	flow_log_free(log);
	forgotten = -1;
	flow_stop(run.f);
	return n;
}

static void run_seeds(const struct store_backend *backend, uint64_t n)
{
	const char *only = getenv("FLOW_SEED");
	const char *last = getenv("FLOW_LAST");

	if (only)
		n = strtoull(last ? last : only, NULL, 10);
	for (uint64_t seed = only ? strtoull(only, NULL, 10) : 1; seed <= n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		assert_int_equal(live(seed, backend, false), 0);
	}
}

static void nobody_misses_anything_on_the_way(void **state)
{
	(void)state;
	run_seeds(&store_memory, FLOW_SEEDS);
}

static void nor_over_sqlite(void **state)
{
	(void)state;
	run_seeds(&store_sqlite, FLOW_SEEDS / 8);
}

static void a_bridge_that_forgets_a_broker_is_found_out(void **state)
{
	unsigned found = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= SABOTAGE_SEEDS; seed++)
		found += live(seed, &store_memory, true) > 0;
	assert_in_range(found, SABOTAGE_SEEDS / 2, SABOTAGE_SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_misses_anything_on_the_way),
		cmocka_unit_test(nor_over_sqlite),
		cmocka_unit_test(a_bridge_that_forgets_a_broker_is_found_out),
	};

	return cmocka_run_group_tests_name("flow roam", tests, NULL, NULL);
}
