/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The suite that every backend passes: what bridge/store/store.h promises. A test gets a store that
 * is empty; a backend that keeps its data is opened again by those tests that say so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/store/store_test.h"

static uint64_t log_head(struct test_node *f)
{
	uint64_t gid = 99;
	assert_ok(f->be->log_head(f->s, &gid));
	return gid;
}

static struct store_head head_of(struct test_node *f, uint64_t conv)
{
	struct store_head h;
	assert_ok(f->be->head(f->s, conv, &h));
	return h;
}

static uint32_t count_log(struct test_node *f)
{
	struct test_seen seen = {0};
	assert_ok(f->be->read_log(f->r, 1, UINT64_MAX, false, test_see, &seen));
	return seen.n;
}

/* One conversation of users 1 and 2 with n messages, gids from 1 on. */
static uint64_t filled(struct test_node *f, uint32_t n)
{
	uint64_t conv;
	assert_ok(f->be->begin(f->s));
	conv = test_conv(f->be, f->s, 1, 2);
	assert_ok(f->be->commit(f->s, NULL));
	test_fill(f->be, f->s, conv, 1, n);
	return conv;
}

static void an_empty_store_says_so(void **state)
{
	struct test_node *f = *state;
	struct store_head head = {5, 5}, shown = {5, 5};
	struct store_conv conv;
	struct test_seen seen = {0};
	uint64_t id, unread = 9;
	assert_int_equal(log_head(f), 0);
	assert_int_equal(f->be->conv(f->s, IM_CONV_USER, 1, 2, false, &id), IM_E_NONE);
	assert_int_equal(f->be->find_conv(f->r, IM_CONV_USER, 1, 2, &id), IM_E_NONE);
	assert_int_equal(f->be->get_conv(f->r, 1, &conv), IM_E_NONE);
	assert_ok(f->be->read_head(f->r, 1, &head));
	assert_int_equal(head.seq, 0);
	assert_int_equal(head.gid, 0);
	assert_ok(f->be->read_conv(f->r, 1, 1, 100, false, test_see, &seen));
	assert_ok(f->be->read_log(f->r, 1, UINT64_MAX, true, test_see, &seen));
	assert_ok(f->be->read_shown(f->r, 1, &shown));
	assert_int_equal(shown.seq + shown.gid, 0);
	assert_ok(f->be->unread(f->r, 1, 1, 0, &unread));
	assert_int_equal(seen.n, 0);
	assert_int_equal(unread, 0);
}

static void what_is_committed_is_read_as_it_was_written(void **state)
{
	struct test_node *f = *state;
	struct test_seen seen = {0};
	uint64_t conv;
	struct store_msg m;
	assert_ok(f->be->begin(f->s));
	conv = test_conv(f->be, f->s, 5, 3);
	m = (struct store_msg){.gid = 12,
		.conv = conv,
		.seq = 1,
		.sender = 5,
		.ts_ms = 1763650000123,
		.enc = IM_ENC_JSON,
		.type = IM_STR("poll"),
		.id = IM_STR("c-17"),
		.meta = IM_STR("\"reply_to\":41"),
		.body = IM_STR("{\"a\":\"\xc3\xa9\"}")};
	assert_ok(f->be->append(f->s, &m));
	assert_ok(f->be->commit(f->s, NULL));
	test_reopen(f);
	assert_ok(f->be->read_log(f->r, 1, UINT64_MAX, false, test_see, &seen));
	assert_string_equal(seen.last,
		"gid=12 conv=1 seq=1 sender=5 ts=1763650000123 enc=1 type=poll id=c-17 "
		"meta=\"reply_to\":41 body={\"a\":\"\xc3\xa9\"}");
	assert_int_equal(log_head(f), 12);
}

static int body_is_there_but_empty(void *arg, const struct store_msg *m)
{
	*(bool *)arg = m->body.n == 0 && !m->recalled;
	return 0;
}

static int body_has_zeros(void *arg, const struct store_msg *m)
{
	*(bool *)arg = m->body.n == 5 && memcmp(m->body.p, "a\0b\0c", 5) == 0;
	return 0;
}

static void bodies_may_be_empty_or_hold_zeros(void **state)
{
	struct test_node *f = *state;
	bool seen = false;
	uint64_t conv;
	struct store_msg m = {.gid = 1, .seq = 1, .sender = 1, .ts_ms = 1, .enc = IM_ENC_TEXT};
	assert_ok(f->be->begin(f->s));
	conv = test_conv(f->be, f->s, 1, 1);
	m.conv = conv;
	assert_ok(f->be->append(f->s, &m));
	m.gid = 2;
	m.seq = 2;
	m.enc = IM_ENC_BYTES;
	m.body = (struct im_str){"a\0b\0c", 5};
	assert_ok(f->be->append(f->s, &m));
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->read_conv(f->r, conv, 1, 1, false, body_is_there_but_empty, &seen));
	assert_true(seen);
	seen = false;
	assert_ok(f->be->read_conv(f->r, conv, 2, 2, false, body_has_zeros, &seen));
	assert_true(seen);
}

