/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What of a conversation counts as unread, and which message a list shows: for every backend, and
 * the two held against each other while they do the same at random. The one in memory looks at
 * every message, the one in SQLite at ordinals.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/store/store_sqlite_place.h"
#include "tests/store/store_pair.h"

#define ME 1
#define PEER 2

static uint64_t say(struct test_node *f, uint64_t conv, uint64_t sender, const char *type)
{
	return test_say(f, conv, sender, type, NULL, 0);
}

static void say_many(struct test_node *f, uint64_t conv, uint64_t sender, const char *type, int n)
{
	while (n-- > 0)
		say(f, conv, sender, type);
}

static void recall(struct test_node *f, uint64_t gid, const char *type)
{
	struct store_msg m = {.gid = gid, .type = im_str(type), .recalled = true};
	assert_ok(f->be->amend(f->s, &m));
}

static uint64_t unread(struct test_node *f, uint64_t conv, uint64_t user, uint64_t mark)
{
	uint64_t n = 999;
	assert_ok(f->be->unread(f->r, conv, user, mark, &n));
	return n;
}

static uint64_t shown(struct test_node *f, uint64_t conv)
{
	struct store_head head;
	assert_ok(f->be->read_shown(f->r, conv, &head));
	assert_true(head.seq == 0 || head.gid > 0);
	return head.seq;
}

static void what_others_sent_after_the_mark_is_unread(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", 5);
	test_commit(f);
	test_reopen(f);
	assert_int_equal(unread(f, conv, ME, 0), 5);
	assert_int_equal(unread(f, conv, ME, 2), 3);
	assert_int_equal(unread(f, conv, ME, 5), 0);
	assert_int_equal(unread(f, conv, ME, 6), 0);
	assert_int_equal(unread(f, conv, PEER, 0), 0);
	assert_int_equal(unread(f, conv, PEER, 3), 0);
	assert_int_equal(unread(f, conv, 3, 1), 4); /* one who has never said anything */
	assert_int_equal(unread(f, conv + 1, ME, 0), 0);
}

static void only_sending_a_message_is_an_answer(void **state)
{
	static const char *const none[] = {"react", "edit", "recall", "system"};
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", 3);
	for (int i = 0; i < 4; i++)
		say(f, conv, ME, none[i]);
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 3);
	assert_int_equal(unread(f, conv, ME, 2), 1);
	assert_int_equal(unread(f, conv, PEER, 0), 0);
	assert_ok(f->be->begin(f->s));
	say(f, conv, ME, "image");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 0);
	assert_int_equal(unread(f, conv, PEER, 0), 1);
	assert_int_equal(unread(f, conv, 3, 0), 4);
}

static void operations_and_system_messages_do_not_count(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say(f, conv, PEER, "system");
	say_many(f, conv, PEER, "", 2);
	say(f, conv, PEER, "react");
	say(f, conv, PEER, "systemic"); /* an app's own type */
	say(f, conv, PEER, "edit");
	say(f, conv, PEER, "recall");
	say(f, conv, PEER, "system");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 3);
	assert_int_equal(unread(f, conv, ME, 1), 3);
	assert_int_equal(unread(f, conv, ME, 2), 2);
	assert_int_equal(unread(f, conv, ME, 4), 1);
	assert_int_equal(unread(f, conv, ME, 5), 0);
}

/* An own last message is found at every distance, whatever came in between and before. */
static void an_answer_counts_however_long_ago_it_was(void **state)
{
	struct test_node *f = *state;
	static const int gaps[] = {1, 126, 127, 128, 129, 300, 1001, 2500};
	uint64_t conv = test_begun(f);
	test_commit(f);
	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		uint64_t mark = i;
		assert_ok(f->be->begin(f->s));
		say(f, conv, ME, "");
		say(f, conv, ME, "react");
		say_many(f, conv, PEER, "", gaps[i]);
		say(f, conv, ME, "edit");
		test_commit(f);
		if (i % 2)
			test_reopen(f);
		assert_int_equal(unread(f, conv, ME, mark), gaps[i]);
		assert_int_equal(unread(f, conv, PEER, 0), 0);
	}
}

