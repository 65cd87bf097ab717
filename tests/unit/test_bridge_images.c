/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a transaction has changed, put into a copy: after thousands of random transactions, with
 * triggers, cascades, replaced keys and refused statements, both are equal.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <unistd.h>

#include "db/rowcode.h"
#include "db/sqldb_images.h"
#include "tests/lib/folder.h"

static const struct migration schema[] = {
	{"images", 1,
		"CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;"
		"CREATE TABLE person (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL "
		"UNIQUE,"
		" rev INTEGER NOT NULL DEFAULT 0, note BLOB);"
		"CREATE TABLE team (id INTEGER PRIMARY KEY, n INTEGER NOT NULL DEFAULT 0);"
		"CREATE TABLE member (team INTEGER NOT NULL REFERENCES team(id), name TEXT NOT "
		"NULL,"
		" person INTEGER NOT NULL REFERENCES person(id) ON DELETE CASCADE, weight REAL,"
		" PRIMARY KEY (team, name)) WITHOUT ROWID;"
		"CREATE TABLE pair (b INTEGER, a TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
		"CREATE TABLE gone (person INTEGER PRIMARY KEY, times INTEGER NOT NULL);"
		"CREATE TRIGGER member_in AFTER INSERT ON member"
		" WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'still')"
		" BEGIN UPDATE team SET n = n + 1 WHERE id = NEW.team; END;"
		"CREATE TRIGGER member_out AFTER DELETE ON member"
		" WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'still')"
		" BEGIN UPDATE team SET n = n - 1 WHERE id = OLD.team; END;"
		"CREATE TRIGGER person_rev AFTER UPDATE OF name, note ON person"
		" WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'still')"
		" BEGIN UPDATE person SET rev = rev + 1 WHERE id = NEW.id; END;"
		"CREATE TRIGGER person_out AFTER DELETE ON person"
		" WHEN NOT EXISTS (SELECT 1 FROM meta WHERE key = 'still')"
		" BEGIN INSERT INTO gone VALUES (OLD.id, 1)"
		" ON CONFLICT DO UPDATE SET times = times + 1; END;"},
	{NULL, 0, NULL},
};

#define TABLES 5
static const char *const tables[TABLES] = {"person", "team", "member", "pair", "gone"};

static const char *const no_sql[1] = {""};
static const struct sqldb_spec spec = {
	.name = "images", .migrations = schema, .sql = no_sql, .n_sql = 1, .writer_kib = 256};

static const struct im_sipkey key = {{1, 2, 3}};

struct side {
	char folder[64];
	struct sqldb q;
	struct sqldb_images *im;
};

static void side_open(struct side *s)
{
	struct im_buf why;

	im_buf_init(&why, 0);
	snprintf(s->folder, sizeof(s->folder), "/tmp/im-images-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	assert_int_equal(sqldb_open(&s->q, s->folder, &spec, SQLDB_WRITER, &why), IM_OK);
	assert_int_equal(sqldb_images_new(&s->q, tables, TABLES, &key, &s->im, &why), IM_OK);
	im_buf_free(&why);
}

static void side_close(struct side *s)
{
	sqldb_images_free(&s->im);
	sqldb_close(&s->q);
	assert_int_equal(folder_remove(s->folder), 0);
}

static int run(struct side *s, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int rc = sqldb_run(&s->q, sqldb_prepare(&s->q, &st, sql));

	sqldb_finalize(&st);
	return rc;
}

/* -- images, kept -- */

struct kept {
	struct sqldb_image at[512];
	char *bytes[512];
	size_t n;
};

static int keep(void *arg, const struct sqldb_image *i)
{
	struct kept *k = arg;
	char *p = malloc(i->key.n + i->row.n + 1);

	assert_non_null(p);
	assert_true(k->n < 512);
	memcpy(p, i->key.p, i->key.n);
	if (i->row.n)
		memcpy(p + i->key.n, i->row.p, i->row.n);
	k->bytes[k->n] = p;
	k->at[k->n++] = (struct sqldb_image){i->table, {p, i->key.n}, {p + i->key.n, i->row.n}};
	return IM_OK;
}

static void drop(struct kept *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->bytes[i]);
	k->n = 0;
}

