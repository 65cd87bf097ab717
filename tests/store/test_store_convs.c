/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Conversations by the hundred thousand in the SQLite store: the list of the newest ones, and their
 * move into the table while they are looked up, written, rolled back, and viewed.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/store/fresh.h"
#include "tests/lib/faultvfs.h"
#include "tests/store/store_test.h"

#define BE (&store_sqlite)

static uint32_t draw(uint64_t *rng, uint32_t n)
{
	*rng = *rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*rng >> 33) % n;
}

/* -- the list ------------------------------------------------------------------------------------
 */

#define LIST_MAX 600

static bool list_has(
	const struct fresh_conv *list, uint32_t n, uint64_t a, uint64_t b, uint64_t *id_out)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i].a == a && list[i].b == b) {
			*id_out = list[i].id;
			return true;
		}
	return false;
}

static void compare_user(struct fresh *f, const struct fresh_conv *list, uint32_t n, uint64_t user)
{
	struct fresh_conv *found = NULL;
	size_t n_found = 0;
	uint64_t want = 0, have = 0;
	for (uint32_t i = 0; i < n; i++)
		if (list[i].a && (list[i].a == user || list[i].b == user))
			want += list[i].id * list[i].id;
	assert_ok(fresh_of_user(f, user, &found, &n_found));
	for (size_t i = 0; i < n_found; i++)
		have += found[i].id * found[i].id;
	assert_int_equal(have, want);
	free(found);
}

static void the_list_of_new_ones_agrees_with_a_plain_one(void **state)
{
	struct fresh *f = fresh_new(100);
	struct fresh_conv list[LIST_MAX];
	uint64_t rng = 5, id = 100;
	uint32_t n = 0;
	(void)state;
	assert_int_equal(fresh_base(f), 100);
	for (int round = 0; round < 20000; round++) {
		struct fresh_conv c = {.a = draw(&rng, 25)};
		uint64_t found = 0, want = 0;
		c.b = c.a + draw(&rng, 25);
		if (n == LIST_MAX || draw(&rng, 100) == 0) {
			n -= draw(&rng, n / 2 + 1);
			id = n ? list[n - 1].id : 100;
			fresh_take_back(f, id + 1);
		} else if (c.b && !list_has(list, n, c.a, c.b, &found)) {
			c.id = id += 1 + draw(&rng, 3);
			assert_ok(fresh_add(f, &c));
			list[n++] = c;
		}
		assert_int_equal(fresh_count(f), n);
		c.a = draw(&rng, 25);
		c.b = c.a + draw(&rng, 25);
		assert_int_equal(
			fresh_find(f, c.a, c.b, &found), list_has(list, n, c.a, c.b, &want));
		if (want)
			assert_int_equal(found, want);
		if (round % 50 == 0)
			compare_user(f, list, n, 1 + draw(&rng, 50));
	}
	fresh_release(&f);
	assert_null(f);
}

static void the_list_lives_as_long_as_somebody_holds_it(void **state)
{
	struct fresh *f = fresh_new(0);
	struct fresh *other = fresh_hold(f);
	struct fresh_conv c = {7, 1, 2};
	uint64_t id = 0;
	(void)state;
	assert_ok(fresh_add(f, &c));
	fresh_release(&f);
	fresh_release(&f);
	assert_true(fresh_find(other, 1, 2, &id));
	assert_int_equal(id, 7);
	fresh_release(&other);
}

/* -- the store -----------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
	*state = test_folder_new();
	faultvfs_install();
	return 0;
}

static int tear_down(void **state)
{
	faultvfs_heal();
	faultvfs_uninstall();
	test_folder_remove(*state);
	return 0;
}

/* Conversation number i: of users 1000 + i and 5,000,000 - i, but each tenth of user 1, and some
 * groups. The same for writer and checker. */
static enum im_conv_kind nth(uint64_t i, uint64_t *a, uint64_t *b)
{
	*a = i % 10 == 0 ? 1 : 1000 + i;
	*b = 5000000 - i;
	if (i % 1000 == 7) {
		*a = i;
		*b = 0;
		return IM_CONV_GROUP;
	}
	return IM_CONV_USER;
}

static int add_from(struct store *s, uint64_t first, uint64_t n, bool commit)
{
	int ret = BE->begin(s);
	for (uint64_t i = first; ret == IM_OK && i < first + n; i++) {
		uint64_t a, b, id = 0;
		enum im_conv_kind kind = nth(i, &a, &b);
		ret = BE->conv(s, kind, a, b, true, &id);
	}
	if (ret == IM_OK && commit)
		return BE->commit(s, NULL);
	BE->rollback(s);
	return ret;
}

static int count_conv(void *arg, const struct store_conv *c)
{
	uint64_t *n = arg;
	assert_int_equal(c->kind, IM_CONV_USER);
	assert_true(c->a == 1);
	++*n;
	return 0;
}

