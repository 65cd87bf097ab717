/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What only reads does not wait behind what cannot be stored: while a shared log owes an answer, or
 * the disk takes no writes, requests are answered before their turn, once.
 */
#include "tests/flow/flow_cast.h"

#include <stdlib.h>

#define HISTORY "conv.history", "{\"conv\":\"u/alice\"}"

static bool answered(const char *reply)
{
	return reply && strstr(reply, "\"messages\"");
}

static void forget_reply(struct flow_device *d)
{
	free(d->reply);
	d->reply = NULL;
}

/* One message is stored; the next one is offered, and nobody answers. */
static void begin(struct flow_cast *c)
{
	assert_true(flow_send(c->alice, "u/bob", "m0", "stored"));
	flow_settle(c->f);
	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "offered"));
	flow_settle(c->f);
	assert_true(c->a.open);
	flow_pass(c->f, 1000);
}

static void goes_on(struct flow_cast *c)
{
	c->a.says = SHARED_DONE;
	flow_append_answer(&c->a, SHARED_DONE);
	flow_settle(c->f);
	assert_false(c->a.open);
	assert_true(flow_sent(c->alice, "m1")->acked);
}

static void reading_goes_on_while_the_log_owes_an_answer(void **state)
{
	struct flow_cast *c = *state;
	const char *reply;

	begin(c);
	for (int i = 0; i < 3; i++) {
		reply = flow_rpc(c->bob, HISTORY);
		assert_true(answered(reply));
		assert_non_null(strstr(reply, "stored"));
		assert_null(strstr(reply, "offered"));
	}
	forget_reply(c->bob);
	goes_on(c);
	assert_null(c->bob->reply);
	assert_non_null(strstr(flow_rpc(c->bob, HISTORY), "offered"));
}

static void what_was_asked_before_it_was_late_is_answered_then(void **state)
{
	struct flow_cast *c = *state;

	assert_true(flow_send(c->alice, "u/bob", "m0", "stored"));
	flow_settle(c->f);
	c->a.says = SHARED_LATER;
	assert_true(flow_send(c->alice, "u/bob", "m1", "offered"));
	assert_false(answered(flow_rpc(c->bob, HISTORY)));
	flow_pass(c->f, 1000);
	assert_true(answered(c->bob->reply));
	forget_reply(c->bob);
	goes_on(c);
	assert_null(c->bob->reply);
}

static void what_writes_waits(void **state)
{
	struct flow_cast *c = *state;

	begin(c);
	assert_null(flow_rpc(c->bob, "block.add", "{\"uid\":\"alice\"}"));
	flow_pass(c->f, 5000);
	assert_null(c->bob->reply);
	goes_on(c);
	assert_non_null(strstr(c->bob->reply, "\"result\""));
}

static void others_were_first_and_it_is_still_answered_once(void **state)
{
	struct flow_cast *c = *state;

	begin(c);
	assert_true(answered(flow_rpc(c->bob, HISTORY)));
	forget_reply(c->bob);
	flow_append_message(&c->a, "bob", "alice", "x1", "from afar");
	flow_append_answer(&c->a, SHARED_MOVED);
	flow_settle(c->f);
	assert_null(c->bob->reply);
	goes_on(c);
	assert_null(c->bob->reply);
	assert_int_equal(flow_cast_stored(c), 3);
}

/* Nobody knows whether the answer has arrived. */
static void a_link_that_breaks_takes_the_answers_with_it(void **state)
{
	struct flow_cast *c = *state;

	begin(c);
	assert_true(answered(flow_rpc(c->bob, HISTORY)));
	forget_reply(c->bob);
	flow_break_link(flow_broker(c->f));
	flow_pass(c->f, 2000);
	goes_on(c);
	flow_pass(c->f, 10000);
	assert_true(answered(c->bob->reply));
}

static void reading_goes_on_while_the_disk_takes_no_writes(void **state)
{
	struct flow_cast *c = *state;

	assert_true(flow_send(c->alice, "u/bob", "m0", "stored"));
	flow_settle(c->f);
	flow_node(c->f)->broken = true;
	assert_true(flow_send(c->alice, "u/bob", "m1", "waits"));
	flow_pass(c->f, 1000);
	assert_true(engine_stalled(flow_node(c->f)->rig.engine));
	(void)flow_rpc(c->bob, HISTORY);
	flow_pass(c->f, 1000);
	assert_true(answered(c->bob->reply));
	forget_reply(c->bob);
	flow_node(c->f)->broken = false;
	flow_pass(c->f, 10000);
	assert_true(flow_sent(c->alice, "m1")->acked);
	assert_null(c->bob->reply);
}

#define T(name) FLOW_TEST(name, flow_cast_start, flow_cast_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reading_goes_on_while_the_log_owes_an_answer),
		T(what_was_asked_before_it_was_late_is_answered_then),
		T(what_writes_waits),
		T(others_were_first_and_it_is_still_answered_once),
		T(a_link_that_breaks_takes_the_answers_with_it),
		T(reading_goes_on_while_the_disk_takes_no_writes),
	};

	return cmocka_run_group_tests_name("flow ahead", tests, NULL, NULL);
}
