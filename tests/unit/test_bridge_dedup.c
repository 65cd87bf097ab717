/* SPDX-License-Identifier: BSD-3-Clause */
/* The window of client message ids: bounds, age, rollback, and its rebuilding from the log. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "bridge/store/store.h"
#include "bridge/write/dedup.h"
#include "bridge/write/dedup_rebuild.h"

#define HOUR_MS 3600000

static const struct im_sipkey key = {{7}};

static void put(struct dedup *d, uint64_t sender, uint64_t conv, const char *id, uint64_t gid)
{
	struct dedup_value v = {.seq = gid * 10, .gid = gid, .ts_ms = (int64_t)gid, .body_hash = 5};
	dedup_put(d, sender, conv, im_str(id), &v);
}

/* The gid that is found, 0: none. */
static uint64_t find(const struct dedup *d, uint64_t sender, uint64_t conv, const char *id)
{
	struct dedup_value v;
	return dedup_find(d, sender, conv, im_str(id), 1000, &v) ? v.gid : 0;
}

static void an_id_is_found_by_all_three_parts(void **state)
{
	struct dedup *d = dedup_new(10, HOUR_MS, &key);
	struct dedup_value v;
	(void)state;
	assert_int_equal(find(d, 1, 2, "a"), 0);
	put(d, 1, 2, "a", 7);
	assert_true(dedup_find(d, 1, 2, IM_STR("a"), 1000, &v));
	assert_int_equal(v.seq, 70);
	assert_int_equal(v.gid, 7);
	assert_int_equal(v.ts_ms, 7);
	assert_int_equal(find(d, 2, 2, "a"), 0);
	assert_int_equal(find(d, 1, 1, "a"), 0);
	assert_int_equal(find(d, 1, 2, "b"), 0);
	assert_int_equal(find(d, 1, 2, "aa"), 0);
	assert_int_equal(find(d, 1, 2, ""), 0);
	dedup_free(&d);
	assert_null(d);
	dedup_free(&d);
}

static void the_oldest_entry_gives_way(void **state)
{
	struct dedup *d = dedup_new(3, HOUR_MS, &key);
	(void)state;
	put(d, 1, 1, "a", 1);
	put(d, 1, 1, "b", 2);
	put(d, 1, 1, "c", 3);
	assert_int_equal(dedup_count(d), 3);
	put(d, 1, 1, "d", 4);
	assert_int_equal(dedup_count(d), 3);
	assert_int_equal(find(d, 1, 1, "a"), 0);
	assert_int_equal(find(d, 1, 1, "b"), 2);
	assert_int_equal(find(d, 1, 1, "d"), 4);
	dedup_free(&d);
}

static void an_entry_ends_with_the_window(void **state)
{
	struct dedup *d = dedup_new(10, HOUR_MS, &key);
	struct dedup_value v;
	(void)state;
	put(d, 1, 1, "a", 5);
	assert_true(dedup_find(d, 1, 1, IM_STR("a"), 5 + HOUR_MS, &v));
	assert_false(dedup_find(d, 1, 1, IM_STR("a"), 6 + HOUR_MS, &v));
	/* A clock that went back does not end it. */
	assert_true(dedup_find(d, 1, 1, IM_STR("a"), -HOUR_MS, &v));
	/* Stored again after that: the newer one counts, also when the older one leaves. */
	dedup_free(&d);
	d = dedup_new(2, HOUR_MS, &key);
	put(d, 1, 1, "a", 1);
	put(d, 1, 1, "a", 2);
	assert_int_equal(find(d, 1, 1, "a"), 2);
	put(d, 1, 1, "b", 3);
	assert_int_equal(find(d, 1, 1, "a"), 2);
	put(d, 1, 1, "c", 4);
	assert_int_equal(find(d, 1, 1, "a"), 0);
	dedup_free(&d);
}

static void a_rollback_takes_out_the_newest(void **state)
{
	struct dedup *d = dedup_new(4, HOUR_MS, &key);
	(void)state;
	put(d, 1, 1, "a", 1);
	put(d, 1, 1, "b", 2);
	put(d, 1, 1, "c", 3);
	dedup_forget_since(d, 4);
	assert_int_equal(dedup_count(d), 3);
	dedup_forget_since(d, 2);
	assert_int_equal(dedup_count(d), 1);
	assert_int_equal(find(d, 1, 1, "a"), 1);
	assert_int_equal(find(d, 1, 1, "b"), 0);
	put(d, 1, 1, "b", 5);
	assert_int_equal(find(d, 1, 1, "b"), 5);
	dedup_forget_since(d, 0);
	assert_int_equal(dedup_count(d), 0);
	assert_int_equal(find(d, 1, 1, "a"), 0);
	dedup_forget_since(d, 0);
	dedup_free(&d);
}