static void put(struct side *s, const struct kept *k)
{
	bool dropped;

	assert_int_equal(sqldb_begin(&s->q), IM_OK);
	assert_int_equal(run(s, "INSERT INTO meta VALUES ('still', 1)"), IM_OK);
	assert_int_equal(sqldb_images_put(s->im, k->at, k->n, &dropped), IM_OK);
	assert_false(dropped);
	assert_int_equal(run(s, "DELETE FROM meta"), IM_OK);
	assert_int_equal(sqldb_commit(&s->q), IM_OK);
}

static void assert_equal(struct side *a, struct side *b)
{
	static struct kept x, y;

	for (unsigned t = 0; t < TABLES; t++) {
		assert_int_equal(
			sqldb_images_walk(a->im, t, (struct im_str){NULL, 0}, keep, &x), IM_OK);
		assert_int_equal(
			sqldb_images_walk(b->im, t, (struct im_str){NULL, 0}, keep, &y), IM_OK);
		assert_int_equal(x.n, y.n);
		for (size_t i = 0; i < x.n; i++) {
			assert_str_eq(y.at[i].key, x.at[i].key);
			assert_str_eq(y.at[i].row, x.at[i].row);
		}
		drop(&x);
		drop(&y);
	}
}

/* -- random transactions -- */

static void statement(struct side *s, struct prng *r)
{
	char sql[256];
	unsigned a = prng_below(r, 12), b = prng_below(r, 12), t = prng_below(r, 4);

	switch (prng_below(r, 13)) {
	case 0:
	case 1:
		snprintf(sql, sizeof(sql),
			"INSERT INTO person (name, note) VALUES ('p%u', x'00%02x')", a, b);
		break;
	case 2:
		snprintf(sql, sizeof(sql), "UPDATE person SET name = 'p%u' WHERE id %% 12 = %u", a,
			b);
		break;
	case 3:
		snprintf(sql, sizeof(sql), "UPDATE person SET note = NULL WHERE id %% 3 = %u", t);
		break;
	case 4:
		snprintf(sql, sizeof(sql), "DELETE FROM person WHERE name = 'p%u'", a);
		break;
	case 5:
		snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO team (id) VALUES (%u)", t);
		break;
	case 6:
	case 7:
		snprintf(sql, sizeof(sql),
			"INSERT INTO member SELECT %u, 'm%u', id, %u.25 FROM person WHERE name = "
			"'p%u'",
			t, a, b, b);
		break;
	case 8:
		snprintf(sql, sizeof(sql),
			"UPDATE OR REPLACE member SET name = 'm%u' WHERE team = %u AND name = "
			"'m%u'",
			b, t, a);
		break;
	case 9:
		snprintf(sql, sizeof(sql), "DELETE FROM team WHERE id = %u", t);
		break;
	case 10:
		snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO pair VALUES (%u, 'a%u')", a, t);
		break;
	case 11:
		snprintf(
			sql, sizeof(sql), "INSERT INTO member VALUES (%u, 'x%u', 999999, 1)", t, a);
		break;
	default:
		snprintf(sql, sizeof(sql),
			prng_below(r, 6) ? "DELETE FROM member WHERE team = %u"
					 : "DELETE FROM pair WHERE %u >= 0",
			t);
		break;
	}
	switch (run(s, sql)) {
	case IM_OK:
	case IM_E_EXISTS:
	case IM_E_NONE:
		break;
	default:
		fail_msg("%s: %s", sql, s->q.err);
	}
}

static void shuffle(struct kept *k, struct prng *r)
{
	for (size_t i = k->n; i > 1; i--) {
		size_t j = prng_below(r, (uint32_t)i);
		struct sqldb_image at = k->at[j];
		char *p = k->bytes[j];

		k->at[j] = k->at[i - 1];
		k->bytes[j] = k->bytes[i - 1];
		k->at[i - 1] = at;
		k->bytes[i - 1] = p;
	}
}

static void test_random_transactions_make_equal_copies(void **state)
{
	static struct kept k;
	struct side a, b;
	struct prng r = {20261130};
	unsigned undone = 0;

	(void)state;
	side_open(&a);
	side_open(&b);
	for (unsigned i = 0; i < 3000; i++) {
		assert_int_equal(sqldb_begin(&a.q), IM_OK);
		for (unsigned n = 1 + prng_below(&r, 6); n > 0; n--)
			statement(&a, &r);
		if (prng_below(&r, 5) == 0) {
			sqldb_rollback(&a.q);
			undone++;
			continue;
		}
		assert_int_equal(sqldb_images_each(a.im, keep, &k), IM_OK);
		assert_int_equal(sqldb_commit(&a.q), IM_OK);
		shuffle(&k, &r);
		put(&b, &k);
		if (prng_below(&r, 3) == 0)
			put(&b, &k);
		drop(&k);
		if (i % 10 == 0)
			assert_equal(&a, &b);
	}
	assert_true(undone > 100);
	assert_equal(&a, &b);
	side_close(&a);
	side_close(&b);
}