static void a_conversation_is_found_by_both_sides(void **state)
{
	struct test_node *f = *state;
	uint64_t direct, other, group, id = 0;
	struct store_conv c;
	assert_ok(f->be->begin(f->s));
	direct = test_conv(f->be, f->s, 7, 4);
	assert_int_equal(test_conv(f->be, f->s, 4, 7), direct);
	other = test_conv(f->be, f->s, 4, 4);
	assert_ok(f->be->conv(f->s, IM_CONV_GROUP, 4, 0, true, &group));
	assert_true(direct != other && other != group && direct != group);
	assert_ok(f->be->commit(f->s, NULL));
	test_reopen(f);
	assert_ok(f->be->find_conv(f->r, IM_CONV_USER, 7, 4, &id));
	assert_int_equal(id, direct);
	assert_ok(f->be->find_conv(f->r, IM_CONV_USER, 4, 7, &id));
	assert_int_equal(id, direct);
	assert_ok(f->be->conv(f->s, IM_CONV_GROUP, 4, 0, false, &id));
	assert_int_equal(id, group);
	assert_ok(f->be->get_conv(f->r, direct, &c));
	assert_int_equal(c.kind, IM_CONV_USER);
	assert_int_equal(c.a, 4);
	assert_int_equal(c.b, 7);
	assert_ok(f->be->get_conv(f->r, group, &c));
	assert_int_equal(c.kind, IM_CONV_GROUP);
	assert_int_equal(c.a, 4);
	assert_int_equal(c.b, 0);
}

static int add_id(void *arg, const struct store_conv *c)
{
	*(uint64_t *)arg += c->id * c->id;
	return 0;
}

static int stop_at_first(void *arg, const struct store_conv *c)
{
	(void)c;
	++*(uint64_t *)arg;
	return -42;
}

static void a_user_s_conversations_are_direct_ones_on_either_side(void **state)
{
	struct test_node *f = *state;
	uint64_t a, b, self, group, sum = 0, n = 0;
	assert_ok(f->be->begin(f->s));
	a = test_conv(f->be, f->s, 5, 9);
	b = test_conv(f->be, f->s, 2, 5);
	self = test_conv(f->be, f->s, 5, 5);
	test_conv(f->be, f->s, 2, 9);
	assert_ok(f->be->conv(f->s, IM_CONV_GROUP, 5, 0, true, &group));
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->user_convs(f->r, 5, add_id, &sum));
	assert_int_equal(sum, a * a + b * b + self * self);
	assert_int_equal(f->be->user_convs(f->r, 5, stop_at_first, &n), -42);
	assert_int_equal(n, 1);
}

static void seq_is_dense_and_gid_grows(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 3);
	struct store_msg m = {.conv = conv, .sender = 1, .ts_ms = 1};
	static const struct {
		uint64_t gid, seq;
	} bad[] = {{3, 4}, {2, 4}, {0, 4}, {4, 3}, {4, 1}, {4, 0}, {4, 5}, {9, 9}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.gid = bad[i].gid;
		m.seq = bad[i].seq;
		assert_ok(f->be->begin(f->s));
		assert_int_equal(f->be->append(f->s, &m), IM_E_CONFLICT);
		assert_true(f->be->errmsg(f->s)[0] != '\0');
		f->be->rollback(f->s);
	}
	assert_int_equal(count_log(f), 3);
	assert_ok(f->be->begin(f->s));
	m.gid = 10;
	m.seq = 4;
	assert_ok(f->be->append(f->s, &m));
	assert_ok(f->be->commit(f->s, NULL));
	assert_int_equal(log_head(f), 10);
}

static void after_a_conflict_nothing_can_be_committed(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 3);
	struct store_msg m = {.gid = 3, .conv = conv, .seq = 4, .sender = 1};
	assert_ok(f->be->begin(f->s));
	assert_ok(test_append(f->be, f->s, conv, 1, 4));
	assert_int_equal(f->be->append(f->s, &m), IM_E_CONFLICT);
	assert_true(test_append(f->be, f->s, conv, 1, 5) != IM_OK);
	assert_int_equal(f->be->commit(f->s, NULL), IM_E_IO);
	assert_int_equal(count_log(f), 3);
	assert_int_equal(head_of(f, conv).seq, 3);
	assert_int_equal(log_head(f), 3);
	test_fill(f->be, f->s, conv, 4, 1);
	assert_int_equal(head_of(f, conv).seq, 4);
}