/* Each pair of distances between one's own messages and from there to the head. */
static void an_answer_counts_wherever_the_one_before_was(void **state)
{
	struct test_node *f = *state;
	static const int gaps[] = {1, 60, 126, 127, 128, 129, 255, 256};
	uint64_t conv = test_begun(f);
	test_commit(f);
	for (size_t i = 0; i < 8; i++) {
		for (size_t k = 0; k < 8; k++) {
			assert_ok(f->be->begin(f->s));
			say(f, conv, ME, "");
			say_many(f, conv, PEER, "", gaps[i]);
			say(f, conv, ME, "");
			say_many(f, conv, PEER, "", gaps[k]);
			test_commit(f);
			assert_int_equal(unread(f, conv, ME, 0), gaps[k]);
			if (k == 0)
				test_reopen(f);
		}
	}
}

/* The only message of somebody, at each place around where places begin to be noted. */
static void an_only_answer_counts_wherever_it_is(void **state)
{
	struct test_node *f = *state;
	for (int at = 124; at <= 132; at++) {
		uint64_t conv;
		assert_ok(f->be->begin(f->s));
		conv = test_conv(f->be, f->s, ME, (uint64_t)at);
		say_many(f, conv, PEER, "", at - 1);
		say(f, conv, ME, "");
		say_many(f, conv, PEER, "", 200);
		test_commit(f);
		assert_int_equal(unread(f, conv, ME, 0), 200);
		assert_int_equal(unread(f, conv, ME, (uint64_t)at - 2), 200);
		assert_int_equal(unread(f, conv, ME, (uint64_t)at + 1), 199);
	}
}

static void a_recalled_message_counts_once_less(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), gid[6];
	for (int i = 0; i < 6; i++)
		gid[i] = say(f, conv, PEER, i == 5 ? "edit" : "");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 5);
	assert_ok(f->be->begin(f->s));
	recall(f, gid[1], "");
	recall(f, gid[3], "");
	recall(f, gid[5], "edit"); /* holds words of another message, counts for nothing */
	f->be->rollback(f->s);
	assert_int_equal(unread(f, conv, ME, 0), 5);
	assert_ok(f->be->begin(f->s));
	recall(f, gid[1], "");
	recall(f, gid[3], "");
	recall(f, gid[5], "edit");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 3);
	assert_int_equal(unread(f, conv, ME, 1), 2); /* each mark has its own */
	assert_int_equal(unread(f, conv, ME, 2), 2);
	assert_int_equal(unread(f, conv, ME, 3), 1);
	assert_int_equal(unread(f, conv, ME, 4), 1);
	assert_ok(f->be->begin(f->s));
	recall(f, gid[1], "");
	test_commit(f);
	test_reopen(f);
	assert_int_equal(unread(f, conv, ME, 0), 3);
	/* It was sent all the same: an own one still is an answer. */
	assert_ok(f->be->begin(f->s));
	gid[0] = say(f, conv, ME, "");
	recall(f, gid[0], "");
	say(f, conv, PEER, "");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 1);
	assert_int_equal(unread(f, conv, PEER, 0), 0);
	assert_int_equal(unread(f, conv, 3, 0), 4);
}

static void an_edit_does_not_change_the_count(void **state)
{
	struct test_node *f = *state;
	struct store_msg m = {.type = IM_STR("card"), .body = IM_STR("other words")};
	uint64_t conv = test_begun(f);
	m.gid = say(f, conv, PEER, "card");
	say(f, conv, PEER, "edit");
	assert_ok(f->be->amend(f->s, &m));
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 1);
	assert_int_equal(shown(f, conv), 1);
}

static void what_has_expired_counts_until_it_is_read(void **state)
{
	struct test_node *f = *state;
	struct store_msg m = {
		.sender = PEER, .expires_ms = 5, .meta = IM_STR("\"ttl\":1"), .body = IM_STR("x")};
	uint32_t n;
	m.conv = test_begun(f);
	for (m.seq = 1; m.seq <= 3; m.seq++) {
		m.gid = m.seq;
		assert_ok(f->be->append(f->s, &m));
	}
	test_commit(f);
	assert_ok(f->be->expire(f->s, 10, 10, &n));
	assert_int_equal(n, 3);
	assert_int_equal(unread(f, m.conv, ME, 0), 3);
	assert_int_equal(unread(f, m.conv, ME, 2), 1);
	assert_int_equal(shown(f, m.conv), 3);
	/* What is recalled then counts no longer; once. */
	assert_ok(f->be->begin(f->s));
	recall(f, 3, "");
	test_commit(f);
	assert_ok(f->be->expire(f->s, 10, 10, &n));
	assert_int_equal(unread(f, m.conv, ME, 0), 2);
}