static void older_entries_are_added_behind(void **state)
{
	struct dedup *d = dedup_new(3, HOUR_MS, &key);
	struct dedup_value v = {.gid = 9};
	(void)state;
	assert_true(dedup_put_older(d, 1, 1, IM_STR("c"), &v));
	v.gid = 8;
	assert_true(dedup_put_older(d, 1, 1, IM_STR("c"), &v)); /* a newer one is there */
	assert_int_equal(find(d, 1, 1, "c"), 9);
	assert_int_equal(dedup_count(d), 1);
	v.gid = 7;
	assert_true(dedup_put_older(d, 1, 1, IM_STR("b"), &v));
	v.gid = 6;
	assert_true(dedup_put_older(d, 1, 1, IM_STR("a"), &v));
	v.gid = 5;
	assert_false(dedup_put_older(d, 1, 1, IM_STR("z"), &v));
	put(d, 1, 1, "d", 10);
	assert_int_equal(find(d, 1, 1, "a"), 0);
	assert_int_equal(find(d, 1, 1, "b"), 7);
	assert_int_equal(find(d, 1, 1, "d"), 10);
	dedup_free(&d);
}

static void bodies_are_told_apart(void **state)
{
	struct dedup *d = dedup_new(1, HOUR_MS, &key);
	struct dedup_value v = {.body_hash = dedup_body_hash(d, IM_ENC_TEXT, IM_STR("hi"))};
	struct im_str none = {NULL, 0};
	(void)state;
	assert_true(dedup_same_body(&v, dedup_body_hash(d, IM_ENC_TEXT, IM_STR("hi"))));
	assert_false(dedup_same_body(&v, dedup_body_hash(d, IM_ENC_TEXT, IM_STR("ho"))));
	assert_false(dedup_same_body(&v, dedup_body_hash(d, IM_ENC_JSON, IM_STR("hi"))));
	assert_true(dedup_body_hash(d, IM_ENC_TEXT, none) != DEDUP_BODY_ANY);
	v.body_hash = DEDUP_BODY_ANY;
	assert_true(dedup_same_body(&v, dedup_body_hash(d, IM_ENC_TEXT, IM_STR("ho"))));
	dedup_free(&d);
}

static void sizes_out_of_bounds_are_refused(void **state)
{
	(void)state;
	assert_null(dedup_new(0, HOUR_MS, &key));
	assert_null(dedup_new((1u << 30) + 1, HOUR_MS, &key));
}

/* -- against the simplest thing that can be right -------------------------------------------------
 */

#define MODEL_CAP 37

struct model {
	struct {
		uint64_t gid;
		uint32_t id;
	} at[MODEL_CAP];
	uint32_t n;
};

static uint64_t model_find(const struct model *m, uint32_t id)
{
	for (uint32_t i = m->n; i-- > 0;)
		if (m->at[i].id == id)
			return m->at[i].gid;
	return 0;
}

static void model_put(struct model *m, uint32_t id, uint64_t gid)
{
	if (m->n == MODEL_CAP)
		memmove(m->at, m->at + 1, --m->n * sizeof(m->at[0]));
	m->at[m->n].gid = gid;
	m->at[m->n++].id = id;
}

static void random_work_agrees_with_a_list(void **state)
{
	struct dedup *d = dedup_new(MODEL_CAP, HOUR_MS, &key);
	struct model m = {0};
	struct prng r = {42};
	uint64_t gid = 0;
	(void)state;
	for (int i = 0; i < 20000; i++) {
		char id[16];
		uint32_t n = prng_below(&r, 80);
		snprintf(id, sizeof(id), "%u", n);
		if (prng_below(&r, 50) == 0) {
			uint64_t since = gid - prng_below(&r, 10) + 1;
			dedup_forget_since(d, since);
			while (m.n > 0 && m.at[m.n - 1].gid >= since)
				m.n--;
		} else if (model_find(&m, n) == 0) {
			/* As the engine does: what is there is not stored again. */
			put(d, 1, 1, id, ++gid);
			model_put(&m, n, gid);
		}
		snprintf(id, sizeof(id), "%u", n = prng_below(&r, 80));
		assert_int_equal(find(d, 1, 1, id), model_find(&m, n));
		assert_int_equal(dedup_count(d), m.n);
	}
	dedup_free(&d);
}