static void writing_needs_a_transaction(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 1);
	struct store_msg m = {.gid = 2, .conv = conv, .seq = 2, .sender = 1};
	struct store_mark mark = {.epoch = 1, .recno = 1, .gid_first = 1};
	uint64_t id;
	assert_int_equal(f->be->append(f->s, &m), IM_E_IO);
	assert_int_equal(f->be->amend(f->s, &m), IM_E_IO);
	assert_int_equal(f->be->conv(f->s, IM_CONV_USER, 8, 9, true, &id), IM_E_IO);
	assert_int_equal(f->be->commit(f->s, &mark), IM_E_IO);
	f->be->rollback(f->s); /* of nothing: harmless */
	assert_ok(f->be->begin(f->s));
	assert_int_equal(f->be->begin(f->s), IM_E_IO);
	assert_ok(f->be->commit(f->s, NULL));
	assert_int_equal(count_log(f), 1);
}

static void heads_follow_the_open_transaction_and_come_back(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 2);
	uint64_t fresh, id;
	assert_ok(f->be->begin(f->s));
	assert_ok(test_append(f->be, f->s, conv, 1, 3));
	assert_ok(test_append(f->be, f->s, conv, 1, 4));
	fresh = test_conv(f->be, f->s, 8, 9);
	assert_int_equal(head_of(f, fresh).seq, 0);
	assert_ok(test_append(f->be, f->s, fresh, 8, 5));
	assert_int_equal(head_of(f, conv).seq, 4);
	assert_int_equal(head_of(f, conv).gid, 4);
	assert_int_equal(head_of(f, fresh).gid, 5);
	f->be->rollback(f->s);
	assert_int_equal(head_of(f, conv).seq, 2);
	assert_int_equal(head_of(f, conv).gid, 2);
	assert_int_equal(log_head(f), 2);
	assert_int_equal(f->be->conv(f->s, IM_CONV_USER, 8, 9, false, &id), IM_E_NONE);
	assert_int_equal(f->be->find_conv(f->r, IM_CONV_USER, 8, 9, &id), IM_E_NONE);
	/* The same places again, for others. */
	assert_ok(f->be->begin(f->s));
	id = test_conv(f->be, f->s, 6, 7);
	assert_int_equal(head_of(f, id).seq, 0);
	assert_ok(test_append(f->be, f->s, id, 6, 3));
	assert_ok(f->be->commit(f->s, NULL));
	assert_int_equal(head_of(f, id).seq, 1);
}

static void readers_see_only_what_is_committed(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 2);
	struct store_head head;
	struct store_msg m = {.gid = 1, .enc = IM_ENC_TEXT, .body = IM_STR("changed")};
	struct test_seen seen = {0};
	assert_ok(f->be->begin(f->s));
	assert_ok(test_append(f->be, f->s, conv, 1, 3));
	assert_ok(f->be->amend(f->s, &m));
	assert_int_equal(count_log(f), 2);
	assert_ok(f->be->read_head(f->r, conv, &head));
	assert_int_equal(head.seq, 2);
	assert_ok(f->be->read_conv(f->r, conv, 1, 1, false, test_see, &seen));
	assert_non_null(strstr(seen.last, "body=body-1"));
	assert_ok(f->be->commit(f->s, NULL));
	assert_int_equal(count_log(f), 3);
	assert_ok(f->be->read_conv(f->r, conv, 1, 1, false, test_see, &seen));
	assert_non_null(strstr(seen.last, "body=changed"));
}

static void a_view_stays_as_it_began(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 3);
	struct store_reader *other = test_reader_open(f->be, f->s);
	struct store_msg m = {.gid = 2, .enc = IM_ENC_TEXT, .recalled = true};
	struct store_head head;
	struct test_seen seen = {0};
	uint64_t id;
	uint32_t deleted;
	assert_ok(f->be->view_begin(f->r));
	assert_ok(f->be->begin(f->s));
	assert_ok(test_append(f->be, f->s, conv, 1, 4));
	assert_ok(f->be->amend(f->s, &m));
	test_conv(f->be, f->s, 8, 9);
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->prune(f->s, 0, NULL, 0, 2, 10, &deleted));
	assert_int_equal(deleted, 1);
	assert_int_equal(count_log(f), 3);
	assert_ok(f->be->read_head(f->r, conv, &head));
	assert_int_equal(head.seq, 3);
	assert_ok(f->be->read_conv(f->r, conv, 2, 2, false, test_see, &seen));
	assert_non_null(strstr(seen.last, "body=body-2"));
	assert_int_equal(f->be->find_conv(f->r, IM_CONV_USER, 8, 9, &id), IM_E_NONE);
	seen.n = 0;
	assert_ok(f->be->read_log(other, 1, UINT64_MAX, false, test_see, &seen));
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.gid[0], 2);
	f->be->view_end(f->r);
	f->be->view_end(f->r); /* once too often: harmless */
	assert_int_equal(count_log(f), 3);
	assert_ok(f->be->read_head(f->r, conv, &head));
	assert_int_equal(head.seq, 4);
	f->be->reader_close(other);
}