/* All of the first n are there, once, and no other. */
static void assert_all(struct store *s, struct store_reader *r, uint64_t n, uint64_t step)
{
	uint64_t of_first = 0, a, b, id;
	for (uint64_t i = 0; i < n; i += step) {
		enum im_conv_kind kind = nth(i, &a, &b);
		struct store_conv c;
		uint64_t by_writer = 0;
		if (BE->find_conv(r, kind, b && i % 2 ? b : a, b && i % 2 ? a : b, &id) != IM_OK)
			fail_msg("%llu of %llu is not found", (unsigned long long)i,
				(unsigned long long)n);
		assert_ok(BE->conv(s, kind, a, b, false, &by_writer));
		assert_int_equal(id, by_writer);
		assert_ok(BE->get_conv(r, id, &c));
		assert_int_equal(c.kind, kind);
		assert_true(c.a == a && c.b == b);
	}
	for (uint64_t i = n; i < n + 50; i++) {
		enum im_conv_kind kind = nth(i, &a, &b);
		assert_int_equal(BE->find_conv(r, kind, a, b, &id), IM_E_NONE);
	}
	assert_ok(BE->user_convs(r, 1, count_conv, &of_first));
	assert_int_equal(of_first, (n + 9) / 10);
}

static void hundreds_of_thousands_are_found_through_every_move(void **state)
{
	const char *folder = *state;
	struct store *s;
	struct store_reader *r;
	struct store_reader *viewer = NULL;
	uint64_t n = 0, viewed = 0, rng = 17;
	s = test_store_open(BE, folder);
	r = test_reader_open(BE, s);
	for (int round = 0; n < 200000; round++) {
		uint64_t batch = 500 + draw(&rng, 2000);
		if (round % 5 == 1)
			assert_ok(add_from(s, n, batch, false));
		if (round % 9 == 2) {
			faultvfs_fail(FAULTVFS_SYNC, "-wal", 0, 1, 1034 /* SQLITE_IOERR_FSYNC */);
			assert_int_equal(add_from(s, n, batch, true), IM_E_IO);
			faultvfs_heal();
		}
		assert_ok(add_from(s, n, batch, true));
		n += batch;
		if (round % 10 == 0)
			assert_all(s, r, n, 97);
		/* A view that stays open over one move or more. */
		if (round % 30 == 0) {
			if (viewer) {
				assert_all(s, viewer, viewed, 97);
				BE->view_end(viewer);
			} else {
				viewer = test_reader_open(BE, s);
			}
			assert_ok(BE->view_begin(viewer));
			viewed = n;
		}
		if (round % 37 == 36) {
			BE->reader_close(viewer); /* in its view */
			viewer = NULL;
			BE->reader_close(r);
			BE->close(s);
			s = test_store_open(BE, folder);
			r = test_reader_open(BE, s);
			assert_all(s, r, n, 53);
		}
	}
	assert_all(s, r, n, 1);
	BE->reader_close(viewer);
	BE->reader_close(r);
	BE->close(s);
	s = test_store_open(BE, folder);
	r = test_reader_open(BE, s);
	assert_all(s, r, n, 1);
	BE->reader_close(r);
	BE->close(s);
}

/* What the writer does while a reader is between the list and its view of the database. */
struct meanwhile {
	struct store *s;
	uint64_t n;
	bool done;
};

static void finish_a_move(void *arg)
{
	struct meanwhile *m = arg;
	for (int i = 0; i < 20; i++) {
		assert_ok(add_from(m->s, m->n, 5000, true));
		m->n += 5000;
	}
	m->done = true;
}

static void a_move_just_before_a_view_hides_nothing(void **state)
{
	const char *folder = *state;
	struct store_reader *r;
	struct meanwhile m = {0};
	uint64_t n = 0;
	m.s = test_store_open(BE, folder);
	r = test_reader_open(BE, m.s);
	assert_ok(add_from(m.s, 0, 60000, true));
	m.n = 60000;
	faultvfs_before_view(finish_a_move, &m);
	assert_ok(BE->view_begin(r));
	assert_true(m.done);
	assert_all(m.s, r, m.n, 31);
	BE->view_end(r);
	/* The same without a view. */
	m.done = false;
	faultvfs_before_view(finish_a_move, &m);
	assert_ok(BE->user_convs(r, 1, count_conv, &n));
	assert_true(m.done);
	assert_int_equal(n, 160000 / 10);
	assert_all(m.s, r, m.n, 31);
	BE->reader_close(r);
	BE->close(m.s);
}

static void take_back_and_reuse(void *arg)
{
	struct meanwhile *m = arg;
	BE->rollback(m->s);
	assert_ok(BE->begin(m->s));
	m->n = test_conv(BE, m->s, 8, 9);
	assert_ok(BE->commit(m->s, NULL));
	m->done = true;
}

