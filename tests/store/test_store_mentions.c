/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many unread messages mention their reader: for every backend, and the two held against each
 * other while they do the same at random. Which messages are unread is test_store_unread.c's.
 */
#include <stdio.h>
#include <string.h>

#include "tests/store/store_pair.h"

#define ME 1
#define PEER 2
#define THIRD 3

#define ALL (&(struct message_mentions){.all = true})
#define NOBODY (&(struct message_mentions){.n = 0})
#define USERS(...)                                                                             \
	(&(struct message_mentions){.n = sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), \
		.users = {__VA_ARGS__}})

static uint64_t say(
	struct test_node *f, uint64_t conv, uint64_t sender, const struct message_mentions *who)
{
	return test_say(f, conv, sender, "", who, 0);
}

static void amend(
	struct test_node *f, uint64_t gid, bool recalled, const struct message_mentions *who)
{
	struct store_msg m = {.gid = gid, .recalled = recalled, .mentions = who};
	if (!recalled)
		m.body = IM_STR("other words");
	assert_ok(f->be->amend(f->s, &m));
}

static uint64_t mentions(struct test_node *f, uint64_t conv, uint64_t user, uint64_t mark)
{
	uint64_t n = 999999;
	assert_ok(f->be->mentions(f->r, conv, user, mark, &n));
	return n;
}

static int64_t rows(struct test_node *f)
{
	return test_number(f->folder, "SELECT count(*) FROM mention");
}

static void who_is_meant_is_counted_after_the_mark(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say(f, conv, PEER, NULL);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, PEER, USERS(THIRD, ME));
	say(f, conv, PEER, NOBODY);
	say(f, conv, PEER, USERS(THIRD));
	test_commit(f);
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 2);
	assert_int_equal(mentions(f, conv, ME, 1), 2);
	assert_int_equal(mentions(f, conv, ME, 2), 1);
	assert_int_equal(mentions(f, conv, ME, 3), 0);
	assert_int_equal(mentions(f, conv, ME, UINT64_MAX), 0);
	assert_int_equal(mentions(f, conv, THIRD, 0), 2);
	assert_int_equal(mentions(f, conv, 4, 0), 0);
	assert_int_equal(mentions(f, conv + 1, ME, 0), 0);
}

/* A message counts once, however often it means somebody. */
static void all_means_everybody_once(void **state)
{
	struct test_node *f = *state;
	struct message_mentions both = *USERS(ME, ME, THIRD);
	uint64_t conv = test_begun(f);
	say(f, conv, PEER, ALL);
	say(f, conv, PEER, USERS(ME, ME));
	both.all = true;
	say(f, conv, PEER, &both);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_int_equal(mentions(f, conv, ME, 1), 2);
	assert_int_equal(mentions(f, conv, THIRD, 0), 2);
	assert_int_equal(mentions(f, conv, 77, 0), 2);
	assert_int_equal(mentions(f, conv, PEER, 0), 0);
}

static void ones_own_messages_mention_others(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, ME, USERS(ME, PEER));
	say(f, conv, ME, ALL);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 0);
	assert_int_equal(mentions(f, conv, PEER, 0), 2);
	assert_int_equal(mentions(f, conv, THIRD, 0), 1);
}

/* As with what is unread, whoever has sent a message has seen what was there before. */
static void an_answer_counts_as_reading_wherever_it_is(void **state)
{
	static const int gaps[] = {1, 126, 127, 128, 129, 400};
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	test_commit(f);
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		assert_ok(f->be->begin(f->s));
		say(f, conv, PEER, USERS(ME));
		say(f, conv, ME, NULL);
		test_say(f, conv, ME, "react", NULL, 0);
		for (int k = 0; k < gaps[i]; k++)
			say(f, conv, PEER, k % 2 ? NULL : k % 3 ? ALL : USERS(ME));
		test_say(f, conv, ME, "edit", NULL, 0);
		test_commit(f);
		if (i % 2)
			test_reopen(f);
		assert_int_equal(mentions(f, conv, ME, 0), (gaps[i] + 1) / 2);
	}
}

static void operations_and_system_messages_mention_nobody(void **state)
{
	static const char *const none[] = {"react", "edit", "recall", "system"};
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	for (int i = 0; i < 4; i++)
		test_say(f, conv, PEER, none[i], USERS(ME), 0);
	test_say(f, conv, PEER, "card", USERS(ME), 0);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, ME, 5), 0);
}

static void what_is_recalled_or_erased_mentions_nobody(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), gid[3];
	struct store_msg m = {.gid = 4, .conv = conv, .seq = 4, .sender = PEER, .recalled = true};
	gid[0] = say(f, conv, PEER, USERS(ME, THIRD));
	gid[1] = say(f, conv, PEER, ALL);
	gid[2] = say(f, conv, PEER, USERS(ME));
	m.mentions = USERS(ME); /* appended without its words */
	assert_ok(f->be->append(f->s, &m));
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_ok(f->be->begin(f->s));
	amend(f, gid[0], true, NULL);
	amend(f, gid[1], true, USERS(ME));
	f->be->rollback(f->s);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_ok(f->be->begin(f->s));
	amend(f, gid[0], true, NULL);
	amend(f, gid[1], true, USERS(ME));
	test_commit(f);
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 0), 0);
	assert_int_equal(mentions(f, conv, ME, 3), 0);
}

