/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many unread messages mention their reader: for every backend, and the two held against each
 * other while they do the same at random. Which messages are unread is test_store_unread.c's.
 */
#include <stdio.h>
#include <string.h>

#include "tests/store/store_test.h"

#define ME 1
#define PEER 2
#define THIRD 3

#define ALL (&(struct message_mentions){.all = true})
#define NOBODY (&(struct message_mentions){.n = 0})
#define USERS(...)                                                                             \
	(&(struct message_mentions){.n = sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), \
		.users = {__VA_ARGS__}})

/* Begins a conversation and leaves the transaction open. */
static uint64_t begun(struct test_node *f)
{
	assert_ok(f->be->begin(f->s));
	return test_conv(f->be, f->s, ME, PEER);
}

static void commit(struct test_node *f)
{
	assert_ok(f->be->commit(f->s, NULL));
}

/* The next message, in an open transaction; its gid. Its time is that, and so much more. */
static uint64_t say_at(struct test_node *f, uint64_t conv, uint64_t sender, const char *type,
	const struct message_mentions *who, int64_t ahead_ms)
{
	struct store_msg m = {.conv = conv,
		.sender = sender,
		.type = im_str(type),
		.body = IM_STR("{}"),
		.mentions = who};
	struct store_head head;
	uint64_t log;
	assert_ok(f->be->head(f->s, conv, &head));
	assert_ok(f->be->log_head(f->s, &log));
	m.gid = log + 1;
	m.seq = head.seq + 1;
	m.ts_ms = (int64_t)m.gid + ahead_ms;
	assert_ok(f->be->append(f->s, &m));
	return m.gid;
}

static uint64_t say(
	struct test_node *f, uint64_t conv, uint64_t sender, const struct message_mentions *who)
{
	return say_at(f, conv, sender, "", who, 0);
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

static uint32_t prune(struct test_node *f, int64_t before_ms)
{
	uint32_t deleted;
	assert_ok(f->be->prune(f->s, 0, NULL, 0, before_ms, 5000, &deleted));
	return deleted;
}

static int64_t rows(struct test_node *f)
{
	return test_number(f->folder, "SELECT count(*) FROM mention");
}

static void who_is_meant_is_counted_after_the_mark(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f);
	say(f, conv, PEER, NULL);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, PEER, USERS(THIRD, ME));
	say(f, conv, PEER, NOBODY);
	say(f, conv, PEER, USERS(THIRD));
	commit(f);
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
	uint64_t conv = begun(f);
	say(f, conv, PEER, ALL);
	say(f, conv, PEER, USERS(ME, ME));
	both.all = true;
	say(f, conv, PEER, &both);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_int_equal(mentions(f, conv, ME, 1), 2);
	assert_int_equal(mentions(f, conv, THIRD, 0), 2);
	assert_int_equal(mentions(f, conv, 77, 0), 2);
	assert_int_equal(mentions(f, conv, PEER, 0), 0);
}

static void ones_own_messages_mention_others(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, ME, USERS(ME, PEER));
	say(f, conv, ME, ALL);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 0);
	assert_int_equal(mentions(f, conv, PEER, 0), 2);
	assert_int_equal(mentions(f, conv, THIRD, 0), 1);
}

/* As with what is unread, whoever has sent a message has seen what was there before. */
static void an_answer_counts_as_reading_wherever_it_is(void **state)
{
	static const int gaps[] = {1, 126, 127, 128, 129, 400};
	struct test_node *f = *state;
	uint64_t conv = begun(f);
	commit(f);
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		assert_ok(f->be->begin(f->s));
		say(f, conv, PEER, USERS(ME));
		say(f, conv, ME, NULL);
		say_at(f, conv, ME, "react", NULL, 0);
		for (int k = 0; k < gaps[i]; k++)
			say(f, conv, PEER, k % 2 ? NULL : k % 3 ? ALL : USERS(ME));
		say_at(f, conv, ME, "edit", NULL, 0);
		commit(f);
		if (i % 2)
			test_reopen(f);
		assert_int_equal(mentions(f, conv, ME, 0), (gaps[i] + 1) / 2);
	}
}