static void test_a_row_is_there_once_as_it_is_at_the_end(void **state)
{
	static struct kept k;
	struct side s;

	(void)state;
	side_open(&s);
	assert_int_equal(sqldb_begin(&s.q), IM_OK);
	assert_int_equal(run(&s, "INSERT INTO team VALUES (1, 0)"), IM_OK);
	assert_int_equal(run(&s, "UPDATE team SET n = 7"), IM_OK);
	assert_int_equal(run(&s, "INSERT INTO pair VALUES (1, 'a')"), IM_OK);
	assert_int_equal(run(&s, "DELETE FROM pair"), IM_OK);
	assert_int_equal(sqldb_images_each(s.im, keep, &k), IM_OK);
	assert_int_equal(k.n, 2);
	assert_int_equal(k.at[0].table, 1);
	assert_str(k.at[0].row, "\x01\x02\x01\x0e");
	assert_int_equal(k.at[1].table, 3);
	assert_str(k.at[1].key, "\x03\x01"
				"a\x01\x02");
	assert_int_equal(k.at[1].row.n, 0);
	drop(&k);
	sqldb_rollback(&s.q);
	/* The next one begins without. */
	assert_int_equal(sqldb_begin(&s.q), IM_OK);
	assert_int_equal(sqldb_images_each(s.im, keep, &k), IM_OK);
	assert_int_equal(k.n, 0);
	sqldb_rollback(&s.q);
	side_close(&s);
}

/* Without the look at the database, the row that its foreign key has refused would be there. */
static void test_what_was_refused_has_left_nothing(void **state)
{
	static struct kept k;
	struct side s;

	(void)state;
	side_open(&s);
	assert_int_equal(sqldb_begin(&s.q), IM_OK);
	assert_int_equal(run(&s, "INSERT INTO team VALUES (1, 0)"), IM_OK);
	assert_int_equal(run(&s, "INSERT INTO member VALUES (1, 'x', 5, 0.5)"), IM_E_NONE);
	assert_int_equal(sqldb_images_each(s.im, keep, &k), IM_OK);
	assert_int_equal(k.n, 2);
	assert_str(k.at[0].row, "\x01\x02\x01\x00");
	assert_int_equal(k.at[1].row.n, 0);
	drop(&k);
	sqldb_rollback(&s.q);
	side_close(&s);
}

static void test_other_versions_rows_are_taken_as_far_as_they_go(void **state)
{
	static struct kept k;
	struct sqldb_image few = {1, IM_STR("\x01\x02"), IM_STR("\x01\x02")};
	struct sqldb_image many = {1, IM_STR("\x01\x04"), IM_STR("\x01\x04\x01\x06\x03\x03new")};
	bool dropped;
	struct side s;

	(void)state;
	side_open(&s);
	assert_int_equal(sqldb_begin(&s.q), IM_OK);
	assert_int_equal(sqldb_images_put(s.im, &few, 1, &dropped), IM_OK);
	assert_false(dropped);
	assert_int_equal(sqldb_images_put(s.im, &many, 1, &dropped), IM_OK);
	assert_true(dropped);
	assert_int_equal(sqldb_images_walk(s.im, 1, (struct im_str){NULL, 0}, keep, &k), IM_OK);
	assert_int_equal(k.n, 2);
	assert_str(k.at[0].row, "\x01\x02\x01\x00");
	assert_str(k.at[1].row, "\x01\x04\x01\x06");
	drop(&k);
	sqldb_rollback(&s.q);
	side_close(&s);
}

