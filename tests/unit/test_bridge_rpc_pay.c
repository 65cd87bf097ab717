/* SPDX-License-Identifier: BSD-3-Clause */
/* Every road pays: what a request leads to is charged to who asks, before it is done; and slow mode
 * holds for whatever is a message of a member's. */
#include "tests/unit/rpc_fixture.h"

#include <stdio.h>

/* How many units a call takes: the least budget at which it passes by a full bucket and leaves
 * none. The bucket holds four seconds' worth. */
static int64_t price(struct rpc_fixture *f, const char *uid, const char *method, const char *params)
{
	uint64_t user = rpc_uid(f, uid);
	const struct tx_part part = cost_part(f->cost);
	int64_t wait_ms;

	part.rollback(part.arg, 1, false);
	cost_set(f->cost, 1000);
	rpc_ok(f, uid, method, params);
	/* What is missing comes back at one unit a millisecond. */
	assert_false(cost_take(f->cost, user, f->now_ms, 4000, &wait_ms));
	cost_set(f->cost, 0);
	return wait_ms;
}

static void make_team(struct rpc_fixture *f)
{
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
}

static void copies_cost_what_messages_do(void **state)
{
	struct rpc_fixture *f = *state;
	static char text[3 * 1024];

	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 3; i++)
		rpc_send(f, "alice", "u/bob", text);
	/* Two more than the request itself, and nine KiB. */
	assert_int_equal(
		price(f, "bob", "msg.forward",
			"{\"from_conv\":\"u/alice\",\"seqs\":[1,2,3],\"to_conv\":\"u/carol\"}"),
		2 * COST_MESSAGE + 9 * COST_KIB);
	make_team(f);
	/* And each goes to three. */
	assert_int_equal(
		price(f, "bob", "msg.forward",
			"{\"from_conv\":\"u/alice\",\"seqs\":[1,2,3],\"to_conv\":\"g/team\"}"),
		2 * COST_MESSAGE + 9 * COST_KIB + 3 * 3 * COST_TOLD);
}

static void forwarding_is_bounded_by_what_one_may_cost(void **state)
{
	struct rpc_fixture *f = *state;
	static char text[60 * 1024];
	char params[600] = "{\"from_conv\":\"u/alice\",\"to_conv\":\"u/carol\",\"seqs\":[1";
	int passed = 0;

	memset(text, 'x', sizeof(text) - 1);
	rpc_send(f, "alice", "u/bob", text);
	for (int i = 1; i < 100; i++)
		strcat(params, ",1");
	strcat(params, "]}");
	/* Longer together than one request may write, whatever the budget. */
	rpc_no(f, IM_E_TOO_LARGE, "bob", "msg.forward", params);
	strcpy(strchr(params, '['), "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}");
	cost_set(f->cost, 20000);
	for (int i = 0; i < 500; i++)
		passed += rpc_do(f, "bob", "msg.forward", params) == IM_OK;
	/* Twenty copies of 60 KiB are 6,760 units, and four seconds bring 80,000. */
	assert_int_equal(passed, 11);
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.forward", params);
	f->now_ms += 1000;
	passed = 0;
	for (int i = 0; i < 500; i++)
		passed += rpc_do(f, "bob", "msg.forward", params) == IM_OK;
	assert_in_range(passed, 1, 3);
}

static void a_repeat_with_an_id_costs_nothing_more(void **state)
{
	struct rpc_fixture *f = *state;

	rpc_send(f, "alice", "u/bob", "1");
	assert_int_equal(price(f, "bob", "msg.forward",
				 "{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"u/"
				 "carol\",\"id\":\"f\"}"),
		COST_KIB);
}

static void operations_cost_their_words_and_who_is_told(void **state)
{
	struct rpc_fixture *f = *state;
	static char text[5 * 1024];

	memset(text, 'x', sizeof(text) - 1);
	make_team(f);
	rpc_send(f, "bob", "g/team", text);
	assert_int_equal(
		price(f, "bob", "msg.edit", "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"short\"}"),
		3 * COST_TOLD + 5 * COST_KIB);
	assert_int_equal(
		price(f, "carol", "msg.react", "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"a\"}"),
		3 * COST_TOLD + COST_KIB);
	assert_int_equal(
		price(f, "bob", "msg.edit",
			"{\"conv\":\"g/team\",\"seq\":2,\"mentions\":[\"carol\",\"alice\"]}"),
		3 * COST_TOLD + COST_KIB + 4 * COST_ROW);
	assert_int_equal(price(f, "bob", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}"),
		3 * COST_TOLD + 2 * COST_MESSAGE);
}