static void operations_and_system_messages_mention_nobody(void **state)
{
	static const char *const none[] = {"react", "edit", "recall", "system"};
	struct test_node *f = *state;
	uint64_t conv = begun(f);
	for (int i = 0; i < 4; i++)
		say_at(f, conv, PEER, none[i], USERS(ME), 0);
	say_at(f, conv, PEER, "card", USERS(ME), 0);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, ME, 5), 0);
}

static void what_is_recalled_or_erased_mentions_nobody(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f), gid[3];
	struct store_msg m = {.gid = 4, .conv = conv, .seq = 4, .sender = PEER, .recalled = true};
	gid[0] = say(f, conv, PEER, USERS(ME, THIRD));
	gid[1] = say(f, conv, PEER, ALL);
	gid[2] = say(f, conv, PEER, USERS(ME));
	m.mentions = USERS(ME); /* appended without its words */
	assert_ok(f->be->append(f->s, &m));
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_ok(f->be->begin(f->s));
	amend(f, gid[0], true, NULL);
	amend(f, gid[1], true, USERS(ME));
	f->be->rollback(f->s);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_ok(f->be->begin(f->s));
	amend(f, gid[0], true, NULL);
	amend(f, gid[1], true, USERS(ME));
	commit(f);
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 0), 0);
	assert_int_equal(mentions(f, conv, ME, 3), 0);
}

static void an_edit_changes_who_is_meant_or_leaves_it(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f), gid = say(f, conv, PEER, USERS(ME));
	uint64_t plain = say(f, conv, PEER, NULL);
	amend(f, gid, false, NULL);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, false, USERS(THIRD, PEER));
	amend(f, plain, false, ALL);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, ME, 1), 1);
	assert_int_equal(mentions(f, conv, THIRD, 0), 2);
	assert_int_equal(mentions(f, conv, PEER, 0), 0);
	assert_ok(f->be->begin(f->s));
	amend(f, plain, false, USERS(ME));
	amend(f, gid, false, NOBODY);
	commit(f);
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
	m.conv = begun(f);
	assert_ok(f->be->append(f->s, &m));
	commit(f);
	assert_ok(f->be->expire(f->s, 10, 10, &n));
	assert_int_equal(n, 1);
	assert_int_equal(mentions(f, m.conv, ME, 0), 1);
	assert_int_equal(mentions(f, m.conv, ME, 1), 0);
}

/* A clock that was ahead for a moment leaves messages that retention passes by. */
static void what_retention_takes_mentions_nobody(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f);
	say(f, conv, PEER, USERS(ME));
	say_at(f, conv, PEER, "", USERS(ME), 100000);
	say(f, conv, PEER, ALL);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, PEER, USERS(ME, THIRD));
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 5);
	assert_int_equal(prune(f, 4), 2);
	assert_int_equal(mentions(f, conv, ME, 0), 3);
	assert_int_equal(mentions(f, conv, ME, 2), 2);
	assert_int_equal(prune(f, 200000), 2);
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_int_equal(mentions(f, conv, THIRD, 3), 1);
}

static void a_view_counts_what_it_sees(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f), gid = say(f, conv, PEER, USERS(ME));
	commit(f);
	assert_ok(f->be->view_begin(f->r));
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, true, NULL);
	say(f, conv, PEER, ALL);
	say(f, conv, PEER, USERS(ME));
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	f->be->view_end(f->r);
	assert_int_equal(mentions(f, conv, ME, 0), 2);
}

static void so_many_are_counted(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f);
	for (int i = 0; i < STORE_MENTIONS_MAX + 50; i++)
		say(f, conv, PEER, i % 2 ? USERS(ME) : ALL);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), STORE_MENTIONS_MAX);
	assert_int_equal(mentions(f, conv, ME, 60), STORE_MENTIONS_MAX - 10);
	assert_int_equal(mentions(f, conv, THIRD, 0), STORE_MENTIONS_MAX / 2 + 25);
}