/* Time is up from the third question on. */
static int on_time(void *arg)
{
	return ++*(int *)arg >= 3;
}

static void whoever_watches_a_reader_ends_its_walk(void **state)
{
	struct test_node *f = *state;
	struct test_seen seen = {.n = 0};
	struct store_head head;
	uint64_t conv;
	int asked = 0;

	assert_ok(f->be->begin(f->s));
	conv = test_conv(f->be, f->s, 1, 2);
	assert_ok(f->be->commit(f->s, NULL));
	test_fill(f->be, f->s, conv, 1, 200);
	f->be->reader_watch(f->r, on_time, &asked);
	assert_ok(f->be->view_begin(f->r));
	assert_int_equal(f->be->read_log(f->r, 1, 200, false, test_see, &seen), IM_E_IO);
	assert_in_range(seen.n, 1, 199);
	assert_true(asked >= 3);
	f->be->view_end(f->r);
	/* The view is over: what is written next is seen by the next one, as soon as nobody
	 * watches. */
	test_fill(f->be, f->s, conv, 201, 10);
	f->be->reader_watch(f->r, NULL, NULL);
	memset(&seen, 0, sizeof(seen));
	assert_ok(f->be->view_begin(f->r));
	assert_ok(f->be->read_head(f->r, conv, &head));
	assert_int_equal(head.seq, 210);
	assert_ok(f->be->read_conv(f->r, conv, 1, 210, true, test_see, &seen));
	assert_int_equal(seen.n, 210);
	f->be->view_end(f->r);
}

static void pages_of_a_conversation_go_both_ways(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 10);
	struct test_seen seen = {0};
	assert_ok(f->be->read_conv(f->r, conv, 3, 6, false, test_see, &seen));
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.seq[0], 3);
	assert_int_equal(seen.seq[3], 6);
	seen.n = 0;
	assert_ok(f->be->read_conv(f->r, conv, 3, 6, true, test_see, &seen));
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.seq[0], 6);
	assert_int_equal(seen.seq[3], 3);
	seen.n = 0;
	assert_ok(f->be->read_conv(f->r, conv, 8, UINT64_MAX, false, test_see, &seen));
	assert_int_equal(seen.n, 3);
	seen.n = 0;
	assert_ok(f->be->read_conv(f->r, conv, 6, 3, false, test_see, &seen));
	assert_ok(f->be->read_conv(f->r, conv, 11, 20, true, test_see, &seen));
	assert_ok(f->be->read_conv(f->r, conv + 1, 1, 20, true, test_see, &seen));
	assert_int_equal(seen.n, 0);
	seen.stop_after = 2;
	assert_int_equal(f->be->read_conv(f->r, conv, 0, 20, true, test_see, &seen), 77);
	assert_int_equal(seen.n, 2);
	/* A stopped walk leaves nothing behind. */
	seen = (struct test_seen){0};
	assert_ok(f->be->read_conv(f->r, conv, 0, 20, true, test_see, &seen));
	assert_int_equal(seen.n, 10);
}

static void the_log_is_read_across_conversations(void **state)
{
	struct test_node *f = *state;
	struct test_seen seen = {0};
	uint64_t a, b;
	assert_ok(f->be->begin(f->s));
	a = test_conv(f->be, f->s, 1, 2);
	b = test_conv(f->be, f->s, 1, 3);
	assert_ok(test_append(f->be, f->s, a, 1, 5));
	assert_ok(test_append(f->be, f->s, b, 1, 7));
	assert_ok(test_append(f->be, f->s, a, 2, 20));
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->read_log(f->r, 6, 20, false, test_see, &seen));
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.gid[0], 7);
	assert_int_equal(seen.conv[0], b);
	assert_int_equal(seen.gid[1], 20);
	assert_int_equal(seen.seq[1], 2);
	seen.n = 0;
	assert_ok(f->be->read_log(f->r, 0, UINT64_MAX, true, test_see, &seen));
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.gid[0], 20);
	assert_int_equal(seen.gid[2], 5);
}

static void the_writer_reads_what_it_has_not_committed_yet(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 2);
	struct store_msg m = {.gid = 3, .enc = IM_ENC_TEXT, .body = IM_STR("edited")};
	struct test_seen seen = {0};
	assert_ok(f->be->begin(f->s));
	assert_ok(test_append(f->be, f->s, conv, 1, 3));
	assert_ok(f->be->amend(f->s, &m));
	assert_ok(f->be->get(f->s, conv, 3, test_see, &seen));
	assert_non_null(strstr(seen.last, "gid=3 "));
	assert_non_null(strstr(seen.last, "body=edited"));
	assert_ok(f->be->get(f->s, conv, 1, test_see, &seen));
	assert_int_equal(f->be->get(f->s, conv, 4, test_see, &seen), IM_E_NONE);
	assert_int_equal(f->be->get(f->s, conv + 9, 1, test_see, &seen), IM_E_NONE);
	assert_int_equal(seen.n, 2);
	seen.stop_after = 3;
	assert_int_equal(f->be->get(f->s, conv, 2, test_see, &seen), 77);
	f->be->rollback(f->s);
}

