/* SPDX-License-Identifier: BSD-3-Clause */
/* An entry's body goes round; what is none is refused; the chain differs where anything does. */
#include "tests/unit/unit.h"

#include "bridge/cluster/entry.h"

static const struct cluster_row rows[] = {
	{0, IM_STR("conv"), IM_STR("\x01\x02"), IM_STR("\x01\x02\x01\x00")},
	{1, IM_STR("user"), IM_STR("\x01\x04"), IM_STR("\x01\x04\x03\x01x")},
	{1, IM_STR("member"), IM_STR("\x01\x04\x03\x01y"), {NULL, 0}},
	{1, IM_STR("user"), IM_STR("\x01\x06"), {NULL, 0}},
};
static const uint64_t amended[] = {7, 1763650000000};

static struct cluster_entry whole(void)
{
	return (struct cluster_entry){.prev = 10,
		.pos = 12,
		.node = 3,
		.incarnation = 5,
		.epoch = 6,
		.recno = 9,
		.peer = 2,
		.rows = rows,
		.n_rows = 4,
		.amended = amended,
		.n_amended = 2};
}

struct seen {
	unsigned rows, amended;
};

static int see_row(void *arg, const struct entry_row *r)
{
	struct seen *s = arg;
	const struct cluster_row *want = &rows[s->rows++];

	assert_int_equal(r->db, want->db);
	assert_str_eq(r->table, want->table);
	assert_str_eq(r->row, want->row);
	if (!want->row.n)
		assert_str_eq(r->key, want->key);
	return IM_OK;
}

static int see_amended(void *arg, uint64_t gid)
{
	struct seen *s = arg;

	assert_int_equal(gid, amended[s->amended++]);
	return IM_OK;
}

static void test_a_body_goes_round(void **state)
{
	struct cluster_entry e = whole();
	struct seen s = {0};
	struct im_buf b;
	unsigned peer;

	(void)state;
	im_buf_init(&b, 0);
	entry_body(&e, &b);
	assert_false(b.failed);
	assert_int_equal(entry_read(im_buf_view(&b), see_row, see_amended, &s), IM_OK);
	assert_int_equal(s.rows, 4);
	assert_int_equal(s.amended, 2);
	assert_int_equal(entry_peer(im_buf_view(&b), &peer), IM_OK);
	assert_int_equal(peer, 2);
	im_buf_free(&b);
}

static void test_an_empty_one_goes_round(void **state)
{
	struct cluster_entry e = {.pos = 1};
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	entry_body(&e, &b);
	assert_int_equal(entry_read(im_buf_view(&b), NULL, NULL, NULL), IM_OK);
	im_buf_free(&b);
}

static int count(void *arg, const struct entry_row *r)
{
	(void)arg;
	(void)r;
	return IM_OK;
}

static void test_what_is_cut_or_longer_is_refused(void **state)
{
	struct cluster_entry e = whole();
	struct im_buf b;

	(void)state;
	im_buf_init(&b, 0);
	entry_body(&e, &b);
	for (size_t n = 0; n < b.n; n++) {
		char *p = unit_exact((struct im_str){b.p, n});

		assert_int_equal(entry_read((struct im_str){p, n}, count, NULL, NULL), IM_E_FORMAT);
		free(p);
	}
	im_buf_c(&b, 0);
	assert_int_equal(entry_read(im_buf_view(&b), count, NULL, NULL), IM_E_FORMAT);
	im_buf_free(&b);
}

static void test_what_no_one_writes_is_refused(void **state)
{
	static const struct im_str bad[] = {
		IM_STR("\x02\x00\x00\x00\x00"),                       /* a later version */
		IM_STR("\x01\x00\x01\x02\x01t\x00\x00"),              /* no such database */
		IM_STR("\x01\x00\x01\x00\x01t\x01\x01\x00\x01r\x00"), /* no such table */
		IM_STR("\x01\x00\x01\x00\x01t\x01\x00\x02\x01r\x00"), /* neither there nor gone */
		IM_STR("\x01\x00\x01\x00\x01t\x01\x00\x00\x00\x00"),  /* an empty row */
		IM_STR("\x01\x00\xff\x01\x00"), IM_STR("\x01\x40\x00\x00\x00"),
		/* no such plugin */ /* too many tables */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(entry_read(bad[i], count, NULL, NULL), IM_E_FORMAT);
}

static void test_a_digest_differs_where_anything_does(void **state)
{
	unsigned char zero[CLUSTER_DIGEST] = {0}, one[CLUSTER_DIGEST] = {1};
	unsigned char d[10][CLUSTER_DIGEST];
	struct cluster_entry e[9];

	(void)state;
	for (size_t i = 0; i < 9; i++) {
		e[i] = whole();
		e[i].body = IM_STR("body");
	}
	e[1].pos++;
	e[2].prev++;
	e[3].node++;
	e[4].incarnation++;
	e[5].epoch++;
	e[6].recno++;
	e[7].body = IM_STR("bodx");
	e[8].n_rows = 0; /* it is in the body */
	for (size_t i = 0; i < 9; i++)
		assert_int_equal(entry_digest(zero, &e[i], d[i]), IM_OK);
	assert_int_equal(entry_digest(one, &e[0], d[9]), IM_OK);
	for (size_t i = 0; i < 10; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(
				(memcmp(d[i], d[j], CLUSTER_DIGEST) == 0) == (i == 8 && j == 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_body_goes_round),
		cmocka_unit_test(test_an_empty_one_goes_round),
		cmocka_unit_test(test_what_is_cut_or_longer_is_refused),
		cmocka_unit_test(test_what_no_one_writes_is_refused),
		cmocka_unit_test(test_a_digest_differs_where_anything_does),
	};

	return cmocka_run_group_tests_name("bridge entry", tests, NULL, NULL);
}