static void a_message_has_room_for_so_many(void **state)
{
	struct test_node *f = *state;
	struct message_mentions who = {.n = IM_MENTIONS_MAX};
	uint64_t conv = begun(f);
	for (uint64_t i = 0; i < IM_MENTIONS_MAX; i++)
		who.users[i] = 100 + i;
	say(f, conv, PEER, &who);
	commit(f);
	for (uint64_t i = 0; i < IM_MENTIONS_MAX; i++)
		assert_int_equal(mentions(f, conv, 100 + i, 0), 1);
	assert_int_equal(mentions(f, conv, 100 + IM_MENTIONS_MAX, 0), 0);
}

/* -- of SQLite alone -- */

/* Each row goes with what it is of; most messages have none. */
static void no_row_is_left_behind(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f), gid;
	for (int i = 0; i < 10; i++)
		say(f, conv, PEER, NULL);
	assert_int_equal(rows(f), 0);
	say(f, conv, PEER, USERS(ME, THIRD, PEER, ME));
	gid = say(f, conv, PEER, USERS(ME, THIRD));
	say(f, conv, ME, ALL);
	say(f, conv, PEER, USERS(ME));
	say(f, conv, PEER, NULL);
	commit(f);
	assert_int_equal(rows(f), 6);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, false, ALL);
	commit(f);
	assert_int_equal(rows(f), 5);
	assert_ok(f->be->begin(f->s));
	amend(f, gid, true, NULL);
	commit(f);
	assert_int_equal(rows(f), 4);
	assert_int_equal(prune(f, 14), 13);
	assert_int_equal(rows(f), 1);
	assert_int_equal(prune(f, 1000), 1);
	assert_int_equal(rows(f), 0);
}

/* Of a conversation whose old part an earlier version has stored without ordinals. */
static void what_an_earlier_version_stored_mentions_nobody(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = begun(f), left;
	for (int i = 0; i < 6; i++)
		say(f, conv, i == 3 ? ME : PEER, NULL);
	commit(f);
	test_execute(f->folder, "UPDATE conv_log SET less_ord = NULL, less_shown = NULL;"
				"UPDATE message SET meta = '\"mentions\":[\"me\"]';"
				"INSERT INTO meta (key, value) VALUES ('unnumbered', 6)");
	test_reopen(f);
	assert_int_equal(mentions(f, conv, ME, 0), 0);
	assert_ok(f->be->begin(f->s));
	say(f, conv, PEER, USERS(ME)); /* 7 */
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
	assert_ok(f->be->begin(f->s));
	say(f, conv, ME, NULL);
	say(f, conv, PEER, ALL); /* 9 */
	commit(f);
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
	uint64_t conv = begun(f);
	for (int i = 0; i < 200; i++)
		say(f, conv, PEER, NULL);
	commit(f);
	test_execute(f->folder, "UPDATE conv_log SET less_ord = NULL, less_shown = NULL;"
				"INSERT INTO meta (key, value) VALUES ('unnumbered', 200)");
	test_reopen(f);
	assert_ok(f->be->begin(f->s));
	say(f, conv, PEER, ALL);
	say(f, conv, ME, NULL);
	for (int i = 0; i < STORE_LOOK_BACK + 100; i++)
		say(f, conv, PEER, i == 50 ? USERS(ME) : NULL);
	commit(f);
	assert_int_equal(mentions(f, conv, ME, 0), 1);
}

/* -- both at once -- */

struct pair {
	struct test_node *a, *b;
	uint64_t rng, conv, gids;
};

static uint32_t draw(struct pair *p, uint32_t n)
{
	p->rng = p->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(p->rng >> 33) % n;
}