static void a_mark_that_is_deleted_stands_before_what_is_left(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f), gid;
	say(f, conv, ME, "");
	say_many(f, conv, PEER, "", 5);
	gid = say(f, conv, PEER, "");
	recall(f, gid, "");
	say(f, conv, PEER, "react");
	say_many(f, conv, PEER, "", 2);
	recall(f, 3, "");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 6);
	assert_int_equal(test_prune(f, 5), 4);
	assert_int_equal(unread(f, conv, ME, 0), 4); /* 5, 6, 9, 10 */
	assert_int_equal(unread(f, conv, ME, 3), 4);
	assert_int_equal(unread(f, conv, ME, 5), 3);
	assert_int_equal(test_prune(f, 7), 2);
	assert_int_equal(unread(f, conv, ME, 0), 2); /* begins at one that was recalled */
	assert_int_equal(test_prune(f, 8), 1);
	test_reopen(f);
	assert_int_equal(unread(f, conv, ME, 0), 2); /* begins at an operation */
	assert_int_equal(test_prune(f, 1000), 2);
	assert_int_equal(unread(f, conv, ME, 2), 1);
	assert_int_equal(unread(f, conv, PEER, 2), 0);
}

/* A clock that was ahead for a moment leaves a message that retention passes by. */
static void what_is_deleted_from_between_counts_no_longer(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", 2);
	test_say(f, conv, PEER, "", NULL, 1000000);
	say(f, conv, PEER, ""); /* 4 */
	say(f, conv, ME, "");
	say(f, conv, PEER, "system");
	say_many(f, conv, PEER, "", 3); /* 7, 8, 9 */
	recall(f, 8, "");
	test_commit(f);
	assert_int_equal(unread(f, conv, 3, 0), 7);
	assert_int_equal(test_prune(f, 6), 4);
	assert_int_equal(unread(f, conv, 3, 0), 3); /* 3, 7, 9 */
	assert_int_equal(unread(f, conv, 3, 3), 2);
	assert_int_equal(unread(f, conv, 3, 4), 2);
	/* That he had answered is known also when the answer is gone. */
	assert_int_equal(unread(f, conv, ME, 0), 2);
	assert_int_equal(test_prune(f, 8), 2);
	assert_int_equal(unread(f, conv, 3, 0), 2); /* 3, 9 */
	assert_int_equal(shown(f, conv), 9);
	assert_int_equal(test_prune(f, 2000000), 2);
	assert_int_equal(unread(f, conv, 3, 0), 1);
	assert_int_equal(unread(f, conv, 3, 8), 1);
}

static void a_list_shows_the_newest_message_that_is_no_operation(void **state)
{
	static const int piles[] = {1, 2, 3, 10, 63, 64, 65, 500};
	struct test_node *f = *state;
	struct store_head head;
	uint64_t conv = test_begun(f), at = 0;
	say_many(f, conv, PEER, "react", 3); /* of messages that are gone */
	test_commit(f);
	assert_ok(f->be->read_shown(f->r, conv, &head));
	assert_int_equal(head.seq, 0);
	assert_int_equal(head.gid, 1);
	for (size_t i = 0; i < sizeof(piles) / sizeof(piles[0]); i++) {
		assert_ok(f->be->begin(f->s));
		at = say(f, conv, PEER, i % 2 ? "system" : "");
		test_commit(f);
		assert_int_equal(shown(f, conv), at);
		for (int k = 0; k < piles[i]; k++) {
			assert_ok(f->be->begin(f->s));
			say(f, conv, k % 2 ? ME : PEER, k % 3 ? "react" : "edit");
			test_commit(f);
			if (k < 3 || k + 3 > piles[i])
				assert_int_equal(shown(f, conv), at);
		}
		test_reopen(f);
		assert_int_equal(shown(f, conv), at);
	}
	assert_ok(f->be->begin(f->s));
	recall(f, at, "system");
	test_commit(f);
	assert_int_equal(shown(f, conv), at);
}

/* Retention keeps a conversation's newest row, which may be an operation. */
static void where_only_operations_are_left_nothing_is_shown(void **state)
{
	struct test_node *f = *state;
	struct store_head head;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", 3);
	say_many(f, conv, ME, "react", 4);
	test_commit(f);
	assert_int_equal(test_prune(f, 4), 3);
	assert_ok(f->be->read_shown(f->r, conv, &head));
	assert_int_equal(head.seq, 0);
	assert_int_equal(head.gid, 4);
	/* It stays where it stands when more of them come. */
	assert_ok(f->be->begin(f->s));
	say(f, conv, ME, "react");
	test_commit(f);
	assert_ok(f->be->read_shown(f->r, conv, &head));
	assert_int_equal(head.gid, 4);
	assert_int_equal(unread(f, conv, PEER, 0), 0);
	assert_ok(f->be->begin(f->s));
	say(f, conv, PEER, "");
	test_commit(f);
	assert_int_equal(shown(f, conv), 9);
}