static void a_message_is_amended_or_recalled(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 3);
	struct test_seen seen = {0};
	struct store_msg m = {.gid = 2,
		.enc = IM_ENC_JSON,
		.type = IM_STR("card"),
		.id = IM_STR("id-2"),
		.meta = IM_STR("\"edited\":true"),
		.body = IM_STR("[1]")};
	assert_ok(f->be->begin(f->s));
	assert_ok(f->be->amend(f->s, &m));
	m = (struct store_msg){.gid = 3, .enc = IM_ENC_TEXT, .recalled = true};
	assert_ok(f->be->amend(f->s, &m));
	m.gid = 4;
	assert_int_equal(f->be->amend(f->s, &m), IM_E_NONE);
	assert_ok(f->be->commit(f->s, NULL));
	test_reopen(f);
	assert_ok(f->be->read_conv(f->r, conv, 2, 2, false, test_see, &seen));
	assert_string_equal(seen.last, "gid=2 conv=1 seq=2 sender=1 ts=2 enc=1 type=card id=id-2 "
				       "meta=\"edited\":true body=[1]");
	assert_ok(f->be->read_conv(f->r, conv, 3, 3, false, test_see, &seen));
	assert_string_equal(
		seen.last, "gid=3 conv=1 seq=3 sender=1 ts=3 enc=0 type= id= meta= body= recalled");
	assert_int_equal(head_of(f, conv).seq, 3);
}

static void an_amendment_is_rolled_back(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 2);
	struct test_seen seen = {0};
	struct store_msg m = {.gid = 1, .enc = IM_ENC_TEXT, .recalled = true};
	assert_ok(f->be->begin(f->s));
	assert_ok(f->be->amend(f->s, &m));
	m.gid = 2;
	m.recalled = false;
	m.body = IM_STR("once");
	assert_ok(f->be->amend(f->s, &m));
	m.body = IM_STR("twice");
	assert_ok(f->be->amend(f->s, &m));
	f->be->rollback(f->s);
	assert_ok(f->be->read_conv(f->r, conv, 1, 1, false, test_see, &seen));
	assert_non_null(strstr(seen.last, "body=body-1"));
	assert_null(strstr(seen.last, "recalled"));
	assert_ok(f->be->read_conv(f->r, conv, 2, 2, false, test_see, &seen));
	assert_non_null(strstr(seen.last, "body=body-2"));
}

struct marks {
	uint32_t n;
	struct store_mark at[STORE_MARKS + 1];
};

static int take_mark(void *arg, const struct store_mark *m)
{
	struct marks *marks = arg;
	assert_true(marks->n <= STORE_MARKS);
	marks->at[marks->n++] = *m;
	return 0;
}

static void commit_mark_for(
	struct test_node *f, uint64_t epoch, uint64_t recno, uint64_t gid, uint64_t forget)
{
	struct store_mark m = {epoch, recno, gid, gid - 1, forget};
	assert_ok(f->be->begin(f->s));
	assert_ok(f->be->commit(f->s, &m));
}

static void commit_mark(struct test_node *f, uint64_t epoch, uint64_t recno, uint64_t gid)
{
	commit_mark_for(f, epoch, recno, gid, 0);
}

static void marks_are_kept_for_the_newest_batches(void **state)
{
	struct test_node *f = *state;
	struct marks marks = {0};
	for (uint64_t recno = 1; recno <= 100; recno++)
		commit_mark(f, UINT64_MAX - 5, recno * 3, recno);
	test_reopen(f);
	assert_ok(f->be->marks(f->s, take_mark, &marks));
	assert_int_equal(marks.n, STORE_MARKS);
	assert_int_equal(marks.at[STORE_MARKS - 1].recno, 300);
	assert_int_equal(marks.at[STORE_MARKS - 1].gid_first, 100);
	assert_int_equal(marks.at[STORE_MARKS - 1].gid_last, 99);
	assert_int_equal(marks.at[0].recno, 300 - 3 * (STORE_MARKS - 1));
	assert_true(marks.at[0].epoch == UINT64_MAX - 5);
}

