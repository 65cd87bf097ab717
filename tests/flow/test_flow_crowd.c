/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Very many members: a room of 100,000 and a group of 10,000 are made as a client would make them,
 * written to, and read by a member. What is written is one message whatever the audience; a member
 * reads what it missed at the cost of that; a direct message does not wait for the crowd, over
 * several brokers either.
 * CROWD_TIMES in the environment prints how long each part took.
 */
#include "tests/flow/flow.h"
#include "tests/flow/flow_device.h"

#include <stdio.h>
#include <time.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "common/limits.h"

static const char *const users[] = {"root", "alice", "bob", NULL};

struct crowd {
	struct flow *f;
	struct flow_broker *last; /* bob's; the other two are at the first */
	struct flow_device *alice, *bob, *member;
	struct timespec since;
};

static void took(struct crowd *c, const char *what)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	if (getenv("CROWD_TIMES"))
		fprintf(stderr, "%8.1f ms %s\n",
			(double)(now.tv_sec - c->since.tv_sec) * 1e3 +
				(double)(now.tv_nsec - c->since.tv_nsec) / 1e6,
			what);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c->since);
}

static void add_crowd(struct flow *f, unsigned n)
{
	struct directory_user first;
	char uid[16];
	uint64_t id;

	assert_int_equal(directory_user_get(f->nodes[0].rig.dir, IM_STR("bob"), &first), IM_OK);
	char *phc = strndup(first.password.p, first.password.n);
	assert_int_equal(directory_begin(f->nodes[0].rig.dir), IM_OK);
	for (unsigned i = 0; i < n; i++) {
		snprintf(uid, sizeof(uid), "u%06u", i);
		assert_int_equal(directory_user_create(f->nodes[0].rig.dir, im_str(uid),
					 IM_ROLE_USER, im_str(phc), 1, &id),
			IM_OK);
	}
	assert_int_equal(directory_commit(f->nodes[0].rig.dir), IM_OK);
	free(phc);
}

static int start_with(void **state, unsigned brokers)
{
	struct crowd *c = calloc(1, sizeof(*c));

	c->f = flow_start(&store_sqlite, users);
	flow_kill_bridge(flow_node(c->f));
	c->last = flow_broker(c->f);
	while (flow_node(c->f)->n_brokers < brokers)
		c->last = flow_add_broker(flow_node(c->f));
	c->f->nodes[0].rig.set.rpc.group_members_max = IM_GROUP_MEMBERS_MAX;
	flow_start_bridge(flow_node(c->f));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c->since);
	add_crowd(c->f, IM_GROUP_MEMBERS_MAX - 1);
	took(c, "users");
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->member = flow_device(c->f, "u009998", "member-phone");
	c->bob->at = c->last;
	*state = c;
	return flow_connect(c->alice) && flow_connect(c->bob) ? 0 : -1;
}

static int start(void **state)
{
	return start_with(state, 1);
}

static int start_several(void **state)
{
	return start_with(state, FLOW_BROKERS_MAX);
}

/* As many invitations as it takes. */
static void invite(struct crowd *c, const char *gid, unsigned n)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	for (unsigned i = 0; i < n;) {
		im_buf_reset(&b);
		im_buf_printf(&b, "{\"gid\":\"%s\",\"members\":[", gid);
		for (unsigned k = 0; k < IM_INVITE_MAX && i < n; k++, i++)
			im_buf_printf(&b, "%s\"u%06u\"", k ? "," : "", i);
		im_buf_z(&b, "]}");
		im_buf_c(&b, '\0');
		assert_non_null(
			strstr(flow_rpc(c->alice, "group.invite", b.p), "\"changed\":true"));
		if (i == IM_INVITE_MAX || i == n)
			took(c, i == n ? "all invitations" : "the first invitation");
	}
	im_buf_free(&b);
}

static void begin(struct crowd *c, const char *gid, const char *kind)
{
	char params[160];

	snprintf(params, sizeof(params), "{\"gid\":\"%s\",\"kind\":\"%s\",\"history\":\"join\"}",
		gid, kind);
	assert_non_null(strstr(flow_rpc(c->alice, "group.create", params), "\"result\""));
}

/* What a member gets who was away: the message, and how it came here. */
static void read_as_member(struct crowd *c, const char *part)
{
	const char *reply;

	assert_true(flow_connect(c->member));
	flow_settle(c->f);
	took(c, "a member connects and syncs");
	reply = flow_rpc(c->member, "conv.list", "{}");
	took(c, "its conversations");
	assert_non_null(strstr(reply, part));
}