/* -- from the log ---------------------------------------------------------------------------------
 */

static uint64_t log_add(struct store *s, uint64_t gid, const char *id, int64_t ts_ms, bool recalled)
{
	bool edited = strcmp(id, "edited") == 0;
	const struct store_backend *be = &store_memory;
	uint64_t conv;
	struct store_head head;
	struct store_msg m = {.gid = gid,
		.sender = 1,
		.ts_ms = ts_ms,
		.enc = IM_ENC_TEXT,
		.id = im_str(id),
		.meta = edited ? IM_STR("\"reply_to\":1,\"edited\":{\"seq\":3}") : IM_STR(""),
		.body = IM_STR("hi"),
		.recalled = recalled};
	assert_int_equal(be->begin(s), IM_OK);
	assert_int_equal(be->conv(s, IM_CONV_USER, 1, 2, true, &conv), IM_OK);
	assert_int_equal(be->head(s, conv, &head), IM_OK);
	m.conv = conv;
	m.seq = head.seq + 1;
	assert_int_equal(be->append(s, &m), IM_OK);
	assert_int_equal(be->commit(s, NULL), IM_OK);
	return conv;
}

static uint32_t rebuilt(struct dedup **d, uint32_t max, uint32_t rows, struct store_reader *r)
{
	dedup_free(d);
	*d = dedup_new(max, HOUR_MS, &key);
	assert_int_equal(dedup_rebuild(*d, rows, &store_memory, r, 10 * HOUR_MS), IM_OK);
	return dedup_count(*d);
}

static void the_window_is_rebuilt_from_the_tail(void **state)
{
	struct store *s = NULL;
	struct store_reader *r = NULL;
	struct dedup *d = NULL;
	struct dedup_value v;
	struct im_buf why;
	uint64_t conv;
	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.open(NULL, &s, &why), IM_OK);
	assert_int_equal(store_memory.reader_open(s, &r), IM_OK);
	log_add(s, 1, "too-old", 9 * HOUR_MS - 1, false);
	log_add(s, 2, "a", 9 * HOUR_MS, false);
	log_add(s, 3, "", 10 * HOUR_MS, false);
	log_add(s, 4, "b", 8 * HOUR_MS, false); /* the clock was behind */
	log_add(s, 5, "c", 10 * HOUR_MS, true);
	conv = log_add(s, 6, "d", 10 * HOUR_MS, false);
	assert_int_equal(rebuilt(&d, 10, 0, r), 3);
	assert_true(dedup_find(d, 1, conv, IM_STR("a"), 10 * HOUR_MS, &v));
	assert_int_equal(v.seq, 2);
	assert_int_equal(v.gid, 2);
	assert_true(v.ts_ms == 9 * HOUR_MS);
	assert_true(dedup_same_body(&v, dedup_body_hash(d, IM_ENC_TEXT, IM_STR("hi"))));
	assert_false(dedup_same_body(&v, dedup_body_hash(d, IM_ENC_TEXT, IM_STR("ho"))));
	assert_true(dedup_find(d, 1, conv, IM_STR("c"), 10 * HOUR_MS, &v));
	assert_int_equal(v.body_hash, DEDUP_BODY_ANY);
	assert_false(dedup_find(d, 1, conv, IM_STR("too-old"), 10 * HOUR_MS, &v));
	/* The newest ones when there is no room for all, and when few rows may be looked at. */
	assert_int_equal(rebuilt(&d, 2, 0, r), 2);
	assert_true(dedup_find(d, 1, conv, IM_STR("c"), 10 * HOUR_MS, &v));
	assert_true(dedup_find(d, 1, conv, IM_STR("d"), 10 * HOUR_MS, &v));
	assert_int_equal(rebuilt(&d, 10, 1, r), 1);
	/* And goes on as if it had never stopped. */
	assert_int_equal(rebuilt(&d, 3, 0, r), 3);
	v = (struct dedup_value){.gid = 7, .ts_ms = 10 * HOUR_MS};
	dedup_put(d, 1, conv, IM_STR("e"), &v);
	assert_false(dedup_find(d, 1, conv, IM_STR("a"), 10 * HOUR_MS, &v));
	assert_true(dedup_find(d, 1, conv, IM_STR("c"), 10 * HOUR_MS, &v));
	log_add(s, 7, "edited", 10 * HOUR_MS, false);
	assert_int_equal(rebuilt(&d, 1, 0, r), 1);
	assert_true(dedup_find(d, 1, conv, IM_STR("edited"), 10 * HOUR_MS, &v));
	assert_int_equal(v.body_hash, DEDUP_BODY_ANY);
	dedup_free(&d);
	store_memory.reader_close(r);
	store_memory.close(s);
	im_buf_free(&why);
}