static void between_holes_the_newest_that_is_left_is_shown(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say(f, conv, PEER, "");
	test_say(f, conv, PEER, "", NULL, 1000000);
	say(f, conv, PEER, "");
	test_say(f, conv, PEER, "react", NULL, 1000000);
	say(f, conv, PEER, "");
	say(f, conv, PEER, "react");
	test_commit(f);
	assert_int_equal(shown(f, conv), 5);
	assert_int_equal(test_prune(f, 100), 3);
	assert_int_equal(shown(f, conv), 2);
	assert_int_equal(unread(f, conv, ME, 0), 1);
	assert_int_equal(unread(f, conv, ME, 2), 0);
}

static void a_view_counts_what_it_sees(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", 3);
	say(f, conv, PEER, "react");
	test_commit(f);
	assert_ok(f->be->view_begin(f->r));
	assert_int_equal(unread(f, conv, ME, 0), 3);
	assert_ok(f->be->begin(f->s));
	recall(f, 2, "");
	say(f, conv, PEER, "");
	say(f, conv, ME, "");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 3);
	assert_int_equal(shown(f, conv), 3);
	f->be->view_end(f->r);
	assert_int_equal(unread(f, conv, ME, 0), 0);
	assert_int_equal(unread(f, conv, 3, 0), 4);
	assert_int_equal(shown(f, conv), 6);
}

/* What was rolled back has left nothing in the caches by which the next are counted. */
static void a_rollback_takes_back_what_was_counted(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", 200);
	test_commit(f);
	assert_ok(f->be->begin(f->s));
	say(f, conv, ME, ""); /* his first one beyond the first places: it would be noted */
	say(f, conv, PEER, "react");
	f->be->rollback(f->s);
	assert_int_equal(unread(f, conv, ME, 0), 200);
	assert_ok(f->be->begin(f->s));
	say(f, conv, PEER, "react");
	say(f, conv, ME, "");
	say_many(f, conv, PEER, "", 150);
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 0), 150);
	assert_int_equal(unread(f, conv, 3, 0), 351);
	test_reopen(f);
	assert_int_equal(unread(f, conv, ME, 0), 150);
}

/* -- of SQLite alone -- */

static void so_many_gone_ones_are_looked_at(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, PEER, "", STORE_GONE_MAX + 50);
	for (uint64_t gid = 1; gid <= STORE_GONE_MAX + 20; gid++)
		recall(f, gid, "");
	test_commit(f);
	assert_int_equal(unread(f, conv, ME, 20), 30);
	assert_int_equal(unread(f, conv, ME, STORE_GONE_MAX), 30);
	assert_int_equal(unread(f, conv, ME, 0), 50);
}

static void what_is_deleted_leaves_no_note_of_having_gone(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	test_say(f, conv, PEER, "", NULL, 500);
	say_many(f, conv, PEER, "", 20);
	for (uint64_t gid = 10; gid <= 14; gid++)
		recall(f, gid, "");
	test_commit(f);
	assert_int_equal(test_number(f->folder, "SELECT count(*) FROM gone"), 5);
	assert_int_equal(test_prune(f, 13), 11);
	assert_int_equal(test_number(f->folder, "SELECT count(*) FROM gone"), 13);
	assert_int_equal(unread(f, conv, ME, 0), 8); /* the one ahead, and 15 to 21 */
	assert_int_equal(test_prune(f, 1000), 9);
	assert_int_equal(test_number(f->folder, "SELECT count(*) FROM gone"), 0);
	assert_int_equal(unread(f, conv, ME, 0), 1);
}

/* That is what a note costs, and why there is not one for each message. */
static void speakers_are_noted_now_and_then(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = test_begun(f);
	say_many(f, conv, ME, "", STORE_SPOKE_EVERY - 1);
	test_commit(f);
	assert_int_equal(test_number(f->folder, "SELECT count(*) FROM spoke"), 0);
	assert_ok(f->be->begin(f->s));
	say_many(f, conv, ME, "", STORE_SPOKE_EVERY);
	test_commit(f);
	assert_int_equal(test_number(f->folder, "SELECT seq FROM spoke"), STORE_SPOKE_EVERY);
	assert_ok(f->be->begin(f->s));
	say_many(f, conv, ME, "", 1);
	test_commit(f);
	assert_int_equal(test_number(f->folder, "SELECT seq FROM spoke"), 2 * STORE_SPOKE_EVERY);
}