static void a_room_of_a_hundred_thousand(void **state)
{
	struct crowd *c = *state;

	begin(c, "hall", "room");
	assert_true(fake_subscribe(c->alice->c, "im/room/hall"));
	invite(c, "hall", IM_GROUP_MEMBERS_MAX - 1);
	assert_non_null(strstr(
		flow_rpc(c->alice, "group.get", "{\"gid\":\"hall\"}"), "\"members\":100000"));
	took(c, "what the group is now");
	assert_true(flow_send(c->alice, "g/hall", "m1", "hear, hear"));
	flow_settle(c->f);
	took(c, "a message");
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_non_null(flow_has(c->alice, "g/hall", 102));
	assert_true(flow_connect(c->member));
	flow_settle(c->f);
	assert_null(flow_has(c->member, "g/hall", 102));
	flow_rpc(c->member, "conv.update", "{\"conv\":\"g/hall\",\"follow\":true}");
	flow_disconnect(c->member, false);
	took(c, "a member connects and follows it");
	/* What its user did not follow then the device has acknowledged; a new one has not. */
	c->member = flow_device(c->f, "u009998", "member-desk");
	read_as_member(c, "hear, hear");
	assert_non_null(flow_has(c->member, "g/hall", 102));
}

static void a_direct_message_does_not_wait_for_a_group_of_ten_thousand(void **state)
{
	struct crowd *c = *state;
	int steps = 0;

	begin(c, "town", "group");
	invite(c, "town", 9999);
	assert_true(flow_send(c->alice, "g/town", "m1", "hear, hear"));
	assert_true(flow_send(c->alice, "u/bob", "m2", "psst"));
	while (!flow_has(c->bob, "u/alice", 1) && steps < 100) {
		flow_step(c->f);
		steps++;
	}
	/* Behind the few frames of the group's that are under way, not behind all. */
	assert_in_range(steps, 1, 8);
	flow_settle(c->f);
	took(c, "a message and a direct one");
	assert_true(flow_sent(c->alice, "m1")->acked);
	read_as_member(c, "hear, hear");
}

static int steps_until(struct crowd *c, struct flow_device *d, const char *conv, int64_t seq)
{
	int steps = 0;

	for (; !flow_has(d, conv, seq) && steps < 100; steps++)
		flow_step(c->f);
	return steps;
}

#define HERE 30 /* members that are connected */
#define MUCH 40

/* The crowd is everywhere: some are connected, as many at each broker, the rest away, and nobody
 * knows where. */
static void spread(struct crowd *c, struct flow_device **crowd)
{
	char uid[16], device[24];

	for (unsigned i = 0; i < HERE; i++) {
		snprintf(uid, sizeof(uid), "u%06u", i * 300);
		snprintf(device, sizeof(device), "%s-phone", uid);
		crowd[i] = flow_device(c->f, uid, device);
		crowd[i]->at = &flow_node(c->f)->brokers[i % FLOW_BROKERS_MAX];
		assert_true(flow_connect(crowd[i]));
	}
	flow_settle(c->f);
	took(c, "members at all brokers");
}

static unsigned heard(struct flow_device *const *crowd, uint64_t seq)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HERE; i++)
		n += flow_has(crowd[i], "g/town", seq) != NULL;
	return n;
}

/* Much is written to it, and then to one at another broker, who answers. */
static void a_direct_message_does_not_wait_for_a_group_over_several_brokers(void **state)
{
	struct flow_device *crowd[HERE];
	struct crowd *c = *state;
	/* Behind its creation and the invitations. */
	const uint64_t first = 2 + (9999 + IM_INVITE_MAX - 1) / IM_INVITE_MAX;
	char id[8];

	begin(c, "town", "group");
	invite(c, "town", 9999);
	spread(c, crowd);
	for (unsigned i = 0; i < MUCH; i++) {
		snprintf(id, sizeof(id), "m%u", i);
		assert_true(flow_send(c->alice, "g/town", id, "hear, hear"));
	}
	assert_true(flow_send(c->alice, "u/bob", "d1", "psst"));
	/* Behind the few frames that are under way at that broker. */
	assert_in_range(steps_until(c, c->bob, "u/alice", 1), 1, 8);
	assert_true(flow_send(c->bob, "u/alice", "d2", "what?"));
	assert_in_range(steps_until(c, c->alice, "u/bob", 2), 1, 12);
	/* All this while the group's went on, at each of the brokers. */
	assert_in_range(heard(crowd, first + MUCH - 1), 0, HERE / 2);
	/* So much waits that some may have to be made up for, when no more comes. */
	for (int i = 0; i < 4; i++)
		flow_pass(c->f, 10000);
	took(c, "messages and direct ones");
	for (unsigned i = 0; i < MUCH; i++)
		assert_int_equal(heard(crowd, first + i), HERE);
	read_as_member(c, "hear, hear");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_room_of_a_hundred_thousand, start, flow_end),
		cmocka_unit_test_setup_teardown(
			a_direct_message_does_not_wait_for_a_group_of_ten_thousand, start,
			flow_end),
		cmocka_unit_test_setup_teardown(
			a_direct_message_does_not_wait_for_a_group_over_several_brokers,
			start_several, flow_end),
	};

	return cmocka_run_group_tests_name("flow crowd", tests, NULL, NULL);
}