static void an_edit_changes_who_is_meant_or_leaves_it(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), gid = say(f, conv, PEER, USERS(ME));
	uint64_t plain = say(f, conv, PEER, NULL);
	amend(f, gid, false, NULL);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, false, USERS(THIRD, PEER));
	amend(f, plain, false, ALL);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, ME, 1), 1);
	assert_int_equal(mentions(f, conv, THIRD, 0), 2);
	assert_int_equal(mentions(f, conv, PEER, 0), 0);
	assert_ok(f->be->begin(f->s));
	amend(f, plain, false, USERS(ME));
	amend(f, gid, false, NOBODY);
	test_commit(f);
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 0), 0);
	assert_ok(f->be->begin(f->s));
	amend(f, plain, false, NOBODY);
	f->be->rollback(f->s);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
}

static void what_has_expired_mentions_until_it_is_read(void **state)
{
	struct test_node *f = *state;
	struct store_msg m = {.gid = 1,
		.seq = 1,
		.sender = PEER,
		.expires_ms = 5,
		.meta = IM_STR("\"mentions\":[\"me\"],\"ttl\":1"),
		.body = IM_STR("x"),
		.mentions = USERS(ME)};
	uint32_t n;
	m.conv = test_begun(f);
	assert_ok(f->be->append(f->s, &m));
	test_commit(f);
	assert_ok(f->be->expire(f->s, 10, 10, &n));
	assert_int_equal(n, 1);
	assert_int_equal(mentions(f, m.conv, ME, 0), 1);
	assert_int_equal(mentions(f, m.conv, ME, 1), 0);
}

/* A clock that was ahead for a moment leaves messages that retention passes by. */
static void what_retention_takes_mentions_nobody(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say(f, conv, PEER, USERS(ME));
	test_say(f, conv, PEER, "", USERS(ME), 100000);
	say(f, conv, PEER, ALL);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, PEER, USERS(ME, THIRD));
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 5);
	assert_int_equal(test_prune(f, 4), 2);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_int_equal(mentions(f, conv, ME, 2), 2);
	assert_int_equal(test_prune(f, 200000), 2);
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 3), 1);
}

static void a_view_counts_what_it_sees(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), gid = say(f, conv, PEER, USERS(ME));
	test_commit(f);
	assert_ok(f->be->view_begin(f->r));
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, true, NULL);
	say(f, conv, PEER, ALL);
	say(f, conv, PEER, USERS(ME));
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	f->be->view_end(f->r);
	assert_int_equal(mentions(f, conv, ME, 0), 2);
}

static void so_many_are_counted(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	for (int i = 0; i < STORE_MENTIONS_MAX + 50; i++)
		say(f, conv, PEER, i % 2 ? USERS(ME) : ALL);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), STORE_MENTIONS_MAX);
	assert_int_equal(mentions(f, conv, ME, 60), STORE_MENTIONS_MAX - 10);
	assert_int_equal(mentions(f, conv, THIRD, 0), STORE_MENTIONS_MAX / 2 + 25);
}

static void a_message_has_room_for_so_many(void **state)
{
	struct test_node *f = *state;
	struct message_mentions who = {.n = IM_MENTIONS_MAX};
	uint64_t conv = test_begun(f);
	for (uint64_t i = 0; i < IM_MENTIONS_MAX; i++)
		who.users[i] = 100 + i;
	say(f, conv, PEER, &who);
	test_commit(f);
	for (uint64_t i = 0; i < IM_MENTIONS_MAX; i++)
		assert_int_equal(mentions(f, conv, 100 + i, 0), 1);
	assert_int_equal(mentions(f, conv, 100 + IM_MENTIONS_MAX, 0), 0);
}

/* -- of SQLite alone -- */

/* Each row goes with what it is of; most messages have none. */
static void no_row_is_left_behind(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), gid;
	for (int i = 0; i < 10; i++)
		say(f, conv, PEER, NULL);
	assert_int_equal(rows(f), 0);
	say(f, conv, PEER, USERS(ME, THIRD, PEER, ME));
	gid = say(f, conv, PEER, USERS(ME, THIRD));
	say(f, conv, ME, ALL);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, PEER, NULL);
	test_commit(f);
	assert_int_equal(rows(f), 6);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, false, ALL);
	test_commit(f);
	assert_int_equal(rows(f), 5);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, true, NULL);
	test_commit(f);
	assert_int_equal(rows(f), 4);
	assert_int_equal(test_prune(f, 14), 13);
	assert_int_equal(rows(f), 1);
	assert_int_equal(test_prune(f, 1000), 1);
	assert_int_equal(rows(f), 0);
}