/* -- both at once -- */

#define USERS 4

static void say_both(struct test_pair *p)
{
	static const char *const types[] = {"", "", "", "", "react", "react", "edit", "system"};
	uint64_t conv = p->conv[test_draw(p, TEST_PAIR_CONVS)];
	uint64_t sender = 1 + test_draw(p, USERS);
	const char *type = types[test_draw(p, 8)];
	int n = test_draw(p, 8) ? 1 : 1 + (int)test_draw(p, 200);
	int64_t ahead_ms = test_draw(p, 100) ? 0 : 300;
	for (int i = 0; i < n; i++) {
		test_say(p->a, conv, sender, type, NULL, ahead_ms);
		test_say(p->b, conv, sender, type, NULL, ahead_ms);
	}
	p->gids += (uint64_t)n;
}

static int take_type(void *arg, const struct store_msg *m)
{
	snprintf(arg, 16, "%.*s", IM_ARGS(m->type));
	return 0;
}

static void recall_both(struct test_pair *p)
{
	uint64_t gid = 1 + test_draw(p, (uint32_t)p->gids);
	char type[16] = "?";
	assert_ok(p->b->be->read_log(p->b->r, gid, gid, false, take_type, type));
	if (strcmp(type, "?") == 0)
		return; /* deleted, or not committed yet */
	recall(p->a, gid, type);
	recall(p->b, gid, type);
}

static void step(struct test_pair *p)
{
	if (test_draw(p, 4) == 0 && p->committed > 0)
		recall_both(p);
	else
		say_both(p);
}

static void compare(struct test_pair *p)
{
	for (int c = 0; c < TEST_PAIR_CONVS; c++) {
		struct store_head head, a, b;
		assert_ok(p->a->be->read_head(p->a->r, p->conv[c], &head));
		assert_ok(p->a->be->read_shown(p->a->r, p->conv[c], &a));
		assert_ok(p->b->be->read_shown(p->b->r, p->conv[c], &b));
		assert_int_equal(a.seq, b.seq);
		assert_int_equal(a.gid, b.gid);
		for (int down = 0; down < 2; down++)
			test_same_page(p->a, p->b, p->conv[c],
				1 + test_draw(p, (uint32_t)head.seq + 2), down);
		for (uint64_t user = 1; user <= USERS + 1; user++) {
			uint64_t mark = test_draw(p, (uint32_t)head.seq + 2);
			if (test_draw(p, 3) == 0)
				mark = 0;
			assert_int_equal(unread(p->a, p->conv[c], user, mark),
				unread(p->b, p->conv[c], user, mark));
		}
	}
}

static void both_backends_count_alike(void **state)
{
	(void)state;
	test_pair_walk(20261128, 400, step, compare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(what_others_sent_after_the_mark_is_unread),
		TEST_BOTH(only_sending_a_message_is_an_answer),
		TEST_BOTH(operations_and_system_messages_do_not_count),
		TEST_BOTH(an_answer_counts_however_long_ago_it_was),
		TEST_BOTH(an_answer_counts_wherever_the_one_before_was),
		TEST_BOTH(an_only_answer_counts_wherever_it_is),
		TEST_BOTH(a_recalled_message_counts_once_less),
		TEST_BOTH(an_edit_does_not_change_the_count),
		TEST_BOTH(what_has_expired_counts_until_it_is_read),
		TEST_BOTH(a_mark_that_is_deleted_stands_before_what_is_left),
		TEST_BOTH(what_is_deleted_from_between_counts_no_longer),
		TEST_BOTH(a_list_shows_the_newest_message_that_is_no_operation),
		TEST_BOTH(where_only_operations_are_left_nothing_is_shown),
		TEST_BOTH(between_holes_the_newest_that_is_left_is_shown),
		TEST_BOTH(a_view_counts_what_it_sees),
		TEST_BOTH(a_rollback_takes_back_what_was_counted),
		TEST_SQLITE(so_many_gone_ones_are_looked_at),
		TEST_SQLITE(what_is_deleted_leaves_no_note_of_having_gone),
		TEST_SQLITE(speakers_are_noted_now_and_then),
		cmocka_unit_test(both_backends_count_alike),
	};
	return cmocka_run_group_tests_name("store_unread", tests, NULL, NULL);
}