static void groups_cost_their_people(void **state)
{
	struct rpc_fixture *f = *state;

	/* The same name a thousand times is one. */
	char params[12 * 1000] = "{\"gid\":\"many\",\"members\":[\"bob\"";

	for (int i = 1; i < 1000; i++)
		strcat(params, ",\"bob\"");
	strcat(params, "]}");
	assert_int_equal(price(f, "alice", "group.create", params),
		2 * COST_ROW + COST_PERSON + 2 * COST_TOLD);
	assert_int_equal(price(f, "alice", "group.invite",
				 "{\"gid\":\"many\",\"members\":[\"carol\",\"dave\"]}"),
		4 * COST_ROW + 2 * COST_PERSON + 2 * COST_TOLD);
	/* Looking up who is there already is work as well. */
	assert_int_equal(price(f, "alice", "group.invite",
				 "{\"gid\":\"many\",\"members\":[\"carol\",\"dave\"]}"),
		4 * COST_ROW);
	assert_int_equal(price(f, "alice", "group.update", "{\"gid\":\"many\",\"name\":\"x\"}"),
		4 * COST_TOLD);
	assert_int_equal(
		price(f, "alice", "group.kick", "{\"gid\":\"many\",\"members\":[\"dave\"]}"),
		2 * COST_ROW + COST_PERSON + 4 * COST_TOLD);
	assert_int_equal(price(f, "alice", "group.mute", "{\"gid\":\"many\"}"), 3 * COST_TOLD);
	assert_int_equal(price(f, "carol", "group.leave", "{\"gid\":\"many\"}"),
		COST_PERSON + 3 * COST_TOLD);
	assert_int_equal(price(f, "alice", "group.dismiss", "{\"gid\":\"many\"}"),
		2 * COST_PERSON + 2 * COST_TOLD);
}

static void asking_to_be_a_contact_costs_the_counting_of_lists(void **state)
{
	struct rpc_fixture *f = *state;

	assert_int_equal(price(f, "alice", "contact.request", "{\"uid\":\"bob\"}"), COST_CONTACT);
	/* What is so already is not looked at any further. */
	cost_set(f->cost, 1);
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "block.add", "{\"uid\":\"carol\"}");
	rpc_no(f, IM_E_BLOCKED, "carol", "contact.request", "{\"uid\":\"bob\"}");
	/* More than four seconds bring is done once, and then it is refused before anything is
	 * counted. */
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"alice\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "carol", "contact.request", "{\"uid\":\"dave\"}");
}

static void who_cannot_pay_changes_nothing(void **state)
{
	struct rpc_fixture *f = *state;
	int64_t wait_ms;

	make_team(f);
	rpc_send(f, "bob", "g/team", "x");
	cost_set(f->cost, 1);
	assert_true(cost_take(f->cost, rpc_uid(f, "bob"), f->now_ms, 1000, &wait_ms));
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.edit",
		"{\"conv\":\"g/team\",\"seq\":2,\"body\":\"y\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.react",
		"{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"a\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "group.leave", "{\"gid\":\"team\"}");
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "group.create", "{\"members\":[\"dave\"]}");
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "presence.set", "{\"state\":\"away\"}");
	assert_int_equal(f->told.n, 0);
	rpc_ok(f, "carol", "conv.history", "{\"conv\":\"g/team\"}");
	assert_int_equal(json_array_size(rpc_at(f->result, "messages")), 2);
	assert_text(f->result, "messages.1.body", "x");
}

/* -- slow mode -- */

static void slow_mode_holds_for_forwards_edits_and_reactions(void **state)
{
	struct rpc_fixture *f = *state;
	const char *forward = "{\"from_conv\":\"u/alice\",\"seqs\":[1],\"to_conv\":\"g/team\"}";
	const char *edit = "{\"conv\":\"g/team\",\"seq\":2,\"body\":\"y\"}";
	const char *react = "{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"a\"}";

	rpc_send(f, "alice", "u/bob", "words");
	make_team(f);
	rpc_send(f, "bob", "g/team", "mine");
	rpc_ok(f, "alice", "group.update", "{\"gid\":\"team\",\"slow_ms\":60000}");
	/* Several at a time are never slow. */
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.forward",
		"{\"from_conv\":\"u/alice\",\"seqs\":[1,1],\"to_conv\":\"g/team\"}");
	rpc_ok(f, "bob", "msg.forward", forward);
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.forward", forward);
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.edit", edit);
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.react", react);
	f->now_ms += 60000;
	rpc_ok(f, "bob", "msg.edit", edit);
	rpc_no(f, IM_E_RATE_LIMITED, "bob", "msg.react", react);
	f->now_ms += 60000;
	rpc_ok(f, "bob", "msg.react", react);
	/* Taking back is free of it: a reaction, and the message. */
	rpc_ok(f, "bob", "msg.react",
		"{\"conv\":\"g/team\",\"seq\":2,\"emoji\":\"a\",\"remove\":true}");
	rpc_ok(f, "bob", "msg.recall", "{\"conv\":\"g/team\",\"seq\":2}");
	/* Another member has a time of its own, and those who run the group are never slow. */
	rpc_send(f, "alice", "g/team", "hello");
	rpc_ok(f, "carol", "msg.react", "{\"conv\":\"g/team\",\"seq\":9,\"emoji\":\"a\"}");
	rpc_ok(f, "alice", "msg.react", "{\"conv\":\"g/team\",\"seq\":9,\"emoji\":\"a\"}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"g/team\",\"seq\":9,\"body\":\"hi\"}");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, rpc_set_up, rpc_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(copies_cost_what_messages_do),
		CASE(forwarding_is_bounded_by_what_one_may_cost),
		CASE(a_repeat_with_an_id_costs_nothing_more),
		CASE(operations_cost_their_words_and_who_is_told),
		CASE(groups_cost_their_people),
		CASE(asking_to_be_a_contact_costs_the_counting_of_lists),
		CASE(who_cannot_pay_changes_nothing),
		CASE(slow_mode_holds_for_forwards_edits_and_reactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