/* Of a conversation whose old part an earlier version has stored without ordinals. */
static void what_an_earlier_version_stored_mentions_nobody(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), left;
	for (int i = 0; i < 6; i++)
		say(f, conv, i == 3 ? ME : PEER, NULL);
	test_commit(f);
	test_execute(f->folder, "UPDATE conv_log SET less_ord = NULL, less_shown = NULL;"
				"UPDATE message SET meta = '\"mentions\":[\"me\"]';"
				"INSERT INTO meta (key, value) VALUES ('unnumbered', 6)");
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 0);
	assert_ok(f->be->begin(f->s));
	say(f, conv, PEER, USERS(ME)); /* 7 */
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_ok(f->be->begin(f->s));
	say(f, conv, ME, NULL);
	say(f, conv, PEER, ALL); /* 9 */
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 0), 1);
	assert_ok(f->be->number(f->s, 100, &left));
	assert_int_equal(left, 0);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 4), 1);
}

/* His own message is farther back than is looked, among messages that have no ordinals yet. */
static void an_answer_far_back_counts_before_all_have_ordinals(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	for (int i = 0; i < 200; i++)
		say(f, conv, PEER, NULL);
	test_commit(f);
	test_execute(f->folder, "UPDATE conv_log SET less_ord = NULL, less_shown = NULL;"
				"INSERT INTO meta (key, value) VALUES ('unnumbered', 200)");
	test_reopen(f);
	assert_ok(f->be->begin(f->s));
	say(f, conv, PEER, ALL);
	say(f, conv, ME, NULL);
	for (int i = 0; i < STORE_LOOK_BACK + 100; i++)
		say(f, conv, PEER, i == 50 ? USERS(ME) : NULL);
	test_commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
}

/* -- both at once -- */

static const struct message_mentions *draw_who(struct test_pair *p, struct message_mentions *who)
{
	*who = (struct message_mentions){.all = test_draw(p, 8) == 0, .n = test_draw(p, 4)};
	for (uint32_t i = 0; i < who->n; i++)
		who->users[i] = 1 + test_draw(p, 5);
	return test_draw(p, 2) ? who : NULL;
}

static void say_both(struct test_pair *p)
{
	struct message_mentions room;
	const struct message_mentions *who = draw_who(p, &room);
	uint64_t sender = 1 + test_draw(p, 5);
	const char *type = test_draw(p, 6) ? "" : "react";
	int64_t ahead_ms = test_draw(p, 50) ? 0 : 300;
	for (uint32_t n = test_draw(p, 6) ? 1 : 1 + test_draw(p, 150); n > 0; n--, p->gids++) {
		test_say(p->a, p->conv[0], sender, type, who, ahead_ms);
		test_say(p->b, p->conv[0], sender, type, who, ahead_ms);
	}
}

static int take_type(void *arg, const struct store_msg *m)
{
	snprintf(arg, 16, "%.*s%s", IM_ARGS(m->type), m->recalled ? "-" : "");
	return 0;
}

static void amend_both(struct test_pair *p)
{
	struct message_mentions room;
	const struct message_mentions *who = draw_who(p, &room);
	uint64_t gid = 1 + test_draw(p, (uint32_t)p->gids);
	bool recalled = test_draw(p, 2);
	char type[16] = "?";
	int rc = p->b->be->get(p->b->s, p->conv[0], gid, take_type, type);
	assert_true(rc == IM_OK || rc == IM_E_NONE);
	if (type[0])
		return; /* deleted, an operation, or recalled */
	amend(p->a, gid, recalled, who);
	amend(p->b, gid, recalled, who);
}

static void step(struct test_pair *p)
{
	if (test_draw(p, 3) == 0 && p->gids > 0)
		amend_both(p);
	else
		say_both(p);
}

static void compare(struct test_pair *p)
{
	for (uint64_t user = 1; user <= 6; user++) {
		uint64_t mark = test_draw(p, 3) ? test_draw(p, (uint32_t)p->gids + 2) : 0;
		assert_int_equal(mentions(p->a, p->conv[0], user, mark),
			mentions(p->b, p->conv[0], user, mark));
	}
}

static void both_backends_count_alike(void **state)
{
	(void)state;
	test_pair_walk(20261129, 300, step, compare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(who_is_meant_is_counted_after_the_mark),
		TEST_BOTH(all_means_everybody_once),
		TEST_BOTH(ones_own_messages_mention_others),
		TEST_BOTH(an_answer_counts_as_reading_wherever_it_is),
		TEST_BOTH(operations_and_system_messages_mention_nobody),
		TEST_BOTH(what_is_recalled_or_erased_mentions_nobody),
		TEST_BOTH(an_edit_changes_who_is_meant_or_leaves_it),
		TEST_BOTH(what_has_expired_mentions_until_it_is_read),
		TEST_BOTH(what_retention_takes_mentions_nobody),
		TEST_BOTH(a_view_counts_what_it_sees),
		TEST_BOTH(so_many_are_counted),
		TEST_BOTH(a_message_has_room_for_so_many),
		TEST_SQLITE(no_row_is_left_behind),
		TEST_SQLITE(what_an_earlier_version_stored_mentions_nobody),
		TEST_SQLITE(an_answer_far_back_counts_before_all_have_ordinals),
		cmocka_unit_test(both_backends_count_alike),
	};
	return cmocka_run_group_tests_name("store_mentions", tests, NULL, NULL);
}