static void epochs_have_their_marks_beside_one_another(void **state)
{
	struct test_node *f = *state;
	struct marks marks = {0};
	commit_mark(f, 900, 50, 1);
	/* What one commits without end drives none of the other's out. */
	for (uint64_t recno = 1; recno < STORE_MARKS; recno++)
		commit_mark(f, 7, recno, recno + 1);
	test_reopen(f);
	assert_ok(f->be->marks(f->s, take_mark, &marks));
	assert_int_equal(marks.n, STORE_MARKS);
	for (uint64_t recno = STORE_MARKS; recno < 3 * STORE_MARKS; recno++)
		commit_mark_for(f, 7, recno, recno + 1, 900);
	commit_mark(f, 901, 4, 500);
	marks.n = 0;
	assert_ok(f->be->marks(f->s, take_mark, &marks));
	assert_int_equal(marks.n, STORE_MARKS + 1);
	for (uint32_t i = 0, next = 2 * STORE_MARKS; i < marks.n; i++) {
		if (marks.at[i].epoch == 901)
			assert_int_equal(marks.at[i].recno, 4);
		else
			assert_int_equal(marks.at[i].recno, next++);
	}
}

static void an_epoch_s_marks_go_with_it(void **state)
{
	struct test_node *f = *state;
	struct marks marks = {0};
	struct store_mark m = {1, 1, 1, 0, 7};
	commit_mark(f, 900, 50, 1);
	commit_mark(f, 900, 60, 2);
	/* A smaller number may be the newer epoch. */
	commit_mark_for(f, 7, 1, 3, 900);
	assert_ok(f->be->marks(f->s, take_mark, &marks));
	assert_int_equal(marks.n, 1);
	assert_int_equal(marks.at[0].epoch, 7);
	/* Not by a transaction that is rolled back, nor by one without a mark. */
	assert_ok(f->be->begin(f->s));
	f->be->rollback(f->s);
	assert_ok(f->be->begin(f->s));
	assert_ok(f->be->commit(f->s, NULL));
	test_reopen(f);
	commit_mark(f, 7, 2, 3);
	marks.n = 0;
	assert_ok(f->be->marks(f->s, take_mark, &marks));
	assert_int_equal(marks.n, 2);
	assert_ok(f->be->begin(f->s));
	assert_ok(f->be->commit(f->s, &m));
	marks.n = 0;
	assert_ok(f->be->marks(f->s, take_mark, &marks));
	assert_int_equal(marks.n, 1);
	assert_int_equal(marks.at[0].epoch, 1);
}

static void pruning_keeps_the_newest_of_each_conversation(void **state)
{
	struct test_node *f = *state;
	uint64_t a = filled(f, 5);
	uint64_t b;
	uint32_t deleted = 9;
	struct test_seen seen = {0};
	assert_ok(f->be->begin(f->s));
	b = test_conv(f->be, f->s, 3, 4);
	assert_ok(test_append(f->be, f->s, b, 3, 6));
	assert_ok(test_append(f->be, f->s, b, 3, 7));
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->prune(f->s, 0, NULL, 0, 3, 100, &deleted));
	assert_int_equal(deleted, 2);
	assert_ok(f->be->prune(f->s, 0, NULL, 0, 1000, 100, &deleted));
	assert_int_equal(deleted, 3);
	assert_ok(f->be->prune(f->s, 0, NULL, 0, 1000, 100, &deleted));
	assert_int_equal(deleted, 0);
	test_reopen(f);
	assert_ok(f->be->read_log(f->r, 1, UINT64_MAX, false, test_see, &seen));
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.gid[0], 5);
	assert_int_equal(seen.gid[1], 7);
	assert_int_equal(head_of(f, a).seq, 5);
	assert_int_equal(head_of(f, b).seq, 2);
	/* History goes on where it was. */
	test_fill(f->be, f->s, a, 8, 1);
	assert_int_equal(head_of(f, a).seq, 6);
}

static void pruning_stops_at_its_limit_and_goes_on(void **state)
{
	struct test_node *f = *state;
	uint32_t deleted, calls = 0, all = 0;
	filled(f, 100);
	do {
		assert_ok(f->be->prune(f->s, 0, NULL, 0, 91, 7, &deleted));
		assert_true(deleted <= 7);
		all += deleted;
		calls++;
	} while (deleted > 0);
	assert_int_equal(all, 90);
	assert_int_equal(calls, 14);
	assert_int_equal(count_log(f), 10);
}

static int see_expired(void *arg, const struct store_msg *m)
{
	char *text = arg;
	size_t n = strlen(text);
	snprintf(text + n, 256 - n, "%d:%.*s:%.*s%s ", (int)m->seq, IM_ARGS(m->meta),
		IM_ARGS(m->body), m->recalled ? "!" : "");
	return 0;
}