static const struct message_mentions *draw_who(struct pair *p, struct message_mentions *who)
{
	*who = (struct message_mentions){.all = draw(p, 8) == 0, .n = draw(p, 4)};
	for (uint32_t i = 0; i < who->n; i++)
		who->users[i] = 1 + draw(p, 5);
	return draw(p, 2) ? who : NULL;
}

static void say_both(struct pair *p)
{
	struct message_mentions room;
	const struct message_mentions *who = draw_who(p, &room);
	uint64_t sender = 1 + draw(p, 5);
	const char *type = draw(p, 6) ? "" : "react";
	int64_t ahead_ms = draw(p, 50) ? 0 : 300;
	for (uint32_t n = draw(p, 6) ? 1 : 1 + draw(p, 150); n > 0; n--, p->gids++) {
		say_at(p->a, p->conv, sender, type, who, ahead_ms);
		say_at(p->b, p->conv, sender, type, who, ahead_ms);
	}
}

static int take_type(void *arg, const struct store_msg *m)
{
	snprintf(arg, 16, "%.*s%s", IM_ARGS(m->type), m->recalled ? "-" : "");
	return 0;
}

static void amend_both(struct pair *p)
{
	struct message_mentions room;
	const struct message_mentions *who = draw_who(p, &room);
	uint64_t gid = 1 + draw(p, (uint32_t)p->gids);
	bool recalled = draw(p, 2);
	char type[16] = "?";
	int rc = p->b->be->get(p->b->s, p->conv, gid, take_type, type);
	assert_true(rc == IM_OK || rc == IM_E_NONE);
	if (type[0])
		return; /* deleted, an operation, or recalled */
	amend(p->a, gid, recalled, who);
	amend(p->b, gid, recalled, who);
}

static void compare(struct pair *p)
{
	for (uint64_t user = 1; user <= 6; user++) {
		uint64_t mark = draw(p, 3) ? draw(p, (uint32_t)p->gids + 2) : 0;
		assert_int_equal(
			mentions(p->a, p->conv, user, mark), mentions(p->b, p->conv, user, mark));
	}
}

static void run_both(struct pair *p)
{
	uint64_t before = p->gids;
	assert_ok(p->a->be->begin(p->a->s));
	assert_ok(p->b->be->begin(p->b->s));
	for (uint32_t i = draw(p, 12); i > 0; i--) {
		if (draw(p, 3) == 0 && p->gids > 0)
			amend_both(p);
		else
			say_both(p);
	}
	if (draw(p, 4) == 0) {
		p->a->be->rollback(p->a->s);
		p->b->be->rollback(p->b->s);
		p->gids = before;
	} else {
		commit(p->a);
		commit(p->b);
	}
	if (draw(p, 20) == 0) {
		int64_t through = p->gids > 500 ? (int64_t)draw(p, (uint32_t)p->gids) : 0;
		assert_int_equal(prune(p->a, through), prune(p->b, through));
	}
	if (draw(p, 20) == 0)
		test_reopen(p->a);
}

static void both_backends_count_alike(void **state)
{
	struct test_node *both[2];
	struct pair p = {.rng = 20261129};
	(void)state;
	test_set_up_sqlite((void **)&both[0]);
	test_set_up_memory((void **)&both[1]);
	p.a = both[0];
	p.b = both[1];
	for (int k = 0; k < 2; k++) {
		p.conv = begun(both[k]);
		commit(both[k]);
	}
	for (int round = 0; round < 300; round++) {
		run_both(&p);
		compare(&p);
	}
	assert_true(p.gids > 5000);
	test_tear_down((void **)&both[0]);
	test_tear_down((void **)&both[1]);
}

#define SQLITE(test) cmocka_unit_test_setup_teardown(test, test_set_up_sqlite, test_tear_down)

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
		SQLITE(no_row_is_left_behind),
		SQLITE(what_an_earlier_version_stored_mentions_nobody),
		SQLITE(an_answer_far_back_counts_before_all_have_ordinals),
		cmocka_unit_test(both_backends_count_alike),
	};
	return cmocka_run_group_tests_name("store_mentions", tests, NULL, NULL);
}