static void test_what_is_no_image_is_refused(void **state)
{
	static const struct sqldb_image bad[] = {
		{9, IM_STR("\x01\x02"), IM_STR("\x01\x02")}, /* no such table */
		{1, IM_STR("\x01\x02"), IM_STR("\x00")},     /* no key */
		{1, IM_STR("\x01\x02"), IM_STR("\x07")},     /* no value */
		{1, IM_STR("\x01\x02\x01\x02"), {NULL, 0}},  /* a longer key */
		{1, IM_STR("\x00"), {NULL, 0}},              /* none */
		{3,
			IM_STR("\x03\x01"
			       "a"),
			{NULL, 0}}, /* half of one */
	};
	bool dropped;
	struct side s;

	(void)state;
	side_open(&s);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sqldb_begin(&s.q), IM_OK);
		assert_int_equal(sqldb_images_put(s.im, &bad[i], 1, &dropped), IM_E_FORMAT);
		sqldb_rollback(&s.q);
	}
	side_close(&s);
}

static void test_a_name_that_is_given_up_may_be_taken(void **state)
{
	static struct kept k;
	struct side a, b;

	(void)state;
	side_open(&a);
	side_open(&b);
	assert_int_equal(sqldb_begin(&a.q), IM_OK);
	assert_int_equal(run(&a, "INSERT INTO person (id, name) VALUES (1, 'x'), (2, 'y')"), IM_OK);
	assert_int_equal(sqldb_images_each(a.im, keep, &k), IM_OK);
	assert_int_equal(sqldb_commit(&a.q), IM_OK);
	put(&b, &k);
	drop(&k);
	assert_int_equal(sqldb_begin(&a.q), IM_OK);
	assert_int_equal(run(&a, "UPDATE person SET name = 'z' WHERE id = 2"), IM_OK);
	assert_int_equal(run(&a, "UPDATE person SET name = 'y' WHERE id = 1"), IM_OK);
	assert_int_equal(sqldb_images_each(a.im, keep, &k), IM_OK);
	assert_int_equal(sqldb_commit(&a.q), IM_OK);
	for (unsigned i = 0; i < 2; i++) {
		struct sqldb_image first = k.at[0];

		put(&b, &k);
		k.at[0] = k.at[1];
		k.at[1] = first;
	}
	assert_equal(&a, &b);
	drop(&k);
	side_close(&a);
	side_close(&b);
}

static int first(void *arg, const struct sqldb_image *i)
{
	return keep(arg, i) ? IM_E_NOMEM : IM_STOP;
}

static void test_a_walk_goes_on_behind_a_row(void **state)
{
	static struct kept all, one;
	struct im_str after = {NULL, 0};
	struct side s;

	(void)state;
	side_open(&s);
	assert_int_equal(sqldb_begin(&s.q), IM_OK);
	assert_int_equal(run(&s, "INSERT INTO pair VALUES (2, 'b'), (1, 'b'), (9, 'a'), (300, "
				 "'b'), (-1, 'c')"),
		IM_OK);
	assert_int_equal(sqldb_images_walk(s.im, 3, after, keep, &all), IM_OK);
	assert_int_equal(all.n, 5);
	for (size_t i = 0; i < all.n; i++) {
		assert_int_equal(sqldb_images_walk(s.im, 3, after, first, &one), IM_STOP);
		assert_int_equal(one.n, i + 1);
		assert_str_eq(one.at[i].key, all.at[i].key);
		after = all.at[i].key;
	}
	assert_int_equal(sqldb_images_walk(s.im, 3, after, first, &one), IM_OK);
	drop(&all);
	drop(&one);
	sqldb_rollback(&s.q);
	side_close(&s);
}

static void test_what_cannot_be_watched_is_named(void **state)
{
	static const char *const none[] = {"person", "nothing"};
	struct sqldb_images *im;
	struct im_buf why;
	struct side s;

	(void)state;
	side_open(&s);
	im_buf_init(&why, 0);
	assert_int_equal(sqldb_images_new(&s.q, none, 2, &key, &im, &why), IM_E_FORMAT);
	assert_null(im);
	assert_buf(&why, "images.db has no table nothing with a primary key that can be followed");
	im_buf_free(&why);
	side_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_transactions_make_equal_copies),
		cmocka_unit_test(test_a_row_is_there_once_as_it_is_at_the_end),
		cmocka_unit_test(test_what_was_refused_has_left_nothing),
		cmocka_unit_test(test_other_versions_rows_are_taken_as_far_as_they_go),
		cmocka_unit_test(test_what_is_no_image_is_refused),
		cmocka_unit_test(test_a_name_that_is_given_up_may_be_taken),
		cmocka_unit_test(test_a_walk_goes_on_behind_a_row),
		cmocka_unit_test(test_what_cannot_be_watched_is_named),
	};

	return cmocka_run_group_tests_name("bridge images", tests, NULL, NULL);
}