static void what_has_expired_keeps_its_place_alone(void **state)
{
	struct test_node *f = *state;
	static const int64_t ends[] = {30, 0, 10, 20, 20};
	char text[256] = "";
	struct store_msg m = {.meta = IM_STR("\"ttl\":5,\"ext\":{}"), .body = IM_STR("words")};
	uint32_t n;
	assert_ok(f->be->begin(f->s));
	m.conv = test_conv(f->be, f->s, 1, 2);
	for (int i = 0; i < 5; i++) {
		m.seq = m.gid = (uint64_t)i + 1;
		m.expires_ms = ends[i];
		assert_ok(f->be->append(f->s, &m));
	}
	m.gid = 4;
	m.recalled = true;
	assert_ok(f->be->amend(f->s, &m));
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->expire(f->s, 9, 10, &n));
	assert_int_equal(n, 0);
	assert_ok(f->be->expire(f->s, 25, 2, &n));
	assert_int_equal(n, 2);
	assert_ok(f->be->expire(f->s, 25, 10, &n));
	assert_int_equal(n, 1);
	assert_ok(f->be->expire(f->s, 25, 10, &n));
	assert_int_equal(n, 0);
	assert_ok(f->be->read_conv(f->r, m.conv, 1, 9, false, see_expired, text));
	assert_string_equal(text, "1:\"ttl\":5,\"ext\":{}:words 2:\"ttl\":5,\"ext\":{}:words "
				  "3:\"ttl\":5: 4:\"ttl\":5,\"ext\":{}:! 5:\"ttl\":5: ");
}

static void pruning_one_conversation_or_all_but_some(void **state)
{
	struct test_node *f = *state;
	uint64_t conv[4];
	uint32_t deleted;
	struct test_seen seen = {0};
	assert_ok(f->be->begin(f->s));
	for (uint64_t i = 0; i < 4; i++)
		conv[i] = test_conv(f->be, f->s, 1, i + 2);
	for (uint64_t gid = 1; gid <= 40; gid++)
		assert_ok(test_append(f->be, f->s, conv[gid % 4], 1, gid));
	assert_ok(f->be->commit(f->s, NULL));
	assert_ok(f->be->prune(f->s, conv[1], NULL, 0, 10, 100, &deleted));
	assert_int_equal(deleted, 3); /* 1, 5, 9 */
	assert_ok(f->be->prune(f->s, 0, &conv[2], 2, 1000, 100, &deleted));
	assert_int_equal(deleted, 9 + 6);
	assert_ok(f->be->read_conv(f->r, conv[2], 1, 99, false, test_see, &seen));
	assert_int_equal(seen.n, 10);
	seen.n = 0;
	assert_ok(f->be->read_conv(f->r, conv[1], 1, 99, false, test_see, &seen));
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.seq[0], 10);
	assert_ok(f->be->prune(f->s, 99, NULL, 0, 1000, 100, &deleted));
	assert_int_equal(deleted, 0);
}

/* -- the model: what the store must hold, in the simplest form ----------------------------------
 */

#define MODEL_CONVS 12
#define MODEL_MAX 4000

struct model {
	struct {
		uint64_t conv, seq, gid;
		uint32_t edits;
		bool recalled;
	} msg[MODEL_MAX];
	uint32_t n;
	uint64_t conv[MODEL_CONVS]; /* ids; 0: not created */
	uint64_t seq[MODEL_CONVS];
	uint64_t gid;
};

static uint32_t draw(uint64_t *rng, uint32_t n)
{
	*rng = *rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*rng >> 33) % n;
}

static void model_append(struct test_node *f, struct model *m, uint64_t *rng)
{
	uint32_t c = draw(rng, MODEL_CONVS);
	uint64_t id = test_conv(f->be, f->s, c + 1, c + 2);
	if (!m->conv[c])
		m->conv[c] = id;
	assert_int_equal(id, m->conv[c]);
	assert_int_equal(head_of(f, id).seq, m->seq[c]);
	m->gid += 1 + draw(rng, 3);
	assert_ok(test_append(f->be, f->s, id, 1, m->gid));
	m->msg[m->n].conv = id;
	m->msg[m->n].seq = ++m->seq[c];
	m->msg[m->n].gid = m->gid;
	m->msg[m->n].edits = 0;
	m->msg[m->n++].recalled = false;
}

static void model_amend(struct test_node *f, struct model *m, uint64_t *rng)
{
	char body[32];
	uint32_t i = draw(rng, m->n);
	struct store_msg x = {.gid = m->msg[i].gid, .enc = IM_ENC_TEXT};
	/* What is gone stays gone. */
	x.recalled = m->msg[i].recalled || draw(rng, 3) == 0;
	if (!x.recalled)
		m->msg[i].edits++;
	m->msg[i].recalled = x.recalled;
	snprintf(body, sizeof(body), "edit-%u", m->msg[i].edits);
	x.body = x.recalled ? (struct im_str){NULL, 0} : im_str(body);
	assert_ok(f->be->amend(f->s, &x));
}

struct model_check {
	const struct model *m;
	uint32_t at;
};