struct old_log {
	struct dedup *d;
	struct store_reader *r;
	unsigned asked;
};

static bool look_in_log(void *arg, uint64_t sender, uint64_t conv, struct im_str id, int64_t now_ms,
	struct dedup_value *out)
{
	struct old_log *o = arg;

	o->asked++;
	return dedup_seek(o->d, &store_memory, o->r, sender, conv, id, now_ms, out) == IM_OK;
}

static void what_has_waited_for_longer_than_the_window_is_looked_for(void **state)
{
	struct store *s = NULL;
	struct dedup_value v;
	struct old_log o = {0};
	struct im_buf why;
	uint64_t conv;

	(void)state;
	im_buf_init(&why, 0);
	assert_int_equal(store_memory.open(NULL, &s, &why), IM_OK);
	assert_int_equal(store_memory.reader_open(s, &o.r), IM_OK);
	log_add(s, 1, "first", 3 * HOUR_MS, false);
	for (int i = 0; i < 4; i++)
		log_add(s, (uint64_t)i + 2, "", 6 * HOUR_MS, false);
	conv = log_add(s, 6, "last", 10 * HOUR_MS, false);
	assert_int_equal(rebuilt(&o.d, 10, 0, o.r), 1);
	dedup_on_older(o.d, look_in_log, &o);
	/* Of now: the window knows. */
	assert_false(dedup_find(o.d, 1, conv, IM_STR("new"), 10 * HOUR_MS, &v));
	assert_false(dedup_find(o.d, 1, conv, IM_STR("first"), 10 * HOUR_MS, &v));
	assert_int_equal(o.asked, 0);
	/* Of then, and it came another way before this, or since. */
	assert_true(dedup_find(o.d, 1, conv, IM_STR("first"), 3 * HOUR_MS + 1, &v));
	assert_int_equal(v.seq, 1);
	assert_true(dedup_same_body(&v, dedup_body_hash(o.d, IM_ENC_TEXT, IM_STR("hi"))));
	assert_true(dedup_find(o.d, 1, conv, IM_STR("first"), HOUR_MS, &v));
	assert_int_equal(o.asked, 2);
	/* Another one's, or one that had not been used for as long as the window is. */
	assert_false(dedup_find(o.d, 2, conv, IM_STR("first"), 3 * HOUR_MS, &v));
	assert_false(dedup_find(o.d, 1, conv, IM_STR("first"), 5 * HOUR_MS, &v));
	assert_false(dedup_find(o.d, 1, conv, IM_STR("other"), 3 * HOUR_MS, &v));
	/* What gives way to others is such a one from then on. */
	dedup_free(&o.d);
	assert_int_equal(rebuilt(&o.d, 1, 0, o.r), 1);
	dedup_on_older(o.d, look_in_log, &o);
	v = (struct dedup_value){.gid = 7, .ts_ms = 11 * HOUR_MS};
	dedup_put(o.d, 1, conv, IM_STR("e"), &v);
	assert_true(dedup_find(o.d, 1, conv, IM_STR("last"), 10 * HOUR_MS, &v));
	assert_int_equal(v.seq, 6);
	dedup_free(&o.d);
	store_memory.reader_close(o.r);
	store_memory.close(s);
	im_buf_free(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_found_by_all_three_parts),
		cmocka_unit_test(the_oldest_entry_gives_way),
		cmocka_unit_test(an_entry_ends_with_the_window),
		cmocka_unit_test(a_rollback_takes_out_the_newest),
		cmocka_unit_test(older_entries_are_added_behind),
		cmocka_unit_test(bodies_are_told_apart),
		cmocka_unit_test(sizes_out_of_bounds_are_refused),
		cmocka_unit_test(random_work_agrees_with_a_list),
		cmocka_unit_test(the_window_is_rebuilt_from_the_tail),
		cmocka_unit_test(what_has_waited_for_longer_than_the_window_is_looked_for),
	};
	return cmocka_run_group_tests_name("bridge_dedup", tests, NULL, NULL);
}