static void an_id_that_was_taken_back_is_not_found_for_another(void **state)
{
	const char *folder = *state;
	struct store_reader *r;
	struct meanwhile m = {0};
	uint64_t lost, id = 0, n = 0;
	m.s = test_store_open(BE, folder);
	r = test_reader_open(BE, m.s);
	assert_ok(BE->begin(m.s));
	lost = test_conv(BE, m.s, 1, 2);
	faultvfs_before_view(take_back_and_reuse, &m);
	assert_int_equal(BE->find_conv(r, IM_CONV_USER, 1, 2, &id), IM_E_NONE);
	assert_true(m.done);
	assert_int_equal(m.n, lost);
	assert_ok(BE->find_conv(r, IM_CONV_USER, 8, 9, &id));
	assert_ok(BE->begin(m.s));
	test_conv(BE, m.s, 1, 2);
	assert_ok(BE->user_convs(r, 1, count_conv, &n));
	assert_int_equal(n, 0);
	BE->rollback(m.s);
	BE->reader_close(r);
	BE->close(m.s);
}

/* -- with readers beside the writer --------------------------------------------------------------
 */

#define READERS 2
#define BATCHES 700
#define BATCH 200 /* conversations, a tenth of them with user 1 */

struct shared {
	struct store *s;
	uint64_t count_conv; /* gets one message a batch */
	atomic_bool done;
	const char *wrong[READERS];
};

struct looker {
	pthread_t thread;
	struct shared *sh;
	int i;
};

static int count_only(void *arg, const struct store_conv *c)
{
	(void)c;
	++*(uint64_t *)arg;
	return 0;
}

static const char *look(struct shared *sh, struct store_reader *r, uint64_t *rng)
{
	struct store_head head;
	uint64_t n = 0, id, a, b, i;
	enum im_conv_kind kind;
	if (BE->read_head(r, sh->count_conv, &head) != IM_OK)
		return "no head";
	if (BE->user_convs(r, 1, count_only, &n) != IM_OK)
		return "no conversations";
	if (n != head.seq * (BATCH / 10))
		return "conversations of another state than the log";
	for (int k = 0; k < 50 && head.seq > 0; k++) {
		i = draw(rng, (uint32_t)head.seq * BATCH);
		kind = nth(i, &a, &b);
		if (BE->find_conv(r, kind, a, b, &id) != IM_OK)
			return "a conversation of this view was not found";
		kind = nth(head.seq * BATCH + draw(rng, 400), &a, &b);
		if (BE->find_conv(r, kind, a, b, &id) != IM_E_NONE)
			return "a conversation was found before its time";
	}
	return NULL;
}

static void *look_on(void *arg)
{
	struct looker *x = arg;
	struct store_reader *r = NULL;
	const char *wrong = BE->reader_open(x->sh->s, &r) == IM_OK ? NULL : "no reader";
	uint64_t rng = (uint64_t)x->i;
	while (!wrong && !atomic_load(&x->sh->done)) {
		if (BE->view_begin(r) != IM_OK) {
			wrong = "no view";
			break;
		}
		wrong = look(x->sh, r, &rng);
		BE->view_end(r);
	}
	x->sh->wrong[x->i] = wrong;
	BE->reader_close(r);
	return NULL;
}

static void every_view_has_its_conversations_while_they_move(void **state)
{
	const char *folder = *state;
	struct shared sh = {.s = test_store_open(BE, folder)};
	struct looker readers[READERS];
	assert_ok(BE->begin(sh.s));
	assert_ok(BE->conv(sh.s, IM_CONV_GROUP, 99999999, 0, true, &sh.count_conv));
	assert_ok(BE->commit(sh.s, NULL));
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct looker){.sh = &sh, .i = i};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, look_on, &readers[i]), 0);
	}
	for (uint64_t i = 0; i < BATCHES; i++) {
		assert_ok(BE->begin(sh.s));
		for (uint64_t k = 0; k < BATCH; k++) {
			uint64_t a, b, id;
			enum im_conv_kind kind = nth(i * BATCH + k, &a, &b);
			assert_ok(BE->conv(sh.s, kind, a, b, true, &id));
		}
		assert_ok(test_append(BE, sh.s, sh.count_conv, 1, i + 1));
		assert_ok(BE->commit(sh.s, NULL));
	}
	atomic_store(&sh.done, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		if (sh.wrong[i])
			fail_msg("%s", sh.wrong[i]);
	}
	BE->close(sh.s);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_of_new_ones_agrees_with_a_plain_one),
		cmocka_unit_test(the_list_lives_as_long_as_somebody_holds_it),
		TEST(hundreds_of_thousands_are_found_through_every_move),
		TEST(a_move_just_before_a_view_hides_nothing),
		TEST(an_id_that_was_taken_back_is_not_found_for_another),
		TEST(every_view_has_its_conversations_while_they_move),
	};
	return cmocka_run_group_tests_name("store_convs", tests, NULL, NULL);
}