static int model_see(void *arg, const struct store_msg *x)
{
	struct model_check *c = arg;
	char body[32];
	assert_true(c->at < c->m->n);
	assert_int_equal(x->gid, c->m->msg[c->at].gid);
	assert_int_equal(x->conv, c->m->msg[c->at].conv);
	assert_int_equal(x->seq, c->m->msg[c->at].seq);
	assert_int_equal(x->recalled, c->m->msg[c->at].recalled);
	if (c->m->msg[c->at].edits)
		snprintf(body, sizeof(body), "edit-%u", c->m->msg[c->at].edits);
	else
		snprintf(body, sizeof(body), "body-%llu", (unsigned long long)x->gid);
	if (!x->recalled)
		assert_true(im_str_eqz(x->body, body));
	c->at++;
	return 0;
}

static void model_compare(struct test_node *f, const struct model *m)
{
	struct model_check c = {m, 0};
	assert_ok(f->be->read_log(f->r, 1, UINT64_MAX, false, model_see, &c));
	assert_int_equal(c.at, m->n);
	assert_int_equal(log_head(f), m->gid);
	for (uint32_t i = 0; i < MODEL_CONVS; i++) {
		struct store_head head;
		uint64_t id = 0;
		int ret = f->be->find_conv(f->r, IM_CONV_USER, i + 2, i + 1, &id);
		assert_int_equal(ret, m->conv[i] ? IM_OK : IM_E_NONE);
		assert_int_equal(id, m->conv[i]);
		assert_ok(f->be->read_head(f->r, id, &head));
		assert_int_equal(head.seq, m->seq[i]);
	}
}

static void random_work_agrees_with_a_plain_list(void **state)
{
	struct test_node *f = *state;
	struct model *now = calloc(1, sizeof(*now));
	struct model *before = calloc(1, sizeof(*before));
	uint64_t rng = 20260101;
	assert_non_null(now);
	assert_non_null(before);
	for (uint32_t round = 0; round < 150; round++) {
		*before = *now;
		assert_ok(f->be->begin(f->s));
		for (uint32_t i = draw(&rng, 20); i > 0; i--) {
			if (now->n > 0 && draw(&rng, 4) == 0)
				model_amend(f, now, &rng);
			else
				model_append(f, now, &rng);
		}
		if (draw(&rng, 3) == 0) {
			f->be->rollback(f->s);
			*now = *before;
		} else {
			assert_ok(f->be->commit(f->s, NULL));
		}
		if (draw(&rng, 30) == 0)
			test_reopen(f);
		model_compare(f, now);
	}
	free(now);
	free(before);
}

static int nested_head(void *arg, const struct store_msg *m)
{
	struct test_node *f = arg;
	struct store_head head;
	struct store_conv c;
	uint64_t n;
	assert_ok(f->be->read_head(f->r, m->conv, &head));
	assert_ok(f->be->get_conv(f->r, m->conv, &c));
	assert_ok(f->be->unread(f->r, m->conv, 2, 0, &n));
	return m->seq == 2 ? 5 : 0;
}

static void a_callback_may_read_on(void **state)
{
	struct test_node *f = *state;
	uint64_t conv = filled(f, 3);
	assert_int_equal(f->be->read_conv(f->r, conv, 1, 9, false, nested_head, f), 5);
	assert_int_equal(count_log(f), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(an_empty_store_says_so),
		TEST_BOTH(what_is_committed_is_read_as_it_was_written),
		TEST_BOTH(bodies_may_be_empty_or_hold_zeros),
		TEST_BOTH(a_conversation_is_found_by_both_sides),
		TEST_BOTH(a_user_s_conversations_are_direct_ones_on_either_side),
		TEST_BOTH(seq_is_dense_and_gid_grows),
		TEST_BOTH(after_a_conflict_nothing_can_be_committed),
		TEST_BOTH(writing_needs_a_transaction),
		TEST_BOTH(heads_follow_the_open_transaction_and_come_back),
		TEST_BOTH(readers_see_only_what_is_committed),
		TEST_BOTH(a_view_stays_as_it_began),
		TEST_BOTH(whoever_watches_a_reader_ends_its_walk),
		TEST_BOTH(pages_of_a_conversation_go_both_ways),
		TEST_BOTH(the_log_is_read_across_conversations),
		TEST_BOTH(the_writer_reads_what_it_has_not_committed_yet),
		TEST_BOTH(a_message_is_amended_or_recalled),
		TEST_BOTH(an_amendment_is_rolled_back),
		TEST_BOTH(marks_are_kept_for_the_newest_batches),
		TEST_BOTH(epochs_have_their_marks_beside_one_another),
		TEST_BOTH(an_epoch_s_marks_go_with_it),
		TEST_BOTH(pruning_keeps_the_newest_of_each_conversation),
		TEST_BOTH(pruning_stops_at_its_limit_and_goes_on),
		TEST_BOTH(what_has_expired_keeps_its_place_alone),
		TEST_BOTH(pruning_one_conversation_or_all_but_some),
		TEST_BOTH(random_work_agrees_with_a_plain_list),
		TEST_BOTH(a_callback_may_read_on),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
